"""Paint a heatmap: cells, numbers, names, tree and colour scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen

from auralscope.ui import theme
from auralscope.ui.graphs.diverging import LEVELS, colours_of, is_bright, table
from auralscope.ui.graphs.heatmap_layout import GAP_PX, LARGEST_FONT_PX, SMALLEST_FONT_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.ui.graphs.heatmap_layout import Matrix, Place

LEFT, RIGHT, MIDDLE = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


def draw(painter: QPainter, matrix: Matrix, place: Place) -> None:
    """Everything that does not move."""
    _draw_cells(painter, matrix, place)
    _draw_numbers(painter, matrix, place)
    _draw_names(painter, matrix, place)
    if matrix.linkage is not None and not place.tree.isEmpty():
        _draw_tree(painter, matrix, place)
    _draw_bar(painter, matrix, place)


def _draw_cells(painter: QPainter, matrix: Matrix, place: Place) -> None:
    """One picture, a pixel a cell, stretched; what says nothing is left out of it."""
    count = len(matrix.labels)
    opaque = np.full((count, count, 1), 255, dtype=np.uint8)
    if matrix.half:
        opaque[np.triu_indices(count, 1)] = 0
    if not matrix.diagonal:
        opaque[np.diag_indices(count)] = 0
    pixels = np.ascontiguousarray(np.concatenate([colours_of(matrix.values, matrix.scale, matrix.limit), opaque], 2))
    image = QImage(pixels.data, count, count, 4 * count, QImage.Format.Format_RGBA8888)
    cells = place.cells
    painter.save()
    if not matrix.half:
        painter.fillRect(cells, QColor(theme.current().window))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.drawImage(cells, image)
    painter.setPen(QColor(theme.current().border))
    if not matrix.half:
        painter.drawRect(cells.adjusted(-1, -1, 0, 0))
    undefined = [(row, column) for row, column in np.argwhere(np.isnan(matrix.values)) if matrix.shows(row, column)]
    painter.setBrush(Qt.BrushStyle.BDiagPattern)
    for row, column in undefined:
        painter.fillRect(place.rect(row, column), QColor(theme.current().panel))
        painter.fillRect(place.rect(row, column), painter.brush())
    painter.restore()


def number(value: float, room_px: int, metrics: QFontMetrics) -> str:
    """A value as exactly as there is room for; empty where there is none."""
    if np.isnan(value):
        return ""
    exact = f"{round(value, 2) + 0.0:.2f}"  # nothing is minus nothing
    for text in (exact, exact.replace("0.", ".", 1) if abs(value) < 1.0 else f"{value:.1f}"):
        if metrics.horizontalAdvance(text.replace("-", "−")) + 3 <= room_px:
            return text.replace("-", "−")
    return ""


def _draw_numbers(painter: QPainter, matrix: Matrix, place: Place) -> None:
    first = place.rect(0, 0)
    painter.save()
    font = QFont(place.font)
    for size in range(min(LARGEST_FONT_PX, first.height() - 2), SMALLEST_FONT_PX - 1, -1):
        font.setPixelSize(size)
        if number(-0.88, first.width(), QFontMetrics(font)):
            break
    else:
        painter.restore()
        return
    painter.setFont(font)
    metrics = QFontMetrics(font)
    bright = np.array([is_bright(colour) for colour in table(matrix.scale, theme.current().name)])
    at = matrix.values / matrix.limit
    places = np.clip((at + 1.0) / 2.0 if matrix.scale == "diverging" else at, 0.0, 1.0) * (LEVELS - 1)
    # There may be thousands: by lists of plain numbers, and each text measured once.
    columns, rows = place.columns.tolist(), place.rows.tolist()
    room, sink = int(np.diff(place.columns).min()), (metrics.ascent() - metrics.descent()) / 2.0
    rounded, is_dark = np.round(matrix.values, 2).tolist(), ~bright[np.nan_to_num(np.rint(places)).astype(np.intp)]
    texts: dict[float, tuple[str, float]] = {}
    for dark, ink in ((False, QColor("#101114")), (True, QColor("#ffffff"))):
        painter.setPen(ink)
        for row, column in np.argwhere((is_dark == dark) & ~np.isnan(matrix.values)).tolist():
            if not matrix.shows(row, column):
                continue
            value = rounded[row][column]
            if value not in texts:
                text = number(value, room, metrics)
                texts[value] = (text, metrics.horizontalAdvance(text) / 2.0)
            text, half = texts[value]
            middle = (columns[column] + columns[column + 1]) / 2.0
            painter.drawText(QPointF(middle - half, (rows[row] + rows[row + 1]) / 2.0 + sink), text)
    painter.restore()


def _step(font: QFont, edges: NDArray[np.intp]) -> int:
    """Every how many-th name there is room for."""
    return max(1, int(np.ceil(1.05 * font.pixelSize() / float(np.diff(edges).mean()) - 0.1)))


def _draw_names(painter: QPainter, matrix: Matrix, place: Place) -> None:
    painter.save()
    painter.setFont(place.font)
    painter.setPen(QColor(theme.current().text))
    metrics = QFontMetrics(place.font)
    down = _step(place.font, place.rows) if place.names else 0
    for row in range(0, len(matrix.labels), down) if down else ():
        rect = place.rect(row, -1).adjusted(0, -4, -GAP_PX, 4)
        text = metrics.elidedText(matrix.labels[row], Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, RIGHT | MIDDLE, text)
    painter.setFont(place.head_font)
    metrics = QFontMetrics(place.head_font)
    line = metrics.ascent()
    across = _step(place.head_font, place.columns)
    for column in range(0, len(matrix.labels), across if place.upright else 1):
        rect = place.rect(-1, column)
        if not place.upright:
            painter.drawText(rect, CENTRE, matrix.labels[column])
            continue
        painter.save()
        painter.translate(rect.left() + rect.width() / 2.0, rect.bottom() - GAP_PX + 2)
        painter.rotate(-90.0)
        text = metrics.elidedText(matrix.labels[column], Qt.TextElideMode.ElideRight, place.heads - GAP_PX)
        painter.drawText(QRectF(0.0, -line, float(place.heads), 2.0 * line), LEFT | MIDDLE, text)
        painter.restore()
    painter.restore()


def _draw_tree(painter: QPainter, matrix: Matrix, place: Place) -> None:
    """Which labels are joined first: the nearer to the cells, the more alike."""
    linkage = matrix.linkage
    assert linkage is not None
    box = place.tree
    farthest = float(linkage[:, 2].max()) or 1.0
    middles = [(place.rows[row] + place.rows[row + 1]) / 2.0 for row in matrix.leaves]
    nodes: list[tuple[float, float]] = [(float(box.left()), float(middle)) for middle in middles]
    painter.save()
    painter.setPen(QPen(QColor(theme.current().dim), 1))
    for one, other, distance, _count in linkage:
        x = box.left() + (box.width() - 2) * max(float(distance), 0.0) / farthest
        (x1, y1), (x2, y2) = nodes[int(one)], nodes[int(other)]
        painter.drawPolyline([QPointF(x1, y1), QPointF(x, y1), QPointF(x, y2), QPointF(x2, y2)])
        nodes.append((x, (y1 + y2) / 2.0))
    painter.restore()


def _draw_bar(painter: QPainter, matrix: Matrix, place: Place) -> None:
    colours = table(matrix.scale, theme.current().name)[::-1]
    opaque = np.full((len(colours), 1), 255, dtype=np.uint8)
    pixels = np.ascontiguousarray(np.concatenate([colours, opaque], 1))
    painter.save()
    painter.drawImage(place.bar, QImage(pixels.data, 1, len(colours), 4, QImage.Format.Format_RGBA8888))
    painter.setPen(QColor(theme.current().border))
    painter.drawRect(place.bar.adjusted(0, 0, -1, -1))
    painter.setPen(QColor(theme.current().dim))
    low = -matrix.limit if matrix.scale == "diverging" else 0.0
    line = painter.fontMetrics().height()
    for share in (0.0, 0.5, 1.0):
        y = place.bar.bottom() - share * (place.bar.height() - 1)
        value = low + share * (matrix.limit - low)
        text = f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−") if value else "0"
        top = min(max(round(y - line / 2), place.bar.top() - 2), place.bar.bottom() - line + 4)
        painter.drawText(QRect(place.bar.right() + 4, top, 60, line), LEFT | MIDDLE, text)
    painter.restore()
