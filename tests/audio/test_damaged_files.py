"""Damaged files of each format; `python tests/damaged_files.py --count 3000` opens more."""

from __future__ import annotations

import damaged_files
import pytest
from ffmpeg_program import needs_ffmpeg


@needs_ffmpeg
@pytest.mark.parametrize("name", damaged_files.CODECS)
def test_a_damaged_file_opens_truly_or_with_a_notice_or_is_refused(name):
    counts, faults = damaged_files.count_outcomes(name, 100, seed=1, one_in=10)
    assert not faults
    assert counts.total() == 100
    assert counts["refused"]
    assert counts["notice"]
