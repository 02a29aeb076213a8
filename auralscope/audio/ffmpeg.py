"""Decode sound files, and the sound of video files, with FFmpeg's libraries (through PyAV)."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.audio.decoded import DecodedSound, drop_before
from auralscope.errors import AudioFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def decode(file: io.BufferedReader, name: str, start_s: float) -> DecodedSound:
    """Begin to decode a file.

    Parameters
    ----------
    file : io.BufferedReader
        At its beginning.
    name : str
        The file's name in error messages.
    start_s : float
        First sample to return, in seconds.

    Raises
    ------
    AudioFileError
        The file is not audio, or has no sound that can be decoded.
    """
    import av

    not_audio = f"{name} is not a sound file that can be decoded: it is in another format, or damaged."
    try:
        # A playlist may name other files and addresses; they must not be opened.
        container = av.open(file, metadata_errors="replace", options={"protocol_whitelist": "none"})
    except av.FFmpegError as error:
        raise AudioFileError(not_audio) from error
    try:
        if not container.streams.audio:
            if container.streams.video:
                raise AudioFileError(f"{name} has no sound: it is a picture, or a video without a sound track.")
            raise AudioFileError(not_audio)
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise AudioFileError(
                f"The sound in {name} has a codec that cannot be decoded here: convert it to WAV or FLAC."
            )
        if not stream.codec_context.channels:
            raise AudioFileError(f"{name} has 0 channels: there is no sound in it.")
        sound = DecodedSound(0, iter(()))
        frames = _frames(container, stream, sound)
        # Take the rate from a decoded frame: that of HE-AAC may be twice the rate in its container.
        frame = next(frames, None)
        if frame is None:
            raise AudioFileError(not_audio)
    except BaseException:
        container.close()
        raise
    sound.rate = frame.sample_rate
    stated_s = _stated_s(container, stream, file)
    if stated_s is not None:
        sound.n_stated = round(stated_s * sound.rate)
    sound.blocks = _blocks(container, stream, chain((frame,), frames), sound, round(start_s * sound.rate))
    return sound


def _stated_s(container: Any, stream: Any, file: io.BufferedReader) -> Fraction | None:
    """Return the duration in the file's header; None where FFmpeg only guesses it from the bit rate."""
    start = stream.start_time or 0
    if "mp4" in container.format.name and stream.duration:
        return Fraction(stream.duration * stream.time_base)
    if "matroska" in container.format.name:
        hours_minutes_seconds = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
        if hours_minutes_seconds:
            hours, minutes, seconds = map(Fraction, hours_minutes_seconds.groups())
            return hours * 3600 + minutes * 60 + seconds - start * Fraction(stream.time_base)
    if container.format.name == "mp3" and stream.duration and _has_mp3_length(file):
        return Fraction(stream.duration * stream.time_base)
    return None


def _has_mp3_length(file: io.BufferedReader) -> bool:
    """Return whether the first frame of an MP3 is a header of Xing, LAME or Fraunhofer, which states the length."""
    position = file.tell()
    try:
        file.seek(0)
        head = file.read(10)
        n_tag = 0
        if head[:3] == b"ID3":  # seven bits of the tag's size in each byte
            n_tag = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        file.seek(n_tag)
        frame = file.read(256)
        return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))
    finally:
        file.seek(position)


def _frames(container: Any, stream: Any, sound: DecodedSound) -> Iterator[Any]:
    """Yield decoded frames; skip packets that do not decode and mark the sound as broken."""
    import av

    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                sound.is_broken = True
    except av.FFmpegError:
        sound.is_broken = True


def _blocks(
    container: Any, stream: Any, frames: Iterator[Any], sound: DecodedSound, first: int
) -> Iterator[NDArray[np.float32]]:
    with container:
        first_frame = next(frames)
        channels = first_frame.layout.nb_channels
        frames = chain((first_frame,), frames)
        # MP4's index has exact times. The times of other formats are coarse (milliseconds in Matroska) or guessed
        # (MP3): decode those from the beginning, which takes less than a thousandth of the duration.
        preroll = sound.rate // 2
        if "mp4" in container.format.name and stream.time_base * sound.rate <= 1 and first > 2 * preroll:
            start = stream.start_time or 0
            container.seek(start + int((first - preroll) / (sound.rate * stream.time_base)), stream=stream)
            frames = _frames(container, stream, sound)
            landed = next(frames, None)
            if landed is None:
                return
            sound.n_passed = round((landed.pts - start) * stream.time_base * sound.rate)
            frames = chain((landed,), frames)
        end = sound.n_stated if "mp4" in container.format.name else None
        for frame in frames:
            if frame.sample_rate != sound.rate or frame.layout.nb_channels != channels:
                sound.is_broken = True  # a broadcast may change its format: keep the first part
                return
            samples = _samples(frame, channels)
            if end is not None:  # remove the silence with which the encoder filled its last frame
                samples = samples[:, : max(end - sound.n_passed, 0)]
            yield drop_before(samples, first, sound)


def _samples(frame: Any, channels: int) -> NDArray[np.float32]:
    """Convert an FFmpeg frame of any sample format to a (channels, n) float32 array."""
    array: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, channels).T
    if array.dtype.kind == "u":
        return (array.astype(np.float32) - 128.0) / np.float32(128.0)
    if array.dtype.kind == "i":
        return array.astype(np.float32) / np.float32(2.0 ** (8 * array.dtype.itemsize - 1))
    return array.astype(np.float32, copy=False)
