"""Boxes to choose from that remember what was chosen, from one sitting to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtCore import QSettings


def remembered_choice(
    settings: QSettings, key: str, what: str, names: Mapping[str, str], first: str | None = None
) -> QComboBox:
    """A box whose choice is kept in `settings` under `view/` and `key`.

    Parameters
    ----------
    settings : QSettings
    key : str
    what : str
        What is chosen, for people.
    names : mapping of str to str
        Values, and what they are called.
    first : str, optional
        What is chosen the first time; the first of all unless given.
    """
    box = QComboBox()
    for value, name in names.items():
        box.addItem(name, value)
    box.setCurrentIndex(max(box.findData(settings.value(f"view/{key}", first)), 0))
    box.setToolTip(what)
    box.setAccessibleName(what)
    box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    box.currentIndexChanged.connect(lambda: settings.setValue(f"view/{key}", box.currentData()))
    return box
