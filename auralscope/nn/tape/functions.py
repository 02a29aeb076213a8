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

from auralscope.nn.tape.writes import on_copy, overlaid

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
    SQUASH = auto()
    """Activation with two bounds, such as the sigmoid; as a factor of a product, it is a gate."""
    POWER = auto()
    """Power of the values, or their magnitude."""
    LOGARITHM = auto()
    DEVIATION = auto()
    """Standard deviation, variance or norm along axes."""
    CHOICE = auto()
    """The larger, the smaller or the chosen one of two values in each place."""
    COMPARISON = auto()
    """Truth value in each place."""
    ELEMENTWISE = auto()
    """Any other function of the values in one place."""
    BATCH_NORM = auto()
    NORM = auto()
    """Normalisation by statistics of the values themselves."""
    CONVOLUTION = auto()
    TRANSPOSED_CONVOLUTION = auto()
    DENSE = auto()
    """Matrix product."""
    ATTENTION = auto()
    SOFTMAX = auto()
    GLU = auto()
    """Half of the channels, gated by the other half."""
    MAX_POOL = auto()
    ADAPTIVE_MAX_POOL = auto()
    MAXIMUM = auto()
    """Maximum along axes, or values picked by their order."""
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
    TRANSFORM = auto()
    """Other linear function, such as the Fourier transform."""
    INTERPOLATION = auto()
    CONSTANT = auto()
    """Makes a tensor of its input's shape and type, whatever the values."""
    WRITE = auto()
    """Copies values into another tensor or into a part of it; see `auralscope.nn.tape.writes`."""


def quantised_linear(
    values: Tensor, weight: Tensor, bias: Tensor | None, operator: Function, rest: tuple[Any, ...], **options: Any
) -> Tensor:
    """Compute a dense layer by an operator of torch on integers, with the derivative of the layer on real numbers.

    Parameters
    ----------
    values : (..., inputs) tensor
    weight : (outputs, inputs) tensor
    bias : (outputs,) tensor, optional
    operator : callable
        Takes `values`, `rest` and `options`; it has no derivative of its own.
    rest : tuple
        The packed weights, and what follows them.
    **options

    Returns
    -------
    (..., outputs) tensor
    """
    real = functional.linear(values, weight, bias)
    whole: Tensor = operator(values.detach(), *rest, **options)
    return real + (whole - real.detach())


FUNCTIONS: dict[Kind, tuple[Function, ...]] = {
    Kind.IDENTITY: (
        *(functional.dropout, functional.dropout1d, functional.dropout2d, functional.alpha_dropout),
        *(functional.feature_alpha_dropout, torch.clone, Tensor.clone, Tensor.detach),
        Tensor.data.__get__,  # type: ignore[attr-defined]  # the property
    ),
    Kind.CONVERSION: (Tensor.contiguous, Tensor.float, Tensor.double, Tensor.to, Tensor.type, Tensor.type_as),
    Kind.ACTIVATION: (
        *(functional.relu, torch.relu, Tensor.relu, functional.relu6, functional.leaky_relu, functional.rrelu),
        *(functional.prelu, torch.prelu, functional.elu, functional.selu, torch.selu, functional.celu, torch.celu),
        *(functional.gelu, functional.silu, functional.mish, functional.hardswish, functional.softplus),
        *(functional.logsigmoid, functional.softshrink, functional.hardshrink, functional.tanhshrink),
    ),
    Kind.CLAMP: (
        *(functional.hardtanh, torch.clamp, Tensor.clamp, torch.clip, Tensor.clip, torch.clamp_min, Tensor.clamp_min),
        *(functional.threshold, torch.threshold),
    ),
    Kind.SQUASH: (
        *(functional.sigmoid, torch.sigmoid, Tensor.sigmoid, torch.special.expit, functional.hardsigmoid),
        *(functional.tanh, torch.tanh, Tensor.tanh, functional.softsign, torch.atan, Tensor.atan, torch.erf),
        *(torch.sign, Tensor.sign),
    ),
    Kind.POWER: (
        *(torch.pow, Tensor.pow, Tensor.__pow__, torch.square, Tensor.square, torch.abs, Tensor.abs, torch.sqrt),
        Tensor.sqrt,
    ),
    Kind.LOGARITHM: (
        *(torch.log, Tensor.log, torch.log1p, Tensor.log1p, torch.log2, Tensor.log2, torch.log10, Tensor.log10),
    ),
    Kind.DEVIATION: (
        *(torch.std, Tensor.std, torch.norm, Tensor.norm, torch.linalg.vector_norm, torch.var, Tensor.var),
        *(torch.std_mean, torch.var_mean),
    ),
    Kind.CHOICE: (
        *(torch.maximum, Tensor.maximum, torch.minimum, Tensor.minimum, torch.where, Tensor.where),
        *(torch.masked_fill, Tensor.masked_fill),
    ),
    Kind.COMPARISON: (
        *(torch.gt, Tensor.gt, Tensor.__gt__, torch.ge, Tensor.ge, Tensor.__ge__, torch.lt, Tensor.lt, Tensor.__lt__),
        *(torch.le, Tensor.le, Tensor.__le__, torch.eq, Tensor.eq, Tensor.__eq__, torch.ne, Tensor.ne, Tensor.__ne__),
    ),
    Kind.ELEMENTWISE: (torch.exp, Tensor.exp, Tensor.__rtruediv__, torch.rsqrt, Tensor.rsqrt, torch.sin, Tensor.sin),
    Kind.BATCH_NORM: (functional.batch_norm, torch.batch_norm),
    Kind.NORM: (
        *(functional.layer_norm, torch.layer_norm, functional.group_norm, torch.group_norm, functional.instance_norm),
        *(functional.rms_norm, torch.rms_norm, functional.normalize, functional.local_response_norm),
    ),
    Kind.CONVOLUTION: (torch.conv1d, torch.conv2d),
    Kind.TRANSPOSED_CONVOLUTION: (torch.conv_transpose1d, torch.conv_transpose2d),
    Kind.DENSE: (
        *(functional.linear, torch.matmul, torch.mm, torch.addmm, Tensor.matmul, Tensor.mm, Tensor.__matmul__),
        *(torch.bmm, Tensor.bmm, torch.baddbmm, torch.einsum, quantised_linear),
        *(torch.tensordot, torch.inner, Tensor.inner, torch.outer, torch.mv, Tensor.mv, torch.kron),
    ),
    Kind.ATTENTION: (functional.scaled_dot_product_attention, functional.multi_head_attention_forward),
    Kind.SOFTMAX: (functional.softmax, torch.softmax, Tensor.softmax),
    Kind.GLU: (functional.glu,),
    Kind.MAX_POOL: (
        *(torch.max_pool1d, functional.max_pool1d, functional.max_pool1d_with_indices),
        *(torch.max_pool2d, functional.max_pool2d, functional.max_pool2d_with_indices),
    ),
    Kind.ADAPTIVE_MAX_POOL: (
        *(torch.adaptive_max_pool1d, functional.adaptive_max_pool1d, functional.adaptive_max_pool1d_with_indices),
        *(functional.adaptive_max_pool2d, functional.adaptive_max_pool2d_with_indices),
    ),
    Kind.MAXIMUM: (
        *(torch.amax, Tensor.amax, torch.amin, Tensor.amin, torch.max, Tensor.max, torch.min, Tensor.min),
        *(torch.sort, Tensor.sort, torch.topk, Tensor.topk, torch.median, Tensor.median, torch.kthvalue),
        *(torch.cummax, Tensor.cummax),
    ),
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
        *(Tensor.reshape_as, torch.index_select, Tensor.index_select, torch.gather, Tensor.gather),
        *(torch.diagonal, Tensor.diagonal, torch.moveaxis, Tensor.moveaxis, torch.take_along_dim, torch.diag_embed),
        *(torch.ravel, Tensor.ravel, torch.swapdims, Tensor.swapdims),
        *(torch.atleast_1d, torch.atleast_2d, torch.atleast_3d, torch.nan_to_num, Tensor.nan_to_num),
    ),
    Kind.REARRANGEMENT: (
        *(torch.flip, Tensor.flip, torch.roll, Tensor.roll, Tensor.repeat, Tensor.expand, Tensor.expand_as),
        *(torch.stack, torch.chunk, Tensor.chunk, torch.split, Tensor.split, torch.unbind, Tensor.unbind),
        *(torch.hsplit, torch.vsplit, torch.dsplit, torch.dstack, torch.column_stack, torch.fliplr, torch.flipud),
        *(torch.hstack, torch.vstack, torch.tile, Tensor.tile, torch.broadcast_to, Tensor.broadcast_to),
        *(torch.repeat_interleave, Tensor.repeat_interleave, torch.tensor_split, Tensor.tensor_split, Tensor.__iter__),
        *(functional.fold, functional.unfold, Tensor.unfold, functional.pixel_shuffle, functional.pixel_unshuffle),
        *(functional.channel_shuffle, torch.cumsum, Tensor.cumsum, torch.rot90, Tensor.rot90),
        *(functional.max_unpool1d, functional.max_unpool2d),
    ),
    Kind.TRANSFORM: (
        *(torch.fft.fft, torch.fft.ifft, torch.fft.rfft, torch.fft.irfft, torch.fft.fft2, torch.fft.ifft2),
        *(torch.fft.rfft2, torch.fft.irfft2, torch.fft.fftshift, torch.fft.ifftshift, torch.stft, Tensor.stft),
        *(torch.istft, torch.view_as_real, torch.view_as_complex, torch.real, torch.imag, torch.conj, Tensor.conj),
        *(torch.complex, torch.tril, Tensor.tril, torch.triu, Tensor.triu),
        *(Tensor.real.__get__, Tensor.imag.__get__),  # type: ignore[attr-defined]  # the properties
    ),
    Kind.INTERPOLATION: (functional.interpolate,),
    Kind.CONSTANT: (
        *(torch.zeros_like, torch.ones_like, torch.full_like, Tensor.new_zeros, Tensor.new_ones, Tensor.new_full),
        *(Tensor.new_tensor, torch.empty_like, Tensor.new_empty),
    ),
    Kind.WRITE: (
        overlaid,
        *map(on_copy, (Tensor.__setitem__, Tensor.copy_, Tensor.zero_, Tensor.fill_, Tensor.masked_fill_)),
        *map(on_copy, (Tensor.index_fill_, Tensor.index_copy_, Tensor.index_add_, Tensor.masked_scatter_)),
        *map(on_copy, (Tensor.scatter_, Tensor.scatter_add_, Tensor.index_put_, Tensor.put_, Tensor.fill_diagonal_)),
        *map(on_copy, (Tensor.tril_, Tensor.triu_)),
        *(torch.scatter, Tensor.scatter, torch.scatter_add, Tensor.scatter_add, torch.index_add, Tensor.index_add),
        *(torch.index_copy, Tensor.index_copy, torch.index_fill, Tensor.index_fill, torch.masked_scatter),
    ),
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
    Tensor.clip_: Tensor.clip,
    torch.threshold_: torch.threshold,
    Tensor.relu_: Tensor.relu,
    torch.relu_: torch.relu,
    Tensor.pow_: Tensor.pow,
    Tensor.__ipow__: Tensor.pow,
    Tensor.square_: Tensor.square,
    Tensor.abs_: Tensor.abs,
    Tensor.sqrt_: Tensor.sqrt,
    Tensor.log_: Tensor.log,
    Tensor.neg_: Tensor.neg,
    Tensor.sigmoid_: Tensor.sigmoid,
    torch.sigmoid_: torch.sigmoid,
    Tensor.tanh_: Tensor.tanh,
    torch.tanh_: torch.tanh,
    functional.hardtanh_: functional.hardtanh,
    functional.elu_: functional.elu,
    functional.leaky_relu_: functional.leaky_relu,
    torch.selu_: torch.selu,
    torch.celu_: torch.celu,
    torch._C._nn.silu_: functional.silu,
    torch._C._nn.hardswish_: functional.hardswish,
    torch._C._nn.hardsigmoid_: functional.hardsigmoid,
}
"""The function that returns what an in-place function would write."""


EMPTY = frozenset((torch.empty, torch.empty_like, torch.empty_strided, Tensor.new_empty))
"""Functions that leave the values of their result undefined."""


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
