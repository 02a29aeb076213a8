"""Tests of the waveform and of the model's input."""

from __future__ import annotations

import numpy as np
import pytest
from driver import wait_until
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtTest import QTest
from views_in_tests import (
    LEFT,
    NO_KEY,
    RATE,
    SHIFT,
    brightness,
    column_of,
    drag,
    drawn,
    mouse,
    noise,
    pixels,
    place,
    show,
    wheel,
)

from auralscope.display.overview import Overview
from auralscope.types import Clip
from auralscope.ui.graphs.timeline import link_time
from auralscope.ui.panes.input import InputPane
from auralscope.ui.panes.waveform import WaveformPane

pytestmark = pytest.mark.usefixtures("every_mouse_move_counts")

# The waveform


@pytest.fixture
def waveform(qtbot):
    def open_clip(clip: Clip) -> WaveformPane:
        pane = show(qtbot, WaveformPane(), 900, 160)
        pane.set_duration(clip.duration_s)
        pane.set_overview(Overview(clip))
        wait_until(lambda: not pane._refresh_timer.isActive())
        return pane

    return open_clip


def test_the_waveform_is_as_high_as_the_sound_is_strong_and_the_loudest_sample_fills_it(waveform):
    envelope = 0.5 * np.repeat([0.9, 0.2, 0.5, 0.0], 5 * RATE)
    pane = waveform(Clip(envelope * np.sin(np.arange(20 * RATE)), RATE))
    pane.set_playhead(19.9)
    heights = drawn(pane).mean(axis=0)
    for time_s, height in ((2.5, 1.0), (7.5, 0.2 / 0.9), (12.5, 0.5 / 0.9)):
        assert heights[int(column_of(pane, time_s))] == pytest.approx(height, abs=0.04)
    assert heights[int(column_of(pane, 17.5))] < 0.03


def test_the_played_part_is_tinted(qtbot, waveform):
    pane = waveform(noise())
    pane.set_playhead(0.0)
    middle = pixels(pane).shape[0] // 2
    ahead = pixels(pane)[middle]
    pane.set_playhead(10.0)
    now = pixels(pane)[middle]
    changed = np.abs(now - ahead).sum(axis=1) > 30
    split = int(column_of(pane, 10.0))
    assert changed[5 : split - 3].all()
    assert not changed[split + 4 :].any()
    # Only a strip was painted; what is on the screen is what a whole repaint would give.
    pane.plot.viewport().repaint()
    np.testing.assert_array_equal(pixels(pane)[middle], now)


def test_the_overview_frames_the_visible_range(qtbot, spectrogram, waveform):
    clip = noise()
    spectrogram_pane, pane = spectrogram(clip), waveform(clip)
    link_time(spectrogram_pane, pane)
    spectrogram_pane.show_time(5.0, 10.0)
    assert pane.visible_s == (5.0, 10.0)
    assert pane.box.viewRange()[0] == [0.0, 20.0]
    inner = drawn(pane)
    for edge_s in (5.0, 10.0):
        column = round(column_of(pane, edge_s))
        assert inner[:, column - 1 : column + 2].mean(axis=0).max() > 0.9
    at = place(pane, 7.0, 0.0)
    drag(pane, at, place(pane, 10.0, 0.0))
    assert spectrogram_pane.visible_s == pytest.approx((8.0, 13.0), abs=0.1)
    assert spectrogram_pane.following == "off"
    wheel(pane, place(pane, 10.0, 0.0), 2)
    assert spectrogram_pane.visible_s == pane.visible_s
    assert pane.visible_s[1] - pane.visible_s[0] == pytest.approx(5.0 / 1.25**2)


def test_loop_and_window_are_mirrored_and_a_click_seeks(qtbot, spectrogram, waveform):
    clip = noise()
    spectrogram_pane, pane = spectrogram(clip), waveform(clip)
    link_time(spectrogram_pane, pane)
    drag(pane, place(pane, 3.0, 0.0), place(pane, 6.0, 0.0), keys=SHIFT)
    assert spectrogram_pane.loop_s == pytest.approx((3.0, 6.0), abs=0.05)
    for each in (spectrogram_pane, pane):
        each.set_model_window(8.0, 4.0)
    bar = place(pane, 10.0, -1.0) - QPoint(0, 7)
    drag(pane, bar, QPoint(place(pane, 12.0, 0.0).x(), bar.y()))
    assert spectrogram_pane.model_window_s == pytest.approx((10.0, 14.0), abs=0.05)
    with qtbot.waitSignal(pane.seek_requested) as sought:
        QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place(pane, 17.0, 0.0))
    assert sought.args[0] == pytest.approx(17.0, abs=0.05)


def test_linked_times_stand_above_one_another(qtbot, spectrogram, waveform):
    clip = noise()
    one, other = spectrogram(clip), waveform(clip)
    link_time(one, other)
    one.fit()
    for time_s in (4.5, 15.9):
        assert place(one, time_s, 5.0).x() == pytest.approx(place(other, time_s, 0.0).x(), abs=1)


# What the model sees


def test_the_input_is_shown_row_for_row_with_its_own_frequencies(qtbot):
    pane = show(qtbot, InputPane(), 600, 400)
    image = np.zeros((257, 173), np.float32)
    image[93, 40:80] = 1.0  # 2002.6 Hz
    frequencies_hz = np.arange(257) * (11025 / 512)
    hop_s = 256 / 11025
    pane.show_input(image, frequencies_hz, hop_s, 10.0, (0.0, 1.0))
    bright = brightness(pane)
    row, column = np.argwhere(bright > 500).mean(axis=0)
    top_left = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect().topLeft() + QPoint(2, 2)
    expected = place(pane, 10.0 + 59.5 * hop_s, 93.0) - top_left
    assert (column, row) == pytest.approx((expected.x(), expected.y()), abs=2)
    axis = pane.plot.getAxis("left")
    (_, ticks), *_ = axis.tickValues(-0.5, 256.5, 400)
    assert axis.tickStrings(ticks, 1.0, 1.0)[:3] == ["0", "1k", "2k"]
    mouse(pane, QEvent.Type.MouseMove, place(pane, 10.0 + 60 * hop_s, 93.0))
    assert pane._readout.text() == "0:11.393 · 2,002.6 Hz · B6 +24 cents · 1"
    before = pane.box.viewRange()
    wheel(pane, place(pane, 11.0, 90.0), 3)
    drag(pane, place(pane, 11.0, 90.0), place(pane, 12.0, 50.0))
    assert pane.box.viewRange() == before, "it is locked"
    pane.set_playhead(11.0)
    assert pane._playhead.isVisible()
    pane.set_playhead(20.0)
    assert not pane._playhead.isVisible()
    pane.clear()
    assert brightness(pane).max() == brightness(pane).min()
