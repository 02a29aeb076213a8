"""Steps: the calls into torch that a tape records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from auralscope.nn.tape.pooling import Unpooling


def shown_name(module: str) -> str:
    """Return the dotted name of a module for a message."""
    return module or "(the network itself)"


@dataclass(frozen=True, eq=False)
class Step:
    """One call into torch.

    Attributes
    ----------
    function, args, kwargs
        The function, and its arguments as they were given.
    output : Tensor or tuple
        The function's result.
    unpooling : Unpooling or None
        The switches of a max pooling; None for every other function.
    module : str
        Dotted name of the module that made the call.
    varying : tuple of bool
        For each tensor in the arguments, whether it depends on the image; the others are constants.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any
    unpooling: Unpooling | None
    module: str
    varying: tuple[bool, ...]

    @property
    def name(self) -> str:
        """Name of the function, for messages."""
        return getattr(self.function, "__name__", str(self.function))

    @property
    def where(self) -> str:
        """Name of the module that made the call, for messages."""
        return shown_name(self.module)

    @property
    def source(self) -> Tensor:
        """The first tensor in the arguments."""
        return next(self.tensors())

    def tensors(self) -> Iterator[Tensor]:
        """Iterate over the tensors in the arguments, lists included."""
        yield from tensors_in(self.args)
        yield from tensors_in(self.kwargs)

    def varying_tensors(self) -> list[Tensor]:
        """Return the tensors in the arguments that depend on the image."""
        return [tensor for tensor, varies in zip(self.tensors(), self.varying, strict=True) if varies]

    def arguments(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the arguments that were given, by name; `names` are those of the positional ones."""
        return {**dict(zip(names, self.args, strict=False)), **self.kwargs}

    def repeat(self, replaced: Mapping[int, Any]) -> Any:
        """Call the function again with some tensors, given by their `id`, replaced."""
        return self.function(*substitute(self.args, replaced), **substitute(dict(self.kwargs), replaced))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Iterate over the tensors in a value, lists and mappings included."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)


def substitute(value: Any, replaced: Mapping[int, Any]) -> Any:
    """Return a value in which some tensors, given by their `id`, are replaced."""
    if isinstance(value, Tensor):
        return replaced.get(id(value), value)
    if isinstance(value, (tuple, list)):
        items = (substitute(item, replaced) for item in value)
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)  # a named tuple has fields
    if isinstance(value, dict):
        return {key: substitute(item, replaced) for key, item in value.items()}
    return value
