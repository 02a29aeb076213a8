"""What the views along time have in common: navigation, playhead, loop, the network's window, the read-out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from auralscope.ui.graphs.axes import AXIS_MARGIN_PX, TimeAxisItem, restyle_axes
from auralscope.ui.graphs.colour import PaneColours
from auralscope.ui.graphs.items import PlayheadItem, SpanItem
from auralscope.ui.graphs.readout import PointerReadout

if TYPE_CHECKING:
    from PySide6.QtCore import SignalInstance

Following = Literal["off", "page", "smooth"]


class TimePane(QWidget):
    """A view along time, bounded to its recording.

    Wheel: zoom in time about the pointer (with Ctrl or Shift: in height); sideways wheel and drag: pan; Shift+drag:
    loop region; click: seek; double click: fit. Keys: arrows pan, plus and minus zoom (with Ctrl: in height), Home
    and End go to the ends.

    The setters emit nothing but `visible_changed`; the other signals tell what the *user* did. Times in seconds.
    """

    seek_requested = Signal(float)
    loop_changed = Signal(object)
    """(start_s, end_s)."""
    window_moved = Signal(float)
    """The network's window was dropped at this start."""
    visible_changed = Signal(float, float)
    following_changed = Signal(str)
    """"off" when the user panned."""
    readout_changed = Signal(str)

    MIN_SPAN_S = 0.005
    MIN_LOOP_S = 0.01
    WHEEL_FACTOR = 1.25  # a notch
    LOOP_TINT = 0
    JUMP_S = 0.5
    """What moves the playhead further between two pictures of the screen is no playing on."""
    REFRESH_MS = 15

    def __init__(self, left_axis: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 48)
        self.box = _Box(self)
        self.plot = pg.PlotWidget(viewBox=self.box, axisItems={"left": left_axis, "bottom": TimeAxisItem()})
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys come to the pane
        self.plot.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plot.setAcceptDrops(False)  # files are dropped on the window
        self.plot.hideButtons()
        self.plot.getPlotItem().layout.setContentsMargins(0, AXIS_MARGIN_PX, 2 * AXIS_MARGIN_PX, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)

        self._duration_s = 0.0
        self._visible_s = (0.0, 1.0)
        self._following: Following = "page"
        self._loop_anchor_s: float | None = None
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

    # What is visible

    @property
    def duration_s(self) -> float:
        return self._duration_s

    @property
    def visible_s(self) -> tuple[float, float]:
        return self._visible_s

    def set_duration(self, duration_s: float) -> None:
        """Begin with another recording: fit it, playhead at 0, no loop, no window."""
        self._duration_s = max(duration_s, 0.0)
        self.set_loop(None)
        self.set_model_window(None)
        self.set_playhead(0.0)
        self._visible_s = (-1.0, -1.0)  # whatever comes is new
        self.fit()

    def fit(self) -> None:
        """Show the whole recording."""
        self.show_time(0.0, max(self._duration_s, self.MIN_SPAN_S))

    def show_time(self, start_s: float, end_s: float) -> None:
        """Show a stretch, kept within the recording."""
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
        """Show `factor` times less time, about a time that stays where it is; without it, about the middle."""
        start_s, end_s = self._visible_s
        about_s = (start_s + end_s) / 2 if about_s is None else about_s
        span_s = min(max((end_s - start_s) / factor, self.MIN_SPAN_S), max(self._duration_s, self.MIN_SPAN_S))
        share = min(max((about_s - start_s) / (end_s - start_s), 0.0), 1.0)
        self.show_time(about_s - share * span_s, about_s + (1.0 - share) * span_s)

    def pan_time(self, by_s: float) -> None:
        """Show what is `by_s` later; the view stops following, as the user wants to look here."""
        start_s, end_s = self._visible_s
        before_s = self._visible_s
        by_s = min(max(by_s, -start_s), max(self._duration_s - end_s, 0.0))
        self.show_time(start_s + by_s, end_s + by_s)
        if self._visible_s != before_s and self._following != "off":
            self.set_following("off")
            self.following_changed.emit("off")

    # Playhead, loop, window

    @property
    def following(self) -> Following:
        return self._following

    def set_following(self, following: Following) -> None:
        """Turn the page when the playhead leaves the view, scroll smoothly under it, or stay."""
        self._following = following
        if following != "off":
            self.follow()

    @property
    def playhead_s(self) -> float:
        return self._playhead_s

    def set_playhead(self, time_s: float) -> None:
        """Move the playhead; cheap enough for every frame of the screen.

        The view follows a playhead that leaves it or jumps, not one that was out of sight already: what the user
        looks at meanwhile stays.
        """
        before_s, self._playhead_s = self._playhead_s, time_s
        self._playhead.setPos(time_s, 0.0)
        start_s, end_s = self._visible_s
        if self._following == "smooth" or start_s <= before_s <= end_s or abs(time_s - before_s) > self.JUMP_S:
            self.follow()

    def follow(self) -> None:
        """Bring the playhead into view, unless the view is to stay."""
        start_s, end_s = self._visible_s
        span_s = end_s - start_s
        loop_s = self.loop_s
        if loop_s is not None and start_s <= loop_s[0] <= self._playhead_s <= loop_s[1] <= end_s:
            return  # all of what is repeated is in view
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
        """Show the frame that the network looks at, or none."""
        self._window.setVisible(start_s is not None)
        if start_s is not None:
            self._window.set_span(start_s, start_s + length_s)

    def _limits(self) -> tuple[float, float]:
        return 0.0, self._duration_s

    # For the panes

    def _apply_visible(self) -> None:
        self.box.setXRange(*self._visible_s, padding=0)

    def _refresh(self) -> None:
        """Draw anew what depends on the visible range; called some milliseconds after the last change."""

    def _readout_at(self, time_s: float, height: float) -> str:
        """What to say about a point; `height` in the view's units."""
        raise NotImplementedError

    def _fit_height(self) -> None:
        """Show the full height."""

    def _zoom_height(self, factor: float, about: float | None) -> None:
        """Show `factor` times less height."""

    def _pan_height(self, share: float) -> None:
        """Move up by a share of the visible height."""

    def _drag_time(self, by_s: float) -> None:
        """Follow a drag by `by_s` in the view's own time."""
        self.pan_time(-by_s)

    def _range_changed(self, *_ignored: object) -> None:
        if not self._refresh_timer.isActive():
            self._refresh_timer.start()
        self._readout.refresh()

    # Mouse, from the box

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
            self.fit()
            self._fit_height()
        elif self._duration_s > 0.0:
            self.seek_requested.emit(min(max(at.x(), 0.0), self._duration_s))

    def _text_at(self, at: QPointF) -> str:
        return self._readout_at(at.x(), at.y()) if 0.0 <= at.x() <= self._duration_s else ""

    # Qt

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
        self.plot.setBackground(colours.background)
        restyle_axes(self.plot, colours.text, colours.dim)
        self._loop.set_colours(colours.accent, colours.on_accent)
        self._window.set_colours(colours.model, colours.background)
        self._playhead.set_colours(QColor("white"), QColor(0, 0, 0, 150))
        self._readout.restyle(colours)


class _Box(pg.ViewBox):  # type: ignore[misc]
    """Tells its pane of wheel, drag and click in the view's units; pyqtgraph's own navigation is left out."""

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
            # Some systems turn the wheel sideways while Shift is held.
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
    """Keep two panes on the same visible time, following, loop and window."""
    for source, target in ((one, other), (other, one)):
        _connect(source.visible_changed, target.show_time)
        _connect(source.following_changed, target.set_following)
        _connect(source.loop_changed, target.set_loop)
        _connect(source.window_moved, lambda start_s, target=target: _move_window(target, start_s))


def _connect(signal: SignalInstance, slot: Any) -> None:
    signal.connect(slot)


def _move_window(pane: TimePane, start_s: float) -> None:
    window_s = pane.model_window_s
    if window_s is not None:
        pane.set_model_window(start_s, window_s[1] - window_s[0])
