"""Deconvolution of any network in two calls; how it is done is said in `auralscope.nn.attribution.backward`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from auralscope.errors import InputError, UnknownNameError
from auralscope.nn.attribution.methods import find_method
from auralscope.nn.batches import outcome
from auralscope.nn.tape.capture import Tape, record, unit_count
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
    """Deconvolve units of any network.

    Parameters
    ----------
    network : torch.nn.Module
        Run in evaluation mode. It comes back as it was: no hooks, modes and gradient flags as before.
    image : (1, channels, bins, frames) or (1, channels, samples) tensor
        Its input, of the type of its weights: float32 or float64, or half precision, in which a pooling's maxima may
        be others.
    layer : str
        Dotted name of the module whose output is looked at, such as `"features.8"`.
    units : sequence of int, optional
        All of the layer's unless given.
    method : str or AttributionMethod
        Another attribution method; see `auralscope.nn.attribution.methods`.

    Returns
    -------
    (units, bins, frames) tensor
        On the image's device; (units, channels, bins, frames) where the input has several channels.

    Raises
    ------
    UnknownNameError
        No such layer, unit or method.
    NoRuleError
        A module between the layer and the input has no rule.
    InputError
        The image is empty, of another rank or not finite, or the network makes something infinite of it.
    """
    tape = record(network, image)
    if not bool(tape.layer(layer).isfinite().all()):
        raise InputError(
            f"Layer '{layer}' has values that are not finite (NaN or infinite); the first are made in module "
            f"'{_first_not_finite(tape)}': look at its weights, or use a type with a larger range."
        )
    return deconvolve_tape(tape, layer, units, method)


def _first_not_finite(tape: Tape) -> str:
    for step in tape.steps:
        if any(tensor.is_floating_point() and not bool(tensor.isfinite().all()) for tensor in tensors_in(step.output)):
            return step.module
    return ""


def deconvolve_tape(
    tape: Tape, layer: str, units: Sequence[int] | None = None, method: str | AttributionMethod = "deconvolution"
) -> Tensor:
    """Deconvolve units of a forward pass that was recorded; see `deconvolve`."""
    with torch.no_grad():
        return outcome(deconvolve_parts(tape, layer, units, method))


def deconvolve_parts(
    tape: Tape, layer: str, units: Sequence[int] | None = None, method: str | AttributionMethod = "deconvolution"
) -> Generator[float, None, Tensor]:
    """As `deconvolve_tape`, but a method that takes long yields in between how far it is, 0 to 1.

    Each part is to be asked for without gradients.
    """
    top = tape.layer(layer)
    n_units = unit_count(top, tape.image)
    chosen = list(range(n_units)) if units is None else list(units)
    for unit in chosen:
        if not 0 <= unit < n_units:
            raise UnknownNameError(f"Layer '{layer}' has units 0 to {n_units - 1}; there is no unit {unit}.")
    if not chosen:
        image = tape.image.new_zeros(0, *tape.image.shape[1:])
    else:
        image = yield from find_method(method).attribute_parts(tape, layer, chosen)
    return image[:, 0] if image.shape[1] == 1 else image
