"""Choices and numbers that are kept in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtCore import QSettings


def kept_number(settings: QSettings, key: str, default: int) -> int:
    """Return a number of the settings, or the default if there is none or something else."""
    try:
        return int(str(settings.value(key, default)))
    except ValueError:
        return default


def remembered_choice(
    settings: QSettings, key: str, what: str, names: Mapping[str, str], first: str | None = None
) -> QComboBox:
    """Return a combo box whose choice is kept in `settings` under `view/` and `key`.

    Parameters
    ----------
    settings : QSettings
    key : str
    what : str
        Tooltip and accessible name.
    names : mapping of str to str
        Values and their names in the box.
    first : str, optional
        Value that is chosen the first time; the first one unless given.
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
