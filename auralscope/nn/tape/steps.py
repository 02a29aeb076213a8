"""One call into torch, as a tape writes it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """One call into torch.

    Attributes
    ----------
    function, args, kwargs
        The call, as it was made.
    output : Tensor or tuple
        What it gave.
    saved : object
        What the function's rule kept for the way back: a pooling's switches.
    module : str
        Dotted name of the module that was at work.
    varying : tuple of bool
        Of each of the step's tensors: whether it depends on the image, or is a constant.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any
    saved: Any
    module: str
    varying: tuple[bool, ...]

    def tensors(self) -> Iterator[Tensor]:
        """The tensors it was given, in order, also those in lists."""
        yield from tensors_in(self.args)
        yield from tensors_in(self.kwargs)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, also those in lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)


def substitute(value: Any, replaced: Mapping[int, Any]) -> Any:
    """A value with some of its tensors, by their `id`, replaced."""
    if isinstance(value, Tensor):
        return replaced.get(id(value), value)
    if isinstance(value, (tuple, list)):
        return type(value)(substitute(item, replaced) for item in value)
    if isinstance(value, dict):
        return {key: substitute(item, replaced) for key, item in value.items()}
    return value


def first_input(step: Step) -> Tensor:
    """The first tensor that a step was given."""
    return next(step.tensors())


def bound(step: Step, names: tuple[str, ...]) -> dict[str, Any]:
    """The step's arguments by name, as far as they were given."""
    return {**dict(zip(names, step.args, strict=False)), **step.kwargs}


def each(value: int | tuple[int, ...] | list[int], n: int) -> tuple[int, ...]:
    """An argument such as a stride, given once or axis by axis: one value an axis."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * n if len(values) == 1 else values
