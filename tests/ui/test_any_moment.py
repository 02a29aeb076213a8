"""Keys work wherever the focus is, and requests at any moment end with what was requested last."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from driver import EXCERPT
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QWidget


def can_be_focused(window):
    return [
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.window() is window
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not isinstance(widget.parent(), QComboBox | QAbstractSpinBox)
    ]


def test_a_shortcut_works_wherever_the_focus_is(ready):
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    ready.idle()
    ready.session.listening.set_loop(None)
    tried = 0
    for widget in can_be_focused(ready.window):
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        focused = QApplication.focusWidget()
        if focused is None or isinstance(focused, QLineEdit):
            continue
        before = ready.player.loop is None
        QTest.keyClick(focused, Qt.Key.Key_L)
        assert (ready.player.loop is None) != before, (widget, widget.accessibleName())
        tried += 1
    assert tried > 20


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_every_box_of_numbers_returns_the_keyboard(ready, key):
    boxes = [box for box in ready.window.findChildren(QAbstractSpinBox) if box.isVisible()]
    assert len(boxes) >= 2
    for box in boxes:
        box.setFocus()
        assert box.hasFocus()
        QTest.keyClick(box, key)
        assert not box.hasFocus(), box.accessibleName()


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(44100 * 6), 44100)
    return path


def drop(window, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(100, 100), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(event)


def test_the_last_of_many_requests_is_what_is_shown(drive, other):
    driver = drive().begin()
    window, session = driver.window, driver.session
    for path in (other, EXCERPT, other):  # each while the one before is decoded
        drop(window, path)
    for name in ("conv3", "conv2", "conv5"):  # each while the gallery of the one before fills
        driver.click(window.model_pane.layers.buttons[name])
    session.load_model("compact-convnet")
    session.load_model("genre-convnet")
    driver.until(lambda: session.clip.source == other and not session.jobs.running)
    assert (session.model.spec.id, session.layer, session.unit) == ("genre-convnet", session.model.layers[0], None)
    driver.filled()
    result = session.window_result
    assert result.run.clip is session.clip
    assert result.run.model is session.model
    assert window.recording.choice.currentText() == "other.wav"
    assert window.model_pane.choice.currentData() == "genre-convnet"
    assert driver.message() == ""
    order = session.gallery.layer_result.order
    for unit in order[:4]:  # fast clicks: the last one sounds
        driver.click(window.gallery.view.viewport(), driver.tile(unit).center())
    driver.until(lambda: session.listening.sound is not None)
    assert session.listening.title == session.unit_title(order[3])
    assert window.transport.feature.text() == f"Feature {session.unit_title(order[3])}"


@pytest.mark.parametrize("moment", ["decoding", "loading", "filling", "measuring"])
def test_the_window_closes_at_any_moment(drive, other, moment):
    driver = drive().begin()
    session = driver.session
    if moment == "decoding":
        drop(driver.window, other)
    elif moment == "loading":
        session.load_model("compact-convnet")
    elif moment == "filling":
        driver.layer("conv5")
        driver.until(lambda: session.gallery.features)
    else:
        driver.click_unit(session.gallery.layer_result.order[0])
    assert session.jobs.running
    driver.window.close()
    assert not session.jobs.running
