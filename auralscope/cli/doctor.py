"""An examination of the machine: what the program needs, whether it is there, what to do where it is not."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from dataclasses import dataclass
from typing import Literal

from auralscope import __version__, weights
from auralscope.registry import registry

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

WEIGHTS: dict[weights.State, Literal["note", "problem"]] = {"available": "note", "missing": "problem"}
"""How bad it is where a model's weights are not here."""


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes
    ----------
    state : {"ok", "note", "problem"}
        A problem keeps a part of the program from working.
    subject, text : str
    """

    state: Literal["ok", "note", "problem"]
    subject: str
    text: str


def examine(*, display: bool, qt_problem: str) -> list[Finding]:
    """Examine this machine.

    Parameters
    ----------
    display : bool
        Whether a window can be opened.
    qt_problem : str
        Why Qt does not load; empty where it does.
    """
    findings = [
        Finding("ok", "auralscope", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    ]
    findings += [_package(name) for name in PACKAGES]
    findings += [_torch(), _torchaudio(), _window(display, qt_problem), _speaker(), *_plugins()]
    return findings


def _package(name: str) -> Finding:
    try:
        return Finding("ok", name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding("problem", name, "is not installed; run 'make setup', or install auralscope again with pip")


def _torch() -> Finding:
    from auralscope.nn.loaded import choose_device

    device = choose_device()
    kind = {"cuda": "an NVIDIA GPU", "mps": "an Apple GPU"}.get(device.type, "the CPU; a GPU would be faster")
    return Finding("ok", "models run on", f"{device} ({kind})")


def _torchaudio() -> Finding:
    from auralscope.dsp.torchaudio_shim import torchaudio

    compiled = bool(getattr(torchaudio._extension, "_IS_TORCHAUDIO_EXT_AVAILABLE", False))
    text = "with its compiled part" if compiled else "its pure-Python part, which is all that is needed here"
    return Finding("ok", "transforms", f"torchaudio, {text}")


def _window(display: bool, qt_problem: str) -> Finding:
    if qt_problem:
        return Finding("problem", "window", f"Qt does not load ({qt_problem}); 'make setup' installs what it needs")
    if not display:
        return Finding(
            "note", "window", "there is no display; 'auralscope' writes a report instead of opening a window"
        )
    return Finding("ok", "window", "Qt loads and there is a display")


def _speaker() -> Finding:
    from auralscope.audio.devices import describe_device
    from auralscope.errors import DeviceError

    try:
        return Finding("ok", "speaker", describe_device())
    except DeviceError as failure:
        return Finding("note", "speaker", str(failure))


def _plugins() -> list[Finding]:
    findings = []
    for plugin in registry().plugins:
        if plugin.error:
            findings.append(Finding("problem", "plugin", f"{plugin.name} ({plugin.origin}) failed: {plugin.error}"))
        for spec in plugin.models:
            here = weights.state(spec)
            text = f"{spec.id}: weights {here}"
            if here == "available":
                text += f"; 'auralscope weights get {spec.id}' fetches them"
            findings.append(Finding(WEIGHTS.get(here, "ok"), "model", text))
    if not findings:
        findings.append(Finding("problem", "plugin", f"none was found; install auralscope again ({sys.prefix})"))
    return findings
