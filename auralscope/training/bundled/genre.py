"""Train the genre convnet: compose, render, fit, measure, export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import Subset

from auralscope import registry
from auralscope.terminal import show_status
from auralscope.training.bundled.corpus import Corpus, EvaluationWindows, TrainingWindows, plan
from auralscope.training.card import write_card
from auralscope.training.checkpoint import export
from auralscope.training.clips import UNUSED
from auralscope.training.fit import Settings, fit
from auralscope.training.initialise import initialise
from auralscope.training.measure import confusion, dead_units
from auralscope.training.synthesis import composer, pop909
from auralscope.training.windows import FreshWindows
from auralscope.weights import load_into

REPEATS = 4
"""Windows of each piece in an epoch."""


def train(
    model_id: str,
    out: Path,
    *,
    n_pieces: int,
    cache: Path,
    settings: Settings,
    pop909_archive: Path | None = None,
    font_folders: Sequence[Path] = (),
    start_from: Path | None = None,
    command: str,
) -> str:
    """Train a model on the synthesised genres and write `MODEL_ID.safetensors` and `MODEL_CARD.md` into `out`.

    Parameters
    ----------
    model_id : str
        A model of the registry whose labels are genres of the composer.
    out : Path
        Folder; made if it does not exist.
    n_pieces : int
    cache : Path
        Folder of rendered sound.
    settings : Settings
    pop909_archive : Path, optional
        Songs to arrange.
    font_folders : sequence of Path
        Folders of sound fonts, searched before the system's.
    start_from : Path, optional
        Weights to continue from. Default: a new initialisation.
    command : str
        The command line, for the card.

    Returns
    -------
    str
        The accuracy, in a sentence.
    """
    spec = registry.find_spec(model_id)
    items = plan(n_pieces, spec.labels)
    materials = pop909.read(pop909_archive) if pop909_archive else []
    corpus = Corpus(items, cache, spec.front_end.sample_rate, font_folders, materials)
    corpus.render(lambda share: show_status(f"rendering: {share:.0%}"))
    out.mkdir(parents=True, exist_ok=True)

    training = TrainingWindows(corpus.load("train"), spec.labels, spec.front_end, settings.seed)
    validation = EvaluationWindows(corpus.load("validation"), spec.labels, spec.front_end)
    torch.manual_seed(settings.seed)
    network = spec.build()
    if start_from is None:
        initialise(network, torch.stack([training[UNUSED + number * 7][0] for number in range(48)]))
    else:
        load_into(network, replace(spec, weights=replace(spec.weights, file=start_from)))
    sampler = FreshWindows(len(training), REPEATS, settings.seed)
    best_file = out / f"{spec.id}.best.safetensors"
    fitted = fit(network, training, validation, sampler=sampler, settings=settings, best_file=best_file)

    # The test set is used once, here, after the weights are chosen.
    test_pieces = corpus.load("test")
    test = EvaluationWindows(test_pieces, spec.labels, spec.front_end)
    altered = TrainingWindows(test_pieces, spec.labels, spec.front_end, settings.seed + 1)
    counts = confusion(network, test, len(spec.labels))
    counts_altered = confusion(network, Subset(altered, range(len(altered) * REPEATS)), len(spec.labels))
    accuracy, accuracy_altered = (float(table.diagonal().sum() / table.sum()) for table in (counts, counts_altered))
    dead = dead_units(network, [layer.module for layer in spec.layers[:-1]], test)
    weights = out / f"{spec.id}.safetensors"
    export(network, weights)
    best_file.unlink()
    write_card(
        out / "MODEL_CARD.md",
        Path(__file__).parent / "templates" / "genre.md.j2",
        spec=spec,
        weights=weights,
        settings=settings,
        fitted=fitted,
        command=command,
        items=items,
        played=Counter((item.split, item.font) for item in items),
        piece_s=composer.PIECE_S,
        tempo_bpm=composer.TEMPO_BPM,
        materials=len(materials),
        windows=len(test),
        accuracy=accuracy,
        confusion=counts.tolist(),
        accuracy_altered=accuracy_altered,
        confusion_altered=counts_altered.tolist(),
        dead={layer.name: dead[layer.module] for layer in spec.layers[:-1]},
    )
    return f"test accuracy {accuracy:.1%} as rendered, {accuracy_altered:.1%} altered"
