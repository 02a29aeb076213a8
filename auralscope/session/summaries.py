"""Sort and describe the units of a layer.

A description compares a unit with the others of its layer, as a frequency that is high in one layer may be low in
another.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

from psygnal import Signal

from auralscope.session.faithfulness import LANE
from auralscope.wording import hertz, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from auralscope.nn.analysis.summaries import LayerSummary, UnitSummary
    from auralscope.nn.loaded import Run
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.results import Feature, LayerResult
    from auralscope.session.selection import Selection

Order = Literal["activity", "number", "sparsity", "centroid", "bandwidth", "onset", "alike", "label"]

ORDERS: dict[Order, tuple[str, str]] = {
    "activity": (
        "Most active first",
        "By the energy of the feature map, or of its positive part if the layer has negative values; labels by "
        "probability.",
    ),
    "number": ("By number", "In the order of the network."),
    "sparsity": ("Sparsest first", "Feature maps with few strong cells first (Hoyer's measure, 0 to 1)."),
    "centroid": ("Low to high", "By the mean frequency (centroid) of the feature."),
    "bandwidth": ("Narrow to wide", "By the spread of frequencies about their mean (bandwidth)."),
    "onset": (
        "Onsets to tones",
        "Vertical patterns (onsets, 100 %) first, horizontal ones (tones, 0 %) last.",
    ),
    "alike": ("Look-alikes together", "Similar pictures stand side by side; ≈ names the most similar one."),
    "label": ("By label", "By the label that each votes for most (gradient times activation)."),
}
assert tuple(ORDERS) == get_args(Order)

LEGENDS: dict[Order, str] = {
    "activity": "bars: activity",
    "number": "bars: activity",
    "sparsity": "figures: sparsity, 0 to 1",
    "centroid": "figures: mean frequency",
    "bandwidth": "figures: bandwidth",
    "onset": "figures: share of onsets",
    "alike": "≈ the most similar feature",
    "label": "names: label it supports",
}
"""Legend of what stands beside the number of each feature."""
assert tuple(LEGENDS) == get_args(Order)

SIMILAR = 0.8
"""Lowest cosine between two units that are called alike."""

EXTREME = 0.25
"""Share of a layer, at either end, that a description mentions."""


class Summaries:
    """The summary of the chosen layer.

    Attributes
    ----------
    summary : LayerSummary or None
        Of the selected layer and method; None until the features of all units are computed.
    """

    changed = Signal()
    """`summary` was computed or dropped."""

    def __init__(self, jobs: Jobs, selection: Callable[[], Selection]) -> None:
        self._jobs = jobs
        self._selection = selection
        self._known: dict[Selection, LayerSummary] = {}

    @property
    def summary(self) -> LayerSummary | None:
        return self._known.get(self._selection().gallery)

    def follow_selection(self) -> None:
        """Stop summarising, and drop the summaries of another window."""
        self._jobs.cancel("summary")
        window = self._selection().window
        self._known = {key: summary for key, summary in self._known.items() if key.window == window}
        self.changed.emit()

    def compute(self, run: Run, features: Mapping[int, Feature]) -> None:
        """Summarise the selected layer from the features of all its units."""
        selection, images = self._selection().gallery, [features[unit].image for unit in sorted(features)]
        if selection in self._known:
            return

        def work(_job: Job) -> Generator[None, None, LayerSummary]:
            import numpy as np

            from auralscope.nn.analysis.summaries import summarise_parts

            return summarise_parts(run, selection.layer, np.stack(images))

        def done(summary: LayerSummary) -> None:
            self._known[selection] = summary
            self.changed.emit()

        # Without a summary the gallery is sorted by activity.
        self._jobs.start(LANE, work, key="summary", urgency=1, done=done, failed=lambda _sentence: None)


def needs_summary(order: Order) -> bool:
    """Return whether an order needs the summary of the layer."""
    return order not in ("activity", "number")


def arranged(order: Order, result: LayerResult | None, summary: LayerSummary | None, n_units: int) -> list[int]:
    """Sort the units of a layer: without a summary by activity, without feature maps by number.

    Units without a value, such as silent ones, come last.
    """
    if result is None or order == "number":
        return list(range(len(result.order) if result is not None else n_units))
    if summary is None or order == "activity":
        return result.order
    silent = [unit for unit in result.order if result.is_silent(unit)]
    sounding = [unit for unit in result.order if not result.is_silent(unit)]
    if order == "alike":
        return [*(unit for unit in summary.side_by_side() if unit not in silent), *silent]
    return [*sorted(sounding, key=lambda unit: _place(order, summary.units[unit])), *silent]


def _place(order: Order, unit: UnitSummary) -> tuple[float, float]:
    if order == "label":
        label = top_label(unit)
        return (math.inf, 0.0) if label is None else (float(label), -unit.votes[label])
    value = _value(order, unit)
    if math.isnan(value):
        return math.inf, 0.0
    return (-value if order in ("sparsity", "onset") else value), 0.0


def _value(order: Order, unit: UnitSummary) -> float:
    values: dict[Order, float] = {
        "sparsity": unit.sparsity,
        "centroid": unit.centroid_hz,
        "bandwidth": unit.bandwidth_hz,
        "onset": unit.onset_share,
    }
    return values[order]


def top_label(unit: UnitSummary) -> int | None:
    """Return the label with the most votes of a unit, or None if it votes for no label."""
    best = max(range(len(unit.votes)), key=unit.votes.__getitem__, default=None)
    return best if best is not None and unit.votes[best] > 0.0 else None


def most_like(summary: LayerSummary, unit: int) -> tuple[int, float] | None:
    """Return the unit most similar to one, and the cosine between the two."""
    others = [other for other in range(len(summary.units)) if other != unit]
    if not others:
        return None
    best = max(others, key=lambda other: float(summary.similarity[unit, other]))
    return best, float(summary.similarity[unit, best])


def caption(order: Order, summary: LayerSummary | None, unit: int, labels: tuple[str, ...]) -> str:
    """Return the value by which a unit is sorted, short enough for a thumbnail."""
    if summary is None or not needs_summary(order):
        return ""
    if order == "alike":
        like = most_like(summary, unit)
        return f"≈ {like[0]}" if like is not None and like[1] >= SIMILAR else ""
    if order == "label":
        label = top_label(summary.units[unit])
        return labels[label] if label is not None and label < len(labels) else ""
    value = _value(order, summary.units[unit])
    if math.isnan(value):
        return ""
    return {"sparsity": f"{value:.2f}", "onset": percent(value)}.get(order, hertz(value))


def words(summary: LayerSummary, unit: int, labels: tuple[str, ...], label_of: Callable[[int], str]) -> str:
    """Describe a unit in comparison with the others of its layer, in one sentence."""
    own = summary.units[unit]
    if math.isnan(own.centroid_hz):
        return ""
    parts = [f"responds around {hertz(own.centroid_hz)} ± {hertz(own.bandwidth_hz)}"]
    for values, least, most in (
        ([each.centroid_hz for each in summary.units], "low for this layer", "high for this layer"),
        ([each.onset_share for each in summary.units], "tones rather than onsets", "onsets rather than tones"),
        ([each.sparsity for each in summary.units], "busy", "sparse"),
    ):
        share = _rank(values, unit)
        if share is not None and share <= EXTREME:
            parts.append(least)
        elif share is not None and share >= 1.0 - EXTREME:
            parts.append(most)
    label = top_label(own)
    if label is not None and label < len(labels):
        parts.append(f"votes for {labels[label]}")
    alike = [
        other for other in range(len(summary.units)) if other != unit and summary.similarity[unit, other] >= SIMILAR
    ]
    if alike:
        parts.append(f"much like {', '.join(label_of(other) for other in alike[:3])}{' …' if len(alike) > 3 else ''}")
    sentence = ", ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _rank(values: list[float], unit: int) -> float | None:
    """Return the share of the other units with a lower value, 0 to 1, or None if there are too few."""
    if math.isnan(values[unit]):
        return None
    others = [value for other, value in enumerate(values) if other != unit and not math.isnan(value)]
    if len(others) < 3:
        return None
    return sum(value < values[unit] for value in others) / len(others)
