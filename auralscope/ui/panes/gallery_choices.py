"""Choices of the gallery: the kind of pictures and the attribution method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QPushButton, QWidget

from auralscope.session.methods import methods
from auralscope.ui.keyboard import one_tab_stop

if TYPE_CHECKING:
    from auralscope.session.session import Session


class WordsChoice(QWidget):
    """Row of buttons of which one is pressed.

    Parameters
    ----------
    choices : tuple of (str, str)
        Value and text of each.
    """

    chosen = Signal(str)

    def __init__(self, choices: tuple[tuple[str, str], ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for value, text in choices:
            button = QPushButton(text)
            button.setCheckable(True)
            button.clicked.connect(lambda _checked, value=value: self.chosen.emit(value))
            self._group.addButton(button)
            self.buttons[value] = button
            layout.addWidget(button)
        one_tab_stop(self._group)
        self.buttons[choices[0][0]].setChecked(True)

    def choose(self, value: str) -> None:
        """Press a button."""
        self.buttons[value].setChecked(True)
        self.chosen.emit(value)


class MethodChoice(QComboBox):
    """Choice of the attribution method. Methods that the layer does not support are disabled and give the reason."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setAccessibleName("Attribution method")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(7)
        self.activated.connect(lambda: session.choose_method(self.currentData()))
        session.model_changed.connect(self._list)
        session.layer_changed.connect(self.refresh)
        session.methods.changed.connect(self.refresh)
        self.refresh()

    @property
    def about(self) -> str:
        """One sentence about the chosen method."""
        return str(self.currentData(Qt.ItemDataRole.UserRole + 1) or "")

    def _list(self) -> None:
        """List the methods, once a model is loaded."""
        self.clear()
        for method in methods():
            self.addItem(method.title, method.name)
            self.setItemData(self.count() - 1, method.about, Qt.ItemDataRole.UserRole + 1)
        self.refresh()

    def refresh(self) -> None:
        """Show the chosen method and disable those that the layer does not support."""
        session, items = self._session, self.model()
        assert isinstance(items, QStandardItemModel)
        for row in range(self.count()):
            objection = session.methods.unsupported.get((session.layer, self.itemData(row)), "")
            item = items.itemFromIndex(items.index(row, 0, QModelIndex()))
            item.setEnabled(not objection)
            about = self.itemData(row, Qt.ItemDataRole.UserRole + 1)
            self.setItemData(
                row, f"Not for this layer: {objection}" if objection else about, Qt.ItemDataRole.ToolTipRole
            )
        self.setCurrentIndex(self.findData(session.methods.chosen))
        self.setEnabled(self.count() > 0)
        self.setToolTip(f"Attribution method of the pictures and sounds (E)\n{self.about}".rstrip())
