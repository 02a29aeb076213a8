"""Fixtures for tests that render sound."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from auralscope.errors import TrainingError
from auralscope.training.synthesis.render import TIM, find_font


@pytest.fixture(scope="session")
def tim() -> Path:
    """Return the smallest sound font; skip the test without it or FluidSynth."""
    if shutil.which("fluidsynth") is None:
        pytest.skip("fluidsynth is not installed: nothing can be rendered")
    try:
        return find_font(TIM)
    except TrainingError:
        pytest.skip(f"{TIM.file_name} is not installed (package {TIM.package}): nothing can be rendered")
