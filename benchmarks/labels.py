"""Measure how fast the pane of label vectors opens with 50 labels, and how long the pointer blocks the event loop.

The label vectors are those of the thesis's network if its weights are installed (`auralscope weights get
compact-convnet-thesis`), otherwise 50 random ones. Each round opens a new pane, from the key to the picture on the
screen; then the pointer moves over every cell, row by row, as fast as the window handles it.
"""

from __future__ import annotations

from benchmarks.display import measure_in_window

ROUNDS = 7

MEASURE = """
import torch
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QMouseEvent
from auralscope import weights
from auralscope.nn.analysis.label_vectors import LabelVectors
from auralscope.registry import registry

rounds = int(sys.argv[1])

thesis = "compact-convnet-thesis"
specs = [spec for plugin in registry().plugins for spec in plugin.models if spec.id == thesis]
there = any(weights.state(spec) == "installed" for spec in specs)
window.begin([resource("excerpt.ogg")], thesis if there else "genre-convnet")
until(lambda: window.session.labels.vectors is not None)
until(lambda: not window.session.jobs.running or not there)
if there:
    print(f"with {thesis}")
else:
    print(f"with 50 random labels over the genre convnet's units; the weights of {thesis} are not installed")
    names = tuple(f"label number {k}" for k in range(50))
    matrix = torch.randn((128, 50), generator=torch.Generator().manual_seed(0)).double().numpy()
    window.session.labels._found(LabelVectors(names, matrix, "dense"))

opened = []
for _ in range(rounds):
    if window.labels_pane is not None:  # delete the pane, so that it is built again
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

heatmap = window.labels_pane.similarity.figure.heatmaps[0]
heatmap.setFocus()
until(lambda: not window.session.jobs.running)
said = []
start_heartbeat()
cells = iter([(row, column) for row in range(50) for column in range(50)])

def step():
    cell = next(cells, None)
    if cell is None:
        app.exit()
        return
    at = QPointF(heatmap.parts.rect(*cell).center())
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
    sys.exit(f"The readout named only {len(set(said))} of 2,500 cells.")
gaps = [b - a for a, b in zip(beats, beats[1:])]
print(f"pointer   {len(said) / (time.perf_counter() - start):6.0f} cells a second   "
      f"heartbeat median {statistics.median(gaps) * 1e3:4.1f} ms   "
      f"99th percentile {statistics.quantiles(gaps, n=100, method='inclusive')[98] * 1e3:4.1f} ms   "
      f"longest {max(gaps) * 1e3:4.1f} ms   (wanted: < 50)")
window.close()
"""


def main() -> None:
    """Print the time to open and the pace of the pointer."""
    measure_in_window(MEASURE, ROUNDS, "The label vectors' pane could not be measured.")
