"""The matrix that a heatmap shows, and the layout of its parts on the widget."""

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
SCALE_PX = 12
LARGEST_CELL_PX = 120
LARGEST_WIDTH, LARGEST_HEIGHT = 1.6, 2.4
"""Largest width of a cell relative to its height, and largest height relative to its width."""
SMALLEST_FONT_PX, LARGEST_FONT_PX = 8, 13
LONGEST_NAME_PX = 150

NOWHERE = (-1, -1)
"""Row and column of no cell."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix of labels against labels.

    Attributes
    ----------
    values : (labels, labels) float array
        NaN where a value is undefined.
    labels : sequence of str
        Names of the rows and of the columns, in the order shown.
    scale : {"diverging", "share"}
        Centred on zero, or from zero up.
    limit : float
        The value of the strongest colour.
    linkage : (labels - 1, 4) array, optional
        The tree beside the rows, in scipy's form; its leaf k stands in row `leaves[k]`.
    leaves : sequence of int
    half : bool
        Whether the upper half is left out, for a symmetric matrix.
    diagonal : bool
        Whether the diagonal is drawn.
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

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """(labels, labels): whether each cell is drawn."""
        drawn = np.ones(self.values.shape, dtype=bool)
        if self.half:
            drawn[np.triu_indices(len(drawn), 1)] = False
        if not self.diagonal:
            np.fill_diagonal(drawn, False)
        return drawn


@dataclass(frozen=True, eq=False)
class Layout:
    """Positions of the parts of a heatmap, in pixels.

    Attributes
    ----------
    columns, rows : (labels + 1,) int arrays
        Edges of the cells.
    names : int
        Width of the rows' names.
    heads : int
        Height of the columns' names.
    font, head_font : QFont
        Fonts of the rows' and of the columns' names.
    upright : bool
        Whether the columns' names are turned upright.
    tree : QRect
        Empty without a tree.
    scale : QRect
        The colour scale.
    """

    columns: NDArray[np.intp]
    rows: NDArray[np.intp]
    names: int
    heads: int
    font: QFont
    head_font: QFont
    upright: bool
    tree: QRect
    scale: QRect

    @classmethod
    def fit(
        cls, size: QSize, labels: Sequence[str], font: QFont, *, names: bool, tree: bool, beside: Layout | None = None
    ) -> Layout:
        """Fit a heatmap of some labels into a size, with the rows of the heatmap `beside` it, if there is one."""
        count = max(len(labels), 1)
        scale_px = SCALE_PX + QFontMetrics(font).horizontalAdvance("-0.88") + 3 * GAP_PX
        tree_px = min(TREE_PX, size.width() // 10) + GAP_PX if tree else 0
        font, head_font = QFont(font), QFont(font)
        # Cells and fonts depend on each other: small cells need small names, which leave more room for the cells.
        # Two rounds settle it.
        height = min(max((size.height() - 90) / count, 1.0), LARGEST_CELL_PX)
        for _ in range(2):
            font.setPixelSize(int(min(max(height - 1.0, SMALLEST_FONT_PX), LARGEST_FONT_PX)))
            longest = _longest(font, labels)
            name_px = min(longest, LONGEST_NAME_PX, size.width() // 3) if names else 0
            width = max((size.width() - name_px - scale_px - tree_px - 2) / count, 1.0)
            upright = longest > min(width, LARGEST_WIDTH * height)
            across = min(width, LARGEST_WIDTH * height) if upright else LARGEST_FONT_PX
            head_font.setPixelSize(int(min(max(across - 1.0, SMALLEST_FONT_PX), font.pixelSize())))
            heads = QFontMetrics(head_font).height() + 4
            if upright:
                heads = min(_longest(head_font, labels), LONGEST_NAME_PX, size.height() // 3)
            height = min(max((size.height() - heads - 2) / count, 1.0), LARGEST_CELL_PX, width * LARGEST_HEIGHT)
        if beside is not None:
            heads, height = beside.heads, float(np.diff(beside.rows).mean())
        width = min(width, LARGEST_WIDTH * height)
        if names:  # Centre the cells where they do not fill the width.
            name_px += max(int(size.width() - name_px - scale_px - tree_px - 2 - width * count) // 2, 0)
        columns = name_px + np.rint(np.arange(count + 1) * width).astype(np.intp)
        rows = heads + np.rint(np.arange(count + 1) * height).astype(np.intp)
        if beside is not None and len(beside.rows) == count + 1:
            rows = beside.rows
        right, top, tall = int(columns[-1]) + GAP_PX, int(rows[0]), int(rows[-1] - rows[0])
        tree_rect = QRect(right, top, tree_px - GAP_PX, tall) if tree else QRect()
        scale = QRect(right + tree_px + GAP_PX, top, SCALE_PX, max(min(tall, 320), 60))
        return cls(columns, rows, name_px, heads, font, head_font, upright, tree_rect, scale)

    @property
    def cells(self) -> QRect:
        """The rectangle of all cells."""
        left, top, right, bottom = (int(edge[k]) for k in (0, -1) for edge in (self.columns, self.rows))
        return QRect(left, top, right - left, bottom - top)

    def rect(self, row: int, column: int) -> QRect:
        """Return a cell's rectangle; column -1 stands for the row's name, row -1 for the column's name."""
        left, right = (0, self.names) if column < 0 else (int(self.columns[column]), int(self.columns[column + 1]))
        top, bottom = (0, self.heads) if row < 0 else (int(self.rows[row]), int(self.rows[row + 1]))
        return QRect(left, top, right - left, bottom - top)

    def cell_at(self, point: QPoint) -> tuple[int, int]:
        """Return row and column at a point: column -1 on a name (a column's name is its row's), `NOWHERE` outside."""
        x, y = point.x(), point.y()
        column = int(np.searchsorted(self.columns, x, side="right")) - 1
        row = int(np.searchsorted(self.rows, y, side="right")) - 1
        count = len(self.rows) - 1
        if x >= 0 and 0 <= row < count and column < count:
            return (row, column)
        if row < 0 <= y and 0 <= column < count:
            return (column, -1)
        return NOWHERE


def _longest(font: QFont, names: Sequence[str]) -> int:
    metrics = QFontMetrics(font)
    return max((metrics.horizontalAdvance(name) for name in names), default=0) + 2 * GAP_PX
