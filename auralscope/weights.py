"""Trained weights: where they are, whether they are there, and reading them safely.

Fetching those that are not there is the business of `store`.
"""

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
"""Comes with the plugin; fetched and converted; to be fetched; should have come with the plugin and is not there."""

HERE: tuple[State, ...] = ("bundled", "installed")
"""States of a model that can be loaded."""


def file_of(spec: ModelSpec) -> Path:
    """The safetensors file that a model's weights are read from, there or not."""
    return spec.weights.file or user_folder("weights") / f"{spec.id}.safetensors"


def state(spec: ModelSpec) -> State:
    """Whether a model's weights are here.

    Fetched weights count only while they are what the plugin asks for today: made from the file with the hash that it
    names, by the version of its converter. Others are fetched again.
    """
    file, published = file_of(spec), spec.weights.published
    if spec.weights.file is not None or published is None:
        return "bundled" if file.is_file() else "missing"
    return "installed" if _made_from(file) == made_from(published) else "available"


MARK = "made_from"
"""A single entry in a converted file's header: where there are several, their order in the file is left to chance."""


def made_from(published: Published) -> str:
    """What a converted file says of itself under `MARK`."""
    return f"{published.sha256.lower()}, converter {published.version}"


def _made_from(file: Path) -> str:
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return ""
    try:
        with safe_open(file, framework="numpy") as opened:
            return str((opened.metadata() or {}).get(MARK, ""))
    except (SafetensorError, OSError):
        return ""  # half a file, or none of ours


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
    """Put tensors into a network, all of them and no others.

    Raises
    ------
    WeightsError
        They are another network's; `where` says in the sentence where they come from.
    """
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as failure:
        raise WeightsError(f"The weights in {where} are not those of '{spec.id}': its network differs.") from failure
