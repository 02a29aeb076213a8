"""The matrix that a heatmap shows, and the layout of the heatmap's parts in a size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QFont, QFontMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auralscope.ui.graphs.diverging import Scale

GAP_PX = 6
TREE_PX = 70
BAR_PX = 12
LARGEST_CELL_PX = 120
WIDEST, TALLEST = 1.6, 2.4
"""A cell is at most so many times as wide as it is high, and as high as it is wide."""
SMALLEST_FONT_PX, LARGEST_FONT_PX = 8, 13
LONGEST_NAME_PX = 150


@dataclass(frozen=True, eq=False)
class Matrix:
    """What a heatmap shows.

    Attributes
    ----------
    values : (labels, labels) float array
        NaN where a value is undefined.
    labels : sequence of str
        Of rows and of columns, in the order shown.
    scale : {"diverging", "share"}
        Centred on zero, or from zero up.
    limit : float
        The value of the strongest colour.
    linkage : (labels - 1, 4) array, optional
        The tree beside the rows, as scipy gives it; its leaf k stands in row `leaves[k]`.
    leaves : sequence of int
    half : bool
        The upper half is left out, for a matrix that is symmetric.
    diagonal : bool
        Whether the diagonal says anything.
    title : str
    """

    values: NDArray[np.float64]
    labels: Sequence[str]
    scale: Scale = "diverging"
    limit: float = 1.0
    linkage: NDArray[np.float64] | None = None
    leaves: Sequence[int] = ()
    half: bool = False
    diagonal: bool = False
    title: str = ""

    def shows(self, row: int, column: int) -> bool:
        """Whether a cell is drawn."""
        return (row != column or self.diagonal) and not (self.half and column > row)


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
