"""Choose which labels are shown, in a popup list with a search field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget


class LabelChoice(QFrame):
    """Popup whose checked labels are shown at once."""

    changed = Signal(list)
    """The checked labels."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("card")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search labels")
        self.search.setAccessibleName("Search labels")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Labels that are shown")
        self.all = QPushButton("Check all")
        self.none = QPushButton("Uncheck all")
        row = QHBoxLayout()
        row.addWidget(self.all)
        row.addWidget(self.none)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        layout.addLayout(row)
        self.resize(260, 400)
        self.search.textChanged.connect(self._filter)
        self.list.itemChanged.connect(self._emit)
        self.all.clicked.connect(lambda: self._check_visible(Qt.CheckState.Checked))
        self.none.clicked.connect(lambda: self._check_visible(Qt.CheckState.Unchecked))

    def set_labels(self, labels: Sequence[str], chosen: frozenset[str] | None) -> None:
        """Show all labels of the model, with the chosen ones checked; None checks all."""
        with QSignalBlocker(self.list):
            self.list.clear()
            for label in labels:
                item = QListWidgetItem(label, self.list)
                checked = chosen is None or label in chosen
                item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        self._filter(self.search.text())

    @property
    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _filter(self, text: str) -> None:
        for item in self._items:
            item.setHidden(text.strip().casefold() not in item.text().casefold())

    def _check_visible(self, state: Qt.CheckState) -> None:
        """Check or uncheck the labels that match the search."""
        with QSignalBlocker(self.list):
            for item in self._items:
                if not item.isHidden():
                    item.setCheckState(state)
        self._emit()

    def _emit(self) -> None:
        self.changed.emit([item.text() for item in self._items if item.checkState() == Qt.CheckState.Checked])
