"""The weight store: where trained weights are, whether they are there, and reading them safely."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from auralscope.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn

    from auralscope.nn.model import ModelSpec

State = Literal["bundled", "installed", "available", "missing"]


def folder() -> Path:
    """Where fetched weights lie; `AURALSCOPE_WEIGHTS` in the environment overrides it."""
    override = os.environ.get("AURALSCOPE_WEIGHTS")
    if override:
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_data_dir("auralscope", appauthor=False)) / "weights"


def file_of(spec: ModelSpec) -> Path:
    """The safetensors file that a model's weights are read from, there or not."""
    return spec.weights.file or folder() / f"{spec.id}.safetensors"


def state(spec: ModelSpec) -> State:
    """Whether a model's weights are here."""
    here = file_of(spec).is_file()
    if spec.weights.file is not None:
        return "bundled" if here else "missing"
    return "installed" if here else "available"


def load_into(network: nn.Module, spec: ModelSpec) -> None:
    """Give a network its trained weights.

    Raises
    ------
    WeightsError
        The file is not there, is damaged, or is another network's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = file_of(spec)
    if not file.is_file():
        raise WeightsError(f"The weights of '{spec.id}' are missing: {file} is not there. Reinstall the plugin.")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as failure:
        raise WeightsError(f"The weights of '{spec.id}' in {file} cannot be read: {failure}.") from failure
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as failure:
        raise WeightsError(f"The weights in {file} are not those of '{spec.id}': its network differs.") from failure
