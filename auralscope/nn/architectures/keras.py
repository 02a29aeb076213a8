"""Read weights from the HDF5 files of Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auralscope.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import h5py
    import numpy as np
    from numpy.typing import NDArray


def read_arrays(
    path: Path, convert: Callable[[h5py.File], dict[str, NDArray[np.float32]]], network: str
) -> dict[str, NDArray[np.float32]]:
    """Read a network's weights from an HDF5 file.

    Parameters
    ----------
    path : Path
        The file.
    convert : callable
        Takes the open file; returns arrays, each shaped as the network's parameter, by their names in `state_dict`.
    network : str
        Name of the network, for messages.

    Returns
    -------
    dict of str to float32 array
        Each shaped as the network's parameter.

    Raises
    ------
    WeightsError
        The file is not HDF5, is damaged, or lacks an array.
    """
    import h5py
    import numpy as np

    try:
        with h5py.File(path) as file:
            arrays = convert(file)
    except OSError as failure:
        raise WeightsError(f"{path} is no HDF5 file, or a damaged one: {failure}.") from failure
    except KeyError as failure:
        raise WeightsError(f"{path} does not hold {network}: {failure}.") from failure
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
