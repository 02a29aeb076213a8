"""The parts of `auralscope labels` about a first layer's kernels and about a map of recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.errors import AuralScopeError
from auralscope.files import write_aside
from auralscope.nn.analysis.first_layer import Kernel, first_layer_kernels
from auralscope.nn.analysis.recordings import label_affinity, recording_responses, recordings_map
from auralscope.reports.tables import aligned, number, plain, table_csv
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from auralscope.nn.loaded import Model

LABELS_SHOWN = 3

GOES_WITH = 0.1
"""The lowest correlation of a label that is said to go with a kernel."""


class KernelReport:
    """What the kernels of a model's first layer answer to, and the labels that go with them.

    Parameters
    ----------
    model : Model
    files : sequence of Path
        Recordings, or folders of them, over which labels are sought; without any, only test sounds are played.
    progress : callable
        Called with 0 to 1; what it raises ends the work.
    """

    def __init__(self, model: Model, files: Sequence[Path] = (), progress: Progress = no_progress) -> None:
        self.model = model
        self.kernels: list[Kernel] = first_layer_kernels(model)
        self.unreadable: list[str] = []
        self.recordings = 0
        self.labels: list[list[tuple[str, float]]] = [[] for _ in self.kernels]
        if files:
            heard = list(recording_responses(model, files, model.layers[0], progress, self.unreadable))
            self.recordings = len(heard)
            for unit, row in enumerate(label_affinity(heard)):
                best = [place for place in np.argsort(-row).tolist() if row[place] >= GOES_WITH]
                self.labels[unit] = [(model.labels[place], float(row[place])) for place in best[:LABELS_SHOWN]]

    def document(self, n_pairs: int = 0) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "model": self.model.spec.id,
            "layer": self.model.layers[0],
            "recordings": self.recordings,
            "unheard": self.unreadable,
            "words": dict(Counter(kernel.words[0] for kernel in self.kernels).most_common()),
            "kernels": [
                {
                    "unit": kernel.unit,
                    "words": list(kernel.words),
                    "responses": plain(asdict(kernel.responses)),
                    "labels": [{"label": label, "correlation": number(value)} for label, value in found],
                    "weights": [[number(value) for value in row] for row in kernel.weights.tolist()],
                }
                for kernel, found in zip(self.kernels, self.labels, strict=True)
            ],
        }

    def text(self, n_pairs: int = 0) -> str:
        """A table for a terminal."""
        names = list(asdict(self.kernels[0].responses))
        rows = [["unit", "answers to", *names, *(["labels that go with it"] if self.recordings else [])]]
        for kernel, found in zip(self.kernels, self.labels, strict=True):
            values = [f"{value:+.2f}" for value in asdict(kernel.responses).values()]
            labels = [", ".join(f"{label} {value:+.2f}" for label, value in found)] if self.recordings else []
            rows.append([f"1-{kernel.unit}", ", ".join(kernel.words), *values, *labels])
        counts = Counter(kernel.words[0] for kernel in self.kernels).most_common()
        head = f"{self.model.spec.id}, {self.model.layers[0]}: " + ", ".join(f"{n} {word}" for word, n in counts)
        return "\n".join([head, "", aligned(rows), *(["", *self.unreadable] if self.unreadable else [])])

    def write(self, out: Path) -> None:
        """Write the kernels as a picture."""
        from auralscope.reports.label_pictures import write_figure

        write_figure(self._picture(), out)

    def _picture(self) -> Figure:
        """Each kernel with its weights, what it answers to and its labels; red is positive, blue negative."""
        from matplotlib.figure import Figure

        columns = min(8, len(self.kernels))
        rows = -(-len(self.kernels) // columns)
        bins, frames = self.kernels[0].weights.shape
        height = min(max(bins / frames, 0.4), 4.0)
        figure = Figure(figsize=(columns * 1.5, rows * (1.15 * height + 0.75)), layout="constrained")
        for place, (kernel, found) in enumerate(zip(self.kernels, self.labels, strict=True), start=1):
            axes = figure.add_subplot(rows, columns, place)
            limit = float(np.abs(kernel.weights).max()) or 1.0
            axes.imshow(
                kernel.weights, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto",
                interpolation="nearest",
            )  # fmt: skip
            if kernel.weights.size <= 25:
                for (row, column), weight in np.ndenumerate(kernel.weights):
                    colour = "white" if abs(weight) > 0.6 * limit else "black"
                    axes.text(column, row, f"{weight:.2g}", ha="center", va="center", fontsize=6, color=colour)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(f"1-{kernel.unit} {kernel.words[0]}", fontsize=7, pad=2)
            if found:
                axes.set_xlabel(", ".join(label for label, _ in found[:2]), fontsize=6, labelpad=2)
        return figure


class MapReport:
    """A map of recordings, by a model's features.

    Parameters
    ----------
    model : Model
    files : sequence of Path
        Recordings, or folders of them.
    progress : callable
        Called with 0 to 1; what it raises ends the work.
    """

    def __init__(self, model: Model, files: Sequence[Path], progress: Progress = no_progress) -> None:
        self.model = model
        self.layer = model.feature_layer
        self.unreadable: list[str] = []
        heard = list(recording_responses(model, files, self.layer, progress, self.unreadable))
        try:
            self.points = recordings_map(model, heard)
        except AuralScopeError as failure:
            raise AuralScopeError(" ".join([str(failure), *self.unreadable[:1]])) from failure

    def document(self, n_pairs: int = 0) -> dict[str, Any]:
        """Plain values for JSON."""
        points = [plain(asdict(point) | {"file": str(point.file)}) for point in self.points]
        return {"model": self.model.spec.id, "layer": self.layer, "unheard": self.unreadable, "recordings": points}

    def text(self, n_pairs: int = 0) -> str:
        """A table for a terminal."""
        rows = [["x", "y", "label", "recording"]]
        for one in self.points:
            rows.append([f"{one.x:+.2f}", f"{one.y:+.2f}", f"{one.label} {one.probability:.0%}", one.file.name])
        return "\n".join([aligned(rows), *self.unreadable])

    def write(self, out: Path) -> None:
        """Write the map as a picture or as a table, by the ending of the file's name."""
        if out.suffix.lower() == ".csv":
            rows = [
                [one.file, f"{one.x:.6f}", f"{one.y:.6f}", one.label, f"{one.probability:.6f}"] for one in self.points
            ]
            write_aside(out, table_csv([["file", "x", "y", "label", "probability"], *rows]))
            return
        from auralscope.reports.label_pictures import write_figure

        write_figure(self._picture(), out)

    def _picture(self) -> Figure:
        from matplotlib import colormaps
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.0, 6.5), layout="constrained")
        axes = figure.subplots()
        present = [label for label in self.model.labels if any(point.label == label for point in self.points)]
        for place, label in enumerate(present):
            there = [point for point in self.points if point.label == label]
            axes.scatter(
                [point.x for point in there], [point.y for point in there], s=28, label=label,
                color=colormaps["tab20"](place % 20), marker="os^DvP"[place // 20 % 6],
            )  # fmt: skip
        if len(self.points) <= 60:
            for point in self.points:
                name = point.file.stem.encode("utf-8", "backslashreplace").decode().replace("$", r"\$")
                where = (point.x, point.y)
                axes.annotate(name[:24], where, xytext=(4, 3), textcoords="offset points", fontsize=6)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(
            f"{self.model.spec.title}: {self.layer} of {len(self.points)} recordings", fontsize=9, loc="left"
        )
        figure.legend(loc="outside right upper", fontsize=7)
        return figure
