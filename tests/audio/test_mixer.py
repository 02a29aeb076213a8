"""Tests of the mixer without a device: each rendered sample against its closed form."""

from __future__ import annotations

import numpy as np
import pytest

from auralscope.audio.mixer import CUT_FADE_S, SWITCH_FADE_S, Mixer, Programme, mixed_down
from auralscope.types import Clip

RATE = 8000
CUT = round(CUT_FADE_S * RATE)
SWITCH = round(SWITCH_FADE_S * RATE)


def noise(n, seed=0, channels=2):
    return (0.3 * np.random.default_rng(seed).standard_normal((channels, n))).astype(np.float32)


def sine(n, hz):
    return np.sin(2 * np.pi * hz * np.arange(n) / RATE, dtype=np.float32)[np.newaxis]


def mixer_of(original, feature=None, feature_first=0):
    mixer = Mixer()
    mixer.configure(RATE, 2)
    mixer.programme = Programme(original, feature, feature_first)
    return mixer


def render(mixer, n, seed=1, start_s=0.0):
    """Render n frames in blocks of changing length, (2, n)."""
    rng = np.random.default_rng(seed)
    out = np.full((n, 2), np.nan, np.float32)
    at = 0
    while at < n:
        block = min(int(rng.integers(1, 300)), n - at)
        mixer.render(out[at : at + block], start_s + at / RATE)
        at += block
    return out.T


def test_silent_until_it_plays_and_exact_after_the_fade():
    original = noise(4000)
    mixer = mixer_of(original)
    assert not render(mixer, 500).any()
    mixer.playing = True
    heard = render(mixer, 3000)
    np.testing.assert_array_equal(heard[:, CUT:], original[:, CUT:3000])
    assert np.all(np.abs(heard[:, :CUT]) <= np.abs(original[:, :CUT]))


def test_mono_is_played_on_both_sides():
    original = noise(1000, channels=1)
    mixer = mixer_of(original)
    mixer.playing = True
    heard = render(mixer, 1000)
    np.testing.assert_array_equal(heard[0], heard[1])
    np.testing.assert_array_equal(heard[0, CUT:], original[0, CUT:])


def test_ends_after_the_last_sample_and_only_a_seek_starts_it_again():
    original = noise(2000)
    mixer = mixer_of(original)
    mixer.playing = True
    heard = render(mixer, 2500)
    np.testing.assert_array_equal(heard[:, CUT:2000], original[:, CUT:])
    assert not heard[:, 2000:].any()
    assert mixer.ended
    assert mixer.heard_until_s == pytest.approx(2000 / RATE)
    mixer.seek(0.1)
    assert not mixer.ended
    np.testing.assert_array_equal(render(mixer, 500)[:, CUT:], original[:, 800 + CUT : 1300])


def test_switch_keeps_the_position_and_crosses_over_within_ten_milliseconds():
    original, feature = noise(4000), noise(1500, seed=2, channels=1)
    mixer = mixer_of(original, feature, 1000)
    mixer.playing = True
    before = render(mixer, 1600)
    mixer.source = "feature"
    after = render(mixer, 1600)
    np.testing.assert_array_equal(before[:, CUT:], original[:, CUT:1600])
    np.testing.assert_array_equal(after[0, SWITCH:900], feature[0, 600 + SWITCH :])
    np.testing.assert_array_equal(after[:, 900 + SWITCH :], original[:, 2500 + SWITCH : 3200])  # behind the feature
    # In between both sound, with gains that add up to one.
    fall = (after[0, :SWITCH] - feature[0, 600 : 600 + SWITCH]) / (
        original[0, 1600 : 1600 + SWITCH] - feature[0, 600 : 600 + SWITCH]
    )
    np.testing.assert_allclose(fall, np.cos(np.linspace(0, np.pi / 2, SWITCH)) ** 2, atol=1e-3)


def test_original_sounds_before_the_feature_and_without_one():
    original, feature = noise(4000), noise(1000, seed=2)
    mixer = mixer_of(original, feature, 2000)
    mixer.source, mixer.playing = "feature", True
    before = render(mixer, 2500)
    np.testing.assert_array_equal(before[:, CUT:2000], original[:, CUT:2000])
    np.testing.assert_array_equal(before[:, 2000 + SWITCH :], feature[:, SWITCH:500])
    mixer.programme = Programme(original)
    np.testing.assert_array_equal(render(mixer, 1000)[:, SWITCH:], original[:, 2500 + SWITCH : 3500])


def test_held_sound_is_silent_to_the_sample_and_time_goes_on():
    original = noise(4000)
    mixer = mixer_of(original)
    mixer.playing = True
    np.testing.assert_array_equal(render(mixer, 800)[:, CUT:], original[:, CUT:800])
    mixer.silent_until_s = 0.25
    held = render(mixer, 2000, start_s=0.1)
    assert not held[:, SWITCH:1200].any()
    np.testing.assert_array_equal(held[:, 1200 + SWITCH :], original[:, 2000 + SWITCH : 2800])


def test_loop_is_exact_to_the_sample():
    original = noise(4000)
    mixer = mixer_of(original)
    mixer.loop_s = (0.1, 0.2251)
    first, period = 800, round(0.1251 * RATE)
    mixer.seek(0.1)
    mixer.playing = True
    heard = render(mixer, 6 * period)
    for turn in range(1, 6):
        turned = heard[:, turn * period : (turn + 1) * period]
        np.testing.assert_array_equal(turned[:, CUT:], original[:, first + CUT : first + period])
        np.testing.assert_array_equal(turned, heard[:, period : 2 * period])


def test_position_before_a_loop_runs_into_it_and_behind_it_goes_to_its_start():
    original = noise(4000)
    mixer = mixer_of(original)
    mixer.loop_s = (0.2, 0.3)
    mixer.playing = True
    np.testing.assert_array_equal(render(mixer, 2400)[:, CUT:], original[:, CUT:2400])
    np.testing.assert_array_equal(render(mixer, 800)[:, CUT:], original[:, 1600 + CUT : 2400])
    mixer.seek(0.4)
    np.testing.assert_array_equal(render(mixer, 800)[:, CUT:], original[:, 1600 + CUT : 2400])


def click(heard, hz=200.0):
    """Return the largest second difference in excess of a full-scale sine and the fades."""
    smooth = (2 * np.pi * hz / RATE) ** 2 + 4 * (2 * np.pi * hz / RATE) * (np.pi / CUT) + 2 * (np.pi / CUT) ** 2
    return float(np.max(np.abs(np.diff(heard, 2)))) / smooth


def test_no_cut_clicks_however_closely_one_follows_another():
    original = sine(8 * RATE, 200.0)
    feature = 0.5 * sine(2 * RATE, 163.0)
    mixer = mixer_of(original, feature, RATE)
    mixer.playing = True
    rng = np.random.default_rng(3)
    parts = []
    for _ in range(400):
        order = rng.integers(5)
        if order == 0:
            mixer.seek(float(rng.uniform(0.0, 7.0)))
        elif order == 1:
            mixer.source = "feature" if mixer.source == "original" else "original"
        elif order == 2:
            mixer.playing = not mixer.playing
        elif order == 3:
            start_s = float(rng.uniform(0.0, 7.0))
            mixer.loop_s = None if mixer.loop_s else (start_s, start_s + 0.0625)
        elif mixer.programme is not None:  # another feature while the last one sounds
            mixer.programme = Programme(original, feature * rng.uniform(0.5, 1.0), RATE)
        parts.append(render(mixer, int(rng.integers(5, 200))))
    heard = np.concatenate(parts, axis=1)
    assert np.abs(heard).max() > 0.9
    # The window's own edges are the only places where this feature may jump: 163 Hz begins at zero and ends on it.
    assert click(heard) < 1.0
    # The measure would notice: the same cuts without fades.
    mixer._cut = lambda _fade_s: None
    mixer.playing, mixer.source, mixer.loop_s = True, "original", None
    hard = []
    for position_s in (0.00125, 0.0025, 0.00375, 0.5):
        mixer.seek(position_s)
        hard.append(render(mixer, 99))
    assert click(np.concatenate(hard, axis=1)) > 2.0


def test_pause_dies_away_and_goes_on_from_there():
    original = noise(4000)
    mixer = mixer_of(original)
    mixer.playing = True
    render(mixer, 1000)
    mixer.playing = False
    fading = render(mixer, 300)
    assert not fading[:, CUT:].any()
    assert fading[:, : CUT // 2].any()
    mixer.playing = True
    np.testing.assert_array_equal(render(mixer, 500)[:, CUT:], original[:, 1000 + CUT : 1500])


def test_gain_glides_to_its_new_value():
    mixer = mixer_of(np.ones((1, 4000), np.float32))
    mixer.playing = True
    render(mixer, 400)
    mixer.gain = 0.25
    block = np.zeros((200, 2), np.float32)
    mixer.render(block, 0.0)
    np.testing.assert_allclose(block[:, 0], np.linspace(1.0, 0.25, 200), atol=1e-6)
    np.testing.assert_allclose(render(mixer, 500), 0.25)


def test_position_is_that_of_the_audible_sample_not_of_the_rendered_one():
    mixer = mixer_of(noise(8000))
    assert mixer.position_s(5.0) == 0.0
    mixer.playing = True
    render(mixer, 4000, start_s=100.0)  # heard from 100 s to 100.5 s
    assert mixer.position_s(99.0) == 0.0
    assert mixer.position_s(100.45) == pytest.approx(0.45)
    assert mixer.position_s(107.0) == pytest.approx(0.5)  # nothing more has been rendered
    mixer.seek(0.9)
    assert mixer.position_s(100.45) == pytest.approx(0.45)  # the seek is not heard yet
    render(mixer, 400, start_s=100.5)
    assert mixer.position_s(100.49) == pytest.approx(0.49)
    assert mixer.position_s(100.52) == pytest.approx(0.92)


def test_position_follows_the_loop():
    mixer = mixer_of(noise(8000))
    mixer.loop_s = (0.25, 0.5)
    mixer.playing = True
    render(mixer, 8000, start_s=10.0)
    for at_s, position_s in ((10.9, 0.4), (10.99, 0.49), (10.76, 0.26)):
        assert mixer.position_s(at_s) == pytest.approx(position_s)


def test_a_seek_in_silence_is_the_position_at_once():
    mixer = mixer_of(noise(8000))
    mixer.playing = True
    render(mixer, 4000)
    mixer.playing = False
    mixer.seek(0.8)
    assert mixer.position_s(0.1) == 0.8
    render(mixer, 400, start_s=0.5)
    assert mixer.position_s(0.6) == 0.8
    mixer.playing = True
    render(mixer, 400, start_s=0.55)
    assert mixer.position_s(0.56) == pytest.approx(0.81)


def test_mixed_down_keeps_one_and_two_channels():
    stereo = Clip(noise(100), RATE)
    assert mixed_down(stereo, 2) is stereo.samples
    np.testing.assert_allclose(mixed_down(stereo, 1), stereo.samples.mean(axis=0, keepdims=True))
    mono = Clip(noise(100, channels=1), RATE)
    assert mixed_down(mono, 2) is mono.samples


@pytest.mark.parametrize("channels", range(3, 12))
def test_mixed_down_is_balanced_and_never_beyond_full_scale(channels):
    sides = mixed_down(Clip(np.ones((channels, 10), np.float32), RATE), 2)
    np.testing.assert_allclose(sides, 1.0, rtol=1e-6)


def test_mixed_down_of_surround_puts_each_channel_in_its_place():
    # L R C LFE Ls Rs, ITU-R BS.775: 1, 0.707 for centre and surround, no LFE; divided by 1 + 2 * 0.707.
    gains = np.stack([mixed_down(Clip(np.eye(6, dtype=np.float32), RATE), 2)])[0]
    h = 0.5**0.5
    expected = np.array([[1, 0, h, 0, h, 0], [0, 1, h, 0, 0, h]]) / (1 + 2 * h)
    np.testing.assert_allclose(gains, expected, rtol=1e-6)
