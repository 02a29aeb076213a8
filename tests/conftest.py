"""What all tests share."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytest_plugins = ["speaker", "published_weights"]  # a loudspeaker that records; a server with weights

# Nothing that whoever runs the tests has trained.
os.environ["AURALSCOPE_MODELS"] = str(ROOT / "no trained models")

if sys.platform == "linux":
    # Windows open on the virtual display that pytest-xvfb starts, never on a Wayland desktop in use. With neither that
    # nor another X server, Qt would end the whole run; without windows, the rest of the tests still tell something.
    os.environ.pop("WAYLAND_DISPLAY", None)
    os.environ.pop("XDG_SESSION_TYPE", None)
    if shutil.which("Xvfb") is None and "DISPLAY" not in os.environ:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings and published references that developers and CI have beside the project."""
    folder = ROOT.parent / "shared"
    if not (folder / "README.md").is_file():
        pytest.skip("../shared is not here: the test needs its recordings or references")
    return folder
