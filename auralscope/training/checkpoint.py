"""Weights and the state of an unfinished fit as safetensors files, which need no unpickling."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from auralscope.errors import FileError, WeightsError
from auralscope.files import quoted, write_aside
from auralscope.weights import read_header

Tensors = dict[str, torch.Tensor]


def export(network: nn.Module, file: Path) -> None:
    """Write the weights of a network under the names of its `state_dict`, whole or not at all."""
    _write(file, network.state_dict())


@dataclass(frozen=True)
class Figures:
    """Figures after some epochs: `best` to `auc` are those of the best epoch, `waited` counts the epochs after it."""

    epochs: int
    best_epoch: int
    best: float
    loss: float
    score: float
    auc: float
    waited: int
    training_losses: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State from which a fit can continue.

    Attributes
    ----------
    figures : Figures
    network, best : mapping of str to tensor
        Weights of the last and of the best epoch.
    optimiser : mapping of int to mapping of str to tensor
        State of the optimiser for each parameter.
    """

    figures: Figures
    network: Tensors
    best: Tensors
    optimiser: dict[int, Tensors]

    def write(self, file: Path) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"network/{name}": value for name, value in self.network.items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        for number, held in self.optimiser.items():
            tensors |= {f"optimiser/{number}/{name}": value for name, value in held.items()}
        _write(file, tensors, {"figures": json.dumps(asdict(self.figures))})


def read(file: Path) -> Checkpoint:
    """Read the state of a fit.

    Raises
    ------
    FileError
        The file cannot be read, or is not the state of a fit.
    """
    parts: dict[str, Tensors] = {"network": {}, "best": {}}
    optimiser: dict[int, Tensors] = {}
    try:
        values: dict[str, Any] = json.loads(read_header(file).metadata["figures"])
        values["training_losses"] = tuple(values["training_losses"])
        figures = Figures(**{field.name: values[field.name] for field in fields(Figures)})
        with safe_open(file, framework="pt") as opened:
            for key in opened.keys():  # noqa: SIM118 - not a mapping
                part, _, name = key.partition("/")
                if part == "optimiser":
                    number, _, name = name.partition("/")
                    optimiser.setdefault(int(number), {})[name] = opened.get_tensor(key)
                else:
                    parts[part][name] = opened.get_tensor(key)
    except (SafetensorError, WeightsError, OSError, KeyError, ValueError, TypeError) as failure:
        raise FileError(
            f"{quoted(file)} is not the state of an unfinished training; delete it to start anew."
        ) from failure
    return Checkpoint(figures, parts["network"], parts["best"], optimiser)


def _write(file: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> None:
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    # `save_file` would make files that only their owner can read.
    write_aside(file, save(plain, metadata))
