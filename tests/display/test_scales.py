"""Tests of axes, ticks, note names, and images resampled onto an axis."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from auralscope.display.scales import (
    FREQUENCY_SCALES,
    BinAxis,
    ScaleAxis,
    Warp,
    hz_to_mel,
    hz_to_position,
    mel_to_hz,
    position_to_hz,
)
from auralscope.display.ticks import frequency_label, note_name, round_ticks, time_label, time_ticks


def test_mel_is_librosas():
    hz = np.geomspace(1.0, 22050.0, 500)
    np.testing.assert_allclose(hz_to_mel(hz), librosa.hz_to_mel(hz), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, rtol=1e-12)


@pytest.mark.parametrize("scale", FREQUENCY_SCALES)
def test_a_position_leads_back_to_its_frequency(scale):
    hz = np.geomspace(20.0, 22050.0, 200)
    positions = hz_to_position(hz, scale)
    assert (np.diff(positions) > 0).all()
    np.testing.assert_allclose(position_to_hz(positions, scale), hz, rtol=1e-12)


def test_an_axis_of_bins_puts_each_bin_on_its_number_and_goes_on_beyond_them():
    frequencies_hz = librosa.mel_frequencies(n_mels=40, fmax=8000.0)
    axis = BinAxis(frequencies_hz)
    np.testing.assert_allclose(axis.position(frequencies_hz), np.arange(40), atol=1e-9)
    np.testing.assert_allclose(axis.hz(axis.position([-10.0, 55.5, 9000.0])), [-10.0, 55.5, 9000.0])


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "scale", "max_ticks", "labels"),
    [
        (20, 20000, "log", 12, "20 50 100 200 500 1k 2k 5k 10k 20k"),
        (20, 20000, "log", 5, "100 1k 10k"),
        (200, 1000, "log", 8, "200 400 600 800 1k"),
        (430, 460, "log", 6, "430 440 450 460"),
        (0, 11025, "linear", 8, "0 2k 4k 6k 8k 10k"),
        (0, 22050, "linear", 5, "0 5k 10k 15k 20k"),
        (1490, 1560, "linear", 8, "1.49k 1.5k 1.51k 1.52k 1.53k 1.54k 1.55k 1.56k"),
        (0, 22050, "mel", 8, "0 500 1k 2k 5k 10k 20k"),
        (0, 1000, "mel", 8, "0 200 400 600 800 1k"),
    ],
)
def test_ticks_are_round(low_hz, high_hz, scale, max_ticks, labels):
    assert " ".join(frequency_label(hz) for hz in round_ticks(low_hz, high_hz, scale, max_ticks)) == labels


def test_ticks_of_any_range_are_few_within_it_and_apart():
    rng = np.random.default_rng(0)
    for _ in range(500):
        scale = FREQUENCY_SCALES[rng.integers(3)]
        low_hz, high_hz = np.sort(rng.uniform(10.0, 22050.0, 2) ** rng.uniform(0.5, 1.0))
        if high_hz - low_hz < 1.0:
            continue
        max_ticks = int(rng.integers(2, 20))
        ticks = np.array(round_ticks(low_hz, high_hz, scale, max_ticks))
        assert ticks.size <= max_ticks
        assert ((ticks >= low_hz - 1e-6) & (ticks <= high_hz + 1e-6)).all()
        low, high = hz_to_position([low_hz, high_hz], scale)
        assert (np.diff(hz_to_position(ticks, scale)) >= 0.99 * (high - low) / max_ticks).all()


def test_ticks_of_bins_are_round_too():
    axis = BinAxis(np.arange(257) * (11025 / 512))
    assert round_ticks(0.0, 5512.5, axis, 10) == [0.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0]


def test_note_names_agree_with_librosa():
    for hz in np.geomspace(27.5, 12000.0, 300):
        cents = 1200 * np.log2(hz / 440.0)
        if abs(cents % 100 - 50) < 1:  # half-way: either neighbour is right
            continue
        named = note_name(hz).split(" ")
        assert named[0] == librosa.hz_to_note(hz)
        off = int(named[1]) if len(named) > 1 else 0
        assert off == pytest.approx(cents - 100 * round(cents / 100), abs=0.51)


def test_note_names_of_known_pitches():
    assert [note_name(hz) for hz in (440.0, 443.06, 261.626, 27.5, 0.0)] == ["A4", "A4 +12 cents", "C4", "A0", ""]


def test_time_ticks_follow_the_zoom():
    assert time_ticks(0.0, 7200.0, 10) == (900.0, [900.0 * k for k in range(9)])
    step_s, times_s = time_ticks(61.0, 61.011, 8)
    assert step_s == 0.002
    assert [time_label(time_s, step_s) for time_s in times_s[:2]] == ["1:01.000", "1:01.002"]


def test_time_labels():
    assert time_label(59.9996) == "1:00.000"
    assert time_label(3725.0, 1.0) == "1:02:05"
    assert time_label(0.0, 0.1) == "0:00.0"


def test_a_warp_puts_a_bin_where_the_axis_has_its_frequency():
    frequencies_hz = np.arange(1025) * (44100 / 2048)
    for scale in FREQUENCY_SCALES:
        axis = ScaleAxis(scale)
        low, high = hz_to_position([30.0, 22050.0], scale)
        warp = Warp(frequencies_hz, axis, low, high, 400)
        for strong in (3, 20, 100, 700):
            image = np.zeros((1025, 2), np.uint8)
            image[strong] = 200
            rows = warp(image)
            row_of_bin = (axis.position(frequencies_hz[strong]) - low) / (high - low) * 400 - 0.5
            # Every bin shows, however many share a row: that is what the maximum is for.
            assert rows[:, 0].max() > 150, (scale, strong)
            assert abs(rows[:, 0].argmax() - row_of_bin) <= 1.0, (scale, strong)


def test_a_warp_onto_the_bins_themselves_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (80, 7)).astype(np.uint8)
    frequencies_hz = librosa.mel_frequencies(n_mels=80, fmax=8000.0)
    np.testing.assert_array_equal(Warp(frequencies_hz, BinAxis(frequencies_hz), -0.5, 79.5, 80)(image), image)


def test_a_warp_leaves_rows_without_bins_empty():
    frequencies_hz = 1000.0 + 100.0 * np.arange(10)
    rows = Warp(frequencies_hz, ScaleAxis("linear"), 0.0, 4000.0, 400)(np.full((10, 1), 99, np.uint8))[:, 0]
    assert np.flatnonzero(rows).tolist() == list(range(95, 195))
