"""What the arranger knows of each style: its tempo, metre, chords, drums, and who plays in it.

Signs of drum patterns as in `auralscope.training.synthesis.patterns`, sixteen to a bar of four beats, twelve to one of
three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auralscope.training.synthesis.composer import (
    BALLAD_DRUMS,
    BALLAD_PROGRESSIONS,
    BALLAD_RHYTHMS,
    BOOM_BAP_HATS,
    BOOM_BAP_KICKS,
    CLAP,
    COWBELL,
    CRASH,
    DANCE_BACKBEATS,
    DANCE_HATS,
    DANCE_PROGRESSIONS,
    DANCE_RHYTHMS,
    HAT,
    HAT_OPEN,
    HIP_HOP_PROGRESSIONS,
    HOOK_RHYTHMS,
    KICK,
    KIT,
    KIT_808,
    KIT_BRUSH,
    KIT_ELECTRONIC,
    KIT_POWER,
    KIT_ROOM,
    RIDE,
    SHAKER,
    SNARE,
    STICK,
    TAMBOURINE,
    TRAP_KICKS,
)

if TYPE_CHECKING:
    from auralscope.training.synthesis.harmony import Rhythm

Loop = Mapping[int, str]
Families = tuple[str, ...]

BONGO_HIGH, BONGO_LOW, CONGA_MUTED, CONGA_OPEN, CONGA_LOW = 60, 61, 62, 63, 64
TIMBALE, CABASA, MARACAS, CLAVES, BLOCK, TRIANGLE = 65, 69, 70, 75, 76, 81
TOM_LOW, TOM_HIGH = 45, 50

PERCUSSION: list[Loop] = [
    {CONGA_MUTED: "x..x..x.x..x..x.", CONGA_OPEN: "......xx......xx"},
    {BONGO_HIGH: "x.xxx.xxx.xxx.xx", BONGO_LOW: ".x...x...x...x.."},
    {MARACAS: "x-x-x-x-x-x-x-x-", CLAVES: "x..x..x...x.x..."},
    {SHAKER: "x-x-x-x-x-x-x-x-", CONGA_OPEN: "...x..x....x..x."},
    {CONGA_LOW: "X.......X..x....", CONGA_MUTED: "..x.x.x...x.x.x.", CABASA: "x.x.x.x.x.x.x.x."},
    {TIMBALE: "x..x..x...x.x.xx", COWBELL: "x...x...x...x..."},
    {TRIANGLE: "x.x.x.x.x.x.x.x.", BLOCK: "x..x....x..x...."},
    {TAMBOURINE: "x.x.X.x.x.x.X.x."},
]


@dataclass(frozen=True)
class Style:
    """A kind of music.

    Attributes
    ----------
    tempo_bpm : (float, float)
    roles : mapping
        For each role how often it is there, and the families that play it. Roles are "lead", "counter", "chords",
        "arpeggio", "pad", "bass".
    progressions : mapping
        For each mode its chord sequences, as degrees.
    rhythms : list of Rhythm
        Of the tune.
    loops : list of Loop
        Of the drums; none where nobody drums.
    drums, percussion : float
        How often a drum kit and hand percussion are there.
    kits : tuple of int
    strums : tuple of str
        Patterns on which chords are struck.
    basses : tuple of str
        Patterns of the bass.
    beats_per_bar : int
    swing : (float, float)
    alone : float
        How often one instrument plays by itself.
    section : float
        How often all parts come from one family.
    """

    tempo_bpm: tuple[float, float]
    roles: Mapping[str, tuple[float, Families]]
    progressions: Mapping[str, list[str]]
    rhythms: list[Rhythm]
    loops: list[Loop] = field(default_factory=list)
    drums: float = 0.0
    percussion: float = 0.0
    kits: tuple[int, ...] = (KIT,)
    strums: tuple[str, ...] = ("x...............", "x.......x.......", "x...x...x...x...")
    basses: tuple[str, ...] = ("x...............", "x.......x.......", "x...x...x...x...")
    beats_per_bar: int = 4
    swing: tuple[float, float] = (0.0, 0.0)
    alone: float = 0.0
    section: float = 0.0


SONG: Mapping[str, list[str]] = BALLAD_PROGRESSIONS
FOLK_CHORDS = {"major": ["1415", "1145", "1514", "1454", "14151451"], "minor": ["1717", "1771", "1475", "1674"]}
BLUES_CHORDS = {"major": ["111144115415", "1414", "1625"], "minor": ["111144116511", "1414", "1625"]}
JAZZ_CHORDS = {
    "major": ["2511", "1625", "36251625", "14362511", "2251"],
    "minor": ["2511", "14736251", "1625"],
    "dorian": ["1144", "1414"],
}
DRONE = {"major": ["1", "14", "1111444411115555"], "minor": ["1", "16", "1177"], "dorian": ["1", "14"]}

EIGHTHS: list[Rhythm] = [
    tuple((place / 2, 0.5) for place in range(8)),
    ((0, 0.5), (0.5, 0.5), (1, 1), (2, 0.5), (2.5, 0.5), (3, 1)),
    ((0, 1), (1, 0.5), (1.5, 0.5), (2, 1), (3, 0.5), (3.5, 0.5)),
    ((0, 0.5), (1, 0.5), (1.5, 0.5), (2.5, 0.5), (3, 0.5)),
]
SIXTEENTHS: list[Rhythm] = [
    tuple((place / 4, 0.25) for place in range(16)),
    tuple((place / 4, 0.25) for place in (0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 14)),
    ((0, 0.5), (0.5, 0.25), (0.75, 0.25), (1, 0.5), (1.5, 0.5), (2, 0.25), (2.25, 0.25), (2.5, 0.5), (3, 1)),
    tuple((place / 3, 1 / 3) for place in range(12)),
]
LONG: list[Rhythm] = [((0, 4),), ((0, 2), (2, 2)), ((0, 3), (3, 1)), ((0, 1), (1, 3)), ((0, 1.5), (1.5, 2.5))]
RAG: list[Rhythm] = [
    ((0, 0.25), (0.25, 0.5), (0.75, 0.25), (1, 0.5), (1.5, 0.5), (2, 0.25), (2.25, 0.5), (2.75, 0.25), (3, 1)),
    ((0.25, 0.25), (0.5, 0.5), (1, 0.25), (1.25, 0.5), (1.75, 0.75), (2.5, 0.5), (3, 0.25), (3.25, 0.75)),
    ((0, 0.5), (0.5, 0.25), (0.75, 0.5), (1.25, 0.25), (1.5, 0.5), (2, 0.5), (2.5, 0.25), (2.75, 0.5), (3.25, 0.5)),
]
SWUNG: list[Rhythm] = [
    ((0, 0.5), (0.67, 0.33), (1, 0.67), (1.67, 0.83), (2.67, 0.33), (3, 1)),
    ((0.67, 0.33), (1, 0.67), (1.67, 0.33), (2, 0.67), (2.67, 0.33), (3, 0.67), (3.67, 0.33)),
    ((0, 1.5), (1.67, 1.3), (3.67, 0.33)),
    tuple(beat for place in range(4) for beat in ((place, 0.67), (place + 0.67, 0.33))),
]
THREE: list[Rhythm] = [
    ((0, 2), (2, 1)),
    ((0, 1), (1, 1), (2, 1)),
    ((0, 1.5), (1.5, 0.5), (2, 1)),
    ((0, 3),),
    ((0, 0.5), (0.5, 0.5), (1, 0.5), (1.5, 0.5), (2, 0.5), (2.5, 0.5)),
    ((0, 1), (1, 2)),
]
DOTTED: list[Rhythm] = [
    ((0, 0.75), (0.75, 0.25), (1, 1), (2, 0.75), (2.75, 0.25), (3, 1)),
    ((0, 1), (1, 1), (2, 0.5), (2.5, 0.5), (3, 1)),
    ((0, 1.5), (1.5, 0.5), (2, 1), (3, 1)),
]

ROCK_LOOPS: list[Loop] = [
    {KICK: "X.......X.x.....", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
    {KICK: "X..x....X.x.....", SNARE: "....X.......X...", HAT_OPEN: "x...x...x...x..."},
    {KICK: "X.x.....X.x...x.", SNARE: "....X.......X...", RIDE: "x.x.x.x.x.x.x.x."},
    {KICK: "X.......X.......", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x.", CRASH: "X..............."},
    {KICK: "X...X...X...X...", SNARE: "..X...X...X...X.", CRASH: "x...x...x...x..."},
]
JAZZ_LOOPS: list[Loop] = [
    {RIDE: "x...x..xx...x..x", HAT: "....x.......x..."},
    {RIDE: "x...x..xx...x..x", HAT: "....x.......x...", SNARE: "...-..-....-...."},
    {RIDE: "x...x..xx...x..x", KICK: "-...-...-...-...", HAT: "....x.......x..."},
    {SNARE: "x-.xx-.xx-.xx-.x", HAT: "....x.......x..."},
]
FUNK_LOOPS: list[Loop] = [
    {KICK: "X..x..x...x..x..", SNARE: "....X..-.-..X..-", HAT: "x-x-x-x-x-x-x-x-"},
    {KICK: "X.x...x..x.x....", SNARE: "....X..-.-..X...", HAT: "x.xxx.xxx.xxx.xx"},
    {KICK: "X.....x...X..x..", SNARE: "....X.-.....X.-.", HAT: "x.x.x.x.x.x.x.x.", HAT_OPEN: "..............x."},
]
BREAK_LOOPS: list[Loop] = [
    {KICK: "X.........x.....", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
    {KICK: "X.x.......x.....", SNARE: "....X..-.-..X..-", HAT: "x-x-x-x-x-x-x-x-"},
    {KICK: "X.X.......XX....", SNARE: "....X..X.X..X..X", RIDE: "x.x.x.x.x.x.x.x."},
    {KICK: "X.....x...x.....", SNARE: "....X..-.X....X.", HAT: "x.x.x.x.x.x.x.x."},
]
LATIN_LOOPS: list[Loop] = [
    {KICK: "X..xX..xX..xX..x", STICK: "x..x..x...x..x..", HAT: "x.x.x.x.x.x.x.x."},
    {KICK: "X.....x.X.....x.", STICK: "..x...x...x.x...", RIDE: "x.x.x.x.x.x.x.x."},
    {COWBELL: "x...x.x.x...x.x.", KICK: "X.......X......."},
]
MARCH_LOOPS: list[Loop] = [
    {KICK: "X.......X.......", SNARE: "X...x.xxX...x.xx", CRASH: "....x.......x..."},
    {KICK: "X...x...X...x...", SNARE: "x.xxx.x.x.xxx.x."},
    {SNARE: "X..xx...X..xxxxx", KICK: "X.......X......."},
]
WALTZ_LOOPS: list[Loop] = [
    {KICK: "X...........", SNARE: "....x...x..."},
    {KICK: "X...........", HAT: "....x...x..."},
    {KICK: "X...........", RIDE: "x...x...x...", STICK: "....x...x..."},
]
HIP_HOP_LOOPS: list[Loop] = [
    *(
        {KICK: kick, SNARE: "....X.......X...", HAT: hat}
        for kick, hat in zip(BOOM_BAP_KICKS, BOOM_BAP_HATS * 2, strict=False)
    ),
    *({KICK: kick, CLAP: "........X.......", HAT: "x.xxx.x.x.xxxxx."} for kick in TRAP_KICKS),
]
DANCE_LOOPS: list[Loop] = [
    {KICK: "X...X...X...X..."} | hats | backbeat for hats in DANCE_HATS for backbeat in DANCE_BACKBEATS
]

ORCHESTRAL = ("strings", "woodwind", "brass")

STYLES: Mapping[str, Style] = {
    "classical": Style(
        (54, 150),
        {
            "lead": (0.9, ("strings", "woodwind", "brass", "piano", "harp")),
            "counter": (0.6, ORCHESTRAL),
            "pad": (0.55, ("strings", "brass", "organ", "choir")),
            "arpeggio": (0.45, ("piano", "harp", "strings", "woodwind")),
            "bass": (0.6, ("strings", "strings", "woodwind")),
        },
        SONG,
        [*EIGHTHS, *SIXTEENTHS, *LONG, *DOTTED],
        percussion=0.0,
        basses=("x...x...x...x...", "x.......x.......", "x.x.x.x.x.x.x.x."),
        alone=0.35,
        section=0.4,
    ),
    "ballad": Style(
        (52, 82),
        {
            "lead": (0.8, ("strings", "woodwind", "choir", "acoustic guitar", "electric guitar", "piano", "brass")),
            "arpeggio": (0.55, ("piano", "acoustic guitar", "electric piano", "harp")),
            "chords": (0.45, ("piano", "electric piano", "acoustic guitar", "organ")),
            "pad": (0.6, ("strings", "synth pad", "choir")),
            "bass": (0.7, ("bass",)),
        },
        SONG,
        BALLAD_RHYTHMS,
        [*BALLAD_DRUMS],
        drums=0.5,
        percussion=0.1,
        kits=(KIT, KIT_ROOM, KIT_BRUSH),
        alone=0.15,
        section=0.05,
    ),
    "folk": Style(
        (84, 150),
        {
            "lead": (0.9, ("strings", "woodwind", "accordion", "acoustic guitar")),
            "chords": (0.75, ("acoustic guitar", "accordion", "acoustic guitar", "harp")),
            "arpeggio": (0.4, ("acoustic guitar", "harp")),
            "bass": (0.4, ("bass",)),
        },
        FOLK_CHORDS,
        [*EIGHTHS, *DOTTED],
        drums=0.0,
        percussion=0.3,
        strums=("x...x.x...x.x.x.", "x..xx.x.x..xx.x.", "..x...x...x...x.", "x.x.x.x.x.x.x.x."),
        alone=0.3,
        section=0.08,
    ),
    "rock": Style(
        (98, 160),
        {
            "lead": (0.6, ("distorted guitar", "electric guitar", "organ", "choir")),
            "chords": (0.95, ("distorted guitar", "electric guitar", "distorted guitar", "piano")),
            "arpeggio": (0.2, ("electric guitar",)),
            "pad": (0.25, ("organ", "strings", "synth pad")),
            "bass": (0.95, ("bass",)),
        },
        {"major": ["1455", "1564", "1715", "1411"], "minor": ["1671", "1764", "1114", "1614"]},
        EIGHTHS,
        ROCK_LOOPS,
        drums=1.0,
        percussion=0.05,
        kits=(KIT, KIT_ROOM, KIT_POWER),
        strums=("x.x.x.x.x.x.x.x.", "X..x..x.X..x..x.", "X...............", "xxxxxxxxxxxxxxxx", "X..xx.x.X..xx.x."),
        basses=("x.x.x.x.x.x.x.x.", "X..x..x.X..x..x.", "xxxxxxxxxxxxxxxx"),
    ),
    "jazz": Style(
        (88, 210),
        {
            "lead": (0.9, ("woodwind", "brass", "bells and mallets", "piano", "electric guitar")),
            "counter": (0.25, ("brass", "woodwind")),
            "chords": (0.75, ("piano", "electric guitar", "bells and mallets", "organ", "electric piano")),
            "bass": (0.85, ("bass",)),
        },
        JAZZ_CHORDS,
        SWUNG,
        JAZZ_LOOPS,
        drums=0.75,
        percussion=0.05,
        kits=(KIT, KIT_BRUSH, KIT_BRUSH),
        strums=("x.....x.........", "...x......x.....", "x..x......x...x.", "..x...x...x...x."),
        basses=("x...x...x...x...", "x...x...x..xx..."),
        swing=(0.45, 0.7),
        alone=0.15,
        section=0.08,
    ),
    "ragtime": Style(
        (84, 116),
        {
            "lead": (1.0, ("piano",)),
            "chords": (1.0, ("piano",)),
            "bass": (1.0, ("piano",)),
        },
        {"major": ["1155", "1625", "1451", "11445511"], "minor": ["1155", "1451"]},
        RAG,
        strums=("....x.......x...",),
        basses=("x.......x.......",),
        section=1.0,
    ),
    "funk": Style(
        (92, 116),
        {
            "lead": (0.5, ("brass", "woodwind", "organ", "synth lead")),
            "chords": (0.95, ("electric guitar", "electric piano", "organ", "brass")),
            "counter": (0.3, ("brass",)),
            "bass": (1.0, ("bass",)),
        },
        {"minor": ["1", "11", "14"], "dorian": ["1", "14", "1144"], "major": ["1", "14"]},
        [*SIXTEENTHS[1:3], *HOOK_RHYTHMS],
        FUNK_LOOPS,
        drums=1.0,
        percussion=0.35,
        strums=("..x..x.x..x..x.x", "x.xx..x.x.xx..x.", "....x..x....x..x"),
        basses=("x..x..x.x..x.xx.", "X.x..x.xX.x..x..", "x.....xxx.x..x.."),
        swing=(0.0, 0.25),
    ),
    "latin": Style(
        (92, 140),
        {
            "lead": (0.8, ("brass", "woodwind", "accordion", "acoustic guitar", "bells and mallets")),
            "chords": (0.85, ("acoustic guitar", "piano", "electric guitar")),
            "bass": (0.9, ("bass",)),
            "counter": (0.2, ("brass",)),
        },
        {"major": ["2511", "1425", "1451"], "minor": ["1451", "1765", "1145"]},
        [*EIGHTHS, *HOOK_RHYTHMS],
        LATIN_LOOPS,
        drums=0.45,
        percussion=0.95,
        strums=("x..x..x...x.x...", "..xx..x...xx..x.", "x..x..x.x..x..x."),
        basses=("x..x..x.x..x..x.", "x.....x.x.....x.", "...x..x....x..x."),
    ),
    "dance": Style(
        (116, 136),
        {
            "lead": (0.7, ("synth lead", "synth lead", "piano", "choir")),
            "chords": (0.6, ("piano", "synth lead", "organ")),
            "arpeggio": (0.4, ("synth lead", "bells and mallets")),
            "pad": (0.7, ("synth pad", "strings")),
            "bass": (0.95, ("bass",)),
        },
        DANCE_PROGRESSIONS,
        DANCE_RHYTHMS,
        DANCE_LOOPS,
        drums=1.0,
        percussion=0.15,
        kits=(KIT_ELECTRONIC, KIT_808, KIT_POWER),
        strums=("x..x..x...x..x..", "..x...x...x...x.", "x..x..x.x..x..x."),
        basses=("..x...x...x...x.", "x.xxx.xxx.xxx.xx", "x.x.x.x.x.x.x.x.", "xxxxxxxxxxxxxxxx"),
    ),
    "drum and bass": Style(
        (162, 180),
        {
            "lead": (0.45, ("synth lead", "electric piano", "choir", "piano")),
            "pad": (0.7, ("synth pad", "strings")),
            "arpeggio": (0.25, ("synth lead", "electric piano")),
            "bass": (0.95, ("bass",)),
        },
        {"minor": ["1", "16", "1617", "1144"], "dorian": ["1", "14"]},
        [*LONG, *EIGHTHS],
        BREAK_LOOPS,
        drums=1.0,
        percussion=0.1,
        kits=(KIT, KIT_ELECTRONIC, KIT_POWER, KIT_ROOM),
        basses=("x.......x.......", "x...............", "x..x......x.....", "x.x.....x..x..x."),
    ),
    "hip-hop": Style(
        (74, 100),
        {
            "chords": (0.7, ("piano", "electric piano", "electric guitar", "strings", "brass")),
            "arpeggio": (0.35, ("piano", "bells and mallets", "harp", "acoustic guitar")),
            "pad": (0.3, ("synth pad", "strings", "choir")),
            "lead": (0.4, ("synth lead", "woodwind", "bells and mallets", "choir")),
            "bass": (0.95, ("bass",)),
        },
        HIP_HOP_PROGRESSIONS,
        HOOK_RHYTHMS,
        HIP_HOP_LOOPS,
        drums=1.0,
        percussion=0.1,
        kits=(KIT, KIT_808, KIT_808, KIT_ELECTRONIC),
        strums=("x..x....x..x....", "x.....x...x.....", "x..............."),
        basses=("X.....x...x.....", "X..x......x..x..", "X.........X..x.."),
        swing=(0.0, 0.5),
    ),
    "ambient": Style(
        (50, 76),
        {
            "pad": (1.0, ("synth pad", "choir", "strings", "synth pad", "organ")),
            "counter": (0.35, ("synth pad", "choir", "strings")),
            "arpeggio": (0.35, ("bells and mallets", "harp", "electric piano", "synth pad")),
            "lead": (0.35, ("bells and mallets", "woodwind", "synth lead", "piano")),
            "bass": (0.25, ("bass", "synth pad")),
        },
        DRONE,
        LONG,
        basses=("x...............",),
        alone=0.05,
        section=0.15,
    ),
    "march": Style(
        (104, 132),
        {
            "lead": (1.0, ("brass", "woodwind")),
            "counter": (0.7, ("brass", "woodwind")),
            "chords": (0.8, ("brass",)),
            "bass": (0.95, ("brass",)),
        },
        {"major": ["1145", "1415", "1524", "1451"], "minor": ["1145", "1451"]},
        DOTTED,
        MARCH_LOOPS,
        drums=0.8,
        strums=("....x.......x...", "..x...x...x...x."),
        basses=("x.......x.......", "x...x...x...x..."),
        section=0.3,
    ),
    "waltz": Style(
        (92, 190),
        {
            "lead": (0.95, ("strings", "accordion", "piano", "woodwind", "bells and mallets")),
            "chords": (0.95, ("piano", "accordion", "strings", "acoustic guitar", "harp")),
            "bass": (0.95, ("strings", "bass", "piano")),
            "counter": (0.25, ("strings", "woodwind")),
        },
        SONG,
        THREE,
        WALTZ_LOOPS,
        drums=0.15,
        strums=("....x...x...",),
        basses=("x...........",),
        beats_per_bar=3,
        alone=0.1,
        section=0.3,
    ),
    "lullaby": Style(
        (60, 92),
        {
            "lead": (0.9, ("bells and mallets", "bells and mallets", "harp", "woodwind", "choir")),
            "arpeggio": (0.7, ("bells and mallets", "harp", "piano", "strings")),
            "pad": (0.5, ("strings", "choir", "synth pad")),
            "bass": (0.2, ("strings",)),
        },
        SONG,
        [*EIGHTHS, *BALLAD_RHYTHMS],
        alone=0.3,
        section=0.25,
    ),
}
