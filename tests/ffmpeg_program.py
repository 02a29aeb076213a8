"""The program `ffmpeg`, which makes files for tests and decodes them as a reference."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")


def make(*arguments):
    """Run ffmpeg to write the file that the last argument names."""
    command = ["ffmpeg", "-v", "error", "-y", "-bitexact", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return arguments[-1]


def decode(path, channels):
    """Decode a whole file; return (channels, n) float32, without samples where ffmpeg refuses the file."""
    command = ["ffmpeg", "-v", "quiet", "-i", str(path), "-vn", "-f", "f32le", "-"]
    output = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).stdout
    whole = len(output) // (4 * channels) * 4 * channels
    return np.frombuffer(output[:whole], np.float32).reshape(-1, channels).T
