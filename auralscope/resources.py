"""Where the files that come with the program lie."""

from __future__ import annotations

from pathlib import Path


def resource(name: str) -> Path:
    """Path of a bundled file, in an installed package or a checkout."""
    package = Path(__file__).parent
    installed = package / "_resources"
    return (installed if installed.is_dir() else package.parent / "resources") / name
