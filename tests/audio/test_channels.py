"""Test the choice of the analysed channel, and the notice about channels that cancel each other."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from auralscope.audio.files import load_clip
from auralscope.errors import AudioFileError
from auralscope.files import quoted
from auralscope.types import Clip

RATE = 22_050
N = 6 * RATE
T_S = np.arange(N) / RATE


def music(seed=0):
    """Return chords whose level changes, with noise."""
    chord = sum(np.sin(2 * np.pi * hz * T_S + seed) for hz in (220.0, 277.2, 329.6))
    noise = np.random.default_rng(seed).standard_normal(N)
    return 0.1 * chord * (1.2 + np.sin(2 * np.pi * 0.5 * T_S)) + 0.02 * noise


def shifted(samples, degrees):
    """Return the samples with the phase of all frequencies shifted."""
    spectrum = np.fft.rfft(samples)
    return np.fft.irfft(spectrum * np.exp(1j * np.radians(degrees)), samples.size)


LEFT, OTHER = music(), np.random.default_rng(1).standard_normal(N) * 0.1
HALF = np.where(T_S < 3.0, -1.0, 1.0)
CANCELLING = {
    "antiphase": ((LEFT, -LEFT), 6),
    "antiphase, one side half as loud": ((LEFT, -0.5 * LEFT), 6),
    "almost antiphase": ((LEFT, -LEFT + 0.1 * OTHER), 6),
    "shifted by 160 degrees": ((LEFT, shifted(LEFT, 160.0)), 6),
    "antiphase in the first half": ((LEFT, HALF * LEFT), 3),
    "four channels": ((LEFT, -LEFT, OTHER, -OTHER), 6),
    "three channels": ((LEFT, -0.5 * LEFT, -0.5 * LEFT), 6),
    "quiet": ((1e-3 * LEFT, -1e-3 * LEFT), 6),
}
FINE = {
    "mono": (LEFT,),
    "the same twice": (LEFT, LEFT),
    "unrelated": (LEFT, OTHER),
    "one side silent": (LEFT, 0.0 * LEFT),
    "shifted by 90 degrees": (LEFT, shifted(LEFT, 90.0)),
    "delayed by 1 ms": (LEFT, np.roll(LEFT, 22)),
    "eight channels of which one sounds": (*[0.0 * LEFT] * 7, LEFT),
    "silence": (0.0 * LEFT, 0.0 * LEFT),
    "antiphase only where it is silent": (LEFT * (T_S < 3.0) + 1e-4 * OTHER, LEFT * (T_S < 3.0) - 1e-4 * OTHER),
}


def written(folder, channels):
    path = folder / "sound.wav"
    soundfile.write(path, np.stack(channels, axis=1), RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("case", CANCELLING)
def test_channels_that_cancel_are_noted(tmp_path, caplog, case):
    channels, lasts_s = CANCELLING[case]
    path = written(tmp_path, channels)
    (notice,) = load_clip(path).notices
    assert notice.startswith(f"{quoted(path)} has channels that cancel each other in their mix, for ")
    assert f"for {lasts_s} of 6 s" in notice
    assert "--channel" in notice
    assert [record.getMessage() for record in caplog.records] == [notice]


@pytest.mark.parametrize("case", FINE)
def test_other_channels_are_not_noted(tmp_path, case):
    assert load_clip(written(tmp_path, FINE[case])).notices == ()


def test_a_chosen_channel_is_analysed_and_all_are_kept(tmp_path, caplog):
    path = written(tmp_path, (LEFT, -LEFT, OTHER))
    for channel, expected in enumerate((LEFT, -LEFT, OTHER)):
        clip = load_clip(path, channel=channel)
        assert clip.channels == 3
        np.testing.assert_allclose(clip.mono(), expected, atol=1e-6)
        part = clip.excerpt(1.0, duration_s=2.0)
        np.testing.assert_allclose(part.mono(), expected[RATE : 3 * RATE], atol=1e-6)
        np.testing.assert_allclose(clip.mono_part(100, 200), expected[100:200], atol=1e-6)
    assert not caplog.records, "the choice answers the notice"
    mix = load_clip(path, channel=2).channel(None)
    np.testing.assert_allclose(mix.mono(), OTHER / 3.0, atol=1e-6)


@pytest.mark.parametrize(("channels", "channel", "count"), [(1, 1, "1 channel"), (2, 2, "2 channels")])
def test_a_channel_that_the_recording_lacks(tmp_path, channels, channel, count):
    path = written(tmp_path, (LEFT,) * channels)
    with pytest.raises(AudioFileError, match=rf"sound\.wav\S? has {count} and no channel {channel + 1}: choose"):
        load_clip(path, channel=channel)
    with pytest.raises(IndexError, match=f"no channel {channel}"):
        Clip(np.zeros((channels, 10)), RATE).channel(channel)
    with pytest.raises(IndexError):
        Clip(np.zeros((channels, 10)), RATE).channel(-1)
