"""The contract between AuralScope and a model plugin.

Describing a model needs no torch: a plugin returns `ModelSpec`s, and only `ModelSpec.build` imports the network.
"""

from __future__ import annotations

import math
import re
import reprlib
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from auralscope.errors import AuralScopeError, PluginError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from auralscope.dsp.frontends import FrontEnd


DEFAULT_MODEL = "genre-convnet"
"""Model of the commands unless another is named, and of the window where no recommended one is installed."""


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
    trained_on : str
        Data on which the weights were trained, in a few words: "synthesised music", "the Million Song Dataset".
    recommended : bool
        Whether the model suits recordings of music of all kinds. The window opens with such a model if its weights are
        installed, and otherwise offers to get them.
    label_vectors : str
        Dotted name of the dense layer whose weights are the label vectors; needed only if tracing does not find it.
    returned : str, int or None
        Key or position of the labels' logits, if the network returns a dictionary or a tuple; without it, the first
        tensor (batch, labels) is taken, and a message says so.
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
    trained_on: str = ""
    recommended: bool = False
    label_vectors: str = ""
    returned: str | int | None = None

    @property
    def scope(self) -> str:
        """Scope of the answers, shown beside the scores: "knows 3 classes, trained on synthesised music"."""
        kind = "class" if self.output == "softmax" else "tag"
        plural = "" if len(self.labels) == 1 else "es" if kind == "class" else "s"
        knows = f"knows {len(self.labels)} {kind}{plural}"
        return f"{knows}, trained on {self.trained_on}" if self.trained_on else knows


def build_network(spec: ModelSpec) -> nn.Module:
    """Build the untrained network of a model.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    PluginError
        The plugin's function fails, or returns something else.
    """
    from torch import nn

    try:
        network = spec.build()
    except AuralScopeError:
        raise
    except Exception as failure:
        words = f"{type(failure).__name__}: {one_line(failure)}"
        raise PluginError(f"The network of '{spec.id}' cannot be built: {words}") from failure
    if not isinstance(network, nn.Module):
        raise PluginError(f"The network of '{spec.id}' cannot be built: its function returned {_short(network)}.")
    return network


ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_NAME, MAX_TEXT = 200, 5000
"""Limits of the length of a name and of a text, in characters."""

MAX_LABELS, MAX_LAYERS, MAX_UNITS, MAX_CELLS = 20_000, 2000, 1_000_000, 100_000_000
"""Limits of sizes; a cell is a value of the input image."""


def check_spec(spec: ModelSpec) -> None:
    """Check the description of a model, which a plugin or a file has made.

    Parameters
    ----------
    spec : ModelSpec

    Raises
    ------
    PluginError
        A field breaks the contract; the message names the model and the field.
    """
    if not (isinstance(spec.id, str) and len(spec.id) <= MAX_NAME and ID.fullmatch(spec.id)):
        raise PluginError(f"the model id {_short(spec.id)} is not lower case, digits and hyphens")
    try:
        for problem in _problems(spec):
            raise PluginError(f"the model '{spec.id}' {problem}")
    except PluginError:
        raise
    except Exception as failure:  # properties of a front end are foreign code
        words = f"{type(failure).__name__}: {one_line(failure)}"
        raise PluginError(f"the model '{spec.id}' has a front_end that fails: {words}") from failure


def _problems(spec: Any) -> Iterator[str]:
    """Yield what is wrong with a description, field by field."""
    for field in ("title", "summary", "citation", "trained_on", "label_vectors"):
        value = getattr(spec, field)
        if not _is_text(value, MAX_TEXT) or (field == "title" and not value.strip()):
            yield f"has the {field} {_short(value)}, which is not a text of at most {MAX_TEXT} characters"
    labels, layers = spec.labels, spec.layers
    if not isinstance(labels, tuple | list) or not isinstance(layers, tuple | list):
        yield "has labels or layers that are not a tuple"
    if not labels or not layers:
        yield "names no labels or no layers"
    if len(labels) > MAX_LABELS or len(layers) > MAX_LAYERS:
        yield f"has {len(labels):,} labels and {len(layers):,} layers; at most {MAX_LABELS:,} and {MAX_LAYERS:,} can be"
    for label in labels:
        if not (_is_text(label, MAX_NAME) and label.strip()):
            yield f"has the label {_short(label)} among its labels, which is not a text of 1 to {MAX_NAME} characters"
    if len(set(labels)) < len(labels):
        yield f"names a label twice: {_short(next(label for label in labels if labels.count(label) > 1))} in labels"
    for layer in layers:
        if not isinstance(layer, Layer):
            yield f"has {_short(layer)} among its layers, which is not a Layer"
        if not (_is_text(layer.name, MAX_NAME) and layer.name.strip() and _is_text(layer.module, MAX_TEXT)):
            yield f"has a layer with the name {_short(layer.name)} and the module {_short(layer.module)}"
        if type(layer.units) is not int or not 0 < layer.units <= MAX_UNITS:
            yield f"has {_short(layer.units)} units in the layer {_short(layer.name)}; a number of 1 or more is needed"
    if len({layer.name for layer in layers}) < len(layers):
        yield "names a layer twice"
    if spec.output not in ("softmax", "sigmoid"):
        yield f"has the output {_short(spec.output)}, which is neither 'softmax' nor 'sigmoid'"
    if not isinstance(spec.recommended, bool):
        yield f"has {_short(spec.recommended)} as recommended, which is neither True nor False"
    if spec.returned is not None and type(spec.returned) not in (str, int):
        yield f"has the returned {_short(spec.returned)}, which is neither a key nor a position"
    if not callable(spec.build):
        yield f"has the build {_short(spec.build)}, which is not a function"
    if not isinstance(spec.weights, Weights) or not _is_text(spec.weights.licence, MAX_TEXT):
        yield "has weights that are not a Weights with a licence"
    yield from _problems_of_front_end(spec.front_end)


def _problems_of_front_end(front_end: Any) -> Iterator[str]:
    from auralscope.dsp.frontends import FrontEnd

    if not isinstance(front_end, FrontEnd):
        yield f"has the front_end {_short(front_end)}, which is not a FrontEnd"
    needed, others = ("sample_rate", "window_samples"), ("n_fft", "hop", "n_mels")
    sizes: dict[str, Any] = {name: getattr(front_end, name, None) for name in (*needed, *others)}
    for name, value in sizes.items():
        if (value is not None or name in needed) and (not isinstance(value, Integral) or int(value) < 1):
            yield f"has a front_end whose {name} is {_short(value)}; a whole number of 1 or more is needed"
    n_fft, n_mels = sizes["n_fft"], sizes["n_mels"]
    if n_fft and n_mels and n_mels > n_fft // 2 + 1:
        yield f"has a front_end with {n_mels} mel bands, more than the {n_fft // 2 + 1} bins of its n_fft {n_fft}"
    shape = tuple(front_end.input_shape)
    if len(shape) != 2 or not all(isinstance(size, Integral) and int(size) > 0 for size in shape):
        yield f"has a front_end whose input_shape is {_short(shape)}, not (bins, frames)"
    if math.prod(shape) > MAX_CELLS:
        yield f"has a front_end whose input_shape {shape} is larger than {MAX_CELLS:,} cells"
    if not 0.0 < float(front_end.hop_s) < math.inf:
        yield f"has a front_end whose hop_s is {_short(front_end.hop_s)}"
    if not _is_text(front_end.describe(), MAX_TEXT):
        yield "has a front_end that does not describe itself in a line of text"


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and value.isprintable()


def _short(value: object) -> str:
    return reprlib.repr(value)
