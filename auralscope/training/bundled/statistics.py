"""Compute statistics for batch norms that were published without any, from thirty varied pieces.

In the 'mode 2' of Keras 1, a batch norm always uses the mean and variance of the current batch. The tags of a clip then
depend on the other clips of the batch, and hardly differ between clips that are tagged alone. Fixed statistics of a
varied batch replace those of the current one.
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
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODEL = "compact-convnet-thesis"
EACH = 2
"""Number of pieces of each style."""


def varied(each: int = EACH) -> list[TaggedItem]:
    """List `each` pieces of each style: its lowest seeds, the sound fonts taking turns."""
    found: dict[str, list[TaggedItem]] = {style: [] for style in STYLES}
    for item in plan({"train": 100 * len(found)}):
        pieces = found[arrange(item.seed).style]
        if len(pieces) < each:
            pieces.append(item)
        if all(len(pieces) == each for pieces in found.values()):
            break
    return [item for pieces in found.values() for item in pieces]


def batch_statistics(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Compute mean and variance at every batch norm, with the norms before it already applied.

    Parameters
    ----------
    network : torch.nn.Module
        Gets the statistics, and is left in evaluation mode.
    images : (batch, 1, bins, frames) tensor

    Returns
    -------
    dict of str to Tensor
        `running_mean` and `running_var` by their names in the network's `state_dict`. The variance is that of the
        batch, as in Keras, not the unbiased estimate.
    """
    norms = {name: module for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}

    def take(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        norm.running_var, norm.running_mean = torch.var_mean(given[0], dim=(0, 2, 3), correction=0)

    # A hook runs before its norm, when all norms before it have their statistics.
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
    progress: Progress = no_progress,
) -> None:
    """Write the statistics of `compact-convnet-thesis` as safetensors.

    Parameters
    ----------
    weights : Path
        The published file.
    out : Path
    cache : Path
        Folder of rendered sound.
    font_folders : sequence of Path
    progress : callable
        Called with the finished share of the rendering.
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
