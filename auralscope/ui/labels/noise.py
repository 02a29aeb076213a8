"""Label noise: how well labels are known, over how readily people give them and over how often they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from auralscope.labels.categories import CATEGORIES
from auralscope.ui import theme
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.scatter import ScatterPane
from auralscope.ui.labels.map import COLOURS, SYMBOLS
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from auralscope.session.labels.noise import Noise, Quality
    from auralscope.session.labels.state import Labels

HOW = (
    "How far can the labels be trusted, and how well does the model know them?\n\n"
    "Load a ground truth, then a CSV of what people heard who listened to some of its tracks again: precision and "
    "recall ('tagability') of each label.\n"
    "With the model's scores of the same tracks, or their recordings, its AUC stands against both."
)


class NoiseFigure(QWidget):
    """Two scatters of labels: over tagability, and over popularity."""

    said = Signal(str)

    def __init__(self, noise: Noise, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._noise = noise
        self._labels = labels
        self._shown: dict[ScatterPane, list[Quality]] = {}
        self.over_tagability = ScatterPane("Labels over tagability")
        self.over_popularity = ScatterPane("Labels over popularity")
        self.sentence = QLabel(HOW)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setWordWrap(True)
        row = QWidget()
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        for scatter in (self.over_tagability, self.over_popularity):
            across.addWidget(scatter, 1)
            scatter.pointed.connect(lambda place, scatter=scatter: self._say(scatter, place))
            scatter.chosen.connect(lambda place, scatter=scatter: labels.select(self._shown[scatter][place].label))
        self._stack = QStackedLayout(self)
        self._stack.addWidget(row)
        self._stack.addWidget(self.sentence)
        noise.changed.connect(self.refresh)
        labels.selected_changed.connect(self._mark)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self.refresh()

    def refresh(self) -> None:
        """Show what was measured."""
        noise = self._noise
        self._stack.setCurrentIndex(0 if noise.qualities else 1)
        there = [one for one in noise.qualities if np.isfinite(one.value)]
        known = [one for one in there if np.isfinite(one.tagability)]
        self.over_tagability.set_axes("Tagability (recall of the ground truth)", noise.what)
        self.over_popularity.set_axes("Popularity (tracks with the label)", noise.what)
        self._show(self.over_tagability, known, [one.tagability for one in known])
        self._show(self.over_popularity, there, [float(one.popularity) for one in there])
        self.over_tagability.setVisible(bool(known))
        self._mark()

    def _show(self, scatter: ScatterPane, qualities: list[Quality], across: list[float]) -> None:
        self._shown[scatter] = qualities
        at = np.array([(x, one.value) for x, one in zip(across, qualities, strict=True)]).reshape(-1, 2)
        kinds = [CATEGORIES.index(one.category) for one in qualities]
        scatter.show_points(
            at,
            [one.sentence for one in qualities],
            [QColor(COLOURS[kind % len(COLOURS)]) for kind in kinds],
            size=10,
            symbols=[SYMBOLS[kind % len(SYMBOLS)] for kind in kinds],
        )
        low, high = (np.array([getattr(one, end) for one in qualities]) for end in ("low", "high"))
        scatter.draw_intervals(low, high)
        scatter.name_points({place: f"  {one.label}  " for place, one in enumerate(qualities)})

    def _say(self, scatter: ScatterPane, place: int) -> None:
        self.said.emit(self._shown[scatter][place].sentence if place >= 0 else "")

    def _mark(self) -> None:
        selected = set(self._labels.selected)
        for scatter, qualities in self._shown.items():
            scatter.mark([place for place, one in enumerate(qualities) if one.label in selected])


class NoiseTab(QWidget):
    """The column beside: what is needed, what was measured, and every label.

    Attributes
    ----------
    figure : NoiseFigure
    """

    def __init__(self, noise: Noise, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._noise = noise
        self._labels = labels
        self.figure = NoiseFigure(noise, labels)
        self.truth = QPushButton("1  Ground truth…")
        self.truth.setToolTip("A matrix of 0 and 1, tracks × labels: .npy or CSV")
        self.listened = QPushButton("2  Listened to again…")
        self.listened.setToolTip(
            "A CSV: names of tracks in the first column, then 1, 0 or nothing for each label that was judged;\nor "
            "counts: label,tracks,positives,positives_checked,positives_wrong,negatives_checked,negatives_missed"
        )
        self.scores = QPushButton("3  Scores…")
        self.scores.setToolTip("The model's scores of the ground truth's tracks, in its order: .npy or CSV")
        self.folder = QPushButton("or recordings…")
        self.folder.setToolTip("A folder of the tracks' recordings, named as in the ground truth's first column")
        self.problem = sentence()
        self.about = QLabel()
        self.about.setObjectName("dim")
        self.about.setWordWrap(True)
        self.categories = QLabel()
        self.categories.setWordWrap(True)
        self.list = BarList("Labels by how well they are known", signed=False, name_share=0.5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = QHBoxLayout()
        row.addWidget(self.scores, 1)
        row.addWidget(self.folder, 1)
        layout.addWidget(self.truth)
        layout.addWidget(self.listened)
        layout.addLayout(row)
        for widget in (self.problem, self.about, self.categories):
            layout.addWidget(widget)
        layout.addWidget(self.list, 1)
        layout.addStretch()
        self.list.chosen.connect(labels.select)
        noise.changed.connect(self.refresh)
        labels.truth_changed.connect(self.refresh)
        labels.selected_changed.connect(self._mark)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self.problem.setStyleSheet(f"color: {theme.current().warning_text};")

    def refresh(self) -> None:
        """Show what was measured."""
        noise, labels = self._noise, self._labels
        for button in (self.truth, self.listened):
            button.setEnabled(labels.vectors is not None)
        for button in (self.scores, self.folder):
            button.setEnabled(noise.has_truth)
        self.truth.setText(f"1  Ground truth: {labels.truth.tracks:,} tracks" if labels.truth else "1  Ground truth…")
        self.problem.setText(noise.problem or labels.truth_problem)
        self.problem.setVisible(bool(self.problem.text()))
        self.about.setText(noise.about)
        there = [kind for kind in CATEGORIES if any(one.category == kind for one in noise.qualities)]
        self.categories.setText(
            " &nbsp; ".join(
                f"<span style='color:{COLOURS[CATEGORIES.index(kind) % len(COLOURS)]}'>■</span> {kind}"
                for kind in there
            )
        )
        self.list.setVisible(bool(noise.qualities))
        ordered = sorted(noise.qualities, key=lambda one: (np.isnan(one.value), -one.value))
        self.list.set_bars(
            [
                Bar(
                    one.label,
                    decimal(one.value),
                    one.value,
                    one.label,
                    one.sentence,
                    COLOURS[CATEGORIES.index(one.category) % len(COLOURS)],
                )
                for one in ordered
            ]
        )
        self._mark()

    def _mark(self) -> None:
        self.list.mark(self._labels.selected[0] if len(self._labels.selected) == 1 else None)
