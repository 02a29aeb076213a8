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
    from auralscope.session.results import WindowResult

Cell = tuple[int, int]
"""Where in a feature map: (bin, frame)."""


@dataclass(frozen=True)
class CellField:
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


class ReceptiveFields:
    """The cell that is looked at.

    Attributes
    ----------
    result : CellField or None
        None while it is computed, and where no cell is looked at.
    problem : str
        Why the cell has none, a sentence; empty where it has one.
    """

    changed = Signal()

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[tuple[str, int, Cell], CellField] = {}
        self._look: WindowResult | None = None
        self.result: CellField | None = None
        self.problem = ""

    def forget(self) -> None:
        """The window is another."""
        self._look, self._known = None, {}
        self.clear()

    def clear(self) -> None:
        """No cell is looked at."""
        self._jobs.cancel("field")
        self.result, self.problem = None, ""
        self.changed.emit()

    def compute(self, look: WindowResult, layer: str, unit: int, cell: Cell) -> None:
        """Find what a cell saw; what was found before for this window is there at once."""
        if look is not self._look:
            self._look, self._known = look, {}
        key, known = (layer, unit, cell), self._known
        self._jobs.cancel("field")
        if key in known:
            self.result, self.problem = known[key], ""
            self.changed.emit()
            return

        def find(_job: Job) -> CellField:
            run = look.run
            return CellField(
                cell, run.receptive_field(layer, cell=cell, unit=unit), run.start_s, run.nominal_size(layer)
            )

        def found(seen: CellField) -> None:
            known[key] = self.result = seen
            self.problem = ""
            self.changed.emit()

        def failed(sentence: str) -> None:
            self.result, self.problem = None, sentence  # a cell may see nothing but padding
            self.changed.emit()

        self._jobs.start(LANE, find, key="field", urgency=3, done=found, failed=failed)


def strongest_cell(values: NDArray[np.float32]) -> Cell:
    """The cell of a map (bins, frames) that answered most."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)


def sentence(seen: CellField) -> str:
    """What a cell saw, in time and frequency, and the size that the thesis states."""
    field, (start_s, end_s) = seen.field, seen.span_s
    said = (
        f"saw {start_s:.2f}–{end_s:.2f} s ({field.width_ms:,.0f} ms) and {field.low_hz:,.0f}–{field.high_hz:,.0f} Hz "
        f"({field.height_hz:,.0f} Hz)"
    )
    if seen.nominal is None:
        return f"{said}."
    return f"{said}; by the thesis's rule {seen.nominal.width_ms:,.0f} ms and {seen.nominal.height_hz:,.0f} Hz."
