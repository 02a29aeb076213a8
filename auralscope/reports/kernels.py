"""Report on the kernels of a model's first layer: what each responds to, and the labels that go with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from auralscope.nn.analysis.first_layer import Kernel, first_layer_kernels
from auralscope.nn.analysis.recordings import label_affinity, recording_responses
from auralscope.reports.pictures import write_figure
from auralscope.reports.tables import aligned, number, plain
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model

LABELS_SHOWN = 3

GOES_WITH = 0.1
"""Minimum correlation of a label that goes with a kernel."""


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of a model's first layer.

    Attributes
    ----------
    model : Model
    kernels : list of Kernel
    labels : list of lists of (label, correlation)
        The labels that go with each kernel; empty lists without recordings.
    recordings : int
        Number of recordings over which the correlations were computed.
    unreadable : list of str
        A sentence about each recording that could not be read.
    """

    model: Model
    kernels: list[Kernel]
    labels: list[list[tuple[str, float]]]
    recordings: int
    unreadable: list[str]


def measure(
    model: Model, files: Sequence[Path] = (), progress: Progress = no_progress, channel: int | None = None
) -> Kernels:
    """Describe the kernels of a model's first layer, and find the labels that go with them over recordings.

    Parameters
    ----------
    model : Model
    files : sequence of Path
        Recordings or folders of them. Without any, the kernels are described by test sounds alone.
    progress : callable
        Receives values from 0 to 1; an exception from it stops the work.
    channel : int, optional
        Channel to analyse, see `Clip.channel`.
    """
    kernels, unreadable = first_layer_kernels(model), list[str]()
    labels: list[list[tuple[str, float]]] = [[] for _ in kernels]
    responses = list(recording_responses(model, files, model.layers[0], progress, unreadable, channel))
    if files:
        for unit, row in enumerate(label_affinity(responses)):
            best = [place for place in np.argsort(-row).tolist() if row[place] >= GOES_WITH]
            labels[unit] = [(model.labels[place], float(row[place])) for place in best[:LABELS_SHOWN]]
    return Kernels(model, kernels, labels, len(responses), unreadable)


def document(found: Kernels) -> dict[str, Any]:
    """Return the report as a JSON document."""
    return {
        "model": found.model.spec.id,
        "layer": found.model.layers[0],
        "recordings": found.recordings,
        "unreadable": found.unreadable,
        "words": dict(Counter(kernel.words[0] for kernel in found.kernels).most_common()),
        "kernels": [
            {
                "unit": kernel.unit,
                "words": list(kernel.words),
                "responses": plain(asdict(kernel.responses)),
                "labels": [{"label": label, "correlation": number(value)} for label, value in labels],
                "weights": [[number(value) for value in row] for row in kernel.weights.tolist()],
            }
            for kernel, labels in zip(found.kernels, found.labels, strict=True)
        ],
    }


def text(found: Kernels) -> str:
    """Return the report as a table for a terminal."""
    names = list(asdict(found.kernels[0].responses))
    rows = [["unit", "responds to", *names, *(["labels that go with it"] if found.recordings else [])]]
    for kernel, labels in zip(found.kernels, found.labels, strict=True):
        values = [f"{value:+.2f}" for value in asdict(kernel.responses).values()]
        last = [", ".join(f"{label} {value:+.2f}" for label, value in labels)] if found.recordings else []
        rows.append([f"1-{kernel.unit}", ", ".join(kernel.words), *values, *last])
    counts = Counter(kernel.words[0] for kernel in found.kernels).most_common()
    head = f"{found.model.spec.id}, {found.model.layers[0]}: " + ", ".join(f"{n} {word}" for word, n in counts)
    return "\n".join([head, "", aligned(rows), *(["", *found.unreadable] if found.unreadable else [])])


def write(found: Kernels, out: Path) -> None:
    """Write the kernels as a picture (.png, .svg)."""
    write_figure(picture(found.kernels, found.labels), out)


def picture(kernels: Sequence[Kernel], labels: Sequence[Sequence[tuple[str, float]]] = ()) -> Figure:
    """Draw kernels as in Choi 2018, fig. 7.4, each with its weights and the kind of sound to which it responds.

    Parameters
    ----------
    kernels : sequence of Kernel
        Time runs to the right and frequency upwards; red is positive, blue negative.
    labels : sequence of sequences of (label, correlation), optional
        The labels that go with each kernel; two of them are written below it.

    Returns
    -------
    Figure
    """
    columns = min(8, len(kernels))
    rows = -(-len(kernels) // columns)
    bins, frames = kernels[0].weights.shape
    height = min(max(bins / frames, 0.4), 4.0)
    figure = Figure(figsize=(columns * 1.5, rows * (1.15 * height + 0.75)), layout="constrained")
    for place, kernel in enumerate(kernels):
        axes = figure.add_subplot(rows, columns, place + 1)
        limit = float(np.abs(kernel.weights).max()) or 1.0
        scale: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        axes.imshow(kernel.weights, origin="lower", aspect="auto", interpolation="nearest", **scale)
        if kernel.weights.size <= 25:
            for (row, column), weight in np.ndenumerate(kernel.weights):
                colour = "white" if abs(weight) > 0.6 * limit else "black"
                axes.text(column, row, f"{weight:.2g}", ha="center", va="center", fontsize=6, color=colour)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"1-{kernel.unit} {kernel.words[0]}", fontsize=7, pad=2)
        if labels and labels[place]:
            axes.set_xlabel(", ".join(label for label, _ in labels[place][:2]), fontsize=6, labelpad=2)
    return figure
