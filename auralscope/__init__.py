"""AuralScope: look inside the neural networks that tag music, and hear what each layer has learned.

The public API, imported on first use: `import auralscope` costs next to nothing.

>>> import auralscope as asc
>>> clip = asc.load_clip("song.flac", start_s=30.0, duration_s=4.0)  # doctest: +SKIP
>>> run = asc.load_model("genre-convnet").analyse(clip)  # doctest: +SKIP
>>> sound = run.auralise("conv3", unit=7)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auralscope.audio.files import load_clip, write_wav
    from auralscope.catalogue import load_model, models
    from auralscope.errors import AuralScopeError
    from auralscope.nn.attribution.deconvolution import deconvolve
    from auralscope.types import Auralisation, Clip, Scores

__version__ = "0.1.0"

_HOMES = {
    "Auralisation": "types",
    "AuralScopeError": "errors",
    "Clip": "types",
    "Scores": "types",
    "deconvolve": "nn.attribution.deconvolution",
    "load_clip": "audio.files",
    "load_model": "catalogue",
    "models": "catalogue",
    "write_wav": "audio.files",
}

__all__ = [
    "AuralScopeError",
    "Auralisation",
    "Clip",
    "Scores",
    "__version__",
    "deconvolve",
    "load_clip",
    "load_model",
    "models",
    "write_wav",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'auralscope' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"auralscope.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
