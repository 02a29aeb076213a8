"""Paint a heatmap: cells, numbers, names, tree and colour scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPainter, QPen

from auralscope.ui import theme
from auralscope.ui.graphs.diverging import colours_of, image_of_colours, needs_dark_text, table, text_colour
from auralscope.ui.graphs.heatmap_layout import GAP_PX, LARGEST_FONT_PX, SMALLEST_FONT_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.ui.graphs.heatmap_layout import Layout, Matrix

LEFT, RIGHT, MIDDLE = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


def draw(painter: QPainter, matrix: Matrix, layout: Layout) -> None:
    """Draw everything but the marks of the selection and of the pointer."""
    colours, drawn = colours_of(matrix.values, matrix.scale, matrix.limit), matrix.drawn
    _draw_scale(painter, matrix, layout)
    _draw_cells(painter, matrix, layout, colours, drawn)
    _draw_numbers(painter, matrix, layout, colours, drawn & ~np.isnan(matrix.values))
    _draw_names(painter, matrix, layout)
    if matrix.linkage is not None:
        _draw_tree(painter, matrix.linkage, matrix, layout)


def _draw_cells(
    painter: QPainter, matrix: Matrix, layout: Layout, colours: NDArray[np.uint8], drawn: NDArray[np.bool_]
) -> None:
    """Draw all cells as one image of a pixel each, stretched without smoothing."""
    opaque = np.where(drawn, np.uint8(255), np.uint8(0))
    if not matrix.half:
        painter.fillRect(layout.cells, QColor(theme.current().window))
    painter.drawImage(layout.cells, image_of_colours(np.dstack([colours, opaque])))
    if not matrix.half:
        painter.setPen(QColor(theme.current().border))
        painter.drawRect(layout.cells.adjusted(-1, -1, 0, 0))
    for row, column in np.argwhere(drawn & np.isnan(matrix.values)).tolist():
        painter.fillRect(layout.rect(row, column), QColor(theme.current().panel))
        painter.fillRect(layout.rect(row, column), QBrush(Qt.BrushStyle.BDiagPattern))


def _number(value: float, room_px: float, metrics: QFontMetrics) -> str:
    """Write a value with two decimals, shorter where they do not fit, or not at all."""
    exact = f"{round(value, 2) + 0.0:.2f}"  # + 0.0 turns -0.0 into 0.0
    for text in (exact, exact.replace("0.", ".", 1) if abs(value) < 1.0 else f"{value:.1f}"):
        shown = text.replace("-", "−")
        if metrics.horizontalAdvance(shown) + 3 <= room_px:
            return shown
    return ""


def _draw_numbers(
    painter: QPainter, matrix: Matrix, layout: Layout, colours: NDArray[np.uint8], drawn: NDArray[np.bool_]
) -> None:
    """Write each value into its cell, in the largest font in which -0.88 fits, or none."""
    room_px, height_px = int(np.diff(layout.columns).min()), int(np.diff(layout.rows)[0])
    font = QFont(layout.font)
    for size in range(min(LARGEST_FONT_PX, height_px - 2), SMALLEST_FONT_PX - 1, -1):
        font.setPixelSize(size)
        if _number(-0.88, room_px, QFontMetrics(font)):
            break
    else:
        return
    painter.setFont(font)
    metrics = QFontMetrics(font)
    # Thousands of cells: iterate over plain lists, and measure each text only once.
    columns, rows, values = layout.columns.tolist(), layout.rows.tolist(), np.round(matrix.values, 2).tolist()
    dark, sink = needs_dark_text(colours), (metrics.ascent() - metrics.descent()) / 2.0
    texts: dict[float, tuple[str, float]] = {}
    for is_dark in (True, False):
        painter.setPen(text_colour(dark=is_dark))
        for row, column in np.argwhere(drawn & (dark == is_dark)).tolist():
            value = values[row][column]
            if value not in texts:
                text = _number(value, room_px, metrics)
                texts[value] = (text, metrics.horizontalAdvance(text) / 2.0)
            text, half_px = texts[value]
            x, y = (columns[column] + columns[column + 1]) / 2.0, (rows[row] + rows[row + 1]) / 2.0
            painter.drawText(QPointF(x - half_px, y + sink), text)


def _step(font: QFont, edges: NDArray[np.intp]) -> int:
    """Return n where only every n-th name fits."""
    return max(1, int(np.ceil(1.05 * font.pixelSize() / float(np.diff(edges).mean()) - 0.1)))


def _draw_names(painter: QPainter, matrix: Matrix, layout: Layout) -> None:
    painter.setPen(QColor(theme.current().text))
    painter.setFont(layout.font)
    metrics, end = QFontMetrics(layout.font), Qt.TextElideMode.ElideRight
    for row in range(0, len(matrix.labels) if layout.names else 0, _step(layout.font, layout.rows)):
        rect = layout.rect(row, -1).adjusted(0, -4, -GAP_PX, 4)
        painter.drawText(rect, RIGHT | MIDDLE, metrics.elidedText(matrix.labels[row], end, rect.width()))
    painter.setFont(layout.head_font)
    if not layout.upright:
        for column, label in enumerate(matrix.labels):
            painter.drawText(layout.rect(-1, column), CENTRE, label)
        return
    metrics = QFontMetrics(layout.head_font)
    line = metrics.ascent()
    for column in range(0, len(matrix.labels), _step(layout.head_font, layout.columns)):
        rect = layout.rect(-1, column)
        painter.save()
        painter.translate(rect.left() + rect.width() / 2.0, rect.bottom() - GAP_PX + 2)
        painter.rotate(-90.0)
        text = metrics.elidedText(matrix.labels[column], end, layout.heads - GAP_PX)
        painter.drawText(QRectF(0.0, -line, float(layout.heads), 2.0 * line), LEFT | MIDDLE, text)
        painter.restore()


def _draw_tree(painter: QPainter, linkage: NDArray[np.float64], matrix: Matrix, layout: Layout) -> None:
    """Draw the tree of labels: the nearer a joint is to the cells, the more similar are the labels it joins."""
    box = layout.tree
    farthest = float(linkage[:, 2].max()) or 1.0
    nodes = [(float(box.left()), (layout.rows[row] + layout.rows[row + 1]) / 2.0) for row in matrix.leaves]
    painter.setPen(QPen(QColor(theme.current().dim), 1))
    for one, other, distance, _count in linkage:
        x = box.left() + (box.width() - 2) * max(float(distance), 0.0) / farthest
        (x1, y1), (x2, y2) = nodes[int(one)], nodes[int(other)]
        painter.drawPolyline([QPointF(x1, y1), QPointF(x, y1), QPointF(x, y2), QPointF(x2, y2)])
        nodes.append((x, (y1 + y2) / 2.0))


def _draw_scale(painter: QPainter, matrix: Matrix, layout: Layout) -> None:
    box = layout.scale
    painter.drawImage(box, image_of_colours(table(matrix.scale, theme.current().name)[::-1, None]))
    painter.setPen(QColor(theme.current().border))
    painter.drawRect(box.adjusted(0, 0, -1, -1))
    painter.setPen(QColor(theme.current().dim))
    low = -matrix.limit if matrix.scale == "diverging" else 0.0
    line = painter.fontMetrics().height()
    for share in (0.0, 0.5, 1.0):
        value = low + share * (matrix.limit - low)
        text = f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−") if value else "0"
        y = round(box.bottom() - share * (box.height() - 1) - line / 2)
        top = min(max(y, box.top() - 2), box.bottom() - line + 4)
        painter.drawText(QRect(box.right() + 4, top, 60, line), LEFT | MIDDLE, text)
