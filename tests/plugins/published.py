"""Where the published weights of our plugins lie among the shared references, and the models with them."""

from __future__ import annotations

from pathlib import Path

import torch

from auralscope.nn.inspection import Model
from auralscope.registry import Registry

FILES = {
    "compact-convnet-msd": "compact_convnet/model_best.hdf5",
    "compact-convnet-thesis": "compact_convnet/weights_theano.hdf5",
    "crnn-msd": "crnn/music_tagger_crnn_weights_theano.h5",
}


def file_of(shared: Path, model_id: str) -> Path:
    """The published file of a model."""
    return shared / "reference" / FILES[model_id]


def load(shared: Path, model_id: str, device: str = "cpu") -> Model:
    """A model with its published weights, without the weight store."""
    spec = Registry().find(model_id)
    network = spec.build()
    arrays = spec.weights.published.convert(file_of(shared, model_id))
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True)
    return Model(spec, network, torch.device(device))
