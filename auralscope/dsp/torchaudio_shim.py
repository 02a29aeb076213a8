"""Import torchaudio, also where its compiled library does not load.

The usual torchaudio for Linux is compiled against CUDA. With a CPU build of torch its compiled library does not load,
so `import torchaudio` fails, although the transforms used here are pure Python. torchaudio accepts a *missing*
library, so this module replaces the loader of a library that does not load by one that reports "no extension", and
imports torchaudio again.
"""

from __future__ import annotations

import sys
from types import ModuleType


def _no_extension() -> ModuleType:
    """Return a stand-in for `torchaudio._extension` that reports a missing compiled library."""

    def fail_if_no_align(_function: object) -> object:
        def fail(*_args: object, **_kwargs: object) -> None:
            raise RuntimeError("this torchaudio has no compiled alignment extension")

        return fail

    stub = ModuleType("torchaudio._extension")
    stub.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=fail_if_no_align
    )
    return stub


def _import_torchaudio() -> ModuleType:
    try:
        import torchaudio
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _no_extension()
        import torchaudio
    module: ModuleType = torchaudio
    return module


torchaudio = _import_torchaudio()
