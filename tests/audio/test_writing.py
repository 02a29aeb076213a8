"""Tests of writing WAV and other files whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os

import numpy as np
import pytest
import soundfile
from sweeps import RATE, sweep

from auralscope.audio.files import load_clip, wav_bytes, write_wav
from auralscope.errors import FileError
from auralscope.files import sha256, write_aside
from auralscope.types import Clip


def test_float_wav_keeps_the_true_level(tmp_path):
    clip = Clip(np.stack([1.7 * sweep(), 1e-6 * sweep()]), 11025)
    write_wav(tmp_path / "a.wav", clip)
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"
    back = load_clip(tmp_path / "a.wav")
    assert back.sample_rate == 11025
    np.testing.assert_array_equal(back.samples, clip.samples)
    assert os.listdir(tmp_path) == ["a.wav"]


def test_equal_sound_gives_equal_files(tmp_path):
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, Clip(sweep(), RATE))
    assert sha256(tmp_path / "a.wav") == sha256(tmp_path / "b.wav")
    assert sha256(tmp_path / "a.wav") == hashlib.sha256((tmp_path / "a.wav").read_bytes()).hexdigest()
    with pytest.raises(FileError, match="cannot be read: no such file or directory"):
        sha256(tmp_path / "gone.wav")


def test_wav_in_memory_is_16_bit_and_refuses_to_clip():
    content = wav_bytes(Clip(sweep(), RATE))
    samples, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(samples, np.rint(sweep().astype(np.float64) * 32767).astype(np.int16))
    with pytest.raises(ValueError, match="up to 1"):
        wav_bytes(Clip(3.0 * sweep(), RATE))
    with pytest.raises(ValueError, match="up to 1"):
        wav_bytes(Clip(np.full(100, np.nan), RATE))


def test_a_failed_write_keeps_the_existing_file(tmp_path, monkeypatch):
    path = tmp_path / "kept.wav"
    path.write_bytes(b"before")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="no space left on device"):
        write_wav(path, Clip(sweep(), RATE))
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["kept.wav"]


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written: not a directory"):
        write_wav(tmp_path / "file" / "a.wav", Clip(sweep(), RATE))
    with pytest.raises(FileError, match="cannot be written: no such file or directory"):
        write_wav(tmp_path / "nowhere" / "a.wav", Clip(sweep(), RATE))
    with pytest.raises(FileError, match="cannot be written"):
        write_wav(tmp_path, Clip(sweep(), RATE))
    assert os.listdir(tmp_path) == ["file"]
    write_aside(tmp_path / ("n" * 255), b"the longest name there may be")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"the longest name there may be"
