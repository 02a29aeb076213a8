"""Tests of the composed music, read from its MIDI."""

from __future__ import annotations

import io
from collections import defaultdict

import mido
import pytest

from auralscope.training.bundled.excerpt import compose_excerpt
from auralscope.training.synthesis.composer import GENRES, PIECE_S, TEMPO_BPM, compose

# What the composer's docstring promises, written down once more by hand.
DOCUMENTED_BPM = {"ballad": (55, 85), "dance": (118, 135), "hip-hop": (75, 100)}
SEEDS = range(40)
KICKS, BACKBEATS, HATS = {35, 36}, {37, 38, 39, 40}, {42, 46}


def midi_bytes(genre: str, seed: int) -> bytes:
    stream = io.BytesIO()
    compose(genre, seed).to_midi().save(file=stream)
    return stream.getvalue()


def drum_beats(midi: mido.MidiFile) -> dict[int, list[float]]:
    """Return the beats of each drum, rounded to sixteenths, without swing and looseness."""
    beats = defaultdict(list)
    for track in midi.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == "note_on" and message.channel == 9 and message.velocity > 0:
                beats[message.note].append(round(now / midi.ticks_per_beat * 4) / 4)
    return beats


def read_back(genre: str, seed: int) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(midi_bytes(genre, seed)))


@pytest.mark.parametrize("genre", GENRES)
def test_the_same_seed_composes_the_same_piece(genre: str) -> None:
    assert midi_bytes(genre, 7) == midi_bytes(genre, 7)


@pytest.mark.parametrize("genre", GENRES)
def test_every_seed_composes_another_piece(genre: str) -> None:
    assert len({midi_bytes(genre, seed) for seed in SEEDS}) == len(SEEDS)


def test_documented_genres_and_tempos_are_the_code_s() -> None:
    assert TEMPO_BPM == DOCUMENTED_BPM
    assert set(GENRES) == set(DOCUMENTED_BPM)


@pytest.mark.parametrize("genre", GENRES)
def test_tempo_length_and_notes_are_within_their_ranges(genre: str) -> None:
    low, high = DOCUMENTED_BPM[genre]
    for seed in SEEDS:
        midi = read_back(genre, seed)
        messages = [message for track in midi.tracks for message in track]
        tempos = [mido.tempo2bpm(message.tempo) for message in messages if message.type == "set_tempo"]
        assert len(tempos) == 1
        assert low - 0.01 <= tempos[0] <= high + 0.01
        assert PIECE_S * 0.9 <= midi.length <= PIECE_S * 1.3
        assert sum(message.type == "note_on" for message in messages) > 25
        sounding = defaultdict(int)
        for message in midi:
            if message.type == "note_on":
                sounding[message.channel, message.note] += 1
            elif message.type == "note_off":
                sounding[message.channel, message.note] -= 1
        assert not any(sounding.values())


def test_dance_has_a_kick_on_every_beat_and_something_between() -> None:
    for seed in SEEDS:
        struck = drum_beats(read_back("dance", seed))
        kicks = {beat for drum in KICKS for beat in struck[drum]}
        beats = range(int(max(kicks)) + 1)
        # The drums may rest for two bars.
        assert len([beat for beat in beats if beat not in kicks]) in (0, 8)
        assert any(beat % 1 == 0.5 for drum, where in struck.items() if drum not in KICKS for beat in where)


def test_ballads_have_soft_drums_or_none() -> None:
    with_drums = 0
    for seed in SEEDS:
        score = compose("ballad", seed)
        struck = drum_beats(score.to_midi())
        with_drums += bool(struck)
        for drum in KICKS:
            bar_beats = {beat % score.beats_per_bar for beat in struck[drum]}
            assert not {0.0, 1.0, 2.0} <= bar_beats
        for drum in HATS:
            assert all(beat % 0.5 == 0 for beat in struck[drum])
        velocities = [note.velocity for part in score.parts if part.drums for note in part.notes]
        assert max(velocities, default=0) < 100
    assert 0 < with_drums < len(SEEDS)


def test_hip_hop_has_its_backbeat_but_no_kick_on_every_beat() -> None:
    half_time = 0
    for seed in SEEDS:
        struck = drum_beats(read_back("hip-hop", seed))
        backbeat = {beat % 4 for drum in BACKBEATS for beat in struck[drum]}
        assert {1.0, 3.0} <= backbeat or 2.0 in backbeat
        half_time += not {1.0, 3.0} <= backbeat
        kicks = {beat % 4 for drum in KICKS for beat in struck[drum]}
        assert kicks
        assert not {0.0, 1.0, 2.0, 3.0} <= kicks
    assert 0 < half_time < len(SEEDS)


def test_instruments_overlap_between_genres() -> None:
    """Instruments do not identify a genre: each genre shares many with every other."""
    programs = {
        genre: {part.program for seed in range(150) for part in compose(genre, seed).parts if not part.drums}
        for genre in GENRES
    }
    for genre, own in programs.items():
        for other, theirs in programs.items():
            if other != genre:
                assert len(own & theirs) >= 10


def test_excerpt_starts_with_piano_alone_and_grows() -> None:
    score = compose_excerpt()
    bar_s = 4 * 60 / score.tempo_bpm
    entry = {part.name: min(note.start_beats for note in part.notes) / 4 for part in score.parts}
    assert {name for name, bar in entry.items() if bar < 1.9} == {"piano", "piano tune"}
    assert entry["bass"] == pytest.approx(2, abs=0.1)
    assert entry["strings"] == pytest.approx(4, abs=0.1)
    assert entry["synth bass"] > 7.9
    assert 23 < 10 * bar_s < 24
