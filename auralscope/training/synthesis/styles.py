"""Styles of the arranger: tempo, metre, chords, drums and instruments of each, read from `material.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auralscope.training.synthesis.material import DRUMS, KITS, LOOPS, MATERIAL, PATTERNS, PROGRESSIONS, RHYTHMS, Loop

if TYPE_CHECKING:
    from auralscope.training.synthesis.harmony import Rhythm

HELD = "x............... x.......x....... x...x...x...x..."


@dataclass(frozen=True, kw_only=True)
class Style:
    """A style of music.

    Attributes
    ----------
    tempo_bpm : (float, float)
    roles : mapping
        For each role the probability that it is present, and the families that can play it. Roles are "lead",
        "counter", "chords", "arpeggio", "pad", "bass".
    progressions : mapping
        For each mode its chord sequences, as degrees.
    rhythms : sequence of Rhythm
        Rhythms of the melody.
    loops : sequence of Loop
        Drum loops; empty in a style without drums.
    drums, percussion : float
        Probability of a drum kit, and of hand percussion.
    kits : sequence of int
    strums, basses : sequence of str
        Patterns of the chords and of the bass.
    beats_per_bar : int
    swing : (float, float)
    alone : float
        Probability that one instrument plays by itself.
    section : float
        Probability that all parts are of one family.
    """

    tempo_bpm: tuple[float, float]
    roles: Mapping[str, tuple[float, tuple[str, ...]]]
    progressions: Mapping[str, list[str]]
    rhythms: list[Rhythm]
    loops: list[Loop]
    kits: list[int]
    strums: list[str]
    basses: list[str]
    drums: float = 0.0
    percussion: float = 0.0
    beats_per_bar: int = 4
    swing: tuple[float, float] = (0.0, 0.0)
    alone: float = 0.0
    section: float = 0.0


_KICK, _SNARE, _CLAP, _HAT = (DRUMS[name] for name in ("kick", "snare", "clap", "hat"))
_LOOPS = LOOPS | {
    "hip-hop": [
        *(
            {_KICK: kick, _SNARE: "....X.......X...", _HAT: hat}
            for kick, hat in zip(PATTERNS["boom_bap_kicks"], PATTERNS["boom_bap_hats"] * 2, strict=False)
        ),
        *({_KICK: kick, _CLAP: "........X.......", _HAT: "x.xxx.x.x.xxxxx."} for kick in PATTERNS["trap_kicks"]),
    ],
    "dance": [
        {_KICK: "X...X...X...X..."} | hats | backbeat
        for hats in LOOPS["dance_hats"]
        for backbeat in LOOPS["dance_backbeats"]
    ],
}


def _style(entry: dict[str, Any]) -> Style:
    replaced = {
        "roles": {role: (chance, tuple(families)) for role, (chance, *families) in entry["roles"].items()},
        "progressions": PROGRESSIONS[entry["progressions"]],
        "rhythms": [rhythm for name in entry["rhythms"] for rhythm in RHYTHMS[name]],
        "loops": _LOOPS[entry["loops"]] if "loops" in entry else [],
        "kits": [KITS[name] for name in entry.get("kits", ["standard"])],
        "strums": entry.get("strums", HELD).split(),
        "basses": entry.get("basses", HELD).split(),
    }
    return Style(**{**entry, **replaced})


STYLES: Mapping[str, Style] = {name: _style(entry) for name, entry in MATERIAL["styles"].items()}
