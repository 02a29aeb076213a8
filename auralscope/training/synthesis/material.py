"""Musical material of the composer and the arranger, read from `material.toml`: progressions, rhythms, drum loops."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auralscope.training.synthesis.harmony import Rhythm

Loop = dict[int, str]
"""A pattern for each drum (General MIDI number)."""

MATERIAL: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
DRUMS: dict[str, int] = MATERIAL["drums"]
KITS: dict[str, int] = MATERIAL["kits"]
PATTERNS: dict[str, list[str]] = {name: text.split() for name, text in MATERIAL["patterns"].items()}
PROGRESSIONS: dict[str, dict[str, list[str]]] = {
    name: {mode: text.split() for mode, text in modes.items()} for name, modes in MATERIAL["progressions"].items()
}


def _rhythm(line: str) -> Rhythm:
    notes = (note.split(":") for note in line.split())
    return tuple((float(Fraction(start)), float(Fraction(duration))) for start, duration in notes)


RHYTHMS: dict[str, list[Rhythm]] = {
    name: [_rhythm(line) for line in text.split("\n") if line] for name, text in MATERIAL["rhythms"].items()
}
LOOPS: dict[str, list[Loop]] = {
    name: [{DRUMS[drum]: pattern for drum, pattern in loop.items()} for loop in loops]
    for name, loops in MATERIAL["loops"].items()
}
