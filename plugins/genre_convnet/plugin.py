"""Plugin with the genre convnet (Choi 2018, sec. 7.2.4)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.architectures import architecture
from auralscope.nn.model import ModelSpec, Weights

HERE = Path(__file__).parent

GENRES = ("ballad", "dance", "hip-hop")

FRONT_END = SpectrogramFrontEnd(sample_rate=11_025, n_fft=512, hop=256, window_samples=4 * 11_025, compression="log")

NETWORK = architecture("genre-convnet")


@hookimpl
def auralscope_models() -> list[ModelSpec]:
    """Return one model: `genre-convnet`."""
    return [
        ModelSpec(
            id="genre-convnet",
            title="Genre convnet",
            labels=GENRES,
            layers=NETWORK.layers(len(GENRES)),
            front_end=FRONT_END,
            build=partial(NETWORK.build, len(GENRES)),
            weights=Weights(file=HERE / "genre-convnet.safetensors", licence="MIT", card=HERE / "MODEL_CARD.md"),
            output="softmax",
            trained_on="synthesised music",
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
