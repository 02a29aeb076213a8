"""The weight store: where trained weights are, whether they are there, and reading them safely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from auralscope.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn

    from auralscope.nn.model import ModelSpec

State = Literal["bundled", "missing"]


def state(spec: ModelSpec) -> State:
    """Whether a model's weights are here."""
    return "bundled" if spec.weights.file.is_file() else "missing"


def load_into(network: nn.Module, spec: ModelSpec) -> None:
    """Give a network its trained weights.

    Raises
    ------
    WeightsError
        The file is not there, is damaged, or is another network's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = spec.weights.file
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
