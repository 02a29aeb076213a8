"""Describe networks without torch, and compute the layers and sizes that follow from a description."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from auralscope.errors import AuralScopeError
from auralscope.nn.model import Layer

ALL = 0
"""Value for a kernel's bins: as many as the image has."""


@dataclass(frozen=True)
class Block:
    """Convolution with its batch norm, activation, max pooling and dropout.

    Sizes are (bins, frames). A network on the waveform has one bin, so its 1-D kernels are (1, n).

    Attributes
    ----------
    maps : int
        Number of feature maps.
    pool : (int, int)
        Window of the max pooling; cut to the size of the maps if they are smaller.
    kernel : (int, int)
    stride : (int, int)
    padding : bool
        Whether there are zeros at the edges, half a kernel at each, so that an odd kernel keeps the size.
    """

    maps: int
    pool: tuple[int, int] = (1, 1)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: bool = True


@dataclass(frozen=True)
class Dense:
    """Dense layer with its activation and the dropout before it.

    Attributes
    ----------
    units : int
    dropout : float
        Probability with which a value is dropped in training.
    """

    units: int
    dropout: float = 0.5


@dataclass(frozen=True)
class Placed:
    """Sizes of a block in a network, cut to the maps below it.

    Attributes
    ----------
    kernel, padding, pool : (int, int)
        Bins and frames.
    size : (int, int)
        Bins and frames of the block's feature maps.
    """

    kernel: tuple[int, int]
    padding: tuple[int, int]
    pool: tuple[int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Stack:
    """Blocks in sequence, then recurrent or dense layers, then the output.

    Attributes
    ----------
    blocks : tuple of Block
    activation : {"elu", "relu"}
    norm : bool
        Whether a batch norm follows each convolution.
    frame_norm : bool
        Whether the network starts with a batch norm over the time axis: statistics, scale and shift for each frame.
    whole_steps : bool
        Whether the image is padded with zeros in time, to a multiple of the product of the poolings.
    ending : {"max", "flatten", "recurrent"}
        What follows the last maps: the maximum of each, all their cells, or a sequence over time.
    gru : tuple of int
        Units of each recurrent layer; the last state of the last one goes on.
    recurrence : {"torch", "keras"}
        The recurrent unit: torch's, or that of Keras 1; see `auralscope.nn.architectures.recurrent`.
    dense : tuple of Dense
    block_dropout, dropout : float
        Dropout after each block, and before the output.
    """

    blocks: tuple[Block, ...]
    activation: Literal["elu", "relu"] = "elu"
    norm: bool = True
    frame_norm: bool = False
    whole_steps: bool = False
    ending: Literal["max", "flatten", "recurrent"] = "max"
    gru: tuple[int, ...] = ()
    recurrence: Literal["torch", "keras"] = "torch"
    dense: tuple[Dense, ...] = ()
    block_dropout: float = 0.0
    dropout: float = 0.0

    def padded_frames(self, frames: int) -> int:
        """Return the number of frames with the zeros of `whole_steps`.

        Parameters
        ----------
        frames : int
            Frames of the image.

        Returns
        -------
        int
        """
        step = math.prod(block.pool[1] for block in self.blocks)
        return math.ceil(frames / step) * step if self.whole_steps else frames

    def placed(self, input_shape: tuple[int, int]) -> list[Placed]:
        """Return the sizes of each block.

        Parameters
        ----------
        input_shape : (int, int)
            Bins and frames of the image.

        Returns
        -------
        list of Placed

        Raises
        ------
        AuralScopeError
            The image is smaller than a kernel.
        """
        size = (input_shape[0], self.padded_frames(input_shape[1]))
        found = []
        for number, block in enumerate(self.blocks, start=1):
            kernel = (block.kernel[0] or size[0], block.kernel[1])
            padding = (
                kernel[0] // 2 if block.padding and block.kernel[0] != ALL else 0,
                kernel[1] // 2 if block.padding else 0,
            )
            convolved = tuple(
                (n + 2 * pad - k) // jump + 1
                for n, pad, k, jump in zip(size, padding, kernel, block.stride, strict=True)
            )
            if min(convolved) < 1:
                raise AuralScopeError(
                    f"An input of {input_shape[0]} bins by {input_shape[1]} frames is too small for this architecture: "
                    f"at its convolution {number}, {size[0]} by {size[1]} are left. Take a longer window."
                )
            pool = (min(block.pool[0], convolved[0]), min(block.pool[1], convolved[1]))
            size = (convolved[0] // pool[0], convolved[1] // pool[1])
            found.append(Placed(kernel, padding, pool, size))
        return found

    def layers(self, input_shape: tuple[int, int]) -> tuple[Layer, ...]:
        """Return all layers but the output.

        Parameters
        ----------
        input_shape : (int, int)
            Bins and frames of the image.

        Returns
        -------
        tuple of Layer

        Raises
        ------
        AuralScopeError
            The input is too small.
        """
        named = [
            Layer(f"conv{number}", f"block{number}.{'pool' if max(place.pool) > 1 else self.activation}", block.maps)
            for number, (block, place) in enumerate(zip(self.blocks, self.placed(input_shape), strict=True), start=1)
        ]
        named += [Layer(f"gru{number}", f"gru{number}", units) for number, units in enumerate(self.gru, start=1)]
        names = dense_names(self.dense)
        named += [Layer(name, f"{name}.{self.activation}", d.units) for name, d in zip(names, self.dense, strict=True)]
        return tuple(named)


@dataclass(frozen=True)
class SampleLevel:
    """Residual blocks of two convolutions with squeeze-and-excitation, on the waveform (Kim et al. 2018, sec. 2).

    Attributes
    ----------
    maps : tuple of int
        Feature maps of the strided convolution at the start, and of each block.
    excitation : int
        Width of a block's excitation relative to the block ('amplifying ratio').
    levels : int
        Number of the last blocks whose maxima go into the dense layer.
    """

    maps: tuple[int, ...]
    excitation: int = 16
    levels: int = 3

    @property
    def smallest(self) -> int:
        """Smallest number of samples that leaves each block more than one cell."""
        return int(2 * 3 ** (len(self.maps) - 1))

    def layers(self, input_shape: tuple[int, int]) -> tuple[Layer, ...]:
        """Return all layers but the output.

        Parameters
        ----------
        input_shape : (int, int)
            Bins and frames of the image.

        Returns
        -------
        tuple of Layer

        Raises
        ------
        AuralScopeError
            The input is too small.
        """
        self.check(input_shape)
        first, *rest = self.maps
        blocks = (Layer(f"conv{number}", f"block{number}.pool", maps) for number, maps in enumerate(rest, start=2))
        return Layer("conv1", "block1.relu", first), *blocks, Layer("dense", "dense.relu", sum(rest[-self.levels :]))

    def check(self, input_shape: tuple[int, int]) -> None:
        """Raise an error for a window that is too short.

        Parameters
        ----------
        input_shape : (int, int)
            One bin, and the samples of the window.

        Raises
        ------
        AuralScopeError
            The window has fewer samples than `smallest`.
        """
        if input_shape[1] < self.smallest:
            raise AuralScopeError(
                f"A window of {input_shape[1]} samples is too short for this architecture; "
                f"it needs {self.smallest} (its paper has {3 ** len(self.maps)}). Take a longer window."
            )


def dense_names(dense: tuple[Dense, ...]) -> list[str]:
    """Name the dense layers: `dense`, or `dense1`, `dense2` if there are several."""
    return ["dense"] if len(dense) == 1 else [f"dense{number}" for number in range(1, len(dense) + 1)]
