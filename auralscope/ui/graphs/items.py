"""Items of a plot along time: pictures, the playhead, and spans of time with handles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget


def image_of(argb: NDArray[np.uint32], *, opaque: bool = True) -> QImage:
    """Return a picture of (rows, columns) 32-bit ARGB (premultiplied), with its own copy of the memory."""
    rows, columns = argb.shape
    form = QImage.Format.Format_RGB32 if opaque else QImage.Format.Format_ARGB32_Premultiplied
    return QImage(np.ascontiguousarray(argb).data, columns, rows, 4 * columns, form).copy()


class PictureItem(pg.GraphicsObject):  # type: ignore[misc]
    """Image of bytes over a rectangle of time and frequency; row 0 is the lowest.

    `pg.ImageItem` paints its whole image, which exceeds Qt's range of coordinates at a thousandfold magnification.
    This item paints only the visible pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self._image = QImage()
        self._rect = QRectF()
        self._opaque = True

    def set_rows(self, rows: NDArray[np.uint8], rect: QRectF, lut: NDArray[np.uint32], *, opaque: bool = True) -> None:
        """Show (rows, columns) bytes, coloured by `lut`, over `rect` (x in seconds, y in positions on the axis)."""
        self.prepareGeometryChange()
        self._rows, self._rect, self._opaque = rows, rect, opaque
        self.recolour(lut)

    def recolour(self, lut: NDArray[np.uint32]) -> None:
        self._image = image_of(lut[self._rows], opaque=self._opaque)
        self.update()

    @property
    def rect(self) -> QRectF:
        return self._rect

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        visible = self._rect.intersected(self.getViewBox().viewRect())
        if visible.isEmpty() or self._image.isNull():
            return
        across, up = self._image.width() / self._rect.width(), self._image.height() / self._rect.height()
        left = int((visible.left() - self._rect.left()) * across)
        right = min(int((visible.right() - self._rect.left()) * across) + 1, self._image.width())
        first = int((visible.top() - self._rect.top()) * up)
        last = min(int((visible.bottom() - self._rect.top()) * up) + 1, self._image.height())
        source = QRectF(left, first, right - left, last - first)
        target = QRectF(
            self._rect.left() + left / across,
            self._rect.top() + first / up,
            source.width() / across,
            source.height() / up,
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.drawImage(target, self._image, source)


class ViewItem(pg.GraphicsObject):  # type: ignore[misc]
    """Base of items that are as high as the view and have parts measured in pixels."""

    def pixel_s(self) -> float:
        """Return the width of a pixel in seconds."""
        box = self.getViewBox()
        return float(box.viewPixelSize()[0]) if box is not None and box.width() > 0 else 0.0

    def heights(self) -> tuple[float, float, float]:
        """Return bottom and top of the view and the height of a pixel, in the view's units."""
        box = self.getViewBox()
        if box is None or box.height() <= 0:
            return 0.0, 0.0, 0.0
        (bottom, top), pixel = box.viewRange()[1], float(box.viewPixelSize()[1])
        return bottom, top, pixel

    def viewTransformChanged(self) -> None:
        self.prepareGeometryChange()
        super().viewTransformChanged()

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()


class PlayheadItem(pg.InfiniteLine):  # type: ignore[misc]
    """Line at the time that sounds, above its shade; moving it repaints a strip of a few pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(30)
        self.set_colours(QColor("white"), QColor(0, 0, 0, 150))

    def set_colours(self, line: QColor, shade: QColor) -> None:
        self.setPen(line, width=1)
        self.setHoverPen(shade, width=3)  # also widens the strip that is repainted

    def paint(self, painter: QPainter, *_args: object) -> None:
        for pen in (self.hoverPen, self.pen):
            self.currentPen = pen
            super().paint(painter)


Handle = Literal["bar", "start", "end"]


class SpanItem(ViewItem):
    """Span of time that is dragged by a bar and, if resizable, by its edges.

    Only these handles take the mouse: inside the span a click seeks and a drag pans as anywhere else, which
    `pg.LinearRegionItem` does not allow. The bar is thin until the pointer is near, to hide little of the picture.

    Parameters
    ----------
    bar_at : {"top", "bottom"}
    resizable : bool
    label : str
        Text on the bar while the pointer is there, where it fits.
    limits : callable
        Returns the lowest start and the highest end in seconds.
    resizable : bool
    tint : int
        Opacity of the span's own colour, 0 to 255.
    """

    dropped = Signal(float, float)
    """Start and end in seconds, after a drag by the user."""

    BAR_PX = 16
    THIN_PX = 5
    EDGE_PX = 5
    MIN_DURATION_S = 0.01

    def __init__(
        self,
        bar_at: Literal["top", "bottom"],
        label: str,
        limits: Callable[[], tuple[float, float]],
        *,
        resizable: bool,
        tint: int = 0,
    ) -> None:
        super().__init__()
        self.setZValue(20)
        self._bar_at, self._label, self._limits, self._resizable = bar_at, label, limits, resizable
        self._tint = tint
        self._span_s = (0.0, 0.0)
        self._colour = QColor("white")
        self._text = QColor("black")
        self._held: tuple[Handle, float, tuple[float, float]] | None = None
        self._hovered = False
        self.hide()

    @property
    def span_s(self) -> tuple[float, float]:
        return self._span_s

    def set_span(self, start_s: float, end_s: float) -> None:
        self.prepareGeometryChange()
        self._span_s = (start_s, end_s)
        self.update()

    def set_colours(self, colour: QColor, text: QColor) -> None:
        self._colour, self._text = colour, text
        self.update()

    # -- geometry ----------------------------------------------------------------------------------------------------

    def _bar(self, height_px: int = BAR_PX) -> QRectF:
        bottom, top, pixel = self.heights()
        height = min(height_px * pixel, (top - bottom) / 4)
        low = top - height if self._bar_at == "top" else bottom
        return QRectF(self._span_s[0], low, self._span_s[1] - self._span_s[0], height)

    def _edges(self) -> dict[Handle, QRectF]:
        bottom, top, _ = self.heights()
        reach = self.EDGE_PX * self.pixel_s()
        at: dict[Handle, float] = {"start": self._span_s[0], "end": self._span_s[1]}
        return {handle: QRectF(s - reach, bottom, 2 * reach, top - bottom) for handle, s in at.items()}

    def boundingRect(self) -> QRectF:
        bottom, top, _ = self.heights()
        reach = self.EDGE_PX * self.pixel_s()
        return QRectF(self._span_s[0] - reach, bottom, self._span_s[1] - self._span_s[0] + 2 * reach, top - bottom)

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.setFillRule(Qt.FillRule.WindingFill)
        path.addRect(self._bar())
        if self._resizable:
            for edge in self._edges().values():
                path.addRect(edge)
        return path

    def handle_at(self, point: QPointF) -> Handle | None:
        """Return the handle at a point (x in seconds, y in the view's units), None where there is none."""
        if self._resizable:
            edges = self._edges()
            near = [handle for handle in edges if edges[handle].contains(point)]
            if near:
                return min(near, key=lambda handle: abs(edges[handle].center().x() - point.x()))
        return "bar" if self._bar().contains(point) else None

    # -- mouse -------------------------------------------------------------------------------------------------------

    def hoverEvent(self, event: Any) -> None:
        handle = None if event.isExit() else self.handle_at(event.pos())
        if handle is not None:
            event.acceptDrags(Qt.MouseButton.LeftButton)
            self.setCursor(Qt.CursorShape.SizeAllCursor if handle == "bar" else Qt.CursorShape.SizeHorCursor)
        else:
            self.unsetCursor()
        self._hovered = handle is not None
        self.update()

    def mouseDragEvent(self, event: Any) -> None:
        if event.isStart():
            handle = self.handle_at(event.buttonDownPos())
            if event.button() != Qt.MouseButton.LeftButton or handle is None:
                event.ignore()
                return
            self._held = (handle, event.buttonDownPos().x(), self._span_s)
        if self._held is None:
            event.ignore()
            return
        event.accept()
        self.set_span(*self._moved(event.pos().x()))
        if event.isFinish():
            self._held = None
            self.dropped.emit(*self._span_s)

    def _moved(self, to_s: float) -> tuple[float, float]:
        assert self._held is not None
        handle, from_s, (start_s, end_s) = self._held
        lowest_s, highest_s = self._limits()
        by_s = to_s - from_s
        if handle == "bar":
            by_s = max(min(by_s, highest_s - end_s), lowest_s - start_s)
            return start_s + by_s, end_s + by_s
        moved_s = min(max((start_s if handle == "start" else end_s) + by_s, lowest_s), highest_s)
        fixed_s = end_s if handle == "start" else start_s
        first_s, last_s = sorted((moved_s, fixed_s))  # one edge may be dragged past the other
        return first_s, max(last_s, first_s + self.MIN_DURATION_S)

    # -- painting ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        bottom, top, _ = self.heights()
        start_s, end_s = self._span_s
        wide = self._hovered or self._held is not None
        bar = self._bar(self.BAR_PX if wide else self.THIN_PX)
        fill = QColor(self._colour)
        if self._tint:
            fill.setAlpha(self._tint)
            painter.fillRect(QRectF(start_s, bottom, end_s - start_s, top - bottom), fill)
        for pen in (pg.mkPen((0, 0, 0, 140), width=3), pg.mkPen(self._colour, width=1 if self._resizable else 2)):
            painter.setPen(pen)
            for at_s in self._span_s:
                painter.drawLine(QPointF(at_s, bottom), QPointF(at_s, top))
            if not self._resizable:  # close the frame
                for height in (bottom, top):
                    painter.drawLine(QPointF(start_s, height), QPointF(end_s, height))
        fill.setAlpha(255 if wide else 215)
        painter.fillRect(bar, fill)
        if wide:
            self._write(painter, bar)

    def _write(self, painter: QPainter, bar: QRectF) -> None:
        """Write the label, in pixels, on the visible part of the bar."""
        box = self.getViewBox().viewRect()
        on_screen = painter.worldTransform().mapRect(bar.intersected(box))
        font = painter.font()
        font.setPixelSize(11)
        metrics = QFontMetricsF(font)
        if metrics.horizontalAdvance(self._label) + 8 > on_screen.width() or metrics.height() > on_screen.height() + 2:
            return
        painter.save()
        painter.resetTransform()
        painter.setFont(font)
        painter.setPen(self._text)
        painter.drawText(on_screen, Qt.AlignmentFlag.AlignCenter, self._label)
        painter.restore()
