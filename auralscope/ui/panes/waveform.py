"""The waveform of the whole recording, with a frame around the visible stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from auralscope.display.ticks import time_label
from auralscope.ui.graphs.axes import LEFT_AXIS_PX
from auralscope.ui.graphs.colour import PaneColours, argb_of
from auralscope.ui.graphs.items import ViewItem, image_of
from auralscope.ui.graphs.timeline import TimePane

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

    from auralscope.display.overview import Envelope, Overview


class WaveformPane(TimePane):
    """Waveform of the whole recording. A frame shows the stretch that linked panes show (`link_time`).

    The wheel, the mouse and the keys move the frame.
    """

    LOOP_TINT = 34

    def __init__(self, parent: QWidget | None = None) -> None:
        self._overview: Overview | None = None
        self._envelope = _EnvelopeItem()
        self._frame = _FrameItem()
        self._amplitude = 1.0
        left = pg.AxisItem("left")
        left.setWidth(LEFT_AXIS_PX)
        left.setTicks([])
        super().__init__(left, parent)
        self.setAccessibleName(self.tr("Waveform"))
        self.box.addItem(self._envelope, ignoreBounds=True)
        self.box.addItem(self._frame, ignoreBounds=True)
        self._fit_height()
        self._restyle()

    def set_overview(self, overview: Overview | None) -> None:
        """Show a recording's waveform, or nothing. `set_duration` is separate because the duration is known earlier."""
        self._overview = overview
        self._fit_height()
        self._range_changed()

    def set_playhead(self, time_s: float) -> None:
        super().set_playhead(time_s)
        self._envelope.set_played(time_s)

    def _apply_visible(self) -> None:
        self.box.setXRange(0.0, max(self.duration_s, self.MIN_SPAN_S), padding=0)
        self._frame.set_frame(*self.visible_s, self.duration_s)

    def _drag_time(self, by_s: float) -> None:
        self.pan_time(by_s)  # the mouse drags the frame, not the recording

    def _fit_height(self) -> None:
        """Fit the height to the loudest sample, or to full scale without a recording."""
        self._amplitude = 1.0
        if self._overview is not None:
            whole = self._overview.columns(0.0, self._overview.clip.duration_s, 1)
            self._amplitude = max(-float(whole.low[0]), float(whole.high[0]))
        self._zoom_height(1.0, None)

    def _zoom_height(self, factor: float, about: float | None) -> None:
        self._amplitude = min(max(self._amplitude / factor, 0.01), 1.0)
        self.box.setYRange(-self._amplitude, self._amplitude, padding=0)

    def _refresh(self) -> None:
        ratio = self.devicePixelRatioF()
        width_px, height_px = round(self.box.width() * ratio), round(self.box.height() * ratio)
        (start_s, end_s), (low, high) = self.box.viewRange()
        if self._overview is None or width_px < 2 or height_px < 2:
            self._envelope.clear()
            return
        envelope = self._overview.columns(start_s, end_s, width_px)
        rect = QRectF(start_s, low, end_s - start_s, high - low)
        self._envelope.show_envelope(_drawn(envelope, low, high, height_px), rect)

    def _readout_at(self, time_s: float, _height: float) -> str:
        if self._overview is None:
            return time_label(time_s)
        (start_s, end_s), _ = self.box.viewRange()
        half_s = max((end_s - start_s) / max(self.box.width(), 1.0), 1.0 / self._overview.clip.sample_rate) / 2
        here = self._overview.columns(time_s - half_s, time_s + half_s, 1)
        peak = max(abs(float(here.low[0])), abs(float(here.high[0])))
        return (
            f"{time_label(time_s)} · {20 * np.log10(peak):.1f} dB" if peak > 1e-6 else f"{time_label(time_s)} · silent"
        )

    def _restyle(self) -> None:
        super()._restyle()
        colours = PaneColours.of(self.palette())
        self._envelope.set_colours(colours)
        self._frame.set_colours(colours.text, colours.background)
        self._playhead.set_colours(colours.text, colours.plate)
        self.plot.getAxis("left").setPen(pg.mkPen(None))


def _drawn(envelope: Envelope, low: float, high: float, height_px: int) -> NDArray[np.uint8]:
    """Return (height_px, columns): 1 from the lowest to the highest sample, 2 within the RMS, 0 elsewhere."""
    bottom, top = envelope.low, envelope.high
    # Extend each column to the column before it, so that the line is closed.
    before_top, before_bottom = np.append(top[:1], top[:-1]), np.append(bottom[:1], bottom[:-1])
    bottom, top = np.minimum(bottom, before_top), np.maximum(top, before_bottom)
    edges = np.linspace(low, high, height_px + 1)[:, None]
    drawn = ((edges[1:] >= bottom) & (edges[:-1] <= top)).astype(np.uint8)
    rms = np.minimum(envelope.rms, np.maximum(top, -bottom))
    drawn[(edges[1:] >= -rms) & (edges[:-1] <= rms) & (drawn > 0)] = 2
    return drawn


class _EnvelopeItem(pg.GraphicsObject):  # type: ignore[misc]
    """Drawing of the waveform with a tint up to the playhead."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn: NDArray[np.uint8] | None = None
        self._rect = QRectF()
        self._played_s = 0.0
        self._images = (QImage(), QImage())
        self._luts = (np.zeros(3, np.uint32), np.zeros(3, np.uint32))

    def clear(self) -> None:
        self._drawn = None
        self.update()

    def show_envelope(self, drawn: NDArray[np.uint8], rect: QRectF) -> None:
        self.prepareGeometryChange()
        self._drawn, self._rect = drawn, rect
        self._render()

    def set_colours(self, colours: PaneColours) -> None:
        luts = []
        for ink, share in ((colours.accent, 0.45), (colours.dim, 0.45)):
            pale = QColor.fromRgbF(
                *(share * a + (1 - share) * b for a, b in zip(_rgb(ink), _rgb(colours.background), strict=True))
            )
            luts.append(np.array([0, argb_of(pale), argb_of(ink)], np.uint32))
        self._luts = (luts[0], luts[1])
        self._render()

    def _render(self) -> None:
        if self._drawn is not None:
            played, ahead = (image_of(lut[self._drawn], opaque=False) for lut in self._luts)
            self._images = (played, ahead)
        self.update()

    def set_played(self, time_s: float) -> None:
        """Tint up to a time, and repaint only the strip that changes."""
        first_s, last_s = sorted((time_s, self._played_s))
        self._played_s = time_s
        if self._rect.width() > 0:
            slack_s = 2 * self._rect.width() / max(self._images[0].width(), 1)
            strip = QRectF(first_s - slack_s, self._rect.top(), last_s - first_s + 2 * slack_s, self._rect.height())
            self.update(strip.intersected(self._rect))

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        if self._drawn is None:
            return
        width = self._images[0].width()
        share = (self._played_s - self._rect.left()) / self._rect.width()
        split = min(max(round(share * width), 0), width)
        for image, first, last in ((self._images[0], 0, split), (self._images[1], split, width)):
            if last > first:
                left = self._rect.left() + self._rect.width() * first / width
                target = QRectF(
                    left, self._rect.top(), self._rect.width() * (last - first) / width, self._rect.height()
                )
                painter.drawImage(target, image, QRectF(first, 0, last - first, image.height()))


class _FrameItem(ViewItem):
    """Frame around the visible stretch, and a veil over the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(10)
        self._frame_s = (0.0, 0.0, 0.0)
        self._line, self._veil = QColor("black"), QColor("white")

    def set_frame(self, start_s: float, end_s: float, duration_s: float) -> None:
        self.prepareGeometryChange()
        self._frame_s = (start_s, end_s, duration_s)
        self.update()

    def set_colours(self, line: QColor, veil: QColor) -> None:
        self._line, self._veil = QColor(line), QColor(veil)
        self._veil.setAlpha(150)
        self.update()

    def boundingRect(self) -> QRectF:
        bottom, top, _ = self.heights()
        return QRectF(0.0, bottom, self._frame_s[2], top - bottom)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        bottom, top, _ = self.heights()
        start_s, end_s, duration_s = self._frame_s
        if end_s - start_s >= duration_s:
            return
        painter.fillRect(QRectF(0.0, bottom, start_s, top - bottom), self._veil)
        painter.fillRect(QRectF(end_s, bottom, duration_s - end_s, top - bottom), self._veil)
        pen = QPen(self._line, 1)
        pen.setCosmetic(True)
        painter.setPen(pen)
        for at_s in (start_s, end_s):
            painter.drawLine(QPointF(at_s, bottom), QPointF(at_s, top))


def _rgb(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()
