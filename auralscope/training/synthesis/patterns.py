"""Play chords on instruments: block chords, arpeggios, bass lines, melodies, drum loops.

Drum patterns and chord rhythms are written as on a drum machine, a sign for each sixteenth of a bar:
``x`` a stroke, ``X`` an accent, ``-`` a ghost note, ``.`` a rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from auralscope.training.synthesis.harmony import Chord, Harmony, Melody, Rhythm, melody, root, voiced
from auralscope.training.synthesis.score import (
    CHORUS_SEND,
    EXPRESSION,
    MODULATION,
    PAN,
    REVERB_SEND,
    VOLUME,
    Control,
    Note,
    Part,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SIXTEENTH = 0.25
STROKES = {"x": 0.82, "X": 1.0, "-": 0.45}

Item = TypeVar("Item")


def choose(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    """Draw one of `items`."""
    return items[int(rng.integers(len(items)))]


@dataclass
class Sketch:
    """Piece in the making: its parts, and what they share.

    Attributes
    ----------
    rng : numpy.random.Generator
    harmony : Harmony
    bars, beats_per_bar : int
    swing : float
        Delay of every second sixteenth, as a fraction of a sixteenth.
    looseness_beats : float
        Standard deviation of the starts of the notes.
    """

    rng: np.random.Generator
    harmony: Harmony
    bars: int
    beats_per_bar: int = 4
    swing: float = 0.0
    looseness_beats: float = 0.0
    parts: list[Part] = field(default_factory=list)

    @property
    def beats(self) -> int:
        return self.bars * self.beats_per_bar

    def each_bar(self) -> Iterator[tuple[float, Chord]]:
        """Iterate over the first beat of every bar and its chord."""
        for bar in range(self.bars):
            yield float(bar * self.beats_per_bar), self.harmony.chord(bar)

    def strokes(self, pattern: str) -> list[tuple[float, float]]:
        """Return a pattern as (beat, strength), cut at the end of the bar."""
        signs = pattern[: self.beats_per_bar * 4]
        return [(place * SIXTEENTH, STROKES[sign]) for place, sign in enumerate(signs) if sign != "."]

    def melody(
        self, rhythms: Sequence[Rhythm], *, low: int, high: int, leap: float = 0.2, repeat: float = 0.6
    ) -> Melody:
        """Invent a melody over the piece's chords; see `harmony.melody`."""
        shape = {"bars": self.bars, "beats_per_bar": self.beats_per_bar}
        return melody(self.rng, self.harmony, rhythms, **shape, low=low, high=high, leap=leap, repeat=repeat)

    def note(self, start: float, duration: float, pitch: int, velocity: float) -> Note:
        """Return a note with the piece's swing and looseness and a slightly random velocity."""
        sixteenth = start / SIXTEENTH
        if abs(sixteenth - round(sixteenth)) < 1e-6 and round(sixteenth) % 2:
            start += self.swing * SIXTEENTH
        start = max(start + float(self.rng.normal()) * self.looseness_beats, 0.0)
        uneven = velocity * (1.0 + 0.06 * float(self.rng.normal()))
        return Note(start, duration, min(max(pitch, 0), 127), min(max(round(uneven), 1), 127))

    def add(
        self,
        name: str,
        program: int,
        notes: Sequence[Note],
        *,
        volume: float = 90,
        controls: Sequence[Control] = (),
        drums: bool = False,
        vibrato: bool = False,
    ) -> None:
        """Add a part, with random pan, reverb, chorus and volume (controller 7) around `volume`."""
        rng = self.rng
        pan = 64 if drums or "bass" in name else int(np.clip(rng.normal(64, 18), 20, 108))
        setting = [
            Control(0, VOLUME, int(np.clip(volume * rng.uniform(0.72, 1.2), 20, 127))),
            Control(0, PAN, pan),
            Control(0, REVERB_SEND, int(rng.integers(5, 70))),
            Control(0, CHORUS_SEND, int(rng.integers(0, 30))),
        ]
        if vibrato:
            setting.append(Control(0, MODULATION, int(rng.integers(10, 70))))
        self.parts.append(Part(name, program, tuple(notes), (*setting, *controls), drums))

    def silence(self, name: str, first_bar: int, last_bar: int) -> None:
        """Remove the notes of a part from `first_bar` up to `last_bar`, exclusive."""
        low, high = first_bar * self.beats_per_bar, last_bar * self.beats_per_bar
        for place, part in enumerate(self.parts):
            if part.name == name:
                kept = tuple(note for note in part.notes if not low <= note.start_beats + 0.05 < high)
                self.parts[place] = replace(part, notes=kept)


def block_chords(
    sketch: Sketch, pattern: str, *, centre: int, velocity: float, length_beats: float | None = None
) -> list[Note]:
    """Strike the chord on the pattern; each stroke lasts until the next, or for `length_beats`."""
    strokes = sketch.strokes(pattern)
    notes = []
    for first, chord in sketch.each_bar():
        for place, (beat, strength) in enumerate(strokes):
            until = strokes[place + 1][0] if place + 1 < len(strokes) else float(sketch.beats_per_bar)
            length = length_beats or (until - beat) * 0.96
            for pitch in voiced(chord, centre):
                notes.append(sketch.note(first + beat, length, pitch, velocity * strength))
    return notes


def arpeggio(
    sketch: Sketch, order: Sequence[int], *, step_beats: float, centre: int, velocity: float, ring_beats: float
) -> list[Note]:
    """Play the notes of the chord in the given order: 0 is the lowest, the top is followed by the next octave."""
    notes = []
    count = round(sketch.beats_per_bar / step_beats)
    for first, chord in sketch.each_bar():
        pitches = voiced(chord, centre)
        for place in range(count):
            octave, which = divmod(order[place % len(order)], len(pitches))
            beat = place * step_beats
            ring = min(ring_beats, sketch.beats_per_bar - beat)
            accent = 1.0 if beat % 1 == 0 else 0.86
            notes.append(sketch.note(first + beat, ring, pitches[which] + 12 * octave, velocity * accent))
    return notes


def pad(sketch: Sketch, *, centre: int, velocity: float) -> list[Note]:
    """Hold the chord of each bar; notes in common with the next chord are tied."""
    notes: list[Note] = []
    sounding: dict[int, float] = {}
    for first, chord in [*sketch.each_bar(), (float(sketch.beats), ())]:
        held = set(voiced(chord, centre)) if chord else set()
        for pitch in [pitch for pitch in sounding if pitch not in held]:
            start = sounding.pop(pitch)
            notes.append(sketch.note(start, first - start, pitch, velocity))
        for pitch in held - sounding.keys():
            sounding[pitch] = first
    return sorted(notes, key=lambda note: (note.start_beats, note.pitch))


def bass_line(
    sketch: Sketch, pattern: str, *, low: int, velocity: float, length: float = 0.95, moves: Sequence[int] = (0,)
) -> list[Note]:
    """Play the root of the chord on the pattern.

    `moves` are semitones added to the strokes in turn. `length` is each note's share of the time to the next stroke.
    """
    strokes = sketch.strokes(pattern)
    notes = []
    for first, chord in sketch.each_bar():
        pitch = root(chord, low)
        for place, (beat, strength) in enumerate(strokes):
            until = strokes[place + 1][0] if place + 1 < len(strokes) else float(sketch.beats_per_bar)
            move = moves[place % len(moves)]
            notes.append(sketch.note(first + beat, (until - beat) * length, pitch + move, velocity * strength))
    return notes


def tune(sketch: Sketch, song: Melody, *, velocity: float, octaves: bool = False, length: float = 0.95) -> list[Note]:
    """Play a melody up to the end of the piece, with velocities that rise and fall over four bars.

    `octaves` doubles it an octave above.
    """
    notes = []
    for start, duration, pitch in song:
        if start >= sketch.beats:
            break
        swell = 0.88 + 0.12 * abs(((start / sketch.beats_per_bar) % 4) / 2 - 1)
        for extra in (0, 12) if octaves else (0,):
            notes.append(sketch.note(start, duration * length, pitch + extra, velocity * swell))
    return notes


def drum_loop(sketch: Sketch, loop: Mapping[int, str], *, velocity: float, chance: float = 1.0) -> list[Note]:
    """Play a pattern for each drum (General MIDI number) in every bar; each stroke has the probability `chance`."""
    notes = []
    for first, _ in sketch.each_bar():
        for drum, pattern in loop.items():
            for beat, strength in sketch.strokes(pattern):
                if chance >= 1.0 or sketch.rng.random() < chance:
                    notes.append(sketch.note(first + beat, 0.2, drum, velocity * strength))
    return notes


def pumping(sketch: Sketch, depth: float) -> list[Control]:
    """Return expression that drops on every beat and recovers, as with a side-chained compressor."""
    controls = []
    for beat in range(sketch.beats):
        for part, level in ((0.0, 1.0 - depth), (0.25, 1.0 - 0.65 * depth), (0.45, 1.0 - 0.25 * depth), (0.65, 1.0)):
            controls.append(Control(beat + part, EXPRESSION, round(127 * level)))
    return controls


def swelling(sketch: Sketch) -> list[Control]:
    """Return expression that rises and falls over two bars, as strings do."""
    controls = []
    for half_beat in range(2 * sketch.beats):
        phase = (half_beat / 2 / (2 * sketch.beats_per_bar)) % 1.0
        controls.append(Control(half_beat / 2, EXPRESSION, round(70 + 57 * (1 - abs(2 * phase - 1)))))
    return controls
