"""Tests of the bundled weights of the genre convnet on music of other sound fonts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from auralscope.files import sha256
from auralscope.registry import find_spec
from auralscope.training.bundled.corpus import Corpus, EvaluationWindows, Item
from auralscope.training.measure import confusion, dead_units
from auralscope.training.synthesis.render import TIM
from auralscope.weights import load_into

if TYPE_CHECKING:
    from torch import nn

# Far from every seed that a plan can have given to training.
NEW_SEEDS = range(900_000, 900_004)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    spec = find_spec("genre-convnet")
    built = spec.build()
    load_into(built, spec)
    return built.eval()


def test_the_card_names_the_hash_of_the_weights() -> None:
    weights = find_spec("genre-convnet").weights
    assert weights.card is not None
    text = weights.card.read_text(encoding="utf-8")
    assert sha256(weights.file) in text
    assert "synthesised" in text


@pytest.fixture(scope="module")
def new_pieces(tmp_path_factory: pytest.TempPathFactory, tim: Path) -> list[tuple[Item, np.ndarray]]:
    spec = find_spec("genre-convnet")
    items = [Item("test", genre, seed, TIM) for genre in spec.labels for seed in NEW_SEEDS]
    corpus = Corpus(items, tmp_path_factory.mktemp("corpus"), spec.front_end.sample_rate)
    corpus.render()
    return corpus.load("test")


@pytest.mark.parametrize("gain_db", [-10.0, 0.0, 10.0])
def test_new_pieces_with_a_held_out_sound_font_are_classified(
    network: nn.Module, new_pieces: list[tuple[Item, np.ndarray]], gain_db: float
) -> None:
    spec = find_spec("genre-convnet")
    gain = 10.0 ** (gain_db / 20.0)
    levelled = [(item, np.clip(sound * gain, -32768, 32767).astype(np.int16)) for item, sound in new_pieces]
    windows = EvaluationWindows(levelled, spec.labels, spec.front_end)
    counts = confusion(network, windows, len(spec.labels))
    assert int(counts.sum()) > 70
    assert float(counts.diagonal().sum() / counts.sum()) >= 0.9


def test_nearly_every_unit_is_active_in_some_window(
    network: nn.Module, new_pieces: list[tuple[Item, np.ndarray]]
) -> None:
    """Allow two dead units a layer: a dead unit is a black picture and silence."""
    spec = find_spec("genre-convnet")
    windows = EvaluationWindows(new_pieces[::3], spec.labels, spec.front_end)
    dead = dead_units(network, [layer.module for layer in spec.layers[:5]], windows)
    assert len(dead) == 5
    assert all(len(units) <= 2 for units in dead.values())
