"""Tests of the whole window with mouse and keys: layout, views, the model, help, closing."""

from __future__ import annotations

import numpy as np
import pytest
from driver import EXCERPT, cut_texts
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QTextBrowser,
    QWidget,
)

from auralscope import registry
from auralscope.ui.help import Page

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ODD_NAME = b"50% l\xe9g\xe8re & \xff#?;.wav"  # bytes that are no text, and all that an address would take apart


# Layout


def test_the_layout_at_1280_by_720(ready):
    ready.layer("conv3")
    ready.filled()
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    window = ready.window
    assert (window.width(), window.height()) == (1280, 720)
    assert 0.1 <= window.recording.height() / window.height() <= 0.17
    left, right = window.across.sizes()
    assert 0.5 <= left / (left + right) <= 0.6
    gallery = window.gallery.view
    assert gallery.viewport().height() / gallery.gridSize().height() >= 3.0
    assert window.spectrogram.height() > 0.5 * window.height()
    ready.until(lambda: not ready.session.jobs.running)
    assert not cut_texts(window)
    scores = window.model_pane.scores
    names, number = scores._widths()
    cell = scores.width() // scores._columns(scores.width()) - scores.GAP_PX
    assert names + number + scores.BAR_PX <= cell + scores.GAP_PX, "labels stand in full"


def test_every_action_and_widget_has_a_description_and_its_key(ready):
    seen = set()
    for title, actions in ready.window.actions_.menus:
        assert actions, title
        for action in actions:
            keys = action.shortcuts()
            shown = keys[0].toString(QKeySequence.SequenceFormat.NativeText) if keys else ""
            assert len(action.toolTip()) > 4
            assert shown in action.toolTip()
            for key in keys:
                assert key not in seen, f"{key.toString()} twice"
                seen.add(key)
    for widget in ready.window.findChildren(QWidget):
        inside = isinstance(widget.parent(), QComboBox) or isinstance(widget, QLineEdit | QTextBrowser)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and not inside:
            name = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
            assert name, widget


def test_tab_goes_through_the_window_in_reading_order(ready):
    window = ready.window
    window.recording.open.setFocus()
    visited = []
    for _ in range(80):
        visited.append(QApplication.focusWidget())
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        if QApplication.focusWidget() is visited[0]:
            break
    expected = [
        window.recording.open,
        window.waveform,
        window.controls.transform,
        window.spectrogram,
        window.model_pane.choice,
        window.model_pane.layers.buttons["conv1"],  # of buttons of which one is pressed, Tab reaches that one
        window.gallery.view,
        window.transport.volume,
    ]
    assert visited[0] is QApplication.focusWidget(), "round and round"
    places = [visited.index(widget) for widget in expected]
    assert places == sorted(places)


def test_the_space_bar_presses_the_focused_button(ready):
    gallery = ready.window.gallery
    gallery.kind.buttons["deconvolution"].setFocus(Qt.FocusReason.TabFocusReason)
    ready.key(Qt.Key.Key_Right, widget=gallery.kind.buttons["deconvolution"])
    assert gallery.model.kind == "map"
    alone = ready.window.feature.alone
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    alone.setFocus(Qt.FocusReason.TabFocusReason)
    ready.key(Qt.Key.Key_Space, widget=alone)
    assert alone.isChecked()
    ready.click(gallery.kind.buttons["deconvolution"])
    assert QApplication.focusWidget() is alone, "a click leaves the focus where it was"


def test_light_and_dark_and_sizes_are_remembered(drive):
    driver = drive()
    driver.window.set_theme("dark")
    assert driver.window.palette().window().color().lightness() < 60
    driver.window.across.setSizes([700, 500])
    sizes = driver.window.across.sizes()
    driver.choose(driver.window.controls.colour_map, "viridis")
    driver.window.close()
    again = drive()
    assert again.window.theme_choice == "dark"
    assert again.window.across.sizes() == pytest.approx(sizes, abs=30)
    assert again.window.spectrogram.colour_map == "viridis"
    again.window.set_theme("light")
    assert again.window.palette().window().color().lightness() > 200


# Views


def complete(pane):
    return pane._in_view and pane._in_view <= pane._tiles.keys() and not pane._refresh_timer.isActive()


def test_transforms_axes_colours_and_levels_are_chosen(ready):
    controls, pane = ready.window.controls, ready.window.spectrogram
    for transform in ("mel", "cqt", "chroma", "stft"):
        ready.choose(controls.transform, transform)
        ready.until(lambda transform=transform: pane._pyramid.view.transform == transform and complete(pane))
        assert controls.scale.isEnabled() == (transform != "chroma")
    for scale in ("linear", "mel", "log"):
        ready.choose(controls.scale, scale)
        assert pane.scale == scale
    ready.choose(controls.n_fft, "512")
    ready.until(lambda: pane._pyramid.view.n_fft == 512 and complete(pane))
    before = pane.grab().toImage()
    ready.choose(controls.colour_map, "cividis")
    assert pane.colour_map == ready.window.input._colour_map == "cividis"
    coloured = pane.grab().toImage()
    assert coloured != before
    controls.floor.setFocus()
    ready.key(Qt.Key.Key_Up, widget=controls.floor)
    assert pane.range_db == (-85.0, -10.0)
    assert pane.grab().toImage() != coloured


def test_the_read_out_shows_time_frequency_note_and_level(ready):
    pane = ready.window.spectrogram
    ready.until(lambda: complete(pane))
    ready.hover(pane, ready.place(pane, 12.0))
    assert pane._readout.isVisible()
    parts = pane._readout.text().split(" · ")
    assert len(parts) == 4
    assert parts[0].startswith("0:1")
    assert parts[1].endswith(" Hz")
    assert parts[3].endswith(" dB")


def test_the_time_axes_are_linked_and_wheel_and_keys_zoom(ready):
    spectrogram, waveform = ready.window.spectrogram, ready.window.waveform
    ready.key(Qt.Key.Key_0)
    whole = spectrogram.visible_s
    viewport = spectrogram.plot.viewport()
    at = QPointF(ready.place(spectrogram, 12.0))
    wheel = QWheelEvent(
        at,
        QPointF(viewport.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, wheel)
    assert spectrogram.visible_s[1] - spectrogram.visible_s[0] < 0.7 * (whole[1] - whole[0])
    assert waveform.visible_s == spectrogram.visible_s
    ready.key(Qt.Key.Key_Minus)
    ready.key(Qt.Key.Key_0)
    assert spectrogram.visible_s == waveform.visible_s == whole


def test_a_chosen_feature_is_enlarged_and_a_key_shows_the_whole_recording(ready):
    pane, length_s = ready.window.spectrogram, ready.session.window_s
    assert pane.visible_s == (0.0, ready.session.clip.duration_s)
    ready.session.move_window(8.0)
    ready.until(lambda: ready.session.window_result is not None and ready.session.window_result.run.start_s == 8.0)
    ready.filled()
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    wanted = (pytest.approx(8.0 - 0.1 * length_s), pytest.approx(8.0 + 1.1 * length_s))
    assert pane.visible_s == wanted
    ready.key(Qt.Key.Key_0)
    assert pane.visible_s == (0.0, ready.session.clip.duration_s)
    ready.key(Qt.Key.Key_Z)
    assert pane.visible_s == wanted
    pane.show_time(9.0, 10.0)
    ready.click_unit(ready.session.gallery.layer_result.order[1])
    assert pane.visible_s == (9.0, 10.0), "who looks closer stays close"


def test_the_overlay_can_hide_the_recording(ready):
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    pane, feature = ready.window.spectrogram, ready.window.feature
    assert pane._overlay.opacity == pytest.approx(0.8)
    ready.key(Qt.Key.Key_F)
    assert feature.alone.isChecked()
    assert pane._overlay.opacity == 1.0
    ready.key(Qt.Key.Key_F)
    feature.opacity.setFocus()
    ready.key(Qt.Key.Key_Home, widget=feature.opacity)
    ready.key(Qt.Key.Key_PageUp, widget=feature.opacity)
    assert pane._overlay.opacity == pytest.approx(feature.opacity.value() / 100)


def test_a_loop_is_marked_and_a_click_goes_there(ready):
    pane = ready.window.spectrogram
    ready.drag(pane, ready.place(pane, 6.0), ready.place(pane, 9.0), SHIFT)
    assert ready.player.loop == pytest.approx((6.0, 9.0), abs=0.1)
    assert ready.window.waveform.loop_s == pane.loop_s == ready.player.loop
    ready.until(ready.window.transport.loop.isChecked)
    ready.click(pane.plot.viewport(), ready.place(pane, 7.5))
    ready.until(lambda: ready.player.position_s == pytest.approx(7.5, abs=0.1))
    assert ready.player.loop is not None
    ready.click(pane.plot.viewport(), ready.place(pane, 15.0))
    ready.until(lambda: ready.player.position_s == pytest.approx(15.0, abs=0.1))
    assert ready.player.loop is None, "who goes elsewhere leaves the loop"
    ready.key(Qt.Key.Key_L)
    assert ready.player.loop == (0.0, 4.0)
    ready.key(Qt.Key.Key_L)
    assert ready.player.loop is None


# The model


def test_the_models_window_is_moved_by_its_bar_and_to_the_playhead(ready):
    pane, session = ready.window.spectrogram, ready.session
    bar = QPoint(ready.place(pane, 2.0).x(), round(pane.box.sceneBoundingRect().bottom()) - 2)
    ready.drag(pane, bar, bar + QPoint(ready.place(pane, 8.0).x() - ready.place(pane, 2.0).x(), 0))
    assert session.window_start_s == pytest.approx(6.0, abs=0.1)
    ready.until(lambda: session.window_result is not None)
    assert session.window_result.run.start_s == session.window_start_s
    ready.click(ready.window.waveform.plot.viewport(), ready.place(ready.window.waveform, 12.0))
    ready.until(lambda: ready.player.position_s == pytest.approx(12.0, abs=0.2))
    ready.key(Qt.Key.Key_W)
    assert session.window_start_s == pytest.approx(ready.player.position_s)
    ready.filled()
    assert ready.window.model_pane.span.text().startswith("0:1")
    said = ready.window.model_pane.scores.accessibleDescription()
    assert "ballad" in said
    assert "%" in said


def test_the_input_of_the_model_is_a_separate_view(ready):
    pane, session = ready.window.input, ready.session
    ready.key(Qt.Key.Key_I)
    assert pane.isVisible()
    assert not ready.window.gallery.isVisible()
    np.testing.assert_array_equal(pane._image, session.window_result.input)
    (start_s, end_s), (low, high) = pane.box.viewRange()
    assert (low, high) == (-0.5, 256.5)
    assert end_s - start_s == pytest.approx(173 * 256 / 11025)
    ready.choose(ready.window.controls.transform, "mel")  # it is locked to the model's settings
    assert pane._image.shape == (257, 173)
    ready.layer("conv2")
    assert ready.window.gallery.isVisible()
    ready.filled()


def test_a_model_that_cannot_be_loaded_is_reported_and_the_choice_reverts(ready):
    model = ready.session.model
    ready.session.load_model("gone-convnet")
    ready.until(ready.message)
    assert "gone-convnet" in ready.message()
    assert ready.session.model is model
    assert ready.window.model_pane.choice.currentData() == "genre-convnet"


def test_plugins_that_failed_are_listed_and_the_program_goes_on(drive, tmp_path, monkeypatch):
    driver = drive()
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "broken.py").write_text("import no_such_package_at_all\n")
    (folder / "empty.py").write_text("")
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(folder))
    monkeypatch.setattr(registry, "_default", None)
    driver.begin()
    assert "broken" in driver.message()
    assert "empty" in driver.message()
    assert len(driver.session.gallery.features) == 64
    driver.window.actions_.menus[-1][1][1].trigger()
    page = driver.window.findChild(Page)
    text = page.text.toPlainText()
    assert page.isVisible()
    assert "no_such_package_at_all" in text
    assert text.count("Failed:") == 2
    assert "genre-convnet" in text
    assert "Weights: bundled, MIT" in text
    page.close()


def test_the_page_of_keys_has_every_key(ready):
    ready.key(Qt.Key.Key_F1)
    page = ready.window.findChild(Page)
    text = page.text.toPlainText()
    for _, actions in ready.window.actions_.menus:
        for action in actions:
            for key in action.shortcuts():
                assert key.toString(QKeySequence.SequenceFormat.NativeText) in text
    page.close()


# Closing


def test_the_window_closes_in_the_middle_of_everything(drive, tmp_path):
    driver = drive()
    driver.window.begin([EXCERPT], "genre-convnet")
    driver.until(lambda: driver.session.gallery.features)
    driver.layer("conv5")
    driver.window.open_files([EXCERPT])
    QTest.keyClick(driver.window, Qt.Key.Key_Q, CONTROL)
    assert not driver.window.isVisible()
    QApplication.sendPostedEvents(None, QEvent.Type.MetaCall)  # what was on its way finds nobody


def test_a_window_without_anything_can_be_used(drive):
    driver = drive()
    for _, actions in driver.window.actions_.menus:
        for action in actions:
            if action.isEnabled() and action.text() not in ("&Quit", "&Open…"):
                action.trigger()
    for page in driver.window.findChildren(Page):
        page.close()
    assert driver.session.clip is None
    assert driver.player.position_s == 0.0
