"""Find the weights of a model and load them safely. `auralscope.download` fetches published weights."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from auralscope.errors import WeightsError
from auralscope.files import parse_json, quoted, reason, require_file, size_words, user_folder

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from auralscope.nn.model import ModelSpec, Published

log = logging.getLogger("auralscope.nn")

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
    if not file.is_file():
        return ""
    try:
        return str(read_header(file).metadata.get(MARK, ""))
    except WeightsError:
        return ""  # incomplete, or another program's file


MAX_HEADER_BYTES = 4_000_000
MAX_TENSORS = 20_000
MAX_NAME = 500
MAX_DIMENSIONS = 8
"""Limits of a safetensors header: files of others must not take long to refuse, nor much memory."""


@dataclass(frozen=True)
class Header:
    """Header of a safetensors file: the shape of each tensor, and the file's metadata."""

    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, str]


def read_header(file: Path) -> Header:
    """Read and check the header of a safetensors file.

    Parameters
    ----------
    file : Path

    Returns
    -------
    Header

    Raises
    ------
    WeightsError
        The file is not safetensors, is cut short, or its header is larger than the weights of any network.
    FileError
        The file is a pipe, a device or a folder.
    """
    require_file(file)
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= MAX_HEADER_BYTES:
                raise ValueError(f"a header of {size_words(length)}; the largest allowed is {MAX_HEADER_BYTES:,} bytes")
            content: Any = parse_json(stream.read(length))
            n_bytes = os.fstat(stream.fileno()).st_size - 8 - length
        metadata = content.pop("__metadata__", {})
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("metadata that is not text")
        if len(content) > MAX_TENSORS:
            raise ValueError(f"{len(content):,} tensors; the largest number allowed is {MAX_TENSORS:,}")
        shapes = {}
        for name, entry in content.items():
            shape, (first, last) = tuple(entry["shape"]), entry["data_offsets"]
            if len(name) > MAX_NAME or len(shape) > MAX_DIMENSIONS:
                raise ValueError("a name that is too long, or a shape with too many dimensions")
            if not (all(type(n) is int and n >= 0 for n in (*shape, first, last)) and first <= last <= n_bytes):
                raise ValueError("shapes or positions that do not fit the file")
            shapes[name] = shape
        return Header(shapes, metadata)
    except OSError as failure:
        raise WeightsError(f"{quoted(file)} cannot be read: {reason(failure)}.") from failure
    except (ValueError, TypeError, KeyError, AttributeError) as failure:
        words = failure if type(failure) is ValueError else "no valid header"
        raise WeightsError(f"{quoted(file)} cannot be read as safetensors: it has {words}.") from failure


def load_into(network: nn.Module, spec: ModelSpec) -> None:
    """Load a model's trained weights into its network.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from auralscope.nn.tape.networks import unwrapped

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
    network = unwrapped(network)
    shapes = read_header(file).shapes
    prefix = _prefix(network, shapes)
    _check_shapes(network, {name.removeprefix(prefix): shape for name, shape in shapes.items()}, spec, quoted(file))
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as failure:
        raise WeightsError(f"The weights of '{spec.id}' in {file} cannot be read: {failure}.") from failure
    fit(network, tensors, spec, quoted(file))


def fit(network: nn.Module, tensors: Mapping[str, Tensor], spec: ModelSpec, where: str) -> None:
    """Load tensors into a network.

    Parameters
    ----------
    network : torch.nn.Module
    tensors : mapping of str to Tensor
        All entries of the network's `state_dict`, and no others. A prefix that all names have in common, such as
        `module.`, is taken off, with a message to the log `auralscope.nn`.
    spec : ModelSpec
    where : str
        Source of the tensors in the error message.

    Raises
    ------
    WeightsError
        The tensors do not fit the network, or contain NaN or infinity.
    """
    from auralscope.nn.tape.networks import unwrapped

    network = unwrapped(network)
    prefix = _prefix(network, tensors)
    if prefix:
        log.warning("The prefix '%s' of all names in %s was taken off for the network of '%s'.", prefix, where, spec.id)
    tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    for name, value in tensors.items():
        if not bool(value.isfinite().all()):
            raise WeightsError(
                f"The weights in {where} cannot be used: '{name}' of '{spec.id}' contains NaN or infinity. Train the "
                "network again, or get the weights again."
            )
    _check_shapes(network, {name: tuple(value.shape) for name, value in tensors.items()}, spec, where)
    network.load_state_dict(tensors, strict=True)


def _prefix(network: nn.Module, names: Iterable[str]) -> str:
    """Return the prefix without which some names are those of a network's tensors; empty if there is none."""
    expected, given = set(network.state_dict()), list(names)
    if not expected or not given:
        return ""
    one = min(expected)
    for name in given:
        prefix = name.removesuffix(one)
        found = {other.removeprefix(prefix) for other in given}
        if prefix.endswith(".") and found <= expected and not _missing(expected, found):
            return prefix
    return ""


def _missing(expected: Iterable[str], given: Container[str]) -> list[str]:
    """List the names that are missing. Other frameworks do not count the batches of a batch norm; torch adds that."""

    def is_added(name: str) -> bool:
        module, _, last = name.rpartition(".")
        return last == "num_batches_tracked" and f"{module}.running_mean" in given

    return [name for name in expected if name not in given and not is_added(name)]


SHOWN = 3
"""Number of names that the message about another network lists."""


def _check_shapes(network: nn.Module, shapes: Mapping[str, tuple[int, ...]], spec: ModelSpec, where: str) -> None:
    """Raise a `WeightsError` that names the first missing, unexpected and differently shaped tensors, if any."""
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    differences = {
        "missing": _missing(expected, shapes),
        "unexpected": [name for name in shapes if name not in expected],
        "of another shape": [
            f"{name} {shapes[name]}, not {shape}"
            for name, shape in expected.items()
            if name in shapes and shapes[name] != shape
        ],
    }
    parts = [
        f"{kind}: {', '.join(names[:SHOWN])}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        for kind, names in differences.items()
        if names
    ]
    if parts:
        raise WeightsError(
            f"The weights in {where} are not those of '{spec.id}': its network differs ({'; '.join(parts)}). "
            "Use the file of this model, or rename its tensors as in the network's state_dict."
        )
