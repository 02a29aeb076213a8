"""Measure a network on labelled windows: AUC, confusion, dead units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from auralscope.training.lightning_shim import torchmetrics

Windows = Dataset[tuple[torch.Tensor, int]] | Dataset[tuple[torch.Tensor, torch.Tensor]]


@torch.no_grad()
def outputs(network: nn.Module, windows: Windows, *, batch: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits of all windows, (windows, labels), and their labels as the data set gives them."""
    network.eval()
    logits, labels = zip(*((network(images), labels) for images, labels in DataLoader(windows, batch)), strict=True)
    return torch.cat(logits), torch.cat(labels)


def areas(scores: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Compute the area under each label's ROC curve.

    Parameters
    ----------
    scores, truth : (windows, labels) tensors
        Numbers that order the windows; zeros and ones.

    Returns
    -------
    (labels,) tensor
        NaN for a label that all windows have, or none.
    """
    found = torch.full((truth.shape[1],), torch.nan)
    for label, (score, holds) in enumerate(zip(scores.T, truth.int().T, strict=True)):
        if holds.min() != holds.max():
            found[label] = torchmetrics.functional.auroc(score, holds, "binary")
    return found


def confusion(network: nn.Module, windows: Windows, n_labels: int) -> torch.Tensor:
    """Count windows by true label (rows) and predicted label (columns): (labels, labels)."""
    counts: torch.Tensor = torchmetrics.functional.confusion_matrix(
        *outputs(network, windows, batch=64), "multiclass", num_classes=n_labels
    )
    return counts


@torch.no_grad()
def dead_units(network: nn.Module, modules: Sequence[str], windows: Windows) -> Mapping[str, list[int]]:
    """Find the units of each module (dotted names) whose output is not above zero in any window."""
    highest: dict[str, torch.Tensor] = {}

    def keep_peaks(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            peaks = output.amax(tuple(axis for axis in range(output.ndim) if axis != 1))
            highest[name] = torch.maximum(highest.get(name, peaks), peaks)

        return hook

    hooks = [network.get_submodule(name).register_forward_hook(keep_peaks(name)) for name in modules]
    try:
        outputs(network, windows, batch=64)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: torch.nonzero(peaks <= 0).flatten().tolist() for name, peaks in highest.items()}
