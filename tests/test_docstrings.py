"""Tests that the docstrings of the public API and the plugin contract are complete numpydoc."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import auralscope
from auralscope import errors

CONTRACT = (
    *("auralscope.hookspecs", "auralscope.nn.model"),
    *("auralscope.nn.architectures", "auralscope.nn.architectures.keras"),
    *("auralscope.dsp.frontends", "auralscope.dsp.inversion", "auralscope.dsp.melgrams"),
    *("auralscope.dsp.processed", "auralscope.dsp.waveform", "auralscope.types"),
)
"""Modules that plugins may use."""

ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type)}

UNITS = {"_s": "second", "_hz": "Hz", "_db": "dB", "_ms": "ms", "sample_rate": "Hz"}
"""Words of the unit that a parameter's entry states, by the ending of its name."""


def public() -> Iterator[tuple[str, Any]]:
    """Return every documented class and function by its full name."""
    for name in auralscope.__all__:
        if callable(getattr(auralscope, name)):
            yield f"auralscope.{name}", getattr(auralscope, name)
    for module_name in CONTRACT:
        module = importlib.import_module(module_name)
        exported = getattr(module, "__all__", ())
        for name, value in vars(module).items():
            home = getattr(value, "__module__", "")
            documented = inspect.isclass(value) or inspect.isfunction(value)
            if documented and not name.startswith("_") and (home == module_name or name in exported):
                yield f"{module_name}.{name}", value


OBJECTS = {id(value): (name, value) for name, value in public()}
CLASSES = [pytest.param(value, id=name) for name, value in OBJECTS.values() if inspect.isclass(value)]
FUNCTIONS = [pytest.param(value, None, id=name) for name, value in OBJECTS.values() if inspect.isfunction(value)]
METHODS = [
    pytest.param(getattr(value, "__func__", value), owner, id=f"{name}.{attribute}")
    for name, owner in OBJECTS.values()
    if inspect.isclass(owner)
    for base in owner.__mro__
    if base.__module__.startswith("auralscope")
    for attribute, value in vars(base).items()
    if not attribute.startswith("_") and inspect.isfunction(getattr(value, "__func__", value))
    if getattr(owner, attribute, None) in (value, getattr(value, "__func__", None)) or isinstance(value, classmethod)
]


def sections(documented: object) -> dict[str, dict[str, str]]:
    """Parse the sections of a docstring: entries by name, each with its type and text."""
    found: dict[str, dict[str, str]] = {"": {}}
    lines = (inspect.getdoc(documented) or "").splitlines()
    entries, names = found[""], [""]
    for line, below in zip(lines, [*lines[1:], ""][: len(lines)], strict=True):
        if line and re.fullmatch(r"-{3,}", below):
            entries = found.setdefault(line, {})
            names = []
        elif line and not line.startswith((" ", "---")) and entries is not found[""]:
            head, _, kind = line.partition(" : ")
            names = [name.strip(" *") for name in head.split(",")]
            entries.update(dict.fromkeys(names, kind or head))
        else:
            for name in names:
                entries[name] = f"{entries.get(name, '')} {line.strip()}"
    return found


def raised(function: Callable[..., Any], owner: type | None, visited: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of the errors that a function and its private helpers raise."""
    names = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            names.add(ast.unparse(node.exc.func))
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            helper = getattr(owner, called, None) or function.__globals__.get(called)
            if called.startswith("_") and inspect.isfunction(helper) and called not in visited:
                names |= raised(helper, owner, visited | {called})
    return names & ERRORS


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_documents_its_fields(kind: type) -> None:
    found = sections(kind)
    assert found[""], "no docstring"
    documented = found.get("Parameters", {}) | found.get("Attributes", {})
    for base in kind.__mro__:
        if base is not kind and base.__module__.startswith("auralscope"):
            above = sections(base)
            documented |= above.get("Parameters", {}) | above.get("Attributes", {})
    if dataclasses.is_dataclass(kind):
        expected = [field.name for field in dataclasses.fields(kind) if not field.name.startswith("_")]
    else:
        expected = []
    check_entries(documented, expected, dict.fromkeys(expected, ""))


@pytest.mark.parametrize(("function", "owner"), [*FUNCTIONS, *METHODS])
def test_a_function_documents_parameters_results_and_errors(function: Callable[..., Any], owner: type | None) -> None:
    documented = getattr(owner, function.__name__) if owner else function
    found = sections(documented)
    assert found[""], "no docstring"
    signature = inspect.signature(function)
    names = [name for name in signature.parameters if name not in ("self", "cls")]
    annotations = {name: str(signature.parameters[name].annotation) for name in names}
    check_entries(found.get("Parameters", {}), names, annotations)
    if str(signature.return_annotation) not in ("None", str(inspect.Signature.empty)):
        assert "Returns" in found or "Yields" in found, "no section Returns"
        results = " ".join(found.get("Returns", found.get("Yields", {})).values())
        if re.search(r"NDArray|Tensor", str(signature.return_annotation)):
            assert "(" in results or "shape" in results, f"no shape in Returns: {results}"
    listed = {name for entry in found.get("Raises", {}) for name in entry.split(", ")}
    assert raised(function, owner) <= listed, "an error that is raised is not in Raises"


def check_entries(documented: dict[str, str], names: list[str], annotations: dict[str, str]) -> None:
    missing = [name for name in names if name not in documented]
    assert missing == [], "no entry for these parameters"
    for name in names:
        if re.search(r"NDArray|Tensor", annotations[name]):
            assert re.search(r"\(.*\)|shape", documented[name]), f"no shape for {name}: {documented[name]}"
        for ending, unit in UNITS.items():
            if name.endswith(ending):
                assert unit in documented[name], f"no unit for {name}: {documented[name]}"
