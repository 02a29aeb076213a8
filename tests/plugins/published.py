"""Published weights of the bundled plugins among the shared references, and the models with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import auralscope as asc
from auralscope.download import get
from auralscope.registry import find_spec

if TYPE_CHECKING:
    from pathlib import Path

    from auralscope.nn.loaded import Model

FILES = {
    "compact-convnet-msd": "compact_convnet/model_best.hdf5",
    "compact-convnet-thesis": "compact_convnet/weights_theano.hdf5",
    "crnn-msd": "crnn/music_tagger_crnn_weights_theano.h5",
}


def file_of(shared: Path, model_id: str) -> Path:
    """Return the published file of a model."""
    return shared / "reference" / FILES[model_id]


def load(shared: Path, model_id: str, device: str = "cpu") -> Model:
    """Return a model with its published weights, installed by the weight store."""
    get(find_spec(model_id), file_of(shared, model_id))
    return asc.load_model(model_id, device=device)
