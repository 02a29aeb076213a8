"""The genre convnet as AuralScope sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Weights

if TYPE_CHECKING:
    from torch import nn

HERE = Path(__file__).parent

GENRES = ("ballad", "dance", "hip-hop")

FRONT_END = SpectrogramFrontEnd(sample_rate=11_025, n_fft=512, hop=256, window_samples=4 * 11_025, compression="log")

LAYERS = (
    *(Layer(f"conv{number}", f"block{number}.pool", 64) for number in range(1, 6)),
    Layer("dense", "dense.relu", 128),
    Layer("output", "output", len(GENRES)),
)


def build() -> nn.Module:
    """The untrained network."""
    from genre_convnet.network import GenreConvnet

    return GenreConvnet(n_labels=len(GENRES))


@hookimpl
def auralscope_models() -> list[ModelSpec]:
    """One model: `genre-convnet`."""
    return [
        ModelSpec(
            id="genre-convnet",
            title="Genre convnet",
            labels=GENRES,
            layers=LAYERS,
            front_end=FRONT_END,
            build=build,
            weights=Weights(file=HERE / "genre-convnet.safetensors", licence="MIT", card=HERE / "MODEL_CARD.md"),
            output="softmax",
            summary=(
                "Ballad, dance or hip-hop from four seconds of STFT: five blocks of 3x3 convolution with 64 maps "
                "each (Choi 2018, sec. 7.2.4), trained on music that this project synthesised."
            ),
            citation=(
                "K. Choi: Deep Neural Networks for Music Tagging. PhD thesis, Queen Mary University of London, 2018. "
                "Sec. 7.2.4"
            ),
        )
    ]
