"""The compact-convnet tagger (Choi 2018, sec. 2.4) as AuralScope sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.dsp.melgrams import RelativeMelgram, StandardisedMelgram
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Published, Weights
from compact_convnet.tags import MSD_TAGS, SYNTHESISED_TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

HERE = Path(__file__).parent

FRONT_END = StandardisedMelgram(sample_rate=12_000, n_fft=512, hop=256, window_samples=29 * 12_000, n_mels=96)
THESIS_FRONT_END = RelativeMelgram(sample_rate=12_000, n_fft=512, hop=256, window_samples=29 * 12_000, n_mels=96)
# A quarter of the published window: its tags are those of what one hears just now. Twice its resolution in frequency,
# for the bass; and time is pooled later, for the rhythm.
OWN_FRONT_END = StandardisedMelgram(sample_rate=12_000, n_fft=1024, hop=512, window_samples=8 * 12_000, n_mels=96)
OWN_POOLS = ((2, 2), (3, 2), (2, 3), (2, 4), (4, 3))
OWN_MAPS = 48

TRANSFER_PAPER = (
    "K. Choi, G. Fazekas, M. Sandler, K. Cho: Transfer learning for music classification and regression tasks. "
    "ISMIR 2017. arXiv:1703.09179"
)
THESIS = "K. Choi: Deep Neural Networks for Music Tagging. PhD thesis, Queen Mary University of London, 2018. Sec. 2.4"


def layers(n_labels: int, maps: int = 32) -> tuple[Layer, ...]:
    """What there is to look at in a network with so many labels and maps in each block."""
    return (
        *(Layer(f"conv{number}", f"block{number}.pool", maps) for number in range(1, 6)),
        Layer("output", "output", n_labels),
    )


def build_own() -> nn.Module:
    """The untrained network for the tags of synthesised music."""
    from compact_convnet.network import CompactConvnet

    return CompactConvnet(len(SYNTHESISED_TAGS), OWN_MAPS, pools=OWN_POOLS)


def build() -> nn.Module:
    """The untrained network for the tags of the Million Song Dataset."""
    from compact_convnet.network import CompactConvnet

    return CompactConvnet(n_labels=len(MSD_TAGS))


def convert_msd(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """Read `model_best.hdf5`; see `compact_convnet.convert`."""
    from compact_convnet.convert import model_best

    return model_best(path)


def convert_thesis(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """Read `weights_theano.hdf5`; see `compact_convnet.convert`."""
    from compact_convnet.convert import thesis

    return thesis(path)


OWN = ModelSpec(
    id="compact-convnet",
    title="Compact-convnet",
    labels=SYNTHESISED_TAGS,
    layers=layers(len(SYNTHESISED_TAGS), OWN_MAPS),
    front_end=OWN_FRONT_END,
    build=build_own,
    weights=Weights(file=HERE / "compact-convnet.safetensors", licence="MIT", card=HERE / "compact-convnet.md"),
    output="sigmoid",
    summary=(
        "Instruments, texture, tempo, manner and style from 8 seconds of mel spectrogram: five blocks of 3x3 "
        "convolution with 48 maps each (after Choi 2018, sec. 2.4), trained on music that this project synthesised."
    ),
    citation=TRANSFER_PAPER,
)

MSD = ModelSpec(
    id="compact-convnet-msd",
    title="Compact-convnet (MSD)",
    labels=MSD_TAGS,
    layers=layers(len(MSD_TAGS)),
    front_end=FRONT_END,
    build=build,
    weights=Weights(
        file=None,
        licence="no licence stated by its author",
        card=HERE / "compact-convnet-msd.md",
        published=Published(
            url="https://raw.githubusercontent.com/keunwoochoi/transfer_learning_music/master/keras2_model/model_best.hdf5",
            sha256="b5042bd44de1fdd9d757b764d9246e6934f47c8bdc5c15bf13566495f3439d48",
            size_bytes=1_545_360,
            source="Keunwoo Choi, transfer_learning_music (2017), trained on the Million Song Dataset",
            convert=convert_msd,
        ),
    ),
    output="sigmoid",
    summary=(
        "50 tags (genre, mood, era, instruments) from 29 seconds of mel spectrogram: five blocks of 3x3 convolution "
        "with 32 maps each (Choi 2018, sec. 2.4), as its author published it in 2017. The one to tag with."
    ),
    citation=TRANSFER_PAPER,
)

THESIS_MODEL = ModelSpec(
    id="compact-convnet-thesis",
    title="Compact-convnet (thesis)",
    labels=MSD_TAGS,
    layers=layers(len(MSD_TAGS)),
    front_end=THESIS_FRONT_END,
    build=build,
    weights=Weights(
        file=None,
        licence="MIT",
        card=HERE / "compact-convnet-thesis.md",
        published=Published(
            url="https://raw.githubusercontent.com/keunwoochoi/music-auto_tagging-keras/master/compact_cnn/weights_theano.hdf5",
            sha256="caf89f811415691fbb245be7eef394b9cebd787d7e3f78e29695972141cf2a08",
            size_bytes=1_329_264,
            source="Keunwoo Choi, music-auto_tagging-keras (2017), trained on the Million Song Dataset",
            convert=convert_thesis,
        ),
    ),
    output="sigmoid",
    summary=(
        "50 tags from 29 seconds of mel spectrogram, with the weights whose label vectors the thesis shows (Choi 2018, "
        "table 7-C). Its batch norms knew no statistics; this project took some and froze them, so its tags are not "
        "quite its author's."
    ),
    citation=THESIS,
)


@hookimpl
def auralscope_models() -> list[ModelSpec]:
    """Our own `compact-convnet`, and the published `compact-convnet-msd` and `compact-convnet-thesis`."""
    return [OWN, MSD, THESIS_MODEL]
