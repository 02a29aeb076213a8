"""Tags of a composed piece: what a listener would say of it, read off the score.

Because the score is known, so is every tag: no annotator has overlooked one. An instrument counts where it plays for at
least `AUDIBLE` of the piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auralscope.training.arranger import PIECE_S, Piece
from auralscope.training.instruments import FAMILIES, family_of
from auralscope.training.styles import STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auralscope.training.score import Note, Part

AUDIBLE = 0.12
SLOW_BPM, FAST_BPM = 76.0, 138.0
SPARSE_PER_S, DENSE_PER_S = 3.2, 22.0
LOW_PITCH, HIGH_PITCH = 54.0, 69.0

INSTRUMENT_TAGS = (*FAMILIES, "drums", "percussion")
TEXTURE_TAGS = ("solo", "ensemble", "dense", "sparse", "slow", "fast", "low register", "high register")
MANNER_TAGS = ("minor", "staccato", "triple metre")
TAGS: tuple[str, ...] = (*INSTRUMENT_TAGS, *TEXTURE_TAGS, *MANNER_TAGS, *STYLES)


def tags_of(piece: Piece) -> set[str]:
    """The tags of a piece, of `TAGS`."""
    score = piece.score
    heard = [part for part in score.parts if _share(part, score.tempo_bpm) >= AUDIBLE]
    tuned = [part for part in heard if not part.drums]
    tags = {family_of(part.program) for part in tuned} | {part.name for part in heard if part.drums}
    players = {part.program for part in tuned} | {part.name for part in heard if part.drums}
    per_s = sum(len(part.notes) for part in score.parts) / PIECE_S
    pitch = _pitch([note for part in tuned for note in part.notes])
    described = {
        "solo": len(players) == 1,
        "ensemble": len(players) >= 4,
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
    if piece.touch:
        tags.add(piece.touch)
    tags.add(piece.style)
    return tags


def vector(tags: set[str], labels: Sequence[str] = TAGS) -> NDArray[np.float32]:
    """(labels,): 1 where the tag is there."""
    return np.array([label in tags for label in labels], dtype=np.float32)


def _share(part: Part, tempo_bpm: float) -> float:
    """The share of the piece in which a part sounds."""
    if part.drums:
        return len({int(note.start_beats) for note in part.notes}) * 60.0 / tempo_bpm / PIECE_S
    beats = np.zeros(int(PIECE_S * tempo_bpm / 60.0 * 4) + 1, dtype=bool)
    for note in part.notes:
        beats[int(note.start_beats * 4) : int((note.start_beats + note.duration_beats) * 4) + 1] = True
    return float(beats.mean())


def _pitch(notes: Sequence[Note]) -> float:
    """The mean pitch, each note as long as it lasts."""
    if not notes:
        return 60.0
    return float(np.average([note.pitch for note in notes], weights=[note.duration_beats for note in notes]))
