"""Damaged files of each format; `python tests/damaged_files.py --count 3000` opens more."""

from __future__ import annotations

import damaged_files
import pytest
from ffmpeg_program import needs_ffmpeg

COUNT = 100


@pytest.fixture(scope="module")
def survey():
    return damaged_files.count_outcomes(list(damaged_files.CODECS), COUNT, seed=1)


@needs_ffmpeg
@pytest.mark.parametrize("name", damaged_files.CODECS)
def test_a_damaged_file_opens_truly_or_with_a_notice_or_is_refused(survey, name):
    counts, faults = survey
    assert not [fault for fault in faults if fault.startswith(f"{name} ") or ": exit" in fault]
    assert counts[name].total() == COUNT
    assert counts[name]["refused"]
    assert counts[name]["notice"]
