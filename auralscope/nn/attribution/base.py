"""The base class of attribution methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from auralscope.nn.tape.capture import Tape


class AttributionMethod(ABC):
    """Way to compute which part of the input a unit answered to, as an image in the input's plane.

    Attributes
    ----------
    name : str
        The value of `method=` that chooses it.
    """

    name: str

    @abstractmethod
    def attribute(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        """Compute the images of some units of a layer.

        Parameters
        ----------
        tape : Tape
            A recorded forward pass.
        layer : str
            Dotted name of a module of the network; callers have checked that it exists.
        units : list of int
            Zero-based; callers have checked that they exist.

        Returns
        -------
        (units, channels, bins, frames) tensor
            (units, channels, samples) for a network on the waveform.

        Raises
        ------
        NoRuleError
            The method does not apply to this layer or network.
        """

    def attribute_parts(self, tape: Tape, layer: str, units: list[int]) -> Generator[float, None, Tensor]:
        """Do the work of `attribute` as a generator, which yields its progress (0 to 1) and can be abandoned.

        A slow method overrides this one. Parameters and result are those of `attribute`.
        """
        yield from ()
        return self.attribute(tape, layer, units)
