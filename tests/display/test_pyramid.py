"""Test the pyramid with signals of known spectra, and against librosa."""

from __future__ import annotations

import threading
from itertools import pairwise

import librosa
import numpy as np
import pytest

from auralscope.display.pyramid import (
    FLOOR_DB,
    LOWEST_DB,
    STEP_DB,
    TRANSFORMS,
    OvertakenError,
    Pyramid,
    TileKey,
    View,
    quantise,
)
from auralscope.display.ticks import PITCH_CLASSES
from auralscope.types import Clip

RATE = 22050


def sine(hz: float, duration_s: float = 30.0) -> Clip:
    return Clip(np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE)) / RATE, dtype=np.float64), RATE)


def noise(duration_s: float = 20.0, channels: int = 1) -> Clip:
    rng = np.random.default_rng(1)
    return Clip(0.1 * rng.standard_normal((channels, round(duration_s * RATE)), dtype=np.float32), RATE)


def click(at_s: float, duration_s: float) -> Clip:
    samples = np.zeros(round(duration_s * RATE), np.float32)
    samples[round(at_s * RATE)] = 1.0
    return Clip(samples, RATE)


def whole_level(pyramid: Pyramid, level: int, draft: bool = False) -> np.ndarray:
    n_tiles = -(-pyramid.n_columns(level) // pyramid.COLUMNS)
    return np.concatenate([pyramid.tile(TileKey(level, index, draft)) for index in range(n_tiles)], axis=1)


def all_levels(pyramid: Pyramid) -> range:
    return range(pyramid.finest_level, pyramid.coarsest_level + 1)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_full_scale_sine_reads_0_db_in_its_bin_at_every_level(transform):
    view = View(transform)
    if transform == "stft":
        row, hz = 60, 60 * RATE / view.n_fft
    else:
        rows_hz = Pyramid(noise(1.0), view).frequencies_hz
        row = 9 if transform == "chroma" else int(rows_hz.size * 0.55)
        hz = float(rows_hz[row])
    pyramid = Pyramid(sine(hz), view)
    assert pyramid.frequencies_hz[row] == pytest.approx(hz)
    # The lower octaves of a chroma add a little leakage to the sine's own bin.
    tolerance_db = {"stft": 0.001, "mel": 0.001, "cqt": 0.05, "chroma": 0.15}[transform]
    for level in all_levels(pyramid):
        image = whole_level(pyramid, level)
        n = image.shape[1]
        inner = image[:, n // 4 : max(3 * n // 4, n // 4 + 1)]
        np.testing.assert_allclose(inner[row], 0.0, atol=tolerance_db, err_msg=f"level {level}")
        assert (inner.argmax(axis=0) == row).all()


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman"])
def test_0_db_holds_for_every_window_and_size(window):
    for n_fft in (256, 4096, 16384):
        image = Pyramid(sine(40 * RATE / 256), View(n_fft=n_fft, hop=256, window=window)).tile(TileKey(0, 2))
        np.testing.assert_allclose(image.max(axis=0), 0.0, atol=0.001)


@pytest.mark.parametrize("n_fft", [512, 2048, 16384])
def test_a_sine_at_any_mel_bands_centre_reads_0_db_however_narrow_the_band(n_fft):
    view = View("mel", n_fft=n_fft, hop=256)
    # Below three bins a sine and its negative frequency are one to the STFT.
    rows_hz = Pyramid(noise(0.1), view).frequencies_hz
    rows = np.flatnonzero(rows_hz > 3 * RATE / n_fft)[[0, 1, 2, 10, 50, -1]]
    for row in rows:
        tile = Pyramid(sine(rows_hz[row], 3.0), view).tile(TileKey(0, 0))
        np.testing.assert_allclose(tile[row, 80:180], 0.0, atol=0.1, err_msg=f"band {row}")


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_click_appears_at_its_time_at_every_zoom(transform):
    at_s = 33.357
    pyramid = Pyramid(click(at_s, 60.0), View(transform, n_fft=512, hop=256))
    peaks_db = []
    for level in all_levels(pyramid):
        column_s = pyramid.column_s(level)
        index = next(i for i in range(10**6) if pyramid.span_s(TileKey(level, i))[1] > at_s)
        tile = pyramid.tile(TileKey(level, index))
        start_s, end_s = pyramid.span_s(TileKey(level, index))
        assert (end_s - start_s) / tile.shape[1] == pytest.approx(column_s)
        # The highest rows: there a constant-Q filter is short.
        strongest = start_s + (tile[-tile.shape[0] // 4 :].mean(axis=0).argmax() + np.array([0, 1])) * column_s
        slack_s = 0.02 if transform == "chroma" else 0.002
        assert strongest[0] - slack_s <= at_s <= strongest[1] + slack_s, f"level {level}"
        peaks_db.append(tile.max())
    # And as strong in the widest view as in the closest: a maximum does not dim an onset.
    assert max(peaks_db) - min(peaks_db) < 1.5


def librosa_stft(clip: Clip, n_fft: int, hop: int) -> np.ndarray:
    spectra = librosa.stft(clip.mono().astype(np.float64), n_fft=n_fft, hop_length=hop, dtype=np.complex128)
    return np.abs(spectra) * (2 / librosa.filters.get_window("hann", n_fft).sum())


def test_levels_are_exact_maxima_of_librosas_stft():
    clip = noise(channels=2)
    pyramid = Pyramid(clip, View("stft", n_fft=1024, hop=256))
    expected = librosa_stft(clip, 1024, 256)
    for level in range(pyramid.coarsest_level + 1):
        np.testing.assert_allclose(10 ** (whole_level(pyramid, level) / 20), expected, rtol=3e-4, atol=2e-7)
        if expected.shape[1] % 2:
            expected = np.pad(expected, ((0, 0), (0, 1)), mode="edge")
        expected = np.maximum(expected[:, ::2], expected[:, 1::2])


def test_finer_levels_have_librosas_finer_hops():
    clip = noise(3.0)
    pyramid = Pyramid(clip, View("stft", n_fft=2048, hop=512))
    assert pyramid.finest_level == -5
    expected = librosa_stft(clip, 2048, 64)
    np.testing.assert_allclose(10 ** (whole_level(pyramid, -3) / 20), expected, rtol=3e-4, atol=2e-7)


def test_mel_is_librosas_up_to_one_calibration_a_band():
    clip = noise()
    view = View("mel", n_fft=2048, hop=512, n_mels=96)
    mel = librosa.feature.melspectrogram(y=clip.mono(), sr=RATE, n_fft=2048, hop_length=512, n_mels=96, norm=None)
    difference_db = whole_level(Pyramid(clip, view), 0) - 10 * np.log10(mel)
    np.testing.assert_allclose(difference_db - difference_db.mean(axis=1, keepdims=True), 0.0, atol=2e-3)
    # What is constant in a band is the level of a sine in librosa's, so that ours reads 0 dB.
    for row in (3, 40, 90):
        hz = Pyramid(clip, view).frequencies_hz[row]
        of_sine = librosa.feature.melspectrogram(
            y=sine(hz, 5.0).mono(), sr=RATE, n_fft=2048, hop_length=512, n_mels=96, norm=None
        )
        of_sine_db = 10 * np.log10(of_sine[row, 50:150].mean())
        assert difference_db[row].mean() == pytest.approx(-of_sine_db, abs=0.1)


@pytest.fixture(scope="module")
def music() -> Clip:
    """Return chords with onsets, and a little noise."""
    rng = np.random.default_rng(2)
    times_s = np.arange(20 * RATE) / RATE
    samples = 0.003 * rng.standard_normal(times_s.size)
    for start in range(0, 20, 2):
        for hz in 55.0 * 2.0 ** (rng.integers(0, 60, 4) / 12):
            age_s = np.maximum(times_s - start, 0.0)
            samples += 0.2 * np.sin(2 * np.pi * hz * age_s) * np.exp(-2.0 * age_s) * (times_s >= start)
    return Clip(samples, RATE)


def librosa_cqt(clip: Clip, n_bins: int, bins_per_octave: int) -> np.ndarray:
    """Transform the whole recording at once, with silence around it: librosa's decimation would fold a hard edge."""
    fmin = librosa.note_to_hz("C1")
    silence = 64 * 512
    spectra = librosa.cqt(
        np.pad(clip.mono(), silence),
        sr=clip.sample_rate,
        hop_length=512,
        fmin=fmin,
        n_bins=n_bins,
        bins_per_octave=bins_per_octave,
        tuning=0.0,
    )
    hz = librosa.cqt_frequencies(n_bins=n_bins, fmin=fmin, bins_per_octave=bins_per_octave)
    lengths, _ = librosa.filters.wavelet_lengths(freqs=hz, sr=clip.sample_rate, alpha=None)
    amplitude = np.abs(spectra) * (2 / np.sqrt(lengths))[:, None]
    return amplitude[:, 64 : 64 + 1 + clip.n_samples // 512]


def test_cqt_in_chunks_is_librosas_of_the_whole_recording(music):
    pyramid = Pyramid(music, View("cqt", hop=512))
    expected = librosa_cqt(music, pyramid.frequencies_hz.size, 24)
    np.testing.assert_allclose(10 ** (whole_level(pyramid, 0) / 20), expected, atol=1e-4)  # -80 dB


def test_chroma_in_chunks_is_librosas_of_the_whole_recording(music):
    pyramid = Pyramid(music, View("chroma", hop=512))
    assert pyramid.frequencies_hz == pytest.approx(librosa.note_to_hz([f"{name}4" for name in PITCH_CLASSES]))
    expected = librosa.feature.chroma_cqt(
        C=librosa_cqt(music, 100, 12), fmin=librosa.note_to_hz("C1"), bins_per_octave=12, norm=None, threshold=None
    )
    np.testing.assert_allclose(10 ** (whole_level(pyramid, 0) / 20), expected, atol=2e-4)


def test_a_draft_lies_where_its_tile_lies():
    clip = Clip(np.concatenate([np.zeros((1, 30 * RATE), np.float32), sine(1000.0, 30.0).samples], axis=1), RATE)
    for transform in TRANSFORMS:
        pyramid = Pyramid(clip, View(transform))
        level = pyramid.coarsest_level
        draft, tile = whole_level(pyramid, level, draft=True), whole_level(pyramid, level)
        assert draft.shape == tile.shape
        loud = tile.max(axis=0) > -20
        agree = (draft.max(axis=0) > -20) == loud
        assert agree.sum() >= loud.size - 2, transform  # but for the columns with the edge in them
        assert abs(int(draft[:, -5].argmax()) - int(tile[:, -5].argmax())) <= 1


@pytest.mark.parametrize(("duration_s", "rate"), [(4.0, 11025), (240.0, 44100), (7200.0, 8000)])
def test_tiles_cover_the_visible_stretch_at_about_a_column_a_pixel(duration_s, rate):
    clip = Clip(np.zeros((1, round(duration_s * rate)), np.float32), rate)
    pyramid = Pyramid(clip, View())
    for span_s in np.geomspace(0.05, duration_s, 12):
        for width_px in (300, 1280, 3840):
            start_s = 0.37 * (duration_s - span_s)
            keys = pyramid.tiles_for(start_s, start_s + span_s, width_px)
            exact = sorted((key for key in keys if not key.draft), key=lambda key: key.index)
            assert keys.index(exact[0]) >= len(keys) - len(exact)
            assert pyramid.span_s(exact[0])[0] <= start_s + 1e-9
            assert pyramid.span_s(exact[-1])[1] >= min(start_s + span_s, duration_s) - pyramid.column_s(0)
            for before, after in pairwise(exact):
                assert pyramid.span_s(before)[1] == pytest.approx(pyramid.span_s(after)[0])
            level = exact[0].level
            columns_per_px = span_s / pyramid.column_s(level) / width_px
            assert columns_per_px <= 1.0 + 1e-6 or level == pyramid.coarsest_level
            assert columns_per_px > 0.5 or level == pyramid.finest_level
            assert len(exact) <= width_px / pyramid.COLUMNS + 2


def test_nothing_is_asked_for_outside_the_recording():
    pyramid = Pyramid(noise(4.0), View())
    assert pyramid.tiles_for(5.0, 9.0, 800) == []
    assert pyramid.tiles_for(-3.0, -1.0, 800) == []
    with pytest.raises(ValueError, match="no TileKey"):
        pyramid.tile(TileKey(0, 99))


def test_the_cache_is_bounded_and_a_tile_is_the_same_without_it():
    clip = noise(60.0)
    small, large = Pyramid(clip, View(), cache_bytes=1 << 20), Pyramid(clip, View())
    for index in range(5):
        np.testing.assert_array_equal(small.tile(TileKey(-1, index)), large.tile(TileKey(-1, index)))
    assert small._cached_bytes <= 1 << 20 or len(small._cache) == 1
    assert small._cached_bytes == sum(tile.nbytes for tile in small._cache.values())
    assert large.tile(TileKey(-1, 3)) is large.tile(TileKey(-1, 3))
    assert small.tile(TileKey(-1, 0)) is not large.tile(TileKey(-1, 0))


def test_overtaken_work_is_given_up():
    pyramid = Pyramid(noise(200.0), View())
    asked = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(OvertakenError):
        pyramid.tile(TileKey(pyramid.coarsest_level, 0), stop)
    assert len(asked) == 3


def test_any_thread_gets_the_same_tiles():
    clip = noise(60.0)
    pyramid, reference = Pyramid(clip, View(), cache_bytes=1 << 20), Pyramid(clip, View())
    keys = [TileKey(level, 0) for level in all_levels(pyramid)] * 3
    results: list[np.ndarray] = [np.zeros(0)] * len(keys)

    def compute(first: int) -> None:
        for at in range(first, len(keys), 3):
            results[at] = pyramid.tile(keys[at])

    threads = [threading.Thread(target=compute, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key, result in zip(keys, results, strict=True):
        np.testing.assert_array_equal(result, reference.tile(key))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("n_samples", [0, 1, 110, 5000])
def test_the_shortest_recordings_have_a_picture(transform, n_samples):
    pyramid = Pyramid(Clip(np.zeros((2, n_samples), np.float32), 44100), View(transform))
    for key in pyramid.tiles_for(0.0, 0.01, 500):
        tile = pyramid.tile(key)
        assert tile.shape[0] == pyramid.frequencies_hz.size
        assert (tile == FLOOR_DB).all()


def test_bytes_for_the_screen_are_half_decibels():
    levels_db = np.array([[-300.0, LOWEST_DB, -60.1, -0.2, 0.0, 20.0]], np.float32)
    steps = quantise(levels_db)[0].astype(float)
    np.testing.assert_allclose(
        LOWEST_DB + STEP_DB * steps, np.clip(levels_db[0], LOWEST_DB, 7.5), atol=STEP_DB / 2 + 1e-6
    )


@pytest.mark.parametrize("setting", [{"n_fft": 1000}, {"n_fft": 128}, {"hop": 441}, {"hop": 4096}, {"n_mels": 0}])
def test_views_that_cannot_be_are_refused(setting):
    with pytest.raises(ValueError, match="must be"):
        View(**setting)
