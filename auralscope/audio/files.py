"""Load clips from sound files, and write clips as WAV.

libsndfile decodes the formats that it knows; FFmpeg decodes the others, the sound of video files, and MP3, because the
decoder inside libsndfile prints warnings about a damaged MP3 to the terminal. FFmpeg runs in a process of its own. The
content of a file decides its format, never the ending of its name.
"""

from __future__ import annotations

import io
import logging
import math
import os
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.audio import decoder_process, libsndfile, parts
from auralscope.audio.cancellation import cancelling_s
from auralscope.audio.decoded import DAMAGED
from auralscope.audio.ends import CUT_SHORT, SEVERAL, container_lacks
from auralscope.errors import AudioFileError
from auralscope.files import quoted, reason, write_aside
from auralscope.types import Clip, Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from auralscope.audio.decoded import DecodedSound

LOG = logging.getLogger("auralscope.audio")
"""Receives what a file lacks, as a warning; the window and the command line show it."""

MIN_DURATION_S = 0.1
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64"),
    *(".m4a", ".m4b", ".aac", ".wma", ".ac3", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
)
"""Endings of names that open dialogs offer; files with other endings are decoded as well."""

_LOUD_PEAK = 16.0  # 24 dB above full scale; mixes at floating point stay below
_MAX_PEAK = 1e6  # the largest integers of 16 bits, taken as floating point, stay below; squares do not overflow
_MAX_BYTES = 1 << 32  # limit of decoded sound: some three hours at 48 kHz in stereo
_TOLERANCE_S = 0.06  # largest error of a length in the header of a lossy format: encoders add delay and padding


def load_clip(
    path: str | os.PathLike[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
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
    channel : int, optional
        Zero-based number of the channel that models analyse, see `Clip.channel`; the mean of all channels unless
        given. All channels are read.
    progress : callable, optional
        Called with a growing fraction, 0 to 1. An exception from it cancels; the file is closed.

    Returns
    -------
    Clip
        (channels, n) float32 with `source` and `start_s`, and with `notices` if a part of the sound is missing or the
        channels cancel each other in their mean, which also go to the log `auralscope.audio`. The channels are in the
        order of WAV and FFmpeg in every format: front left, front right, front centre, low frequencies, back left, back
        right, back centre, side left, side right, without those that the file does not have.

    Raises
    ------
    AudioFileError
        The file is missing, a folder, unreadable, empty, not audio, or without sound; nothing of the requested part
        can be decoded; it does not have the channel; its samples are not numbers or beyond all levels; its sample rate
        is below 100 Hz or above 1 MHz; or it is shorter than `MIN_DURATION_S`.
    """
    path = Path(path)
    name = quoted(path)
    if not 0.0 <= start_s < math.inf:
        raise AudioFileError(f"The start within {name} must be 0 s or more, not {start_s:g} s.")
    if duration_s is not None and not duration_s >= MIN_DURATION_S:
        raise AudioFileError(
            f"The part of {name} to open must last {MIN_DURATION_S:g} s or more, not {duration_s:g} s."
        )
    share = 0.0

    def advance(new_share: float | None = None) -> None:
        nonlocal share
        share = share if new_share is None else max(share, min(new_share, 1.0))
        progress(share)

    try:
        with _open(path) as raw:
            sound = _recognise(raw, path, start_s, advance)
            samples = _gather(sound, name, start_s, duration_s, advance)
    except OSError as error:
        raise AudioFileError(f"{name} cannot be read: {reason(error)}.") from error
    _check_levels(samples, sound, name)
    _check_channels(samples, sound, name, channel)
    progress(1.0)
    notices = tuple(f"{name} {lack}." for lack in sound.lacks)
    if notices:
        LOG.warning("%s", " ".join(notices))
    return Clip(samples, sound.rate, path, start_s, notices, channel)


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


def _open(path: Path) -> io.FileIO:
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
    return io.FileIO(path)


def _recognise(raw: io.FileIO, path: Path, start_s: float, waiting: Callable[[], None]) -> DecodedSound:
    name = quoted(path)
    if _has_resource_fork(path) and (sound := libsndfile.decode_path(path, start_s)):
        return sound
    first = parts.tag_size(raw)
    raw.seek(first)
    head = raw.read(4)
    if not head:
        raise AudioFileError(f"{name} is empty (0 bytes).")
    lacks = []
    # MPEG's sync word with a layer (AAC has none).
    is_mp3 = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06
    if not is_mp3 and head[:3] != b"ID3":
        layout = parts.find_parts(raw, first)
        if not layout.is_for_ffmpeg and (sound := libsndfile.decode(layout, name, start_s)):
            return sound
        lacks = layout.lacks + container_lacks(raw, first)
        if len(layout.parts) > 1 and head != b"OggS":  # FFmpeg joins streams of Ogg
            lacks.append(SEVERAL)
    if parts.has_damaged_tag(raw):  # programs then drop different numbers of samples at both ends
        lacks.append(DAMAGED)
    sound = decoder_process.decode(path, first, name, start_s, waiting)
    for lack in lacks:
        sound.lack(lack)
    return sound


def _has_resource_fork(path: Path) -> bool:
    """Return whether the description of a Sound Designer II file lies where libsndfile reads it."""
    places = (path.with_name(f"._{path.name}"), path.parent / ".AppleDouble" / path.name, path / "..namedfork" / "rsrc")
    try:
        return any(b"sample-rat" in place.read_bytes()[:1_000_000] for place in places if place.is_file())
    except OSError:
        return False


def _gather(
    sound: DecodedSound, name: str, start_s: float, duration_s: float | None, progress: Progress
) -> NDArray[np.float32]:
    """Return the requested samples in one array; raise `AudioFileError` where they are unusable."""
    rate = sound.rate
    first = round(start_s * rate)
    requested = math.inf if duration_s is None else round(duration_s * rate)
    expected = None if sound.n_stated is None else min(requested, sound.n_stated - first)
    blocks: list[NDArray[np.float32]] = []
    n = 0
    with closing(sound.blocks):  # type: ignore[type-var]
        for block in sound.blocks:
            kept = block if n + block.shape[1] <= requested else block[:, : int(requested) - n]
            if kept.shape[1]:
                blocks.append(kept)
                n += kept.shape[1]
                if 4 * n * kept.shape[0] > _MAX_BYTES:
                    limit_s = _MAX_BYTES // (4 * kept.shape[0] * rate)
                    raise AudioFileError(
                        f"{name} is too long to open as a whole: open a part of {limit_s:,} s or less."
                    )
            progress(n / expected if expected and expected > 0 else sound.share_read)
            if n >= requested:
                break
    is_short = _note_shortness(sound, is_to_the_end=n < requested)
    if n < round(MIN_DURATION_S * rate):
        raise AudioFileError(_too_short(sound, name, start_s, n, is_short))
    return np.concatenate(blocks, axis=1)


def _note_shortness(sound: DecodedSound, *, is_to_the_end: bool) -> bool:
    """Note what is missing if a file that was decoded to its end is shorter than its header says."""
    if not is_to_the_end:
        sound.lacks = [lack for lack in sound.lacks if lack != CUT_SHORT]
    if not is_to_the_end or sound.n_stated is None:
        return False
    missing_s = (sound.n_stated - sound.n_passed) / sound.rate
    if missing_s <= (0.0 if sound.is_exact else _TOLERANCE_S):
        return False
    digits = 1 if missing_s >= 0.1 else 5
    sound.lacks = [lack for lack in sound.lacks if lack not in (DAMAGED, CUT_SHORT)]  # the sentence below says more
    whole_s, read_s = sound.n_stated / sound.rate, sound.n_passed / sound.rate
    sound.lack(f"is damaged or cut short: {read_s:.{digits}f} of {whole_s:.{digits}f} s can be read")
    return True


def _too_short(sound: DecodedSound, name: str, start_s: float, n: int, is_short: bool) -> str:
    """Return why there is not enough sound to open."""
    rate = sound.rate
    if is_short:
        return f"{name} {sound.lacks[-1]}, and nothing from {start_s:g} s on. Get a whole copy of it."
    if n == 0 and sound.n_passed:
        return f"{name} lasts {sound.n_passed / rate:.2f} s, so there is nothing to open at {start_s:g} s."
    which = f"After {start_s:g} s, {name}" if start_s else name
    return f"{which} lasts {1000 * n / rate:.0f} ms; at least {1000 * MIN_DURATION_S:.0f} ms are needed."


def _check_levels(samples: NDArray[np.float32], sound: DecodedSound, name: str) -> None:
    """Raise `AudioFileError` for samples that are not numbers or far too large; note those above full scale."""
    n_bad = samples.size - int(np.count_nonzero(np.isfinite(samples)))
    if n_bad:
        raise AudioFileError(
            f"{name} has {n_bad:,} samples that are not numbers (NaN or infinite) of {samples.size:,}: "
            "export it again from the program that made it."
        )
    peak = max(float(samples.max()), -float(samples.min()))
    if peak > _MAX_PEAK:
        raise AudioFileError(
            f"{name} has samples of {peak:.3g} where full scale is 1: export it again from the program that made it."
        )
    if peak > _LOUD_PEAK:
        sound.lack(f"has samples of {peak:.3g} where full scale is 1: it may have been exported at a wrong level")


def _check_channels(samples: NDArray[np.float32], sound: DecodedSound, name: str, channel: int | None) -> None:
    """Raise `AudioFileError` if there is no such channel; note channels that cancel each other if all are mixed."""
    n_channels, n = samples.shape
    if channel is not None:
        if not 0 <= channel < n_channels:
            count = f"{n_channels} channels" if n_channels > 1 else "1 channel"
            raise AudioFileError(f"{name} has {count} and no channel {channel + 1}: choose another, or the mix.")
    elif lasts_s := cancelling_s(samples, sound.rate):
        sound.lack(
            f"has channels that cancel each other in their mix, for {lasts_s:.0f} of {n / sound.rate:.0f} s: choose "
            "one channel to analyse (in the window, or with --channel)"
        )


def _wav(samples: NDArray[Any], rate: int) -> bytes:
    """Return a WAV file of (channels, n) samples in their own type."""
    # libsndfile writes the time of day into a float WAV; with SciPy equal sound gives equal files.
    from scipy.io import wavfile

    buffer = io.BytesIO()
    wavfile.write(buffer, rate, samples.T)
    return buffer.getvalue()
