"""What every command says to the terminal: progress, JSON, odd names; and whether there is a display."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, TextIO


class Progress:
    """A line on the terminal that says how far long work is; silent where standard error is not one."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Callable[[float], None]:
        return self._show

    def _show(self, done: float) -> None:
        if self._shown:
            print(f"\r{self._what}: {done:4.0%}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *failure: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Notices(logging.Handler):
    """What happens to a model at work, a line each on standard error, over the line of progress."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{clear}auralscope: {record.getMessage()}", file=sys.stderr, flush=True)


def print_json(document: Any) -> None:
    """One document on standard output."""
    print(json.dumps(document, indent=2))


def tolerate_odd_names(stream: TextIO | Any) -> None:
    """File names that are not valid in the terminal's encoding are shown with escapes rather than failing."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def display() -> bool:
    """Whether a window can be opened: Qt ends the whole program where it tries and cannot."""
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
