"""Read a recorded value as units and their maps, whatever the order of its axes.

Channels may be the second axis or the last, frames may be folded into the batch, and tokens may be the patches of a
plane; `auralscope.nn.tape.positions` finds out which axis is which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from auralscope.nn.tape.positions import positions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.nn.tape.capture import Tape


@dataclass(frozen=True, eq=False)
class Layout:
    """Order of the axes of a value.

    Attributes
    ----------
    unit : int
        Axis of the units.
    frequency, time : tuple of int
        Axes of the bins and frames, the outer one first; two where frames are folded into the batch. Empty if the value
        has no such axis.
    tokens : (bins, frames) int tensor or None
        Index of the token of each cell, if one axis has both bins and frames; tokens that belong to no cell, such as a
        class token, are in no map.
    batch : int or None
        Axis of a batch of images, of length one on the tape; None if frames are folded into the first axis.
    is_map : bool
        Whether the units have maps that a convolution or the input made, or that are laid out as the input is. If not,
        they have single values, sequences or tokens of a dense or recurrent layer or an attention.
    """

    unit: int
    frequency: tuple[int, ...]
    time: tuple[int, ...]
    tokens: Tensor | None
    batch: int | None
    is_map: bool

    @property
    def is_spread(self) -> bool:
        """Whether each unit has several values, over frequency or time."""
        return bool(self.frequency or self.time)

    def maps(self, value: Tensor) -> Tensor:
        """Return the map of each unit.

        Parameters
        ----------
        value : tensor
            The value, or one laid out like it.

        Returns
        -------
        (units, bins, frames) tensor
            (units, frames) without bins, (units,) for single values. Where a unit has several values in a cell, as a
            head of an attention has, their root mean square.
        """
        ordered = self._ordered(value)
        cells = ordered[:, 0] if ordered.shape[1] == 1 else ordered.square().mean(dim=1).sqrt()
        if self.tokens is not None:
            return cells[:, self.tokens.to(cells.device)]
        return cells

    def cells(self, value: Tensor) -> Tensor:
        """Return all values of each unit, (units, n), class tokens and all values of a head included."""
        return value.movedim(self.unit, 0).flatten(1)

    def only(self, value: Tensor, units: Sequence[int]) -> Tensor:
        """Return the value once for each unit, with all other units zero: (units, *value.shape)."""
        chosen = value.new_zeros(len(units), value.shape[self.unit])
        chosen[torch.arange(len(units)), list(units)] = 1.0
        shape = [1] * value.ndim
        shape[self.unit] = -1
        return chosen.view(len(units), *shape) * value

    def at(self, shape: Sequence[int], cell: Sequence[int] | None = None) -> Tensor | None:
        """Mark a cell of the maps of all units, or the middle cell.

        Parameters
        ----------
        shape : sequence of int
            Shape of the value.
        cell : sequence of int, optional

        Returns
        -------
        float64 tensor or None
            Shaped as the value; None if there is no such cell.
        """
        numbers = torch.arange(math.prod(shape)).view(*shape)
        first = self._ordered(numbers)[:, :1].squeeze(1)
        plane = first[:, self.tokens] if self.tokens is not None else first
        size = plane.shape[1:]
        where = tuple(length // 2 for length in size) if cell is None else tuple(cell)
        if len(where) != len(size) or any(not 0 <= at < length for at, length in zip(where, size, strict=True)):
            return None
        # All values of a unit in this cell count.
        whole = self._ordered(numbers)
        whole = whole[:, :, self.tokens] if self.tokens is not None else whole
        marked = torch.zeros(math.prod(shape), dtype=torch.float64)
        at: tuple[slice | int, ...] = (slice(None), slice(None), *where)
        marked[whole[at].flatten()] = 1.0
        return marked.view(*shape)

    def _ordered(self, value: Tensor) -> Tensor:
        """Return a value as (units, others, bins, frames), (units, others, frames), (units, others, tokens)."""
        if self.tokens is not None:
            places: list[tuple[int, ...]] = [self.time]
        else:
            places = [axes for axes in (self.frequency, self.time) if axes]
        used = {self.unit, *self.frequency, *self.time}
        others = tuple(axis for axis in range(value.ndim) if axis not in used)
        groups = [(self.unit,), others, *places]
        ordered = value.permute([axis for group in groups for axis in group])
        return ordered.reshape([math.prod(value.shape[axis] for axis in group) for group in groups])


def layout_of(tape: Tape, value: Tensor) -> Layout:
    """Return the layout of a recorded value.

    The unit axis is that which the step behind the value made of channels or units: the second axis after a
    convolution, the last after a matrix product, wherever later steps moved it.

    Parameters
    ----------
    tape : Tape
    value : tensor
        A value of this tape.

    Returns
    -------
    Layout
    """
    positions = positions_of(tape, value)
    axes = positions.axes
    unit = next((at for at, axis in enumerate(axes) if "unit" in axis), None)
    if unit is None:
        single = [at for at in (1, *range(value.ndim)) if at < value.ndim and value.shape[at] == 1 and not axes[at]]
        unit = single[0] if single else value.ndim - 1
    free = [at for at, axis in enumerate(axes) if at != unit and "unit" not in axis]
    frequency = tuple(at for at in free if "frequency" in axes[at])
    time = tuple(at for at in free if "time" in axes[at])
    tokens = None
    both = set(frequency) & set(time)
    if both:
        at = both.pop()
        frequency = time = (at,)
        tokens = _grid(axes[at]["frequency"], axes[at]["time"])
        frequency = frequency if tokens is not None else ()
    as_input = value.ndim == tape.image.ndim and unit == 1 and value.shape[0] == 1
    if value.ndim == 4 and unit == 1:  # no step can show the role of an axis of one cell, or of parts that are stacked
        if not frequency and time == (3,) and value.shape[2] == 1:
            frequency = (2,)
        elif not (time or frequency or axes[2] or axes[3]) and (as_input or value.shape[2:] == (1, 1)):
            frequency, time = (2,), (3,)
    elif value.ndim == 3 and value.shape[0] == 1 and unit > 0 and not (time or frequency):
        other = 3 - unit  # the states of a recurrent layer that are stacked
        time = (other,) if not axes[other] and value.shape[other] > 1 else ()
    are_maps = positions.are_maps or as_input
    if not are_maps and all(value.shape[at] == 1 for at in (*frequency, *time)):
        frequency = time = ()
    batch = 0 if value.shape[0] == 1 and not {0} & {unit, *frequency, *time} else None
    return Layout(unit, frequency, time, tokens, batch, are_maps and bool(frequency or time))


def _grid(frequencies: Tensor, times: Tensor) -> Tensor | None:
    """Return the index of the token at each place of a plane, (bins, frames); None if tokens fill no plane."""
    known = (~(frequencies.isnan() | times.isnan())).nonzero()[:, 0]
    bins, rows = torch.unique(frequencies[known], return_inverse=True)
    frames, columns = torch.unique(times[known], return_inverse=True)
    grid = torch.full((len(bins), len(frames)), -1)
    grid[rows, columns] = known
    return grid if len(known) == grid.numel() and bool((grid >= 0).all()) else None
