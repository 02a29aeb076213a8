"""Kinds of torch functions: the one table that says what each function does to a feature map.

Backward rules, capture, receptive fields, label vectors and first-layer kernels all read it. A function that is not
here is unknown to them: deconvolution stops at it, and a receptive field takes it to depend on its whole input.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Function = Callable[..., Any]


class Kind(Enum):
    """Effect of a torch function on a feature map."""

    IDENTITY = auto()
    """Returns its input; dropout does so in evaluation mode."""
    CONVERSION = auto()
    """Changes the type, device or memory layout, not the values."""
    ACTIVATION = auto()
    """Nonlinearity that deconvolution rectifies."""
    CLAMP = auto()
    """Clips its input; at zero from below, it is a rectifier."""
    ELEMENTWISE = auto()
    """Any other function of the values in one place."""
    BATCH_NORM = auto()
    CONVOLUTION = auto()
    DENSE = auto()
    """Matrix product."""
    MAX_POOL = auto()
    ADAPTIVE_MAX_POOL = auto()
    MAXIMUM = auto()
    """Maximum along axes."""
    AVERAGE_POOL = auto()
    REDUCTION = auto()
    """Sum or mean along axes."""
    SUM = auto()
    """Sum, difference or negation in each place."""
    PRODUCT = auto()
    QUOTIENT = auto()
    SHAPE = auto()
    """Changes the shape, picks, pads or joins; values stay in order."""
    REARRANGEMENT = auto()
    """Moves or repeats values, or returns several parts."""
    INTERPOLATION = auto()


FUNCTIONS: dict[Kind, tuple[Function, ...]] = {
    Kind.IDENTITY: (
        *(functional.dropout, functional.dropout1d, functional.dropout2d, functional.alpha_dropout),
        *(functional.feature_alpha_dropout, torch.clone, Tensor.clone, Tensor.detach),
    ),
    Kind.CONVERSION: (Tensor.contiguous, Tensor.float, Tensor.double, Tensor.to),
    Kind.ACTIVATION: (
        *(functional.relu, torch.relu, Tensor.relu, functional.relu6, functional.leaky_relu, functional.rrelu),
        *(functional.prelu, torch.prelu, functional.elu, functional.selu, torch.selu, functional.celu, torch.celu),
        *(functional.gelu, functional.silu, functional.mish, functional.hardswish),
    ),
    Kind.CLAMP: (functional.hardtanh, torch.clamp, Tensor.clamp, torch.clamp_min, Tensor.clamp_min),
    Kind.ELEMENTWISE: (
        *(functional.hardsigmoid, functional.softplus, functional.logsigmoid, functional.softsign, functional.tanh),
        *(functional.sigmoid, functional.tanhshrink, functional.softshrink, torch.tanh, Tensor.tanh, torch.sigmoid),
        *(Tensor.sigmoid, torch.pow, Tensor.pow, Tensor.__pow__, torch.square, Tensor.square, torch.abs, Tensor.abs),
        *(torch.sqrt, Tensor.sqrt, torch.exp, Tensor.exp, torch.log, Tensor.log, torch.log1p, torch.maximum),
        *(torch.minimum, torch.where, Tensor.__rtruediv__),
    ),
    Kind.BATCH_NORM: (functional.batch_norm,),
    Kind.CONVOLUTION: (torch.conv1d, torch.conv2d),
    Kind.DENSE: (
        *(functional.linear, torch.matmul, torch.mm, torch.addmm, Tensor.matmul, Tensor.mm, Tensor.__matmul__),
    ),
    Kind.MAX_POOL: (
        *(torch.max_pool1d, functional.max_pool1d, functional.max_pool1d_with_indices),
        *(torch.max_pool2d, functional.max_pool2d, functional.max_pool2d_with_indices),
    ),
    Kind.ADAPTIVE_MAX_POOL: (
        *(torch.adaptive_max_pool1d, functional.adaptive_max_pool1d, functional.adaptive_max_pool1d_with_indices),
        *(functional.adaptive_max_pool2d, functional.adaptive_max_pool2d_with_indices),
    ),
    Kind.MAXIMUM: (torch.amax, Tensor.amax),
    Kind.AVERAGE_POOL: (
        *(torch.avg_pool1d, functional.avg_pool2d, functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d),
    ),
    Kind.REDUCTION: (torch.mean, Tensor.mean, torch.sum, Tensor.sum),
    Kind.SUM: (
        *(torch.add, Tensor.add, Tensor.__add__, Tensor.__radd__, torch.sub, Tensor.sub, Tensor.__sub__, torch.rsub),
        *(Tensor.__rsub__, torch.neg, Tensor.neg, Tensor.__neg__),
    ),
    Kind.PRODUCT: (torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__),
    Kind.QUOTIENT: (torch.div, Tensor.div, Tensor.__truediv__),
    Kind.SHAPE: (
        *(torch.flatten, Tensor.flatten, torch.unflatten, Tensor.unflatten, torch.reshape, Tensor.reshape),
        *(Tensor.view, Tensor.view_as, torch.squeeze, Tensor.squeeze, torch.unsqueeze, Tensor.unsqueeze),
        *(torch.permute, Tensor.permute, torch.transpose, Tensor.transpose, torch.movedim, Tensor.movedim),
        *(torch.swapaxes, Tensor.swapaxes, Tensor.__getitem__, torch.narrow),
        *(Tensor.T.__get__, Tensor.mT.__get__),  # type: ignore[attr-defined]  # the properties
        *(Tensor.narrow, torch.select, Tensor.select, torch.cat, torch.concat, functional.pad),
    ),
    Kind.REARRANGEMENT: (
        *(torch.flip, Tensor.flip, torch.roll, Tensor.roll, Tensor.repeat, Tensor.expand, Tensor.expand_as),
        *(torch.stack, torch.chunk, Tensor.chunk, torch.split, Tensor.split, torch.unbind, Tensor.unbind),
    ),
    Kind.INTERPOLATION: (functional.interpolate,),
}

KINDS: dict[Function, Kind] = {function: kind for kind, functions in FUNCTIONS.items() for function in functions}
"""The kind of each function."""

OUT_OF_PLACE: dict[Function, Function] = {
    Tensor.__iadd__: Tensor.add,
    Tensor.add_: Tensor.add,
    Tensor.__isub__: Tensor.sub,
    Tensor.sub_: Tensor.sub,
    Tensor.__imul__: Tensor.mul,
    Tensor.mul_: Tensor.mul,
    Tensor.__itruediv__: Tensor.div,
    Tensor.div_: Tensor.div,
    Tensor.clamp_: Tensor.clamp,
    Tensor.clamp_min_: Tensor.clamp_min,
    Tensor.relu_: Tensor.relu,
    torch.relu_: torch.relu,
}
"""The function that returns what an in-place function would write."""


def functions_of(*kinds: Kind) -> tuple[Function, ...]:
    """Return all functions of some kinds."""
    return tuple(function for kind in kinds for function in FUNCTIONS[kind])


CONVOLUTION_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
"""Parameters of torch's convolutions, in their order."""

MAX_POOL_ARGUMENTS = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
"""Parameters of torch's max poolings with fixed windows, in their order."""


def per_axis(value: int | tuple[int, ...] | list[int], n: int) -> tuple[int, ...]:
    """Expand an argument such as a stride, given once or for each axis, to one value for each of `n` axes."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * n if len(values) == 1 else values
