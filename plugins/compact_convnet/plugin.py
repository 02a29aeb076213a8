"""Plugin with the compact-convnet taggers (Choi 2018, sec. 2.4)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from auralscope.dsp.melgrams import RelativeMelgram, StandardisedMelgram
from auralscope.hookspecs import hookimpl
from auralscope.nn.architectures import Architecture, Block, Stack, architecture
from auralscope.nn.architectures.tags import MSD_TAGS, SYNTHESISED_TAGS
from auralscope.nn.model import ModelSpec, Published, Weights
from compact_convnet.convert import model_best, thesis

HERE = Path(__file__).parent

FRONT_END = StandardisedMelgram(sample_rate=12_000, n_fft=512, hop=256, window_samples=29 * 12_000, n_mels=96)
THESIS_FRONT_END = RelativeMelgram(sample_rate=12_000, n_fft=512, hop=256, window_samples=29 * 12_000, n_mels=96)
# Thesis table 2-B prints poolings whose product along frequency is 256, more than the 96 mel bands. They cannot be
# built; those of the published files, which the catalogue has, end in one cell.
NETWORK = architecture("compact-convnet")

# The window is a quarter of the published one, so that the tags are those of the current passage. The resolution in
# frequency is twice as high, for the bass, and later poolings in time keep the rhythm.
OWN_FRONT_END = StandardisedMelgram(sample_rate=12_000, n_fft=1024, hop=512, window_samples=8 * 12_000, n_mels=96)
OWN_NETWORK: Architecture = replace(
    NETWORK,
    input_shape=OWN_FRONT_END.input_shape,
    network=Stack(tuple(Block(48, pool) for pool in ((2, 2), (3, 2), (2, 3), (2, 4), (4, 3)))),
)

TRANSFER_PAPER = (
    "K. Choi, G. Fazekas, M. Sandler, K. Cho: Transfer learning for music classification and regression tasks. "
    "ISMIR 2017. arXiv:1703.09179"
)
THESIS = "K. Choi: Deep Neural Networks for Music Tagging. PhD thesis, Queen Mary University of London, 2018. Sec. 2.4"

OWN = ModelSpec(
    id="compact-convnet",
    title="Compact-convnet",
    labels=SYNTHESISED_TAGS,
    layers=OWN_NETWORK.layers(len(SYNTHESISED_TAGS)),
    front_end=OWN_FRONT_END,
    build=partial(OWN_NETWORK.build, len(SYNTHESISED_TAGS)),
    weights=Weights(file=HERE / "compact-convnet.safetensors", licence="MIT", card=HERE / "compact-convnet.md"),
    output="sigmoid",
    trained_on="synthesised music",
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
    layers=NETWORK.layers(len(MSD_TAGS)),
    front_end=FRONT_END,
    build=partial(NETWORK.build, len(MSD_TAGS)),
    weights=Weights(
        file=None,
        licence="no licence stated by its author",
        card=HERE / "compact-convnet-msd.md",
        published=Published(
            url="https://raw.githubusercontent.com/keunwoochoi/transfer_learning_music/master/keras2_model/model_best.hdf5",
            sha256="b5042bd44de1fdd9d757b764d9246e6934f47c8bdc5c15bf13566495f3439d48",
            size_bytes=1_545_360,
            source="Keunwoo Choi, transfer_learning_music (2017), trained on the Million Song Dataset",
            convert=model_best,
        ),
    ),
    output="sigmoid",
    trained_on="the Million Song Dataset",
    recommended=True,
    summary=(
        "50 tags (genre, mood, era, instruments) from 29 seconds of mel spectrogram: five blocks of 3x3 convolution "
        "with 32 maps each (Choi 2018, sec. 2.4), as its author published it in 2017. Use this one for tagging."
    ),
    citation=TRANSFER_PAPER,
)

THESIS_MODEL = replace(
    MSD,
    id="compact-convnet-thesis",
    title="Compact-convnet (thesis)",
    front_end=THESIS_FRONT_END,
    weights=Weights(
        file=None,
        licence="MIT",
        card=HERE / "compact-convnet-thesis.md",
        published=Published(
            url="https://raw.githubusercontent.com/keunwoochoi/music-auto_tagging-keras/master/compact_cnn/weights_theano.hdf5",
            sha256="caf89f811415691fbb245be7eef394b9cebd787d7e3f78e29695972141cf2a08",
            size_bytes=1_329_264,
            source="Keunwoo Choi, music-auto_tagging-keras (2017), trained on the Million Song Dataset",
            convert=thesis,
        ),
    ),
    recommended=False,
    summary=(
        "50 tags from 29 seconds of mel spectrogram, with the weights whose label vectors the thesis shows (Choi 2018, "
        "table 7-C). The published file has no batch norm statistics; this project computed some, so the tags differ "
        "slightly from its author's."
    ),
    citation=THESIS,
)


@hookimpl
def auralscope_models() -> list[ModelSpec]:
    """Return the project's `compact-convnet`, and the published `compact-convnet-msd` and `compact-convnet-thesis`."""
    return [OWN, MSD, THESIS_MODEL]
