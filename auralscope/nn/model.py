"""The contract between AuralScope and a model plugin.

Describing a model needs no torch: a plugin returns `ModelSpec`s, and only `ModelSpec.build` imports the network.
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
    """Layer of a network whose units can be displayed and auralised.

    Attributes
    ----------
    name : str
        Name for people: `conv1`, `gru1`, `output`.
    module : str
        Dotted name of the module whose output is the layer's. For a convolution block, this is its pooling
        (Choi 2018, sec. 7.2).
    units : int
        Number of feature maps of a convolution, or of values of a dense or recurrent layer.
    """

    name: str
    module: str
    units: int


@dataclass(frozen=True)
class Published:
    """Weights published by their authors, which are downloaded on request, checked, and converted once.

    Attributes
    ----------
    url : str
        Address of the authors' file.
    sha256 : str
        Hash of the file, which is checked before the file is read.
    size_bytes : int
        Size of the file.
    source : str
        Authors and training data, one sentence for people.
    convert : callable
        Takes the path of the file and returns arrays by their names in the network's `state_dict`. It may only use
        readers that run no code from the file (h5py, safetensors).
    version : int
        Version of `convert`; weights converted by another version count as not installed.
    """

    url: str
    sha256: str
    size_bytes: int
    source: str
    convert: Callable[[Path], Mapping[str, NDArray[np.float32]]]
    version: int = 1


@dataclass(frozen=True)
class Weights:
    """Location of a model's trained weights.

    Attributes
    ----------
    file : Path, optional
        Bundled weights in a safetensors file, by their names in the network's `state_dict`.
    licence : str
        SPDX identifier, or a sentence.
    card : Path, optional
        The model card (Markdown): data, procedure, accuracy, limits.
    published : Published, optional
        Weights to download into the user's data folder, in place of `file`.
    """

    file: Path | None
    licence: str
    card: Path | None = None
    published: Published | None = None


@dataclass(frozen=True)
class ModelSpec:
    """Description of one model.

    Attributes
    ----------
    id : str
        Identifier, unique among all plugins: lower case, digits and hyphens.
    title : str
        Name for people.
    labels : tuple of str
        Labels in the order of the network's outputs.
    layers : tuple of Layer
        Layers in their order from the input upwards.
    front_end : FrontEnd
        Computes the network's input from sound.
    build : callable
        Returns the untrained network: a `torch.nn.Module` from (batch, 1, bins, frames) to (batch, labels) *before*
        the last nonlinearity, which `output` names.
    weights : Weights
        Location and licence of the trained weights.
    output : {"softmax", "sigmoid"}
        The last nonlinearity: softmax for classes that exclude one another, sigmoid for tags.
    summary : str
        One or two sentences for people who choose a model, with the source of its architecture.
    citation : str
        The paper to cite, one line.
    label_vectors : str
        Dotted name of the dense layer whose weights are the label vectors; needed only if tracing does not find it.
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
