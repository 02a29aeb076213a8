"""The heatmaps of label vectors: what they share, and that of the similarity alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from auralscope.ui.graphs.heatmap import Heatmap
from auralscope.ui.graphs.heatmap_layout import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.session.labels.state import Labels
    from auralscope.ui.graphs.diverging import Scale


def matrix_of(
    labels: Labels,
    values: NDArray[np.float64],
    *,
    half: bool = False,
    scale: Scale = "diverging",
    title: str = "",
) -> Matrix:
    """A matrix over the model's labels as a heatmap shows it: those chosen, in their order, with their tree."""
    arrangement = labels.arrangement
    return Matrix(
        labels.shown(values),
        labels.labels,
        scale=scale,
        limit=limit_of(values),
        linkage=arrangement.linkage,
        leaves=arrangement.leaves,
        half=half,
        title=title,
    )


def limit_of(values: NDArray[np.float64]) -> float:
    """The value of the strongest colour: the greatest beside the diagonal, rounded up to one figure."""
    apart = np.abs(values[~np.eye(len(values), dtype=bool)])
    most = float(np.nanmax(apart)) if np.isfinite(apart).any() else 1.0
    if most <= 0.0:
        return 1.0
    step = 10.0 ** (np.floor(np.log10(most)))
    return float(np.ceil(most / step - 1e-9) * step)


class Figure(QWidget):
    """One heatmap or more with a heading each, or a sentence in their place; they point at the same cell."""

    said = Signal(str)

    def __init__(self, labels: Labels, heatmaps: list[Heatmap], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labels = labels
        self.heatmaps = heatmaps
        self.half = False
        self.headings = [QLabel() for _ in heatmaps]
        self.sentence = QLabel()
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        row = QWidget()
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(8)
        for heading, heatmap in zip(self.headings, heatmaps, strict=True):
            heading.setObjectName("dim")
            heading.setTextFormat(Qt.TextFormat.PlainText)
            column = QVBoxLayout()
            column.setSpacing(2)
            column.addWidget(heading)
            column.addWidget(heatmap, 1)
            across.addLayout(column, 6 if heatmap.names else 5)
            heatmap.pointed.connect(self._pointed)
            heatmap.chosen.connect(self._chosen)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(row)
        self._stack.addWidget(self.sentence)

    def show_matrices(self, matrices: list[Matrix]) -> None:
        """One for each heatmap."""
        for heatmap, heading, matrix in zip(self.heatmaps, self.headings, matrices, strict=True):
            heatmap.show_matrix(matrix)
            heading.setText(matrix.title)
            heading.setVisible(bool(matrix.title))
        self._stack.setCurrentIndex(0)
        self.mark_selected()

    def show_sentence(self, sentence: str) -> None:
        """Why there is nothing to be seen."""
        self.sentence.setText(sentence)
        self._stack.setCurrentIndex(1)

    @property
    def shown(self) -> tuple[str, ...]:
        """The labels of rows and columns."""
        return self.labels.labels

    def mark_selected(self) -> None:
        """Mark the label or pair that is meant."""
        shown = self.shown
        selected = self.labels.selected
        places = tuple(shown.index(label) for label in selected) if set(selected) <= set(shown) else ()
        for heatmap in self.heatmaps:
            heatmap.mark(places)

    def refresh(self) -> None:
        """Show what is chosen."""

    def set_half(self, half: bool) -> None:
        """Leave out the upper half of what is symmetric."""
        self.half = half
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        for heatmap in self.heatmaps:
            heatmap.redraw()

    def say(self, row: int, column: int) -> str:
        """What is said of a cell, or of a label (column -1)."""
        return self.labels.pair_sentence(self.shown[row], self.shown[column if column >= 0 else row])

    def _pointed(self, row: int, column: int) -> None:
        said = self.say(row, column) if row >= 0 else ""
        for heatmap in self.heatmaps:
            heatmap.point(row, column)
            heatmap.setAccessibleDescription(said)
        self.said.emit(said)

    def _chosen(self, row: int, column: int) -> None:
        self.labels.select(self.shown[row], self.shown[column])

    def nothing(self) -> str:
        """Why there is no heatmap; empty where there is one."""
        if self.labels.problem:
            return self.labels.problem
        if self.labels.vectors is None:
            return "Finding the label vectors…" if self.labels.title else "Choose a model to see its label vectors."
        if not self.labels.labels:
            return "No label is chosen: choose some under Labels."
        return ""


class SimilarityFigure(Figure):
    """How alike labels are to the model."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(labels, [Heatmap("Similarity of labels")], parent)
        labels.changed.connect(self.refresh)
        labels.selected_changed.connect(self.mark_selected)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        nothing, vectors = self.nothing(), self.labels.vectors
        if nothing or vectors is None:
            self.show_sentence(nothing)
        else:
            self.show_matrices([matrix_of(self.labels, vectors.similarity(self.labels.metric), half=self.half)])
