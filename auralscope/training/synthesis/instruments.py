"""List the General MIDI instruments by family, with the range in which each sounds natural."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """A General MIDI program.

    Attributes
    ----------
    program : int
        Zero-based.
    family : str
        One of `FAMILIES`.
    low, high : int
        Range, as MIDI numbers.
    chordal : bool
        Whether one player can play chords on it.
    held : bool
        Whether its notes last as long as they are held; those of others decay.
    """

    program: int
    family: str
    low: int
    high: int
    chordal: bool = False
    held: bool = True


def _struck(family: str, *programs: tuple[int, int, int]) -> list[Instrument]:
    return [Instrument(program, family, low, high, chordal=True, held=False) for program, low, high in programs]


def _keys(family: str, *programs: tuple[int, int, int]) -> list[Instrument]:
    return [Instrument(program, family, low, high, chordal=True) for program, low, high in programs]


def _blown(family: str, *programs: tuple[int, int, int]) -> list[Instrument]:
    return [Instrument(program, family, low, high) for program, low, high in programs]


INSTRUMENTS: tuple[Instrument, ...] = (
    *_struck("piano", (0, 30, 98), (1, 30, 98), (3, 36, 90)),
    *_struck("electric piano", (4, 36, 88), (5, 36, 88)),
    *_struck(
        "bells and mallets",
        *((8, 60, 100), (9, 72, 103), (10, 60, 96), (11, 53, 89), (11, 53, 89), (12, 45, 91), (13, 60, 96)),
        *((14, 60, 77),),
    ),
    *_keys("organ", (16, 36, 90), (17, 36, 90), (18, 36, 90), (19, 36, 90), (20, 48, 84)),
    *_keys("accordion", (21, 53, 88), (23, 53, 88)),
    *_struck("acoustic guitar", (24, 40, 79), (25, 40, 79)),
    *_struck("electric guitar", (26, 40, 84), (27, 40, 84), (28, 40, 79)),
    *_keys("distorted guitar", (29, 40, 82), (30, 40, 82)),
    *_blown("bass", (32, 28, 52), (33, 28, 52), (34, 28, 52), (35, 28, 52), (36, 28, 52), (38, 26, 50), (39, 26, 50)),
    *_blown("strings", (40, 55, 96), (41, 48, 84), (42, 36, 74), (43, 28, 55), (44, 40, 88)),
    Instrument(45, "strings", 36, 88, held=False),
    *_keys("strings", (48, 34, 92), (48, 34, 92), (49, 34, 92), (49, 34, 92)),
    *_struck("harp", (46, 36, 96)),
    *_keys("choir", (52, 43, 81), (53, 43, 81), (52, 43, 81)),
    *_blown("brass", (56, 55, 84), (56, 55, 84), (57, 40, 72), (58, 28, 55), (59, 55, 82), (60, 41, 77)),
    *_keys("brass", (61, 40, 84)),
    *_blown("woodwind", (64, 56, 84), (65, 50, 80), (66, 44, 75), (67, 36, 68), (68, 58, 89), (69, 52, 81)),
    *_blown("woodwind", (70, 36, 70), (71, 50, 90), (72, 74, 102), (73, 60, 96), (74, 60, 93), (75, 60, 90)),
    *_keys("synth lead", (80, 45, 90), (81, 45, 90), (82, 50, 90), (84, 45, 88), (87, 36, 84)),
    *_keys("synth pad", (88, 40, 84), (89, 40, 84), (90, 40, 84), (91, 40, 84), (94, 40, 84), (95, 40, 84)),
)
SECTIONS = frozenset({48, 49, 52, 53, 61})
"""Programs that sound like several players."""

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(instrument.family for instrument in INSTRUMENTS))
ENSEMBLE_FAMILIES = frozenset({"strings", "choir", "brass", "woodwind", "bass"})
"""Families with a player for each part; in the others, one player can play several parts."""

_FAMILY_OF = {instrument.program: instrument.family for instrument in INSTRUMENTS}


def of_family(family: str) -> list[Instrument]:
    """Return the instruments of a family; common ones are repeated."""
    return [instrument for instrument in INSTRUMENTS if instrument.family == family]


def family_of(program: int) -> str:
    """Return the family of a General MIDI program (zero-based).

    Raises
    ------
    KeyError
        The program belongs to no family.
    """
    return _FAMILY_OF[program]
