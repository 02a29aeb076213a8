"""Follow positions along a tape: which cells of a value belong to which unit, frequency and time.

Each axis of a value has a `Places`: for each role, the positions of its cells. The roles are those of the image (its
bins are frequencies, its frames times) and change at the steps: a convolution makes units of its channels, a matrix
product of the last axis. A step that moves values (`view`, `transpose`, `unfold`, `cat`) is repeated on positions in
place of values, so frames that are folded into the batch, or patches that become tokens, keep theirs.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.nn.tape.functions import CONVOLUTION_ARGUMENTS, KINDS, Kind, quantised_linear
from auralscope.nn.tape.steps import tensors_in

if TYPE_CHECKING:
    from auralscope.nn.tape.capture import Tape
    from auralscope.nn.tape.steps import Step

Role = Literal["unit", "frequency", "time"]
ROLES: tuple[Role, ...] = ("unit", "frequency", "time")

Axis = dict[Role, Tensor]
"""Positions of the cells along an axis, for each role that the axis has; NaN for cells without a position."""


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions of the cells of a value.

    Attributes
    ----------
    axes : tuple of Axis
        One for each axis of the value.
    are_maps : bool
        Whether the units are channels of a convolution or of the input, not of a dense or recurrent layer.
    """

    axes: tuple[Axis, ...]
    are_maps: bool = True

    def field(self, role: Role, shape: torch.Size) -> Tensor | None:
        """Return the position of each cell of a value, shaped as the value; None if no axis has the role."""
        total: Tensor | None = None
        for at, axis in enumerate(self.axes):
            if role in axis:
                along = axis[role].view(-1, *(1,) * (len(shape) - 1 - at))
                total = along if total is None else total + along
        return None if total is None else total.expand(shape).contiguous()


_found: weakref.WeakKeyDictionary[Tape, dict[int, Positions]] = weakref.WeakKeyDictionary()
"""Positions of the values of each tape, by the value's `id`."""


def positions_of(tape: Tape, value: Tensor) -> Positions:
    """Return the positions of the cells of a recorded value."""
    known = _found.setdefault(tape, {id(tape.image): _of_image(tape.image)})
    for index in sorted(tape.ancestors(value)):
        outputs = list(tensors_in(tape.steps[index].output))
        if any(id(output) not in known for output in outputs):
            for output, positions in zip(outputs, _after(tape, tape.steps[index], outputs, known), strict=True):
                known[id(output)] = positions
    return known.get(id(value)) or Positions(tuple({} for _ in value.shape), are_maps=False)


def _of_image(image: Tensor) -> Positions:
    roles: tuple[Role, ...] = ("unit", "frequency", "time") if image.ndim == 4 else ("unit", "time")
    return Positions(({}, *({role: _count(size)} for role, size in zip(roles, image.shape[1:], strict=True))))


def _after(tape: Tape, step: Step, outputs: list[Tensor], known: dict[int, Positions]) -> list[Positions]:
    """Return the positions of a step's outputs."""
    kind = KINDS.get(step.function)
    sources = [(tensor, known[id(tensor)]) for tensor in step.varying_tensors()]
    if kind in (Kind.SHAPE, Kind.REARRANGEMENT, Kind.WRITE):
        return _moved(step, outputs, known)
    if kind in (Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION):
        return [_convolved(step, outputs[0], known)]
    if kind is Kind.DENSE:
        return [_multiplied(tape, step, outputs[0], known)]
    if kind is Kind.ATTENTION:
        return _attended(step, outputs, known)
    if step.function in (torch.gru, torch.lstm, torch.rnn_tanh, torch.rnn_relu) and sources[0][0].ndim > 1:
        last: Axis = {"unit": _count(outputs[0].shape[-1])}
        sequence = (*sources[0][1].axes[:-1], last)
        others = [Positions(_nothing(output), are_maps=False) for output in outputs[1:]]
        return [Positions(sequence if outputs[0].ndim == len(sequence) else _nothing(outputs[0]), False), *others]
    if step.function in (torch.stft, Tensor.stft):
        return [_spectra(sources[0][1], outputs[0])]
    if kind is Kind.TRANSFORM and step.name.removeprefix("fft_") in ("fft", "rfft", "ifft", "irfft"):
        return [_spectrum(step, sources[0][1], outputs[0])]
    if kind in (Kind.REDUCTION, Kind.MAXIMUM, Kind.DEVIATION):
        return [_reduced(step, sources[0], output) for output in outputs]
    return [_joined(sources, output) for output in outputs]


def _count(size: int) -> Tensor:
    return torch.arange(size, dtype=torch.float32)


def _nothing(value: Tensor) -> tuple[Axis, ...]:
    return tuple({} for _ in value.shape)


def _moved(step: Step, outputs: list[Tensor], known: dict[int, Positions]) -> list[Positions]:
    """Repeat a step that moves values with the positions in their place."""
    axes: list[list[Axis]] = [[{} for _ in output.shape] for output in outputs]
    varying = step.varying_tensors()
    for role in ROLES:
        given = {id(t): known[id(t)].field(role, t.shape) for t in varying}
        if all(field is None for field in given.values()):
            continue
        fields = {
            id(t): t.cpu() if not t.is_floating_point() and not t.is_complex() else torch.full(t.shape, torch.nan)
            for t in step.tensors()
        }
        fields.update({at: field for at, field in given.items() if field is not None})
        for of_output, moved in zip(axes, tensors_in(_repeated(step, fields)), strict=True):
            for axis, along in zip(of_output, _along_each_axis(moved), strict=True):
                if along is not None:
                    axis[role] = along
    are_maps = any(known[id(t)].are_maps for t in varying)
    return [Positions(tuple(of_output), are_maps) for of_output in axes]


def _repeated(step: Step, fields: dict[int, Tensor]) -> Any:
    """Repeat a step on positions; cells that it adds around a value have none."""
    given = step.arguments(("input", "pad", "mode"))
    if step.function is not functional.pad or given.get("mode", "constant") != "constant":
        return step.repeat(fields)
    return functional.pad(fields[id(given["input"])], given["pad"], value=torch.nan)


def _along_each_axis(field: Tensor) -> list[Tensor | None]:
    """Return the positions along each axis; None for an axis along which they do not change."""
    if not field.is_floating_point() or not field.numel():
        return [None for _ in field.shape]
    unknown = field.isnan()
    low, high = field.masked_fill(unknown, torch.inf), field.masked_fill(unknown, -torch.inf)
    found: list[Tensor | None] = []
    for at in range(field.ndim):
        changes = bool((high.amax(at) > low.amin(at)).any())
        others = field.movedim(at, 0).flatten(1) if field.ndim > 1 else field.unsqueeze(1)
        found.append(others.nanmean(1) if changes else None)
    return found


def _resampled(along: Tensor, size: int) -> Tensor:
    """Return positions for another number of cells, by linear interpolation."""
    if len(along) == size:
        return along
    resampled: Tensor = functional.interpolate(along[None, None], size=size, mode="linear")[0, 0]
    return resampled


def _joined(sources: list[tuple[Tensor, Positions]], output: Tensor) -> Positions:
    """Return the positions after a step that keeps the axes, perhaps with fewer or more cells on each."""
    axes: list[Axis] = [{} for _ in output.shape]
    for tensor, positions in sources:
        offset = output.ndim - tensor.ndim
        for at, axis in enumerate(positions.axes, start=offset):
            for role, along in axis.items() if at >= 0 else ():
                stretched = len(along) == 1 < output.shape[at] and len(sources) > 1
                if role not in axes[at] and not stretched:
                    axes[at][role] = _resampled(along, output.shape[at])
    return Positions(tuple(axes), any(positions.are_maps for _, positions in sources))


def _convolved(step: Step, output: Tensor, known: dict[int, Positions]) -> Positions:
    """Return the positions after a convolution: its channels are units, its plane that of its input.

    Units that an earlier layer left on the plane are the bins of a filter bank.
    """
    given = step.arguments(CONVOLUTION_ARGUMENTS)
    below = known.get(id(given["input"]))
    plane = given["weight"].ndim - 2
    channel = output.ndim - plane - 1
    if below is None:  # the kernels depend on the image, the input does not
        return Positions(_nothing(output), are_maps=False)
    batch = tuple(_without_units(axis) for axis in below.axes[:channel])
    spatial: list[Axis] = []
    for size, axis in zip(output.shape[channel + 1 :], below.axes[channel + 1 :], strict=True):
        merged = _without_units(axis)
        if "unit" in axis and "frequency" not in axis:
            merged["frequency"] = axis["unit"]
        spatial.append({role: _resampled(along, size) for role, along in merged.items()})
    used = {role for axis in (*batch, *spatial) for role in axis}
    expected: tuple[Role, ...] = ("frequency", "time")
    for role, axis, size in zip(expected[-plane:], spatial, output.shape[channel + 1 :], strict=True):
        if not axis and role not in used:  # an axis of one cell, whose role no step could show
            axis[role] = torch.zeros(size)
    units: Axis = {"unit": _count(output.shape[channel])}
    return Positions((*batch, units, *spatial))


def _without_units(axis: Axis) -> Axis:
    return {role: along for role, along in axis.items() if role != "unit"}


def _multiplied(tape: Tape, step: Step, output: Tensor, known: dict[int, Positions]) -> Positions:
    """Return the positions after a matrix product.

    A product with weights makes units. One with a constant that is no parameter, such as a bank of mel filters, keeps
    the role of the axis on which it acts.
    """
    given = list(step.tensors())
    if step.function in (functional.linear, quantised_linear):
        left, right = given[0], given[1]
    else:
        left, right = given[-2:] if step.function is not torch.einsum else (given[0], given[-1])
    at_left, at_right = known.get(id(left)), known.get(id(right))
    if step.function is torch.einsum:
        return _contracted(tape, step, output, known)
    if at_left is not None and at_right is None and output.ndim == left.ndim:
        last = _mixed(
            tape, right, at_left.axes[-1], output.shape[-1], step.function in (functional.linear, quantised_linear)
        )
        return Positions((*at_left.axes[:-1], last), are_maps="unit" not in last and at_left.are_maps)
    if at_right is not None and at_left is None and output.ndim == right.ndim > 1:
        mixed = _mixed(tape, left, at_right.axes[-2], output.shape[-2])
        axes = (*at_right.axes[:-2], mixed, at_right.axes[-1])
        return Positions(axes, are_maps=at_right.are_maps or "unit" in mixed)
    if at_left is not None and at_right is not None and output.ndim == left.ndim == right.ndim > 1:
        batch = _joined([(left, at_left), (right, at_right)], output).axes[:-2]
        return Positions((*batch, at_left.axes[-2], at_right.axes[-1]), at_left.are_maps or at_right.are_maps)
    return Positions(_nothing(output), are_maps=False)


def _mixed(tape: Tape, matrix: Tensor, axis: Axis, size: int, weights: bool = False) -> Axis:
    """Return the axis that a constant matrix makes of an axis."""
    memory = matrix.untyped_storage().data_ptr()
    if weights or any(parameter.untyped_storage().data_ptr() == memory for parameter in tape.network.parameters()):
        return {"unit": _count(size)}
    roles: Axis = {role: _resampled(along, size) for role, along in axis.items()}
    return roles or {"unit": _count(size)}


def _contracted(tape: Tape, step: Step, output: Tensor, known: dict[int, Positions]) -> Positions:
    """Return the positions after an `einsum` of explicit axes."""
    equation, given = step.args[0], list(step.tensors())
    if not isinstance(equation, str) or "..." in equation or "->" not in equation:
        return Positions(_nothing(output), are_maps=False)
    inputs, result = equation.replace(" ", "").split("->")
    of_letter: dict[str, Axis] = {}
    are_maps = True
    for letters, tensor in zip(inputs.split(","), given, strict=True):
        for letter, axis in zip(letters, known[id(tensor)].axes if id(tensor) in known else (), strict=False):
            of_letter.setdefault(letter, axis)
    lost = next((axis for letter, axis in of_letter.items() if letter not in result and axis), {})
    constants = [tensor for tensor in given if id(tensor) not in known]
    for letter, size in zip(result, output.shape, strict=True):
        if letter not in of_letter:
            of_letter[letter] = _mixed(tape, constants[0], lost, size)
            are_maps = are_maps and "unit" not in of_letter[letter]
    return Positions(tuple(of_letter[letter] for letter in result), are_maps)


def _attended(step: Step, outputs: list[Tensor], known: dict[int, Positions]) -> list[Positions]:
    """Return the positions after an attention: the places of the queries, and the units of the values."""
    given = list(step.tensors())
    queries, values = known.get(id(given[0])), known.get(id(given[2]))
    found = [Positions(_nothing(output), are_maps=False) for output in outputs]
    places = queries or values
    if places is not None and outputs[0].ndim == len(places.axes):
        last: Axis = {"unit": _count(outputs[0].shape[-1])}
        if step.name == "scaled_dot_product_attention" and values is not None:
            last = values.axes[-1]
        found[0] = Positions((*places.axes[:-1], last), are_maps=False)
    return found


def _spectra(below: Positions, output: Tensor) -> Positions:
    """Return the positions after an STFT: (..., bins, frames), perhaps with real and imaginary parts."""
    parts: tuple[Axis, ...] = () if output.is_complex() else ({},)
    bins, frames = output.shape[len(below.axes) - 1 : len(below.axes) + 1]
    time: Axis = {role: _resampled(along, frames) for role, along in below.axes[-1].items()}
    return Positions((*below.axes[:-1], {"frequency": _count(bins)}, time, *parts), below.are_maps)


def _spectrum(step: Step, below: Positions, output: Tensor) -> Positions:
    """Return the positions after a Fourier transform along one axis."""
    at = step.arguments(("input", "n", "dim")).get("dim", -1)
    axes = list(below.axes)
    role: Role = "time" if "frequency" in axes[at] else "frequency"
    axes[at] = {role: _count(output.shape[at])}
    return Positions(tuple(axes), below.are_maps)


def _reduced(step: Step, source: tuple[Tensor, Positions], output: Tensor) -> Positions:
    """Return the positions after a sum, a mean, a maximum or a deviation along axes."""
    tensor, positions = source
    if output.ndim == tensor.ndim:
        return _joined([source], output)
    second = ("p", "dim") if step.name in ("norm", "vector_norm", "linalg_vector_norm") else ("dim",)
    dim = step.arguments(("input", *second)).get("dim", step.kwargs.get("axis"))
    if dim is None:
        return Positions(_nothing(output), positions.are_maps)
    gone = {at % tensor.ndim for at in ((dim,) if isinstance(dim, int) else dim)}
    axes = tuple(axis for at, axis in enumerate(positions.axes) if at not in gone)
    return Positions(axes if len(axes) == output.ndim else _nothing(output), positions.are_maps)
