"""Decode sound files with libsndfile (through soundfile)."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from auralscope.audio.decoded import DecodedSound, drop_before
from auralscope.errors import AudioFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

_BLOCK_FRAMES = 1 << 12  # small, because a block that does not decode to its end is lost as a whole
_CHANNEL_COUNT_ZERO = 67  # libsndfile's error number
_UNKNOWN_FRAMES = 1 << 48  # libsndfile states a larger number where it cannot measure the length

_FROM_VORBIS_ORDER = {  # from the channel order of Vorbis and Opus (Vorbis I, sec. 4.3.9) to that of WAV
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}


def decode(file: io.BufferedReader, name: str, start_s: float) -> DecodedSound | None:
    """Begin to decode a file; return None if libsndfile does not know its format.

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
        The file has no channels.
    """
    import soundfile

    try:
        sound_file = soundfile.SoundFile(file)
    except soundfile.LibsndfileError as error:
        if error.code == _CHANNEL_COUNT_ZERO:
            raise AudioFileError(f"{name} has 0 channels: there is no sound in it.") from error
        file.seek(0)
        return None
    is_measured = sound_file.frames < _UNKNOWN_FRAMES
    sound = DecodedSound(sound_file.samplerate, iter(()), _stated_frames(sound_file) if is_measured else None)
    sound.blocks = _blocks(sound_file, sound, round(start_s * sound.rate))
    return sound


def _stated_frames(sound_file: Any) -> int:
    """Return the number of frames in the header, also if the file holds fewer (WAV, AIFF)."""
    match = re.search(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", sound_file.extra_info, re.MULTILINE)
    frames = int(sound_file.frames)
    if match:
        stated, present = map(int, match.groups())
        # Programs that write into a pipe do not know the length and state the largest possible one.
        if 0 < present < stated < 0x7FFF0000:
            return frames * stated // present
    return frames


def _blocks(sound_file: Any, sound: DecodedSound, first: int) -> Iterator[NDArray[np.float32]]:
    import soundfile

    order = _FROM_VORBIS_ORDER.get(sound_file.channels) if sound_file.format == "OGG" else None
    with sound_file:
        try:
            # libsndfile's seek in Vorbis can land elsewhere: decode from the beginning and skip.
            if sound_file.subtype != "VORBIS" and 0 < first < sound_file.frames:
                sound.n_passed = sound_file.seek(first)
            while True:
                block = sound_file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True).T
                if not block.shape[1]:
                    return
                if order:
                    block = block[list(order)]
                yield drop_before(block, first, sound)
        except soundfile.LibsndfileError:
            sound.is_broken = True
