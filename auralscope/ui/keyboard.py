"""Keyboard focus: which widgets take it, in which order, and which get the space bar."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QComboBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence


class SpaceBar(QObject):
    """Event filter that gives the space bar to a button with focus; elsewhere the space bar plays and pauses.

    Buttons take the focus by Tab only, so that the space bar still plays after a click.
    """

    def adopt(self, window: QWidget) -> None:
        """Filter the keys of all buttons and boxes of a window. Call it again after adding some."""
        for widget in [*window.findChildren(QAbstractButton), *window.findChildren(QComboBox)]:
            reached = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus if reached else Qt.FocusPolicy.NoFocus)
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Space
        ):
            event.accept()
            return True
        return False


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
