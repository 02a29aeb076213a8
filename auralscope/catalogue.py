"""List the models of this run's registry, and load one by its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auralscope import weights
from auralscope.nn.model import DEFAULT_MODEL, build_network
from auralscope.registry import Plugin, registry

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model
    from auralscope.nn.model import Layer, ModelSpec


@dataclass(frozen=True)
class ModelInfo:
    """Description of a model in a list of models.

    Attributes
    ----------
    id, plugin, title : str
        `plugin` is the name of the plugin that contains the model.
    labels : tuple of str
    layers : tuple of Layer
        Each with its number of units.
    front_end : str
        The input of the network, in one line.
    sample_rate : int
        In Hz.
    window_s : float
        Duration of the network's input, in seconds.
    parameters : int or None
        Number of parameters of the network; None unless requested, or if its plugin cannot build the network.
    weights : {"bundled", "installed", "available", "missing"}
    source : str
        Publisher of the weights.
    url : str
        Address of published weights; empty for weights that come with the plugin.
    size_bytes : int or None
        Size of the published file.
    licence : str
        Licence of the weights.
    summary, citation : str
    trained_on : str
        Data on which the weights were trained.
    scope : str
        What the model can answer: its number of classes or tags, and `trained_on`.
    recommended : bool
        Whether the model suits recordings of music of all kinds.
    """

    id: str
    plugin: str
    title: str
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]
    front_end: str
    sample_rate: int
    window_s: float
    parameters: int | None
    weights: weights.State
    source: str
    url: str
    size_bytes: int | None
    licence: str
    summary: str
    citation: str
    trained_on: str
    scope: str
    recommended: bool


def models(*, count_parameters: bool = False) -> list[ModelInfo]:
    """List the models of all plugins that work.

    Parameters
    ----------
    count_parameters : bool
        Fill in `ModelInfo.parameters`, which builds each network with torch.

    Returns
    -------
    list of ModelInfo
    """
    return [
        _info(plugin, spec, _parameters(spec) if count_parameters else None)
        for plugin in registry().plugins
        for spec in plugin.models
    ]


def _info(plugin: Plugin, spec: ModelSpec, parameters: int | None) -> ModelInfo:
    published = spec.weights.published
    return ModelInfo(
        id=spec.id,
        plugin=plugin.name,
        title=spec.title,
        labels=spec.labels,
        layers=spec.layers,
        front_end=spec.front_end.describe(),
        sample_rate=spec.front_end.sample_rate,
        window_s=spec.front_end.window_s,
        parameters=parameters,
        weights=weights.state(spec),
        source=published.source if published else f"comes with {plugin.origin}",
        url=published.url if published else "",
        size_bytes=published.size_bytes if published else None,
        licence=spec.weights.licence,
        summary=spec.summary,
        citation=spec.citation,
        trained_on=spec.trained_on,
        scope=spec.scope,
        recommended=spec.recommended,
    )


def _parameters(spec: ModelSpec) -> int | None:
    """Count the parameters of a network on the meta device, which allocates no memory."""
    import torch

    try:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in spec.build().parameters())
    except Exception:  # noqa: BLE001 - foreign code must not hide the other models
        return None


def first_model(last: str = "") -> str:
    """Return the model with which the window opens: the last one used, a recommended one, or the default.

    Parameters
    ----------
    last : str
        Id of the model that was used last; empty if there is none.

    Returns
    -------
    str
        Id of a model whose weights are on this machine, or `DEFAULT_MODEL`.
    """
    here = [spec for spec in registry().models if weights.state(spec) in weights.HERE]
    if any(spec.id == last for spec in here):
        return last
    return next((spec.id for spec in here if spec.recommended), DEFAULT_MODEL)


def load_model(model_id: str, *, device: str = "auto") -> Model:
    """Build a model's network, load its weights, and move it to a device.

    Parameters
    ----------
    model_id : str
        One of the ids that `models` lists.
    device : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1", "mps".

    Returns
    -------
    Model

    Raises
    ------
    UnknownNameError
        There is no such model.
    WeightsError
        The weights are missing or do not fit the network.
    PluginError
        The plugin cannot build the network.
    DeviceError
        There is no such device.
    """
    from auralscope.nn.batches import choose_device
    from auralscope.nn.loaded import Model

    known = registry()
    spec = known.find(model_id)
    known.install()
    where = choose_device(device)
    network = build_network(spec)
    weights.load_into(network, spec)
    return Model(spec, network, where)
