"""Tests of the controls of the window: wheel, typing, focus, levels, following, zoom and numbers of features."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from driver import EXCERPT
from PySide6.QtCore import QPoint, QPointF, QSettings, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QApplication, QComboBox, QScrollBar, QTabBar

from auralscope.ui.graphs.scatter import DEEPEST_ZOOM, ScatterPane

NO_KEY, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


def turn_wheel(widget, notches, at=None, keys=NO_KEY):
    at = QPointF(at if at is not None else widget.rect().center())
    event = QWheelEvent(
        at, QPointF(widget.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


def value_of(control):
    return control.currentIndex() if isinstance(control, QComboBox | QTabBar) else control.value()


def test_the_wheel_changes_no_control_of_the_window(opened):
    window = opened.window
    controls = [
        control
        for kind in (QComboBox, QAbstractSpinBox, QAbstractSlider, QTabBar)
        for control in window.findChildren(kind)
        if not isinstance(control, QScrollBar)
    ]
    assert len(controls) >= 12
    assert window.model_pane.choice in controls
    for control in controls:
        if isinstance(control, QAbstractSlider):
            control.setValue(50)
        before = value_of(control)
        control.setFocus()
        for notches in (1, -1, -1):
            turn_wheel(control, notches)
            assert value_of(control) == before, (control, control.accessibleName())


def type_into(ready, box, text):
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)


def test_after_enter_in_a_box_of_levels_the_keys_belong_to_the_window(ready):
    window, floor = ready.window, ready.window.controls.floor
    type_into(ready, floor, "-70")
    assert window.spectrogram.range_db == (-90.0, -10.0), "a half-typed number is no level"
    ready.key(Qt.Key.Key_Return, widget=floor)
    assert window.spectrogram.range_db == (-70.0, -10.0)
    assert QApplication.focusWidget() is window.spectrogram
    QTest.keyClicks(QApplication.focusWidget(), "3")
    assert floor.value() == -70


def test_escape_in_a_box_of_levels_undoes_the_typing_and_does_not_stop(ready):
    window, ceiling = ready.window, ready.window.controls.ceiling
    ready.session.listening.seek(5.0)
    type_into(ready, ceiling, "-3")
    ready.key(Qt.Key.Key_Escape, widget=ceiling)
    assert (ceiling.value(), ceiling.text()) == (-10, "-10 dB")
    assert window.spectrogram.range_db == (-90.0, -10.0)
    assert QApplication.focusWidget() is window.spectrogram
    assert ready.player.position_s == pytest.approx(5.0, abs=0.2)


def test_letters_and_space_are_keys_of_the_window_while_a_box_of_levels_has_the_focus(drive):
    ready = drive().begin()
    floor = ready.window.controls.floor
    played = []
    ready.session.listening.play_or_pause = lambda: played.append(True)
    actions = [action for _, actions in ready.window.actions_.menus for action in actions]
    play = next(action for action in actions if action.text() == "&Play or pause")
    play.setEnabled(True)
    play.triggered.connect(lambda: played.append(True))
    floor.setFocus()
    ready.key(Qt.Key.Key_Space, widget=floor)
    assert played
    assert floor.text() == "-90 dB"
    ready.key(Qt.Key.Key_F, widget=floor)
    assert ready.window.feature.alone.isChecked()


def test_the_floor_stays_below_the_ceiling(ready):
    controls, pane = ready.window.controls, ready.window.spectrogram
    type_into(ready, controls.floor, "-2")
    ready.key(Qt.Key.Key_Return, widget=controls.floor)
    assert controls.floor.value() <= controls.ceiling.value() - 5
    type_into(ready, controls.ceiling, "-115")
    ready.key(Qt.Key.Key_Return, widget=controls.ceiling)
    assert controls.floor.value() <= controls.ceiling.value() - 5
    assert pane.range_db == (controls.floor.value(), controls.ceiling.value())
    for _ in range(60):
        ready.key(Qt.Key.Key_Up, widget=controls.floor)
        ready.key(Qt.Key.Key_Down, widget=controls.ceiling)
    assert controls.floor.value() == controls.ceiling.value() - 5


@pytest.mark.parametrize(("floor", "ceiling"), [("-10", "-90"), ("-40", "-40"), ("loud", "quiet"), ("-1000", "500")])
def test_levels_that_make_no_range_are_not_read_from_the_settings(drive, settings_file, floor, ceiling):
    settings = QSettings(str(settings_file), QSettings.Format.IniFormat)
    settings.setValue("view/floor", floor)
    settings.setValue("view/ceiling", ceiling)
    settings.setValue("window/taggram", "tall")
    settings.sync()
    controls = drive().window.controls
    assert controls.range_db in ((-90.0, -10.0), (-120.0, 0.0))


def test_a_pan_pauses_following_and_playing_seeking_or_the_button_resumes_it(ready):
    window, pane, controls = ready.window, ready.window.spectrogram, ready.window.controls
    listening = ready.session.listening

    def pan():
        pane.show_time(5.0, 10.0)
        ready.drag(pane, ready.place(pane, 8.0), ready.place(pane, 7.0))
        assert pane.following == window.waveform.following == "off"
        assert not controls.follow.isChecked()
        assert controls.following.currentData() == "page", "the choice stays"

    assert controls.follow.isChecked()
    pan()
    ready.click(controls.follow)
    assert pane.following == window.waveform.following == "page"
    assert controls.follow.isChecked()
    pan()
    listening.seek(1.0)
    assert pane.following == "page"
    assert pane.visible_s[0] <= 1.0 <= pane.visible_s[1]
    pan()
    ready.key(Qt.Key.Key_Home)
    assert pane.following == "page"
    waveform = window.waveform
    ready.drag(waveform, ready.place(waveform, 3.0), ready.place(waveform, 9.0))
    assert not controls.follow.isChecked(), "a pan in the waveform as well"
    state, ready.player.state = ready.player.state, "playing"
    listening.changed.emit()
    assert pane.following == "page"
    ready.player.state = state
    listening.changed.emit()
    ready.choose(controls.following, "off")
    assert not controls.follow.isEnabled()
    listening.seek(2.0)
    assert pane.following == "off"


def test_show_all_shows_all_frequencies_and_a_double_click_does_not_seek(ready):
    pane = ready.window.spectrogram
    ready.session.listening.set_loop((1.0, 4.0))
    ready.session.listening.seek(3.0)

    def zoom():
        turn_wheel(pane.plot.viewport(), 4, ready.place(pane, 10.0), CONTROL)
        turn_wheel(pane.plot.viewport(), 2, ready.place(pane, 10.0))
        assert pane.visible_hz[1] < 15_000.0

    whole = pane.visible_hz
    zoom()
    ready.key(Qt.Key.Key_0)
    assert pane.visible_hz == pytest.approx(whole)
    assert pane.visible_s == (0.0, ready.session.clip.duration_s)
    zoom()
    ready.double_click(pane, ready.place(pane, 11.0))
    assert pane.visible_hz == pytest.approx(whole)
    assert pane.visible_s == (0.0, ready.session.clip.duration_s)
    assert ready.player.position_s == pytest.approx(3.0, abs=0.2)
    assert ready.player.loop == (1.0, 4.0)


def test_the_wheel_over_a_map_ends_at_all_points_and_at_the_smallest_distance(qtbot):
    pane = ScatterPane("Map")
    qtbot.addWidget(pane)
    pane.resize(600, 400)
    pane.show()
    qtbot.waitExposed(pane)
    at = np.random.default_rng(0).random((50, 2)) * (10.0, 3.0)
    pane.show_points(at, [str(point) for point in range(50)])
    QApplication.processEvents()
    for notches in (3, -3):
        for _ in range(100):
            turn_wheel(pane.plot.viewport(), notches)
        ranges = np.array(pane.box.viewRange())
        assert (ranges[:, 1] - ranges[:, 0] <= 2.01 * np.ptp(at, axis=0)).all()
        assert (ranges[:, 1] - ranges[:, 0] >= 0.99 * np.ptp(at, axis=0) / DEEPEST_ZOOM).all()
    for _ in range(100):
        turn_wheel(pane.plot.viewport(), 3)
    QTest.mouseDClick(pane.plot.viewport(), Qt.MouseButton.LeftButton, NO_KEY, QPoint(80, 380))
    QTest.mouseRelease(pane.plot.viewport(), Qt.MouseButton.LeftButton, NO_KEY, QPoint(80, 380))
    QApplication.processEvents()
    ranges = np.array(pane.box.viewRange())
    assert (ranges[:, 0] <= at.min(axis=0)).all()
    assert (ranges[:, 1] >= at.max(axis=0)).all()


def test_a_typed_number_chooses_a_feature(ready):
    ready.layer("conv3")
    ready.filled()
    view = ready.window.gallery.view
    view.setFocus()
    for text, unit in (("38", 38), ("3-7", 7), ("10", 10), ("5", 5), ("3-40", 40)):
        view._typed.invalidate()  # as after a pause
        QTest.keyClicks(view, text)
        assert ready.session.unit == unit, text
    ready.idle()
    view._typed.invalidate()
    ready.window.spectrogram.show_time(1.0, 2.0)
    ready.key(Qt.Key.Key_0, widget=view)
    assert ready.window.spectrogram.visible_s == (0.0, ready.session.clip.duration_s)


def test_home_and_end_in_the_gallery_choose_the_first_and_the_last_feature(ready):
    ready.layer("conv3")
    ready.filled()
    order, view = ready.session.gallery.layer_result.order, ready.window.gallery.view
    ready.click_unit(order[3])
    ready.session.listening.seek(2.0)
    ready.key(Qt.Key.Key_Home, widget=view)
    assert ready.session.unit == order[0]
    ready.idle()
    assert ready.player.position_s == pytest.approx(2.0, abs=0.5)
    ready.key(Qt.Key.Key_End, widget=view)
    assert ready.session.unit == order[-1]
    ready.idle()


def test_loop_off_and_on_repeats_the_marked_stretch_again(ready):
    pane, loop = ready.window.spectrogram, ready.window.transport.loop
    ready.session.listening.seek(7.0)
    ready.drag(pane, ready.place(pane, 6.0), ready.place(pane, 9.0), Qt.KeyboardModifier.ShiftModifier)
    marked = ready.player.loop
    for switch in (lambda: ready.key(Qt.Key.Key_L), lambda: ready.window.transport.set_loop(not loop.isChecked())):
        switch()
        ready.until(lambda: ready.player.loop is None and not loop.isChecked())
        switch()
        ready.until(lambda: ready.player.loop == marked and loop.isChecked())
    ready.double_click(pane, ready.place(pane, 15.0))
    assert ready.player.loop == marked, "a double click does not seek"
    ready.open(EXCERPT)
    assert ready.player.loop == marked, "the same recording, opened again"
    ready.key(Qt.Key.Key_L)
    ready.key(Qt.Key.Key_L)
    ready.until(lambda: ready.player.loop == marked)
    ready.session.listening.seek(15.0)
    ready.key(Qt.Key.Key_L)
    assert ready.player.loop == (0.0, 4.0), "another place ends the mark"


def test_another_recording_starts_with_the_original_without_a_loop_and_goes_on_playing(ready, tmp_path):
    other = tmp_path / "other.wav"
    soundfile.write(other, 0.1 * np.random.default_rng(0).standard_normal((44100 * 6, 2)), 44100)
    pane, started = ready.window.spectrogram, []
    ready.drag(pane, ready.place(pane, 6.0), ready.place(pane, 9.0), Qt.KeyboardModifier.ShiftModifier)
    ready.player.play = lambda: started.append(True)
    ready.player.state = "playing"
    ready.open(other)
    assert started
    assert (ready.player.source, ready.player.loop) == ("original", None)
    ready.player.state = "stopped"
    started.clear()
    ready.open(EXCERPT)
    assert not started
    ready.key(Qt.Key.Key_L)
    assert ready.player.loop == (0.0, 4.0), "a stretch of another recording is not repeated"
