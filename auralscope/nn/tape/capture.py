"""Capture: record one forward pass of a network, step by step.

A tape records every call into torch, by a module or by a plain function in a `forward`, so it works with any network.
The network is not changed: the hooks that report the current module are removed when the recording ends, also after an
error.
"""

from __future__ import annotations

import sys
import weakref
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from auralscope.errors import IncompleteRecordingError, InputError, NetworkError, UnknownNameError, one_line
from auralscope.nn.batches import is_out_of_memory
from auralscope.nn.tape.calls import plain_call
from auralscope.nn.tape.functions import EMPTY, KINDS, OUT_OF_PLACE, Kind
from auralscope.nn.tape.networks import in_type_of, named_modules, unwrapped
from auralscope.nn.tape.pooling import max_pool
from auralscope.nn.tape.state import preserved
from auralscope.nn.tape.steps import Step, shown_name, substitute, tensors_in
from auralscope.nn.tape.values import Values
from auralscope.nn.tape.writes import inplace_position, on_copy, overlaid, overlap, writes_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auralscope.nn.tape.pooling import Unpooling

INPUT = -1
"""Index of the image, in place of a step's index."""

CHANGE = 0.01
"""Standard deviation of the change, as a share of the image's; small, so that no branch of the code is left."""

TOLERANCE = 1e-3
"""Largest difference between repeated and real values, as a share of how much the change of the image changed them."""

_proven: weakref.WeakKeyDictionary[nn.Module, set[int]] = weakref.WeakKeyDictionary()
"""Recordings that were proven complete, for each network, by a hash of their steps."""


@dataclass(eq=False)
class Tape:
    """Record of one forward pass.

    Attributes
    ----------
    image : (1, channels, ...) tensor
        The network's input.
    network : torch.nn.Module
        The network that ran.
    steps : list of Step
        All calls into torch that depend on the image, in their order.
    layers : dict of str to Tensor
        The output of every module, by dotted name; the last output of a module that ran several times.
    output : Tensor
        The network's output.
    """

    image: Tensor
    network: nn.Module
    steps: list[Step] = field(default_factory=list)
    layers: dict[str, Tensor] = field(default_factory=dict)
    output: Tensor = field(default_factory=lambda: torch.empty(0))

    def __post_init__(self) -> None:
        self._made_by: dict[int, int] = {id(self.image): INPUT}

    def add(self, step: Step) -> None:
        """Record a step, unless it depends on constants only."""
        if not any(step.varying):
            return
        for tensor in tensors_in(step.output):
            self._made_by[id(tensor)] = len(self.steps)
        self.steps.append(step)

    def maker(self, tensor: Tensor) -> int | None:
        """Return the index of the step that made a tensor: `INPUT` for the image, None for a constant (a weight)."""
        return self._made_by.get(id(tensor))

    def layer(self, module: str) -> Tensor:
        """Return the output of a module.

        Parameters
        ----------
        module : str
            Dotted name.

        Raises
        ------
        UnknownNameError
            The network has no such module; the message lists all modules.
        """
        if module not in self.layers:
            known = ", ".join(name for name in self.layers if name)
            raise UnknownNameError(f"The network has no layer '{module}'; it has: {known}.")
        return self.layers[module]

    def ancestors(self, tensor: Tensor) -> set[int]:
        """Return the indices of all steps on which a tensor depends, including the step that made it."""
        found: set[int] = set()
        todo = [tensor]
        while todo:
            index = self.maker(todo.pop())
            if index is not None and index != INPUT and index not in found:
                found.add(index)
                todo.extend(self.steps[index].tensors())
        return found

    def replay(self, start: Tensor, value: Tensor, end: Tensor) -> Tensor:
        """Compute `end` again with `value` in place of `start`.

        Only the steps between the two are repeated, so gradients can be taken through a part of the network.

        Parameters
        ----------
        start, end : Tensor
            Tensors of this tape.
        value : Tensor
            Shaped as `start`.

        Returns
        -------
        Tensor
            Shaped as `end`.
        """
        result: Tensor = self.repeat(start, value, self.ancestors(end))[id(end)]
        return result

    def repeat(self, start: Tensor, value: Tensor, indices: Iterable[int]) -> dict[int, Tensor]:
        """Repeat some steps with `value` in place of `start`; return the new tensors by the `id` of the old ones."""
        replaced: dict[int, Tensor] = {id(start): value}
        for index in sorted(indices):
            step = self.steps[index]
            if id(start) == id(step.output) or not any(id(tensor) in replaced for tensor in step.tensors()):
                continue
            for old, new in zip(tensors_in(step.output), tensors_in(step.repeat(replaced)), strict=True):
                replaced[id(old)] = new
        return replaced


def record(network: nn.Module, image: Tensor) -> Tape:
    """Run a network once and record every step.

    Parameters
    ----------
    network : torch.nn.Module
        It runs in evaluation mode (no dropout, batch norms with running statistics), uncompiled, and is left
        unchanged. Wrappers such as `DataParallel` are taken off.
    image : (1, channels, bins, frames) tensor
        One input; (1, channels, samples) for a network on the waveform. It is converted to the type of the weights.

    Returns
    -------
    Tape

    Raises
    ------
    InputError
        The image has another rank, is a batch, empty, not floating point, or not finite.
    NetworkError
        The network cannot run on the image.
    IncompleteRecordingError
        A part of the network depends on the image in a way that torch does not report.
    """
    _check(image)
    network = unwrapped(network)
    tape = run(network, in_type_of(network, image))
    prove(tape, run)
    return tape


def run(network: nn.Module, image: Tensor) -> Tape:
    """Run a network once and record every step, without a proof that the recording is complete."""
    values = Values()
    own = image.detach().clone()  # some networks write into their input
    tape = Tape(values.renew(own), network)
    plain = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    with torch.no_grad(), plain, preserved(network, values), _Recorder(tape, values, network) as recorder:
        try:
            output = network(own)
        except RuntimeError as failure:
            if is_out_of_memory(failure):
                raise
            raise NetworkError(recorder.failed(failure)) from failure
        tape.output = values.inside(output)
    return tape


def _check(image: Tensor) -> None:
    shape = tuple(image.shape)
    if image.ndim not in (3, 4):
        raise InputError(f"The input must be (1, channels, bins, frames) or (1, channels, samples), not {shape}.")
    if image.shape[0] != 1:
        raise InputError(f"The input must be a single one, not a batch of {image.shape[0]}.")
    if not image.numel():
        raise InputError(f"The input is empty: {shape}.")
    if not image.is_floating_point():
        raise InputError(f"The input must be floating point, not {image.dtype}.")
    odd = int((~image.isfinite()).sum())
    if odd:
        raise InputError(f"The input has {odd} values that are not finite (NaN or infinite), of {image.numel()}.")


class _Recorder(TorchFunctionMode):
    """Mode that records each call into torch, with the module that made it."""

    def __init__(self, tape: Tape, values: Values, network: nn.Module) -> None:
        super().__init__()
        self._tape = tape
        self._values = values
        self._network = network
        self._running: list[str] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> _Recorder:
        for name, module in named_modules(self._network):
            self._hooks.append(module.register_forward_pre_hook(self._entering(name)))
            self._hooks.append(module.register_forward_hook(self._leaving(name)))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()

    def failed(self, failure: RuntimeError) -> str:
        """Return a sentence about a failure inside the network, with the module that was running."""
        module = self._running[-1] if self._running else ""
        image = self._tape.image
        return (
            f"The network cannot run on an input of {tuple(image.shape)}, {str(image.dtype).removeprefix('torch.')}: "
            f"module '{shown_name(module)}' says: {one_line(failure)}"
        )

    def _entering(self, name: str) -> Callable[..., None]:
        return lambda _module, _args: self._running.append(name)

    def _leaving(self, name: str) -> Callable[..., None]:
        def leave(_module: nn.Module, _args: Any, output: Any) -> None:
            self._running.pop()
            tensor = next(tensors_in(output), None)
            if tensor is not None:
                self._tape.layers[name] = self._values.of(tensor)

        return leave

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if any(
            is_functorch_wrapped_tensor(tensor) or isinstance(tensor, FakeTensor)
            for tensor in (*tensors_in(args), *tensors_in(kwargs))
        ):
            # Inside torch.func (the proof of the recording finds what is missing), or without values (an exported
            # program checks its input by such tensors).
            return func(*args, **kwargs)
        func, args, kwargs = plain_call(func, args, kwargs)
        write = _write(func, args, kwargs)
        if write is None:
            return self._call(func, args, kwargs)
        target, function, given, named = write
        given, named = self._values.inside((given, named))
        self._values.keep(target)
        others = [(other, self._values.of(other)) for other in self._values.sharing(target)]
        result = func(*args, **kwargs)
        after = self._values.renew(target)
        self._add(function, given, named, after)
        for other, value in others:
            common = overlap(other, target)
            if common is not None:
                self._add(overlaid, (value, after, *common), {}, self._values.renew(other))
        return result

    def _call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        device = self._tape.image.device.type
        if not torch.is_autocast_enabled(device):
            return self._call_as_given(func, args, kwargs)
        output = next(tensors_in(func(*args, **kwargs)), None)
        with torch.autocast(device, enabled=False):
            if output is not None and _type_without_autocast(func, args, kwargs) is not output.dtype:
                others = [t for t in tensors_in((args, kwargs)) if t.is_floating_point() and t.dtype != output.dtype]
                cast = {id(t): self._call_as_given(Tensor.to, (t, output.dtype), {}) for t in others}
                args, kwargs = substitute((args, kwargs), cast)
            return self._call_as_given(func, args, kwargs)

    def _call_as_given(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given, named = self._values.inside((args, kwargs))
        unpooling = None
        if KINDS.get(func) in (Kind.MAX_POOL, Kind.ADAPTIVE_MAX_POOL):
            output, unpooling = max_pool(func, args, kwargs)
        else:
            output = func(*args, **kwargs)
        if func in EMPTY:
            output.zero_()  # cells that are never written must be the same in each run
        if next(tensors_in(output), None) is not None:
            self._add(func, given, named, self._values.renewed(output), unpooling)
        return output

    def _add(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: Any,
        unpooling: Unpooling | None = None,
    ) -> None:
        if KINDS.get(function) is Kind.CONSTANT:
            return
        module = self._running[-1] if self._running else ""
        varying = tuple(self._tape.maker(tensor) is not None for tensor in (*tensors_in(args), *tensors_in(kwargs)))
        self._tape.add(Step(function, args, kwargs, output, unpooling, module, varying))


def _type_without_autocast(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> torch.dtype | None:
    """Return the type of a call's first result; None if its arguments do not fit each other."""
    try:
        output = next(tensors_in(func(*args, **kwargs)), None)
    except RuntimeError:
        return None
    return None if output is None else output.dtype


def _write(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None:
    """Return what a call writes in place, and a call that returns it; None if the call writes nothing.

    Returns
    -------
    target : Tensor
    function, args, kwargs
        The call that returns the target's new value.
    """
    at = inplace_position(func)
    out = kwargs.get("out")
    if isinstance(out, Tensor):
        return out, func, args, {name: value for name, value in kwargs.items() if name != "out"}
    if at is not None and len(args) > at and args[at]:
        return args[0], func, (*args[:at], False, *args[at + 1 :]), kwargs
    if kwargs.get("inplace"):
        target = args[0] if args else kwargs["input"]
        return target, func, args, {**kwargs, "inplace": False}
    if writes_by_name(func) and args and isinstance(args[0], Tensor):
        return args[0], OUT_OF_PLACE.get(func) or on_copy(func), args, kwargs
    return None


def prove(tape: Tape, run: Callable[[nn.Module, Tensor], Tape]) -> None:
    """Prove a recording complete, once for each network and course of steps.

    Parameters
    ----------
    tape : Tape
    run : callable
        Records a network that runs on an image.

    Raises
    ------
    IncompleteRecordingError
        The recording is not complete; the message names the module.
    """
    proven = _proven.setdefault(tape.network, set())
    course = hash((tape.image.shape, tape.image.dtype, *(step.function for step in tape.steps)))
    if course in proven:
        return
    module = _incomplete(tape, run)
    if module is not None:
        raise IncompleteRecordingError(
            f"Module '{shown_name(module)}' depends on the image by a computation that torch does not "
            "report (scripted code, numpy, .item(), torch.func, a custom autograd function), or gives another "
            "result each time. Write that part with plain torch functions."
        )
    proven.add(course)


def _incomplete(tape: Tape, run: Callable[[nn.Module, Tensor], Tape]) -> str | None:
    """Return the first module whose results differ when the steps are repeated; None if there is none."""
    noise = torch.randn(tape.image.shape, generator=torch.Generator().manual_seed(0)).to(tape.image)
    scale = tape.image.std() if tape.image.numel() > 1 else tape.image.abs()
    changed = tape.image + CHANGE * scale.clamp(min=1e-3) * noise
    other = run(tape.network, changed)
    with torch.no_grad():
        repeated = tape.repeat(tape.image, other.image, range(len(tape.steps)))
        for module, old, new in _results(tape, other):
            if old.shape != new.shape or not _equal(repeated.get(id(old), old), new, old):
                return module
    return None


def _results(tape: Tape, other: Tape) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Iterate over the results of all steps and layers in two recordings, with the module that made them."""
    if [step.function for step in tape.steps] == [step.function for step in other.steps]:
        for one, two in zip(tape.steps, other.steps, strict=True):
            for old, new in zip(tensors_in(one.output), tensors_in(two.output), strict=False):
                yield one.module, old, new
    for name in tape.layers:
        if name in other.layers:
            yield name, tape.layers[name], other.layers[name]
    for old, new in zip(tensors_in(tape.output), tensors_in(other.output), strict=False):
        yield "", old, new


def _equal(repeated: Tensor, real: Tensor, before: Tensor) -> bool:
    """Return whether repeated values are the real ones, up to rounding."""
    if not (real.is_floating_point() or real.is_complex()) or torch.equal(repeated, real):
        return True
    difference, change = (repeated - real).abs().sum(), (real - before).abs().sum()
    allowed = TOLERANCE * change + 4 * torch.finfo(real.dtype).eps * real.abs().sum()
    return bool(difference <= allowed) or not bool(allowed.isfinite())
