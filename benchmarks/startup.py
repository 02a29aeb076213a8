"""Measure the time until `import auralscope`, the window, and the first feature are ready.

Each figure is the median over new processes with cached files, measured from before Python starts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.display import virtual_display

RUNS = 5

WINDOW = """
import sys, time
started = float(sys.argv[1])
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication
from auralscope.ui import app as program
from auralscope.ui.main_window import MainWindow

class Watch(QObject):
    painted = False

    def eventFilter(self, watched, event):
        if not self.painted and event.type() == QEvent.Type.Paint and isinstance(watched, MainWindow):
            self.painted = True
            print(time.time() - started, flush=True)
            watched.session.gallery.features_arrived.connect(self.ready)
            watched.session.problem.connect(self.failed)
            self.window = watched
        return False

    def ready(self, units):
        self.window.session.gallery.features_arrived.disconnect(self.ready)
        print(time.time() - started, flush=True)
        self.window.close()

    def failed(self, sentence):
        print(sentence, file=sys.stderr)
        QApplication.exit(1)

application = QApplication([sys.argv[0]])
watch = Watch()
application.installEventFilter(watch)
sys.exit(program.run([], device="cpu", model=None))
"""


def import_s(module: str) -> float:
    """Return the median time of an import in a new process, without the start of Python."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    words = [sys.executable, "-c", code]
    times = [float(subprocess.run(words, capture_output=True, text=True, check=True).stdout) for _ in range(RUNS + 1)]
    return statistics.median(times[1:])


def main() -> None:
    """Print the figures."""
    for module in ("auralscope", "numpy", "torch"):
        print(
            f"import {module:<12} {import_s(module):6.3f} s" + ("   (wanted: < 0.15)" if module == "auralscope" else "")
        )
    windows, features = [], []
    with virtual_display() as environment:
        for _ in range(RUNS + 1):
            with tempfile.TemporaryDirectory() as settings:
                done = subprocess.run(
                    [sys.executable, "-c", WINDOW, str(time.time())],
                    env={**environment, "XDG_CONFIG_HOME": settings},
                    capture_output=True,
                    text=True,
                    check=False,
                )
            if done.returncode:
                raise SystemExit(f"The window did not open: {done.stderr}")
            window_s, feature_s = map(float, done.stdout.split())
            windows.append(window_s)
            features.append(feature_s)
    print(f"window up           {statistics.median(windows[1:]):6.2f} s   (wanted: < 3)")
    print(f"first feature there {statistics.median(features[1:]):6.2f} s")
