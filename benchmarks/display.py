"""A screen of our own for what needs a window, so that nothing of the user's desktop is in the figures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def virtual_display(size: str = "1920x1080x24") -> Iterator[dict[str, str]]:
    """Start Xvfb; give the environment in which programs open their windows there."""
    program = shutil.which("Xvfb")
    if program is None:
        raise SystemExit("Benchmarks of the window need Xvfb; 'make setup' says how to install it.")
    read, write = os.pipe()
    server = subprocess.Popen(
        [program, "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        hidden = ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "QT_QPA_PLATFORM")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        yield {**environment, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
    finally:
        server.terminate()
        server.wait()


def measure_in_window(program: str, rounds: int, complaint: str) -> None:
    """Run a Python program that opens the window on such a screen, with settings of its own, and prints what it finds.

    Raises
    ------
    SystemExit
        With `complaint`, where it fails.
    """
    with virtual_display() as environment, tempfile.TemporaryDirectory() as settings:
        words = [sys.executable, "-c", program, str(rounds)]
        done = subprocess.run(words, env={**environment, "XDG_CONFIG_HOME": settings}, check=False)
    if done.returncode:
        raise SystemExit(complaint)
