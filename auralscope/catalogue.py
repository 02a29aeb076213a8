"""List the models of this run's registry, and load one by its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auralscope import weights
from auralscope.registry import Plugin, registry

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model
    from auralscope.nn.model import Layer, ModelSpec


@dataclass(frozen=True)
class ModelInfo:
    """What there is to choose from, one entry a model.

    Attributes
    ----------
    id, plugin, title : str
        `plugin` is the one that brings it.
    labels : tuple of str
    layers : tuple of Layer
        With the number of units of each.
    front_end : str
        What the network sees, in one line.
    sample_rate : int
        In Hz, of the sound that the network is given.
    window_s : float
        How much of it.
    parameters : int or None
        How many numbers the network learned; None unless asked for, and where its plugin cannot build it.
    weights : {"bundled", "installed", "available", "missing"}
    source : str
        Whose weights they are.
    url : str
        Where they were published; empty for those that come with the plugin.
    size_bytes : int or None
        Of what was published.
    licence : str
        Of the weights.
    summary, citation : str
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


def models(*, count_parameters: bool = False) -> list[ModelInfo]:
    """Every model of every plugin that works.

    Parameters
    ----------
    count_parameters : bool
        Counting takes building each network, for which torch is imported.
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
    )


def _parameters(spec: ModelSpec) -> int | None:
    """Count them; on the meta device, where they take no memory and no time."""
    import torch

    try:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in spec.build().parameters())
    except Exception:  # noqa: BLE001 - a stranger's code: the others are listed all the same
        return None


def load_model(model_id: str, *, device: str = "auto") -> Model:
    """Build a model's network, give it its weights and put it on a device.

    Parameters
    ----------
    model_id : str
    device : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    UnknownNameError
        No such model.
    WeightsError
        Its weights are missing or do not fit.
    DeviceError
        No such device here.
    """
    from auralscope.nn.loaded import Model, choose_device

    known = registry()
    spec = known.find(model_id)
    known.install()
    where = choose_device(device)
    network = spec.build()
    weights.load_into(network, spec)
    return Model(spec, network, where)
