"""Tests of the transport with a recorded virtual loudspeaker, and without one."""

from __future__ import annotations

import time

import numpy as np
import pytest
from driver import wait_until
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtTest import QTest

from auralscope.audio import devices
from auralscope.dsp.resampling import resample
from auralscope.files import resource
from auralscope.ui.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton
RATE = 44100
HELD_S = 0.5
"""So long a device may go on with what was to be heard before."""


def record_for(recording, seconds):
    """Run the event loop until the given time has been recorded."""
    end = recording.n_frames + round(seconds * RATE)
    wait_until(lambda: recording.n_frames >= end)


def heard_from(recording, seconds):
    """Return the samples recorded after those that the device still held, (n,)."""
    first = round(HELD_S * RATE)
    return recording.samples.mean(axis=0)[first : first + round(seconds * RATE)]


def likeness(heard, sound):
    """Return the similarity of a recording to a looped sound, 0 to 1: the median over half seconds.

    Each is compared on its own, so that a device that was kept waiting by a busy machine spoils one of them.
    """
    half = RATE // 2
    return float(np.median([_correlation(heard[k : k + half], sound) for k in range(0, heard.size - half + 1, half)]))


def _correlation(heard, sound):
    """Return the largest normalised correlation of (n,) with a looped sound (m,), at any shift."""
    heard, sound = heard - heard.mean(), sound - sound.mean()
    looped = np.tile(sound, -(-(heard.size + sound.size) // sound.size))
    size = 1 << (looped.size + heard.size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(looped, size) * np.conj(np.fft.rfft(heard, size)), size)[: sound.size]
    energy = np.cumsum(np.concatenate([[0.0], looped.astype(np.float64) ** 2]))
    under = energy[heard.size : heard.size + sound.size] - energy[: sound.size]
    return float(np.max(product / np.sqrt(np.maximum(under, 1e-12) * np.sum(heard.astype(np.float64) ** 2))))


@pytest.fixture
def make_window(qapp, tmp_path):
    """Open a window with the excerpt and the genre convnet at the third layer, and close it at the end."""
    windows = []

    def make():
        window = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat), "cpu")
        windows.append(window)
        window.resize(1280, 720)
        window.show()
        assert QTest.qWaitForWindowExposed(window)
        window.activateWindow()
        window.begin([resource("excerpt.ogg")], "genre-convnet")
        wait_until(lambda: window.session.window_result is not None)
        window.session.choose_layer("conv3")
        wait_until(lambda: window.session.gallery.layer_result is not None)
        return window

    yield make
    for window in windows:
        window.close()
        ticking = [timer for timer in window.findChildren(QTimer) if timer.isActive()]
        window.deleteLater()
        assert not ticking


@pytest.fixture
def playing_window(speaker, make_window):
    window = make_window()
    assert window.session.listening.player.state != "no-device"
    return window


def click_tile(window, row):
    view = window.gallery.view
    index = window.gallery.model.index(row)
    unit = window.gallery.model.unit_at(index)
    QTest.mouseClick(view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, view.visualRect(index).center())
    wait_until(lambda: window.session.listening.title == f"3-{unit}")
    return unit


def press(window, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(window, key, modifier)


# With a loudspeaker


def test_a_click_on_a_feature_plays_it(playing_window, speaker):
    window, player = playing_window, playing_window.session.listening.player
    with speaker.record() as recording:
        click_tile(window, 0)
        wait_until(lambda: player.state == "playing")
        record_for(recording, 3.0)
        press(window, Qt.Key.Key_Space)
        wait_until(lambda: player.state == "paused")
    sound = window.session.listening.feature_clip
    heard = recording.samples.mean(axis=0)
    sounding = np.flatnonzero(np.abs(heard) > 1e-3)
    middle = heard[sounding[0] : sounding[-1]][RATE // 4 : RATE // 4 + 2 * RATE]
    assert likeness(middle, resample(sound.mono(), sound.sample_rate, RATE)) > 0.97


def test_a_and_b_switch_the_sound_at_the_same_position(playing_window, speaker):
    window, player = playing_window, playing_window.session.listening.player
    click_tile(window, 0)
    wait_until(lambda: player.state == "playing")
    clip = window.session.clip
    original = resample(clip.excerpt(0.0, duration_s=window.session.window_s).mono(), clip.sample_rate, RATE)
    sound = window.session.listening.feature_clip
    feature = resample(sound.mono(), sound.sample_rate, RATE)
    for key, source, wanted, other in (
        (Qt.Key.Key_A, "original", original, feature),
        (Qt.Key.Key_B, "feature", feature, original),
        (Qt.Key.Key_X, "original", original, feature),
    ):
        before_s, at_s = player.position_s, time.perf_counter()
        press(window, key)
        assert player.source == source
        button = window.transport.original if source == "original" else window.transport.feature
        wait_until(button.isChecked)
        passed_s = (player.position_s - before_s) % window.session.window_s
        assert passed_s == pytest.approx(time.perf_counter() - at_s, abs=0.3)
        with speaker.record() as recording:
            record_for(recording, HELD_S + 1.5)
        heard = heard_from(recording, 1.5)
        assert likeness(heard, wanted) > 0.95
        assert likeness(heard, wanted) > likeness(heard, other) + 0.05
        silence = np.abs(heard) < 1e-5
        assert not _run_of(silence, RATE // 10), "it plays without a gap"


def _run_of(true, length):
    """Return whether the given number of samples are consecutive."""
    return bool((np.convolve(true, np.ones(length), "valid") >= length - 0.5).any())


def test_the_playhead_moves_in_all_views_and_the_clock_stops_with_it(playing_window):
    window, player = playing_window, playing_window.session.listening.player
    assert not window.transport._playhead.isActive()
    press(window, Qt.Key.Key_Space)
    wait_until(lambda: player.position_s > 0.3)
    positions = []
    window.transport.position_changed.connect(positions.append)
    wait_until(lambda: len(positions) >= 20)
    assert positions == sorted(positions)
    assert positions[-1] > positions[0] + 0.1
    assert window.spectrogram.playhead_s == window.waveform.playhead_s == positions[-1]
    assert window.transport.position.text().endswith("/ 0:24.0")
    press(window, Qt.Key.Key_Space)
    wait_until(lambda: player.state == "paused" and not window.transport._playhead.isActive())
    press(window, Qt.Key.Key_Escape)
    wait_until(lambda: player.state == "stopped")
    assert player.position_s == 0.0
    assert window.transport.position.text() == "0:00.0 / 0:24.0"


def test_a_feature_is_played_at_its_true_level_or_as_loud_as_the_original(playing_window, speaker):
    window, listening = playing_window, playing_window.session.listening
    click_tile(window, 0)
    sound = listening.sound
    assert window.transport.gain.text() == f"{sound.gain_db:+.1f} dB"
    levels_db = []
    for _ in range(2):
        with speaker.record() as recording:
            record_for(recording, HELD_S + 4.0)  # all of the loop
        heard = heard_from(recording, 4.0)
        levels_db.append(10 * np.log10(np.mean(np.square(heard, dtype=np.float64))))
        press(window, Qt.Key.Key_M)
    assert levels_db[0] - levels_db[1] == pytest.approx(sound.gain_db, abs=1.0)


def test_phase_and_mask_sound_different(playing_window):
    window, listening = playing_window, playing_window.session.listening
    unit = click_tile(window, 0)
    mask = listening.sound
    press(window, Qt.Key.Key_R)
    wait_until(lambda: listening.sound not in (None, mask))
    assert window.transport.render_choice.currentData() == "phase"
    run = window.session.window_result.run
    expected = run.auralise("conv3", unit, render="phase", rate="recording")
    np.testing.assert_allclose(listening.sound.samples, expected.samples, atol=1e-6)
    assert listening.player.state == "playing", "it goes on"


def test_the_rate_is_switched_without_a_gap(playing_window, speaker):
    window, listening = playing_window, playing_window.session.listening
    click_tile(window, 0)
    fine = listening.sound
    clip = window.session.clip
    assert (fine.sample_rate, fine.channels) == (clip.sample_rate, clip.channels)
    assert not window.transport.model_rate.isChecked()
    with speaker.record() as recording:
        record_for(recording, 1.0)
        press(window, Qt.Key.Key_T)
        wait_until(lambda: listening.sound not in (None, fine))
        record_for(recording, 1.0)
    coarse = listening.sound
    assert (coarse.sample_rate, coarse.channels) == (window.session.model.front_end.sample_rate, 1)
    assert window.transport.model_rate.isChecked()
    assert listening.player.state == "playing"
    assert not _run_of(np.abs(recording.samples.mean(axis=0)) < 1e-5, RATE // 10)


# Without one


@pytest.fixture
def impatient(monkeypatch):
    """Search for a device more often than in use."""
    monkeypatch.setattr("auralscope.ui.panes.transport.FIND_DEVICE_MS", 200)


def test_without_a_device_the_reason_is_shown_and_the_rest_works(silent_machine, make_window):
    window = make_window()
    transport, player = window.transport, window.session.listening.player
    wait_until(lambda: player.state == "no-device")
    wait_until(lambda: "device" in window.jobs.label.text())
    assert not transport.play.isEnabled()
    assert not transport.stop.isEnabled()
    click_tile(window, 0)
    assert transport.feature.isChecked()
    assert window.session.listening.sound.peak > 0.0
    assert window.feature.title.text() == f"Feature 3-{window.session.unit}"
    assert not transport._playhead.isActive()
    assert transport._devices.isActive()


def test_a_device_plugged_in_later_is_found(silent_machine, impatient, make_window, speaker_server, monkeypatch):
    window = make_window()
    transport, player = window.transport, window.session.listening.player
    wait_until(lambda: player.state == "no-device" and "device" in window.jobs.label.text())
    for name, value in speaker_server.environment.items():
        monkeypatch.setenv(name, value)
    wait_until(transport.play.isEnabled)
    wait_until(lambda: "device" not in window.jobs.label.text())
    assert not transport._devices.isActive()
    with speaker_server.record() as recording:
        click_tile(window, 0)
        wait_until(lambda: player.state == "playing")
        record_for(recording, 1.0)
    assert np.abs(recording.samples).max() > 0.01
    monkeypatch.undo()
    window.close()
    devices.rescan()


# Loop, place and volume


def test_keys_change_loop_volume_and_position(playing_window):
    window, player = playing_window, playing_window.session.listening.player
    press(window, Qt.Key.Key_L)
    assert player.loop == (0.0, window.session.window_s)
    wait_until(window.transport.loop.isChecked)
    press(window, Qt.Key.Key_Period)
    press(window, Qt.Key.Key_Period)
    wait_until(lambda: player.position_s == pytest.approx(2.0, abs=0.01))
    press(window, Qt.Key.Key_Comma)
    wait_until(lambda: player.position_s == pytest.approx(1.0, abs=0.01))
    press(window, Qt.Key.Key_Home)
    wait_until(lambda: player.position_s == 0.0)
    press(window, Qt.Key.Key_L)
    assert player.loop is None
    control = Qt.KeyboardModifier.ControlModifier
    press(window, Qt.Key.Key_Down, control)
    assert player.volume == pytest.approx(0.95)
    wait_until(lambda: window.transport.volume.value() == 95)
    press(window, Qt.Key.Key_Up, control)
    assert player.volume == 1.0
