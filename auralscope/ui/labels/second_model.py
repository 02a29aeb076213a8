"""Difference of two models in the similarity of the labels that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from auralscope.files import size_words
from auralscope.ui.graphs.bars import BarList
from auralscope.ui.graphs.heatmap import Heatmap
from auralscope.ui.graphs.heatmap_layout import Matrix
from auralscope.ui.labels.heatmaps import HeatmapFigure, limit_of
from auralscope.ui.labels.tab import Tab, pair_bar
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from auralscope.session.labels.second_model import OtherModel
    from auralscope.session.labels.state import Labels


class SecondModelFigure(HeatmapFigure):
    """Similarity to the session's model minus similarity to the other model."""

    def __init__(self, labels: Labels, other: OtherModel, parent: QWidget | None = None) -> None:
        super().__init__(labels, [Heatmap("Difference of two models")], parent)
        self._other = other
        other.changed.connect(self.refresh)
        self.refresh()

    @property
    def shown(self) -> tuple[str, ...]:
        return self._other.labels

    def refresh(self) -> None:
        other, comparison = self._other, self._other.comparison
        missing = self.missing() or other.problem
        if missing:
            self.show_sentence(missing)
        elif other.spec is None:
            self.show_sentence("Choose another model to see where the two differ.")
        elif comparison is None:
            self.show_sentence(f"Computing the label vectors of {other.spec.title}…")
        else:
            title = f"Similarity to {self.labels.title} minus similarity to {other.spec.title}"
            difference = comparison.difference
            self.show_matrices(
                Matrix(other.shown(difference), other.labels, limit=limit_of(difference), half=self.half, title=title)
            )

    def pair_sentence(self, a: str, b: str) -> str:
        return self._other.pair_sentence(a, b)


class SecondModelTab(Tab):
    """Choice of the other model, and the pairs on which the two models differ most."""

    figure: SecondModelFigure

    def __init__(self, labels: Labels, other: OtherModel, parent: QWidget | None = None) -> None:
        super().__init__(SecondModelFigure(labels, other), parent)
        self._labels = labels
        self._other = other
        self.choice = QComboBox()
        self.choice.setAccessibleName("The other model")
        self.choice.setToolTip("The model to compare with; only its label vectors are loaded")
        self.choice.setPlaceholderText("Compare with…")
        self.get = QPushButton()
        self.title = sentence("title")
        self.title.setText("Pairs by difference, the largest first")
        self.pairs = BarList("Pairs on which the models differ most", name_share=0.62)
        self.stack(self.choice, self.get, self.about, self.title, (self.pairs, 1))
        self.choice.activated.connect(lambda _row: other.choose(self.choice.currentData()))
        self.get.clicked.connect(other.get_weights)
        self.pairs.chosen.connect(lambda key: labels.select(*key))
        labels.selected_changed.connect(lambda: self.pairs.select(labels.selected))
        other.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the present choices."""
        other, comparison, specs = self._other, self._other.comparison, self._other.specs
        names = [f"{spec.title} – get weights" if other.lacks_weights(spec) else spec.title for spec in specs]
        if [self.choice.itemText(row) for row in range(self.choice.count())] != names:
            self.choice.clear()
            for name, spec in zip(names, specs, strict=True):
                self.choice.addItem(name, spec)
        self.choice.setCurrentIndex(specs.index(other.spec) if other.spec in specs else -1)
        self.choice.setEnabled(bool(specs) and self._labels.vectors is not None)
        published = other.spec.weights.published if other.spec is not None else None
        lacking = other.spec is not None and published is not None and other.lacks_weights(other.spec)
        self.get.setVisible(lacking)
        if lacking and other.spec is not None and published is not None:
            self.get.setText(f"Get weights ({size_words(published.size_bytes)})")
            self.get.setToolTip(f"{published.source}. Licence: {other.spec.weights.licence}.")
        for widget in (self.about, self.title, self.pairs):
            widget.setVisible(comparison is not None)
        if comparison is None:
            return
        self.about.setText(
            f"{len(comparison.labels)} labels that both models have. Correlation of their similarities: "
            f"Spearman {decimal(comparison.spearman)}, Pearson {decimal(comparison.pearson)}."
        )
        shown = set(other.labels)
        self.pairs.set_bars(
            [
                pair_bar(pair.a, pair.b, pair.difference, other.pair_sentence(pair.a, pair.b))
                for pair in comparison.disagreements()
                if pair.a in shown and pair.b in shown
            ],
        )
