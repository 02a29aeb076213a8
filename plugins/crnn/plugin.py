"""Plugin with the CRNN taggers (Choi et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from auralscope.dsp.melgrams import SquaredMelgram, StandardisedMelgram
from auralscope.hookspecs import hookimpl
from auralscope.nn.architectures import Architecture, Block, Stack
from auralscope.nn.architectures.tags import MSD_TAGS, SYNTHESISED_TAGS
from auralscope.nn.model import ModelSpec, Published, Weights
from crnn.convert import theano

HERE = Path(__file__).parent

MSD_FRONT_END = SquaredMelgram(sample_rate=12_000, n_fft=512, hop=256, window_samples=349_440, n_mels=96)
MSD_NETWORK = Architecture(
    name="crnn-msd",
    title="CRNN as published",
    source="Choi, Fazekas, Sandler & Cho 2017 (ICASSP); weights of 2016",
    family="spectrogram",
    input_shape=MSD_FRONT_END.input_shape,
    network=Stack(
        (Block(64, (2, 2)), Block(128, (3, 3)), Block(128, (4, 4)), Block(128, (4, 4))),
        frame_norm=True,
        whole_steps=True,
        ending="recurrent",
        gru=(32, 32),
        recurrence="keras",
        block_dropout=0.1,
        dropout=0.3,
    ),
)

# The window is a quarter of the published one, in eight steps of a second, so that the tags are those of the current
# passage. Training windows are cut and altered at random, so a little dropout is enough.
OWN_FRONT_END = StandardisedMelgram(sample_rate=12_000, n_fft=1024, hop=512, window_samples=8 * 12_000, n_mels=96)
OWN_NETWORK = replace(
    MSD_NETWORK,
    name="crnn",
    input_shape=OWN_FRONT_END.input_shape,
    network=Stack(
        tuple(Block(48, pool) for pool in ((2, 2), (3, 2), (2, 3), (2, 2))),
        whole_steps=True,
        ending="recurrent",
        gru=(64, 64),
        recurrence="keras",
        dropout=0.1,
    ),
)

PAPER = (
    "K. Choi, G. Fazekas, M. Sandler, K. Cho: Convolutional recurrent neural networks for music classification. "
    "ICASSP 2017. arXiv:1609.04243"
)

OWN = ModelSpec(
    id="crnn",
    title="CRNN",
    labels=SYNTHESISED_TAGS,
    layers=OWN_NETWORK.layers(len(SYNTHESISED_TAGS)),
    front_end=OWN_FRONT_END,
    build=partial(OWN_NETWORK.build, len(SYNTHESISED_TAGS)),
    weights=Weights(file=HERE / "crnn.safetensors", licence="MIT", card=HERE / "crnn.md"),
    output="sigmoid",
    trained_on="synthesised music",
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
    layers=MSD_NETWORK.layers(len(MSD_TAGS)),
    front_end=MSD_FRONT_END,
    build=partial(MSD_NETWORK.build, len(MSD_TAGS)),
    weights=Weights(
        file=None,
        licence="MIT",
        card=HERE / "crnn-msd.md",
        published=Published(
            url="https://raw.githubusercontent.com/keunwoochoi/music-auto_tagging-keras/master/data/music_tagger_crnn_weights_theano.h5",
            sha256="783d8198417fd5d6ceee551dea5ec3e7f0210ec743af4819172b5c943044081c",
            size_bytes=1_649_664,
            source="Keunwoo Choi, music-auto_tagging-keras (2016), trained on the Million Song Dataset",
            convert=theano,
        ),
    ),
    output="sigmoid",
    trained_on="the Million Song Dataset",
    recommended=True,
    summary=(
        "50 tags (genre, mood, era, instruments) from 29.12 seconds of mel spectrogram: four blocks of 3x3 "
        "convolution, then two recurrent layers over time (Choi et al. 2017), as its authors published it."
    ),
    citation=PAPER,
)


@hookimpl
def auralscope_models() -> list[ModelSpec]:
    """Return the project's `crnn`, and the published `crnn-msd`."""
    return [OWN, MSD]
