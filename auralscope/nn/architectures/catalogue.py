"""List the architectures of the tagging papers, with the sizes that the papers print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auralscope.nn.architectures.described import ALL, Block, Dense, SampleLevel, Stack
from auralscope.nn.model import Layer

if TYPE_CHECKING:
    from torch import nn

Family = Literal["spectrogram", "waveform"]


@dataclass(frozen=True)
class Architecture:
    """Architecture of a paper.

    Attributes
    ----------
    name, title : str
    source : str
        Paper, and section or table.
    family : {"spectrogram", "waveform"}
        Input of the network: an image (bins, frames), or samples, (1, samples).
    input_shape : (int, int)
        The paper's; any other that is large enough for the kernels will do.
    network : Stack or SampleLevel
    published : int, optional
        Number of parameters that the paper states.
    n_labels : int
        The paper's.
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
        """Return the layers, from the input upwards.

        Parameters
        ----------
        n_labels : int
        input_shape : (int, int), optional
            Bins and frames; the paper's unless given.

        Returns
        -------
        tuple of Layer

        Raises
        ------
        AuralScopeError
            The input is too small.
        """
        return (*self.network.layers(input_shape or self.input_shape), Layer("output", "output", n_labels))

    def build(self, n_labels: int, input_shape: tuple[int, int] | None = None) -> nn.Module:
        """Build the untrained network.

        Parameters
        ----------
        n_labels : int
        input_shape : (int, int), optional
            Bins and frames; the paper's unless given.

        Returns
        -------
        torch.nn.Module
            From (batch, 1, bins, frames) to (batch, labels), before the last nonlinearity.

        Raises
        ------
        AuralScopeError
            The input is too small.
        """
        from auralscope.nn.architectures.networks import build

        return build(self.network, n_labels, input_shape or self.input_shape)


MSD_INPUT = (96, 1366)
"""Mel bands and frames of 29.12 s at 12 kHz, hop 256: the input of the tagging papers."""

FCN = "Choi, Fazekas & Sandler 2016, 'Automatic tagging using deep convolutional neural networks' (ISMIR)"
SIZES = (
    "Choi, Fazekas, Sandler & Cho 2017, 'Convolutional recurrent neural networks ...' (ICASSP); Choi 2018, table 4-A"
)

NOMINAL = {"0.1m": 100_000, "0.25m": 250_000, "0.5m": 500_000, "1m": 1_000_000, "3m": 3_000_000}

# Widths for each nominal size (Choi 2018, table 4-A).
K1C2 = ((15, 30), (23, 47), (33, 66), (47, 95), (81, 163))
K2C1 = ((43, 87), (72, 145), (106, 212), (152, 304), (265, 535))
K2C2 = ((20, 41, 62, 83), (33, 66, 100, 133), (47, 95, 142, 190), (67, 135, 203, 271), (118, 236, 355, 473))
CRNN = ((30, 60), (48, 96), (68, 137), (96, 195), (169, 339))


PLACES = {3: "sec. 4", 4: "table 1"}


def _fcn(depth: int) -> Architecture:
    """Describe FCN-3 to 7; FCN-6 and 7 are FCN-5 with more convolutions, of a single cell."""
    blocks = {
        3: (Block(256, (3, 5)), Block(768, (4, 16)), Block(2048, (8, 17))),
        4: (Block(128, (2, 4)), Block(384, (4, 5)), Block(768, (3, 8)), Block(2048, (4, 8))),
    }
    five = (
        Block(128, (2, 4)),
        Block(256, (2, 4)),
        Block(512, (2, 4)),
        Block(1024, (3, 5)),
        Block(2048, (4, 4)),
    )
    chosen = blocks.get(depth) or five + (Block(1024, kernel=(1, 1)),) * (depth - 5)
    return Architecture(
        name=f"fcn-{depth}",
        title=f"FCN-{depth}",
        source=f"{FCN}, {PLACES.get(depth, 'table 2')}",
        family="spectrogram",
        input_shape=MSD_INPUT,
        network=Stack(chosen, activation="relu", block_dropout=0.5),
    )


def _sized(name: str, title: str, size: int, network: Stack, note: str = "") -> Architecture:
    label, nominal = list(NOMINAL.items())[size]
    return Architecture(
        name=f"{name}-{label}",
        title=f"{title}, {nominal / 1e6:g} million parameters",
        source=SIZES,
        family="spectrogram",
        input_shape=MSD_INPUT,
        network=network,
        published=nominal,
        note=note,
    )


def _k1c2(size: int) -> Architecture:
    narrow, wide = K1C2[size]
    network = Stack(
        (
            Block(narrow, (1, 4), (1, 4)),
            Block(narrow, (1, 5), (1, 4)),
            Block(wide, (1, 8), (1, 4)),
            Block(wide, (1, 8), (1, 4)),
        ),
        frame_norm=True,
        ending="flatten",
        dense=(Dense(wide), Dense(wide)),
    )
    return _sized("k1c2", "k1c2", size, network, "1x4 kernels, as the text has them, make fewer than the table says")


def _k2c1(size: int) -> Architecture:
    narrow, wide = K2C1[size]
    network = Stack(
        (
            Block(narrow, (1, 4), (ALL, 4)),
            Block(narrow, (1, 4), (1, 4)),
            Block(narrow, (1, 4), (1, 4)),
            Block(wide, (1, 5), (1, 4)),
            Block(wide, (1, 4), (1, 4)),
        ),
        frame_norm=True,
        ending="flatten",
        dense=(Dense(wide), Dense(wide)),
    )
    return _sized("k2c1", "k2c1", size, network)


def _k2c2(size: int) -> Architecture:
    first, second, third, fourth = K2C2[size]
    pools = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4))
    widths = (first, second, second, third, fourth)
    blocks = tuple(Block(maps, pool) for maps, pool in zip(widths, pools, strict=True))
    return _sized("k2c2", "k2c2", size, Stack(blocks, frame_norm=True))


def _crnn(size: int) -> Architecture:
    first, rest = CRNN[size]
    network = Stack(
        (Block(first, (2, 2)), Block(rest, (3, 3)), Block(rest, (4, 4)), Block(rest, (4, 4))),
        frame_norm=True,
        whole_steps=True,
        ending="recurrent",
        gru=(first, first),
        block_dropout=0.1,
        dropout=0.3,
    )
    return _sized("crnn", "CRNN", size, network)


CATALOGUE = (
    Architecture(
        name="dieleman-2014",
        title="1-D convnet",
        source="Dieleman & Schrauwen 2014, 'End-to-end learning for music audio' (ICASSP), sec. 3",
        family="spectrogram",
        input_shape=(128, 188),
        network=Stack(
            (Block(32, (1, 4), (ALL, 8), padding=False), Block(32, (1, 4), (1, 8), padding=False)),
            activation="relu",
            norm=False,
            ending="flatten",
            dense=(Dense(100),),
            dropout=0.5,
        ),
        note="input: 3 s at 16 kHz, hop 256",
    ),
    *(_fcn(depth) for depth in range(3, 8)),
    *(make(size) for make in (_k1c2, _k2c1, _k2c2, _crnn) for size in range(len(NOMINAL))),
    Architecture(
        name="sample-cnn",
        title="Sample-level CNN 3^9",
        source="Lee, Park, Kim & Nam 2017, 'Sample-level deep convolutional neural networks ...' (SMC), table 1",
        family="waveform",
        input_shape=(1, 59_049),
        network=Stack(
            (
                Block(128, kernel=(1, 3), stride=(1, 3), padding=False),
                *(Block(maps, (1, 3), (1, 3)) for maps in (128, 128, *(256,) * 6, 512)),
                Block(512, kernel=(1, 1)),
            ),
            activation="relu",
            dropout=0.5,
        ),
        published=1_900_000,
        note="the paper counts kernels and biases, not batch norms",
    ),
    Architecture(
        name="sample-rese-2",
        title="Sample-level CNN, ReSE-2",
        source="Kim, Lee & Nam 2018, 'Sample-level CNN architectures for music auto-tagging ...' (ICASSP), sec. 2",
        family="waveform",
        input_shape=(1, 59_049),
        network=SampleLevel((128, 128, 128, *(256,) * 6, 512)),
        note="a dense unit is traced back through the last of the three levels",
    ),
    Architecture(
        name="compact-convnet",
        title="compact-convnet",
        source="Choi 2018 (PhD thesis), sec. 2.4; first in Choi et al. 2017, 'Transfer learning for music ...' (ISMIR)",
        family="spectrogram",
        input_shape=(96, 1360),
        network=Stack(tuple(Block(32, pool) for pool in ((2, 4), (3, 4), (2, 5), (2, 4), (4, 4)))),
        note="poolings of the published file; those of thesis table 2-B do not fit 96 bands (product 256)",
    ),
    Architecture(
        name="genre-convnet",
        title="Genre convnet",
        source="Choi 2018 (PhD thesis), sec. 7.2.4",
        family="spectrogram",
        input_shape=(257, 173),
        network=Stack(
            tuple(Block(64, (2, 2)) for _ in range(5)),
            activation="relu",
            norm=False,
            ending="flatten",
            dense=(Dense(128),),
            dropout=0.5,
        ),
        n_labels=3,
    ),
)
