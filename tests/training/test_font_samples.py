"""Tests of finding samples that sound fonts share."""

from __future__ import annotations

import numpy as np
import pytest

from auralscope.training.synthesis.font_samples import ALIKE, DRUMS, correlation, notes_of, page
from auralscope.training.synthesis.instruments import INSTRUMENTS
from auralscope.training.synthesis.render import TIM, SoundFont


def test_correlation_finds_a_note_again_later_and_quieter_and_nothing_in_noise() -> None:
    rng = np.random.default_rng(0)
    note = rng.normal(size=(3, 4000)).astype(np.float32)
    later = 0.1 * np.pad(note, ((0, 0), (300, 0)))[:, :4000]
    assert correlation(note, later) > 0.95
    assert correlation(note, -later) > 0.95
    assert correlation(note, rng.normal(size=(3, 4000)).astype(np.float32)) < 0.2
    assert correlation(note, np.zeros_like(note)) == 0.0
    # At no lag it is numpy's own.
    other = (note + rng.normal(size=note.shape)).astype(np.float32)
    wanted = np.median([np.correlate(a, b)[0] / np.sqrt((a @ a) * (b @ b)) for a, b in zip(note, other, strict=True)])
    assert correlation(note, other) == pytest.approx(wanted, abs=1e-4)


def test_a_font_under_another_name_shares_all_and_its_instruments_share_little(tmp_path, tim) -> None:
    (tmp_path / "Copy.sf2").symlink_to(tim)
    n = len({instrument.program for instrument in INSTRUMENTS}) + len(DRUMS)
    assert f"| TimGM6mb | Copy | {n} of {n} |" in page([TIM, SoundFont("Copy.sf2", "-", "-")], [tmp_path])
    heard = notes_of(tim)
    assert correlation(heard["program 0"], heard["program 40"]) < 0.8 < ALIKE
    assert correlation(heard["drum 36"], heard["drum 38"]) < 0.8
