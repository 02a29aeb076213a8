"""Find sound fonts that share samples: samples of a test font must not occur in training under another name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auralscope.training.synthesis.instruments import INSTRUMENTS
from auralscope.training.synthesis.render import Room, SoundFont, find_font, render
from auralscope.training.synthesis.score import Note, Part, Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 22_050
EXCERPT_S = 0.5
SPACING_S = 2.0
PITCHES = (48, 60, 67, 76)
DRUMS = (35, 36, 38, 40, 42, 46, 49, 51, 54, 56, 60, 62, 69, 70, 75, 76, 81)
DRY = Room(level=0.0, chorus=0.0)
ALIKE = 0.95
"""Correlation from which two notes count as one sample. Envelopes and filters of the fonts keep it below 1."""

Notes = Mapping[str, "NDArray[np.float32]"]
"""(notes, samples) of each program and each drum."""


def notes_of(font: Path) -> Notes:
    """Render the onsets of a few notes of each program of the tagged corpus and of each common drum, dry."""
    programs = {instrument.program: instrument for instrument in INSTRUMENTS}
    found = {}
    for program, instrument in sorted(programs.items()):
        pitches = [min(max(pitch, instrument.low), instrument.high) for pitch in PITCHES]
        found[f"program {program}"] = _played(font, program, pitches, drums=False)
    strokes = _played(font, 0, DRUMS, drums=True)
    return found | {f"drum {drum}": stroke[None] for drum, stroke in zip(DRUMS, strokes, strict=True)}


def _played(font: Path, program: int, pitches: Sequence[int], *, drums: bool) -> NDArray[np.float32]:
    beats = SPACING_S * 2  # at 120 a minute
    notes = tuple(Note(beats * place, beats / 2, pitch, 100) for place, pitch in enumerate(pitches))
    score = Score("", 0, 120.0, 4, (Part("", program, notes, drums=drums),))
    mono = render(score, font, room=DRY, sample_rate=RATE).mono()
    every = round(SPACING_S * RATE)
    mono = np.pad(mono, (0, max(every * len(pitches) - mono.size, 0)))
    return mono[: every * len(pitches)].reshape(-1, every)[:, : round(EXCERPT_S * RATE)]


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the median over notes of the maximum cross-correlation, 0 to 1; 0 for silence.

    Parameters
    ----------
    one, other : (notes, samples) arrays
    """
    size = 2 * one.shape[1]
    cross = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size).conj(), size)
    energy = np.sqrt((one.astype(np.float64) ** 2).sum(axis=1) * (other.astype(np.float64) ** 2).sum(axis=1))
    return float(np.median(np.abs(cross).max(axis=1) / np.maximum(energy, 1e-9)))


def page(fonts: Sequence[SoundFont], folders: Sequence[Path] = ()) -> str:
    """Return a table of all pairs of fonts: shared samples, and the highest correlation of the others."""
    rendered = {font: notes_of(find_font(font, folders)) for font in fonts}
    rows = []
    for one, other in itertools.combinations(fonts, 2):
        alike = {name: correlation(rendered[one][name], rendered[other][name]) for name in rendered[one]}
        shared = [name for name, value in alike.items() if value >= ALIKE]
        highest = max((value for value in alike.values() if value < ALIKE), default=0.0)
        rows.append(
            f"| {one.name} | {other.name} | {len(shared)} of {len(alike)} | {highest:.2f} | {_listed(shared)} |"
        )
    head = "| sound font | sound font | shared | highest of the others | which |\n|---|---|---|---|---|"
    return "\n".join([head, *rows]) + "\n"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else "many"
