"""Convert the published weights of the CRNN from Keras' HDF5 file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auralscope.nn.architectures.keras import read_arrays

if TYPE_CHECKING:
    from pathlib import Path

    import h5py
    from numpy.typing import NDArray


def theano(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read `music_tagger_crnn_weights_theano.h5`: Keras 1 on Theano."""
    return read_arrays(path, _arrays, "the CRNN")


def _arrays(file: h5py.File) -> dict[str, NDArray[np.float32]]:
    arrays = {"output.weight": file["output/output_W"][()].T, "output.bias": file["output/output_b"][()]}
    norms = {"norm": "bn_0_freq", **{f"block{number}.norm": f"bn{number}" for number in range(1, 5)}}
    for ours, theirs in norms.items():
        arrays[f"{ours}.weight"] = file[f"{theirs}/{theirs}_gamma"][()]
        arrays[f"{ours}.bias"] = file[f"{theirs}/{theirs}_beta"][()]
        arrays[f"{ours}.running_mean"] = file[f"{theirs}/{theirs}_running_mean"][()]
        # Keras calls it 'std', but it is the variance.
        arrays[f"{ours}.running_var"] = file[f"{theirs}/{theirs}_running_std"][()]
    for number in range(1, 5):
        # Theano turns a kernel by 180 degrees before it convolves; torch does not.
        arrays[f"block{number}.conv.weight"] = file[f"conv{number}/conv{number}_W"][()][:, :, ::-1, ::-1]
        arrays[f"block{number}.conv.bias"] = file[f"conv{number}/conv{number}_b"][()]
    for name in ("gru1", "gru2"):
        parts = {kind: [file[f"{name}/{name}_{kind}_{gate}"][()] for gate in "zrh"] for kind in "WUb"}
        arrays[f"{name}.input_weight"] = np.concatenate(parts["W"], axis=1).T
        arrays[f"{name}.recurrent_weight"] = np.concatenate(parts["U"], axis=1).T
        arrays[f"{name}.bias"] = np.concatenate(parts["b"])
    return arrays
