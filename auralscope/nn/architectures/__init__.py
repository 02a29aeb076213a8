"""Find the architectures of the tagging papers by name, for `auralscope train` and for trained models.

Describing an architecture needs no torch; only `Architecture.build` imports it. The room is not part of `training`, so
a trained model works without the extra `[train]`.
"""

from __future__ import annotations

from auralscope.errors import UnknownNameError
from auralscope.nn.architectures.catalogue import CATALOGUE, Architecture
from auralscope.nn.architectures.described import Block, Dense, SampleLevel, Stack

__all__ = ["ARCHITECTURES", "Architecture", "Block", "Dense", "SampleLevel", "Stack", "architecture"]

ARCHITECTURES: dict[str, Architecture] = {item.name: item for item in CATALOGUE}
"""All architectures by name, in the order of their papers."""


def architecture(name: str) -> Architecture:
    """Return an architecture by its name.

    Parameters
    ----------
    name : str
        A key of `ARCHITECTURES`.

    Returns
    -------
    Architecture

    Raises
    ------
    UnknownNameError
        There is no such architecture; the message lists all.
    """
    if name not in ARCHITECTURES:
        raise UnknownNameError(f"There is no architecture '{name}'; there is: {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]
