"""Tests of playback: the recording of a virtual speaker against the played signal."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from speaker import VirtualSpeaker, audio_environment

from auralscope.audio import devices
from auralscope.audio.playback import Player
from auralscope.dsp.resampling import resample
from auralscope.types import Clip

RATE = 44100
BLOCK = 441


@pytest.fixture
def player():
    players = []

    def make(*args):
        players.append(Player(*args))
        return players[-1]

    yield make
    for each in players:
        each.close()


@pytest.fixture
def unhurried(monkeypatch):
    """Set a long buffer, for comparisons to the sample on a busy machine."""
    monkeypatch.setattr(devices, "LATENCY_S", 0.4)


def noise(seconds, seed=0, channels=2, rate=RATE, level=0.1):
    rng = np.random.default_rng(seed)
    return Clip(level * rng.standard_normal((channels, round(seconds * rate))), rate)


def find(heard, expected):
    """Find the start of `expected` in a recording, by cross-correlation of the left channels."""
    n = heard.size + expected.size
    n_fft = 1 << n.bit_length()
    correlation = np.fft.irfft(np.fft.rfft(heard, n_fft) * np.conj(np.fft.rfft(expected, n_fft)), n_fft)
    return int(np.argmax(correlation[: heard.size]))


def matching(heard, expected):
    """Return the share of 10-ms blocks in which the recording equals the expected sound, and its level."""
    n = min(heard.size, expected.size) // BLOCK
    a, b = heard[: n * BLOCK].reshape(n, BLOCK), expected[: n * BLOCK].reshape(n, BLOCK)
    same = np.abs(a - b).max(axis=1) < 2e-4  # 16 bits, a few steps
    return float(same.mean())


def test_the_recording_equals_the_played_sound(speaker, unhurried, player, wait):
    clip = noise(2.0)
    changes = []
    transport = player(lambda: changes.append(transport.state))
    transport.load(clip)
    with speaker.record() as recording:
        transport.play()
        assert transport.state == "playing"
        wait(lambda: transport.state == "stopped")
        assert transport.position_s == 0.0
    left, right = recording.samples
    at = find(left, clip.samples[0, 4410:])
    for heard, expected in ((left, clip.samples[0]), (right, clip.samples[1])):
        assert matching(heard[at:], expected[4410:]) > 0.99
    assert not recording.samples[:, : at - 4410 - 100].any()
    assert not recording.samples[:, at - 4410 + clip.n_samples + 100 :].any()
    assert changes == ["stopped", "playing", "stopped"]


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (11025, 6)])
def test_other_rates_and_channels_play_at_the_right_pitch_and_level(speaker, player, wait, rate, channels):
    t = np.arange(rate * 3 // 2) / rate
    clip = Clip(np.tile(0.25 * np.sin(2 * np.pi * 1000.0 * t), (channels, 1)), rate)
    transport = player()
    transport.load(clip)
    with speaker.record() as recording:
        transport.play()
        wait(lambda: transport.state == "stopped")
    heard = recording.samples
    sounding = np.flatnonzero(np.abs(heard[0]) > 0.01)
    assert (sounding[-1] - sounding[0]) / RATE == pytest.approx(1.5, abs=0.03)
    middle = heard[:, sounding[0] + 8000 : sounding[0] + 52100] * np.hanning(44100)
    spectrum = np.abs(np.fft.rfft(middle, axis=1))
    assert spectrum.argmax(axis=1).tolist() == [1000, 1000]
    np.testing.assert_allclose(spectrum.max(axis=1) * 4 / 44100, 0.25, rtol=0.02)


def test_switching_to_the_feature_and_back_leaves_no_gap_and_no_click(speaker, unhurried, player, wait):
    # The original and what a feature hears of it, at the rate of a model, so that the player must resample it.
    t = np.arange(5 * RATE) / RATE
    original = np.sin(2 * np.pi * 220.0 * t) * 0.4
    model_t = np.arange(3 * 11025) / 11025
    feature = Clip(np.sin(2 * np.pi * 330.0 * model_t) * 0.4, 11025)
    transport = player()
    transport.load(Clip(original, RATE))
    transport.set_feature(feature, 1.0)
    with speaker.record() as recording:
        transport.play()
        for until_s, source in ((1.3, "feature"), (1.8, "original"), (2.2, "feature"), (2.6, "original")):
            wait(lambda until_s=until_s: transport.position_s >= until_s)
            transport.set_source(source)
        wait(lambda: transport.state == "stopped")
    heard = recording.samples[0]
    sounding = np.flatnonzero(np.abs(heard) > 0.01)
    heard = heard[sounding[0] : sounding[-1]]
    assert heard.size / RATE == pytest.approx(5.0, abs=0.02)
    # No gap: two periods of 220 Hz never pass below half the level (fading through both keeps above).
    windows = heard[400 : heard.size - 400]
    windows = windows[: windows.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    assert windows.std(axis=1).min() > 0.4 * 0.4 / np.sqrt(2)
    # No click: the second difference of 330 Hz at this level, with a margin for fades and 16 bits.
    assert np.abs(np.diff(heard[400:-400], 2)).max() < 3 * 0.4 * (2 * np.pi * 330 / RATE) ** 2
    # The position is kept: the part after the last switch is in phase with the part before the first.
    first = find(heard[: RATE + 4410], original[4410:44100].astype(np.float32))
    last = find(heard[4 * RATE - 2205 :], original[4 * RATE : 4 * RATE + 35280].astype(np.float32)) - 2205 + 4410
    slip = (last - first) % (RATE / 220)
    assert min(slip, RATE / 220 - slip) < 2.0
    # Both were heard.
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    hz = np.fft.rfftfreq(heard.size, 1 / RATE)
    assert spectrum[np.abs(hz - 330) < 3].max() > 0.1 * spectrum[np.abs(hz - 220) < 3].max()


def test_the_feature_is_the_auralisation_within_its_window_and_the_original_around(speaker, unhurried, player, wait):
    clip, feature = noise(2.0), noise(0.8, seed=5, channels=1, rate=11025)
    transport = player()
    transport.load(clip)
    transport.set_feature(feature, 0.7)
    transport.set_source("feature")
    with speaker.record() as recording:
        transport.play()
        wait(lambda: transport.state == "stopped")
    expected = resample(feature.samples, 11025, RATE)[0]
    heard = recording.samples[0]
    at = find(heard, expected)
    edge = 441
    assert matching(heard[at + edge :], expected[edge:-edge]) > 0.98
    first = round(0.7 * RATE)
    before, behind = clip.samples[0, first - 20_000 : first - edge], clip.samples[0, first + expected.size + 2 * edge :]
    assert matching(heard[at - 20_000 :], before) > 0.95
    assert matching(heard[at + expected.size + 2 * edge :], behind[:20_000]) > 0.95


def test_loop_repeats_to_the_sample(speaker, unhurried, player, wait):
    clip = noise(3.0)
    transport = player()
    transport.load(clip)
    transport.set_loop((1.0, 1.3))
    transport.seek(1.0)
    with speaker.record() as recording:
        transport.play()
        recording.wait_for(2.0)
        assert 1.0 <= transport.position_s <= 1.3
        transport.pause()
    heard, period = recording.samples[0], round(0.3 * RATE)
    turn = clip.samples[0, RATE : RATE + period]
    at = find(heard, np.tile(turn, 4))  # the four that are compared: any turn is like any other
    for k in range(4):
        one = heard[at + k * period : at + (k + 1) * period]
        assert matching(one[441:], turn[441:]) > 0.95, k


def test_seek_lands_where_asked(speaker, unhurried, player, wait):
    clip = noise(6.0)
    transport = player()
    transport.load(clip)
    with speaker.record() as recording:
        transport.play()
        wait(lambda: transport.position_s > 0.3)
        transport.seek(4.0)
        wait(lambda: transport.position_s > 4.5)
        transport.stop()
        assert transport.position_s == 0.0
    heard = recording.samples[0]
    landed = clip.samples[0, 4 * RATE : 4 * RATE + 17640]
    at = find(heard, landed)
    assert matching(heard[at + 441 :], landed[441:]) > 0.95
    start = find(heard, clip.samples[0, 441:8820]) - 441
    # Before it, the beginning, up to the very sample of the seek but for the fade.
    assert matching(heard[start + 441 : at], clip.samples[0, 441:]) > 0.95


def test_volume_is_cubic_and_full_is_the_true_level(speaker, player, wait):
    clip = noise(20.0)
    transport = player()
    transport.load(clip)
    levels = []
    for volume in (1.0, 0.5, 0.0):
        transport.set_volume(volume)
        transport.seek(0.0)
        with speaker.record() as recording:
            transport.play()
            recording.wait_for(1.0)
            middle = recording.samples[0, -13230:]
        transport.pause()
        levels.append(float(middle.std()))
    assert levels[0] == pytest.approx(0.1, rel=0.03)
    assert levels[1] == pytest.approx(0.1 / 8, rel=0.03)
    assert levels[2] == 0.0


def test_position_is_that_of_the_audible_sample_and_never_decreases(speaker, player, wait):
    # Silence, then noise from 1 s on: when the noise arrives, the position must be 1 s.
    clip = noise(3.0)
    clip.samples[:, :RATE] = 0.0
    transport = player()
    transport.load(clip)
    seen = []
    with speaker.record() as recording:
        transport.play()

        def arrived():
            seen.append((time.perf_counter(), transport.position_s))
            return bool(recording.samples[:, -2000:].any())

        wait(arrived)
        assert transport.position_s == pytest.approx(1.0, abs=0.12)
        while transport.state == "playing":
            seen.append((time.perf_counter(), transport.position_s))
            threading.Event().wait(0.004)
    times_s, positions_s = np.array([pair for pair in seen if pair[1] > 0.0]).T
    running = slice(None, int(positions_s.argmax()))
    steps_s = np.diff(positions_s[running])
    assert steps_s.min() >= 0.0
    assert steps_s.max() < 0.15
    slope, _ = np.polyfit(times_s[running], positions_s[running], 1)
    assert slope == pytest.approx(1.0, abs=0.05)


def test_pause_and_go_on(speaker, player, wait):
    transport = player()
    transport.load(noise(5.0))
    transport.play()
    wait(lambda: transport.position_s > 0.2)
    transport.pause()
    assert transport.state == "paused"
    with speaker.record() as recording:
        recording.wait_for(0.3)
        rested_s = transport.position_s
        recording.wait_for(1.2)  # long enough for the stream to be put to sleep
        assert transport.position_s == rested_s
        assert not recording.samples[:, -RATE // 2 :].any()
        transport.play()
        wait(lambda: transport.position_s > rested_s + 0.2)
    assert recording.samples[:, -RATE:].any()


def test_another_recording_replaces_the_one_that_plays(speaker, unhurried, player, wait):
    transport = player()
    transport.load(noise(5.0))
    transport.set_loop((1.0, 2.0))
    transport.play()
    wait(lambda: transport.position_s > 0.2)
    other = noise(1.0, seed=9, rate=22050)
    transport.load(other)
    assert (transport.state, transport.position_s, transport.duration_s, transport.loop) == ("stopped", 0.0, 1.0, None)
    with speaker.record() as recording:
        transport.play()
        wait(lambda: transport.state == "stopped")
    expected = resample(other.samples, 22050, RATE)[0, 441:]
    at = find(recording.samples[0], expected)
    heard = recording.samples[0, at : at + expected.size]
    assert np.corrcoef(heard, expected)[0, 1] > 0.98  # the server's own resampler is not ours


def test_calls_return_at_once(speaker, player, wait):
    transport = player()
    clip, feature = noise(600.0, channels=1, rate=32000), noise(4.0, rate=11025, channels=1)
    slowest = 0.0
    for call in (
        lambda: transport.load(clip),
        lambda: transport.set_feature(feature, 10.0),
        transport.play,
        lambda: transport.seek(100.0),
        lambda: transport.set_source("feature"),
        transport.pause,
        transport.play,
        transport.stop,
    ):
        began_s = time.perf_counter()
        call()
        slowest = max(slowest, time.perf_counter() - began_s)
    assert slowest < 0.1  # a thread may have to wait for its turn on a busy machine; a device takes longer


def test_wrong_orders_are_refused(player, silent_machine):
    transport = player()
    transport.load(noise(2.0))
    with pytest.raises(ValueError, match="before it ends"):
        transport.set_loop((1.0, 1.0))
    with pytest.raises(ValueError, match="before it ends"):
        transport.set_loop((3.0, 4.0))
    with pytest.raises(ValueError, match="source must be"):
        transport.set_source("b-side")
    transport.set_loop((1.0, 1.001))
    assert transport.loop == (1.0, 1.05)
    transport.seek(7.0)
    assert transport.position_s == 2.0
    transport.seek(-7.0)
    assert transport.position_s == 0.0


def test_without_a_device_the_reason_is_given(player, wait, silent_machine):
    changed = threading.Event()
    transport = player(changed.set)
    assert changed.wait(10.0)
    assert transport.state == "no-device"
    assert transport.problem == devices.NO_DEVICE
    transport.load(noise(1.0))
    transport.seek(0.5)
    transport.play()
    transport.pause()
    assert transport.state == "no-device"
    assert transport.position_s == 0.5
    assert transport.look_for_device() is False
    assert transport.state == "no-device"


def test_without_portaudio_the_package_is_named(player, wait, monkeypatch):
    def missing():
        raise devices.DeviceError("The PortAudio library is missing")

    monkeypatch.setattr(devices, "portaudio", missing)
    transport = player()
    wait(lambda: transport.state == "no-device")
    assert "PortAudio" in transport.problem


def test_a_device_that_goes_and_comes(speaker_server, player, wait):
    folder = Path(tempfile.mkdtemp(prefix="speaker-"))
    server = VirtualSpeaker(speaker_server.tool, folder)
    try:
        with audio_environment(server.environment):
            transport = player()
            transport.load(noise(30.0))
            wait(lambda: transport.state == "no-device")
            assert transport.look_for_device() is False
            server.start()
            assert transport.look_for_device() is True
            assert (transport.state, transport.problem) == ("stopped", "")
            transport.play()
            wait(lambda: transport.position_s > 0.5)
            server.stop()
            wait(lambda: transport.state == "no-device")
            assert "was disconnected" in transport.problem
            lost_s = transport.position_s
            assert lost_s > 0.5
            assert transport.look_for_device() is False
            server.start()
            assert transport.look_for_device() is True
            assert (transport.state, transport.position_s) == ("paused", lost_s)
            with server.record() as recording:
                transport.play()
                wait(lambda: transport.position_s > lost_s + 0.5)
            assert recording.samples.any()
            transport.close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_nothing_is_rescanned_while_a_stream_is_open(speaker, player, wait):
    transport, other = player(), player()
    transport.load(noise(5.0))
    transport.play()
    wait(lambda: transport.position_s > 0.2)
    assert other.look_for_device() is True
    before_s = transport.position_s
    wait(lambda: transport.position_s > before_s + 0.3)


def test_closing_twice_and_looking_afterwards_do_not_hang(player):
    transport = player()
    transport.close()
    transport.close()
    assert transport.look_for_device() is False
