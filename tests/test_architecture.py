"""Test the structure of the project: style, types, import directions, and the cost of imports."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

from auralscope import hookspecs

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def assert_clean(*command: str) -> None:
    """Run a checker in the project, and fail with its output."""
    run = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.fail(f"{' '.join(command)} (exit {run.returncode}):\n{run.stdout}{run.stderr}", pytrace=False)


def modules_after(statement: str) -> set[str]:
    """Return the modules that a statement imports in a new Python."""
    program = (
        f"import json, sys; before = set(sys.modules); {statement}; print(json.dumps([*set(sys.modules) - before]))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if run.returncode:
        pytest.fail(f"{statement}\n{run.stderr}", pytrace=False)
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_ruff_finds_nothing() -> None:
    assert_clean("ruff", "check", "--no-fix")


def test_code_is_formatted() -> None:
    assert_clean("ruff", "format", "--check", "--diff")


def test_types_hold() -> None:
    assert_clean("mypy")


def test_imports_keep_their_directions() -> None:
    assert_clean("lint-imports")


def test_import_costs_next_to_nothing() -> None:
    """The public API is importable without torch, Qt and numpy, which are imported on first use."""
    heavy = {"torch", "torchaudio", "PySide6", "pyqtgraph", "numpy", "scipy", "librosa", "matplotlib", "sounddevice"}
    loaded = modules_after("import auralscope")
    assert "auralscope" in loaded
    assert loaded.isdisjoint(heavy)


def test_listing_models_needs_no_torch() -> None:
    loaded = modules_after("import auralscope; assert auralscope.models()")
    assert loaded.isdisjoint({"torch", "torchaudio", "PySide6", "sounddevice"})


@pytest.mark.parametrize(
    "module", ["auralscope.session.session", "auralscope.registry", "auralscope.nn.attribution.deconvolution"]
)
def test_state_and_engine_run_without_qt_and_portaudio(module: str) -> None:
    """A server or a notebook has neither. The static contracts do not cover imports by name."""
    absent = ["PySide6", "shiboken6", "pyqtgraph", "sounddevice"]
    loaded = modules_after(f"sys.modules.update(dict.fromkeys({absent})); import {module}")
    assert module in loaded


def test_every_hook_has_a_docstring() -> None:
    hooks = {
        name: function
        for name, function in vars(hookspecs).items()
        if inspect.isfunction(function) and hasattr(function, f"{hookspecs.PROJECT}_spec")
    }
    assert hooks, "hookspecs.py declares no hook"
    assert all(name.startswith("auralscope_") for name in hooks)
    undocumented = [name for name, function in hooks.items() if not inspect.getdoc(function)]
    assert undocumented == []
    silent = [name for name, function in hooks.items() if "Returns\n-------" not in (inspect.getdoc(function) or "")]
    assert silent == [], "a hook's docstring says what an implementation returns"


def test_every_name_of_the_public_api_is_there() -> None:
    import auralscope

    stub = ast.parse((ROOT / "auralscope" / "__init__.pyi").read_text(encoding="utf-8"))
    assignment = next(node for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(auralscope.__all__) == ast.literal_eval(assignment.value)
    assert all(hasattr(auralscope, name) for name in auralscope.__all__)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = auralscope.nothing_of_the_kind


def drawing(heading: str) -> list[list[str]]:
    """Return the rooms on each line of the drawing in the architecture page, from the top."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = page.split(f"\n## {heading}\n")[1].split("```")[1]
    return [re.split(r"  +", line)[0].split(", ") for line in block.strip().splitlines()]


@pytest.mark.parametrize(("heading", "package"), [("Rooms", "auralscope"), ("Inside nn", "auralscope.nn")])
def test_the_architecture_page_draws_the_imports(heading: str, package: str) -> None:
    layers = drawing(heading)
    graph = grimp.build_graph("auralscope", cache_dir=None)
    rooms = {child.removeprefix(f"{package}.") for child in graph.find_children(package)}
    assert sorted(room for layer in layers for room in layer) == sorted(rooms), "each room is drawn once"
    level = {room: number for number, layer in enumerate(layers) for room in layer}
    upwards = [
        f"{room} imports {other}"
        for room in rooms
        for other in rooms - {room}
        if level[other] <= level[room]
        and graph.direct_import_exists(importer=f"{package}.{room}", imported=f"{package}.{other}", as_packages=True)
    ]
    assert upwards == [], "a room imports only rooms on lines below its own"


def test_import_linter_has_the_layers_of_the_architecture_page() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")["layers"]
    assert layers == [" | ".join(f"auralscope.{room}" for room in layer) for layer in drawing("Rooms")]
