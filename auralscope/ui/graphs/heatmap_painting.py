"""How a heatmap is drawn: where its parts lie at a size, and what is painted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen

from auralscope.ui import theme
from auralscope.ui.graphs.diverging import LEVELS, colours_of, is_bright, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auralscope.ui.graphs.heatmap import Matrix

GAP_PX = 6
TREE_PX = 70
BAR_PX = 12
LARGEST_CELL_PX = 120
WIDEST, TALLEST = 1.6, 2.4
"""A cell is at most so many times as wide as it is high, and as high as it is wide."""
SMALLEST_FONT_PX, LARGEST_FONT_PX = 8, 13
LONGEST_NAME_PX = 150
LEFT, RIGHT, MIDDLE = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


@dataclass(frozen=True, eq=False)
class Place:
    """Where the parts of a heatmap lie, in pixels.

    Attributes
    ----------
    columns, rows : (labels + 1,) int arrays
        Edges of the cells.
    names : int
        The width of the rows' names.
    heads : int
        The height of the columns' names.
    font, head_font : QFont
        Of the rows' and of the columns' names.
    upright : bool
        The columns' names stand upright.
    tree : QRect
        Empty without a tree.
    bar : QRect
        The scale of colours.
    """

    columns: NDArray[np.intp]
    rows: NDArray[np.intp]
    names: int
    heads: int
    font: QFont
    head_font: QFont
    upright: bool
    tree: QRect
    bar: QRect

    @classmethod
    def of(
        cls, size: QSize, labels: Sequence[str], font: QFont, *, names: bool, tree: bool, beside: Place | None = None
    ) -> Place:
        """Arrange a heatmap of some labels in a size; the rows of one beside another stand where the other's do."""
        count = max(len(labels), 1)
        scale_px = BAR_PX + QFontMetrics(font).horizontalAdvance("-0.88") + 3 * GAP_PX
        tree_px = min(TREE_PX, size.width() // 10) + GAP_PX if tree else 0
        font, head_font = QFont(font), QFont(font)
        # The names need room, and the smaller the cells the smaller the names: two rounds are enough.
        height = min(max((size.height() - 90) / count, 1.0), LARGEST_CELL_PX)
        for _ in range(2):
            font.setPixelSize(int(min(max(height - 1.0, SMALLEST_FONT_PX), LARGEST_FONT_PX)))
            widest = max((QFontMetrics(font).horizontalAdvance(label) for label in labels), default=0) + 2 * GAP_PX
            name_px = min(widest, LONGEST_NAME_PX, size.width() // 3) if names else 0
            width = max((size.width() - name_px - scale_px - tree_px - 2) / count, 1.0)
            upright = widest > min(width, WIDEST * height)
            across = min(width, WIDEST * height) if upright else LARGEST_FONT_PX
            head_font.setPixelSize(int(min(max(across - 1.0, SMALLEST_FONT_PX), font.pixelSize())))
            metrics = QFontMetrics(head_font)
            highest = max((metrics.horizontalAdvance(label) for label in labels), default=0) + 2 * GAP_PX
            heads = min(highest, LONGEST_NAME_PX, size.height() // 3) if upright else metrics.height() + 4
            height = min(max((size.height() - heads - 2) / count, 1.0), LARGEST_CELL_PX, width * TALLEST)
        if beside is not None:
            heads, height = beside.heads, float(np.diff(beside.rows).mean())
        width = min(width, WIDEST * height)
        # In the middle, where there is more room than the cells take.
        spare = max(int(size.width() - name_px - scale_px - tree_px - 2 - width * count) // 2, 0) if names else 0
        name_px += spare
        columns = name_px + np.rint(np.arange(count + 1) * width).astype(np.intp)
        rows = heads + np.rint(np.arange(count + 1) * height).astype(np.intp)
        if beside is not None and len(beside.rows) == count + 1:
            rows = beside.rows
        right = int(columns[-1]) + GAP_PX
        top, tall = int(rows[0]), int(rows[-1] - rows[0])
        tree_rect = QRect(right, top, tree_px - GAP_PX, tall) if tree else QRect()
        bar = QRect(right + tree_px + GAP_PX, top, BAR_PX, max(min(tall, 320), 60))
        return cls(columns, rows, name_px, heads, font, head_font, upright, tree_rect, bar)

    @property
    def cells(self) -> QRect:
        """All cells."""
        return QRect(
            QPoint(int(self.columns[0]), int(self.rows[0])), QPoint(int(self.columns[-1]) - 1, int(self.rows[-1]) - 1)
        )

    def rect(self, row: int, column: int) -> QRect:
        """A cell; of column -1 the row's name, of row -1 the column's."""
        left, right = (0, self.names) if column < 0 else (int(self.columns[column]), int(self.columns[column + 1]))
        top, bottom = (0, self.heads) if row < 0 else (int(self.rows[row]), int(self.rows[row + 1]))
        return QRect(left, top, right - left, bottom - top)

    def at(self, point: QPoint) -> tuple[int, int]:
        """Row and column; column -1 on a name, (-1, -1) outside."""
        x, y = point.x(), point.y()
        column = int(np.searchsorted(self.columns, x, side="right")) - 1
        row = int(np.searchsorted(self.rows, y, side="right")) - 1
        count = len(self.rows) - 1
        if x >= 0 and 0 <= row < count and column < count:
            return (row, column)
        if row < 0 <= y and 0 <= column < count:
            return (column, -1)
        return (-1, -1)


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
