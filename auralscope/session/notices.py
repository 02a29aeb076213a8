"""What happens to a model at work, such as memory that runs out, said to whoever owns the session."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.session.jobs import Deliver

LOG = logging.getLogger("auralscope.nn")


class Notices(logging.Handler):
    """Passes sentences from the model's thread on to the owner's, until it is closed.

    Parameters
    ----------
    deliver : callable
        See `Jobs`.
    say : callable
        Takes a sentence, on the owner's thread.
    """

    def __init__(self, deliver: Deliver, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._deliver = deliver
        self._say = say
        LOG.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        sentence = record.getMessage()
        self._deliver(lambda: self._say(sentence))

    def close(self) -> None:
        """Say nothing more."""
        LOG.removeHandler(self)
        super().close()
