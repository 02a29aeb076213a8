"""Make files that cannot be opened, or only in part, each for another reason, with words that the message contains."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import av
import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

RATE = 44100

SAYS = {
    "empty.wav": "is empty",
    "text.wav": "not a sound file",
    "nan.wav": "not numbers",
    "no channels.wav": "0 channels",
    "ten milliseconds.wav": "lasts 10 ms",
    "folder": "is a folder",
    "gone.flac": "is not there",
}

LACKS = {"cut.mp3": "0.5 of 1.0 s can be read"}
"""Files that open, each with words that the notice must contain."""


def make(name: str, folder: Path) -> Path:
    """Make the bad file called `name` (a key of `SAYS` or `LACKS`) in a folder."""
    path = folder / name
    noise = np.random.default_rng(0).normal(0.0, 0.1, RATE).astype(np.float32)
    if name == "empty.wav":
        path.touch()
    elif name == "cut.mp3":
        whole = _mp3(noise, folder / "whole.mp3")
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "text.wav":
        path.write_text("This is a shopping list: bread, butter, strings for the violin.\n" * 20)
    elif name == "nan.wav":
        noise[1000:2000] = np.nan
        soundfile.write(path, noise, RATE, subtype="FLOAT")
    elif name == "no channels.wav":
        form = struct.pack("<HHIIHH", 1, 0, RATE, 0, 0, 16)
        chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 4) + bytes(4)
        path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    elif name == "ten milliseconds.wav":
        soundfile.write(path, noise[: RATE // 100], RATE)
    elif name == "folder":
        path.mkdir()
    return path


def _mp3(samples: np.ndarray, path: Path) -> bytes:
    """Return an MP3 whose header states its length."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libmp3lame", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        frame.sample_rate = RATE
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (part := fifo.read(stream.codec_context.frame_size or 1152, partial=True)) is not None:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return path.read_bytes()
