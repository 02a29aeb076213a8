"""Architectures from the literature, by name: what `auralscope train` fits and what trained models are built from.

Describing one costs no torch; only `Architecture.build` imports it. They live beside the engine and not in `training`,
so that a model that was trained works in an app without the extra `[train]`.
"""

from __future__ import annotations

from auralscope.errors import UnknownNameError
from auralscope.nn.architectures.catalogue import CATALOGUE
from auralscope.nn.architectures.described import Architecture, Block, Dense, SampleLevel, Stack

__all__ = ["ARCHITECTURES", "Architecture", "Block", "Dense", "SampleLevel", "Stack", "architecture"]

ARCHITECTURES: dict[str, Architecture] = {each.name: each for each in CATALOGUE}
"""By name, in the order of their papers."""


def architecture(name: str) -> Architecture:
    """The architecture called `name`.

    Raises
    ------
    UnknownNameError
        Names those that there are.
    """
    if name not in ARCHITECTURES:
        raise UnknownNameError(f"There is no architecture '{name}'; there is: {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]
