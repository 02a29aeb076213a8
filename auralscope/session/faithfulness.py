"""How far the sound of the chosen unit can be trusted: measured in the background, and said in words.

What is measured is said in `auralscope.nn.analysis.faithfulness`; here are the sound's own figures, as heard, beside
those of the two controls.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from auralscope.nn.analysis.faithfulness import LabelFaithfulness, LabelMeasure, UnitFaithfulness
    from auralscope.nn.loaded import Run
    from auralscope.session.jobs import Job, Jobs

    Finding = UnitFaithfulness | LabelFaithfulness

LANE = "measures"
"""Of its own: measuring a unit takes some tenths of a second, and a click must not wait for it."""

PATIENCE_S = 0.3
"""A listener who clicks on sooner does not read figures, and the next sound gets the processor."""

CONTROLS = ("random", "shuffled")


class Faithfulness:
    """The figures of one unit's sound.

    Attributes
    ----------
    result : UnitFaithfulness, LabelFaithfulness or None
        None while it is measured, and where there is nothing to measure.
    """

    changed = Signal()

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[tuple[str, int, str], Finding] = {}
        self.result: Finding | None = None

    @property
    def measuring(self) -> bool:
        """Whether figures are on the way."""
        return any(job.key == "faithfulness" for job in self._jobs.running)

    def forget(self) -> None:
        """The window or the model is another."""
        self._known = {}
        self.clear()

    def clear(self) -> None:
        """Another unit was chosen; what is measured of the one before is not wanted any more."""
        self._jobs.cancel("faithfulness")
        self.result = None
        self.changed.emit()

    def measure(self, run: Run, layer: str, unit: int, method: str) -> None:
        """Measure a unit whose sound is ready; what was measured before is not measured again."""
        key, known = (layer, unit, method), self._known
        if key in known:
            self._jobs.cancel("faithfulness")
            self.result = known[key]
            self.changed.emit()
            return

        def measured(finding: Finding) -> None:
            known[key] = self.result = finding
            self.changed.emit()

        def measure(job: Job) -> Finding:
            job.rest(PATIENCE_S)
            return run.faithfulness(layer, unit, method=method, progress=job.advance)

        # A sound that cannot be measured is heard all the same: its figures are left out.
        self._jobs.start(
            LANE,
            measure,
            key="faithfulness",
            urgency=2,
            done=measured,
            failed=lambda _sentence: self.changed.emit(),
        )
        self.changed.emit()


# -- in words -----------------------------------------------------------------------------------------------------


def kept(finding: Finding, name: str = "own", way: str = "heard") -> float:
    """The figure that stands first: a unit's retention, or the probability that a label has left.

    Parameters
    ----------
    result : UnitFaithfulness or LabelFaithfulness
    name : {"own", "random", "shuffled"}
    way : {"heard", "masked"}
    """
    measure = getattr(getattr(finding, name), way)
    if is_label(finding):
        return probability_left(finding.probability, measure)  # type: ignore[union-attr]
    return float(measure.retention)


def is_label(finding: Finding) -> bool:
    """Whether it is a label that was measured."""
    return hasattr(finding, "probability")


def probability_left(before: float, measure: LabelMeasure) -> float:
    """The label's probability for the sound alone, from its drop or gain."""
    if measure.ad > 0.0:
        return before * (1.0 - measure.ad / 100.0)
    return before + (1.0 - before) * measure.ag / 100.0


def short(finding: Finding) -> str:
    """As short as can stand beside the Play button."""
    own, random = kept(finding), kept(finding, "random")
    if math.isnan(own):
        return ""
    return f"{'gives' if is_label(finding) else 'hears'} {percent(own)} (random {percent(random)})"


def sentences(finding: Finding) -> str:
    """What was found, in a few words, with its control figures; and where they do as well, that they do."""
    own, random, shuffled = (kept(finding, name) for name in ("own", "random", "shuffled"))
    if math.isnan(own):
        return ""
    if is_label(finding):
        return _label_sentences(finding, own, random, shuffled)  # type: ignore[arg-type]
    return _unit_sentences(finding, own, random, shuffled)  # type: ignore[arg-type]


def _unit_sentences(finding: UnitFaithfulness, own: float, random: float, shuffled: float) -> str:
    said = (
        f"The network still hears {percent(own)} of this unit in its sound; "
        f"a random mask keeps {percent(random)}, shuffled weights {percent(shuffled)}."
    )
    selectivity, by_chance = finding.selectivity, finding.random.heard.selectivity
    if own <= random:
        return f"{said} A random mask does as well: it says little."
    if finding.silence >= 0.5 * own:
        return f"{said} Even silence leaves it {percent(finding.silence)}."
    if own <= shuffled:
        return f"{said} Shuffled weights do as well: it owes little to training."
    if math.isnan(selectivity):
        return said
    if selectivity <= by_chance:
        return f"{said} But other units answer to it as much as to a random mask."
    if selectivity < 1.0:
        return f"{said} Other units keep more (selectivity {selectivity:.2g}, random {by_chance:.2g})."
    return f"{said} It keeps {times(selectivity)} what other units keep (random: {times(by_chance)})."


def _label_sentences(finding: LabelFaithfulness, own: float, random: float, shuffled: float) -> str:
    label = finding.label
    said = (
        f"This sound alone gives {label} {percent(own)} (the recording {percent(finding.probability)}); "
        f"a random mask leaves {percent(random)}, shuffled weights {percent(shuffled)}."
    )
    if own <= random:
        return f"{said} A random mask does as well: it says little."
    if own <= shuffled:
        return f"{said} Shuffled weights do as well: it owes little to training."
    return f"{said} The network decides {'as before' if finding.own.heard.fid_in else 'otherwise'}."


def table(finding: Finding, way: str) -> list[list[str]]:
    """Every figure of one way, "heard" or "masked": its name, of the own sound, and of the two controls."""
    names = UNIT_FIGURES if not is_label(finding) else LABEL_FIGURES
    measures = [getattr(getattr(finding, name), way) for name in ("own", *CONTROLS)]
    return [
        [names[field.name][0], *(names[field.name][1](getattr(measure, field.name)) for measure in measures)]
        for field in fields(measures[0])
    ]


def percent(share: float) -> str:
    """`63 %`; of what is not zero never `0 %`."""
    if math.isnan(share):
        return "–"
    if 0.0 < share < 0.005:
        return "under 1 %"
    return f"{100.0 * share:.0f} %"


def times(factor: float) -> str:
    """`2.1 times`."""
    if math.isnan(factor):
        return "–"
    return "many times" if math.isinf(factor) or factor >= 100.0 else f"{factor:.2g} times"


def _level(level_db: float) -> str:
    return "silent" if math.isinf(level_db) else f"{level_db:+.1f} dB"


UNIT_FIGURES = {
    "retention": ("Retention", percent),
    "selectivity": ("Selectivity", times),
    "level_db": ("Level", _level),
}
LABEL_FIGURES = {
    "ai": ("AI, average increase", lambda value: f"{value:.0f}"),
    "ad": ("AD, average drop (low is good)", lambda value: f"{value:.1f}"),
    "ag": ("AG, average gain", lambda value: f"{value:.1f}"),
    "ff": ("FF, faithfulness on spectra", lambda value: f"{value:.2f}"),
    "fid_in": ("Fid-In, decides as before", lambda value: "yes" if value else "no"),
}
