"""Networks as they are given: wrappers taken off, names of their modules, and the type of their weights."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from auralscope.errors import UnknownNameError
from auralscope.nn.tape.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

_opened: weakref.WeakKeyDictionary[nn.Module, Scripted] = weakref.WeakKeyDictionary()
"""Scripted networks that can be run step by step."""


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside wrappers: `DataParallel`, `DistributedDataParallel`, `torch.compile`, TorchScript.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    torch.nn.Module
    """
    while inner := _wrapped(network):
        network = network.get_submodule(inner)
    if isinstance(network, torch.jit.ScriptModule):
        if network not in _opened:
            _opened[network] = Scripted(network)
        return _opened[network]
    return network


def _wrapped(module: nn.Module) -> str:
    """Return the name under which a wrapper holds its network; empty for other modules."""
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return "module"
    # The class that torch.compile returns, named by its attribute: importing it takes seconds.
    return "_orig_mod" if "_orig_mod" in dict(module.named_children()) else ""


def named_modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Iterate over all modules with their dotted names, in which wrappers do not appear.

    Parameters
    ----------
    network : torch.nn.Module

    Yields
    ------
    name : str
        Empty for the network itself. A wrapper has the name of the module that it holds, and comes first.
    module : torch.nn.Module
    """
    held: dict[str, tuple[str, nn.Module]] = {}
    for path, module in network.named_modules():
        above, _, last = path.rpartition(".")
        name = path
        if path:
            parent_name, parent = held[above]
            name = parent_name if last == _wrapped(parent) else f"{parent_name}.{last}".removeprefix(".")
        held[path] = name, module
        yield name, module


def module_named(network: nn.Module, name: str) -> nn.Module:
    """Return a module by its name in `named_modules`.

    Parameters
    ----------
    network : torch.nn.Module
    name : str

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    UnknownNameError
        The network has no such module.
    """
    found = dict(named_modules(network))
    if name not in found:
        raise UnknownNameError(f"The network has no module '{name}'; it has: {', '.join(filter(None, found))}.")
    return found[name]


def in_type_of(network: nn.Module, image: Tensor) -> Tensor:
    """Return an image in the type of a network's weights.

    Parameters
    ----------
    network : torch.nn.Module
    image : tensor

    Returns
    -------
    tensor
        The image itself if some weights have its type, or if no weights are floating point.
    """
    types = [value.dtype for value in (*network.parameters(), *network.buffers()) if value.is_floating_point()]
    return image if not types or image.dtype in types else image.to(types[0])
