"""Ground truth beside the similarity: two heatmaps with the same rows, the scatter of one against the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from auralscope.session.labels import words
from auralscope.ui import theme
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.heatmap import Heatmap
from auralscope.ui.graphs.scatter import ScatterPane
from auralscope.ui.labels.figures import Figure, matrix_of
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.labels.cooccurrence import Point
    from auralscope.session.labels.state import Labels

HOW = (
    "Load a ground truth to see which labels occur together: a matrix of 0 and 1, tracks × labels,\n"
    "as .npy or CSV (with a header of labels, or in the model's order). Several files are taken together."
)
NAMED = 3
"""Outliers of each kind that have their name in the scatter."""
OUTLIERS = 12


class TruthFigure(Figure):
    """How alike labels are to the model, and how often they occur together."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        similarity = Heatmap("Similarity of labels")
        super().__init__(labels, [similarity, Heatmap("Co-occurrence of labels", beside=similarity)], parent)
        labels.changed.connect(self.refresh)
        labels.truth_changed.connect(self.refresh)
        labels.selected_changed.connect(self.mark_selected)
        self._shown: object = None
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        nothing, vectors, truth = self.nothing(), self.labels.vectors, self.labels.truth
        if nothing or vectors is None or truth is None:
            self._shown = None
            self.show_sentence(nothing or HOW)
            return
        shown = (self.labels.arrangement, self.labels.metric, truth)
        if shown == self._shown:
            return  # intervals came: nothing of that is seen here
        self._shown = shown
        similarity = matrix_of(self.labels, vectors.similarity(self.labels.metric), title="Similarity to the model")
        shares = truth.cooccurrence()
        together = matrix_of(
            self.labels,
            shares,
            scale="share",
            title="Co-occurrence: of the tracks of the row's label, how many have the column's",
        )
        self.show_matrices([similarity, together])


class TruthTab(QWidget):
    """The column beside the heatmaps: what was read, the correlations, the scatter, and who stands apart.

    Attributes
    ----------
    figure : TruthFigure
        The heatmaps.
    """

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self._points: Sequence[Point] = ()
        self._shown: object = None
        self.figure = TruthFigure(labels)
        self.load = QPushButton("Load ground truth…")
        self.load.setToolTip("A matrix of 0 and 1, tracks × labels: .npy or CSV; several files are taken together")
        self.forget = QPushButton("Remove")
        self.forget.setToolTip("Go on without ground truth")
        self.problem = sentence("problem")
        self.about = sentence("dim")
        self.correlations = QLabel()
        self.correlations.setToolTip(
            "Between similarity and the greater of the two co-occurrences, over all pairs, with 95 % bootstrap "
            "intervals:\nof the tracks, as another draw of as many would give it,\nand of the labels, as other labels "
            "of the kind would give it."
        )
        self.scatter = ScatterPane("Similarity against co-occurrence", "Co-occurrence", "Similarity")
        self.apart = BarList("Similar to the network, seldom together", name_share=0.66)
        self.unlike = BarList("Often together, but not similar to the network", name_share=0.66)
        row = QHBoxLayout()
        row.addWidget(self.load, 1)
        row.addWidget(self.forget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        for label in (self.problem, self.about, self.correlations):
            layout.addWidget(label)
        layout.addWidget(self.scatter, 4)
        self._titles = []
        for title, bars in (
            ("Similar to the network, seldom together", self.apart),
            ("Often together, but unlike to the network", self.unlike),
        ):
            self._titles.append(QLabel(title))
            layout.addWidget(self._titles[-1])
            layout.addWidget(bars, 2)
            bars.chosen.connect(lambda key: labels.select(*key))
        layout.addStretch()
        self.forget.clicked.connect(labels.forget_truth)
        self.scatter.pointed.connect(self._point_heatmaps)
        self.scatter.chosen.connect(lambda point: labels.select(self._points[point].a, self._points[point].b))
        for heatmap in self.figure.heatmaps:
            heatmap.pointed.connect(self._point_scatter)
        labels.truth_changed.connect(self.refresh)
        labels.changed.connect(self.refresh)
        labels.selected_changed.connect(self._mark)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self._shown = None
        self.refresh()
        self.scatter.restyle()
        self.problem.setStyleSheet(f"color: {theme.current().warning_text};")

    def refresh(self) -> None:
        """Show what is known."""
        labels = self._labels
        truth, agreement = labels.truth, labels.agreement
        self.load.setEnabled(labels.vectors is not None)
        self.forget.setVisible(truth is not None)
        self.problem.setText(labels.truth_problem)
        self.problem.setVisible(bool(labels.truth_problem))
        self.about.setText(words.about_truth(truth) if truth is not None else "")
        self.about.setVisible(truth is not None)
        self.correlations.setText(_table(words.correlations(agreement)) if agreement is not None else "")
        for widget in (self.correlations, self.scatter, self.apart, self.unlike, *self._titles):
            widget.setVisible(agreement is not None)
        shown = (agreement.points if agreement is not None else None, labels.labels)
        if agreement is None or shown == self._shown:
            return
        self._shown = shown
        there = set(labels.labels)
        self._points = [point for point in agreement.points if point.a in there and point.b in there]
        at = np.array([(point.together, point.similarity) for point in self._points]).reshape(-1, 2)
        texts = [f"{p.a} – {p.b}: {decimal(p.similarity)}, {percent(p.together)}" for p in self._points]
        dots = QColor(theme.current().original)
        dots.setAlpha(150)
        self.scatter.show_points(at, texts, dots, size=5)
        self.scatter.draw_line(*agreement.line)
        by_excess = sorted(range(len(self._points)), key=lambda k: -self._points[k].excess)
        apart = [k for k in by_excess[:OUTLIERS] if self._points[k].excess > 0.0]
        unlike = [k for k in by_excess[::-1][:OUTLIERS] if self._points[k].excess < 0.0]
        named = [*apart[:NAMED], *unlike[:NAMED]]
        self.scatter.name_points({k: f"{self._points[k].a} – {self._points[k].b}" for k in named})
        most = max((abs(point.excess) for point in self._points), default=1.0) or 1.0
        for bars, places in ((self.apart, apart), (self.unlike, unlike)):
            bars.set_bars([self._bar(self._points[place], most) for place in places])
        self._mark()

    def _bar(self, point: Point, most: float) -> Bar:
        sentence = (
            f"{point.a} – {point.b}: similarity {decimal(point.similarity)} "
            f"(number {point.similarity_rank:,.0f}), "
            f"co-occurrence {percent(point.together)} (number {point.together_rank:,.0f}); "
            f"{decimal(point.excess)} from the line"
        )
        return Bar(f"{point.a} – {point.b}", decimal(point.excess), point.excess / most, (point.a, point.b), sentence)

    def _place(self, pair: Sequence[str]) -> int:
        there = [place for place, point in enumerate(self._points) if {point.a, point.b} == set(pair)]
        return there[0] if there and len(pair) == 2 else -1

    def _mark(self) -> None:
        selected = self._labels.selected
        self.scatter.mark([self._place(selected)])
        for bars in (self.apart, self.unlike):
            keys = [bar.key for bar in bars.bars if set(bar.key) == set(selected)]
            bars.mark(keys[0] if keys else None)

    def _point_scatter(self, row: int, column: int) -> None:
        shown = self._labels.labels
        self.scatter.point(self._place((shown[row], shown[column])) if column >= 0 else -1)

    def _point_heatmaps(self, place: int) -> None:
        shown = self._labels.labels
        point = self._points[place] if place >= 0 else None
        cell = (shown.index(point.a), shown.index(point.b)) if point is not None else (-1, -1)
        for heatmap in self.figure.heatmaps:
            heatmap.point(*cell)
        self.figure.said.emit(self.figure.say(*cell) if point is not None else "")


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    head = "<tr><td></td><td></td><td>95 % over tracks&nbsp;&nbsp;</td><td>over labels</td></tr>"
    lines = [f"<tr>{''.join(f'<td>{cell}&nbsp;&nbsp;</td>' for cell in row)}</tr>" for row in rows]
    return f"<table>{head if rows[0][2] else ''}{''.join(lines)}</table>"
