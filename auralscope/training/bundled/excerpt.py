"""Compose and render the bundled excerpt, in which many kinds of features occur.

Piano alone, then bass and a soft beat, then strings and a flute, then dance music: sustained harmonics, clear onsets,
low and high notes, parts with and without drums, in 24 seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from auralscope.errors import AudioFileError
from auralscope.training.synthesis.harmony import Harmony
from auralscope.training.synthesis.patterns import (
    Sketch,
    arpeggio,
    bass_line,
    block_chords,
    drum_loop,
    pad,
    pumping,
    tune,
)
from auralscope.training.synthesis.render import FLUID_R3, Room, find_font, render
from auralscope.training.synthesis.score import EXPRESSION, Control, Note, Score

TEMPO_BPM = 104.0
BARS = 10
LENGTH_S = 24.0
FADE_S = 1.6
PEAK_DB = -1.5  # Vorbis adds up to half a decibel
DRIVE = 0.9

# D minor: i9, VI7, III, VII, one bar each.
CHORDS = ((2, 5, 9, 0, 4), (10, 2, 5, 9), (5, 9, 0, 4), (0, 4, 7, 2))
SCALE = (0, 2, 3, 5, 7, 8, 10)

# (bar, beat, duration in beats, pitch)
PIANO_TUNE = (
    (0, 0.0, 1.5, 74), (0, 1.5, 0.5, 76), (0, 2.0, 1.0, 77), (0, 3.0, 1.0, 81), (1, 0.0, 1.5, 82), (1, 1.5, 0.5, 81),
    (1, 2.0, 2.0, 77), (2, 0.0, 1.0, 76), (2, 1.0, 1.0, 77), (2, 2.0, 1.0, 81), (2, 3.0, 1.0, 84), (3, 0.0, 2.5, 79),
    (3, 2.5, 0.5, 77), (3, 3.0, 1.0, 76),
)  # fmt: skip
FLUTE_TUNE = (
    (4, 0.0, 3.0, 81), (4, 3.0, 1.0, 79), (5, 0.0, 2.0, 77), (5, 2.0, 2.0, 82), (6, 0.0, 1.5, 84), (6, 1.5, 0.5, 81),
    (6, 2.0, 2.0, 79), (7, 0.0, 1.0, 76), (7, 1.0, 1.0, 79), (7, 2.0, 2.0, 84),
)  # fmt: skip
SYNTH_TUNE = (
    (8, 0.0, 0.75, 86), (8, 0.75, 0.75, 84), (8, 1.5, 0.5, 81), (8, 2.0, 0.75, 84), (8, 2.75, 0.75, 81),
    (8, 3.5, 0.5, 79), (9, 0.0, 0.75, 77), (9, 0.75, 0.75, 81), (9, 1.5, 0.5, 82), (9, 2.0, 0.75, 86),
    (9, 2.75, 0.75, 89), (9, 3.5, 0.5, 86),
)  # fmt: skip
# First and last bar of each instrument.
ENTRIES = {
    "piano": (0, 8), "piano tune": (0, 4), "bass": (2, 8), "beat": (2, 8), "strings": (4, 9), "flute": (4, 8),
    "kick and hats": (7, 10), "synth bass": (8, 10), "stabs": (8, 10), "synth lead": (8, 10), "warm pad": (8, 10),
}  # fmt: skip


def compose_excerpt() -> Score:
    """Compose the excerpt."""
    sketch = Sketch(np.random.default_rng(24), Harmony(2, SCALE, CHORDS), BARS, looseness_beats=0.006)
    piano = arpeggio(sketch, (0, 2, 3, 4, 3, 2, 3, 2), step_beats=0.5, centre=57, velocity=84, ring_beats=2.0)
    sketch.add("piano", 0, piano, volume=118)
    sketch.add("piano tune", 0, _tune(sketch, PIANO_TUNE, 108), volume=124)
    sketch.add("bass", 32, bass_line(sketch, "X.....x.x.......", low=28, velocity=96, moves=(0, 7, 0)), volume=100)
    beat = {36: "X.....x...X.....", 38: "....X..-....X...", 42: "x.x.x.x.x.x.x.xx"}
    sketch.add("beat", 0, drum_loop(sketch, beat, velocity=84), volume=74, drums=True)
    strings = pad(sketch, centre=66, velocity=84)
    grow = [Control(16 + step / 4, EXPRESSION, min(48 + 2 * step, 127)) for step in range(64)]
    sketch.add("strings", 48, strings, volume=84, controls=grow)
    sketch.add("flute", 73, _tune(sketch, FLUTE_TUNE, 98), volume=100, vibrato=True)
    dance = {36: "X...X...X...X...", 39: "....X.......X...", 46: "..x...x...x...x."}
    fill = [Note(28 + step / 4, 0.1, 38, 40 + 5 * step) for step in range(16)]
    crash = [Note(32.0, 2.0, 49, 104)]
    sketch.add("kick and hats", 24, [*drum_loop(sketch, dance, velocity=108), *fill, *crash], volume=74, drums=True)
    low = bass_line(sketch, "..x...x...x...xx", low=28, velocity=110, length=0.8)
    sketch.add("synth bass", 38, low, volume=80)
    stabs = block_chords(sketch, "x..x..x...x..x..", centre=65, velocity=96, length_beats=0.3)
    sketch.add("stabs", 62, stabs, volume=70)
    sketch.add("synth lead", 81, _tune(sketch, SYNTH_TUNE, 96), volume=74)
    sketch.add("warm pad", 89, pad(sketch, centre=60, velocity=84), volume=70, controls=pumping(sketch, 0.8))
    for name, (first, last) in ENTRIES.items():
        sketch.silence(name, 0, first)
        sketch.silence(name, last, BARS)
    return Score("excerpt", 24, TEMPO_BPM, 4, tuple(sketch.parts))


def write_excerpt(file: Path, font_folders: Sequence[Path] = ()) -> None:
    """Render the excerpt and write it as stereo Ogg Vorbis at 44.1 kHz with a peak of -1 dB, whole or not at all."""
    clip = render(compose_excerpt(), find_font(FLUID_R3, font_folders), room=Room(0.6, 0.5, 0.3, 0.0, gain=0.25))
    clip = clip.excerpt(0.0, duration_s=LENGTH_S)
    fade = np.ones(clip.n_samples)
    n_fade = round(FADE_S * clip.sample_rate)
    fade[-n_fade:] = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, n_fade))
    # Soft clipping of the drums' peaks keeps the piano loud enough.
    samples = np.tanh(DRIVE * clip.samples / clip.peak) / np.tanh(DRIVE) * fade * 10.0 ** (PEAK_DB / 20.0)
    aside = file.with_suffix(".part")
    try:
        # libsndfile's Vorbis encoder overflows its stack on one long write.
        with soundfile.SoundFile(
            aside, "w", clip.sample_rate, clip.channels, subtype="VORBIS", format="OGG", compression_level=0.55
        ) as stream:
            for first in range(0, clip.n_samples, clip.sample_rate):
                stream.write(samples[:, first : first + clip.sample_rate].T)
    except soundfile.LibsndfileError as failure:
        raise AudioFileError(f"{file} cannot be written: {failure.error_string}.") from failure
    aside.replace(file)


def _tune(sketch: Sketch, notes: Sequence[tuple[int, float, float, int]], velocity: float) -> list[Note]:
    return tune(sketch, tuple((4 * bar + beat, length, pitch) for bar, beat, length, pitch in notes), velocity=velocity)
