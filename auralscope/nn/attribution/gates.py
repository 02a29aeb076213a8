"""Gates and written-out activations: find out how the operands of a product or a choice were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.nn.tape.functions import KINDS, Kind, functions_of

if TYPE_CHECKING:
    from auralscope.nn.tape.capture import Tape
    from auralscope.nn.tape.steps import Step

_BELOW_GATES = frozenset(
    functions_of(Kind.IDENTITY, Kind.CONVERSION, Kind.SHAPE, Kind.REARRANGEMENT, Kind.INTERPOLATION)
)
_WITH_CONSTANTS = frozenset(functions_of(Kind.SUM, Kind.PRODUCT, Kind.QUOTIENT, Kind.CHOICE))
_UNIPOLAR = frozenset(
    (functional.sigmoid, torch.sigmoid, Tensor.sigmoid, torch.special.expit, functional.hardsigmoid)
) | frozenset(functions_of(Kind.SOFTMAX))


def gate_rank(tape: Tape, tensor: Tensor, step: Step) -> tuple[int, int]:
    """Return how much a varying factor of a product looks like a gate; see `Product`."""
    if is_mask(tape, tensor):
        return 3, 0
    fewer = KINDS.get(step.function) is Kind.PRODUCT and tensor.numel() < step.output.numel()
    return int(fewer) * 2, _squashed(tape, tensor)


def is_mask(tape: Tape, tensor: Tensor) -> bool:
    """Return whether a tensor consists of truth values, also as numbers."""
    return tensor.dtype is torch.bool or _made_by(tape, tensor, Kind.COMPARISON) is not None


def _squashed(tape: Tape, tensor: Tensor) -> int:
    """Return 2 for what comes from a sigmoid or softmax, 1 for another bounded function, otherwise 0."""
    while (step := step_of(tape, tensor)) is not None:
        if step.function in _UNIPOLAR:
            return 2
        if KINDS.get(step.function) is Kind.SQUASH:
            return 1
        varying = step.varying_tensors()
        if len(varying) != 1 or step.function not in _BELOW_GATES | _WITH_CONSTANTS:
            return 0
        tensor = varying[0]
    return 0


def step_of(tape: Tape, tensor: Tensor) -> Step | None:
    """Return the step that made a tensor; None for the image and for constants."""
    index = tape.maker(tensor)
    return None if index is None or index < 0 else tape.steps[index]


def _made_by(tape: Tape, tensor: Tensor, kind: Kind) -> Step | None:
    """Return the step of a kind that made a tensor, conversions left out."""
    step = step_of(tape, tensor)
    while step is not None and KINDS.get(step.function) in (Kind.IDENTITY, Kind.CONVERSION):
        step = step_of(tape, step.source)
    return step if step is not None and KINDS.get(step.function) is kind else None


def rectified_tensor(tape: Tape, step: Step) -> Tensor | None:
    """Return the tensor that a step rectifies, if it is an activation written with a mask or a maximum."""
    given = list(step.tensors())
    if step.function in (torch.maximum, Tensor.maximum):
        for place, other in ((0, 1), (1, 0)):
            if step.varying[place] and _is_negative_part(tape, step, given[other], given[place]):
                return given[place]
        return None
    if KINDS.get(step.function) is Kind.PRODUCT and len(given) == 2:
        for mask, masked in ((given[0], given[1]), (given[1], given[0])):
            if _mask_of(tape, mask) is masked:
                return masked
    if step.function in (torch.where, Tensor.where) and len(step.args) == 3:
        condition, chosen, rest = step.args
        if step.function is Tensor.where:
            condition, chosen = chosen, condition
        if isinstance(chosen, Tensor) and _mask_of(tape, condition) is chosen and _of_one(tape, rest, chosen):
            return chosen
    return None


def _mask_of(tape: Tape, mask: Any) -> Tensor | None:
    """Return x if a tensor is the mask x > 0 or x >= 0."""
    step = _made_by(tape, mask, Kind.COMPARISON) if isinstance(mask, Tensor) else None
    if step is None or step.name not in ("gt", "__gt__", "ge", "__ge__", "greater", "greater_equal"):
        return None
    limit = step.args[1] if len(step.args) > 1 else step.kwargs.get("other")
    zero = not step.varying[-1] and not bool(limit.any()) if isinstance(limit, Tensor) else limit == 0
    return step.source if zero and step.varying[0] else None


def _is_negative_part(tape: Tape, step: Step, other: Tensor, tensor: Tensor) -> bool:
    """Return whether max(tensor, other) is a ReLU or a leaky one."""
    if tape.maker(other) is None:
        return not bool(other.any())
    maker = step_of(tape, other)
    return (
        maker is not None
        and KINDS.get(maker.function) is Kind.PRODUCT
        and all(below is tensor for below in maker.varying_tensors())
    )


def _of_one(tape: Tape, value: Any, tensor: Tensor) -> bool:
    """Return whether a value is zero, or computed in each place from one tensor and constants."""
    if not isinstance(value, Tensor):
        return bool(value == 0)
    if value is tensor:
        return True
    step = step_of(tape, value)
    if step is None:
        return not bool(value.any())
    single = (Kind.PRODUCT, Kind.QUOTIENT, Kind.SUM, Kind.ELEMENTWISE, Kind.ACTIVATION, Kind.CLAMP, Kind.SQUASH)
    if KINDS.get(step.function) not in single and step.name not in ("expm1",):
        return False
    return all(_of_one(tape, below, tensor) for below in step.varying_tensors())
