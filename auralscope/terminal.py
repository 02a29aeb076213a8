"""Write progress, notices and JSON to the terminal, and find out whether there is a display."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, TextIO

CLEAR_LINE = "\r\033[K"


def say(text: str) -> None:
    """Print a line on standard error, in place of the status."""
    clear = CLEAR_LINE if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}{text}\n")
    sys.stderr.flush()


def show_status(text: str) -> None:
    """Show text in place of the status before; nothing is shown outside a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{CLEAR_LINE}{text}")
        sys.stderr.flush()


class ProgressLine:
    """Line on standard error that shows the progress of long work; nothing is shown outside a terminal."""

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> Callable[[float], None]:
        return self._show

    def _show(self, done: float) -> None:
        show_status(f"{self._title}: {done:4.0%}")

    def __exit__(self, *failure: object) -> None:
        show_status("")


class Notices(logging.Handler):
    """Log handler that prints each warning on a line of standard error and clears the progress line first."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        say(f"auralscope: {record.getMessage()}")


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(f"{json.dumps(document, indent=2)}\n")


def tolerate_odd_names(stream: TextIO | Any) -> None:
    """Make a stream print characters outside its encoding as escapes instead of failing."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


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
