"""Call functions of worker threads on the window's thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot


class UiThread(QObject):
    """Queue of functions that are called in order on the thread that made this object."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._posted.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def deliver(self, call: Callable[[], None]) -> None:
        """Queue a function. It can be called on any thread."""
        self._posted.emit(call)

    @Slot(object)
    def _call(self, call: Callable[[], None]) -> None:
        call()
