"""Base of all panes along time: navigation, playhead, loop, the model's window and the read-out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from auralscope.ui.graphs.axes import restyle, time_plot
from auralscope.ui.graphs.colour import PaneColours
from auralscope.ui.graphs.items import PlayheadItem, SpanItem
from auralscope.ui.graphs.readout import PointerReadout

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

Following = Literal["off", "page", "smooth"]


class TimePane(QWidget):
    """A view along time, bounded to its recording.

    Wheel: zoom in time about the pointer (with Ctrl or Shift: in height); sideways wheel and drag: pan; Shift+drag:
    loop; click: seek; double click: show all. Keys: arrows pan, plus and minus zoom (with Ctrl: in height), Home and
    End go to the ends.

    The setters emit only `visible_changed`; the other signals report what the user did. Times are in seconds.
    """

    seek_requested = Signal(float)
    seek_withdrawn = Signal()
    """The click of the last request was the first of a double click."""
    loop_changed = Signal(object)
    """(start_s, end_s)."""
    window_moved = Signal(float)
    """The new start of the model's window, after a drag."""
    visible_changed = Signal(float, float)
    following_changed = Signal(str)
    """"off": the user has panned."""
    readout_changed = Signal(str)

    MIN_SPAN_S = 0.005
    MIN_LOOP_S = 0.01
    WHEEL_FACTOR = 1.25  # a notch
    LOOP_TINT = 0
    JUMP_S = 0.5
    """A longer step of the playhead than this is a seek, not playback."""
    REFRESH_MS = 15

    def __init__(self, left_axis: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 48)
        self.box = _Box(self)
        self.plot = time_plot(self.box, left_axis)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)

        self._duration_s = 0.0
        self._visible_s = (0.0, 1.0)
        self._following: Following = "page"
        self._playhead_s = 0.0

        self._playhead = PlayheadItem()
        self._loop = SpanItem("top", self.tr("loop"), self._limits, resizable=True, tint=self.LOOP_TINT)
        self._window = SpanItem("bottom", self.tr("what the model sees"), self._limits, resizable=False)
        for item in (self._playhead, self._loop, self._window):
            self.box.addItem(item, ignoreBounds=True)
        self._loop.dropped.connect(lambda start_s, end_s: self.loop_changed.emit((start_s, end_s)))
        self._window.dropped.connect(lambda start_s, _end_s: self.window_moved.emit(start_s))

        self._readout = PointerReadout(self.plot, self._text_at)
        self._readout.changed.connect(self.readout_changed)
        self._refresh_timer = QTimer(self, singleShot=True, interval=self.REFRESH_MS)
        self._refresh_timer.timeout.connect(self._refresh)
        self.box.sigRangeChanged.connect(self._range_changed)
        self.box.sigResized.connect(self._range_changed)
        self._restyle()

    # -- visible span ------------------------------------------------------------------------------------------------

    @property
    def duration_s(self) -> float:
        return self._duration_s

    @property
    def visible_s(self) -> tuple[float, float]:
        return self._visible_s

    def set_duration(self, duration_s: float) -> None:
        """Show another recording: all of it, the playhead at 0, no loop and no window."""
        self._duration_s = max(duration_s, 0.0)
        self.set_loop(None)
        self.set_model_window(None)
        self.set_playhead(0.0)
        self._visible_s = (-1.0, -1.0)  # differs from any range, so that `visible_changed` is emitted
        self.fit()

    def fit(self) -> None:
        """Show the whole recording."""
        self.show_time(0.0, max(self._duration_s, self.MIN_SPAN_S))

    def fit_all(self) -> None:
        """Show the whole recording at its full height."""
        self.fit()
        self._fit_height()

    def show_time(self, start_s: float, end_s: float) -> None:
        """Show a span, kept within the recording."""
        whole_s = max(self._duration_s, self.MIN_SPAN_S)
        span_s = min(max(end_s - start_s, self.MIN_SPAN_S), whole_s)
        start_s = min(max(start_s, 0.0), whole_s - span_s)
        visible_s = (start_s, start_s + span_s)
        if visible_s == self._visible_s:
            return
        self._visible_s = visible_s
        self._apply_visible()
        self.visible_changed.emit(*visible_s)

    def zoom_time(self, factor: float, about_s: float | None = None) -> None:
        """Show `factor` times less time about a fixed point, by default the middle."""
        start_s, end_s = self._visible_s
        about_s = (start_s + end_s) / 2 if about_s is None else about_s
        span_s = min(max((end_s - start_s) / factor, self.MIN_SPAN_S), max(self._duration_s, self.MIN_SPAN_S))
        share = min(max((about_s - start_s) / (end_s - start_s), 0.0), 1.0)
        self.show_time(about_s - share * span_s, about_s + (1.0 - share) * span_s)

    def pan_time(self, by_s: float) -> None:
        """Move the view `by_s` later; it stops following the playhead, as the user chose this place."""
        before_s = start_s, end_s = self._visible_s
        by_s = min(max(by_s, -start_s), max(self._duration_s - end_s, 0.0))
        self.show_time(start_s + by_s, end_s + by_s)
        if self._visible_s != before_s and self._following != "off":
            self.set_following("off")
            self.following_changed.emit("off")

    # -- playhead, loop, window --------------------------------------------------------------------------------------

    @property
    def following(self) -> Following:
        return self._following

    def set_following(self, following: Following) -> None:
        """Turn the page when the playhead leaves the view ("page"), scroll under it ("smooth"), or stay ("off")."""
        self._following = following
        if following != "off":
            self.follow()

    @property
    def playhead_s(self) -> float:
        return self._playhead_s

    def set_playhead(self, time_s: float) -> None:
        """Move the playhead; cheap enough for every frame of the screen.

        The view follows a playhead that leaves it or jumps. While the playhead plays outside the view, the view stays
        where the user put it.
        """
        before_s, self._playhead_s = self._playhead_s, time_s
        self._playhead.setValue(time_s)
        start_s, end_s = self._visible_s
        if self._following == "smooth" or start_s <= before_s <= end_s or abs(time_s - before_s) > self.JUMP_S:
            self.follow()

    def follow(self) -> None:
        """Bring the playhead into view, unless following is off."""
        start_s, end_s = self._visible_s
        span_s = end_s - start_s
        loop_s = self.loop_s
        if loop_s is not None and start_s <= loop_s[0] <= self._playhead_s <= loop_s[1] <= end_s:
            return  # the whole loop is visible
        if self._following == "smooth":
            self.show_time(self._playhead_s - span_s / 2, self._playhead_s + span_s / 2)
        elif self._following == "page" and not start_s <= self._playhead_s <= end_s:
            self.show_time(self._playhead_s - 0.04 * span_s, self._playhead_s + 0.96 * span_s)

    @property
    def loop_s(self) -> tuple[float, float] | None:
        return self._loop.span_s if self._loop.isVisible() else None

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Show the loop region, (start_s, end_s), or none."""
        self._loop.setVisible(loop_s is not None)
        if loop_s is not None:
            self._loop.set_span(*loop_s)

    @property
    def model_window_s(self) -> tuple[float, float] | None:
        return self._window.span_s if self._window.isVisible() else None

    def set_model_window(self, start_s: float | None, length_s: float = 0.0) -> None:
        """Show the model's window, or none."""
        self._window.setVisible(start_s is not None)
        if start_s is not None:
            self._window.set_span(start_s, start_s + length_s)

    def move_model_window(self, start_s: float) -> None:
        """Move the model's window, where it is shown, to another start."""
        window_s = self.model_window_s
        if window_s is not None:
            self.set_model_window(start_s, window_s[1] - window_s[0])

    def _limits(self) -> tuple[float, float]:
        return 0.0, self._duration_s

    # -- overridden by the panes -------------------------------------------------------------------------------------

    def _apply_visible(self) -> None:
        self.box.setXRange(*self._visible_s, padding=0)

    def _refresh(self) -> None:
        """Redraw what depends on the visible range; called some milliseconds after the last change."""

    def _readout_at(self, time_s: float, height: float) -> str:
        """Return the read-out at a point; `height` in the view's units."""
        raise NotImplementedError

    def _fit_height(self) -> None:
        """Show the full height."""

    def _zoom_height(self, factor: float, about: float | None) -> None:
        """Show `factor` times less height."""

    def _pan_height(self, share: float) -> None:
        """Move up by a share of the visible height."""

    def _drag_time(self, by_s: float) -> None:
        """Follow a drag by `by_s`."""
        self.pan_time(-by_s)

    def _range_changed(self, *_ignored: object) -> None:
        if not self._refresh_timer.isActive():
            self._refresh_timer.start()
        self._readout.refresh()

    # -- mouse, called by the box ------------------------------------------------------------------------------------

    def wheel(self, notches: float, at: QPointF, *, height: bool, sideways: bool) -> None:
        if sideways:
            start_s, end_s = self._visible_s
            self.pan_time(-0.1 * notches * (end_s - start_s))
        elif height:
            self._zoom_height(self.WHEEL_FACTOR**notches, at.y())
        else:
            self.zoom_time(self.WHEEL_FACTOR**notches, at.x())

    def drag(self, by: QPointF) -> None:
        if by.x():
            self._drag_time(by.x())
        if by.y():
            low, high = self.box.viewRange()[1]
            self._pan_height(-by.y() / (high - low))

    def drag_loop(self, from_s: float, to_s: float, *, finished: bool) -> None:
        lowest_s, highest_s = self._limits()
        start_s, end_s = sorted(min(max(edge_s, lowest_s), highest_s) for edge_s in (from_s, to_s))
        if end_s - start_s >= self.MIN_LOOP_S:
            self.set_loop((start_s, end_s))
            if finished:
                self.loop_changed.emit((start_s, end_s))

    def click(self, at: QPointF, *, double: bool) -> None:
        if double:
            self.seek_withdrawn.emit()
            self.fit_all()
        elif self._duration_s > 0.0:
            self.seek_requested.emit(min(max(at.x(), 0.0), self._duration_s))

    def _text_at(self, at: QPointF) -> str:
        return self._readout_at(at.x(), at.y()) if 0.0 <= at.x() <= self._duration_s else ""

    # -- Qt ----------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        start_s, end_s = self._visible_s
        span_s = end_s - start_s
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.pan_time((-0.1 if key == Qt.Key.Key_Left else 0.1) * span_s)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._pan_height(0.1 if key == Qt.Key.Key_Up else -0.1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            factor = 1 / self.WHEEL_FACTOR if key == Qt.Key.Key_Minus else self.WHEEL_FACTOR
            if control:
                self._zoom_height(factor, None)
            else:
                self.zoom_time(factor)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.pan_time(-start_s if key == Qt.Key.Key_Home else self._duration_s - end_s)
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ApplicationPaletteChange):
            self._restyle()

    def _restyle(self) -> None:
        colours = PaneColours.of(self.palette())
        restyle(self.plot, colours)
        self._loop.set_colours(colours.accent, colours.on_accent)
        self._window.set_colours(colours.model, colours.background)
        self._readout.restyle(colours)


class _Box(pg.ViewBox):  # type: ignore[misc]
    """View box that passes wheel, drag and click to its pane in the view's units, instead of pyqtgraph's navigation."""

    def __init__(self, pane: TimePane) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self._pane = pane
        self._loop_from_s: float | None = None
        self.disableAutoRange()

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        modifiers = event.modifiers()
        with_modifier = bool(modifiers & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
        horizontal = event.orientation() == Qt.Orientation.Horizontal
        self._pane.wheel(
            event.delta() / 120.0,
            self.mapSceneToView(event.scenePos()),
            height=with_modifier or axis == 1,
            # some systems turn the wheel sideways while Shift is held
            sideways=horizontal and not with_modifier,
        )
        event.accept()

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            event.ignore()
            return
        event.accept()
        at = self.mapSceneToView(event.scenePos())
        if event.isStart():
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier) and axis is None
            self._loop_from_s = self.mapSceneToView(event.buttonDownScenePos()).x() if shift else None
        if self._loop_from_s is not None:
            self._pane.drag_loop(self._loop_from_s, at.x(), finished=event.isFinish())
        else:
            by = at - self.mapSceneToView(event.lastScenePos())
            self._pane.drag(QPointF(0.0 if axis == 1 else by.x(), 0.0 if axis == 0 else by.y()))

    def mouseClickEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self._pane.click(self.mapSceneToView(event.scenePos()), double=event.double())


def link_time(one: TimePane, other: TimePane) -> None:
    """Keep the visible span, following, loop and window of two panes equal."""
    for source, target in ((one, other), (other, one)):
        source.visible_changed.connect(target.show_time)
        source.following_changed.connect(target.set_following)
        source.loop_changed.connect(target.set_loop)
        source.window_moved.connect(target.move_model_window)
