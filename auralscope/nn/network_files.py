"""Networks in files: read TorchScript and exported programs without running code of the file."""

from __future__ import annotations

import sys
import threading
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from auralscope.errors import AuralScopeError, FileError, one_line
from auralscope.files import quoted, require_file
from auralscope.nn.tape.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

EXPORT = "torch.export.save(torch.export.export(network.eval(), (image,)), 'network.pt2')"
"""The call that makes a file that can be read."""


def load_network(path: str | Path) -> nn.Module:
    """Read a network from a file of TorchScript (`.pt`) or of an exported program (`.pt2`).

    Parameters
    ----------
    path : str or Path
        A file written by `torch.jit.save` or `torch.export.save`. Pickles are refused, because they can run any code.

    Returns
    -------
    torch.nn.Module
        On the CPU. Its modules have the names of the network that was scripted, traced or exported.

    Raises
    ------
    FileError
        The file cannot be read, or is of another kind; the message says how to convert it.
    NetworkError
        The scripted network uses something that cannot be run step by step.
    """
    file = Path(path)
    require_file(file)
    kind = _kind(file)
    try:
        if kind == "scripted":
            return Scripted(torch.jit.load(file, map_location="cpu"))  # type: ignore[no-untyped-call]
        if kind == "exported":
            with _no_code_of_pickles(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own, about deprecated parts of its format
                return torch.export.unflatten(torch.export.load(file))
    except AuralScopeError:
        raise
    except Exception as failure:  # damaged files fail in many ways
        raise FileError(
            f"{quoted(file)} cannot be read as a network: {one_line(failure)[:300]} Save it again with {EXPORT}."
        ) from failure
    raise FileError(f"{quoted(file)} cannot be read as a network: it holds {kind}")


def _kind(file: Path) -> str:
    """Return "scripted", "exported", or a sentence about another kind of file."""
    if file.suffix == ".onnx":
        return f"ONNX, which is not read. Save the PyTorch network with {EXPORT}."
    if file.suffix == ".safetensors":
        return f"weights without a network. Load them into your network, then save it with {EXPORT}."
    names = zipfile.ZipFile(file).namelist() if zipfile.is_zipfile(file) else []
    if any("/code/" in name for name in names):
        return "scripted"
    if any(name.endswith("serialized_exported_program.json") or "/models/" in name for name in names):
        return "exported"
    try:
        torch.load(file, map_location="meta", weights_only=True)
    except Exception:  # noqa: BLE001 - any failure says the same: not weights
        return (
            "a pickled object or no network at all. A pickle can run any code, so it is not read. Where the network "
            f"was made, save it with {EXPORT}."
        )
    return f"weights without a network. Load them into your network, then save it with {EXPORT}."


_reading = threading.local()
_hooked = threading.Event()


@contextmanager
def _no_code_of_pickles() -> Iterator[None]:
    """Refuse pickles that name a class or function, which torch would load from the archive of a program."""
    if not _hooked.is_set():
        sys.addaudithook(_refuse_code)
        _hooked.set()
    _reading.now = True
    try:
        yield
    finally:
        _reading.now = False


def _refuse_code(event: str, args: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and getattr(_reading, "now", False):
        raise FileError(
            f"The file holds a pickle that calls '{args[0]}.{args[1]}', which can run any code, so it is not read."
        )
