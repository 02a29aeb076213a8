"""Run programs that need a window on a virtual display, so that the user's desktop does not affect the figures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

PRELUDE = """
import sys, time, statistics
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication
from auralscope.files import resource
from auralscope.ui.main_window import MainWindow

app = QApplication(sys.argv[:1])
window = MainWindow(QSettings(), "cpu")
window.resize(1920, 1080)
window.show()
session = window.session
failures = []
session.problem.connect(failures.append)

def until(condition):
    while not condition() and not failures:
        app.processEvents()
        time.sleep(0.001)
    if failures:
        sys.exit(failures[0])

beats = []
timer = QTimer()
timer.setTimerType(Qt.TimerType.PreciseTimer)
timer.timeout.connect(lambda: beats.append(time.perf_counter()))

def start_heartbeat():
    timer.start(5)
"""


@contextmanager
def virtual_display(size: str = "1920x1080x24") -> Iterator[dict[str, str]]:
    """Start Xvfb, and yield the environment in which programs open their windows on it."""
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
    """Run a program in a window on a virtual display, with empty settings; the program prints its figures.

    Parameters
    ----------
    program : str
        Python source that follows `PRELUDE`.
    rounds : int
        Passed to the program as its argument.
    complaint : str
        Message if the program fails.

    Raises
    ------
    SystemExit
        The program failed.
    """
    with virtual_display() as environment, tempfile.TemporaryDirectory() as settings:
        words = [sys.executable, "-c", PRELUDE + program, str(rounds)]
        done = subprocess.run(words, env={**environment, "XDG_CONFIG_HOME": settings}, check=False)
    if done.returncode:
        raise SystemExit(complaint)
