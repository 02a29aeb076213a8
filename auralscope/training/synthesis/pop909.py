"""Read songs of POP909 as material to arrange (Z. Wang et al., ISMIR 2020; MIDI, MIT licence)."""

from __future__ import annotations

import io
import lzma
import re
import tarfile
from pathlib import Path

import numpy as np

from auralscope.errors import TrainingError
from auralscope.training.synthesis.composer import Material
from auralscope.training.synthesis.harmony import MODES, Chord, Harmony

BEATS_PER_BAR = 4
BARS = 16
PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# Chord qualities by prefix, longer ones first. Any other is read as a major triad.
QUALITIES = [
    ("maj7", (0, 4, 7, 11)), ("min7", (0, 3, 7, 10)), ("hdim7", (0, 3, 6, 10)), ("dim", (0, 3, 6)), ("aug", (0, 4, 8)),
    ("sus2", (0, 2, 7)), ("sus4", (0, 5, 7)), ("min", (0, 3, 7)), ("7", (0, 4, 7, 10)), ("maj", (0, 4, 7)),
]  # fmt: skip


def read(archive: Path) -> list[Material]:
    """Read sixteen bars of every song in the archive that has chords, beats and a melody.

    Parameters
    ----------
    archive : Path
        The data set as a tar file, compressed or not.

    Raises
    ------
    TrainingError
        The archive cannot be read, or contains no such song.
    """
    try:
        with tarfile.open(archive) as tar:
            files = {
                name: stream.read()
                for name in tar.getnames()
                if name.endswith((".mid", "chord_midi.txt", "beat_midi.txt", "key_audio.txt"))
                and (stream := tar.extractfile(name)) is not None
            }
    except (OSError, tarfile.TarError, EOFError, lzma.LZMAError) as failure:
        reason = (str(failure).splitlines() or [type(failure).__name__])[0].rstrip(":. ")
        raise TrainingError(f"The POP909 archive {archive} cannot be read: {reason}.") from failure
    folders = sorted({name.rpartition("/")[0] for name in files if name.endswith("chord_midi.txt")})
    songs = [_song(folder, files) for folder in folders]
    materials = [song for song in songs if song is not None]
    if not materials:
        raise TrainingError(f"The archive {archive} holds no song of POP909 (folders of MIDI, chords, beats and keys).")
    return materials


def _song(folder: str, files: dict[str, bytes]) -> Material | None:
    number = folder.rpartition("/")[2]
    names = [f"{folder}/{number}.mid", f"{folder}/chord_midi.txt", f"{folder}/beat_midi.txt", f"{folder}/key_audio.txt"]
    if any(name not in files for name in names):
        return None
    midi, chord_text, beat_text, key_text = (files[name] for name in names)
    tune = _tune(midi)
    beats = np.array([float(line.split()[0]) for line in beat_text.decode().splitlines() if line.strip()])
    rows = [line.split() for line in chord_text.decode().splitlines() if len(line.split()) == 3]
    if len(tune) < 16 or len(beats) < BARS * BEATS_PER_BAR or not rows:
        return None

    def beat_at(time_s: float) -> float:
        return float(np.interp(time_s, beats, np.arange(len(beats))))

    # Bars are counted from the first chord after the entry of the melody.
    chords = [(round(beat_at(float(start))), chord) for start, _, name in rows if (chord := _chord(name))]
    entry = beat_at(tune[0][0]) - 1
    first = next((beat for beat, _ in chords if beat >= entry), None)
    if first is None:
        return None
    bars = []
    for bar in range(BARS):
        before = [chord for beat, chord in chords if beat <= first + bar * BEATS_PER_BAR + 0.5]
        bars.append(before[-1])
    melody = []
    for start_s, end_s, pitch in tune:
        start = round((beat_at(start_s) - first) * 4) / 4
        duration = max(round((beat_at(end_s) - beat_at(start_s)) * 4) / 4, 0.25)
        if 0 <= start < BARS * BEATS_PER_BAR:
            melody.append((start, min(duration, BARS * BEATS_PER_BAR - start), pitch))
    if len(melody) < 16:
        return None
    tonic, mode = _key(key_text.decode())
    return Material(Harmony(tonic, MODES[mode], tuple(bars)), tuple(melody))


def _tune(midi: bytes) -> list[tuple[float, float, int]]:
    """Return the notes of the track MELODY as (start_s, end_s, pitch); none if the file is damaged."""
    import mido

    try:
        song = mido.MidiFile(file=io.BytesIO(midi))
    except (OSError, EOFError, ValueError):
        return []
    melody = [track for track in song.tracks if track.name == "MELODY"]
    if not melody:
        return []
    tempo_track = [track for track in song.tracks if any(message.type == "set_tempo" for message in track)]
    alone = mido.MidiFile(type=1, ticks_per_beat=song.ticks_per_beat)
    alone.tracks = [*tempo_track[:1], *(track for track in melody if track is not (tempo_track or [None])[0])]
    now, sounding, notes = 0.0, {}, []
    for message in alone:
        now += message.time
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.note] = now
        elif message.type in ("note_on", "note_off") and message.note in sounding:
            notes.append((sounding.pop(message.note), now, message.note))
    return sorted(notes)


def _chord(name: str) -> Chord | None:
    found = re.fullmatch(r"([A-G])([#b]*):([^/]*)(/.*)?", name)
    if found is None:
        return None
    letter, accidentals, quality, _ = found.groups()
    base = PITCH_CLASSES[letter] + accidentals.count("#") - accidentals.count("b")
    steps = next((steps for begin, steps in QUALITIES if quality.startswith(begin)), (0, 4, 7))
    return tuple((base + step) % 12 for step in steps)


def _key(text: str) -> tuple[int, str]:
    """Return the first annotated key as `(pitch class, mode)`; C major if there is none."""
    found = re.search(r"([A-G])([#b]?):(maj|min)", text)
    if found is None:
        return 0, "major"
    letter, accidental, mode = found.groups()
    tonic = PITCH_CLASSES[letter] + {"#": 1, "b": -1, "": 0}[accidental]
    return tonic % 12, "major" if mode == "maj" else "minor"
