"""Pass warnings from the log on to the user: memory that runs out, parts that a sound file lacks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.session.jobs import Deliver


class Notices(logging.Handler):
    """Handler that passes a log's messages from other threads to the owner's until it is closed.

    Parameters
    ----------
    log : str
        Name of the log.
    deliver : callable
        Calls a function on the owner's thread; see `Jobs`.
    notify : callable
        Takes a sentence; called on the owner's thread.
    """

    def __init__(self, log: str, deliver: Deliver, notify: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._deliver = deliver
        self._notify = notify
        self._log = logging.getLogger(log)
        self._log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        sentence = record.getMessage()
        self._deliver(lambda: self._notify(sentence))

    def close(self) -> None:
        """Stop passing messages on."""
        self._log.removeHandler(self)
        super().close()
