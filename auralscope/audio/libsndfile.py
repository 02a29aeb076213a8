"""Decode sound files with libsndfile (through soundfile)."""

from __future__ import annotations

import math
import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from auralscope.audio.decoded import DAMAGED, DecodedSound, changes_format, check_rate
from auralscope.errors import AudioFileError
from auralscope.files import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from auralscope.audio.parts import Layout, Part

_BLOCK_FRAMES = 1 << 12  # small, because a block that does not decode to its end is lost as a whole
_CHANNEL_COUNT_ZERO = 67  # libsndfile's error number
_UNKNOWN_FRAMES = 1 << 48  # libsndfile states a larger number where it cannot measure the length

_LARGEST_SIZES = range(0x7FFF0000, 1 << 33)

_STATED_FRAMES = {  # in libsndfile's log of the header, by format; bytes for VOC
    "AVR": r"^\s*Frames\s*: (\d+)",
    "MAT4": r"^\s*Cols\s*: (\d+)",
    "MAT5": r"Cols\s*: (\d+)",
    "MPC2K": r"^\s*Frames\s*: (\d+)",
    "VOC": r"^\s*Extended II : (\d+)",
    "WVE": r"^Data length (\d+) should be \d+",
}

_FROM_VORBIS_ORDER = {  # from the channel order of Vorbis and Opus (Vorbis I, sec. 4.3.9) to that of WAV
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}


# Beginnings of subtypes whose samples do not depend on those before.
_EXACT_SEEK = ("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW")


def decode(layout: Layout, name: str, start_s: float) -> DecodedSound | None:
    """Begin to decode a file; return None if libsndfile does not know its format.

    Parameters
    ----------
    layout : Layout
        The streams in the file, which are joined.
    name : str
        The file's name in error messages.
    start_s : float
        First sample to return, in seconds.

    Raises
    ------
    AudioFileError
        The file has no channels.
    """
    import soundfile

    streams, lacks = [], list(layout.lacks)
    for part in layout.parts:
        try:
            streams.append(soundfile.SoundFile(part))
        except soundfile.LibsndfileError as error:
            if streams:
                lacks.append(DAMAGED)
                break
            if error.code == _CHANNEL_COUNT_ZERO:
                raise AudioFileError(f"{name} has 0 channels: there is no sound in it.") from error
            return None
    check_rate(streams[0].samplerate, name)
    n_stated = sum(
        math.ceil(part.stretch * _stated_frames(stream, part))
        for stream, part in zip(streams, layout.parts, strict=False)
    )
    return _sound(streams, n_stated, lacks, start_s)


def decode_path(path: Path, start_s: float) -> DecodedSound | None:
    """Begin to decode a Sound Designer II file, whose format is described in a second file; None if it is not one."""
    import soundfile

    try:
        stream = soundfile.SoundFile(os.fspath(path))
    except soundfile.LibsndfileError:
        return None
    check_rate(stream.samplerate, quoted(path))
    return _sound([stream], stream.frames, [], start_s)


def _sound(streams: list[Any], n_stated: int, lacks: list[str], start_s: float) -> DecodedSound:
    sound = DecodedSound(streams[0].samplerate, iter(()), n_stated, is_exact=True, lacks=lacks)
    if n_stated >= _UNKNOWN_FRAMES:
        sound.n_stated = None
    sound.blocks = _blocks(streams, sound, round(start_s * sound.rate))
    return sound


def _stated_frames(stream: Any, part: Part) -> int:
    """Return the number of frames in the header, also if the file holds fewer."""
    frames = int(stream.frames)
    if stream.format == "NIST":
        part.seek(0)
        text, pattern = part.read(1024).decode("latin-1"), r"^sample_count -i (\d+)"
    else:
        text, pattern = stream.extra_info, _STATED_FRAMES.get(stream.format, "")
    if pattern:
        found = re.findall(pattern, text, re.MULTILINE)
        n = int(found[-1]) if found else 0
        if stream.format == "VOC":
            n = -(-(n - 12) // (stream.channels * (1 if stream.subtype == "PCM_U8" else 2)))
        return max(frames, n)
    match = re.search(r"^\s*(?:data|SSND|BODY|Data Size)\s*: (\d+) \(should be (\d+)\)", text, re.MULTILINE)
    if match:
        stated, present = map(int, match.groups())
        # Programs that write into a pipe do not know the length and state the largest possible one.
        if 0 < present < stated and stated not in _LARGEST_SIZES:
            return -(-frames * stated // present)  # a frame of which bytes are missing counts
    return frames


def _blocks(streams: list[Any], sound: DecodedSound, first: int) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of all streams, end to end, from frame `first` on."""
    import soundfile

    channels = streams[0].channels
    with ExitStack() as stack:
        for stream in streams:
            stack.enter_context(stream)
        for stream in streams:
            if (stream.samplerate, stream.channels) != (sound.rate, channels):
                sound.lack(changes_format(sound.n_passed / sound.rate))
                sound.n_stated = sound.n_passed
                return
            order = _FROM_VORBIS_ORDER.get(channels) if stream.format == "OGG" else None
            try:
                skip = min(first - sound.n_passed, stream.frames)
                if skip > 0 and stream.subtype.startswith(_EXACT_SEEK):
                    sound.n_passed += stream.seek(skip)
                while True:
                    block = stream.read(_BLOCK_FRAMES, dtype="float32", always_2d=True).T
                    if not block.shape[1]:
                        break
                    if order:
                        block = block[list(order)]
                    yield sound.keep(block, first)
            except soundfile.LibsndfileError:
                sound.lack(DAMAGED)
