"""Similarity of labels beside their co-occurrence in a ground truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QLabel, QWidget

from auralscope.session.labels import words
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.heatmap import Heatmap
from auralscope.ui.graphs.scatter import ScatterPane
from auralscope.ui.labels.heatmaps import HeatmapFigure, matrix_of
from auralscope.ui.labels.tab import Tab, button, pair_bar
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.labels.cooccurrence import Agreement, Point
    from auralscope.session.labels.state import Labels
    from auralscope.ui.dialogs import FileDialogs

FORMAT = "A matrix of 0 and 1, tracks × labels, as .npy or CSV; several files are joined"
INSTRUCTIONS = (
    "Load a ground truth to see which labels occur together: a matrix of 0 and 1, tracks × labels,\n"
    "as .npy or CSV (with a header of labels, or in the model's order). Several files are joined."
)
NAMED = 3
"""Outliers on each side of the line whose names are in the scatter."""
OUTLIERS = 12


class TruthFigure(HeatmapFigure):
    """Similarity of labels to the model, and how often they occur together."""

    symmetric = False

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        similarity = Heatmap("Similarity of labels")
        super().__init__(labels, [similarity, Heatmap("Co-occurrence of labels", beside=similarity)], parent)
        self._drawn: object = None
        for changed in (labels.changed, labels.truth_changed):
            changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        labels = self.labels
        missing, vectors, truth = self.missing(), labels.vectors, labels.truth
        if missing or vectors is None or truth is None:
            self._drawn = None
            self.show_sentence(missing or INSTRUCTIONS)
            return
        drawn = (labels.arrangement, labels.metric, truth)
        if drawn != self._drawn:  # not when only the correlations' intervals arrive
            self._drawn = drawn
            self.show_matrices(
                matrix_of(labels, vectors.similarity(metric=labels.metric), title="Similarity to the model"),
                matrix_of(
                    labels,
                    truth.cooccurrence(),
                    scale="share",
                    title="Co-occurrence: share of the row's tracks with the column's label",
                ),
            )


class TruthTab(Tab):
    """The ground truth's files, correlations, scatter, and the pairs far from the line."""

    figure: TruthFigure

    def __init__(self, labels: Labels, dialogs: FileDialogs, parent: QWidget | None = None) -> None:
        super().__init__(TruthFigure(labels), parent)
        self._labels = labels
        self._points: Sequence[Point] = ()
        self._drawn: object = None
        self.load = button("Load ground truth…", FORMAT, lambda: dialogs.open_ground_truth(labels.load_truth))
        self.remove = button("Remove", "Remove the ground truth", labels.forget_truth)
        self.correlations = QLabel()
        self.correlations.setToolTip(
            "Correlation between similarity and the greater of the two co-occurrences, over all pairs, with 95 % "
            "bootstrap intervals:\nover tracks, for another sample of as many tracks,\n"
            "over labels, for another choice of as many labels."
        )
        self.scatter = ScatterPane("Similarity over co-occurrence", "Co-occurrence", "Similarity")
        above, below = "Similar to the model, rarely together", "Often together, not similar to the model"
        self.above, self.below = (BarList(title, name_share=0.66) for title in (above, below))
        self._found = [self.correlations, self.scatter]
        rows: list[QWidget | tuple[QWidget, int]] = []
        for title, bars in ((above, self.above), (below, self.below)):
            heading = sentence()
            heading.setText(title)
            bars.chosen.connect(lambda key: labels.select(*key))
            self._found += [heading, bars]
            rows += [heading, (bars, 2)]
        self.stack([self.load, self.remove], self.problem, self.about, self.correlations, (self.scatter, 4), *rows)
        self.scatter.hovered.connect(self._hover_heatmaps)
        self.scatter.chosen.connect(lambda point: labels.select(self._points[point].a, self._points[point].b))
        for heatmap in self.figure.heatmaps:
            heatmap.hovered.connect(self._hover_scatter)
        for changed in (labels.truth_changed, labels.changed):
            changed.connect(self.refresh)
        labels.selected_changed.connect(self._show_selection)
        self.refresh()

    def refresh(self) -> None:
        """Show the present choices and the ground truth."""
        labels = self._labels
        truth, agreement = labels.truth, labels.agreement
        self.load.setEnabled(labels.vectors is not None)
        self.remove.setVisible(truth is not None)
        self.show_problems(labels.truth_problem)
        self.about.setText(words.about_truth(truth) if truth is not None else "")
        self.about.setVisible(truth is not None)
        for widget in self._found:
            widget.setVisible(agreement is not None)
        if agreement is None:
            return
        self.correlations.setText(_table(words.correlations(agreement)))
        drawn = (agreement.points, labels.labels)
        if drawn != self._drawn:
            self._drawn = drawn
            self._show_agreement(agreement)

    def _show_agreement(self, agreement: Agreement) -> None:
        shown = set(self._labels.labels)
        points = self._points = [point for point in agreement.points if point.a in shown and point.b in shown]
        self.scatter.show_points(
            np.array([(point.together, point.similarity) for point in points]).reshape(-1, 2),
            [f"{p.a} – {p.b}: {decimal(p.similarity)}, {percent(p.together)}" for p in points],
            size=5,
        )
        self.scatter.draw_line(*agreement.line)
        by_excess = sorted(range(len(points)), key=lambda place: -points[place].excess)
        above = [place for place in by_excess[:OUTLIERS] if points[place].excess > 0.0]
        below = [place for place in by_excess[::-1][:OUTLIERS] if points[place].excess < 0.0]
        named = [*above[:NAMED], *below[:NAMED]]
        self.scatter.name_points({place: f"{points[place].a} – {points[place].b}" for place in named})
        largest = max((abs(point.excess) for point in points), default=0.0)
        for bars, places in ((self.above, above), (self.below, below)):
            bars.set_bars([_outlier_bar(points[place]) for place in places], longest=largest)
        self._show_selection()

    def _place(self, pair: Sequence[str]) -> int:
        """Return a pair's place among the points; -1 if it is not there."""
        places = (place for place, point in enumerate(self._points) if sorted((point.a, point.b)) == sorted(pair))
        return next(places, -1)

    def _show_selection(self) -> None:
        selected = self._labels.selected
        self.scatter.select([self._place(selected)])
        for bars in (self.above, self.below):
            bars.select(next((bar.key for bar in bars.items if set(bar.key) == set(selected)), None))

    def _hover_scatter(self, row: int, column: int) -> None:
        shown = self._labels.labels
        self.scatter.hover(self._place((shown[row], shown[column])) if column >= 0 else -1)

    def _hover_heatmaps(self, place: int) -> None:
        shown = self._labels.labels
        point = self._points[place] if place >= 0 else None
        self.figure.hover(*((shown.index(point.a), shown.index(point.b)) if point is not None else (-1, -1)))


def _outlier_bar(point: Point) -> Bar:
    return pair_bar(
        point.a,
        point.b,
        point.excess,
        f"{point.a} – {point.b}: similarity {decimal(point.similarity)} (number {point.similarity_rank:,.0f}), "
        f"co-occurrence {percent(point.together)} (number {point.together_rank:,.0f}); "
        f"{decimal(point.excess)} from the line",
    )


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    head = "<tr><td></td><td></td><td>95 % over tracks&nbsp;&nbsp;</td><td>over labels</td></tr>"
    lines = [f"<tr>{''.join(f'<td>{cell}&nbsp;&nbsp;</td>' for cell in row)}</tr>" for row in rows]
    return f"<table>{head if rows[0][2] else ''}{''.join(lines)}</table>"
