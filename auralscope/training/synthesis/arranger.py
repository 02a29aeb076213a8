"""Compose pieces in many styles for many instruments from a seed.

A style proposes the instruments of each role. Random choices give parts to other instruments, leave parts out, let one
instrument play alone or one family play everything, so that no tag can be inferred from another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from auralscope.training.synthesis.harmony import Rhythm, diatonic
from auralscope.training.synthesis.instruments import ENSEMBLE_FAMILIES, FAMILIES, Instrument, of_family
from auralscope.training.synthesis.material import LOOPS, RHYTHMS
from auralscope.training.synthesis.patterns import (
    Sketch,
    arpeggio,
    bass_line,
    block_chords,
    choose,
    drum_loop,
    pad,
    swelling,
    tune,
)
from auralscope.training.synthesis.score import Note, Score
from auralscope.training.synthesis.styles import STYLES, Style

PIECE_S = 30.0
SLOW_BPM, FAST_BPM = 76.0, 138.0
UNCERTAIN = 0.05
"""Minimum relative distance of every tempo from these two."""

STRANGE = 0.15
"""Probability that a part is played by a family that the style does not propose."""

ALONE = 0.22
"""Minimum probability that one instrument plays by itself, in a style that can do without drums."""

FULL = 0.12
"""Probability that all roles of the style are played; otherwise a bass and two more, which are easier to hear."""

ORDERS = [
    (0, 1, 2, 1),
    (0, 2, 1, 2),
    (0, 1, 2, 3, 2, 1),
    (0, 2, 3, 4, 3, 2, 1, 2),
    (0, 1, 2, 3),
    (0, 2, 1, 3),
    (2, 1, 0),
]


@dataclass(frozen=True)
class Piece:
    """Score with the style, mode and touch it was composed in.

    Attributes
    ----------
    score : Score
    style : str
        One of `STYLES`.
    mode : str
        "major", "minor" or "dorian".
    touch : {"", "staccato"}
        Whether the notes of all parts are shortened.
    """

    score: Score
    style: str
    mode: str
    touch: str


def arrange(seed: int) -> Piece:
    """Compose a piece of about `PIECE_S` seconds; the same seed gives the same piece."""
    rng = np.random.default_rng([seed, 77])
    name = choose(rng, list(STYLES))
    style = STYLES[name]
    tempo = _tempo(rng, style)
    beats_per_bar = style.beats_per_bar
    if name in ("classical", "folk", "lullaby") and rng.random() < 0.25:
        beats_per_bar = 3
    mode = choose(rng, list(style.progressions))
    degrees = [int(sign) for sign in choose(rng, style.progressions[mode])]
    size = 4 if name in ("jazz", "funk", "hip-hop", "dance") and rng.random() < 0.7 else 3
    harmony = diatonic(int(rng.integers(12)), mode, degrees, [size] * len(degrees))
    bars = math.ceil(PIECE_S * tempo / 60.0 / beats_per_bar)
    sketch = Sketch(rng, harmony, bars, beats_per_bar, looseness_beats=float(rng.uniform(0.0, 0.02)))
    sketch.swing = float(rng.uniform(*style.swing))
    touch = choose(rng, ["", "", "staccato"])
    _Arranger(sketch, style, touch).write()
    score = Score(name, seed, round(tempo, 3), beats_per_bar, tuple(sketch.parts))
    return Piece(score, name, mode, touch)


def _tempo(rng: np.random.Generator, style: Style) -> float:
    """Draw a tempo of the style that is clearly slow, medium or fast."""
    while True:
        tempo = float(rng.uniform(*style.tempo_bpm))
        if all(abs(tempo / border - 1.0) > UNCERTAIN for border in (SLOW_BPM, FAST_BPM)):
            return tempo


class _Arranger:
    """Writer of the parts of one piece into its sketch."""

    def __init__(self, sketch: Sketch, style: Style, touch: str) -> None:
        self.sketch = sketch
        self.rng = sketch.rng
        self.style = style
        self.touch = touch
        self.strength = float(self.rng.uniform(62, 104))

    def write(self) -> None:
        drawn = self.rng.random()
        alone = max(self.style.alone, ALONE if self.style.drums < 1.0 and self.style.section < 1.0 else 0.0)
        if drawn < alone:
            self._alone()
        elif drawn < alone + self.style.section:
            self._section()
        else:
            self._band()
        self._drums()
        if len(self.sketch.parts) > 2 and self.rng.random() < 0.3:
            part = choose(self.rng, self.sketch.parts).name
            first = int(self.rng.integers(0, max(self.sketch.bars - 2, 1)))
            self.sketch.silence(part, first, first + max(self.sketch.bars // 4, 1))

    def _alone(self) -> None:
        """Add one player: a melody, with chords if the instrument can play them."""
        families = self.style.roles["lead"][1] if self.rng.random() < 0.6 else tuple(set(FAMILIES) - {"bass"})
        instrument = self._of(choose(self.rng, sorted(families)))
        roles = [choose(self.rng, ["lead", "lead", "counter"])]
        if instrument.chordal:
            roles = choose(self.rng, [["lead", "bass"], ["lead", "arpeggio"], ["arpeggio"], ["lead", "chords", "bass"]])
            roles = ["pad", *roles[:1]] if instrument.held and self.rng.random() < 0.5 else roles
        for role in roles:
            self._part(role, instrument)

    def _section(self) -> None:
        """Add parts of one family (a string orchestra, a brass band, a choir), or of one player with two hands."""
        families = [family for _, options in self.style.roles.values() for family in options if family != "bass"]
        family = choose(self.rng, families)
        several = family in ENSEMBLE_FAMILIES
        player = self._of(family, "chords")
        roles = [role for role, (chance, _) in self.style.roles.items() if self.rng.random() < max(chance, 0.6)]
        for role in roles or ["lead", "pad"]:
            self._part(role, self._of(family, role) if several else player)

    def _band(self) -> None:
        roles = [role for role, (chance, _) in self.style.roles.items() if self.rng.random() < chance]
        if len(roles) < 2:
            roles = list(self.style.roles)[:3]
        if self.rng.random() >= FULL:
            others = [role for role in roles if role != "bass"]
            kept = {str(role) for role in self.rng.permutation(others)[:2]}
            roles = [role for role in roles if role == "bass" or role in kept]
        for role in roles:
            families = self.style.roles[role][1]
            strange = self.rng.random() < STRANGE and role != "bass"
            self._part(role, self._of(choose(self.rng, FAMILIES if strange else families), role))

    def _of(self, family: str, role: str = "lead") -> Instrument:
        """An instrument of a family; for a bass part a low one, for chords one that plays them where there is one."""
        options = of_family(family)
        if role == "bass":
            lowest = min(instrument.low for instrument in options)
            options = [instrument for instrument in options if instrument.low <= lowest + 8]
        elif role in ("chords", "pad", "arpeggio"):
            options = [instrument for instrument in options if instrument.chordal] or options
        return choose(self.rng, options)

    def _part(self, role: str, instrument: Instrument) -> None:
        sketch, rng = self.sketch, self.rng
        notes = {
            "lead": self._tune,
            "counter": self._tune,
            "chords": self._chords,
            "arpeggio": self._arpeggio,
            "pad": self._pad,
            "bass": self._bass,
        }[role](instrument, role)
        notes = [_within(note, instrument) for note in notes]
        if self.touch == "staccato" and role != "pad":
            notes = [replace(note, duration_beats=min(note.duration_beats * 0.4, 0.4)) for note in notes]
        volume = {"lead": 104, "counter": 92, "chords": 88, "arpeggio": 92, "pad": 84, "bass": 100}[role]
        swell = swelling(sketch) if instrument.held and rng.random() < 0.35 else ()
        vibrato = role in ("lead", "counter") and instrument.held and rng.random() < 0.6
        name = f"{role} {len(sketch.parts)}"
        sketch.add(name, instrument.program, notes, volume=volume, controls=swell, vibrato=vibrato)

    def _tune(self, instrument: Instrument, role: str) -> list[Note]:
        rng, sketch = self.rng, self.sketch
        span = min(int(rng.integers(11, 20)), instrument.high - instrument.low)
        low = int(rng.integers(instrument.low, instrument.high - span + 1))
        rhythms = self._rhythms() if role == "lead" else [*RHYTHMS["long"], *RHYTHMS["eighths"][1:]]
        song = sketch.melody(
            rhythms,
            low=low,
            high=low + span,
            leap=float(rng.uniform(0.1, 0.4)),
            repeat=float(rng.uniform(0.3, 0.9)),
        )
        length = float(rng.uniform(0.8, 1.0))
        octaves = instrument.chordal and rng.random() < 0.2
        return tune(sketch, song, velocity=self.strength * 1.1, octaves=octaves, length=length)

    def _rhythms(self) -> list[Rhythm]:
        if self.sketch.beats_per_bar == 3:
            return RHYTHMS["three"]
        rhythms = self.style.rhythms
        drawn = self.rng.random()
        # A few rhythms for each piece give it a character. Some pieces use rhythms of no style.
        pool = rhythms if drawn < 0.85 else RHYTHMS["long" if drawn < 0.93 else "sixteenths"]
        return [choose(self.rng, pool) for _ in range(4)]

    def _chords(self, instrument: Instrument, _role: str) -> list[Note]:
        length = choose(self.rng, [None, None, 0.3, 0.6])
        pattern = choose(self.rng, self.style.strums)
        if not instrument.chordal:
            return self._pad(instrument, "pad")
        return block_chords(
            self.sketch, pattern, centre=self._centre(instrument), velocity=self.strength, length_beats=length
        )

    def _arpeggio(self, instrument: Instrument, _role: str) -> list[Note]:
        step = choose(self.rng, [0.25, 0.5, 0.5, 1.0])
        ring = step * choose(self.rng, [1.0, 2.0, 4.0]) if not instrument.held else step
        return arpeggio(
            self.sketch,
            choose(self.rng, ORDERS),
            step_beats=step,
            centre=self._centre(instrument),
            velocity=self.strength * 0.95,
            ring_beats=ring,
        )

    def _pad(self, instrument: Instrument, _role: str) -> list[Note]:
        notes = pad(self.sketch, centre=self._centre(instrument), velocity=self.strength)
        if instrument.held:
            return notes
        # An instrument whose notes decay strikes every chord again.
        pattern = choose(self.rng, ("x...............", "x.......x.......", "x...x...x...x..."))
        return block_chords(self.sketch, pattern, centre=self._centre(instrument), velocity=self.strength)

    def _bass(self, instrument: Instrument, _role: str) -> list[Note]:
        moves = choose(self.rng, [(0,), (0,), (0, 7), (0, 12), (0, 7, 12, 7)])
        low = instrument.low + int(self.rng.integers(0, 5))
        length = float(self.rng.uniform(0.6, 0.98))
        pattern = choose(self.rng, self.style.basses)
        return bass_line(self.sketch, pattern, low=low, velocity=self.strength * 1.05, length=length, moves=moves)

    def _centre(self, instrument: Instrument) -> int:
        low, high = max(instrument.low + 6, 48), min(instrument.high - 8, 79)
        return int(self.rng.integers(low, high + 1)) if low <= high else (instrument.low + instrument.high) // 2

    def _drums(self) -> None:
        rng, sketch, style = self.rng, self.sketch, self.style
        three = sketch.beats_per_bar == 3 and style.beats_per_bar == 4
        alone = len(sketch.parts) < 2
        if style.loops and not alone and not three and rng.random() < style.drums:
            notes = drum_loop(sketch, choose(rng, style.loops), velocity=rng.uniform(74, 112), chance=0.98)
            sketch.add("drums", choose(rng, style.kits), notes, volume=rng.uniform(84, 115), drums=True)
        if not alone and not three and sketch.beats_per_bar == 4 and rng.random() < style.percussion:
            notes = drum_loop(sketch, choose(rng, LOOPS["percussion"]), velocity=rng.uniform(74, 108), chance=0.97)
            sketch.add("percussion", 0, notes, volume=rng.uniform(84, 112), drums=True)


def _within(note: Note, instrument: Instrument) -> Note:
    """Move the note by octaves into the instrument's range."""
    pitch = note.pitch
    while pitch < instrument.low:
        pitch += 12
    while pitch > instrument.high:
        pitch -= 12
    return replace(note, pitch=pitch)
