"""The command that checks what the program needs on this machine and says what to do about each problem."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
from dataclasses import asdict, dataclass
from typing import Any, Literal

from auralscope import __version__, weights
from auralscope.cli.arguments import command
from auralscope.terminal import has_display, print_json, put

PACKAGES = (
    "PySide6-Essentials",
    "pyqtgraph",
    "torch",
    "torchaudio",
    "sounddevice",
    "soundfile",
    "av",
    "librosa",
    "numpy",
)

STATES: dict[weights.State, Literal["note", "problem"]] = {"available": "note", "missing": "problem"}
"""State of the finding for weights that are not installed."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes
    ----------
    state : {"ok", "note", "problem"}
        A problem keeps a part of the program from working.
    subject, text : str
    """

    state: Literal["ok", "note", "problem"]
    subject: str
    text: str


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    command(commands, "doctor", doctor, example="--json")


def doctor(options: argparse.Namespace) -> int:
    """Check what the program needs on this machine, and say what to do about each problem."""
    version = f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    findings = [
        Finding("ok", "auralscope", version),
        *(_package(name) for name in PACKAGES),
        *(_torch(), _torchaudio(), _window(), _speaker(), *_plugins()),
    ]
    if options.json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            put(f"{finding.state:<8}{finding.subject:<20}{finding.text}")
    return 0 if all(finding.state != "problem" for finding in findings) else 1


def _package(name: str) -> Finding:
    try:
        return Finding("ok", name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding("problem", name, "is not installed; run 'make setup', or install auralscope again with pip")


def _torch() -> Finding:
    from auralscope.nn.batches import choose_device

    device = choose_device()
    kind = {"cuda": "an NVIDIA GPU", "mps": "an Apple GPU"}.get(device.type, "the CPU; a GPU would be faster")
    return Finding("ok", "models run on", f"{device} ({kind})")


def _torchaudio() -> Finding:
    from auralscope.dsp.torchaudio_shim import torchaudio

    compiled = bool(getattr(torchaudio._extension, "_IS_TORCHAUDIO_EXT_AVAILABLE", False))
    text = "with its compiled part" if compiled else "without its compiled part, which is not needed"
    return Finding("ok", "transforms", f"torchaudio, {text}")


def _window() -> Finding:
    try:
        import auralscope.ui.app  # noqa: F401 - checks that Qt loads
    except ImportError as failure:
        return Finding("problem", "window", f"Qt does not load ({failure}); 'make setup' installs what it needs")
    if not has_display():
        return Finding("note", "window", "there is no display; 'auralscope' writes a report instead of a window")
    return Finding("ok", "window", "Qt loads and there is a display")


def _speaker() -> Finding:
    from auralscope.audio.devices import describe_device
    from auralscope.errors import DeviceError

    try:
        return Finding("ok", "speaker", describe_device())
    except DeviceError as failure:
        return Finding("note", "speaker", str(failure))


def _plugins() -> list[Finding]:
    from auralscope.registry import registry

    findings = []
    for plugin in registry().plugins:
        if plugin.error:
            findings.append(Finding("problem", "plugin", f"{plugin.name} ({plugin.origin}) failed: {plugin.error}"))
        for spec in plugin.models:
            state = weights.state(spec)
            text = f"{spec.id}: weights {state}"
            if state == "available":
                text += f"; 'auralscope weights get {spec.id}' fetches them"
            findings.append(Finding(STATES.get(state, "ok"), "model", text))
    if not findings:
        findings.append(Finding("problem", "plugin", f"no plugin was found; install auralscope again ({sys.prefix})"))
    return findings
