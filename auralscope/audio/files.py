"""Load clips from sound files, and write clips as WAV.

libsndfile decodes the formats that it knows; FFmpeg's libraries decode the others, the sound of video files, and MP3,
because the decoder inside libsndfile prints warnings about a damaged MP3 to the terminal. The content of a file decides
its format, never the ending of its name.
"""

from __future__ import annotations

import io
import math
import os
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.audio import ffmpeg, libsndfile
from auralscope.errors import AudioFileError
from auralscope.files import quoted, reason, write_aside
from auralscope.types import Clip, Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.audio.decoded import DecodedSound

MIN_DURATION_S = 0.1
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64"),
    *(".m4a", ".m4b", ".aac", ".wma", ".ac3", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
)
"""Endings of names that open dialogs offer; files with other endings are decoded as well."""

_MAX_BYTES = 1 << 32  # limit of decoded sound: some three hours at 48 kHz in stereo
_TOLERANCE_S = 0.15  # largest error of a stated length: encoders add delay and padding


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
        Any name that the system allows, also with bytes that are no text (as surrogates).
    start_s : float
        Start of the part to read, in seconds.
    duration_s : float, optional
        Duration of the part, in seconds; the rest of the file if not given, or if the file ends earlier.
    progress : callable, optional
        Called with a growing fraction, 0 to 1. An exception from it cancels; the file is closed.

    Returns
    -------
    Clip
        (channels, n) float32 with `source` and `start_s`; channels in WAV's order.

    Raises
    ------
    AudioFileError
        The file is missing, a folder, unreadable, empty, not audio, without sound, or damaged or cut short within
        the requested part; its samples are not numbers; or it is shorter than `MIN_DURATION_S`.
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
    """Return the clip as a 16-bit WAV in memory, for reports.

    Raises
    ------
    ValueError
        A sample is beyond full scale, or not a number.
    """
    if not clip.peak <= 1.0:
        raise ValueError(f"16 bits hold samples up to 1, not {clip.peak:g}")
    return _wav(np.rint(clip.samples.astype(np.float64) * 32767.0).astype("<i2"), clip.sample_rate)


def write_wav(path: str | os.PathLike[str], clip: Clip) -> None:
    """Write a 32-bit float WAV, at the true level: neither clipped nor quantised.

    Parameters
    ----------
    path : str or Path
        File to write; an existing file is replaced once the new one is complete.
    clip : Clip

    Raises
    ------
    FileError
        The file cannot be written; an older file of that name is unchanged.
    """
    write_aside(path, _wav(clip.samples.astype("<f4"), clip.sample_rate))


def _open(path: Path) -> io.BufferedReader:
    """Open a file for reading, or raise `AudioFileError` with the reason why that is impossible."""
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
    # Both libraries read the name of an open file; without a name only the content decides.
    raw.name = ""
    return io.BufferedReader(raw, 1 << 16)


def _recognise(file: io.BufferedReader, name: str, start_s: float) -> DecodedSound:
    head = file.read(4)
    if not head:
        raise AudioFileError(f"{name} is empty (0 bytes).")
    file.seek(0)
    # An ID3 tag, or MPEG's sync word with a layer (AAC has none).
    is_mp3 = head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06)
    sound = None if is_mp3 else libsndfile.decode(file, name, start_s)
    return sound or ffmpeg.decode(file, name, start_s)


def _gather(
    sound: DecodedSound,
    file: io.BufferedReader,
    name: str,
    start_s: float,
    duration_s: float | None,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return the requested samples in one array; raise `AudioFileError` where they are unusable."""
    rate = sound.rate
    first = round(start_s * rate)
    if sound.n_stated is not None and first >= sound.n_stated > 0:
        raise AudioFileError(_beyond(name, start_s, sound.n_stated / rate))
    requested = math.inf if duration_s is None else round(duration_s * rate)
    expected = None if sound.n_stated is None else min(requested, sound.n_stated - first)
    n_bytes = os.fstat(file.fileno()).st_size
    parts: list[NDArray[np.float32]] = []
    n = n_not_finite = 0
    with closing(sound.blocks) as blocks:  # type: ignore[type-var]
        for block in blocks:
            part = block if n + block.shape[1] <= requested else block[:, : int(requested) - n]
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
            if n >= requested:
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
    """Return a WAV file of (channels, n) samples in their own type."""
    # libsndfile writes the time of day into a float WAV; with SciPy equal sound gives equal files.
    from scipy.io import wavfile

    buffer = io.BytesIO()
    wavfile.write(buffer, rate, samples.T)
    return buffer.getvalue()
