"""Settings and fixtures of all tests."""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytest_plugins = ["speaker", "published_weights", "networks_page"]  # loudspeaker; server with weights; docs/networks.md

# Hide the models that the user of this machine has trained.
os.environ["AURALSCOPE_MODELS"] = str(ROOT / "no trained models")

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the processes of the tests share the cores

if sys.platform == "linux":
    # Windows open on the virtual display that pytest-xvfb starts, never on a Wayland desktop in use. Without any
    # X server Qt would end the whole run; with the platform "offscreen" the other tests still run.
    os.environ.pop("WAYLAND_DISPLAY", None)
    os.environ.pop("XDG_SESSION_TYPE", None)
    if shutil.which("Xvfb") is None and "DISPLAY" not in os.environ:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes for `-n auto`: one more than cores, because tests of windows and sound wait."""
    return min((os.cpu_count() or 1) + 1, 4)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of recordings and published references beside the project; skip the test without it."""
    folder = ROOT.parent / "shared"
    if not (folder / "README.md").is_file():
        pytest.skip("../shared is not here: the test needs its recordings or references")
    return folder


_GROWTH_BYTES = 200_000_000
_collected_at_bytes = 0


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Collect garbage when earlier tests have left much: a closed window is a cycle of Python and Qt objects.

    glibc keeps the freed memory of finished threads; `malloc_trim` returns it to the system.
    """
    global _collected_at_bytes
    if sys.platform == "linux" and _resident_bytes() > _collected_at_bytes + _GROWTH_BYTES:
        gc.collect()
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)
        _collected_at_bytes = _resident_bytes()
