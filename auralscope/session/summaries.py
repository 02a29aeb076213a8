"""What the units of a layer are like, for sorting them and for saying it in a few words.

Words compare a unit with the others of its layer: what is high or full of onsets in one layer is not in another.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

from psygnal import Signal

from auralscope.session.faithfulness import LANE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from auralscope.nn.analysis.summaries import LayerSummary, UnitSummary
    from auralscope.nn.loaded import Run
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.results import Feature, LayerResult

Order = Literal["activity", "number", "sparsity", "centroid", "bandwidth", "onset", "alike", "label"]

ORDERS: dict[Order, tuple[str, str]] = {
    "activity": ("Most active first", "By the energy of the feature map."),
    "number": ("By number", "As the network has them."),
    "sparsity": ("Sparsest first", "First those whose feature map has few strong cells (Hoyer's measure, 0 to 1)."),
    "centroid": ("Low to high", "By the mean frequency (centroid) of what they hear."),
    "bandwidth": ("Narrow to wide", "By the spread of frequencies about their mean (bandwidth)."),
    "onset": ("Onsets to tones", "First what stands upright (onsets, 100 %), last what lies (sustained tones, 0 %)."),
    "alike": ("WindowResult-alikes together", "Similar pictures stand side by side; ≈ names the most similar one."),
    "label": ("By label", "By the label that each speaks for most (gradient times activation)."),
}
assert tuple(ORDERS) == get_args(Order)

SIMILAR = 0.8
"""Cosine from which two units are called alike."""

EXTREME = 0.25
"""The lowest and the highest quarter of a layer are worth a word."""


class Summaries:
    """Of the layer that is looked at.

    Attributes
    ----------
    summary : LayerSummary or None
        None until all units are there.
    """

    changed = Signal()

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[tuple[str, str], LayerSummary] = {}
        self.summary: LayerSummary | None = None

    def forget(self) -> None:
        """The window or the model is another."""
        self._known = {}
        self.show("", "")

    def show(self, layer: str, method: str) -> None:
        """Another layer or method is looked at; what was computed of it is there at once."""
        self._jobs.cancel("summary")
        before, self.summary = self.summary, self._known.get((layer, method))
        if self.summary is not before:
            self.changed.emit()

    def compute(self, run: Run, layer: str, method: str, features: Mapping[int, Feature]) -> None:
        """Summarise a layer all of whose features are there."""
        key, known, images = (layer, method), self._known, [features[unit].image for unit in sorted(features)]
        if key in known:
            return

        def work(_job: Job) -> Generator[None, None, LayerSummary]:
            import numpy as np

            from auralscope.nn.analysis.summaries import summarise_parts

            return summarise_parts(run, layer, np.stack(images))

        def done(summary: LayerSummary) -> None:
            known[key] = self.summary = summary
            self.changed.emit()

        # Without it the gallery is sorted by activity.
        self._jobs.start(LANE, work, key="summary", urgency=1, done=done, failed=lambda _sentence: None)


def needs_summary(order: Order) -> bool:
    """Whether the order can only be told once the layer is summarised."""
    return order not in ("activity", "number")


def arranged(order: Order, look: LayerResult | None, summary: LayerSummary | None, n_units: int) -> list[int]:
    """Units in the order asked for; by activity while that is not known, by number while nothing is.

    Units without a value, such as silent ones, come last.
    """
    if look is None or order == "number":
        return list(range(look.activity.size if look is not None else n_units))
    if summary is None or order == "activity":
        return look.order
    silent = [unit for unit in look.order if look.is_silent(unit)]
    sounding = [unit for unit in look.order if not look.is_silent(unit)]
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
    """The label that a unit speaks for most; None where it speaks for none."""
    best = max(range(len(unit.votes)), key=unit.votes.__getitem__, default=None)
    return best if best is not None and unit.votes[best] > 0.0 else None


def most_like(summary: LayerSummary, unit: int) -> tuple[int, float] | None:
    """The unit most similar to one, and the cosine between them."""
    others = [other for other in range(len(summary.units)) if other != unit]
    if not others:
        return None
    best = max(others, key=lambda other: float(summary.similarity[unit, other]))
    return best, float(summary.similarity[unit, best])


def caption(order: Order, summary: LayerSummary | None, unit: int, labels: tuple[str, ...]) -> str:
    """The value by which a unit was sorted, short enough for a small picture."""
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
    return {"sparsity": f"{value:.2f}", "onset": f"{value:.0%}".replace("%", " %")}.get(order, short_hz(value))


def words(summary: LayerSummary, unit: int, labels: tuple[str, ...], label_of: Callable[[int], str]) -> str:
    """What a unit is like, beside the others of its layer, in a sentence."""
    own = summary.units[unit]
    if math.isnan(own.centroid_hz):
        return ""
    parts = [f"hears around {short_hz(own.centroid_hz)} ± {short_hz(own.bandwidth_hz)}"]
    for values, least, most in (
        ([each.centroid_hz for each in summary.units], "low for this layer", "high for this layer"),
        ([each.onset_share for each in summary.units], "rather tones than onsets", "rather onsets than tones"),
        ([each.sparsity for each in summary.units], "busy", "sparse"),
    ):
        share = _rank(values, unit)
        if share is not None and share <= EXTREME:
            parts.append(least)
        elif share is not None and share >= 1.0 - EXTREME:
            parts.append(most)
    label = top_label(own)
    if label is not None and label < len(labels):
        parts.append(f"speaks for {labels[label]}")
    alike = [
        other for other in range(len(summary.units)) if other != unit and summary.similarity[unit, other] >= SIMILAR
    ]
    if alike:
        parts.append(f"much like {', '.join(label_of(other) for other in alike[:3])}{' …' if len(alike) > 3 else ''}")
    sentence = ", ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _rank(values: list[float], unit: int) -> float | None:
    """The share of the others that lie below, 0 to 1; None where there is no telling."""
    if math.isnan(values[unit]):
        return None
    others = [value for other, value in enumerate(values) if other != unit and not math.isnan(value)]
    if len(others) < 3:
        return None
    return sum(value < values[unit] for value in others) / len(others)


def short_hz(hz: float) -> str:
    """`820 Hz`, `1.2 kHz`."""
    return f"{hz / 1000.0:.1f} kHz" if hz >= 999.5 else f"{hz:.0f} Hz"
