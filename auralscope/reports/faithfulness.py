"""Tables of faithfulness over layers and recordings, to read, for programs and for the docs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope import weights
from auralscope.errors import AuralScopeError
from auralscope.files import sha256, write_aside
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
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model, Run

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
LEVEL_WORDS = {"true": "at its true level", "matched": "as loud as the original"}
LABEL_FIGURES = ("ai", "ad", "ag", "ff", "fid_in")


@dataclass(frozen=True)
class Measured:
    """What was measured on one window of one recording.

    Attributes
    ----------
    file : Path
    start_s : float
        Where in the file the window begins.
    level : {"true", "matched"}
    units : tuple of UnitFaithfulness
        Layer by layer.
    labels : tuple of LabelFaithfulness
        Empty where no label was asked for.
    """

    file: Path
    start_s: float
    level: Level
    units: tuple[UnitFaithfulness, ...]
    labels: tuple[LabelFaithfulness, ...]


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
    """Measure every unit of every layer of one window, and every label; or those of one layer.

    Parameters
    ----------
    run : Run
    file : Path
        For the record.
    layer : str, optional
    level, seed
        See `auralscope.nn.analysis.faithfulness`.
    most : int, optional
        Of each layer so many units at most, evenly spread over it, and so many labels, the most probable.
    progress : callable
        Called with 0 to 1; what it raises ends the work.
    """
    output = output_layer(run)
    layers = run.model.layers if layer is None else (run.model.layer(layer).name,)
    units: list[UnitFaithfulness] = []
    labels: list[LabelFaithfulness] = []
    for number, name in enumerate(layers):

        def show(done: float, number: int = number) -> None:
            progress((number + done) / len(layers))

        if name == output:
            probable = np.argsort(-run.scores, kind="stable")[:most].tolist()
            labels = label_faithfulness(run, sorted(probable), level=level, seed=seed, progress=show)
        else:
            spread = evenly(run.model.layer(name).units, most)
            units += unit_faithfulness(run, name, spread, level=level, seed=seed, progress=show)
    return Measured(file, run.clip.start_s + run.start_s, level, tuple(units), tuple(labels))


def evenly(units: int, most: int | None) -> list[int]:
    """At most so many of a layer's units, evenly spread."""
    return list(range(0, units, 1 if most is None else -(-units // most)))


def document(model: Model, measured: Sequence[Measured], seed: int = 0) -> dict[str, Any]:
    """Plain values for JSON: quartiles by layer and by recording, and every unit and label."""
    return {
        "model": model.spec.id,
        "weights_sha256": sha256(weights.file_of(model.spec)),
        "seed": seed,
        "recordings": [
            {
                "file": str(one.file),
                "start_s": round(one.start_s, 4),
                "level": one.level,
                "layers": quartiles(one.units),
                "units": [unit.as_dict() for unit in one.units],
                "labels": [label.as_dict() for label in one.labels],
            }
            for one in measured
        ],
        "all": [
            {
                "level": level,
                "layers": quartiles(unit for one in measured if one.level == level for unit in one.units),
                "top_labels": _plain_means(_top_labels(one for one in measured if one.level == level)),
            }
            for level in dict.fromkeys(one.level for one in measured)
        ],
    }


def quartiles(units: Iterable[UnitFaithfulness]) -> list[dict[str, Any]]:
    """By layer: first quartile, median and third over the units that are not silent, for each mask, way and measure.

    `beats_random` and `beats_shuffled` give, way by way, the share of units whose own sound does better than the
    control.
    """
    by_layer: dict[str, list[UnitFaithfulness]] = {}
    for unit in units:
        by_layer.setdefault(unit.layer, []).append(unit)
    return [_quartiles_of(layer, found) for layer, found in by_layer.items()]


def _quartiles_of(layer: str, found: list[UnitFaithfulness]) -> dict[str, Any]:
    active = [unit for unit in found if not math.isnan(unit.own.heard.retention)]
    entry: dict[str, Any] = {"layer": layer, "units": len(found), "silent": len(found) - len(active)}
    entry["silence"] = _three(unit.silence for unit in active)
    for mask in MASKS:
        entry[mask] = {
            way: {name: _three(_value(unit, mask, way, name) for unit in active) for name in _MEASURES} for way in WAYS
        }
    for control in MASKS[1:]:
        entry[f"beats_{control}"] = {
            way: {name: _share_above(active, control, way, name) for name in _MEASURES[:2]} for way in WAYS
        }
    return entry


_MEASURES = ("retention", "selectivity", "level_db")


def _value(unit: UnitFaithfulness, mask: str, way: str, name: str) -> float:
    value: float = getattr(getattr(getattr(unit, mask), way), name)
    return value


def _three(values: Iterable[float]) -> list[float | None]:
    """First quartile, median, third quartile: values that occur, since some are infinite and none lies between."""
    there = np.array([value for value in values if not math.isnan(value)])
    if not there.size:
        return [None, None, None]
    found = np.quantile(there, (0.25, 0.5, 0.75), method="inverted_cdf").tolist()
    return [round(value, 6) if math.isfinite(value) else None for value in found]


def _share_above(units: list[UnitFaithfulness], control: str, way: str, name: str) -> float | None:
    pairs = [(_value(unit, "own", way, name), _value(unit, control, way, name)) for unit in units]
    pairs = [pair for pair in pairs if not any(math.isnan(value) for value in pair)]
    return round(sum(own > other for own, other in pairs) / len(pairs), 4) if pairs else None


def _top_labels(measured: Iterable[Measured]) -> list[LabelFaithfulness]:
    """Of each recording the label that the model holds most probable: of the decision, as the measures want it."""
    return [max(one.labels, key=lambda label: label.probability) for one in measured if one.labels]


def _plain_means(labels: list[LabelFaithfulness]) -> dict[str, Any]:
    return {
        mask: {
            way: {
                name: round(float(np.mean([_label(one, mask, way, name) for one in labels])), 4)
                for name in LABEL_FIGURES
            }
            for way in WAYS
        }
        for mask in MASKS
        if labels
    }


def _label(label: LabelFaithfulness, mask: str, way: str, name: str) -> float:
    value: float = getattr(getattr(getattr(label, mask), way), name)
    return value


# -- to read ------------------------------------------------------------------------------------------------------


def text(model: Model, measured: Sequence[Measured]) -> str:
    """Tables for a terminal, one a recording."""
    parts = []
    for one in measured:
        head = f"{one.file.name} from {one.start_s:.2f} s, {model.spec.id}, {LEVEL_WORDS[one.level]}"
        rows = [_UNIT_HEAD, *_unit_rows(quartiles(one.units))] if one.units else []
        labels = [_LABEL_HEAD, *_label_rows([(label.label, [label]) for label in one.labels])] if one.labels else []
        parts += [head, *(_aligned(table) for table in (rows, labels) if table), ""]
    return "\n".join([*parts, _LEGEND])


def markdown(model: Model, measured: Sequence[Measured], most: int | None = None) -> str:
    """Tables over all recordings, for the docs; `most` as for `measure`."""
    lines = [f"## {model.spec.title} (`{model.spec.id}`)", ""]
    digest = sha256(weights.file_of(model.spec))
    files = {(one.file.name, round(one.start_s, 2)) for one in measured}
    windows = ", ".join(f"{name} ({start_s:.2f} s)" for name, start_s in sorted(files))
    lines += [f"Weights SHA-256 `{digest}`. Windows of {model.front_end.window_s:g} s, from: {windows}.", ""]
    if most is not None:
        lines += [f"At most {most} units of a layer, evenly spread over it.", ""]
    for level in dict.fromkeys(one.level for one in measured):
        chosen = [one for one in measured if one.level == level]
        lines += [f"### Each sound {LEVEL_WORDS[level]}", ""]
        rows = list(_unit_rows(quartiles(unit for one in chosen for unit in one.units)))
        if rows:
            lines += [*_piped([_UNIT_HEAD, *rows]), ""]
        top = _top_labels(chosen)
        if top:
            lines += ["The most probable label of each recording, mean over the recordings:", ""]
            lines += [*_piped([_LABEL_HEAD, *_label_rows([("most probable", top)])]), ""]
    return "\n".join(lines)


def write_markdown(file: Path, tables: str) -> None:
    """Put tables into a page, in place of those that it has between its two marks; what else it says stays.

    Raises
    ------
    AuralScopeError
        The page is there and has no marks, or cannot be read or written.
    """
    try:
        page = file.read_text(encoding="utf-8") if file.exists() else f"# Faithfulness\n\n{BEGIN}\n{END}\n"
    except (OSError, UnicodeDecodeError) as failure:
        raise AuralScopeError(f"Cannot read the page {file}: {failure}.") from failure
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise AuralScopeError(f"The page {file} has no place for tables: the lines '{BEGIN}' and '{END}'.")
    write_aside(file, f"{before}{BEGIN}\n{tables.rstrip()}\n{END}{after}".encode())


_UNIT_HEAD = [
    *("layer", "way", "retention", "random", "shuffled", "selectivity", "random", "shuffled"),
    *("beats random", "beats shuffled", "level", "random", "shuffled", "on silence", "silent"),
]
_LABEL_HEAD = ["label", "mask", "way", "AI", "AD", "AG", "FF", "Fid-In"]
_LEGEND = """\
Median [quartiles] over the units that are not silent. 'beats': the share of units whose own sound does better than the
control's, in retention / selectivity. 'level': against the original. 'on silence': what units retain of silence."""


def _unit_rows(layers: list[dict[str, Any]]) -> Iterable[list[str]]:
    for entry in layers:
        for way in WAYS:
            yield [
                *(entry["layer"], way),
                *(_spread(entry[mask][way][name]) for name in _MEASURES[:2] for mask in MASKS),
                *(
                    " / ".join(_percent(entry[f"beats_{mask}"][way][name]) for name in _MEASURES[:2])
                    for mask in MASKS[1:]
                ),
                *(_decibels(entry[mask][way]["level_db"][1]) for mask in MASKS),
                _spread(entry["silence"]),
                f"{entry['silent']} of {entry['units']}",
            ]


def _label_rows(labels: list[tuple[str, list[LabelFaithfulness]]]) -> Iterable[list[str]]:
    for name, found in labels:
        means = _plain_means(found)
        for mask in MASKS:
            for way in WAYS:
                figures = means[mask][way]
                yield [name, mask, way, *(f"{figures[figure]:.2f}" for figure in LABEL_FIGURES)]


def _spread(three: list[float | None]) -> str:
    low, middle, high = ("∞" if value is None else f"{value:.2f}" for value in three)
    return f"{middle} [{low} {high}]"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _decibels(level_db: float | None) -> str:
    return "silence" if level_db is None else f"{level_db:+.1f} dB"


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _piped(rows: list[list[str]]) -> list[str]:
    head, *body = rows
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]
