"""Report on a map of recordings, in which recordings with similar features of a model lie close together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import colormaps
from matplotlib.figure import Figure

from auralscope.errors import AuralScopeError
from auralscope.files import write_aside
from auralscope.nn.analysis.recordings import MapPoint, recording_responses, recordings_map
from auralscope.reports.pictures import write_figure
from auralscope.reports.tables import aligned, plain, table_csv
from auralscope.types import Progress, no_progress
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model

NAMED = 60
"""Maximum number of recordings whose names are written into the picture."""


@dataclass(frozen=True, eq=False)
class RecordingsMap:
    """A map of recordings.

    Attributes
    ----------
    model : Model
    points : list of MapPoint
    unreadable : list of str
        A sentence about each recording that could not be read.
    """

    model: Model
    points: list[MapPoint]
    unreadable: list[str]


def measure(
    model: Model, files: Sequence[Path], progress: Progress = no_progress, channel: int | None = None
) -> RecordingsMap:
    """Place recordings on a map by a model's features.

    Parameters
    ----------
    model : Model
    files : sequence of Path
        Recordings or folders of them.
    progress : callable
        Receives values from 0 to 1; an exception from it stops the work.
    channel : int, optional
        Channel to analyse, see `Clip.channel`.

    Raises
    ------
    AuralScopeError
        Fewer than three recordings can be read.
    """
    unreadable: list[str] = []
    responses = list(recording_responses(model, files, model.feature_layer, progress, unreadable, channel))
    try:
        return RecordingsMap(model, recordings_map(model, responses), unreadable)
    except AuralScopeError as failure:
        raise AuralScopeError(" ".join([str(failure), *unreadable[:1]])) from failure


def document(found: RecordingsMap) -> dict[str, Any]:
    """Return the report as a JSON document."""
    return {
        "model": found.model.spec.id,
        "layer": found.model.feature_layer,
        "unreadable": found.unreadable,
        "recordings": [plain(asdict(point) | {"file": str(point.file)}) for point in found.points],
    }


def text(found: RecordingsMap) -> str:
    """Return the report as a table for a terminal."""
    rows = [["x", "y", "label", "recording"]]
    for one in found.points:
        label = f"{one.label} {percent(one.probability, rounded=True)}"
        rows.append([f"{one.x:+.2f}", f"{one.y:+.2f}", label, one.file.name])
    return "\n".join([aligned(rows), *found.unreadable])


def write(found: RecordingsMap, out: Path) -> None:
    """Write the map as a picture (.png, .svg) or as a table (.csv)."""
    if out.suffix.lower() == ".csv":
        rows = ([one.file, f"{one.x:.6f}", f"{one.y:.6f}", one.label, f"{one.probability:.6f}"] for one in found.points)
        write_aside(out, table_csv([["file", "x", "y", "label", "probability"], *rows]))
    else:
        write_figure(_picture(found), out)


def _picture(found: RecordingsMap) -> Figure:
    figure = Figure(figsize=(9.0, 6.5), layout="constrained")
    axes = figure.subplots()
    present = [label for label in found.model.labels if any(point.label == label for point in found.points)]
    for place, label in enumerate(present):
        there = [point for point in found.points if point.label == label]
        style: dict[str, Any] = {"color": colormaps["tab20"](place % 20), "marker": "os^DvP"[place // 20 % 6]}
        axes.scatter([point.x for point in there], [point.y for point in there], s=28, label=label, **style)
    if len(found.points) <= NAMED:
        for point in found.points:
            name = point.file.stem.encode("utf-8", "backslashreplace").decode().replace("$", r"\$")
            axes.annotate(name[:24], (point.x, point.y), xytext=(4, 3), textcoords="offset points", fontsize=6)
    axes.set_xticks([])
    axes.set_yticks([])
    title = f"{found.model.spec.title}: {found.model.feature_layer} of {len(found.points)} recordings"
    axes.set_title(title, fontsize=9, loc="left")
    figure.legend(loc="outside right upper", fontsize=7)
    return figure
