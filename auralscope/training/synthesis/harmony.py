"""Build chords, bass notes and melodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
}

# Pitch classes, root first.
Chord = tuple[int, ...]
# (start, duration) of each note of a bar, in beats.
Rhythm = tuple[tuple[float, float], ...]
# (start in beats, duration in beats, pitch) of each note.
Melody = tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class Harmony:
    """Key and chords of a piece.

    Attributes
    ----------
    tonic : int
        Pitch class, 0 is C.
    scale : tuple of int
        Semitones above the tonic.
    chords : tuple of Chord
        One for each bar, repeated.
    """

    tonic: int
    scale: tuple[int, ...]
    chords: tuple[Chord, ...]

    def chord(self, bar: int) -> Chord:
        """Return the chord of a bar."""
        return self.chords[bar % len(self.chords)]

    def ladder(self, low: int, high: int) -> list[int]:
        """Return the pitches of the scale from `low` to `high`."""
        classes = {(self.tonic + step) % 12 for step in self.scale}
        return [pitch for pitch in range(low, high + 1) if pitch % 12 in classes]


def diatonic(tonic: int, mode: str, degrees: Sequence[int], sizes: Sequence[int]) -> Harmony:
    """Stack thirds on degrees of a scale.

    Parameters
    ----------
    degrees : sequence of int
        One for each bar; 1 is the tonic chord.
    sizes : sequence of int
        Number of notes of each chord: 3 for a triad, 4 for a seventh chord, 5 for a ninth chord.
    """
    scale = MODES[mode]
    chords = tuple(
        tuple((tonic + scale[(degree - 1 + 2 * third) % 7]) % 12 for third in range(size))
        for degree, size in zip(degrees, sizes, strict=True)
    )
    return Harmony(tonic, scale, chords)


def voiced(chord: Chord, centre: int) -> list[int]:
    """Return the pitches of the chord in the octave around `centre`, from low to high."""
    return sorted(centre - 6 + (pitch_class - (centre - 6)) % 12 for pitch_class in chord)


def root(chord: Chord, low: int) -> int:
    """Return the lowest root of the chord at or above `low`."""
    return low + (chord[0] - low) % 12


def melody(
    rng: np.random.Generator,
    harmony: Harmony,
    rhythms: Sequence[Rhythm],
    *,
    bars: int,
    beats_per_bar: int,
    low: int,
    high: int,
    leap: float = 0.2,
    repeat: float = 0.6,
) -> Melody:
    """Invent a melody: a motif of two bars, repeated and varied, with chord notes on the beat and steps between.

    Parameters
    ----------
    low, high : int
        The range, as MIDI numbers.
    leap : float
        Probability of an interval wider than a step.
    repeat : float
        Probability that a pair of bars repeats the rhythm and contour of the motif.
    """
    ladder = harmony.ladder(low, high)

    def phrase() -> tuple[list[Rhythm], list[int]]:
        chosen = [rhythms[int(rng.integers(len(rhythms)))] for _ in range(2)]
        moves = []
        for _ in range(sum(len(rhythm) for rhythm in chosen)):
            size = int(rng.integers(2, 5)) if rng.random() < leap else int(rng.integers(0, 2))
            moves.append(size * (1 if rng.random() < 0.5 else -1))
        return chosen, moves

    motif = phrase()
    notes: list[tuple[float, float, int]] = []
    place = int(rng.integers(len(ladder) // 3, 2 * len(ladder) // 3))
    for pair in range(0, bars, 2):
        chosen, moves = motif if rng.random() < repeat else phrase()
        steps = iter(moves)
        for offset, rhythm in enumerate(chosen):
            bar = pair + offset
            for start, duration in rhythm:
                place += next(steps)
                if not 0 <= place < len(ladder):
                    place = min(max(place, 0), len(ladder) - 1) + (2 if place < 0 else -2)
                if start >= beats_per_bar or bar >= bars:
                    continue
                pitch = ladder[place]
                if start % 1 == 0:
                    pitch = min(
                        (p for p in range(low, high + 1) if p % 12 in harmony.chord(bar)),
                        key=lambda p: (abs(p - pitch), p),
                    )
                notes.append((bar * beats_per_bar + start, min(duration, beats_per_bar - start), pitch))
    return tuple(notes)
