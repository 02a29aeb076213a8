"""Derive the tags of a composed piece from its score.

The score is known, so all tags of any section are complete. An instrument counts if it plays for at least `AUDIBLE` of
the section. A style needs more than one player; a solo has none, except ragtime, which is for piano.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auralscope.nn.architectures.tags import SYNTHESISED_TAGS
from auralscope.training.synthesis.arranger import FAST_BPM, PIECE_S, SLOW_BPM, Piece
from auralscope.training.synthesis.instruments import ENSEMBLE_FAMILIES, FAMILIES, SECTIONS, family_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auralscope.training.synthesis.score import Note, Part

AUDIBLE = 0.25
SPARSE_PER_S, DENSE_PER_S = 3.2, 22.0
LOW_PITCH, HIGH_PITCH = 54.0, 69.0

INSTRUMENT_TAGS = (*FAMILIES, "drums", "percussion")


def tags_of(piece: Piece, start_s: float = 0.0, end_s: float = PIECE_S) -> set[str]:
    """Return the tags of a piece, or of a section of it, out of `SYNTHESISED_TAGS`."""
    score = piece.score
    first, last = (time_s * score.tempo_bpm / 60.0 for time_s in (start_s, end_s))
    audible = [part for part in score.parts if _share(part, first, last) >= AUDIBLE]
    tuned = [part for part in audible if not part.drums]
    tags = {family_of(part.program) for part in tuned} | {part.name for part in audible if part.drums}
    players = _players(tuned) + len(audible) - len(tuned)
    onsets = sum(first <= note.start_beats < last for part in score.parts for note in part.notes)
    per_s = onsets / (end_s - start_s)
    pitch = _pitch([note for part in tuned for note in part.notes], first, last)
    described = {
        "solo": players == 1,
        "ensemble": players >= 4,
        "sparse": per_s < SPARSE_PER_S,
        "dense": per_s > DENSE_PER_S,
        "slow": score.tempo_bpm < SLOW_BPM,
        "fast": score.tempo_bpm > FAST_BPM,
        "low register": pitch < LOW_PITCH,
        "high register": pitch > HIGH_PITCH,
        "minor": piece.mode != "major",  # Dorian has a minor third too
        "triple metre": score.beats_per_bar == 3,
    }
    tags |= {tag for tag, holds in described.items() if holds}
    if piece.touch and any(not part.name.startswith("pad") for part in tuned):
        tags.add(piece.touch)
    if players > 1 or piece.style == "ragtime":
        tags.add(piece.style)
    return tags


def vector(tags: set[str], labels: Sequence[str] = SYNTHESISED_TAGS) -> NDArray[np.float32]:
    """Return an (labels,) array: 1 for a tag that is present, else 0."""
    return np.array([label in tags for label in labels], dtype=np.float32)


def _players(parts: Sequence[Part]) -> int:
    """Estimate the number of players: all parts on one keyboard are one player, a section is two."""
    single = {part.program for part in parts if family_of(part.program) not in ENSEMBLE_FAMILIES}
    together = [part.program for part in parts if family_of(part.program) in ENSEMBLE_FAMILIES]
    return len(single) + sum(2 if program in SECTIONS else 1 for program in together)


def _share(part: Part, first: float, last: float) -> float:
    """Return the share of the beats from `first` to `last` in which a part sounds; a drum sounds for one beat."""
    sounding = np.zeros(int((last - first) * 4) + 1, dtype=bool)
    for note in part.notes:
        lasts = 1.0 if part.drums else note.duration_beats
        start, end = int((note.start_beats - first) * 4), int((note.start_beats + lasts - first) * 4)
        sounding[max(start, 0) : max(end + 1, 0)] = True
    return float(sounding.mean())


def _pitch(notes: Sequence[Note], first: float, last: float) -> float:
    """Return the mean pitch from beat `first` to `last`, weighted by duration."""
    lasts = [min(note.start_beats + note.duration_beats, last) - max(note.start_beats, first) for note in notes]
    weights = np.maximum(lasts, 0.0)
    return float(np.average([note.pitch for note in notes], weights=weights)) if weights.sum() > 0.0 else 60.0
