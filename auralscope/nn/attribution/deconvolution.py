"""Deconvolution of the units of any network; `auralscope.nn.attribution.backward` says how it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from auralscope.errors import InputError, UnknownNameError
from auralscope.nn.attribution.methods import find_method
from auralscope.nn.batches import outcome
from auralscope.nn.tape.capture import Tape, record
from auralscope.nn.tape.layout import layout_of
from auralscope.nn.tape.steps import tensors_in

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from auralscope.nn.attribution.base import AttributionMethod


def deconvolve(
    network: nn.Module,
    image: Tensor,
    layer: str,
    *,
    units: Sequence[int] | None = None,
    method: str | AttributionMethod = "deconvolution",
) -> Tensor:
    """Deconvolve units of a layer of any network (Zeiler & Fergus 2014, sec. 2.1; Choi 2018, sec. 7.2).

    Parameters
    ----------
    network : torch.nn.Module
        It runs in evaluation mode and is left unchanged: hooks, modes and gradient flags are as before.
    image : (1, channels, bins, frames) or (1, channels, samples) tensor
        The input; it is converted to the type of the network's weights. In half precision, maxima of poolings can fall
        into other places than in float32.
    layer : str
        Dotted name of the module whose units are deconvolved, such as `"features.8"`.
    units : sequence of int, optional
        Zero-based; all units of the layer unless given.
    method : str or AttributionMethod
        Name of an attribution method, or the method; see `auralscope.nn.attribution.methods`.

    Returns
    -------
    (units, bins, frames) tensor
        Of the image's type, on its device; (units, channels, bins, frames) if the input has several channels.

    Raises
    ------
    UnknownNameError
        There is no such layer, unit or method.
    NoRuleError
        A function between the layer and the input has no rule.
    InputError
        The image is empty, of another rank or not finite, or the layer's values or the pictures are not finite.
    """
    tape = record(network, image)
    if not bool(tape.layer(layer).isfinite().all()):
        raise InputError(
            f"Layer '{layer}' has values that are not finite (NaN or infinite); the first are made in module "
            f"'{_first_not_finite(tape)}'. Check its weights, or use a type with a larger range."
        )
    return deconvolve_tape(tape, layer, units, method=method).to(image.dtype)


def _first_not_finite(tape: Tape) -> str:
    """Return the module that made the first value that is not finite."""
    for step in tape.steps:
        if any(tensor.is_floating_point() and not bool(tensor.isfinite().all()) for tensor in tensors_in(step.output)):
            return step.module
    return ""


def deconvolve_tape(
    tape: Tape, layer: str, units: Sequence[int] | None = None, *, method: str | AttributionMethod = "deconvolution"
) -> Tensor:
    """Deconvolve units of a recorded forward pass; see `deconvolve`."""
    with torch.no_grad():
        return outcome(deconvolve_parts(tape, layer, units, method=method))


def deconvolve_parts(
    tape: Tape, layer: str, units: Sequence[int] | None = None, *, method: str | AttributionMethod = "deconvolution"
) -> Generator[float, None, Tensor]:
    """Do the work of `deconvolve_tape` as a generator; a slow method yields its progress, 0 to 1.

    The caller must advance it under `torch.no_grad`.
    """
    top = tape.layer(layer)
    n_units = top.shape[layout_of(tape, top).unit]
    chosen = list(range(n_units)) if units is None else list(units)
    for unit in chosen:
        if not 0 <= unit < n_units:
            raise UnknownNameError(f"Layer '{layer}' has units 0 to {n_units - 1}; there is no unit {unit}.")
    if not chosen:
        image = tape.image.new_zeros(0, *tape.image.shape[1:])
    else:
        found = find_method(method)
        image = yield from found.attribute_parts(tape, layer, chosen)
        if not bool(image.isfinite().all()):
            raise InputError(
                f"{found.name} gives NaN or infinity for layer '{layer}': the network divides by zero, or its values "
                "are too large for their type, at this input or with a part of it silent."
            )
    return image[:, 0] if image.shape[1] == 1 else image
