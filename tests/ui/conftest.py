"""Fixtures for the tests of the window."""

from __future__ import annotations

from driver import drive, file_dialog, settings_file
from label_page import opened, with_truth
from shared_window import ready, shared_window
from views_in_tests import every_mouse_move_counts, spectrogram

__all__ = [
    "drive",
    "every_mouse_move_counts",
    "file_dialog",
    "opened",
    "ready",
    "settings_file",
    "shared_window",
    "spectrogram",
    "with_truth",
]
