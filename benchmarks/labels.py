"""How soon the label vectors' pane opens with 50 labels, and how long the event loop is blocked under the pointer.

With the thesis's own network where its weights are here (`auralscope weights get compact-convnet-thesis`), else with
a network of 50 labels that is made up for this. The pane is opened afresh each time, from the key to the picture on
the screen; then the pointer goes over every cell, row by row, as fast as the window takes it.
"""

from __future__ import annotations

from benchmarks.display import measure_in_window

ROUNDS = 7

MEASURE = """
import sys, time, statistics, torch
from PySide6.QtCore import QEvent, QPointF, QSettings, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from auralscope import weights
from auralscope.nn.analysis.label_vectors import LabelVectors
from auralscope.registry import registry
from auralscope.files import resource
from auralscope.ui.main_window import MainWindow

rounds = int(sys.argv[1])
app = QApplication(sys.argv[:1])
window = MainWindow(QSettings(), "cpu")
window.resize(1920, 1080)
window.show()
failures = []
window.session.problem.connect(failures.append)

def until(condition):
    while not condition() and not failures:
        app.processEvents()
        time.sleep(0.001)
    if failures:
        sys.exit(failures[0])

thesis = "compact-convnet-thesis"
specs = [spec for plugin in registry().plugins for spec in plugin.models if spec.id == thesis]
there = any(weights.state(spec) == "installed" for spec in specs)
window.begin([resource("excerpt.ogg")], thesis if there else "genre-convnet")
until(lambda: window.session.labels.vectors is not None)
until(lambda: not window.session.jobs.running or not there)
if there:
    print(f"with {thesis}")
else:
    print("with 50 made-up labels over the genre convnet's units, as the thesis's weights are not here")
    names = tuple(f"label number {k}" for k in range(50))
    matrix = torch.randn((128, 50), generator=torch.Generator().manual_seed(0)).double().numpy()
    window.session.labels._found(LabelVectors(names, matrix, "dense"))

opened = []
for _ in range(rounds):
    if window.labels_pane is not None:  # made anew: opened for the first time
        window.toggle_labels()
        window.labels_pane.deleteLater()
        window.labels_pane = None
    app.processEvents()
    start = time.perf_counter()
    window.toggle_labels()
    window.labels_pane.repaint()
    app.processEvents()
    opened.append(time.perf_counter() - start)
print(f"opens     median {statistics.median(opened) * 1e3:5.1f} ms   longest {max(opened) * 1e3:5.1f} ms"
      "   (wanted: < 200)")

heatmap = window.labels_pane.details.figure.heatmaps[0]
heatmap.setFocus()
until(lambda: not window.session.jobs.running)
beats, said = [], []
timer = QTimer()
timer.setTimerType(Qt.TimerType.PreciseTimer)
timer.timeout.connect(lambda: beats.append(time.perf_counter()))
timer.start(5)
cells = iter([(row, column) for row in range(50) for column in range(50)])

def step():
    cell = next(cells, None)
    if cell is None:
        app.exit()
        return
    at = QPointF(heatmap.cell_rect(*cell).center())
    nothing = Qt.MouseButton.NoButton
    keys = Qt.KeyboardModifier.NoModifier
    move = QMouseEvent(QEvent.Type.MouseMove, at, heatmap.mapToGlobal(at), nothing, nothing, keys)
    QApplication.sendEvent(heatmap, move)
    said.append(window.labels_pane.readout.text())
    QTimer.singleShot(0, step)

start = time.perf_counter()
QTimer.singleShot(0, step)
app.exec()
if len(set(said)) < 2400:
    sys.exit(f"Of 2,500 cells only {len(set(said))} were named.")
gaps = [b - a for a, b in zip(beats, beats[1:])]
print(f"pointer   {len(said) / (time.perf_counter() - start):6.0f} cells a second   "
      f"heartbeat median {statistics.median(gaps) * 1e3:4.1f} ms   "
      f"99th percentile {statistics.quantiles(gaps, n=100, method='inclusive')[98] * 1e3:4.1f} ms   "
      f"longest {max(gaps) * 1e3:4.1f} ms   (wanted: < 50)")
window.close()
"""


def main() -> None:
    """Print two lines."""
    measure_in_window(MEASURE, ROUNDS, "The label vectors' pane could not be measured.")
