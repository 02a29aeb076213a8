"""Scripted networks: run TorchScript step by step, so that a tape sees each call into torch.

`torch.jit` runs a network in one piece that no recording can see. `Scripted` is a module of the same tree, parameters
and buffers. Its `forward` walks along the graph of the scripted method and calls the operators of torch's library; the
names of its modules are those of the scripted network, and so of the network that was scripted or traced.
"""

from __future__ import annotations

import operator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from auralscope.errors import NetworkError
from auralscope.nn.tape.steps import shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TYPES = dict(enumerate((torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16)))
_TYPES |= {6: torch.float32, 7: torch.float64, 9: torch.complex64, 10: torch.complex128, 11: torch.bool}
_TYPES |= {15: torch.bfloat16}
_CODES = {dtype: code for code, dtype in _TYPES.items()}
"""TorchScript writes types as numbers."""


class Scripted(nn.Module):
    """Network of TorchScript whose steps are calls into torch.

    Parameters
    ----------
    script : torch.jit.ScriptModule
        It shares the memory of its parameters.
    name : str
        Dotted name of the module, for messages.

    Raises
    ------
    NetworkError
        The script uses something that cannot be run step by step; the message names it and the module.
    """

    def __init__(self, script: torch.jit.ScriptModule, name: str = "") -> None:
        super().__init__()
        for own, parameter in script.named_parameters(recurse=False):
            self.register_parameter(own, nn.Parameter(parameter.detach(), requires_grad=False))
        for own, buffer in script.named_buffers(recurse=False):
            self.register_buffer(own, buffer)
        for own, child in script.named_children():
            assert isinstance(child, torch.jit.ScriptModule)
            self.add_module(own, Scripted(child, f"{name}.{own}".removeprefix(".")))
        self.where = shown_name(name)
        vars(self)["script"] = script  # not as one more child
        for method in script._c._method_names():
            self._check(script._c._get_method(method).graph)
        self.training = bool(getattr(script, "training", False))

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(vars(self).get("script"), name)

    def forward(self, *args: Any, overload: str = "forward") -> Any:
        """Run the scripted `forward`, or one that the script has for other types of arguments."""
        return self.run(overload, *args)

    def run(self, method: str, *args: Any) -> Any:
        """Run a scripted method step by step.

        Parameters
        ----------
        method : str
        *args
            Its arguments; those that are missing have the defaults of the script.

        Returns
        -------
        object
        """
        scripted = self.script._c._get_method(method)
        declared = scripted.schema.arguments[1:]
        missing = [argument.name for argument in declared[len(args) :] if not argument.has_default_value()]
        if missing:
            raise NetworkError(
                f"Module '{self.where}' needs the arguments {', '.join(missing)} beside its input. Give them in a "
                "module of your own that calls this one."
            )
        given = [*args, *(argument.default_value for argument in declared[len(args) :])]
        outputs = self._block(scripted.graph, {}, [self, *given])
        return outputs[0]

    def _check(self, block: Any) -> None:
        """Raise a `NetworkError` if a block has nodes that cannot be run."""
        for node in block.nodes():
            kind = node.kind()
            if kind.startswith("prim::") and kind not in _CONTROL and kind not in _PRIMITIVES:
                raise NetworkError(
                    f"Module '{self.where}' uses '{kind}' of TorchScript, which cannot be run step by step. Save the "
                    "network by torch.export, or use its Python code."
                )
            for inner in node.blocks():
                self._check(inner)

    def _block(self, block: Any, values: dict[str, Any], given: Sequence[Any]) -> list[Any]:
        """Run the nodes of a block with values for its inputs; return the values of its outputs."""
        values.update(zip((one.debugName() for one in block.inputs()), given, strict=True))
        for node in block.nodes():
            results = self._node(node, values)
            values.update(zip((one.debugName() for one in node.outputs()), results, strict=True))
        return [values[one.debugName()] for one in block.outputs()]

    def _node(self, node: Any, values: dict[str, Any]) -> Sequence[Any]:
        """Run one node; return the values of its outputs."""
        kind = node.kind()
        if kind == "prim::Constant":
            function = node.output().type().kind() == "FunctionType"
            return [node if function else node.output().toIValue()]
        inputs = [values[one.debugName()] for one in node.inputs()]
        if kind == "prim::If":
            first, second = node.blocks()
            return self._block(first if inputs[0] else second, values, [])
        if kind == "prim::Loop":
            return self._loop(next(iter(node.blocks())), values, *inputs)
        if kind == "prim::CallMethod":
            return [self._method(inputs[0], node.s("name"), inputs[1:])]
        if kind == "prim::CallFunction":
            return self._block(_inlined(inputs[0], node), {}, inputs[1:])
        if kind == "prim::GetAttr":
            return [getattr(inputs[0], node.s("name"))]
        if kind == "prim::SetAttr":
            setattr(inputs[0], node.s("name"), inputs[1])
            return []
        if kind in ("prim::TupleUnpack", "prim::ListUnpack"):
            return list(inputs[0])
        if kind == "prim::RaiseException":
            raise NetworkError(f"The network stops in module '{self.where}': {inputs[0]}")
        result = _PRIMITIVES[kind](*inputs) if kind in _PRIMITIVES else _operator(node, kind, inputs)
        return list(result) if node.outputsSize() > 1 else [result][: node.outputsSize()]

    def _loop(self, block: Any, values: dict[str, Any], most: int, goes_on: bool, *carried: Any) -> Sequence[Any]:
        number, state = 0, list(carried)
        while goes_on and number < most:
            goes_on, *state = self._block(block, values, [number, *state])
            number += 1
        return state

    def _method(self, target: Any, name: str, args: list[Any]) -> Any:
        if isinstance(target, Scripted):
            is_forward = name == "forward" or name.startswith("forward__")
            return target(*args, overload=name) if is_forward else target.run(name, *args)
        if isinstance(target, SimpleNamespace) and name == "__init__":  # a context such as torch.no_grad()
            return None
        raise NetworkError(
            f"Module '{self.where}' calls '{name}' of a scripted class, which cannot be run step by step."
        )


def _inlined(function: Any, call: Any) -> Any:
    """Return the graph of a scripted function, from the node of its constant and a node that calls it."""
    graph: Any = torch._C.Graph()
    constant = graph.insertNode(graph.createClone(function, lambda value: value)).output()
    names = [one.debugName() for one in call.inputs()]
    inside = {names[0]: constant}
    for one in list(call.inputs())[1:]:
        parameter = graph.addInput()
        parameter.setType(one.type())
        inside[one.debugName()] = parameter  # a value that is given twice is the same in both places
    inner = graph.insertNode(graph.createClone(call, lambda value: inside[value.debugName()]))
    graph.registerOutput(inner.output())
    torch._C._jit_pass_inline(graph)
    return graph


def _operator(node: Any, kind: str, inputs: list[Any]) -> Any:
    """Call an operator of torch's library, or the function of Python that does the same for numbers and lists."""
    library, _, name = kind.partition("::")
    if name in _ON_VALUES and not (inputs and isinstance(inputs[0], Tensor)):
        return _ON_VALUES[name](*inputs)
    if name in _ON_TENSORS:
        return _ON_TENSORS[name](*inputs)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument, value in zip(torch._C.parse_schema(node.schema()).arguments, inputs, strict=True):
        if argument.name in ("layout", "memory_format", "pin_memory", "generator"):
            continue
        given = _TYPES[value] if argument.name == "dtype" and isinstance(value, int) else value
        if argument.kwarg_only or kwargs:
            kwargs[argument.name] = given
        else:
            args.append(given)
    return getattr(getattr(torch.ops, library), name)(*args, **kwargs)


def _set_item(values: list[Any], index: int, value: Any) -> list[Any]:
    values[index] = value
    return values


def _get_item(values: Any, index: Any) -> Any:
    return values[index]


def _append(values: list[Any], value: Any) -> list[Any]:
    values.append(value)
    return values


_CONTROL = frozenset(
    f"prim::{name}"
    for name in (
        *("Constant", "If", "Loop", "CallMethod", "CallFunction", "GetAttr", "SetAttr", "TupleUnpack", "ListUnpack"),
        "RaiseException",
    )
)
"""The nodes of TorchScript that `Scripted` runs itself."""

_PRIMITIVES: dict[str, Callable[..., Any]] = {
    "prim::ListConstruct": lambda *values: list(values),
    "prim::TupleConstruct": lambda *values: values,
    "prim::DictConstruct": lambda *values: dict(zip(values[::2], values[1::2], strict=True)),
    "prim::TupleIndex": _get_item,
    "prim::Uninitialized": lambda: None,
    "prim::unchecked_cast": lambda value: value,
    "prim::unchecked_unwrap_optional": lambda value: value,
    "prim::NumToTensor": torch.tensor,
    "prim::ImplicitTensorToNum": lambda value: value.item(),
    "prim::CreateObject": SimpleNamespace,
    "prim::Enter": lambda context: context,
    "prim::Exit": lambda *_: None,
    "prim::Print": lambda *_: None,
    "prim::dtype": lambda value: _CODES[value.dtype],
    "prim::device": lambda value: value.device,
    "prim::shape": lambda value: list(value.shape),
    "prim::data": lambda value: value.detach(),
    "prim::requires_grad": lambda value: value.requires_grad,
    "prim::is_cuda": lambda value: value.is_cuda,
    "prim::layout": lambda _: None,
    "prim::min": min,
    "prim::max": max,
    "prim::abs": abs,
}
"""Functions for the nodes of TorchScript that are no operators of the library."""

_ON_VALUES: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "floordiv", "neg", "eq", "ne", "lt", "le")},
    **{name: getattr(operator, name) for name in ("gt", "ge", "pow")},
    "div": operator.truediv,
    "remainder": operator.mod,
    "__not__": operator.not_,
    "__is__": operator.is_,
    "__isnot__": operator.is_not,
    "__and__": operator.and_,
    "__or__": operator.or_,
    "__contains__": operator.contains,
    "__getitem__": _get_item,
    "_set_item": _set_item,
    "append": _append,
    "__derive_index": lambda number, start, step: start + number * step,
    "__range_length": lambda start, stop, step: len(range(start, stop, step)),
    "slice": lambda values, start, stop, step: values[slice(start, stop, step)],
    "len": len,
    "list": list,
    "format": lambda text, *values: text.format(*values),
    "Int": int,
    "Float": float,
    "Bool": bool,
    "warn": lambda *_: None,
    "_unwrap_optional": lambda value: value,
}
"""Operators on numbers, texts and lists."""

_ON_TENSORS: dict[str, Callable[..., Any]] = {
    "Int": lambda value: int(value.item()),
    "Float": lambda value: float(value.item()),
    "Bool": lambda value: bool(value.item()),
    "IntImplicit": lambda value: int(value.item()),
    "FloatImplicit": lambda value: float(value.item()),
    "ScalarImplicit": lambda value: value.item(),
    "item": lambda value: value.item(),
    "len": len,
    "dim": lambda value: value.dim(),
    "numel": lambda value: value.numel(),
    "size": lambda value, *axis: value.size(*axis) if axis else list(value.shape),
    "__is__": operator.is_,
    "__isnot__": operator.is_not,
    "_unwrap_optional": lambda value: value,
    "is_floating_point": lambda value: value.is_floating_point(),
    "cpu": lambda value: value.cpu(),
    "cuda": lambda value: value.cuda(),
    "detach": lambda value: value.detach(),
}
"""Operators that return a number or a property of a tensor."""
