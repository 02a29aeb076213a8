"""The published weights of the CRNN, from Keras' HDF5 file to the names of the network here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np

from auralscope.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def theano(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """`music_tagger_crnn_weights_theano.h5`: Keras 1 on Theano."""
    try:
        with h5py.File(path) as file:
            arrays = _arrays(file)
    except OSError as failure:
        raise WeightsError(f"{path} is no HDF5 file, or a damaged one: {failure}.") from failure
    except KeyError as failure:
        raise WeightsError(f"{path} does not hold the CRNN: {failure}.") from failure
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}


def _arrays(file: h5py.File) -> dict[str, NDArray[np.float32]]:
    arrays = {"output.weight": file["output/output_W"][()].T, "output.bias": file["output/output_b"][()]}
    norms = {"norm": "bn_0_freq", **{f"block{number}.norm": f"bn{number}" for number in range(1, 5)}}
    for ours, theirs in norms.items():
        arrays[f"{ours}.weight"] = file[f"{theirs}/{theirs}_gamma"][()]
        arrays[f"{ours}.bias"] = file[f"{theirs}/{theirs}_beta"][()]
        arrays[f"{ours}.running_mean"] = file[f"{theirs}/{theirs}_running_mean"][()]
        # The name is Keras': what is stored is the variance.
        arrays[f"{ours}.running_var"] = file[f"{theirs}/{theirs}_running_std"][()]
    for number in range(1, 5):
        # Theano turns a kernel round before it slides it; torch does not.
        arrays[f"block{number}.conv.weight"] = file[f"conv{number}/conv{number}_W"][()][:, :, ::-1, ::-1]
        arrays[f"block{number}.conv.bias"] = file[f"conv{number}/conv{number}_b"][()]
    for name in ("gru1", "gru2"):
        parts = {kind: [file[f"{name}/{name}_{kind}_{gate}"][()] for gate in "zrh"] for kind in "WUb"}
        arrays[f"{name}.input_weight"] = np.concatenate(parts["W"], axis=1).T
        arrays[f"{name}.recurrent_weight"] = np.concatenate(parts["U"], axis=1).T
        arrays[f"{name}.bias"] = np.concatenate(parts["b"])
    return arrays
