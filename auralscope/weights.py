"""Find the weights of a model and load them safely. `auralscope.download` fetches published weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from auralscope.errors import WeightsError
from auralscope.files import size_words, user_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from auralscope.nn.model import ModelSpec, Published

State = Literal["bundled", "installed", "available", "missing"]
"""Part of the plugin; fetched and converted; not fetched yet; missing from the plugin."""

HERE: tuple[State, ...] = ("bundled", "installed")
"""States of a model that can be loaded."""


def file_of(spec: ModelSpec) -> Path:
    """Return the path of a model's safetensors file, which may not exist."""
    return spec.weights.file or user_folder("weights") / f"{spec.id}.safetensors"


def state(spec: ModelSpec) -> State:
    """Return whether a model's weights can be loaded, or must be fetched.

    Fetched weights are "installed" only if they were made from the published file whose hash the plugin names, by the
    plugin's version of the converter. Otherwise they must be fetched again.
    """
    file, published = file_of(spec), spec.weights.published
    if spec.weights.file is not None or published is None:
        return "bundled" if file.is_file() else "missing"
    return "installed" if _made_from(file) == made_from(published) else "available"


MARK = "made_from"
"""The only entry in a converted file's header: safetensors would write several entries in an arbitrary order."""


def made_from(published: Published) -> str:
    """Return the entry `MARK` of a converted file: the hash of its source and the version of the converter."""
    return f"{published.sha256.lower()}, converter {published.version}"


def _made_from(file: Path) -> str:
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return ""
    try:
        with safe_open(file, framework="numpy") as opened:
            return str((opened.metadata() or {}).get(MARK, ""))
    except (SafetensorError, OSError):
        return ""  # incomplete, or another program's file


def load_into(network: nn.Module, spec: ModelSpec) -> None:
    """Load a model's trained weights into its network.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = file_of(spec)
    here = state(spec)
    if here == "missing":
        raise WeightsError(f"The weights of '{spec.id}' are missing: {file} is not there. Reinstall the plugin.")
    if here == "available" and spec.weights.published is not None:
        wrong = "cannot be used: damaged, or converted by another version" if file.is_file() else "are not here yet"
        raise WeightsError(
            f"The weights of '{spec.id}' {wrong}. 'auralscope weights get {spec.id}' fetches them "
            f"({size_words(spec.weights.published.size_bytes)})."
        )
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as failure:
        raise WeightsError(f"The weights of '{spec.id}' in {file} cannot be read: {failure}.") from failure
    fit(network, tensors, spec, str(file))


def fit(network: nn.Module, tensors: Mapping[str, Tensor], spec: ModelSpec, where: str) -> None:
    """Load tensors into a network.

    Parameters
    ----------
    network : torch.nn.Module
    tensors : mapping of str to Tensor
        All entries of the network's `state_dict`, and no others.
    spec : ModelSpec
    where : str
        Source of the tensors in the error message.

    Raises
    ------
    WeightsError
        The tensors do not fit the network.
    """
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as failure:
        raise WeightsError(f"The weights in {where} are not those of '{spec.id}': its network differs.") from failure
