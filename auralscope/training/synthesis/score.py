"""Represent music as notes and convert it to MIDI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mido

TICKS_PER_BEAT = 480
DRUM_CHANNEL = 9

# Controller numbers of the MIDI 1.0 specification.
MODULATION, VOLUME, PAN, EXPRESSION, REVERB_SEND, CHORUS_SEND = 1, 7, 10, 11, 91, 93


@dataclass(frozen=True)
class Note:
    """Note; `pitch` is a MIDI number, or the number of a drum in a part for drums."""

    start_beats: float
    duration_beats: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Control:
    """Change of a controller to a value (0 to 127)."""

    at_beats: float
    number: int
    value: int


@dataclass(frozen=True)
class Part:
    """Notes and control changes of one instrument (General MIDI program, zero-based) or drum kit."""

    name: str
    program: int
    notes: tuple[Note, ...]
    controls: tuple[Control, ...] = ()
    drums: bool = False


@dataclass(frozen=True)
class Score:
    """Piece of music.

    Attributes
    ----------
    genre : str
    seed : int
        Seed of the composer; the same seed gives the same score.
    tempo_bpm : float
        Beats (quarter notes) per minute.
    beats_per_bar : int
    parts : tuple of Part
        At most 15 are not drums.
    """

    genre: str
    seed: int
    tempo_bpm: float
    beats_per_bar: int
    parts: tuple[Part, ...]

    def to_midi(self) -> mido.MidiFile:
        """Return the piece as a MIDI file of format 1: a tempo track, then one track for each part."""
        import mido

        midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
        midi.tracks.append(
            mido.MidiTrack(
                [
                    mido.MetaMessage("track_name", name=f"{self.genre} {self.seed}"),
                    mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(self.tempo_bpm)),
                    mido.MetaMessage("time_signature", numerator=self.beats_per_bar, denominator=4),
                ]
            )
        )
        channels = (channel for channel in range(16) if channel != DRUM_CHANNEL)
        for part in self.parts:
            midi.tracks.append(_track(part, DRUM_CHANNEL if part.drums else next(channels)))
        return midi


def _track(part: Part, channel: int) -> mido.MidiTrack:
    import mido

    # (tick, order, message): at equal times, notes end before controllers change and new notes begin.
    events = [(0, 0, mido.Message("program_change", channel=channel, program=part.program))]
    for control in part.controls:
        message = mido.Message("control_change", channel=channel, control=control.number, value=control.value)
        events.append((_ticks(control.at_beats), 2, message))
    for note in part.notes:
        first = _ticks(note.start_beats)
        last = max(_ticks(note.start_beats + note.duration_beats), first + 1)
        events.append((first, 3, mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)))
        events.append((last, 1, mido.Message("note_off", channel=channel, note=note.pitch)))
    events.sort(key=lambda event: event[:2])
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=part.name)])
    now = 0
    for tick, _, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    return track


def _ticks(beats: float) -> int:
    return max(round(beats * TICKS_PER_BEAT), 0)
