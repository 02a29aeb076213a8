"""The whole window by keys: what takes the focus, in which order, and who gets the space bar."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QComboBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence


class SpaceBar(QObject):
    """Gives the space bar to a button that was reached with Tab; everywhere else it plays and pauses.

    A click leaves the focus where it is, so that after a click the space bar still plays.
    """

    def adopt(self, window: QWidget) -> None:
        """Take care of all buttons and boxes of a window; again after new ones came."""
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
    """Have Tab reach the pressed one of some buttons; arrow keys go to the others."""

    def follow(button: QAbstractButton, pressed: bool) -> None:
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus if pressed else Qt.FocusPolicy.NoFocus)

    group.buttonToggled.connect(follow)
    for button in group.buttons():
        follow(button, button.isChecked())


def order_focus(widgets: Sequence[QWidget]) -> None:
    """Have Tab go from each to the next, as they are read: from the top left to the bottom right."""
    policies = [widget.focusPolicy() for widget in widgets]
    for widget in widgets:  # Qt puts nothing in order that takes no focus at the moment
        widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    for one, following in pairwise(widgets):
        QWidget.setTabOrder(one, following)
    for widget, policy in zip(widgets, policies, strict=True):
        widget.setFocusPolicy(policy)
