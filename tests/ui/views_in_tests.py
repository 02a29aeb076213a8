"""Helpers for the tests of the live views: panes whose tiles are rendered, mouse, wheel, and pixels."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
import pytest
from driver import wait_until
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QThreadPool, Signal
from PySide6.QtGui import QMouseEvent, QPalette, QWheelEvent
from PySide6.QtWidgets import QApplication

from auralscope.display.pyramid import Pyramid, TileKey, View
from auralscope.types import Clip
from auralscope.ui.panes.spectrogram import SpectrogramPane, TileRequest

if TYPE_CHECKING:
    from auralscope.ui.graphs.timeline import TimePane

RATE = 22050
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NO_KEY, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


class Renderer(QObject):
    """Renderer of requested tiles on a thread pool; withdrawn requests are dropped."""

    _done = Signal(object)

    def __init__(self, pane: SpectrogramPane) -> None:
        super().__init__()
        self.pane = pane
        self.pool = QThreadPool()
        self.pool.setMaxThreadCount(2)
        self.requests: list[TileRequest] = []
        self.waiting = 0
        self.arrival_s: list[float] = []
        pane.request_tiles.connect(self._start)
        self._done.connect(self._arrived, Qt.ConnectionType.QueuedConnection)

    def _start(self, request: TileRequest) -> None:
        self.requests.append(request)
        for key in request.keys:
            self.waiting += 1
            self.pool.start(lambda key=key: self._render(request, key))

    def _render(self, request: TileRequest, key: TileKey) -> None:
        latest = self.requests[-1]
        wanted = latest.pyramid is request.pyramid and key in latest.keys
        self._done.emit(request.render(key) if wanted else None)

    def close(self) -> None:
        self.pane.request_tiles.disconnect(self._start)
        self._done.disconnect(self._arrived)
        self.pool.clear()
        self.pool.waitForDone()

    def _arrived(self, ready) -> None:
        self.waiting -= 1
        if ready is not None:
            before_s = time.thread_time()
            self.pane.tile_arrived(ready)
            self.arrival_s.append(time.thread_time() - before_s)


@pytest.fixture
def every_mouse_move_counts():
    before = pg.getConfigOption("mouseRateLimit")
    pg.setConfigOptions(mouseRateLimit=-1)
    yield
    pg.setConfigOptions(mouseRateLimit=before)


def show(qtbot, pane, width=900, height=500):
    qtbot.addWidget(pane)
    pane.resize(width, height)
    pane.show()
    qtbot.waitExposed(pane)
    return pane


@pytest.fixture
def spectrogram(qtbot):
    """Return a function that shows a pane of a clip with rendered tiles."""
    renderers = []

    def open_clip(clip: Clip, view: View | None = None) -> SpectrogramPane:
        pane = show(qtbot, SpectrogramPane())
        renderers.append(Renderer(pane))
        pane.renderer = renderers[-1]
        pane.set_pyramid(Pyramid(clip, view or View()))
        settle(qtbot, pane)
        return pane

    yield open_clip
    for renderer in renderers:
        renderer.close()


def settle(qtbot, pane: SpectrogramPane) -> None:
    def still() -> bool:
        timers = pane._refresh_timer.isActive() or pane._rewarp_timer.isActive()
        return not timers and pane.renderer.waiting == 0

    wait_until(still)
    QApplication.processEvents()
    wait_until(still)


def sine(hz: float, duration_s: float = 20.0) -> Clip:
    return Clip(np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE)) / RATE), RATE)


def noise(duration_s: float = 20.0) -> Clip:
    return Clip(0.2 * np.random.default_rng(0).standard_normal(round(duration_s * RATE)), RATE)


def place(pane, time_s: float, height: float) -> QPoint:
    """Return the position of a point of the view in the viewport."""
    return pane.plot.mapFromScene(pane.box.mapViewToScene(QPointF(time_s, height)))


def show_frequencies(pane: SpectrogramPane, low_hz: float, high_hz: float) -> None:
    pane._show_heights(*pane._axis.position([low_hz, high_hz]).tolist())


def place_hz(pane: SpectrogramPane, time_s: float, hz: float) -> QPoint:
    return place(pane, time_s, float(pane._axis.position(hz)))


def mouse(pane, kind: QEvent.Type, at: QPoint, button=NO_BUTTON, held=NO_BUTTON, keys=NO_KEY) -> None:
    viewport = pane.plot.viewport()
    event = QMouseEvent(kind, QPointF(at), QPointF(viewport.mapToGlobal(at)), button, held, keys)
    QApplication.sendEvent(viewport, event)


def drag(pane, *points: QPoint, keys=NO_KEY) -> None:
    mouse(pane, QEvent.Type.MouseMove, points[0], keys=keys)
    mouse(pane, QEvent.Type.MouseButtonPress, points[0], LEFT, LEFT, keys)
    for before, after in pairwise(points):
        mouse(pane, QEvent.Type.MouseMove, (before + after) / 2, NO_BUTTON, LEFT, keys)
        mouse(pane, QEvent.Type.MouseMove, after, NO_BUTTON, LEFT, keys)
    mouse(pane, QEvent.Type.MouseButtonRelease, points[-1], LEFT, NO_BUTTON, keys)


def wheel(pane, at: QPoint, notches: float, keys=NO_KEY, sideways=False) -> None:
    viewport = pane.plot.viewport()
    turn = QPoint(round(120 * notches), 0) if sideways else QPoint(0, round(120 * notches))
    event = QWheelEvent(
        QPointF(at), QPointF(viewport.mapToGlobal(at)), QPoint(), turn, NO_BUTTON, keys, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(viewport, event)


def pixels(pane) -> np.ndarray:
    """Return the pixels of the pane inside its axes, (height, width, 3)."""
    image = pane.plot.grab().toImage().convertToFormat(pane.plot.grab().toImage().Format.Format_RGB32)
    assert image.devicePixelRatio() == 1.0
    whole = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    rect = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect()
    inner = whole[rect.top() + 2 : rect.bottom() - 2, rect.left() + 2 : rect.right() - 2, 2::-1]
    return inner.astype(int)


def brightness(pane) -> np.ndarray:
    return pixels(pane).sum(axis=2)


def drawn(pane: TimePane) -> np.ndarray:
    """Return where pixels differ from the background, (height, width)."""
    inner = pixels(pane)
    background = pane.palette().color(QPalette.ColorRole.Window)
    return np.abs(inner - [background.red(), background.green(), background.blue()]).sum(axis=2) > 12


def row_of(pane, hz: float) -> float:
    top = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect().top() + 2
    return place_hz(pane, pane.visible_s[0], hz).y() - top


def column_of(pane, time_s: float) -> float:
    left = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect().left() + 2
    return place(pane, time_s, 0.0).x() - left
