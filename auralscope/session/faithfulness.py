"""Measure the faithfulness of the chosen unit's sound in the background, and put it into words.

`auralscope.nn.analysis.faithfulness` defines the figures. The sound's own figures stand beside those of two controls: a
random mask, and the network with shuffled weights.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from auralscope.wording import percent, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.nn.analysis.faithfulness import LabelFaithfulness, LabelMeasure, UnitFaithfulness
    from auralscope.nn.loaded import Run
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.selection import Selection

    Finding = UnitFaithfulness | LabelFaithfulness

LANE = "measures"
"""Separate lane: measuring a unit takes some tenths of a second, and a click must not wait for it."""

PATIENCE_S = 0.3
"""Delay before measuring, so that quick clicks one after the other are not slowed down."""

CONTROLS = ("random", "shuffled")

Verdict = Literal["good", "weak", "none"]


class Faithfulness:
    """Figures of the chosen unit's sound.

    Attributes
    ----------
    result : UnitFaithfulness, LabelFaithfulness or None
        Figures of the selected unit by the selected method; None until they are measured.
    """

    changed = Signal()
    """Figures were measured or dropped, or measuring has begun."""

    def __init__(self, jobs: Jobs, selection: Callable[[], Selection]) -> None:
        self._jobs = jobs
        self._selection = selection
        self._known: dict[Selection, Finding] = {}

    @property
    def result(self) -> Finding | None:
        return self._known.get(self._selection().feature)

    @property
    def measuring(self) -> bool:
        """Whether the sound is being measured."""
        return any(job.key == "faithfulness" for job in self._jobs.running)

    def follow_selection(self) -> None:
        """Stop measuring, and drop the figures of another window."""
        self._jobs.cancel("faithfulness")
        window = self._selection().window
        self._known = {key: finding for key, finding in self._known.items() if key.window == window}
        self.changed.emit()

    def measure(self, run: Run) -> None:
        """Measure the sound of the selected unit, unless its figures are known."""
        selection = self._selection().feature
        if selection in self._known or selection.unit is None:
            return
        layer, unit, method = selection.layer, selection.unit, selection.method

        def measured(finding: Finding) -> None:
            self._known[selection] = finding
            self.changed.emit()

        def measure(job: Job) -> Finding:
            job.rest(PATIENCE_S)
            return run.faithfulness(layer, unit, method=method, progress=job.advance)

        # A sound that cannot be measured is played without figures.
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
    """Return the main figure: a unit's retention, or a label's probability for the sound alone.

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
    """Return whether a label was measured, not a unit."""
    return hasattr(finding, "probability")


def probability_left(before: float, measure: LabelMeasure) -> float:
    """Return the label's probability for the sound alone, from its drop or gain."""
    if measure.ad > 0.0:
        return before * (1.0 - measure.ad / 100.0)
    return before + (1.0 - before) * measure.ag / 100.0


def verdict(finding: Finding) -> Verdict | None:
    """Return one word for the figures of a sound as it is heard, or None if it was not measured.

    "none": a control or digital silence does as well, or other units respond as much as to a random mask. "good": the
    sound keeps at least a quarter of the response and twice that of either control, and other units respond less; a
    label's sound gives at least half of its probability and twice that of either control, and the network decides as
    before. "weak": anything between.
    """
    own, random, shuffled = (kept(finding, name) for name in ("own", "random", "shuffled"))
    control = max(random, shuffled)
    if math.isnan(own):
        return None
    if not own > control:
        return "none"
    if is_label(finding):
        decides = bool(finding.own.heard.fid_in)  # type: ignore[union-attr]
        good = own >= 0.5 * finding.probability and decides  # type: ignore[union-attr]
        return "good" if good and own >= 2.0 * control else "weak"
    selectivity, by_chance = finding.selectivity, finding.random.heard.selectivity  # type: ignore[union-attr]
    if finding.silence >= 0.5 * own or selectivity <= by_chance:  # type: ignore[union-attr]
        return "none"
    return "good" if own >= 0.25 and own >= 2.0 * control and not selectivity < 1.0 else "weak"


def short(finding: Finding) -> str:
    """Return the verdict for the transport, or an empty string if the sound was not measured."""
    word = verdict(finding)
    return f"Faithfulness: {word}" if word else ""


def sentences(finding: Finding) -> str:
    """Give the verdict, then the figures and the controls, and say if a control does as well."""
    own, random, shuffled = (kept(finding, name) for name in ("own", "random", "shuffled"))
    word = verdict(finding)
    if word is None:
        return ""
    describe = _label_sentences if is_label(finding) else _unit_sentences
    return f"{word.capitalize()}. {describe(finding, own, random, shuffled)}"  # type: ignore[arg-type]


def _unit_sentences(finding: UnitFaithfulness, own: float, random: float, shuffled: float) -> str:
    said = (
        f"Played alone, this sound keeps {percent(own)} of the unit's response; "
        f"a random mask keeps {percent(random)}, shuffled weights {percent(shuffled)}."
    )
    selectivity, by_chance = finding.selectivity, finding.random.heard.selectivity
    if own <= random:
        return f"{said} A random mask does as well: the sound says little about this unit."
    if finding.silence >= 0.5 * own:
        return f"{said} Even silence keeps {percent(finding.silence)}."
    if own <= shuffled:
        return f"{said} Shuffled weights do as well: the sound owes little to training."
    if math.isnan(selectivity):
        return said
    if selectivity <= by_chance:
        return f"{said} But other units respond to it as much as to a random mask."
    if selectivity < 1.0:
        return f"{said} Other units keep more (selectivity {selectivity:.2g}, random {by_chance:.2g})."
    return f"{said} It keeps {times(selectivity)} what other units keep (random: {times(by_chance)})."


def _label_sentences(finding: LabelFaithfulness, own: float, random: float, shuffled: float) -> str:
    said = (
        f"Played alone, this sound gives {finding.label} {percent(own)} "
        f"(the recording {percent(finding.probability)}); a random mask leaves {percent(random)}, "
        f"shuffled weights {percent(shuffled)}."
    )
    if own <= random:
        return f"{said} A random mask does as well: the sound says little about this label."
    if own <= shuffled:
        return f"{said} Shuffled weights do as well: the sound owes little to training."
    return f"{said} The network decides {'as before' if finding.own.heard.fid_in else 'otherwise'}."


def table(finding: Finding, way: str) -> list[list[str]]:
    """Return a row for each figure of one way, "heard" or "masked": name, own sound, random mask, shuffled weights."""
    names = UNIT_FIGURES if not is_label(finding) else LABEL_FIGURES
    measures = [getattr(getattr(finding, name), way) for name in ("own", *CONTROLS)]
    return [
        [names[field.name][0], *(names[field.name][1](getattr(measure, field.name)) for measure in measures)]
        for field in fields(measures[0])
    ]


def _level(level_db: float) -> str:
    return "silent" if math.isinf(level_db) else f"{level_db:+.1f} dB"


UNIT_FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "retention": ("Retention", percent),
    "selectivity": ("Selectivity", times),
    "level_db": ("Level", _level),
}
LABEL_FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "ai": ("AI, average increase", lambda value: f"{value:.0f}"),
    "ad": ("AD, average drop (low is good)", lambda value: f"{value:.1f}"),
    "ag": ("AG, average gain", lambda value: f"{value:.1f}"),
    "ff": ("FF, faithfulness on spectra", lambda value: f"{value:.2f}"),
    "fid_in": ("Fid-In, decides as before", lambda value: "yes" if value else "no"),
}
