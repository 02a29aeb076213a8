"""Compute the receptive field of a cell of the chosen unit's feature map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from auralscope.session.faithfulness import LANE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from auralscope.nn.analysis.receptive_field import NominalSize, ReceptiveField
    from auralscope.nn.loaded import Run
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.selection import Selection

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
        Of the chosen cell of the selected unit; None until it is computed.
    problem : str
        A sentence with the reason why the cell has no receptive field, or empty.
    """

    changed = Signal()
    """A receptive field was computed or dropped, or could not be computed."""

    def __init__(self, jobs: Jobs, selection: Callable[[], Selection]) -> None:
        self._jobs = jobs
        self._selection = selection
        self._known: dict[tuple[Selection, Cell], CellField] = {}
        self._cell: Cell | None = None
        self.problem = ""

    @property
    def result(self) -> CellField | None:
        return self._known.get((self._selection().feature, self._cell)) if self._cell is not None else None

    def follow_selection(self) -> None:
        """Choose no cell, and drop the receptive fields of another window."""
        window = self._selection().window
        self._known = {key: field for key, field in self._known.items() if key[0].window == window}
        self.clear()

    def clear(self) -> None:
        """Choose no cell."""
        self._jobs.cancel("field")
        self._cell, self.problem = None, ""
        self.changed.emit()

    def compute(self, run: Run, cell: Cell) -> None:
        """Compute the receptive field of a cell of the selected unit, or take the one computed before."""
        selection = self._selection().feature
        layer, unit = selection.layer, selection.unit
        self._jobs.cancel("field")
        self.problem = ""
        if (selection, cell) in self._known:
            self._cell = cell
            self.changed.emit()
            return

        def find(_job: Job) -> CellField:
            field = run.receptive_field(layer, cell=cell, unit=unit)
            return CellField(cell, field, run.start_s, run.nominal_size(layer))

        def found(field: CellField) -> None:
            self._known[selection, cell] = field
            self._cell = cell
            self.changed.emit()

        def failed(sentence: str) -> None:
            self._cell, self.problem = None, sentence  # the field may be all padding
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
