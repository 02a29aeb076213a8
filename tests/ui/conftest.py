"""Fixtures for the tests of the window."""

from __future__ import annotations

from driver import drive, file_dialog, ready, settings_file
from label_page import opened, with_truth
from views_in_tests import every_mouse_move_counts, spectrogram

__all__ = [
    "drive",
    "every_mouse_move_counts",
    "file_dialog",
    "opened",
    "ready",
    "settings_file",
    "spectrogram",
    "with_truth",
]
