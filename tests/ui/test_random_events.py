"""Random clicks, keys, turns of the wheel and drags in the whole window raise no exception and keep little memory."""

from __future__ import annotations

import gc
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from driver import EXCERPT
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget

EVENTS = 300
MOST_GROWTH_BYTES = 500_000_000
NO_KEY = Qt.KeyboardModifier.NoModifier
KEYS = [
    "Space", "A", "B", "X", "L", "K", "M", "R", "T", "W", "Z", "0", "Plus", "Minus", "D", "F", "G", "O", "V", "I",
    "Home", "End", "Left", "Right", "Up", "Down", "Return", "Escape", "3", "8", "Tab",
]  # fmt: skip


def resident_bytes():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def any_widget(window, rng):
    widgets = [w for w in window.findChildren(QWidget) if w.isVisible() and w.window() is window and w.width() > 4]
    return rng.choice([widget for widget in widgets if widget.height() > 4])


def any_point(widget, rng):
    return QPoint(rng.randrange(widget.width()), rng.randrange(widget.height()))


def one_event(driver, rng, recordings):
    window, kind = driver.window, rng.random()
    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()
    if kind < 0.4:
        widget = any_widget(window, rng)
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, NO_KEY, any_point(widget, rng))
    elif kind < 0.7:
        QTest.keyClick(QApplication.focusWidget() or window, getattr(Qt.Key, f"Key_{rng.choice(KEYS)}"))
    elif kind < 0.82:
        widget = any_widget(window, rng)
        at = QPointF(any_point(widget, rng))
        wheel = QWheelEvent(
            at, QPointF(widget.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, rng.choice((-120, 120, 360))),
            Qt.MouseButton.NoButton, rng.choice((NO_KEY, Qt.KeyboardModifier.ControlModifier)),
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, wheel)
    elif kind < 0.95:
        pane = rng.choice((window.spectrogram, window.waveform))
        start, end = (any_point(pane.plot.viewport(), rng) for _ in range(2))
        driver.drag(pane, start, end, rng.choice((NO_KEY, Qt.KeyboardModifier.ShiftModifier)))
    elif kind < 0.97:
        driver.session.load_model(rng.choice(("genre-convnet", "compact-convnet")))
    else:
        window.open_files([rng.choice(recordings)])
    if rng.random() < 0.3:
        QTest.qWait(rng.choice((1, 20, 100)))
    for page in window.findChildren(QDialog):
        page.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of the process from /proc")
@pytest.mark.parametrize("seed", [1, 2])
def test_random_events_raise_nothing_and_keep_little(ready, tmp_path, file_dialog, seed):
    other = tmp_path / "other.wav"
    soundfile.write(other, 0.1 * np.random.default_rng(0).standard_normal((44100 * 6, 2)), 44100)
    rng = random.Random(seed)
    before = resident_bytes()
    for _ in range(EVENTS):
        one_event(ready, rng, (EXCERPT, other))
    ready.idle()
    assert resident_bytes() - before < MOST_GROWTH_BYTES
