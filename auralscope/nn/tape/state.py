"""State: run a network in evaluation mode and leave it as it was."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from auralscope.nn.tape.steps import tensors_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auralscope.nn.tape.values import Values


@contextmanager
def preserved(network: nn.Module, values: Values) -> Iterator[None]:
    """Set a network to evaluation mode; restore its modes, buffers and attributes in the end.

    Some networks keep state from one call to the next: a recurrent layer its last step, a layer a count or a cache.
    Buffers, attributes that hold tensors, and lists and dictionaries of them are restored, also after an error.
    Recorded `values` in the memory of a restored tensor stay as they are.
    """
    modules = list(network.modules())
    attributes = [dict(vars(module)) for module in modules]
    containers = [_contents(value) for held in attributes for value in held.values() if isinstance(value, dict | list)]
    tensors = [
        (tensor, tensor._version, tensor.clone())
        for held in attributes
        for tensor in tensors_in(list(held.values()))
        if not isinstance(tensor, nn.Parameter) and not tensor.is_inference()
    ]
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, held in zip(modules, attributes, strict=True):
            vars(module).clear()
            vars(module).update(held)
        for container, content in containers:
            container.clear()
            container.update(content) if isinstance(container, dict) else container.extend(content)
        for tensor, version, content in tensors:
            if tensor._version != version:
                values.keep(tensor)
                tensor.copy_(content)


def _contents(container: dict[Any, Any] | list[Any]) -> tuple[Any, Any]:
    return container, container.copy()
