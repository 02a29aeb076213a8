"""Controls shared by all heatmaps: metric, order, which labels, half or whole, and saving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QMenu, QPushButton, QWidget

from auralscope.ui.labels.choice import LabelChoice

if TYPE_CHECKING:
    from auralscope.session.labels.state import Labels

METRICS = {"cosine": "Cosine", "dot": "Dot product"}
ORDERS = {
    "model": "The model's order",
    "category": "By category",
    "alphabetical": "Alphabetical",
    "clustered": "Clustered",
}


class LabelControls(QWidget):
    """Choices that all heatmaps share."""

    half_changed = Signal(bool)
    save_picture_requested = Signal()
    save_table_requested = Signal()

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self.metric_choice = _box("Similarity of label vectors: their cosine or their dot product", METRICS)
        self.order_choice = _box("Order of the labels", ORDERS)
        self.choose = QPushButton("Labels…")
        self.choose.setToolTip("Choose which labels are shown")
        self.choice = LabelChoice(self)
        self.half = QCheckBox("Half")
        self.half.setToolTip("Leave out the upper half, which repeats the lower half")
        self.save = QPushButton("Save…")
        self.save.setToolTip("Save the heatmap as a picture or as a table")
        menu = QMenu(self.save)
        menu.addAction("Picture (PNG)…").triggered.connect(self.save_picture_requested)
        menu.addAction("Table (CSV)…").triggered.connect(self.save_table_requested)
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
        """Show the present choices."""
        labels, vectors = self._labels, self._labels.vectors
        for widget in (self.metric_choice, self.order_choice, self.choose, self.half, self.save):
            widget.setEnabled(vectors is not None)
        self.metric_choice.setCurrentIndex(self.metric_choice.findData(labels.metric))
        self.order_choice.setCurrentIndex(self.order_choice.findData(labels.order))
        if vectors is not None:
            count, shown = len(vectors.labels), len(labels.labels)
            self.choose.setText("Labels: all" if shown == count else f"Labels: {shown} of {count}")

    def _open_choice(self) -> None:
        if self._labels.vectors is not None:
            self.choice.set_labels(self._labels.vectors.labels, self._labels.chosen)
            self.choice.move(self.choose.mapToGlobal(QPoint(0, self.choose.height() + 2)))
            self.choice.show()
            self.choice.search.setFocus()


def _box(about: str, names: dict[str, str]) -> QComboBox:
    box = QComboBox()
    for value, name in names.items():
        box.addItem(name, value)
    box.setToolTip(about)
    box.setAccessibleName(about)
    return box
