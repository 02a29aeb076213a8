"""Measure how long the window's event loop is blocked while the gallery of a layer is computed.

A timer beats every 5 ms in the window's thread; the longest time between two beats is the longest that a mouse click
can wait. Each round computes the galleries of all layers at another position of the recording.
"""

from __future__ import annotations

from benchmarks.display import measure_in_window

ROUNDS = 3

HEARTBEAT = """
window.resize(1600, 950)
window.begin([resource("excerpt.ogg")], "genre-convnet")
until(lambda: session.window_result is not None)
start_heartbeat()
layers = [layer for layer in session.model.spec.layers if layer.name.startswith("conv")]
gaps = {layer.name: [] for layer in layers}
for round in range(int(sys.argv[1])):
    look = session.window_result
    session.move_window(2.0 + 4.0 * round)
    until(lambda: session.window_result is not look and session.window_result is not None)
    for layer in layers:
        session.choose_layer(layer.name)
        beats.clear()
        # Qt's event loop, as in the app, instead of `until`.
        quit_when_done = session.gallery.features_arrived.connect(
            lambda units: app.exit() if len(session.gallery.features) == layer.units else None
        )
        app.exec()
        session.gallery.features_arrived.disconnect(quit_when_done)
        gaps[layer.name] += [b - a for a, b in zip(beats, beats[1:])]
for name, between in gaps.items():
    print(f"{name}  {len(between):6} beats   median {statistics.median(between) * 1e3:5.1f} ms   "
          f"99th percentile {statistics.quantiles(between, n=100, method='inclusive')[98] * 1e3:5.1f} ms   "
          f"longest {max(between) * 1e3:5.1f} ms   (wanted: < 100)")
window.close()
"""


def main() -> None:
    """Print one line for each layer."""
    measure_in_window(HEARTBEAT, ROUNDS, "The window could not be measured.")
