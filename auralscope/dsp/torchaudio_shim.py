"""The one place where torchaudio is imported.

The registry's torchaudio for Linux is compiled against CUDA. Beside a CPU build of torch its compiled library does
not load, and neither does `import torchaudio`, although the transforms used here are pure Python. torchaudio
itself treats a *missing* library as normal, so where the library is there but does not load, this module puts the
same answer ("no extension") in place of the loader and imports torchaudio again.
"""

from __future__ import annotations

import sys
from types import ModuleType


def _no_extension() -> ModuleType:
    """What `torchaudio._extension` is when the compiled library is not there."""

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
