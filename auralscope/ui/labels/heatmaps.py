"""Heatmaps over labels that share the pointer and the selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from auralscope.ui.graphs.heatmap_layout import Matrix
from auralscope.ui.labels.tab import Figure
from auralscope.ui.widgets.sentences import sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.session.labels.state import Labels
    from auralscope.ui.graphs.diverging import Scale
    from auralscope.ui.graphs.heatmap import Heatmap


def matrix_of(
    labels: Labels, values: NDArray[np.float64], *, half: bool = False, scale: Scale = "diverging", title: str = ""
) -> Matrix:
    """Return a matrix over the model's labels, for the labels shown, in their order and with their tree."""
    return Matrix(
        labels.shown(values),
        labels.labels,
        scale=scale,
        limit=limit_of(values),
        linkage=labels.arrangement.linkage,
        leaves=labels.arrangement.leaves,
        half=half,
        title=title,
    )


def limit_of(values: NDArray[np.float64]) -> float:
    """Return the value of the strongest colour: the largest beside the diagonal, rounded up to one digit."""
    beside = np.abs(values[~np.eye(len(values), dtype=bool)])
    largest = float(np.nanmax(beside)) if np.isfinite(beside).any() else 1.0
    if largest <= 0.0:
        return 1.0
    step = 10.0 ** np.floor(np.log10(largest))
    return float(np.ceil(largest / step - 1e-9) * step)


class HeatmapFigure(Figure):
    """One heatmap or several side by side, each with a title. All show the same hovered cell and the same selection."""

    symmetric = True
    """Whether the upper half can be left out."""

    def __init__(self, labels: Labels, heatmaps: list[Heatmap], parent: QWidget | None = None) -> None:
        row = QWidget()
        super().__init__(row, parent)
        self.labels = labels
        self.heatmaps = heatmaps
        self.half = False
        self._titles = [sentence("dim") for _ in heatmaps]
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(8)
        for title, heatmap in zip(self._titles, heatmaps, strict=True):
            title.setWordWrap(False)  # titles of equal height keep the rows of both heatmaps in line
            column = QVBoxLayout()
            column.setSpacing(2)
            column.addWidget(title)
            column.addWidget(heatmap, 1)
            across.addLayout(column, 6 if heatmap.names else 5)
            heatmap.hovered.connect(self.hover)
            heatmap.chosen.connect(self._select)
        labels.selected_changed.connect(self._show_selection)

    @property
    def shown(self) -> tuple[str, ...]:
        """The labels of the rows and columns."""
        return self.labels.labels

    def refresh(self) -> None:
        """Show the present choices."""

    def show_matrices(self, *matrices: Matrix) -> None:
        """Show a matrix in each heatmap."""
        for heatmap, title, matrix in zip(self.heatmaps, self._titles, matrices, strict=True):
            heatmap.show_matrix(matrix)
            title.setText(matrix.title)
            title.setVisible(bool(matrix.title))
        self.show_content()
        self._show_selection()

    def set_half(self, half: bool) -> None:
        """Leave out the upper half of a symmetric matrix, or show it."""
        self.half = half
        self.refresh()

    def hover(self, row: int, column: int) -> None:
        """Show a cell as hovered in all heatmaps, and its sentence in the read-out; a row of -1 for none."""
        if max(row, column) >= len(self.shown):
            row = column = -1  # a cell of the previous model, whose heatmap is still on the screen
        about = self.pair_sentence(self.shown[row], self.shown[column if column >= 0 else row]) if row >= 0 else ""
        for heatmap in self.heatmaps:
            heatmap.hover(row, column)
            heatmap.setAccessibleDescription(about)
        self.readout_changed.emit(about)

    def _select(self, row: int, column: int) -> None:
        if max(row, column) < len(self.shown):
            self.labels.select(self.shown[row], self.shown[column])

    def pair_sentence(self, a: str, b: str) -> str:
        """Return a sentence about a pair of labels, or about one label twice."""
        return self.labels.pair_sentence(a, b)

    def missing(self) -> str:
        """Return why there is no heatmap; empty if there is one."""
        if self.labels.problem:
            return self.labels.problem
        if self.labels.vectors is None:
            return "Computing the label vectors…" if self.labels.title else "Choose a model to see its label vectors."
        return "" if self.labels.labels else "No label is chosen. Choose some with the button 'Labels'."

    def _show_selection(self) -> None:
        shown, selected = self.shown, self.labels.selected
        rows = tuple(shown.index(label) for label in selected) if set(selected) <= set(shown) else ()
        for heatmap in self.heatmaps:
            heatmap.select(rows)
