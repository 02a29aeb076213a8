"""List the General MIDI instruments by family, with the range in which each sounds natural."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auralscope.training.synthesis.material import MATERIAL


@dataclass(frozen=True)
class Instrument:
    """A General MIDI program.

    Attributes
    ----------
    program : int
        Zero-based.
    low, high : int
        Range, as MIDI numbers.
    family : str
        One of `FAMILIES`.
    chordal : bool
        Whether one player can play chords on it.
    held : bool
        Whether its notes last as long as they are held; those of others decay.
    """

    program: int
    low: int
    high: int
    family: str
    chordal: bool
    held: bool


# Whether one player can play chords, and whether notes last as long as they are held.
_MANNERS = {"struck": (True, False), "keys": (True, True), "blown": (False, True), "plucked": (False, False)}


def _instrument(program: str, family: str, manner: str) -> Instrument:
    number, low, high = (int(part) for part in re.split("[:-]", program))
    return Instrument(number, low, high, family, *_MANNERS[manner])


INSTRUMENTS = tuple(
    _instrument(program, entry["family"], entry["manner"])
    for entry in MATERIAL["instruments"]
    for program in entry["programs"].split()
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
