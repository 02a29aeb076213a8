"""Write results, progress and notices to the terminal, and find out whether there is a display.

Standard output carries only what `put` and `print_json` write. What plugins and libraries print goes to standard error.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from auralscope.errors import FileError, printable
from auralscope.files import json_text, reason
from auralscope.wording import percent

CLEAR_LINE = "\r\033[K"


class ClosedOutput(Exception):  # noqa: N818
    """Raised when the reader of standard output has closed it, as `head` does."""


_output: TextIO | None = None
"""Standard output, while `sys.stdout` is standard error."""


@contextmanager
def own_output(*, whole_process: bool) -> Iterator[None]:
    """Reserve standard output for `put`: whatever else is written to it goes to standard error.

    Parameters
    ----------
    whole_process : bool
        Also redirect the file descriptor, for libraries and child processes, and leave it so, for what they print at
        exit. Otherwise `sys.stdout` is restored.
    """
    global _output
    before = sys.stdout
    _output = _take_descriptor() if whole_process else before
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        if not whole_process:
            sys.stdout, _output = before, None


def _take_descriptor() -> TextIO:
    """Return a stream to standard output, and connect its descriptor to standard error."""
    for number in (0, 1, 2):  # a descriptor that is closed would be reused for a file
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stderr = sys.stderr or open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115 - until the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name outside the encoding is escaped
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    output = open(os.dup(1), "w", encoding=encoding, errors="backslashreplace")  # noqa: SIM115
    os.dup2(2, 1)
    return output


def put(text: str) -> None:
    """Print one or more lines on standard output.

    Raises
    ------
    ClosedOutput
        The reader has closed it.
    FileError
        It cannot be written: its disk is full, for example.
    """
    output = _output or sys.stdout
    try:
        output.write("".join(f"{printable(line)}\n" for line in text.split("\n")))
        output.flush()
    except OSError as failure:
        # The text that could not be written must not fail again when the stream is closed.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
        if isinstance(failure, BrokenPipeError):
            raise ClosedOutput from None
        raise FileError(f"Standard output cannot be written: {reason(failure)}.") from failure


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    put(json_text(document).rstrip())


def say(text: str) -> None:
    """Print a line on standard error, in place of the status."""
    _write_status(f"{CLEAR_LINE if _is_terminal() else ''}{printable(text)}\n")


def show_status(text: str) -> None:
    """Show text in place of the status before; nothing is shown outside a terminal."""
    if _is_terminal():
        _write_status(f"{CLEAR_LINE}{printable(text)}")


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _write_status(text: str) -> None:
    with suppress(OSError, AttributeError):  # nobody reads it
        sys.stderr.write(text)
        sys.stderr.flush()


class ProgressLine:
    """Line on standard error that shows the progress of long work; nothing is shown outside a terminal."""

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> Callable[[float], None]:
        return self._show

    def _show(self, done: float) -> None:
        show_status(f"{self._title}: {percent(done, rounded=True):>5}")

    def __exit__(self, *failure: object) -> None:
        show_status("")


class Notices(logging.Handler):
    """Log handler that prints each warning on a line of standard error and clears the progress line first."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        say(f"auralscope: {record.getMessage()}")


def has_display() -> bool:
    """Return whether a window can be opened. Qt ends the process if it tries without a display."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    host, colon, number = os.environ.get("DISPLAY", "").rpartition(":")
    if not colon:
        return False
    if host not in ("", "unix"):
        return True
    path = f"/tmp/.X11-unix/X{number.partition('.')[0]}"
    for address in (path, f"\0{path}"):
        with socket.socket(socket.AF_UNIX) as server:
            if server.connect_ex(address) == 0:
                return True
    return False
