"""The whole of it: compose, render, fit, measure, export the genre convnet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from auralscope import registry
from auralscope.training.bundled import card
from auralscope.training.bundled.corpus import Corpus, EvaluationWindows, TrainingWindows, plan
from auralscope.training.fit import Settings, confusion, dead_units, export, fit, initialise
from auralscope.training.synthesis import pop909
from auralscope.training.synthesis.rendered import show_progress
from auralscope.training.windows import FreshWindows
from auralscope.weights import load_into

# Windows that training draws from each piece in one epoch.
REPEATS = 4
# Window numbers that no epoch reaches, for the initialisation.
FAR = 2**40


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
) -> None:
    """Train a model on the synthesised genres and write `MODEL_ID.safetensors` and `MODEL_CARD.md` into `out`.

    Parameters
    ----------
    model_id : str
        A model of the registry whose labels are genres of the composer.
    out : Path
        A folder; made where it is not there.
    n_pieces : int
    cache : Path
        Rendered sound is kept here, and taken from here.
    settings : Settings
    pop909_archive : Path, optional
        Songs to arrange.
    font_folders : sequence of Path
    start_from : Path, optional
        Weights to go on from, in place of a fresh start.
    command : str
        What was typed, for the card.
    """
    spec = registry.find_spec(model_id)
    items = plan(n_pieces, spec.labels)
    materials = pop909.read(pop909_archive) if pop909_archive else []
    corpus = Corpus(items, cache, spec.front_end.sample_rate, font_folders, materials)
    corpus.render(show_progress)
    out.mkdir(parents=True, exist_ok=True)

    training = TrainingWindows(corpus.load("train"), spec.labels, spec.front_end, settings.seed)
    validation = EvaluationWindows(corpus.load("validation"), spec.labels, spec.front_end)
    torch.manual_seed(settings.seed)
    network = spec.build()
    if start_from is None:
        initialise(network, torch.stack([training[FAR + number * 7][0] for number in range(48)]))
    else:
        load_into(network, replace(spec, weights=replace(spec.weights, file=start_from)))
    n_labels = len(spec.labels)
    sampler = FreshWindows(len(training), REPEATS, settings.seed)
    best_file = out / f"{spec.id}.best.safetensors"
    fitted = fit(network, training, validation, sampler=sampler, settings=settings, best_file=best_file)

    # The test set is touched once, here, after the weights are chosen.
    test_pieces = corpus.load("test")
    test = EvaluationWindows(test_pieces, spec.labels, spec.front_end)
    altered = _Altered(TrainingWindows(test_pieces, spec.labels, spec.front_end, settings.seed + 1), REPEATS)
    dead = dead_units(network, [layer.module for layer in spec.layers[:-1]], test)
    measured = card.Measured(
        fitted,
        confusion(network, test, n_labels).tolist(),
        confusion(network, altered, n_labels).tolist(),
        {layer.name: dead[layer.module] for layer in spec.layers[:-1]},
        items,
        len(materials),
    )
    weights_file = out / f"{spec.id}.safetensors"
    export(network, weights_file)
    best_file.unlink()
    card.write_card(out / "MODEL_CARD.md", spec, weights_file, settings, measured, command)
    sys.stderr.write(
        f"test accuracy {card.accuracy(measured.confusion):.1%} as rendered, "
        f"{card.accuracy(measured.confusion_augmented):.1%} altered; written to {out}\n"
    )


class _Altered(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """`repeats` altered windows of each piece, always the same ones."""

    def __init__(self, windows: TrainingWindows, repeats: int) -> None:
        self.windows = windows
        self.n = len(windows) * repeats

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        if number >= self.n:
            raise IndexError(number)
        return self.windows[number]
