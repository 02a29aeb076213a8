"""Decode sound files, and the sound of video files, with FFmpeg's libraries (through PyAV).

FFmpeg may crash on a damaged file, so only `decoder_process` calls this module, in a process of its own.
"""

from __future__ import annotations

import io
import re
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.audio.plane import AudioPlane

from auralscope.audio.decoded import DAMAGED, DecodedSound, changes_format, check_rate
from auralscope.errors import AudioFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_PACKET_SIZES = (188, 192, 204)  # of MPEG-TS, in bytes: plain, with a time stamp, with error correction
_LOSS = re.compile("corrupt|no index at the end")  # in FFmpeg's warnings
_STATING = {
    "mp4",
    "flac",
    "caf",
    "wav",
    "w64",
    "aiff",
    "au",
    "tta",
    "wv",
    "ape",
}  # containers that state an exact length
_SAMPLE_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


def decode(file: io.RawIOBase, name: str, start_s: float) -> DecodedSound:
    """Begin to decode a file.

    The file is always decoded from its beginning, even if `start_s` is later: the state of a decoder, such as the noise
    that AAC substitutes, depends on everything before, and the times in most containers are not exact to a sample.

    Parameters
    ----------
    file : io.RawIOBase
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
    not_audio = f"{name} is not a sound file that can be decoded: it is in another format, or damaged."
    file_size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        # A playlist may name other files and addresses; they must not be opened.
        container = av.open(file, metadata_errors="replace", options={"protocol_whitelist": "none"})
    except (av.FFmpegError, ValueError) as error:
        raise AudioFileError(not_audio) from error
    tracks = container.streams.audio
    if not tracks:
        if container.streams.video:
            raise AudioFileError(f"{name} has no sound: it is a picture, or a video without a sound track.")
        raise AudioFileError(not_audio)
    stream = container.streams.best("audio") or tracks[0]
    if stream.codec_context is None:
        raise AudioFileError(f"The sound in {name} has a codec that cannot be decoded here: convert it to WAV or FLAC.")
    if not stream.codec_context.channels:
        raise AudioFileError(f"{name} has 0 channels: there is no sound in it.")
    sound = DecodedSound(0, iter(()))
    stream.codec_context.options = {"err_detect": "crccheck"}
    if container.format.name == "mpegts" and all(file_size % size for size in _PACKET_SIZES):
        sound.lack("ends within a packet: it may have been longer")
    if container.format.name == "mp3" and _has_damaged_mp3_tag(file):
        sound.lack(DAMAGED)
    frames = _frames(container, stream, sound)
    # Take the rate from a decoded frame: that of HE-AAC may be twice the rate in its container.
    first = next(frames, None)
    if first is None:
        raise AudioFileError(not_audio)
    sound.rate = first[0].sample_rate
    check_rate(sound.rate, name)
    stated_s = _stated_s(container, stream, file)
    if stated_s is not None:
        sound.n_stated = round(stated_s * sound.rate)
    if len(tracks) > 1:
        which = list(tracks).index(stream) + 1
        sound.lack(f"has {len(tracks)} sound tracks: only track {which} is open")
    sound.blocks = _blocks(container, chain((first,), frames), sound, round(start_s * sound.rate))
    return sound


def _stated_s(container: Any, stream: Any, file: io.RawIOBase) -> Fraction | None:
    """Return the duration in the file's header; None where FFmpeg only guesses it from the bit rate."""
    start = stream.start_time or 0
    if stream.duration and not _STATING.isdisjoint(container.format.name.split(",")):
        return Fraction(stream.duration * stream.time_base)
    if "matroska" in container.format.name:
        hours_minutes_seconds = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
        if hours_minutes_seconds:
            hours, minutes, seconds = map(Fraction, hours_minutes_seconds.groups())
            return hours * 3600 + minutes * 60 + seconds - start * Fraction(stream.time_base)
    if container.format.name == "mp3" and stream.duration and _has_mp3_length(file):
        return Fraction(stream.duration * stream.time_base)
    return None


def _has_mp3_length(file: io.RawIOBase) -> bool:
    """Return whether the first frame of an MP3 is a header of Xing, LAME or Fraunhofer, which states the length."""
    return any(mark in _head(file, 256) for mark in (b"Xing", b"Info", b"VBRI"))


def _head(file: io.RawIOBase, n_bytes: int) -> bytes:
    """Return the first bytes of a file, which begins after its tags; the position stays."""
    position = file.tell()
    file.seek(0)
    head = file.read(n_bytes) or b""
    file.seek(position)
    return head


def _has_damaged_mp3_tag(file: io.RawIOBase) -> bool:
    """Return whether the tag of LAME or FFmpeg in an MP3, which says how much to drop at both ends, has a wrong CRC.

    Only in stereo of MPEG-1 do both programs compute it in the same way.
    """
    frame = _head(file, 192)
    if frame[36:40] not in (b"Xing", b"Info") or len(frame) < 192:
        return False
    similar = [sum(a == b for a, b in zip(frame[156:160], name, strict=True)) for name in (b"LAME", b"Lavf", b"Lavc")]
    return max(similar) >= 3 and _crc16(frame[:190]) != int.from_bytes(frame[190:192], "big")


def _crc16(data: bytes) -> int:
    """Return the CRC of polynomial 0x8005, reflected, that LAME writes."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def _frames(container: Any, stream: Any, sound: DecodedSound) -> Iterator[tuple[Any, int]]:
    """Yield decoded frames, each with the number of samples to drop from its beginning; note all damage.

    FFmpeg drops too little from the beginning of Opus whose container states another rate than 48 kHz.
    """
    is_opus = stream.codec_context.codec.canonical_name == "opus"
    head = stream.codec_context.extradata or b""
    n_to_drop = int.from_bytes(head[10:12], "little") if is_opus else 0  # RFC 7845, sec. 5.1: pre-skip
    names = (container.format.name, stream.codec_context.codec.name)
    av.logging.set_level(av.logging.WARNING)
    with av.logging.Capture(local=False) as messages:
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    sound.lack(DAMAGED)
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    sound.lack(DAMAGED)
                    continue
                if n_to_drop:
                    n_to_drop = max(n_to_drop - _opus_samples(bytes(packet)) + sum(each.samples for each in frames), 0)
                for frame in frames:
                    n = min(n_to_drop, frame.samples)
                    n_to_drop -= n
                    yield frame, n
        except av.FFmpegError:
            sound.lack(DAMAGED)
        for level, name, text in messages:
            if name in names and (level <= av.logging.ERROR or _LOSS.search(text)):
                sound.lack(DAMAGED)


def _opus_samples(packet: bytes) -> int:
    """Return the number of samples in a packet of Opus, at 48 kHz (RFC 6716, sec. 3.1)."""
    if not packet:
        return 0
    mode, count = packet[0] >> 3, packet[0] & 3
    if mode < 12:
        duration_ms: float = (10, 20, 40, 60)[mode % 4]
    elif mode < 16:
        duration_ms = (10, 20)[mode % 2]
    else:
        duration_ms = (2.5, 5, 10, 20)[mode % 4]
    n_frames = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[count]
    return round(48 * duration_ms * n_frames)


def _blocks(
    container: Any, frames: Iterator[tuple[Any, int]], sound: DecodedSound, first: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of the frames from frame `first` of the file on."""
    channels = None
    # Remove the silence with which the encoder filled its last frame.
    end = sound.n_stated if "mp4" in container.format.name else None
    for frame, n_to_drop in frames:
        channels = channels or frame.layout.nb_channels
        if frame.sample_rate != sound.rate or frame.layout.nb_channels != channels:
            sound.lack(changes_format(sound.n_passed / sound.rate))  # a broadcast may do so
            return
        samples = _samples(frame, channels)[:, n_to_drop:]
        if end is not None:
            samples = samples[:, : max(end - sound.n_passed, 0)]
        yield sound.keep(samples, first)


def _samples(frame: Any, channels: int) -> NDArray[np.float32]:
    """Convert an FFmpeg frame of any sample format to a (channels, n) float32 array."""
    # frame.to_ndarray and frame.planes read planes up to a null pointer, which FFmpeg does not set after eight planes:
    # the ninth is an address made of other fields, and reading it ends the process.
    dtype = np.dtype(_SAMPLE_TYPES[frame.format.packed.name])
    if frame.format.is_planar:
        planes = [np.frombuffer(memoryview(AudioPlane(frame, k)), dtype, frame.samples) for k in range(channels)]
        array: NDArray[Any] = np.stack(planes)
    else:
        array = np.frombuffer(memoryview(AudioPlane(frame, 0)), dtype, frame.samples * channels).reshape(-1, channels).T
    if dtype.kind == "u":
        return (array.astype(np.float32) - 128.0) / np.float32(128.0)
    if dtype.kind == "i":
        return array.astype(np.float32) / np.float32(2.0 ** (8 * dtype.itemsize - 1))
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite and is reported as such
        return array.astype(np.float32)
