"""Tests of the waveform overview at any zoom against the samples."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from auralscope.display.overview import Overview
from auralscope.types import Clip

RATE = 22050


def noise(duration_s: float, channels: int = 1) -> Clip:
    rng = np.random.default_rng(1)
    return Clip(0.1 * rng.standard_normal((channels, round(duration_s * RATE)), dtype=np.float32), RATE)


def click(at_s: float, duration_s: float) -> Clip:
    samples = np.zeros(round(duration_s * RATE), np.float32)
    samples[round(at_s * RATE)] = 1.0
    return Clip(samples, RATE)


def slow_envelope(clip: Clip, start_s: float, end_s: float, width_px: int) -> np.ndarray:
    edges = np.rint(np.linspace(start_s, end_s, width_px + 1) * clip.sample_rate).astype(int)
    parts = [clip.samples[:, a:b].astype(np.float64) for a, b in pairwise(edges)]
    return np.array([[part.min(), part.max(), np.sqrt(np.square(part).mean())] for part in parts]).T


def test_the_overview_is_exact_where_few_samples_share_a_column():
    clip = noise(5.0, channels=2)
    envelope = Overview(clip).columns(1.0, 3.0, 300)
    expected = slow_envelope(clip, 1.0, 3.0, 300)
    np.testing.assert_array_equal(envelope.low, expected[0].astype(np.float32))
    np.testing.assert_array_equal(envelope.high, expected[1].astype(np.float32))
    np.testing.assert_allclose(envelope.rms, expected[2], rtol=1e-5)


@pytest.mark.parametrize(("duration_s", "width_px"), [(60.0, 1000), (600.0, 700), (3000.0, 37)])
def test_the_overview_of_a_long_recording_is_that_of_its_samples(duration_s, width_px):
    clip = noise(duration_s)
    clip.samples[0, : clip.n_samples // 3] *= 0.1
    envelope = Overview(clip).columns(0.0, duration_s, width_px)
    expected = slow_envelope(clip, 0.0, duration_s, width_px)
    np.testing.assert_allclose(envelope.rms, expected[2], rtol=0.15)
    assert np.median(np.abs(envelope.high - expected[1])) < 0.02
    assert envelope.high.max() == clip.samples.max()
    assert envelope.low.min() == clip.samples.min()


def test_a_click_is_in_one_column_of_the_overview_at_every_zoom():
    clip = click(400.123, 600.0)
    overview = Overview(clip)
    for span_s in np.geomspace(0.01, 600.0, 20):
        start_s = max(400.123 - 0.7 * span_s, 0.0)
        high = overview.columns(start_s, start_s + span_s, 500).high
        column = (400.123 - start_s) / span_s * 500
        assert high.max() > 0.4, span_s
        assert abs(high.argmax() + 0.5 - column) <= max(1.0, 500 / RATE / span_s)


def test_close_up_the_overview_draws_lines_between_samples():
    clip = Clip(np.array([0.0, 1.0, -1.0, 0.5], np.float32), 100)
    envelope = Overview(clip).columns(0.0, 0.02, 8)  # four columns a sample
    np.testing.assert_allclose(envelope.high, [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.0, -0.5], atol=1e-6)
    np.testing.assert_allclose(envelope.low, [0.0, 0.25, 0.5, 0.75, 0.5, 0.0, -0.5, -1.0], atol=1e-6)


def test_beyond_the_recording_there_is_nothing():
    envelope = Overview(Clip(np.ones(1000, np.float32), 1000)).columns(-1.0, 2.0, 30)
    np.testing.assert_array_equal(envelope.high, [0.0] * 10 + [1.0] * 10 + [0.0] * 10)
