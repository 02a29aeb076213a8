"""The state of a fit after an epoch: one safetensors file, never half-written, with nothing in it to unpickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from auralscope.errors import FileError
from auralscope.files import quoted, write_aside

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Figures:
    """What is known after some epochs, of the best of them but for `epochs`, `waited` and `training_losses`."""

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
    """Where a fit can go on from.

    Attributes
    ----------
    figures : Figures
    network, best : mapping of str to tensor
        Weights after the last epoch, and those of the best.
    optimiser : mapping of int to mapping of str to tensor
        What the optimiser holds for each parameter.
    """

    figures: Figures
    network: Tensors
    best: Tensors
    optimiser: dict[int, Tensors]

    def write(self, file: Path) -> None:
        """Write it whole, or not at all."""
        tensors = {f"network/{name}": value for name, value in self.network.items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        for number, held in self.optimiser.items():
            tensors |= {f"optimiser/{number}/{name}": value for name, value in held.items()}
        plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        write_aside(file, save(plain, {"figures": json.dumps(asdict(self.figures))}))


def read(file: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    FileError
        The file is none.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            said: dict[str, Any] = json.loads((opened.metadata() or {})["figures"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
        said["training_losses"] = tuple(said["training_losses"])
        figures = Figures(**{field.name: said[field.name] for field in fields(Figures)})
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as failure:
        raise FileError(
            f"{quoted(file)} is not the state of an unfinished training; delete it to start anew."
        ) from failure
    optimiser: dict[int, Tensors] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser/"):
            _, number, kind = name.split("/")
            optimiser.setdefault(int(number), {})[kind] = value
    return Checkpoint(figures, _under("network/", tensors), _under("best/", tensors), optimiser)


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
