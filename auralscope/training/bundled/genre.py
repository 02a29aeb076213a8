"""Train the genre convnet: compose, render, fit, measure, export."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.utils.data import Subset

from auralscope.training.bundled.corpus import Corpus, EvaluationWindows, TrainingWindows, plan
from auralscope.training.card import write_card
from auralscope.training.clips import UNUSED
from auralscope.training.initialise import initialise
from auralscope.training.measure import confusion, dead_units
from auralscope.training.synthesis import composer, pop909
from auralscope.weights import load_into
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.training.bundled.steps import Training

REPEATS = 4
"""Windows of each piece in an epoch."""


def train(training: Training, *, pop909_archive: Path | None = None) -> str:
    """Train a model on the synthesised genres and write `MODEL_ID.safetensors` and `MODEL_CARD.md`.

    Parameters
    ----------
    training : Training
        Of a model whose labels are genres of the composer.
    pop909_archive : Path, optional
        Songs to arrange.

    Returns
    -------
    str
        The accuracy, in a sentence.
    """
    spec, settings = training.spec, training.settings
    items = plan(training.n_pieces, spec.labels)
    materials = pop909.read(pop909_archive) if pop909_archive else []
    corpus = Corpus(items, training.cache, spec.front_end.sample_rate, training.font_folders, materials)
    training.render(corpus)

    windows = TrainingWindows(corpus.load("train"), spec.labels, spec.front_end, settings.seed)
    validation = EvaluationWindows(corpus.load("validation"), spec.labels, spec.front_end)
    torch.manual_seed(settings.seed)
    network = spec.build()
    if training.start_from is None:
        initialise(network, torch.stack([windows[UNUSED + number * 7][0] for number in range(48)]))
    else:
        load_into(network, replace(spec, weights=replace(spec.weights, file=training.start_from)))
    fitted, weights = training.fit(network, windows, validation, REPEATS)

    # The test set is used once, here, after the weights are chosen.
    test_pieces = corpus.load("test")
    test = EvaluationWindows(test_pieces, spec.labels, spec.front_end)
    altered = TrainingWindows(test_pieces, spec.labels, spec.front_end, settings.seed + 1)
    counts = confusion(network, test, len(spec.labels))
    counts_altered = confusion(network, Subset(altered, range(len(altered) * REPEATS)), len(spec.labels))
    accuracy, accuracy_altered = (float(table.diagonal().sum() / table.sum()) for table in (counts, counts_altered))
    dead = dead_units(network, [layer.module for layer in spec.layers[:-1]], test)
    write_card(
        training.out / "MODEL_CARD.md",
        Path(__file__).parent / "templates" / "genre.md.j2",
        spec=spec,
        weights=weights,
        settings=settings,
        fitted=fitted,
        command=training.command,
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
    return f"test accuracy {percent(accuracy, 1)} as rendered, {percent(accuracy_altered, 1)} altered"
