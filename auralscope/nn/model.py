"""The contract between AuralScope and a model plugin.

Describing a model costs no torch: a plugin's `plugin.py` returns `ModelSpec`s, and only `build` imports the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from auralscope.dsp.frontends import FrontEnd


@dataclass(frozen=True)
class Layer:
    """A place in the network that can be looked at.

    Attributes
    ----------
    name : str
        What people call it: `conv1`, `gru1`, `output`.
    module : str
        Dotted name of the module whose output is the layer's. A convolution block is read after its pooling
        (Choi 2018, sec. 7.2).
    units : int
    """

    name: str
    module: str
    units: int


@dataclass(frozen=True)
class Published:
    """Weights that their authors published: fetched when they are asked for, checked, and converted once.

    Attributes
    ----------
    url : str
        Where the authors put the file.
    sha256 : str
        Of that file; nothing reads it before the hash is checked.
    size_bytes : int
    source : str
        Whose it is and what it was trained on, one sentence for people.
    convert : callable
        From the fetched file to arrays by their names in the network's `state_dict`. Its only way in may be a reader
        that runs no code from the file (h5py, safetensors).
    version : int
        The converter's; weights that an older one made are converted again.
    """

    url: str
    sha256: str
    size_bytes: int
    source: str
    convert: Callable[[Path], Mapping[str, NDArray[np.float32]]]
    version: int = 1


@dataclass(frozen=True)
class Weights:
    """Where a model's trained weights are.

    Attributes
    ----------
    file : Path, optional
        Bundled weights: safetensors, whose names are those of the network's `state_dict`.
    licence : str
        SPDX identifier, or a sentence.
    card : Path, optional
        The model card (Markdown): data, procedure, accuracy, limits.
    published : Published, optional
        In place of `file`: weights that the weight store fetches into the user's data folder.
    """

    file: Path | None
    licence: str
    card: Path | None = None
    published: Published | None = None


@dataclass(frozen=True)
class ModelSpec:
    """What a plugin says of one model.

    Attributes
    ----------
    id : str
        Unique among all plugins: lower case, digits and hyphens.
    title : str
    labels : tuple of str
        In the order of the network's outputs.
    layers : tuple of Layer
        From the input upwards.
    front_end : FrontEnd
    build : callable
        Returns the untrained network: a `torch.nn.Module` from (batch, 1, bins, frames) to (batch, labels) *before*
        the last nonlinearity, which `output` names.
    weights : Weights
    output : {"softmax", "sigmoid"}
        Classes that exclude one another, or tags that do not.
    summary : str
        One or two sentences for people who choose a model, with the source of its architecture.
    citation : str
        The paper to cite, one line.
    label_vectors : str
        Dotted name of the dense layer whose weights are the label vectors; only where tracing does not find it.
    """

    id: str
    title: str
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]
    front_end: FrontEnd
    build: Callable[[], nn.Module]
    weights: Weights
    output: Literal["softmax", "sigmoid"]
    summary: str
    citation: str = ""
    label_vectors: str = ""
