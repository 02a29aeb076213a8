"""Report on faithfulness over layers and recordings: a JSON document, text, and tables for a Markdown page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope import weights
from auralscope.errors import AuralScopeError
from auralscope.files import finite, quoted, require_file, sha256, write_aside
from auralscope.nn.analysis.faithfulness import (
    MASKS,
    WAYS,
    LabelFaithfulness,
    Level,
    UnitFaithfulness,
    label_faithfulness,
    output_layer,
    unit_faithfulness,
)
from auralscope.reports.tables import aligned, number, piped
from auralscope.types import Progress, channel_name, no_progress
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model, Run

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
LEVEL_WORDS = {"true": "at its true level", "matched": "as loud as the original"}
UNIT_MEASURES = ("retention", "selectivity", "level_db")
LABEL_MEASURES = ("ai", "ad", "ag", "ff", "fid_in")


@dataclass(frozen=True)
class Measured:
    """The faithfulness of units and labels in one window of one recording.

    Attributes
    ----------
    file : Path
    start_s : float
        Start of the window in the file.
    level : {"true", "matched"}
    units : tuple of UnitFaithfulness
        Layer by layer.
    labels : tuple of LabelFaithfulness
        Empty unless the output layer was measured.
    channel : str
        The analysed channel, see `channel_name`.
    """

    file: Path
    start_s: float
    level: Level
    units: tuple[UnitFaithfulness, ...]
    labels: tuple[LabelFaithfulness, ...]
    channel: str = "mix"


def measure(
    run: Run,
    file: Path,
    *,
    layer: str | None = None,
    level: Level = "true",
    seed: int = 0,
    most: int | None = None,
    progress: Progress = no_progress,
) -> Measured:
    """Measure the faithfulness of the units of all layers of one window and of the labels, or of one layer.

    Parameters
    ----------
    run : Run
    file : Path
        The recording's file, for the report.
    layer : str, optional
        All layers unless given; the output layer stands for the labels.
    level, seed
        See `auralscope.nn.analysis.faithfulness`.
    most : int, optional
        Maximum number of units of a layer, evenly spread over it, and of labels, the most probable.
    progress : callable
        Receives values from 0 to 1; an exception from it stops the work.

    Returns
    -------
    Measured
    """
    output = output_layer(run)
    layers = run.model.layers if layer is None else (run.model.layer(layer).name,)
    units: list[UnitFaithfulness] = []
    labels: list[LabelFaithfulness] = []
    for place, name in enumerate(layers):

        def show(done: float, place: int = place) -> None:
            progress((place + done) / len(layers))

        if name == output:
            probable = np.argsort(-run.scores, kind="stable")[:most].tolist()
            labels = label_faithfulness(run, sorted(probable), level=level, seed=seed, progress=show)
        else:
            spread = evenly(run.model.layer(name).units, most)
            units += unit_faithfulness(run, name, spread, level=level, seed=seed, progress=show)
    channel = channel_name(run.clip.analysed_channel, run.clip.channels)
    return Measured(file, run.clip.start_s + run.start_s, level, tuple(units), tuple(labels), channel)


def evenly(units: int, most: int | None) -> list[int]:
    """Return at most `most` of the numbers from 0 to `units` - 1, evenly spread."""
    return list(range(0, units, 1 if most is None else -(-units // most)))


def document(model: Model, measured: Sequence[Measured], seed: int = 0) -> dict[str, Any]:
    """Return the report as a JSON document: quartiles by layer and recording, and each unit and label."""
    return {
        "model": model.spec.id,
        "weights_sha256": sha256(weights.file_of(model.spec)),
        "seed": seed,
        "recordings": [
            {
                "file": str(one.file),
                "start_s": round(one.start_s, 4),
                "channel": one.channel,
                "level": one.level,
                "layers": quartiles(one.units),
                "units": [finite(asdict(unit)) for unit in one.units],
                "labels": [finite(asdict(label)) for label in one.labels],
            }
            for one in measured
        ],
        "all": [
            {
                "level": level,
                "layers": quartiles(unit for one in found for unit in one.units),
                "top_labels": _label_means(_most_probable(found)),
            }
            for level, found in _by_level(measured)
        ],
    }


def quartiles(units: Iterable[UnitFaithfulness]) -> list[dict[str, Any]]:
    """Compute the quartiles of each measure over the units of each layer, without the silent ones.

    Returns
    -------
    list of dict
        One for each layer, with first quartile, median and third quartile for each mask, way and measure.
        `beats_random` and `beats_shuffled` hold, for each way, the share of units whose own sound has a higher value
        than the control.
    """
    by_layer: dict[str, list[UnitFaithfulness]] = {}
    for unit in units:
        by_layer.setdefault(unit.layer, []).append(unit)
    return [_layer_quartiles(layer, found) for layer, found in by_layer.items()]


def _layer_quartiles(layer: str, found: list[UnitFaithfulness]) -> dict[str, Any]:
    active = [unit for unit in found if not math.isnan(unit.own.heard.retention)]
    entry: dict[str, Any] = {"layer": layer, "units": len(found), "silent": len(found) - len(active)}
    entry["silence"] = _three(unit.silence for unit in active)
    for mask in MASKS:
        entry[mask] = {
            way: {name: _three(_value(unit, mask, way, name) for unit in active) for name in UNIT_MEASURES}
            for way in WAYS
        }
    for control in MASKS[1:]:
        entry[f"beats_{control}"] = {
            way: {name: _share_above(active, control, way, name) for name in UNIT_MEASURES[:2]} for way in WAYS
        }
    return entry


def _value(one: UnitFaithfulness | LabelFaithfulness, mask: str, way: str, name: str) -> float:
    value: float = getattr(getattr(getattr(one, mask), way), name)
    return value


def _three(values: Iterable[float]) -> list[float | None]:
    """Return the quartiles as values that occur, because nothing lies between a number and infinity."""
    there = np.array([value for value in values if not math.isnan(value)])
    if not there.size:
        return [None, None, None]
    found = np.quantile(there, (0.25, 0.5, 0.75), method="inverted_cdf").tolist()
    return [number(value) for value in found]


def _share_above(units: list[UnitFaithfulness], control: str, way: str, name: str) -> float | None:
    pairs = [(_value(unit, "own", way, name), _value(unit, control, way, name)) for unit in units]
    pairs = [pair for pair in pairs if not any(math.isnan(value) for value in pair)]
    return round(sum(own > other for own, other in pairs) / len(pairs), 4) if pairs else None


def _by_level(measured: Sequence[Measured]) -> Iterable[tuple[Level, list[Measured]]]:
    for level in dict.fromkeys(one.level for one in measured):
        yield level, [one for one in measured if one.level == level]


def _most_probable(measured: Iterable[Measured]) -> list[LabelFaithfulness]:
    """Return the most probable label of each recording, on which the measures are defined."""
    return [max(one.labels, key=lambda label: label.probability) for one in measured if one.labels]


def _label_means(labels: list[LabelFaithfulness]) -> dict[str, Any]:
    if not labels:
        return {}
    return {
        mask: {
            way: {
                name: round(float(np.mean([_value(one, mask, way, name) for one in labels])), 4)
                for name in LABEL_MEASURES
            }
            for way in WAYS
        }
        for mask in MASKS
    }


# -- text and Markdown --------------------------------------------------------------------------------------------


UNIT_HEAD = [
    *("layer", "way", "retention", "random", "shuffled", "selectivity", "random", "shuffled"),
    *("beats random", "beats shuffled", "level", "random", "shuffled", "on silence", "silent"),
]
LABEL_HEAD = ["label", "mask", "way", "AI", "AD", "AG", "FF", "Fid-In"]
LEGEND = """\
Median [quartiles] over the units that are not silent. 'beats': share of units whose own sound has a higher value
than the control, for retention / selectivity. 'level': relative to the original. 'on silence': retention of silence."""


def text(model: Model, measured: Sequence[Measured]) -> str:
    """Return the report as tables for a terminal, one for each recording and level."""
    parts = []
    for one in measured:
        parts.append(f"{one.file.name} from {one.start_s:.2f} s, {model.spec.id}, {LEVEL_WORDS[one.level]}")
        if one.units:
            parts.append(aligned([UNIT_HEAD, *_unit_rows(one.units)]))
        if one.labels:
            parts.append(
                aligned([LABEL_HEAD, *(row for label in one.labels for row in _label_rows(label.label, [label]))])
            )
        parts.append("")
    return "\n".join([*parts, LEGEND])


def markdown(model: Model, measured: Sequence[Measured], most: int | None = None) -> str:
    """Return tables over all recordings for a Markdown page; `most` is the one given to `measure`."""
    digest = sha256(weights.file_of(model.spec))
    files = sorted({(one.file.name, round(one.start_s, 2)) for one in measured})
    windows = ", ".join(f"{name} ({start_s:.2f} s)" for name, start_s in files)
    lines = [
        *(f"## {model.spec.title} (`{model.spec.id}`)", ""),
        *(f"Weights SHA-256 `{digest}`. Windows of {model.front_end.window_s:g} s, from: {windows}.", ""),
    ]
    if most is not None:
        lines += [f"At most {most} units of a layer, evenly spread over it.", ""]
    for level, found in _by_level(measured):
        lines += [f"### Each sound {LEVEL_WORDS[level]}", ""]
        rows = list(_unit_rows(unit for one in found for unit in one.units))
        if rows:
            lines += [*piped([UNIT_HEAD, *rows]), ""]
        top = _most_probable(found)
        if top:
            lines += ["The most probable label of each recording, mean over the recordings:", ""]
            lines += [*piped([LABEL_HEAD, *_label_rows("most probable", top)]), ""]
    return "\n".join(lines)


def write_markdown(file: Path, tables: str) -> None:
    """Replace the tables between the two marks of a page, and keep the rest of the page.

    Raises
    ------
    AuralScopeError
        The page exists and has no marks, or cannot be read or written.
    """
    require_file(file)
    try:
        page = file.read_text(encoding="utf-8") if file.exists() else f"# Faithfulness\n\n{BEGIN}\n{END}\n"
    except (OSError, UnicodeDecodeError) as failure:
        raise AuralScopeError(f"The page {quoted(file)} cannot be read: {failure}.") from failure
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise AuralScopeError(
            f"The page {quoted(file)} has no place for tables: add the lines '{BEGIN}' and '{END}' to it."
        )
    write_aside(file, f"{before}{BEGIN}\n{tables.rstrip()}\n{END}{after}".encode())


def _unit_rows(units: Iterable[UnitFaithfulness]) -> Iterable[list[str]]:
    for entry in quartiles(units):
        for way in WAYS:
            yield [
                *(entry["layer"], way),
                *(_spread(entry[mask][way][name]) for name in UNIT_MEASURES[:2] for mask in MASKS),
                *(
                    " / ".join(_percent(entry[f"beats_{mask}"][way][name]) for name in UNIT_MEASURES[:2])
                    for mask in MASKS[1:]
                ),
                *(_decibels(entry[mask][way]["level_db"][1]) for mask in MASKS),
                _spread(entry["silence"]),
                f"{entry['silent']} of {entry['units']}",
            ]


def _label_rows(name: str, labels: list[LabelFaithfulness]) -> Iterable[list[str]]:
    means = _label_means(labels)
    for mask in MASKS:
        for way in WAYS:
            yield [name, mask, way, *(f"{value:.2f}" for value in means[mask][way].values())]


def _spread(three: list[float | None]) -> str:
    low, middle, high = ("∞" if value is None else f"{value:.2f}" for value in three)
    return f"{middle} [{low} {high}]"


def _percent(share: float | None) -> str:
    return "-" if share is None else percent(share, rounded=True)


def _decibels(level_db: float | None) -> str:
    return "silence" if level_db is None else f"{level_db:+.1f} dB"
