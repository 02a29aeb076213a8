"""How an architecture is written down, and what follows from that without building it. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auralscope.errors import AuralScopeError
from auralscope.nn.model import Layer

if TYPE_CHECKING:
    from torch import nn

Family = Literal["spectrogram", "waveform"]
ALL = 0
"""As a kernel's bins: all that there are."""


@dataclass(frozen=True)
class Block:
    """A convolution, and what comes with it: batch norm, activation, max pooling, dropout.

    Sizes are (bins, frames). A network on the waveform has one bin, so that its 1-D convolution is one of (1, n).

    Attributes
    ----------
    maps : int
    pool : (int, int)
        Cut to what is left, where the image is smaller than that of the paper.
    kernel : (int, int)
    stride : (int, int)
    padding : bool
        Zeros at the edges, half a kernel at each, so that an odd kernel keeps the size.
    """

    maps: int
    pool: tuple[int, int] = (1, 1)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: bool = True


@dataclass(frozen=True)
class Dense:
    """A dense layer, its activation, and the dropout before it."""

    units: int
    dropout: float = 0.5


@dataclass(frozen=True)
class Placed:
    """A block where it stands: with sizes that fit what comes from below, and the size that it gives."""

    kernel: tuple[int, int]
    padding: tuple[int, int]
    pool: tuple[int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Stack:
    """Blocks one after another, then recurrent or dense layers, then the output.

    Attributes
    ----------
    blocks : tuple of Block
    activation : {"elu", "relu"}
    norm : bool
        A batch norm after each convolution.
    frame_norm : bool
        A batch norm over the time axis of the input comes first: every frame has statistics, scale and shift.
    whole_steps : bool
        Zeros before and behind the image, up to a whole number of the cells that the poolings make of time.
    ending : {"max", "flatten", "recurrent"}
        What becomes of the last maps: the maximum of each, all their cells, or a sequence over time.
    gru : tuple of int
        Units of recurrent layers; the last gives its last state.
    dense : tuple of Dense
    block_dropout, dropout : float
        After each block, and before the output.
    """

    blocks: tuple[Block, ...]
    activation: Literal["elu", "relu"] = "elu"
    norm: bool = True
    frame_norm: bool = False
    whole_steps: bool = False
    ending: Literal["max", "flatten", "recurrent"] = "max"
    gru: tuple[int, ...] = ()
    dense: tuple[Dense, ...] = ()
    block_dropout: float = 0.0
    dropout: float = 0.0

    def padded_frames(self, frames: int) -> int:
        """Frames of the image with the zeros around it."""
        step = math.prod(block.pool[1] for block in self.blocks)
        return math.ceil(frames / step) * step if self.whole_steps else frames

    def placed(self, input_shape: tuple[int, int]) -> list[Placed]:
        """Each block where it stands.

        Raises
        ------
        AuralScopeError
            The image is too small for a kernel.
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
        """All but the output."""
        named = [
            Layer(f"conv{number}", f"block{number}.{'pool' if max(place.pool) > 1 else self.activation}", block.maps)
            for number, (block, place) in enumerate(zip(self.blocks, self.placed(input_shape), strict=True), start=1)
        ]
        named += [Layer(f"gru{number}", f"gru{number}", units) for number, units in enumerate(self.gru, start=1)]
        names = dense_names(self.dense)
        named += [Layer(name, f"{name}.{self.activation}", d.units) for name, d in zip(names, self.dense, strict=True)]
        return tuple(named)

    def build(self, n_labels: int, input_shape: tuple[int, int]) -> nn.Module:
        from auralscope.nn.architectures.networks import StackNetwork

        return StackNetwork(self, n_labels, input_shape)


@dataclass(frozen=True)
class SampleLevel:
    """Residual blocks of two convolutions with squeeze-and-excitation, on the waveform (Kim et al. 2018, sec. 2).

    Attributes
    ----------
    maps : tuple of int
        Of the strided convolution that comes first, and of each block.
    excitation : int
        How many times as wide as a block its excitation is ('amplifying ratio').
    levels : int
        The maxima of this many of the last blocks go into the dense layer together.
    """

    maps: tuple[int, ...]
    excitation: int = 16
    levels: int = 3

    @property
    def smallest(self) -> int:
        """Samples below which a block would see a single cell."""
        return int(2 * 3 ** (len(self.maps) - 1))

    def layers(self, input_shape: tuple[int, int]) -> tuple[Layer, ...]:
        """All but the output."""
        self.check(input_shape)
        first, *rest = self.maps
        blocks = (Layer(f"conv{number}", f"block{number}.pool", maps) for number, maps in enumerate(rest, start=2))
        return Layer("conv1", "block1.relu", first), *blocks, Layer("dense", "dense.relu", sum(rest[-self.levels :]))

    def check(self, input_shape: tuple[int, int]) -> None:
        """Raise what a window is too short for."""
        if input_shape[1] < self.smallest:
            raise AuralScopeError(
                f"A window of {input_shape[1]} samples is too short for this architecture; "
                f"it needs {self.smallest} (its paper has {3 ** len(self.maps)}). Take a longer window."
            )

    def build(self, n_labels: int, input_shape: tuple[int, int]) -> nn.Module:
        from auralscope.nn.architectures.networks import SampleLevelNetwork

        self.check(input_shape)
        return SampleLevelNetwork(self, n_labels)


@dataclass(frozen=True)
class Architecture:
    """An architecture of a paper.

    Attributes
    ----------
    name, title : str
    source : str
        Paper and place in it.
    family : {"spectrogram", "waveform"}
        What the network sees: an image (bins, frames), or the samples themselves, (1, samples).
    input_shape : (int, int)
        The paper's; any other that its kernels fit into will do.
    network : Stack or SampleLevel
    published : int, optional
        Parameters that the paper gives for `published_labels` labels.
    note : str
        Where the paper is silent or its figures do not follow from its text.
    """

    name: str
    title: str
    source: str
    family: Family
    input_shape: tuple[int, int]
    network: Stack | SampleLevel
    published: int | None = None
    n_labels: int = 50
    note: str = ""

    def layers(self, n_labels: int, input_shape: tuple[int, int] | None = None) -> tuple[Layer, ...]:
        """What of it can be looked at, from the input upwards."""
        return (*self.network.layers(input_shape or self.input_shape), Layer("output", "output", n_labels))

    def build(self, n_labels: int, input_shape: tuple[int, int] | None = None) -> nn.Module:
        """The untrained network: (batch, 1, bins, frames) to (batch, labels), before the last nonlinearity.

        Raises
        ------
        AuralScopeError
            The input is too small.
        """
        return self.network.build(n_labels, input_shape or self.input_shape)


def dense_names(dense: tuple[Dense, ...]) -> list[str]:
    """`dense`, or `dense1`, `dense2` where there are several."""
    return ["dense"] if len(dense) == 1 else [f"dense{number}" for number in range(1, len(dense) + 1)]
