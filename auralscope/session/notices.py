"""Pass warnings of a running model, such as memory that runs out, on to the user."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.session.jobs import Deliver

LOG = logging.getLogger("auralscope.nn")


class Notices(logging.Handler):
    """Handler that passes log messages from the model's thread to the owner's until it is closed.

    Parameters
    ----------
    deliver : callable
        Calls a function on the owner's thread; see `Jobs`.
    notify : callable
        Takes a sentence; called on the owner's thread.
    """

    def __init__(self, deliver: Deliver, notify: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._deliver = deliver
        self._notify = notify
        LOG.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        sentence = record.getMessage()
        self._deliver(lambda: self._notify(sentence))

    def close(self) -> None:
        """Stop passing messages on."""
        LOG.removeHandler(self)
        super().close()
