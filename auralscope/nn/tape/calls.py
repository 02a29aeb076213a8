"""Calls: express torch's operators by the functions of the table in `auralscope.nn.tape.functions`.

Exported and scripted networks call the operators of torch's library (`torch.ops.aten.conv2d`) in place of its
functions (`torch.conv2d`). Most have a function with the same name and arguments; `_OTHER_FORM` has the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload, OpOverloadPacket
from torch.nn import functional

from auralscope.nn.tape.functions import KINDS, OUT_OF_PLACE, Function, quantised_linear

Call = tuple[Function, tuple[Any, ...], dict[str, Any]]
"""A function with its arguments."""


def plain_call(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Return the call to a function of the table that does what a call to an operator does.

    Parameters
    ----------
    function : callable
        Calls to other functions than operators are returned unchanged, as are operators without such a function.
    args : tuple
    kwargs : dict

    Returns
    -------
    function, args, kwargs
    """
    if not isinstance(function, (OpOverload, OpOverloadPacket)):
        return function, args, kwargs
    packet = function.overloadpacket if isinstance(function, OpOverload) else function
    library, _, name = packet._qualified_op_name.partition("::")
    if (library, name) == ("quantized", "linear_dynamic"):
        weight, bias = args[1].unpack()
        real = nn.Parameter(weight.dequantize(), requires_grad=False)
        return quantised_linear, (args[0], real, bias, function, args[1:]), kwargs
    if library != "aten":
        return function, args, kwargs
    if name in _OTHER_FORM:
        return _OTHER_FORM[name](*args, **kwargs)
    named = [getattr(home, name, None) for home in (torch, Tensor, functional, torch._C._nn)]
    known = (candidate for candidate in named if candidate in KINDS or candidate in OUT_OF_PLACE)
    return next(known, next(filter(None, named), function)), args, kwargs


def _convolution(
    x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, *rest: Any
) -> Call:
    output_padding, groups = rest[:2]
    if transposed:
        transpose = {3: torch.conv_transpose1d, 4: torch.conv_transpose2d, 5: torch.conv_transpose3d}[x.ndim]
        return transpose, (x, weight, bias, stride, padding, output_padding, groups, dilation), {}
    convolve = {3: torch.conv1d, 4: torch.conv2d, 5: torch.conv3d}[x.ndim]
    return convolve, (x, weight, bias, stride, padding, dilation, groups), {}


def _slice(x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Call:
    axes = [slice(None)] * x.ndim
    axes[dim] = slice(start, end, step)
    return Tensor.__getitem__, (x, tuple(axes)), {}


def _index(x: Tensor, indices: list[Tensor | None]) -> Call:
    return Tensor.__getitem__, (x, tuple(slice(None) if index is None else index for index in indices)), {}


def _to(x: Tensor, *args: Any, **kwargs: Any) -> Call:
    given = [*args, *kwargs.values()]
    if given and isinstance(given[0], Tensor):
        return Tensor.to, (x, given[0]), {}
    kinds = {"device": torch.device, "dtype": torch.dtype}
    found = {name: value for name, kind in kinds.items() for value in given if isinstance(value, kind)}
    return (Tensor.to, (x,), found) if found else (Tensor.contiguous, (x,), {})


def _instance_norm(x: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, *rest: Any) -> Call:
    return functional.instance_norm, (x, mean, variance, weight, bias, *rest[:3]), {}


def _stft(x: Tensor, n_fft: int, hop: int | None, width: int | None, window: Tensor | None, *rest: Any) -> Call:
    names = ("center", "pad_mode", "normalized", "onesided", "return_complex")
    if len(rest) < 2 or not isinstance(rest[1], str):
        rest = (False, "reflect", *rest)
    return torch.stft, (x, n_fft, hop, width, window), dict(zip(names, rest, strict=False))


def _resized(mode: str) -> Callable[..., Call]:
    """Return the form of an interpolation: input, size, corners aligned (not for the nearest), scale factors."""

    def call(x: Tensor, size: Any, *rest: Any) -> Call:
        aligned = None if mode == "nearest" else bool(rest[0])
        if size is not None:
            return functional.interpolate, (x,), {"size": tuple(size), "mode": mode, "align_corners": aligned}
        scale = tuple(rest[0 if mode == "nearest" else 1])
        return functional.interpolate, (x,), {"scale_factor": scale, "mode": mode, "align_corners": aligned}

    return call


def _maximum_and_place(x: Tensor, size: Any) -> Call:
    one_axis = functional.adaptive_max_pool1d_with_indices
    plane = functional.adaptive_max_pool2d_with_indices
    return plane if len(size) == 2 else one_axis, (x, tuple(size)), {}


_OTHER_FORM: dict[str, Callable[..., Call]] = {
    "_convolution": _convolution,
    "convolution": _convolution,
    "_convolution_mode": lambda x, *rest: (torch.conv1d if x.ndim == 3 else torch.conv2d, (x, *rest), {}),
    "slice": _slice,
    "index": _index,
    "to": _to,
    "_to_copy": _to,
    "instance_norm": _instance_norm,
    "stft": _stft,
    "adaptive_max_pool1d": _maximum_and_place,
    "adaptive_max_pool2d": _maximum_and_place,
    "upsample_nearest1d": _resized("nearest"),
    "upsample_nearest2d": _resized("nearest"),
    "upsample_linear1d": _resized("linear"),
    "upsample_bilinear2d": _resized("bilinear"),
    "upsample_bicubic2d": _resized("bicubic"),
    "constant_pad_nd": lambda x, pad, value=0.0: (functional.pad, (x, list(pad), "constant", value), {}),
    "reflection_pad1d": lambda x, pad: (functional.pad, (x, list(pad), "reflect"), {}),
    "reflection_pad2d": lambda x, pad: (functional.pad, (x, list(pad), "reflect"), {}),
    "replication_pad1d": lambda x, pad: (functional.pad, (x, list(pad), "replicate"), {}),
    "replication_pad2d": lambda x, pad: (functional.pad, (x, list(pad), "replicate"), {}),
    "t": lambda x: (torch.transpose, (x, 0, 1), {}) if x.ndim == 2 else (Tensor.detach, (x,), {}),
    "alias": lambda x: (Tensor.detach, (x,), {}),
    "clone": lambda x, **_: (Tensor.clone, (x,), {}),
    "lift_fresh_copy": lambda x: (Tensor.clone, (x,), {}),
    "contiguous": lambda x, *_, **__: (Tensor.contiguous, (x,), {}),
}
"""The calls of operators whose functions have another name or other arguments."""
