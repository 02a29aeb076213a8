"""The CRNN tagger (Choi et al. 2017) as AuralScope sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.dsp.melgrams import SquaredMelgram, StandardisedMelgram
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Published, Weights
from crnn.tags import MSD_TAGS, SYNTHESISED_TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

HERE = Path(__file__).parent

MSD_FRONT_END = SquaredMelgram(sample_rate=12_000, n_fft=512, hop=256, window_samples=349_440, n_mels=96)
MSD_CHANNELS = (64, 128, 128, 128)
MSD_GRU = 32
# A quarter of the published window, in eight steps of a second: its tags are those of what one hears just now.
OWN_FRONT_END = StandardisedMelgram(sample_rate=12_000, n_fft=1024, hop=512, window_samples=8 * 12_000, n_mels=96)
OWN_CHANNELS = (48, 48, 48, 48)
OWN_GRU = 64
OWN_POOLS = ((2, 2), (3, 2), (2, 3), (2, 2))

PAPER = (
    "K. Choi, G. Fazekas, M. Sandler, K. Cho: Convolutional recurrent neural networks for music classification. "
    "ICASSP 2017. arXiv:1609.04243"
)


def layers(channels: Sequence[int], gru: int, n_labels: int) -> tuple[Layer, ...]:
    """What there is to look at in a network of these widths."""
    return (
        *(Layer(f"conv{number}", f"block{number}.pool", maps) for number, maps in enumerate(channels, start=1)),
        Layer("gru1", "gru1", gru),
        Layer("gru2", "gru2", gru),
        Layer("output", "output", n_labels),
    )


def build_own() -> nn.Module:
    """The untrained network for the tags of synthesised music."""
    from crnn.network import Crnn

    return Crnn(
        len(SYNTHESISED_TAGS),
        OWN_CHANNELS,
        OWN_GRU,
        frames=OWN_FRONT_END.input_shape[1],
        pools=OWN_POOLS,
        frame_norm=False,
        dropout=(0.0, 0.1),  # windows are drawn and altered anew: there is little to learn by heart
    )


def build_msd() -> nn.Module:
    """The untrained network for the tags of the Million Song Dataset."""
    from crnn.network import Crnn

    return Crnn(len(MSD_TAGS), MSD_CHANNELS, MSD_GRU)


def convert_msd(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """Read `music_tagger_crnn_weights_theano.h5`; see `crnn.convert`."""
    from crnn.convert import theano

    return theano(path)


OWN = ModelSpec(
    id="crnn",
    title="CRNN",
    labels=SYNTHESISED_TAGS,
    layers=layers(OWN_CHANNELS, OWN_GRU, len(SYNTHESISED_TAGS)),
    front_end=OWN_FRONT_END,
    build=build_own,
    weights=Weights(file=HERE / "crnn.safetensors", licence="MIT", card=HERE / "crnn.md"),
    output="sigmoid",
    summary=(
        "Instruments, texture, tempo, manner and style from 8 seconds of mel spectrogram: four blocks of 3x3 "
        "convolution, then two recurrent layers over eight steps of a second (after Choi et al. 2017), trained on "
        "music that this project synthesised."
    ),
    citation=PAPER,
)

MSD = ModelSpec(
    id="crnn-msd",
    title="CRNN (MSD)",
    labels=MSD_TAGS,
    layers=layers(MSD_CHANNELS, MSD_GRU, len(MSD_TAGS)),
    front_end=MSD_FRONT_END,
    build=build_msd,
    weights=Weights(
        file=None,
        licence="MIT",
        card=HERE / "crnn-msd.md",
        published=Published(
            url="https://raw.githubusercontent.com/keunwoochoi/music-auto_tagging-keras/master/data/music_tagger_crnn_weights_theano.h5",
            sha256="783d8198417fd5d6ceee551dea5ec3e7f0210ec743af4819172b5c943044081c",
            size_bytes=1_649_664,
            source="Keunwoo Choi, music-auto_tagging-keras (2016), trained on the Million Song Dataset",
            convert=convert_msd,
        ),
    ),
    output="sigmoid",
    summary=(
        "50 tags (genre, mood, era, instruments) from 29.12 seconds of mel spectrogram: four blocks of 3x3 "
        "convolution, then two recurrent layers over time (Choi et al. 2017), as its authors published it."
    ),
    citation=PAPER,
)


@hookimpl
def auralscope_models() -> list[ModelSpec]:
    """Our own `crnn`, and the published `crnn-msd`."""
    return [OWN, MSD]
