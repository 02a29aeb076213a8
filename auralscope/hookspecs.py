"""Every hook that a plugin can implement.

A plugin is a module (or a package) with functions marked by `hookimpl`. It is found through the entry-point group
`auralscope` of an installed distribution, or as a `.py` file or package in the user's plugin folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.nn.attribution.base import AttributionMethod
    from auralscope.nn.attribution.rules import Rule
    from auralscope.nn.model import ModelSpec

PROJECT = "auralscope"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def auralscope_models() -> Sequence[ModelSpec]:  # type: ignore[empty-body]
    """Models that the plugin brings.

    Called once, when the app or a command first asks for models. It should be quick: no torch, no weights read.

    Returns
    -------
    sequence of auralscope.nn.model.ModelSpec
    """


@hookspec
def auralscope_rules() -> Sequence[Rule]:  # type: ignore[empty-body]
    """Rules by which deconvolution passes steps that it does not know, or passes in another way.

    Called once, before the first model is loaded; torch may be imported here.

    Returns
    -------
    sequence of auralscope.nn.attribution.rules.Rule
        Each names torch's functions that it is for; it takes the place of a rule that is there.
    """


@hookspec
def auralscope_methods() -> Sequence[AttributionMethod]:  # type: ignore[empty-body]
    """Return attribution methods that the plugin brings, to be chosen by name as `method=`.

    Called once, before the first model is loaded; torch may be imported here.

    Returns
    -------
    sequence of auralscope.nn.attribution.base.AttributionMethod
    """
