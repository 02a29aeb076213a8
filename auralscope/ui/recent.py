"""The list of recent files, which is kept in the settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings

MOST = 12
_KEY = "files/recent"


class RecentFiles:
    """Recent files, latest first.

    Paths are stored as percent-encoded bytes, because settings hold text and a path may contain bytes that are not.
    """

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def paths(self) -> list[Path]:
        stored = self._settings.value(_KEY, "")
        return [Path(os.fsdecode(unquote_to_bytes(line))) for line in str(stored or "").split(" ") if line]

    def add(self, path: Path) -> None:
        """Add a file to the top of the list, or move it there."""
        path = path.absolute()
        self._store([path, *(other for other in self.paths() if other != path)][:MOST])

    def clear(self) -> None:
        self._store([])

    def _store(self, paths: list[Path]) -> None:
        self._settings.setValue(_KEY, " ".join(quote_from_bytes(os.fsencode(path)) for path in paths))
