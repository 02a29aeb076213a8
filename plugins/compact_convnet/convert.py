"""The published weights of the compact-convnet, from Keras' HDF5 files to the names of the network here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from auralscope.errors import WeightsError

STATISTICS = Path(__file__).with_name("thesis-statistics.safetensors")
"""Means and variances of the batch norms of `weights_theano.hdf5`, which itself has none (see the card)."""

Arrays = dict[str, NDArray[np.float32]]


def model_best(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """`model_best.hdf5`: Keras 2 on TensorFlow, kernels as (height, width, in, out)."""
    return _read(path, _model_best)


def thesis(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """`weights_theano.hdf5`: Keras 1 on Theano, kernels as (out, in, height, width), for true convolutions.

    The batch norms are of Keras' 'mode 2', which has no statistics of its own: those that this project took.
    """
    from safetensors.numpy import load_file

    statistics: Arrays = load_file(STATISTICS)
    return _read(path, _thesis) | statistics


def _read(path: Path, layout: Callable[[h5py.File], Arrays]) -> Arrays:
    try:
        with h5py.File(path) as file:
            arrays = layout(file)
    except OSError as failure:
        raise WeightsError(f"{path} is no HDF5 file, or a damaged one: {failure}.") from failure
    except KeyError as failure:
        raise WeightsError(f"{path} does not hold a compact-convnet: {failure}.") from failure
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}


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
        # Theano turns a kernel round before it slides it; torch does not.
        arrays[f"{block}.conv.weight"] = layers[f"convolution2d_{number}_W"][()][:, :, ::-1, ::-1]
        arrays[f"{block}.conv.bias"] = layers[f"convolution2d_{number}_b"][()]
        arrays[f"{block}.norm.weight"] = layers[f"batchnormalization_{number}_gamma"][()]
        arrays[f"{block}.norm.bias"] = layers[f"batchnormalization_{number}_beta"][()]
    return arrays
