"""How label vectors are looked at: metric, order, which labels, and saving what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QMenu, QPushButton, QWidget

from auralscope.ui.labels.choice import LabelChoice

if TYPE_CHECKING:
    from auralscope.session.labels.state import Labels

METRICS = {"cosine": "Cosine", "dot": "Dot product"}
ORDERS = {
    "model": "As the model has them",
    "category": "By category",
    "alphabetical": "Alphabetically",
    "clustered": "Clustered",
}


class LabelControls(QWidget):
    """The choices that all heatmaps share."""

    half_changed = Signal(bool)
    save_picture_wanted = Signal()
    save_table_wanted = Signal()

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self.metric_choice = _box("Similarity: the cosine of label vectors, or their dot product as they are", METRICS)
        self.order_choice = _box("Order of the labels", ORDERS)
        self.choose = QPushButton("Labels…")
        self.choose.setToolTip("Which labels are shown")
        self.choice = LabelChoice(self)
        self.half = QCheckBox("Half")
        self.half.setToolTip("Leave out the upper half: it says the same as the lower one")
        self.save = QPushButton("Save…")
        self.save.setToolTip("Write the heatmap as a picture or as a table")
        menu = QMenu(self.save)
        menu.addAction("Picture (PNG)…").triggered.connect(self.save_picture_wanted)
        menu.addAction("Table (CSV)…").triggered.connect(self.save_table_wanted)
        self.save.setMenu(menu)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.metric_choice, 0, 0, 1, 2)
        layout.addWidget(self.order_choice, 0, 2, 1, 3)
        layout.addWidget(self.choose, 1, 0, 1, 2)
        layout.addWidget(self.half, 1, 2)
        layout.setColumnStretch(3, 1)
        layout.addWidget(self.save, 1, 4)
        self.metric_choice.currentIndexChanged.connect(lambda: labels.set_metric(self.metric_choice.currentData()))
        self.order_choice.currentIndexChanged.connect(lambda: labels.set_order(self.order_choice.currentData()))
        self.half.toggled.connect(self.half_changed)
        self.choose.clicked.connect(self._open_choice)
        self.choice.changed.connect(labels.choose)
        labels.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        vectors = self._labels.vectors
        for widget in (self.metric_choice, self.order_choice, self.choose, self.half, self.save):
            widget.setEnabled(vectors is not None)
        self.metric_choice.setCurrentIndex(self.metric_choice.findData(self._labels.metric))
        self.order_choice.setCurrentIndex(self.order_choice.findData(self._labels.order))
        if vectors is not None:
            count, shown = len(vectors.labels), len(self._labels.labels)
            self.choose.setText("Labels: all" if shown == count else f"Labels: {shown} of {count}")

    def _open_choice(self) -> None:
        vectors = self._labels.vectors
        if vectors is None:
            return
        self.choice.set_labels(vectors.labels, self._labels.chosen)
        self.choice.move(self.choose.mapToGlobal(QPoint(0, self.choose.height() + 2)))
        self.choice.show()
        self.choice.search.setFocus()


def _box(what: str, names: dict[str, str]) -> QComboBox:
    box = QComboBox()
    for value, name in names.items():
        box.addItem(name, value)
    box.setToolTip(what)
    box.setAccessibleName(what)
    return box
