"""The hooks that a plugin can implement.

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
    """Return the models that the plugin brings.

    It is called once, when models are first listed. It must be quick: no import of torch, no reading of weights.

    Returns
    -------
    sequence of auralscope.nn.model.ModelSpec
    """


@hookspec
def auralscope_rules() -> Sequence[Rule]:  # type: ignore[empty-body]
    """Return deconvolution rules for torch functions that have none, or that need another rule.

    It is called once, before the first model is loaded; it may import torch.

    Returns
    -------
    sequence of auralscope.nn.attribution.rules.Rule
        Each names its torch functions, and replaces the rule that a function has.
    """


@hookspec
def auralscope_methods() -> Sequence[AttributionMethod]:  # type: ignore[empty-body]
    """Return attribution methods that the plugin brings, to be chosen by name as `method=`.

    It is called once, before the first model is loaded; it may import torch.

    Returns
    -------
    sequence of auralscope.nn.attribution.base.AttributionMethod
    """
