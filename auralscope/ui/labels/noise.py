"""Label noise: a model's AUC per label over the label's tagability and over its popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from auralscope.labels.categories import CATEGORIES
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.scatter import SYMBOLS, ScatterPane, group_colour
from auralscope.ui.labels.tab import Figure, Tab, button
from auralscope.ui.labels.truth import FORMAT
from auralscope.wording import decimal

if TYPE_CHECKING:
    from auralscope.session.labels.noise import Noise, Quality
    from auralscope.session.labels.state import Labels
    from auralscope.ui.dialogs import FileDialogs

INSTRUCTIONS = (
    "How reliable are the labels of a ground truth, and how well does the model predict them?\n\n"
    "Load a ground truth, then a CSV of judgements by people who listened to some of its tracks again. They give each "
    "label's precision and recall ('tagability').\n"
    "With the model's scores of the same tracks, or with their recordings, its AUC is shown over both."
)


class NoiseFigure(Figure):
    """Two scatters of labels: over tagability and over popularity."""

    def __init__(self, noise: Noise, labels: Labels, parent: QWidget | None = None) -> None:
        row = QWidget()
        super().__init__(row, parent)
        self._noise = noise
        self._labels = labels
        self._drawn: dict[ScatterPane, list[Quality]] = {}
        self.over_tagability = ScatterPane("Labels over tagability")
        self.over_popularity = ScatterPane("Labels over popularity")
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        for scatter in (self.over_tagability, self.over_popularity):
            across.addWidget(scatter, 1)
            scatter.hovered.connect(lambda place, scatter=scatter: self._describe(scatter, place))
            scatter.chosen.connect(lambda place, scatter=scatter: labels.select(self._drawn[scatter][place].label))
        noise.changed.connect(self.refresh)
        labels.selected_changed.connect(self._show_selection)
        self.refresh()

    def refresh(self) -> None:
        """Show what was measured."""
        noise = self._noise
        if noise.qualities:
            self.show_content()
        else:
            self.show_sentence(INSTRUCTIONS)
        measured = [quality for quality in noise.qualities if np.isfinite(quality.value)]
        judged = [quality for quality in measured if np.isfinite(quality.tagability)]
        self.over_tagability.set_axes("Tagability (recall of the ground truth)", noise.what)
        self.over_popularity.set_axes("Popularity (tracks with the label)", noise.what)
        self._draw(self.over_tagability, judged, [quality.tagability for quality in judged])
        self._draw(self.over_popularity, measured, [float(quality.popularity) for quality in measured])
        self.over_tagability.setVisible(bool(judged))
        self._show_selection()

    def _draw(self, scatter: ScatterPane, qualities: list[Quality], across: list[float]) -> None:
        self._drawn[scatter] = qualities
        groups = [CATEGORIES.index(quality.category) for quality in qualities]
        values, low, high = (
            np.array([getattr(quality, name) for quality in qualities]) for name in ("value", "low", "high")
        )
        scatter.show_points(
            np.stack([np.array(across), values], axis=1),
            [quality.sentence for quality in qualities],
            [QColor(group_colour(group)) for group in groups],
            size=10,
            symbols=[SYMBOLS[group % len(SYMBOLS)] for group in groups],
        )
        scatter.draw_intervals(low, high)
        scatter.name_points({place: f"  {quality.label}  " for place, quality in enumerate(qualities)})

    def _describe(self, scatter: ScatterPane, place: int) -> None:
        self.readout_changed.emit(self._drawn[scatter][place].sentence if place >= 0 else "")

    def _show_selection(self) -> None:
        selected = self._labels.selected
        for scatter, qualities in self._drawn.items():
            scatter.select([place for place, quality in enumerate(qualities) if quality.label in selected])


class NoiseTab(Tab):
    """The files that are needed, and all labels by the model's AUC or by their precision."""

    figure: NoiseFigure

    def __init__(self, noise: Noise, labels: Labels, dialogs: FileDialogs, parent: QWidget | None = None) -> None:
        super().__init__(NoiseFigure(noise, labels), parent)
        self._noise = noise
        self._labels = labels
        self.truth = button("", FORMAT, lambda: dialogs.open_ground_truth(labels.load_truth))
        self.judgements = button(
            "2  Judgements…",
            "A CSV with the names of tracks in the first column, then 1, 0 or nothing for each label that was judged;\n"
            "or with counts: label,tracks,positives,positives_checked,positives_wrong,negatives_checked,"
            "negatives_missed",
            lambda: dialogs.open_table("Load judgements", noise.load_judgements),
        )
        self.scores = button(
            "3  Scores…",
            "The model's scores of the ground truth's tracks, in the same order, as .npy or CSV",
            lambda: dialogs.open_table("Load the model's scores", noise.rate),
        )
        self.folder = button(
            "or recordings…",
            "A folder with the recordings of the tracks, named as in the ground truth's first column",
            lambda: dialogs.open_folder(noise.rate),
        )
        self.categories = QLabel()
        self.categories.setWordWrap(True)
        self.list = BarList("Labels by AUC or precision", signed=False, name_share=0.5)
        buttons: list[QWidget] = [self.scores, self.folder]
        self.stack(self.truth, self.judgements, buttons, self.problem, self.about, self.categories, (self.list, 1))
        self.list.chosen.connect(labels.select)
        noise.changed.connect(self.refresh)
        labels.truth_changed.connect(self.refresh)
        labels.selected_changed.connect(self._show_selection)
        self.refresh()

    def refresh(self) -> None:
        """Show what was measured."""
        noise, labels = self._noise, self._labels
        for widget in (self.truth, self.judgements):
            widget.setEnabled(labels.vectors is not None)
        for widget in (self.scores, self.folder):
            widget.setEnabled(noise.has_truth)
        self.truth.setText(f"1  Ground truth: {labels.truth.tracks:,} tracks" if labels.truth else "1  Ground truth…")
        self.show_problems(noise.problem or labels.truth_problem)
        self.about.setText(noise.about)
        present = {quality.category for quality in noise.qualities}
        self.categories.setText(
            " &nbsp; ".join(
                f"<span style='color:{group_colour(group)}'>■</span> {category}"
                for group, category in enumerate(CATEGORIES)
                if category in present
            )
        )
        self.list.setVisible(bool(noise.qualities))
        ordered = sorted(noise.qualities, key=lambda quality: (np.isnan(quality.value), -quality.value))
        self.list.set_bars(
            [
                Bar(
                    quality.label,
                    decimal(quality.value),
                    quality.value,
                    quality.label,
                    quality.sentence,
                    group_colour(CATEGORIES.index(quality.category)),
                )
                for quality in ordered
            ],
            longest=1.0,
        )
        self._show_selection()

    def _show_selection(self) -> None:
        self.list.select(self._labels.selected[0] if len(self._labels.selected) == 1 else None)
