"""What a cell of the chosen unit's feature map saw of the sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from auralscope.session.faithfulness import LANE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.nn.analysis.receptive_field import NominalSize, ReceptiveField
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.looks import Look

Cell = tuple[int, int]
"""Where in a feature map: (bin, frame)."""


@dataclass(frozen=True)
class Seen:
    """What a cell saw.

    Attributes
    ----------
    cell : (bin, frame)
    field : ReceptiveField
        Its times count from the window's beginning.
    window_start_s : float
    nominal : NominalSize or None
        The size that the thesis's rule gives, where the network is one that it is for.
    """

    cell: Cell
    field: ReceptiveField
    window_start_s: float
    nominal: NominalSize | None

    @property
    def span_s(self) -> tuple[float, float]:
        """In the recording."""
        return self.window_start_s + self.field.start_s, self.window_start_s + self.field.end_s


class Fields:
    """The cell that is looked at.

    Attributes
    ----------
    seen : Seen or None
        None while it is computed, and where no cell is looked at.
    problem : str
        Why the cell has none, a sentence; empty where it has one.
    """

    changed = Signal()

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[tuple[str, int, Cell], Seen] = {}
        self._look: Look | None = None
        self.seen: Seen | None = None
        self.problem = ""

    def forget(self) -> None:
        """The window is another."""
        self._look, self._known = None, {}
        self.clear()

    def clear(self) -> None:
        """No cell is looked at."""
        self._jobs.cancel("field")
        self.seen, self.problem = None, ""
        self.changed.emit()

    def look_at(self, look: Look, layer: str, unit: int, cell: Cell) -> None:
        """Find what a cell saw; what was found before for this window is there at once."""
        if look is not self._look:
            self._look, self._known = look, {}
        key, known = (layer, unit, cell), self._known
        self._jobs.cancel("field")
        if key in known:
            self.seen, self.problem = known[key], ""
            self.changed.emit()
            return

        def find(_job: Job) -> Seen:
            run = look.run
            return Seen(cell, run.receptive_field(layer, cell, unit), run.start_s, run.nominal_size(layer))

        def found(seen: Seen) -> None:
            known[key] = self.seen = seen
            self.problem = ""
            self.changed.emit()

        def failed(sentence: str) -> None:
            self.seen, self.problem = None, sentence  # a cell may see nothing but padding
            self.changed.emit()

        self._jobs.start(LANE, find, key="field", urgency=3, done=found, failed=failed)


def strongest_cell(values: NDArray[np.float32]) -> Cell:
    """The cell of a map (bins, frames) that answered most."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)


def sentence(seen: Seen) -> str:
    """What a cell saw, in time and frequency, and the size that the thesis states."""
    field, (start_s, end_s) = seen.field, seen.span_s
    said = (
        f"saw {start_s:.2f}–{end_s:.2f} s ({field.width_ms:,.0f} ms) and {field.low_hz:,.0f}–{field.high_hz:,.0f} Hz "
        f"({field.height_hz:,.0f} Hz)"
    )
    if seen.nominal is None:
        return f"{said}."
    return f"{said}; by the thesis's rule {seen.nominal.width_ms:,.0f} ms and {seen.nominal.height_hz:,.0f} Hz."
