"""The one place where torchvision is made importable, for libraries that import it wherever it is installed.

Nothing of it is used in this project. A torchvision compiled for CUDA beside a CPU build of torch fails as it describes
operators that its library would have brought. Declaring those, never to be called, is enough for the import.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec

import torch


def _import_torchvision() -> torch.library.Library | None:
    """Import torchvision if it is there; returns what had to be declared, which lives as long as it is held."""
    library: torch.library.Library | None = None
    while find_spec("torchvision") is not None:
        try:
            import torchvision  # noqa: F401
        except RuntimeError as failure:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(failure))
            if missing is None:
                raise
            library = library or torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
            library.define(f"{missing[1]}(Tensor boxes) -> Tensor")  # type: ignore[no-untyped-call]
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
        else:
            break
    return library


_declarations = _import_torchvision()
