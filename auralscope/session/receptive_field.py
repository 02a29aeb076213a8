"""Compute the receptive field of a cell of the chosen unit's feature map."""

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
"""Place in a feature map: (bin, frame)."""


@dataclass(frozen=True)
class CellField:
    """The receptive field of one cell, placed in the recording.

    Attributes
    ----------
    cell : (bin, frame)
    field : ReceptiveField
        Its times count from the start of the window.
    window_start_s : float
    nominal : NominalSize or None
        The size by the thesis's rule, if the rule applies to the network.
    """

    cell: Cell
    field: ReceptiveField
    window_start_s: float
    nominal: NominalSize | None

    @property
    def span_s(self) -> tuple[float, float]:
        """Start and end in the recording, in seconds."""
        return self.window_start_s + self.field.start_s, self.window_start_s + self.field.end_s


class ReceptiveFields:
    """The receptive field of the chosen cell.

    Attributes
    ----------
    result : CellField or None
        None while it is computed, and if no cell is chosen.
    problem : str
        A sentence with the reason why the cell has no receptive field, or empty.
    """

    changed = Signal()
    """A receptive field was computed or dropped, or could not be computed."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[tuple[str, int, Cell], CellField] = {}
        self._window: WindowResult | None = None
        self.result: CellField | None = None
        self.problem = ""

    def forget(self) -> None:
        """Drop the receptive fields of the previous window."""
        self._window, self._known = None, {}
        self.clear()

    def clear(self) -> None:
        """Choose no cell."""
        self._jobs.cancel("field")
        self.result, self.problem = None, ""
        self.changed.emit()

    def compute(self, window: WindowResult, layer: str, unit: int, cell: Cell) -> None:
        """Compute the receptive field of a cell, or take the one computed before for this window."""
        if window is not self._window:
            self._window, self._known = window, {}
        key, known = (layer, unit, cell), self._known
        self._jobs.cancel("field")
        if key in known:
            self.result, self.problem = known[key], ""
            self.changed.emit()
            return

        def find(_job: Job) -> CellField:
            run = window.run
            field = run.receptive_field(layer, cell=cell, unit=unit)
            return CellField(cell, field, run.start_s, run.nominal_size(layer))

        def found(field: CellField) -> None:
            known[key] = self.result = field
            self.problem = ""
            self.changed.emit()

        def failed(sentence: str) -> None:
            self.result, self.problem = None, sentence  # the field may be all padding
            self.changed.emit()

        self._jobs.start(LANE, find, key="field", urgency=3, done=found, failed=failed)


def strongest_cell(values: NDArray[np.float32]) -> Cell:
    """Return the cell with the largest value of a feature map (bins, frames)."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)


def sentence(result: CellField) -> str:
    """Describe a receptive field in time and frequency, with the size by the thesis's rule."""
    field, (start_s, end_s) = result.field, result.span_s
    said = (
        f"covers {start_s:.2f}–{end_s:.2f} s ({field.width_ms:,.0f} ms) and "
        f"{field.low_hz:,.0f}–{field.high_hz:,.0f} Hz ({field.height_hz:,.0f} Hz)"
    )
    if result.nominal is None:
        return f"{said}."
    return f"{said}; by the thesis's rule {result.nominal.width_ms:,.0f} ms and {result.nominal.height_hz:,.0f} Hz."
