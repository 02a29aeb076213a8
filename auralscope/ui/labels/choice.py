"""Which labels are shown: a list with boxes to check, and a field to search in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget


class LabelChoice(QFrame):
    """Opens under a button; what is checked is shown at once."""

    changed = Signal(list)
    """The labels that are checked."""

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
        self.search.textChanged.connect(self._find)
        self.list.itemChanged.connect(self._tell)
        self.all.clicked.connect(lambda: self._check_found(True))
        self.none.clicked.connect(lambda: self._check_found(False))

    def set_labels(self, labels: Sequence[str], chosen: frozenset[str] | None) -> None:
        """All that there are, and those that are checked; None for all."""
        self.list.blockSignals(True)
        self.list.clear()
        for label in labels:
            item = QListWidgetItem(label, self.list)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            shown = chosen is None or label in chosen
            item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
        self.list.blockSignals(False)
        self._find(self.search.text())

    @property
    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _find(self, text: str) -> None:
        for item in self._items:
            item.setHidden(text.strip().casefold() not in item.text().casefold())

    def _check_found(self, checked: bool) -> None:
        """Of those that the search has found."""
        self.list.blockSignals(True)
        for item in self._items:
            if not item.isHidden():
                item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        self.list.blockSignals(False)
        self._tell()

    def _tell(self) -> None:
        self.changed.emit([item.text() for item in self._items if item.checkState() == Qt.CheckState.Checked])
