"""Deconvolution of any network in two calls; how it is done is said in `auralscope.nn.descent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from auralscope.errors import UnknownNameError
from auralscope.nn.capture import Tape, record
from auralscope.nn.descent import Reading, unit_count
from auralscope.nn.readings import last, reading

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence


def deconvolve(
    network: nn.Module,
    image: Tensor,
    layer: str,
    units: Sequence[int] | None = None,
    method: str | Reading = "deconvolution",
) -> Tensor:
    """Deconvolve units of any network.

    Parameters
    ----------
    network : torch.nn.Module
        It comes back as it was: no hooks, modes and gradient flags as before.
    image : (1, channels, bins, frames) tensor
        Its input.
    layer : str
        Dotted name of the module whose output is looked at, such as `"features.8"`.
    units : sequence of int, optional
        All of the layer's unless given.
    method : str or Reading
        Another reading of the same question; see `auralscope.nn.readings`.

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
    """
    return deconvolve_tape(record(network, image), layer, units, method)


def deconvolve_tape(
    tape: Tape, layer: str, units: Sequence[int] | None = None, method: str | Reading = "deconvolution"
) -> Tensor:
    """Deconvolve units of a forward pass that was recorded; see `deconvolve`."""
    with torch.no_grad():
        return last(deconvolve_parts(tape, layer, units, method))


def deconvolve_parts(
    tape: Tape, layer: str, units: Sequence[int] | None = None, method: str | Reading = "deconvolution"
) -> Generator[float, None, Tensor]:
    """As `deconvolve_tape`, but a reading that takes long says in between how far it is, 0 to 1.

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
        image = yield from reading(method).parts(tape, layer, chosen)
    return image[:, 0] if image.shape[1] == 1 else image
