"""The contract between AuralScope and a model plugin.

Describing a model costs no torch: a plugin's `plugin.py` returns `ModelSpec`s, and only `build` imports the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
class Weights:
    """Where a model's trained weights are.

    Attributes
    ----------
    file : Path
        safetensors, whose names are those of the network's `state_dict`.
    licence : str
        SPDX identifier, or a sentence.
    card : Path, optional
        The model card (Markdown): data, procedure, accuracy, limits.
    """

    file: Path
    licence: str
    card: Path | None = None


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
