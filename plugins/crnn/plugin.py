"""The CRNN tagger (Choi et al. 2017) as AuralScope sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auralscope.hookspecs import hookimpl

if TYPE_CHECKING:
    from auralscope.nn.model import ModelSpec


@hookimpl
def auralscope_models() -> list[ModelSpec]:
    """No model yet."""
    return []
