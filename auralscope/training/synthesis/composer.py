"""Compose pieces of the three genres from a seed.

============  ===========  ==============================================================================
genre         tempo (bpm)  drums
============  ===========  ==============================================================================
``ballad``    55-85        none, or a soft kit: no kick on all four beats, hats no faster than eighths
``dance``     118-135      kick on every beat, hat or cymbal between the beats, clap or snare on 2 and 4
``hip-hop``   75-100       snare or clap on 2 and 4 (boom bap) or on 3 (half time, trap hats with rolls)
============  ===========  ==============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auralscope.training.synthesis.harmony import Harmony, Melody, diatonic
from auralscope.training.synthesis.material import DRUMS, KITS, LOOPS, PATTERNS, PROGRESSIONS, RHYTHMS
from auralscope.training.synthesis.patterns import (
    Sketch,
    arpeggio,
    bass_line,
    block_chords,
    choose,
    drum_loop,
    pad,
    pumping,
    swelling,
    tune,
)
from auralscope.training.synthesis.score import EXPRESSION, Control, Note, Score

PIECE_S = 28.0
TEMPO_BPM = {"ballad": (55.0, 85.0), "dance": (118.0, 135.0), "hip-hop": (75.0, 100.0)}


@dataclass(frozen=True)
class Material:
    """Harmony and melody of an existing song, to be arranged."""

    harmony: Harmony
    melody: Melody


def compose(genre: str, seed: int, material: Material | None = None) -> Score:
    """Compose a piece of about `PIECE_S` seconds.

    Parameters
    ----------
    genre : {"ballad", "dance", "hip-hop"}
    seed : int
        The same seed gives the same piece.
    material : Material, optional
        Harmony and melody to arrange. Default: both are invented.
    """
    rng = np.random.default_rng([seed, sorted(GENRES).index(genre)])
    tempo = float(rng.uniform(*TEMPO_BPM[genre]))
    sketch = GENRES[genre](rng, tempo, material)
    return Score(genre, seed, round(tempo, 3), sketch.beats_per_bar, tuple(sketch.parts))


def _bars(tempo: float, beats_per_bar: int) -> int:
    return math.ceil(PIECE_S * tempo / 60.0 / beats_per_bar)


def _drum(rng: np.random.Generator, names: str) -> int:
    return DRUMS[choose(rng, names.split())]


def _kit(rng: np.random.Generator, names: str) -> int:
    return KITS[choose(rng, names.split())]


def _invent(rng: np.random.Generator, progressions: dict[str, list[str]], sevenths: float) -> Harmony:
    mode = choose(rng, list(progressions))
    degrees = [int(sign) for sign in choose(rng, progressions[mode])]
    size = 4 if rng.random() < sevenths else 3
    sizes = [min(size + int(rng.random() < 0.15), 5) for _ in degrees]
    return diatonic(int(rng.integers(12)), mode, degrees, sizes)


# --- ballad ---------------------------------------------------------------------------------------------------

BALLAD_LEADS = [0, 40, 42, 52, 53, 54, 56, 60, 65, 66, 68, 71, 73, 75, 11, 24, 85, 69, 22, 26]


def _ballad(rng: np.random.Generator, tempo: float, material: Material | None) -> Sketch:
    beats_per_bar = 3 if material is None and rng.random() < 0.22 else 4
    harmony = material.harmony if material else _invent(rng, PROGRESSIONS["ballad"], sevenths=0.35)
    sketch = Sketch(
        rng, harmony, _bars(tempo, beats_per_bar), beats_per_bar, looseness_beats=float(rng.uniform(0.0, 0.018))
    )
    strength = rng.uniform(52, 88)

    # One or two instruments play the harmony.
    figures = ["arpeggio", "broken", "block", "guitar", "harp"]
    figure = choose(rng, figures)
    keys = choose(rng, [0, 0, 0, 1, 2, 4, 5, 24, 25, 46])
    if figure == "block":
        pattern = choose(rng, ["x...x...x...x...", "x.......x.......", "x...............", "x.......x...x..."])
        sketch.add("chords", keys, block_chords(sketch, pattern, centre=int(rng.integers(57, 66)), velocity=strength))
    else:
        order = choose(rng, [(0, 1, 2, 1), (0, 2, 1, 2), (0, 1, 2, 3, 2, 1), (0, 2, 3, 4, 3, 2, 1, 2), (0, 1, 2, 3)])
        step = choose(rng, [0.5, 0.5, 0.5, 0.25, 1.0]) if figure != "harp" else 0.25
        program = {"guitar": choose(rng, [24, 25, 27]), "harp": 46}.get(figure, keys)
        ring = choose(rng, [1.0, 2.0, 4.0])
        centre = int(rng.integers(50, 64))
        notes = arpeggio(sketch, order, step_beats=step, centre=centre, velocity=strength, ring_beats=ring)
        sketch.add("chords", program, notes)
    if rng.random() < 0.7:
        held = "x..............." if rng.random() < 0.6 else "x.......x......."
        program = choose(rng, [keys, 32, 33, 35, 42, 43])
        low = choose(rng, [28, 33, 36])
        sketch.add(
            "bass", program, bass_line(sketch, held, low=low, velocity=strength, moves=choose(rng, [(0,), (0, 7)]))
        )
    if rng.random() < 0.72:
        program = choose(rng, [48, 48, 49, 50, 51, 52, 89, 88, 91, 94, 19, 16, 44])
        notes = pad(sketch, centre=int(rng.integers(55, 70)), velocity=strength * 0.85)
        sketch.add("pad", program, notes, volume=72, controls=swelling(sketch) if rng.random() < 0.6 else ())
    if rng.random() < 0.8:
        low = int(rng.integers(55, 70))
        song = material.melody if material else sketch.melody(RHYTHMS["ballad"], low=low, high=low + 17)
        program = choose(rng, BALLAD_LEADS)
        notes = tune(sketch, song, velocity=strength * 1.12, octaves=rng.random() < 0.2, length=rng.uniform(0.9, 1.02))
        sketch.add("lead", program, notes, volume=95, vibrato=rng.random() < 0.6)
    if rng.random() < 0.45:
        kit = _kit(rng, "standard room brush brush")
        loop = choose(rng, LOOPS["ballad"])
        sketch.add("drums", kit, drum_loop(sketch, loop, velocity=rng.uniform(38, 78)), volume=70, drums=True)

    # A part is silent in the first bars or in the last ones.
    if rng.random() < 0.6:
        name = choose(rng, ["lead", "drums", "pad", "bass"])
        middle = int(rng.integers(1, max(sketch.bars - 1, 2)))
        first, last = (0, middle) if rng.random() < 0.7 else (middle, sketch.bars)
        sketch.silence(name, first, last)
    return sketch


# --- dance ----------------------------------------------------------------------------------------------------

DANCE_BASSES = [
    ("..x...x...x...x.", (0,), 0.6),
    ("x.xxx.xxx.xxx.xx", (0,), 0.7),
    (".xxx.xxx.xxx.xxx", (0,), 0.7),
    ("x.x.x.x.x.x.x.x.", (0, 12), 0.7),
    ("x..x..x.x..x..x.", (0, 0, 12, 0, 7, 0), 0.8),
    ("x..x..x...x.x...", (0,), 0.9),
    ("xxxxxxxxxxxxxxxx", (0, 0, 12, 0), 0.6),
    ("x...x...x...x...", (0,), 0.5),
]


def _dance(rng: np.random.Generator, tempo: float, material: Material | None) -> Sketch:
    harmony = material.harmony if material else _invent(rng, PROGRESSIONS["dance"], sevenths=0.3)
    sketch = Sketch(rng, harmony, _bars(tempo, 4), looseness_beats=float(rng.choice([0.0, 0.004])))
    sketch.swing = float(rng.choice([0.0, 0.0, 0.0, 0.2]))
    loop = {_drum(rng, "kick kick kick_2"): "X...X...X...X..."}
    loop |= choose(rng, LOOPS["dance_hats"]) | choose(rng, LOOPS["dance_backbeats"])
    drums = drum_loop(sketch, loop, velocity=rng.uniform(92, 118))
    if rng.random() < 0.6:
        drums += [sketch.note(bar * 4.0, 1.0, DRUMS["crash"], 96) for bar in range(0, sketch.bars, choose(rng, [4, 8]))]
    if rng.random() < 0.3:
        drums += _roll(sketch)
    kit = _kit(rng, "standard power electronic electronic 808 808")
    sketch.add("drums", kit, drums, volume=rng.uniform(92, 118), drums=True)

    if rng.random() < 0.92:
        pattern, moves, length = choose(rng, DANCE_BASSES)
        program = choose(rng, [38, 38, 39, 39, 87, 81, 80, 33, 36, 62])
        notes = bass_line(sketch, pattern, low=choose(rng, [26, 28, 33, 36]), velocity=105, length=length, moves=moves)
        sketch.add("bass", program, notes, volume=100)
    pumped = pumping(sketch, float(rng.uniform(0.5, 1.0))) if rng.random() < 0.7 else []
    if rng.random() < 0.7:
        program = choose(rng, [88, 89, 90, 91, 94, 95, 48, 50, 51, 81, 63, 54, 16])
        notes = pad(sketch, centre=int(rng.integers(58, 72)), velocity=92)
        sketch.add("pad", program, notes, volume=80, controls=pumped)
    if rng.random() < 0.72:
        program = choose(rng, [0, 1, 2, 62, 63, 81, 80, 90, 55, 5, 17, 61, 84])
        notes = block_chords(
            sketch,
            choose(rng, PATTERNS["dance_stabs"]),
            centre=int(rng.integers(60, 72)),
            velocity=100,
            length_beats=choose(rng, [0.2, 0.35, None]),
        )
        sketch.add("stabs", program, notes, volume=84)
    if rng.random() < 0.35:
        order = choose(rng, [(0, 1, 2), (0, 2, 1, 3), (0, 1, 2, 3, 4, 3, 2, 1), (3, 2, 1, 0)])
        notes = arpeggio(sketch, order, step_beats=0.25, centre=int(rng.integers(62, 76)), velocity=88, ring_beats=0.25)
        sketch.add("arpeggio", choose(rng, [80, 81, 84, 87, 90, 99, 11, 98]), notes, volume=74)
    if rng.random() < 0.62:
        low = int(rng.integers(60, 72))
        song = material.melody if material else sketch.melody(RHYTHMS["dance"], low=low, high=low + 14, repeat=0.8)
        program = choose(rng, [80, 81, 81, 82, 84, 85, 53, 54, 62, 87, 0, 73, 22, 65, 90])
        notes = tune(sketch, song, velocity=104, octaves=rng.random() < 0.3, length=rng.uniform(0.5, 0.95))
        sketch.add("lead", program, notes, volume=92, controls=pumped if rng.random() < 0.3 else ())
    if rng.random() < 0.25:
        _riser(sketch)

    # Some parts rest for two or four bars, and in a few pieces the drums for two.
    if rng.random() < 0.6:
        first = int(rng.integers(0, sketch.bars - 4))
        for name in ("bass", "stabs", "lead", "pad"):
            if rng.random() < 0.4:
                sketch.silence(name, first, first + choose(rng, [2, 4]))
    if rng.random() < 0.15:
        first = int(rng.integers(2, sketch.bars - 2))
        sketch.silence("drums", first, first + 2)
    return sketch


def _roll(sketch: Sketch) -> list[Note]:
    """Return a snare roll that becomes faster over the last bar of every eight."""
    notes = []
    for bar in range(7, sketch.bars, 8):
        beat = 0.0
        while beat < 4.0:
            notes.append(sketch.note(bar * 4 + beat, 0.1, DRUMS["snare"], 60 + 13 * beat))
            beat += 0.5 if beat < 1 else 0.25 if beat < 3 else 0.125
    return notes


def _riser(sketch: Sketch) -> None:
    """Add a root that rises and grows louder for four bars, then stops."""
    notes = []
    swell = []
    for first in range(sketch.beats_per_bar * 4, sketch.beats - 15, 32):
        chord = sketch.harmony.chord(0)
        for step in range(64):
            pitch = 60 + (chord[0] % 12) + step // 4
            notes.append(sketch.note(first + step / 4, 0.25, pitch, 60 + step * 0.7))
            swell.append(Control(first + step / 4, EXPRESSION, 40 + step))
    sketch.add("riser", choose(sketch.rng, [81, 90, 122, 97, 126]), notes, volume=70, controls=swell)


# --- hip-hop --------------------------------------------------------------------------------------------------

HIP_HOP_LEADS = [53, 54, 85, 52, 80, 66, 71, 26, 59, 57, 27, 67, 109, 22]


def _hip_hop(rng: np.random.Generator, tempo: float, material: Material | None) -> Sketch:
    harmony = material.harmony if material else _invent(rng, PROGRESSIONS["hip-hop"], sevenths=0.65)
    trap = bool(rng.random() < 0.45)
    sketch = Sketch(rng, harmony, _bars(tempo, 4), looseness_beats=float(rng.uniform(0.0, 0.012)))
    sketch.swing = 0.0 if trap else float(rng.uniform(0.0, 0.6))
    if trap:
        backbeat = choose(rng, ["........X.......", "........X.......", "....X.......X..."])
        loop = {
            _drum(rng, "kick kick_2"): choose(rng, PATTERNS["trap_kicks"]),
            _drum(rng, "clap snare snare_2"): backbeat,
        }
        kit = _kit(rng, "808 808 electronic standard")
    else:
        kick = choose(rng, PATTERNS["boom_bap_kicks"])
        snare = choose(rng, ["....X.......X...", "....X..-....X...", "....X..-.-..X..-", "....X.......X.-."])
        loop = {_drum(rng, "kick kick_2"): kick, _drum(rng, "snare snare_2 clap"): snare}
        loop[_drum(rng, "hat hat shaker")] = choose(rng, PATTERNS["boom_bap_hats"])
        kit = _kit(rng, "standard room power 808 electronic")
        if rng.random() < 0.3:
            loop[DRUMS["hat_open"]] = choose(rng, ["......x.........", "..............x.", "..........x....."])
    drums = drum_loop(sketch, loop, velocity=rng.uniform(88, 116), chance=0.97)
    if trap:
        drums += _trap_hats(sketch)
    sketch.add("drums", kit, drums, volume=rng.uniform(92, 118), drums=True)

    if rng.random() < 0.93:
        pattern = choose(rng, PATTERNS["trap_kicks"] if trap else PATTERNS["boom_bap_kicks"]).replace("-", ".")
        program = choose(rng, [38, 39, 39, 87] if trap else [33, 32, 35, 38, 39, 36])
        low = choose(rng, [24, 26, 28] if trap else [28, 31, 33])
        notes = bass_line(
            sketch,
            pattern,
            low=low,
            velocity=110,
            length=0.98 if trap else rng.uniform(0.6, 0.95),
            moves=choose(rng, [(0,), (0, 0, 12), (0, 0, 7), (0, -2, 0), (0, 3, 5)]),
        )
        sketch.add("bass", program, notes, volume=112)
    # The loop: a bar or two of keys, guitar, strings or brass, repeated like a sample.
    kind = choose(rng, ["chop", "chop", "arpeggio", "held"])
    program = choose(rng, [0, 1, 4, 4, 5, 11, 10, 12, 24, 26, 27, 46, 48, 49, 45, 52, 56, 61, 71, 73, 104, 107, 16])
    centre = int(rng.integers(56, 72))
    if kind == "chop":
        length = choose(rng, [0.3, 0.5, 0.9, None])
        notes = block_chords(
            sketch, choose(rng, PATTERNS["hip_hop_chops"]), centre=centre, velocity=84, length_beats=length
        )
    elif kind == "arpeggio":
        order = choose(rng, [(0, 2, 1, 2), (0, 1, 2, 3, 2, 1), (2, 1, 0, 1), (0, 3, 2, 1), (4, 2, 3, 1)])
        step = choose(rng, [0.25, 0.5, 0.5])
        notes = arpeggio(sketch, order, step_beats=step, centre=centre, velocity=80, ring_beats=step * 1.5)
    else:
        notes = pad(sketch, centre=centre, velocity=80)
        program = choose(rng, [48, 49, 50, 52, 89, 91, 16, 4])
    sketch.add("loop", program, notes, volume=80)
    if rng.random() < 0.35:
        hook = sketch.melody(RHYTHMS["hook"], low=66, high=84, leap=0.4, repeat=0.95)
        sketch.add(
            "hook", choose(rng, [11, 9, 14, 46, 73, 56, 80, 81, 75, 105]), tune(sketch, hook, velocity=86), volume=76
        )
    if rng.random() < 0.72:
        low = int(rng.integers(48, 60))
        if material and rng.random() < 0.4:
            song, length = material.melody, 0.8
        else:
            song = sketch.melody(
                RHYTHMS["rap"],
                low=low,
                high=low + int(rng.integers(5, 10)),
                leap=0.1,
                repeat=0.5,
            )
            length = rng.uniform(0.55, 0.95)
        notes = tune(sketch, song, velocity=106, length=length)
        sketch.add("lead", choose(rng, HIP_HOP_LEADS), notes, volume=98, vibrato=rng.random() < 0.2)

    if rng.random() < 0.5:
        first = int(rng.integers(0, max(sketch.bars - 2, 1)))
        sketch.silence(choose(rng, ["lead", "bass", "loop", "hook"]), first, first + 2)
    if rng.random() < 0.15:
        sketch.silence("drums", 0, 1)
    return sketch


def _trap_hats(sketch: Sketch) -> list[Note]:
    """Return hats in eighths or sixteenths, with random rolls of 32nds or triplets."""
    notes = []
    step = choose(sketch.rng, [0.5, 0.25, 0.25])
    for bar in range(sketch.bars):
        for place in range(round(4 / step)):
            beat = bar * 4 + place * step
            parts = choose(sketch.rng, [2, 3, 4]) if sketch.rng.random() < 0.14 else 1
            for part in range(parts):
                notes.append(Note(beat + part * step / parts, 0.1, DRUMS["hat"], int(70 + 20 * sketch.rng.random())))
    return notes


GENRES: dict[str, Callable[[np.random.Generator, float, Material | None], Sketch]] = {
    "ballad": _ballad,
    "dance": _dance,
    "hip-hop": _hip_hop,
}
