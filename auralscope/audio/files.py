"""Audio files: any of them to a `Clip`, and a `Clip` to WAV.

libsndfile (through soundfile) decodes what it knows; FFmpeg's libraries (through PyAV) decode the rest, the sound of
video files among it, and MP3: the decoder inside libsndfile prints its complaints about a damaged MP3 straight to the
terminal, where a user of the command line is promised one clear line. What a file *is* decides, never its ending.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.errors import AudioFileError
from auralscope.files import quoted, reason, write_aside
from auralscope.types import Clip, Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MIN_DURATION_S = 0.1
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64"),
    *(".m4a", ".m4b", ".aac", ".wma", ".ac3", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
)
"""Endings to offer in open dialogs; a file with another ending is decoded all the same."""

_BLOCK_FRAMES = 1 << 12  # small: of a block that does not decode to its end, nothing is had
_MAX_BYTES = 1 << 32  # of decoded sound: some three hours at 48 kHz in stereo
_TOLERANCE_S = 0.15  # by how much a sound file's stated length may be off: encoders' delay and padding
_CHANNEL_COUNT_ZERO = 67  # libsndfile's error number
_UNKNOWN_FRAMES = 1 << 48  # libsndfile states absurd lengths for what it cannot measure

_FROM_VORBIS_ORDER = {  # to WAV's order of channels, from that of Vorbis and Opus (Vorbis I, sec. 4.3.9)
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}


def load_clip(
    path: str | os.PathLike[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    progress: Progress = no_progress,
) -> Clip:
    """Decode a sound file, or the sound of a video, at its own rate.

    Parameters
    ----------
    path : path
        Any name the system allows, undecodable bytes (as surrogates) included.
    start_s : float
        Where to begin, in seconds.
    duration_s : float, optional
        How much to read; less where the file ends before. Without it, all that follows.
    progress : callable, optional
        Called with a growing fraction, 0 to 1. It may raise to cancel: nothing stays open.

    Returns
    -------
    Clip
        (channels, n) float32 with `source` and `start_s`; channels in WAV's order.

    Raises
    ------
    AudioFileError
        One sentence: the file is gone, a folder, unreadable, empty, not audio, without sound, damaged or cut short
        within what was asked for, has samples that are not numbers, or is shorter than `MIN_DURATION_S`.
    """
    path = Path(path)
    name = quoted(path)
    if not 0.0 <= start_s < math.inf:
        raise AudioFileError(f"The start within {name} must be 0 s or more, not {start_s:g} s.")
    if duration_s is not None and not duration_s >= MIN_DURATION_S:
        raise AudioFileError(
            f"The part of {name} to open must last {MIN_DURATION_S:g} s or more, not {duration_s:g} s."
        )
    try:
        with _open(path) as file:
            sound = _recognise(file, name, start_s)
            samples = _gather(sound, file, name, start_s, duration_s, progress)
    except OSError as error:
        raise AudioFileError(f"{name} cannot be read: {reason(error)}.") from error
    return Clip(samples, sound.rate, path, start_s)


def wav_bytes(clip: Clip) -> bytes:
    """The clip as a 16-bit WAV in memory, for reports.

    Raises
    ------
    ValueError
        A sample is beyond full scale, or not a number; neither is clipped in silence.
    """
    if not clip.peak <= 1.0:
        raise ValueError(f"16 bits hold samples up to 1, not {clip.peak:g}")
    return _wav(np.rint(clip.samples.astype(np.float64) * 32767.0).astype("<i2"), clip.sample_rate)


def write_wav(path: str | os.PathLike[str], clip: Clip) -> None:
    """Write 32-bit float WAV: the true level, neither clipped nor quantised.

    Raises
    ------
    FileError
        The file cannot be written; what was there before is untouched.
    """
    write_aside(path, _wav(clip.samples.astype("<f4"), clip.sample_rate))


@dataclass
class _Sound:
    """A recognised file.

    Attributes
    ----------
    rate : int
    blocks : iterator of (channels, n) float32 arrays
        From the start asked for; empty ones while skipping up to it. It ends early where decoding fails.
    n_stated : int, optional
        Frames in the whole file, as the file says.
    n_passed : int
        Frames decoded or skipped so far, counted from the file's beginning.
    is_broken : bool
        Something did not decode.
    """

    rate: int
    blocks: Iterator[NDArray[np.float32]]
    n_stated: int | None = None
    n_passed: int = 0
    is_broken: bool = False


def _open(path: Path) -> io.BufferedReader:
    """Open for reading, or say what is there instead of a file."""
    name = quoted(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise AudioFileError(f"{name} is not there: it may have been moved, renamed or deleted.") from None
    except ValueError as error:  # a null character
        raise AudioFileError(f"{name} is not a possible file name.") from error
    if stat.S_ISDIR(mode):
        raise AudioFileError(f"{name} is a folder, not a sound file.")
    if not stat.S_ISREG(mode):
        raise AudioFileError(f"{name} is a device or a pipe, not a sound file.")
    raw = io.FileIO(path)
    # Both libraries look at the name of an open file; without one they judge by the content alone.
    raw.name = ""
    return io.BufferedReader(raw, 1 << 16)


def _recognise(file: io.BufferedReader, name: str, start_s: float) -> _Sound:
    import soundfile

    head = file.read(4)
    if not head:
        raise AudioFileError(f"{name} is empty (0 bytes).")
    file.seek(0)
    # An ID3 tag, or MPEG's sync word with a layer (AAC has none).
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06):
        return _recognise_with_av(file, name, start_s)
    try:
        sound_file = soundfile.SoundFile(file)
    except soundfile.LibsndfileError as error:
        if error.code == _CHANNEL_COUNT_ZERO:
            raise AudioFileError(f"{name} has 0 channels: there is no sound in it.") from error
        file.seek(0)
        return _recognise_with_av(file, name, start_s)
    with_frames = sound_file.frames < _UNKNOWN_FRAMES
    sound = _Sound(sound_file.samplerate, iter(()), _stated_frames(sound_file) if with_frames else None)
    sound.blocks = _blocks_of_soundfile(sound_file, sound, round(start_s * sound.rate))
    return sound


def _stated_frames(sound_file: Any) -> int:
    """What the header says, also where libsndfile has silently cut it to what is there (WAV, AIFF)."""
    match = re.search(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", sound_file.extra_info, re.MULTILINE)
    frames = int(sound_file.frames)
    if match:
        stated, present = map(int, match.groups())
        # Programs that write into a pipe cannot know the length and state the largest there is.
        if 0 < present < stated < 0x7FFF0000:
            return frames * stated // present
    return frames


def _blocks_of_soundfile(sound_file: Any, sound: _Sound, first: int) -> Iterator[NDArray[np.float32]]:
    import soundfile

    order = _FROM_VORBIS_ORDER.get(sound_file.channels) if sound_file.format == "OGG" else None
    with sound_file:
        try:
            # libsndfile's seek in Vorbis was seen to land elsewhere: decoded and passed over instead.
            if sound_file.subtype != "VORBIS" and 0 < first < sound_file.frames:
                sound.n_passed = sound_file.seek(first)
            while True:
                block = sound_file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True).T
                if not block.shape[1]:
                    return
                if order:
                    block = block[list(order)]
                yield _after(block, first, sound)
        except soundfile.LibsndfileError:
            sound.is_broken = True


def _after(block: NDArray[np.float32], first: int, sound: _Sound) -> NDArray[np.float32]:
    """What of the block lies at `first` or later; counts the whole of it as passed."""
    skip = min(max(first - sound.n_passed, 0), block.shape[1])
    sound.n_passed += block.shape[1]
    return block[:, skip:]


def _recognise_with_av(file: io.BufferedReader, name: str, start_s: float) -> _Sound:
    import av

    not_audio = f"{name} is not a sound file that can be decoded: it is something else, or damaged."
    try:
        # A playlist could name other files and addresses; only this file is read.
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
            raise AudioFileError(f"The sound in {name} is in a coding that cannot be decoded here.")
        if not stream.codec_context.channels:
            raise AudioFileError(f"{name} has 0 channels: there is no sound in it.")
        sound = _Sound(0, iter(()))
        frames = _frames(container, stream, sound)
        # The rate is read from a decoded frame: that of HE-AAC may be twice what its container says.
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
    sound.blocks = _blocks_of_av(container, stream, chain((frame,), frames), sound, round(start_s * sound.rate))
    return sound


def _stated_s(container: Any, stream: Any, file: io.BufferedReader) -> Fraction | None:
    """How long the sound lasts where the file says so; None where FFmpeg only guesses it from the bit rate."""
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
    """Whether the first frame of an MP3 is the header of Xing, LAME or Fraunhofer, which states the length."""
    position = file.tell()
    try:
        file.seek(0)
        head = file.read(10)
        n_tag = 0
        if head[:3] == b"ID3":  # its size is written seven bits a byte
            n_tag = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        file.seek(n_tag)
        frame = file.read(256)
        return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))
    finally:
        file.seek(position)


def _frames(container: Any, stream: Any, sound: _Sound) -> Iterator[Any]:
    """Decoded frames; what does not decode is passed over and remembered."""
    import av

    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                sound.is_broken = True
    except av.FFmpegError:
        sound.is_broken = True


def _blocks_of_av(
    container: Any, stream: Any, frames: Iterator[Any], sound: _Sound, first: int
) -> Iterator[NDArray[np.float32]]:
    with container:
        first_frame = next(frames)
        channels = first_frame.layout.nb_channels
        frames = chain((first_frame,), frames)
        # MP4's index lands on exact times. Elsewhere times are coarse (Matroska's milliseconds) or guessed (MP3), and
        # decoding from the beginning, at over a thousand times real time, is what lands on the sample.
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
                sound.is_broken = True  # a broadcast that changes its format half-way: the first part counts
                return
            samples = _samples(frame, channels)
            if end is not None:  # the encoder fills its last frame with silence
                samples = samples[:, : max(end - sound.n_passed, 0)]
            yield _after(samples, first, sound)


def _samples(frame: Any, channels: int) -> NDArray[np.float32]:
    """(channels, n) float32 of an FFmpeg frame in any of its sample formats."""
    array: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, channels).T
    if array.dtype.kind == "u":
        return (array.astype(np.float32) - 128.0) / np.float32(128.0)
    if array.dtype.kind == "i":
        return array.astype(np.float32) / np.float32(2.0 ** (8 * array.dtype.itemsize - 1))
    return array.astype(np.float32, copy=False)


def _gather(
    sound: _Sound,
    file: io.BufferedReader,
    name: str,
    start_s: float,
    duration_s: float | None,
    progress: Progress,
) -> NDArray[np.float32]:
    """The samples asked for, in one array, with every way in which they may be unfit said."""
    rate = sound.rate
    first = round(start_s * rate)
    if sound.n_stated is not None and first >= sound.n_stated > 0:
        raise AudioFileError(_beyond(name, start_s, sound.n_stated / rate))
    wanted = math.inf if duration_s is None else round(duration_s * rate)
    expected = None if sound.n_stated is None else min(wanted, sound.n_stated - first)
    n_bytes = os.fstat(file.fileno()).st_size
    parts: list[NDArray[np.float32]] = []
    n = n_not_finite = 0
    with closing(sound.blocks) as blocks:  # type: ignore[type-var]
        for block in blocks:
            part = block if n + block.shape[1] <= wanted else block[:, : int(wanted) - n]
            if part.shape[1]:
                parts.append(part)
                n += part.shape[1]
                n_not_finite += part.size - int(np.count_nonzero(np.isfinite(part)))
                if 4 * n * part.shape[0] > _MAX_BYTES:
                    limit_s = _MAX_BYTES // (4 * part.shape[0] * rate)
                    raise AudioFileError(
                        f"{name} is too long to open as a whole: open a part of {limit_s:,} s or less."
                    )
            progress(min(n / expected if expected else file.tell() / n_bytes, 1.0))
            if n >= wanted:
                break
    if (expected is not None and n < expected - _TOLERANCE_S * rate) or (sound.is_broken and expected is None):
        whole = f" of {sound.n_stated / rate:.2f} s" if sound.n_stated is not None else ""
        found = f"only the first {sound.n_passed / rate:.2f} s{whole} can be read"
        if n == 0:
            found = f"nothing{whole} can be read at {start_s:g} s"
        raise AudioFileError(
            f"{name} is damaged or cut short: {found}. Get a whole copy of it, or open only a part before the damage."
        )
    if n == 0 and sound.n_passed:
        raise AudioFileError(_beyond(name, start_s, sound.n_passed / rate))
    if n < round(MIN_DURATION_S * rate):
        which = f"After {start_s:g} s, {name}" if start_s else name
        raise AudioFileError(
            f"{which} lasts {1000 * n / rate:.0f} ms; at least {1000 * MIN_DURATION_S:.0f} ms are needed."
        )
    if n_not_finite:
        raise AudioFileError(
            f"{name} has {n_not_finite:,} samples that are not numbers (NaN or infinite) of {n * parts[0].shape[0]:,}: "
            "export it again from the program that made it."
        )
    progress(1.0)
    return np.concatenate(parts, axis=1)


def _beyond(name: str, start_s: float, lasts_s: float) -> str:
    return f"{name} lasts {lasts_s:.2f} s, so there is nothing to open at {start_s:g} s."


def _wav(samples: NDArray[Any], rate: int) -> bytes:
    """A WAV file of (channels, n) samples in their own type."""
    # Not soundfile: libsndfile writes the time of day into a float WAV, so that equal sound gives unequal files.
    from scipy.io import wavfile

    buffer = io.BytesIO()
    wavfile.write(buffer, rate, samples.T)
    return buffer.getvalue()
