"""Keyboard and wheel: which keys a control uses itself, where the focus goes after typing, and the order of Tab."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QButtonGroup,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QSpinBox,
    QTabBar,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QAbstractSlider, QLineEdit, QTabBar, QAbstractItemView)
_TURNED_BY_WHEEL = (QComboBox, QAbstractSpinBox, QAbstractSlider, QTabBar)
_ENDS = (Qt.Key.Key_Home, Qt.Key.Key_End)
_DONE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


class ControlFilter(QObject):
    """Event filter that gives all controls of a window the same manners.

    - The wheel scrolls what is below a control; it never changes the control.
    - The space bar belongs to a button or box that Tab has reached, and to text. Elsewhere it plays and pauses.
      Buttons take the focus by Tab only, so that the space bar still plays after a click.
    - Home and End belong to the list, slider or box with the focus.
    - A box of numbers takes digits and the minus sign. Other characters are keys of the window.
    - Enter ends the typing in a box or a field, Escape also undoes it, and the focus goes to the view.

    Parameters
    ----------
    view : QWidget
        Receives the focus after typing, if it is visible.
    """

    def __init__(self, view: QWidget, parent: QObject) -> None:
        super().__init__(parent)
        self._view = view

    def adopt(self, window: QWidget) -> None:
        """Filter the events of all controls of a window. Call it again after adding some."""
        for kind in _CONTROLS:
            for widget in window.findChildren(kind):
                if isinstance(widget, QAbstractButton | QComboBox):
                    reached = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
                    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus if reached else Qt.FocusPolicy.NoFocus)
                elif widget.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                widget.installEventFilter(self)  # a second time changes nothing

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.Wheel and isinstance(watched, _TURNED_BY_WHEEL) and not isinstance(watched, QScrollBar):
            event.ignore()  # passed on to the parent
            return True
        if isinstance(event, QKeyEvent):
            if kind == QEvent.Type.ShortcutOverride:
                return self._belongs_to_window(watched, event)
            if kind == QEvent.Type.KeyPress and event.key() in _DONE:
                return self._end_typing(watched, event)
        return False

    def _belongs_to_window(self, watched: QObject, event: QKeyEvent) -> bool:
        """Accept a key that the control uses itself; return whether the decision is made."""
        key, text = event.key(), event.text()
        if isinstance(watched, QAbstractSpinBox) and text and text.isprintable() and text not in "-0123456789":
            event.ignore()
            return True
        own = (
            (key == Qt.Key.Key_Space and isinstance(watched, QAbstractButton | QComboBox))
            or (key in _ENDS and isinstance(watched, QAbstractItemView | QAbstractSlider | QComboBox))
            or (key == Qt.Key.Key_Escape and isinstance(watched, QAbstractSpinBox | QLineEdit))
        )
        if own:
            event.accept()
        return own

    def _end_typing(self, watched: QObject, event: QKeyEvent) -> bool:
        """Take or undo what was typed, and give the focus to the view; return whether that was done."""
        if not isinstance(watched, QSpinBox | QLineEdit) or watched.window().windowType() == Qt.WindowType.Popup:
            return False  # Escape closes a popup
        undo = event.key() == Qt.Key.Key_Escape
        if isinstance(watched, QSpinBox):
            if undo:
                watched.setValue(watched.value())  # shows the value in place of what was typed
            watched.interpretText()
            watched.lineEdit().deselect()
        elif undo:
            watched.clear()
        if self._view.isVisible():
            self._view.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            watched.clearFocus()
        return True


def one_tab_stop(group: QButtonGroup) -> None:
    """Let Tab reach only the pressed button of a group; the arrow keys reach the others."""

    def follow(button: QAbstractButton, pressed: bool) -> None:
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus if pressed else Qt.FocusPolicy.NoFocus)

    group.buttonToggled.connect(follow)
    for button in group.buttons():
        follow(button, button.isChecked())


def order_focus(widgets: Sequence[QWidget]) -> None:
    """Let Tab go from each widget to the next."""
    policies = [widget.focusPolicy() for widget in widgets]
    for widget in widgets:  # Qt ignores widgets that take no focus
        widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    for one, following in pairwise(widgets):
        QWidget.setTabOrder(one, following)
    for widget, policy in zip(widgets, policies, strict=True):
        widget.setFocusPolicy(policy)
