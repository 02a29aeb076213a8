"""What the tests of the whole window share."""

from __future__ import annotations

from driver import drive, ready, settings_file

__all__ = ["drive", "ready", "settings_file"]
