"""Tests of panes along time with mouse, wheel and keys."""

from __future__ import annotations

import numpy as np
import pytest
from driver import wait_until
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from views_in_tests import (
    CONTROL,
    LEFT,
    NO_KEY,
    RATE,
    SHIFT,
    column_of,
    drag,
    mouse,
    noise,
    pixels,
    place,
    place_hz,
    settle,
    show_frequencies,
    sine,
    wheel,
)

from auralscope.ui.graphs.items import PictureItem
from auralscope.ui.graphs.timeline import TimePane

pytestmark = pytest.mark.usefixtures("every_mouse_move_counts")

# Pan and zoom


def test_the_wheel_zooms_time_about_the_pointer(spectrogram):
    pane = spectrogram(noise())
    at = place_hz(pane, 5.0, 1000.0)
    before = pane.visible_hz
    wheel(pane, at, 3)
    start_s, end_s = pane.visible_s
    assert end_s - start_s == pytest.approx(20.0 / 1.25**3, rel=1e-6)
    assert place_hz(pane, 5.0, 1000.0).x() == pytest.approx(at.x(), abs=1)
    assert pane.visible_hz == before
    wheel(pane, at, -20)
    assert pane.visible_s == (0.0, 20.0)
    wheel(pane, at, 100)
    assert pane.visible_s[1] - pane.visible_s[0] == pytest.approx(TimePane.MIN_SPAN_S)


@pytest.mark.parametrize("keys", [CONTROL, SHIFT])
def test_the_wheel_with_control_or_shift_zooms_frequency_about_the_pointer(spectrogram, keys):
    pane = spectrogram(noise())
    at = place_hz(pane, 5.0, 440.0)
    wheel(pane, at, 4, keys)
    assert pane.visible_s == (0.0, 20.0)
    assert place_hz(pane, 5.0, 440.0).y() == pytest.approx(at.y(), abs=1)
    low_hz, high_hz = pane.visible_hz
    assert high_hz / low_hz == pytest.approx((RATE / 2 / 20.0) ** (1 / 1.25**4), rel=1e-6)
    wheel(pane, at, -20, keys)
    assert pane.visible_hz == pytest.approx((20.0, RATE / 2))


def test_the_wheel_over_the_frequency_axis_zooms_frequency(spectrogram):
    pane = spectrogram(noise())
    wheel(pane, QPoint(20, place_hz(pane, 0.0, 440.0).y()), 2)
    assert pane.visible_s == (0.0, 20.0)
    assert pane.visible_hz[0] > 25.0


def test_a_drag_pans_by_the_distance_of_the_pointer(spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    show_frequencies(pane, 200.0, 2000.0)
    start = place_hz(pane, 7.0, 500.0)
    drag(pane, start, start + QPoint(-60, -40))
    moved = place_hz(pane, 7.0, 500.0)
    assert (moved - start).x() == pytest.approx(-60, abs=2)
    assert (moved - start).y() == pytest.approx(-40, abs=2)
    drag(pane, start, start + QPoint(3000, 0))
    assert pane.visible_s == pytest.approx((0.0, 5.0))


def test_a_sideways_wheel_pans(spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    wheel(pane, place_hz(pane, 7.0, 500.0), -1, sideways=True)
    assert pane.visible_s == pytest.approx((5.5, 10.5))


def test_keys_pan_and_zoom(spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    QTest.keyClick(pane, Qt.Key.Key_Right)
    assert pane.visible_s == pytest.approx((5.5, 10.5))
    QTest.keyClick(pane, Qt.Key.Key_Left)
    assert pane.visible_s == pytest.approx((5.0, 10.0))
    QTest.keyClick(pane, Qt.Key.Key_Plus)
    assert pane.visible_s == pytest.approx((5.5, 9.5))
    QTest.keyClick(pane, Qt.Key.Key_Minus)
    assert pane.visible_s == pytest.approx((5.0, 10.0))
    QTest.keyClick(pane, Qt.Key.Key_End)
    assert pane.visible_s == pytest.approx((15.0, 20.0))
    QTest.keyClick(pane, Qt.Key.Key_Home)
    assert pane.visible_s == pytest.approx((0.0, 5.0))
    QTest.keyClick(pane, Qt.Key.Key_Plus, CONTROL)
    low_hz, high_hz = pane.visible_hz
    assert low_hz > 21.0
    QTest.keyClick(pane, Qt.Key.Key_Up)
    assert pane.visible_hz[0] > low_hz
    QTest.keyClick(pane, Qt.Key.Key_Down)
    assert pane.visible_hz == pytest.approx((low_hz, high_hz))


def test_a_click_gives_the_pane_the_keyboard_focus(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.activateWindow()
    QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 3.0, 500.0))
    wait_until(pane.hasFocus)


def test_a_click_seeks_and_a_double_click_fits(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    show_frequencies(pane, 200.0, 2000.0)
    with qtbot.waitSignal(pane.seek_requested) as seek:
        QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 7.25, 500.0))
    assert seek.args[0] == pytest.approx(7.25, abs=5.0 / 800)
    QTest.mouseDClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 7.25, 500.0))
    QTest.mouseRelease(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 7.25, 500.0))
    assert pane.visible_s == (0.0, 20.0)
    assert pane.visible_hz == pytest.approx((20.0, RATE / 2))


def test_the_readout_shows_time_frequency_note_and_level(qtbot, spectrogram):
    pane = spectrogram(sine(440.0))
    show_frequencies(pane, 400.0, 480.0)
    pane.show_time(4.9, 5.1)
    settle(qtbot, pane)
    with qtbot.waitSignal(pane.readout_changed) as emitted:
        mouse(pane, QEvent.Type.MouseMove, place_hz(pane, 5.0, 440.0))
    time_text, hz_text, note, level = emitted.args[0].split(" · ")
    assert time_text in ("0:04.999", "0:05.000", "0:05.001")
    assert float(hz_text.removesuffix(" Hz")) == pytest.approx(440.0, abs=0.3)
    assert note.startswith("A4")
    assert float(level.removesuffix(" dB")) == pytest.approx(0.0, abs=1.5)  # the frequency is between two bins
    assert pane._readout.isVisible()
    assert pane._readout.text() == emitted.args[0]
    QApplication.sendEvent(pane.plot.viewport(), QEvent(QEvent.Type.Leave))
    assert not pane._readout.isVisible()


# Playhead, loop, window


def test_the_view_follows_by_pages_until_the_user_pans(qtbot, spectrogram):
    pane = spectrogram(noise(60.0))
    pane.set_following("page")
    pane.show_time(0.0, 10.0)
    pane.set_playhead(9.9)
    assert pane.visible_s == (0.0, 10.0)
    pane.set_playhead(10.1)
    start_s, end_s = pane.visible_s
    assert start_s < 10.1 < start_s + 1.0
    assert end_s - start_s == pytest.approx(10.0)
    at = place_hz(pane, 15.0, 500.0)
    with qtbot.waitSignal(pane.following_changed) as emitted:
        drag(pane, at, at + QPoint(-90, 0))
    assert emitted.args == ["off"]
    visible_s = pane.visible_s
    pane.set_playhead(50.0)
    assert pane.visible_s == visible_s
    pane.set_following("page")
    assert pane.visible_s[0] < 50.0 < pane.visible_s[1]


def test_the_view_scrolls_smoothly_under_the_playhead(spectrogram):
    pane = spectrogram(noise(60.0))
    pane.show_time(0.0, 10.0)
    pane.set_following("smooth")
    pane.set_playhead(3.0)
    assert pane.visible_s == (0.0, 10.0)
    pane.set_playhead(30.0)
    assert pane.visible_s == pytest.approx((25.0, 35.0))
    wheel(pane, place_hz(pane, 30.0, 500.0), 1)
    assert pane.following == "smooth", "zooming does not stop following"


def test_moving_the_playhead_makes_no_new_pictures(qtbot, spectrogram, monkeypatch):
    pane = spectrogram(noise(60.0))
    pane.show_time(0.0, 10.0)
    settle(qtbot, pane)
    made = []
    monkeypatch.setattr(PictureItem, "set_rows", lambda *_a, **_k: made.append("rows"))
    monkeypatch.setattr(PictureItem, "recolour", lambda *_a: made.append("colours"))
    requests = len(pane.renderer.requests)
    columns = []
    for time_s in (2.0, 4.0, 8.0):
        pane.set_playhead(time_s)
        inner = pixels(pane)
        white = np.flatnonzero((inner == 255).all(axis=2).all(axis=0))
        assert white.size == 1
        columns.append(white[0] - column_of(pane, time_s))
    assert np.abs(columns).max() <= 1
    assert not made
    assert len(pane.renderer.requests) == requests


def test_shift_and_drag_make_a_loop_with_a_draggable_bar_and_edges(qtbot, spectrogram):
    pane = spectrogram(noise())
    emitted = []
    pane.loop_changed.connect(emitted.append)
    drag(pane, place_hz(pane, 12.0, 500.0), place_hz(pane, 8.0, 900.0), keys=SHIFT)
    assert emitted.pop() == pytest.approx((8.0, 12.0), abs=0.05)
    assert not emitted
    assert pane.visible_s == (0.0, 20.0)
    bar = place(pane, 10.0, pane.box.viewRange()[1][1]) + QPoint(0, 7)
    drag(pane, bar, bar + QPoint(place(pane, 13.0, 0.0).x() - place(pane, 10.0, 0.0).x(), 30))
    assert emitted.pop() == pytest.approx((11.0, 15.0), abs=0.1)
    drag(pane, place_hz(pane, pane.loop_s[1], 500.0), place_hz(pane, 18.0, 500.0))
    assert emitted.pop() == pytest.approx((11.0, 18.0), abs=0.1)
    drag(pane, place_hz(pane, pane.loop_s[0], 500.0), place_hz(pane, 19.0, 500.0))
    assert emitted.pop() == pytest.approx((18.0, 19.0), abs=0.1), "one edge may pass the other"
    bar = place(pane, 18.5, pane.box.viewRange()[1][1]) + QPoint(0, 7)
    drag(pane, bar, bar + QPoint(900, 0))
    assert emitted.pop()[1] == pytest.approx(20.0), "the loop stays within the recording"


def test_inside_a_loop_clicks_seek_and_drags_pan(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.set_following("off")
    pane.show_time(5.0, 15.0)
    pane.set_loop((6.0, 14.0))
    with qtbot.waitSignal(pane.seek_requested):
        QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 10.0, 500.0))
    at = place_hz(pane, 10.0, 500.0)
    drag(pane, at, at + QPoint(-80, 0))
    assert pane.loop_s == (6.0, 14.0)
    assert pane.visible_s[0] > 5.5


def test_the_models_window_is_dragged_by_its_bar(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.set_model_window(4.0, 4.0)
    emitted = []
    pane.window_moved.connect(emitted.append)
    bar = place(pane, 6.0, pane.box.viewRange()[1][0]) - QPoint(0, 7)
    step = place(pane, 3.0, 0.0).x() - place(pane, 0.0, 0.0).x()
    drag(pane, bar, bar + QPoint(step, 0))
    assert emitted.pop() == pytest.approx(7.0, abs=0.05)
    assert pane.model_window_s == pytest.approx((7.0, 11.0), abs=0.05)
    edge = place_hz(pane, pane.model_window_s[1], 500.0)
    pane.set_following("off")
    drag(pane, edge, edge + QPoint(50, 0))
    assert not emitted, "the window's length is fixed by the model"
    bar += QPoint(step, 0)
    drag(pane, bar, bar + QPoint(900, 0))
    assert emitted.pop() == pytest.approx(16.0)
    pane.set_model_window(None)
    assert pane.model_window_s is None


def test_setters_emit_no_user_signals(qtbot, spectrogram):
    pane = spectrogram(noise())
    emitted = []
    for signal in (pane.loop_changed, pane.window_moved, pane.seek_requested, pane.following_changed):
        signal.connect(lambda *args: emitted.append(args))
    pane.set_loop((1.0, 2.0))
    pane.set_model_window(3.0, 4.0)
    pane.set_playhead(5.0)
    pane.set_following("smooth")
    assert not emitted


def test_the_first_time_is_labelled_even_if_labels_are_long(spectrogram):
    pane = spectrogram(noise())
    axis = pane.plot.getAxis("bottom")
    for end_s in (16.0, 8.0, 4.0, 1.0):
        pane.show_time(0.0, end_s)
        picture = QPixmap(64, 64)
        painter = QPainter(picture)
        _, _, labels = axis.generateDrawSpecs(painter)
        painter.end()
        assert float(labels[0][2].replace("0:", "")) == 0.0, [text for *_, text in labels]
