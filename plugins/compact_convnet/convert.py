"""Convert the published weights of the compact-convnet from Keras' HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.nn.architectures.keras import read_arrays

if TYPE_CHECKING:
    import h5py
    import numpy as np
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]

NETWORK = "a compact-convnet"
STATISTICS = Path(__file__).with_name("thesis-statistics.safetensors")
"""Means and variances for the batch norms of `weights_theano.hdf5`, which stores none (see the model card)."""


def model_best(path: Path) -> Arrays:
    """Read `model_best.hdf5`: Keras 2 on TensorFlow, kernels as (height, width, in, out)."""
    return read_arrays(path, _model_best, NETWORK)


def thesis(path: Path) -> Arrays:
    """Read `weights_theano.hdf5`: Keras 1 on Theano, kernels as (out, in, height, width), turned by 180 degrees.

    Its batch norms are of Keras' 'mode 2', which stores no statistics; those of this project are added.
    """
    from safetensors.numpy import load_file

    statistics: Arrays = load_file(STATISTICS)
    return read_arrays(path, _thesis, NETWORK) | statistics


def _model_best(file: h5py.File) -> Arrays:
    layers = file["model_weights"]
    dense = layers["dense_1/dense_1"]
    arrays = {"output.weight": dense["kernel:0"][()].T, "output.bias": dense["bias:0"][()]}
    for number in range(1, 6):
        block = f"block{number}"
        convolution = layers[f"conv2d_{number}/conv2d_{number}"]
        norm = layers[f"batch_normalization_{number}/batch_normalization_{number}"]
        arrays[f"{block}.conv.weight"] = convolution["kernel:0"][()].transpose(3, 2, 0, 1)
        arrays[f"{block}.conv.bias"] = convolution["bias:0"][()]
        arrays[f"{block}.norm.weight"] = norm["gamma:0"][()]
        arrays[f"{block}.norm.bias"] = norm["beta:0"][()]
        arrays[f"{block}.norm.running_mean"] = norm["moving_mean:0"][()]
        arrays[f"{block}.norm.running_var"] = norm["moving_variance:0"][()]
    return arrays


def _thesis(file: h5py.File) -> Arrays:
    layers, dense = file["ConvBNEluDr"], file["dense_1"]
    arrays = {"output.weight": dense["dense_1_W"][()].T, "output.bias": dense["dense_1_b"][()]}
    for number in range(1, 6):
        block = f"block{number}"
        # Theano turns a kernel by 180 degrees before it convolves; torch does not.
        arrays[f"{block}.conv.weight"] = layers[f"convolution2d_{number}_W"][()][:, :, ::-1, ::-1]
        arrays[f"{block}.conv.bias"] = layers[f"convolution2d_{number}_b"][()]
        arrays[f"{block}.norm.weight"] = layers[f"batchnormalization_{number}_gamma"][()]
        arrays[f"{block}.norm.bias"] = layers[f"batchnormalization_{number}_beta"][()]
    return arrays
