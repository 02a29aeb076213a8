"""Fixtures and helpers of the label page's tests."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication


@pytest.fixture
def opened(qtbot, shared_window):
    """Open the label page of the genre convnet, which has three labels."""
    return shared_window.take_labels(qtbot)


def heatmap_of(driver):
    return driver.window.labels_pane.similarity.figure.heatmaps[0]


def hover(heatmap, row, column):
    """Move the mouse to a cell by an event; `QTest.mouseMove` fails while other programs use the screen."""
    at = QPointF(heatmap.parts.rect(row, column).center())
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, at, heatmap.mapToGlobal(at), none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(heatmap, move)


@pytest.fixture
def with_truth(opened, tmp_path, file_dialog):
    """Open the label page and load a ground truth of two hundred tracks with the button."""
    rows = (np.random.default_rng(1).random((200, 3)) < (0.5, 0.4, 0.3)).astype(np.uint8)
    np.save(tmp_path / "truth.npy", rows)
    file_dialog.path = tmp_path / "truth.npy"
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(1)
    assert "Load a ground truth" in pane.truth.figure.sentence.text()
    opened.click(pane.truth.load)
    opened.until(lambda: opened.session.labels.agreement is not None)
    opened.idle()
    return opened, rows
