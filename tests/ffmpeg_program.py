"""The program `ffmpeg`, which makes files for tests and decodes them as a reference."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

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
    return _samples(output, channels)


def decode_all(paths, channels):
    """Decode whole files with one process, which takes half as long; as `decode` where ffmpeg refuses one of them."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder, str(k)) for k in range(len(paths))]
        inputs = [part for path in paths for part in ("-i", str(path))]
        maps = [part for k, path in enumerate(outputs) for part in ("-map", f"{k}:a:0", "-f", "f32le", str(path))]
        command = ["ffmpeg", "-v", "quiet", *inputs, *maps]
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if run.returncode:
            return [decode(path, n) for path, n in zip(paths, channels, strict=True)]
        return [_samples(path.read_bytes(), n) for path, n in zip(outputs, channels, strict=True)]


def _samples(output, channels):
    whole = len(output) // (4 * channels) * 4 * channels
    return np.frombuffer(output[:whole], np.float32).reshape(-1, channels).T
