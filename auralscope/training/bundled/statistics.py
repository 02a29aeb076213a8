"""Statistics for batch norms that were published without any: taken once, over thirty varied pieces, and kept.

Keras 1 has a 'mode 2', in which a batch norm always uses the mean and the variance of the batch at hand. Such a network
gives a clip other tags in other company, and by itself nearly the same as any other. A batch that is varied enough
stands for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors.torch import save
from torch import Tensor, nn

from auralscope import registry
from auralscope.errors import TrainingError
from auralscope.files import write_aside
from auralscope.training.bundled.tagged import TaggedCorpus, TaggedItem, plan
from auralscope.training.synthesis.arranger import arrange
from auralscope.training.synthesis.styles import STYLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MODEL = "compact-convnet-thesis"
EACH = 2
"""Pieces of each style."""


def varied(each: int = EACH) -> list[TaggedItem]:
    """So many pieces of each style: the first seeds from 0 on that give it, the sound fonts taking turns."""
    found: dict[str, list[TaggedItem]] = {style: [] for style in STYLES}
    for item in plan({"train": 100 * len(found)}):
        pieces = found[arrange(item.seed).style]
        if len(pieces) < each:
            pieces.append(item)
        if all(len(pieces) == each for pieces in found.values()):
            break
    return [item for pieces in found.values() for item in pieces]


def batch_statistics(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Means and variances of every batch norm, each below another already normalised by its own.

    Parameters
    ----------
    network : torch.nn.Module
        Keeps them, and comes back in evaluation mode.
    images : (batch, 1, bins, frames) tensor

    Returns
    -------
    dict of str to Tensor
        `running_mean` and `running_var` by their names in the network's `state_dict`. The variance is that of the
        batch itself, as Keras has it, not an estimate of a larger population's.
    """
    norms = {name: module for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}

    def take(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        norm.running_var, norm.running_mean = torch.var_mean(given[0], dim=(0, 2, 3), correction=0)

    # Just before a norm is at work, with all below it done.
    hooks = [norm.register_forward_pre_hook(take) for norm in norms.values()]
    try:
        with torch.no_grad():
            network.eval()(images)
    finally:
        for hook in hooks:
            hook.remove()
    kept = network.state_dict()
    return {f"{name}.{part}": kept[f"{name}.{part}"] for name in norms for part in ("running_mean", "running_var")}


def write_statistics(
    weights: Path,
    out: Path,
    cache: Path,
    font_folders: Sequence[Path] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Compose and render the pieces and write the statistics of `compact-convnet-thesis` as safetensors.

    Parameters
    ----------
    weights : Path
        The published file.
    out : Path
    cache : Path
        Rendered sound is kept here, and taken from here.
    font_folders : sequence of Path
    progress : callable
        Called with the pieces that are rendered and how many there are to render.
    """
    spec = registry.find_spec(MODEL)
    if spec.weights.published is None:
        raise TrainingError(f"The model '{MODEL}' has no published weights to take statistics for.")
    network = spec.build()
    arrays = spec.weights.published.convert(weights)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    items = varied()
    corpus = TaggedCorpus(items, cache, spec.front_end.sample_rate, font_folders)
    corpus.render(progress)
    windows = [torch.from_numpy(spec.front_end.window(corpus.load(item))) for item in items]
    images = torch.stack([spec.front_end.analyse(window).image for window in windows])[:, None]
    write_aside(out, save(batch_statistics(network, images)))
