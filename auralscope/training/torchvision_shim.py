"""Make a torchvision that does not fit the installed torch importable.

AuralScope does not use torchvision, but Lightning, torchmetrics and zennit import it where it is installed. Beside a
CPU build of torch, a torchvision compiled for CUDA raises on import: it describes operators that its own library
failed to register. Declaring these operators is enough for the import; they are never called.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec

import torch


def _import_torchvision() -> torch.library.Library | None:
    """Import torchvision if it is installed. The declarations last as long as the returned library."""
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
