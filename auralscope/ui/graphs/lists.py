"""List of items that paint themselves, of which a click or Enter chooses one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QKeyEvent

Index = QModelIndex | QPersistentModelIndex
ItemRole = Qt.ItemDataRole.UserRole


class _Model(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.items: Sequence[Any] = ()

    def set_items(self, items: Sequence[Any]) -> None:
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self.items[index.row()]
        if role == ItemRole:
            return item
        if role == Qt.ItemDataRole.DisplayRole:
            return item.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return item.sentence
        return None


class ItemList(QListView):
    """List of which a click or Enter chooses one item; subclasses set a delegate that paints the items.

    An item has a `name`, a `key`, which is emitted when it is chosen, and a `sentence` for the tooltip.

    Parameters
    ----------
    name : str
        For screen readers.
    """

    chosen = Signal(object)
    """Key of the chosen item."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model(self)
        self.setModel(self._model)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(self._choose)

    @property
    def items(self) -> Sequence[Any]:
        return self._model.items

    def set_items(self, items: Sequence[Any]) -> None:
        """Show other items, from the first one on."""
        self._model.set_items(items)
        self.scrollToTop()

    def select(self, key: object) -> None:
        """Select the item with a key without emitting `chosen`; clear the selection if there is no such item."""
        row = next((row for row, item in enumerate(self.items) if item.key == key), None)
        if row is None:
            self.clearSelection()
            return
        self.setCurrentIndex(self._model.index(row))
        self.scrollTo(self._model.index(row))

    def _choose(self, index: Index) -> None:
        self.chosen.emit(self.items[index.row()].key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._choose(self.currentIndex())
        else:
            super().keyPressEvent(event)
