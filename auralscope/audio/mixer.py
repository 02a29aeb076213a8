"""Mix the sound that is played, block by block: original or feature, seeks, loops and fades. No device, no waiting.

The device's thread calls `Mixer.render`; any thread may call the other methods. The threads share only references to
immutable values, each replaced as a whole, so no thread waits for another.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.types import Clip

Source = Literal["original", "feature"]

SWITCH_FADE_S = 0.010  # between original and feature
CUT_FADE_S = 0.005  # at seeks, loop wraps, starts and pauses
MIN_LOOP_S = 0.050

# Gains of the channels of WAV's layouts in the left output; the right output mirrors them (ITU-R BS.775-3, annex 4,
# which leaves out the LFE channel).
_HALF = 0.5**0.5
_LEFT_GAINS = {
    3: (1.0, 0.0, _HALF),  # L R C
    4: (1.0, 0.0, _HALF, 0.0),  # L R Ls Rs
    5: (1.0, 0.0, _HALF, _HALF, 0.0),  # L R C Ls Rs
    6: (1.0, 0.0, _HALF, 0.0, _HALF, 0.0),  # L R C LFE Ls Rs
    7: (1.0, 0.0, _HALF, 0.0, 0.5, _HALF, 0.0),  # L R C LFE Cs Ls Rs
    8: (1.0, 0.0, _HALF, 0.0, _HALF, 0.0, _HALF, 0.0),  # L R C LFE Lb Rb Ls Rs
}
_RIGHT_ORDER = {
    3: (1, 0, 2),
    4: (1, 0, 3, 2),
    5: (1, 0, 2, 4, 3),
    6: (1, 0, 2, 3, 5, 4),
    7: (1, 0, 2, 3, 4, 6, 5),
    8: (1, 0, 2, 3, 5, 4, 7, 6),
}


def mixed_down(clip: Clip, channels: int) -> NDArray[np.float32]:
    """Mix a clip down to one or two channels, never beyond full scale.

    Parameters
    ----------
    clip : Clip
        Any number of channels, in WAV's order.
    channels : {1, 2}
        Channels of the output.

    Returns
    -------
    (1 or 2, n) float32 array
        One channel where both outputs get the same.
    """
    if channels == 1 and clip.channels > 1:
        return clip.mono()[np.newaxis]
    if clip.channels <= 2:
        return clip.samples
    if clip.channels not in _LEFT_GAINS:  # WAV has no layout for so many: mono
        return clip.mono()[np.newaxis]
    left = np.array(_LEFT_GAINS[clip.channels], dtype=np.float32)
    left /= left.sum()
    sides: NDArray[np.float32] = np.stack([left, left[list(_RIGHT_ORDER[clip.channels])]]) @ clip.samples
    return sides


@dataclass(frozen=True, eq=False)
class Programme:
    """Sound to play, at the device's rate.

    Attributes
    ----------
    original : (1 or channels, n) float32 array
    feature : (1 or channels, m) float32 array, optional
    feature_first : int
        Frame of the original at which the feature begins; before and after it, the original sounds.
    """

    original: NDArray[np.float32]
    feature: NDArray[np.float32] | None = None
    feature_first: int = 0


class _Span(NamedTuple):
    """Uninterrupted sound: when it is heard, its position in the recording, its duration, and the seek before it."""

    at_s: float
    position_s: float
    lasts_s: float
    seek: tuple[float] | None


class Mixer:
    """Renderer of a `Programme` that also maps the time of a clock to the position that is heard.

    Attributes
    ----------
    programme : Programme, optional
    playing : bool
    source : {"original", "feature"}
    loop_s : (float, float), optional
        Start and end of the loop; a position behind its end goes to its start at once.
    gain : float
        Linear; a change is spread over one block.
    silent_until_s : float
        Sound that is heard before this time of the clock is muted; the position moves on.
    """

    def __init__(self) -> None:
        self.rate = 44100
        self.channels = 2
        self.programme: Programme | None = None
        self.playing = False
        self.source: Source = "original"
        self.loop_s: tuple[float, float] | None = None
        self.gain = 1.0
        self.silent_until_s = 0.0
        # Each seek is a new tuple, identified by its identity.
        self._seek: tuple[float] = (0.0,)
        self._end_of: tuple[float] | None = None
        self._rest: tuple[float] | None = self._seek
        self._heard: tuple[_Span, ...] = ()
        self._reset()

    def _reset(self) -> None:
        # Only the rendering thread uses the attributes below.
        self._done_seek: tuple[float] | None = None
        self._now_programme: Programme | None = None
        self._now_source: Source = "original"
        self._array: NDArray[np.float32] | None = None
        self._array_first = 0
        self._cursor = 0
        self._sounding = False
        self._now_gain = self.gain
        self._tail: NDArray[np.float32] = np.zeros((0, self.channels), np.float32)
        self._rise: NDArray[np.float32] = np.zeros((0, 1), np.float32)
        self._faded = 0

    def configure(self, rate: int, channels: int) -> None:
        """Set the rate and channels of the device's stream; only while no stream is open, and after a seek."""
        self.rate, self.channels = rate, channels
        self._heard = ()
        self._reset()

    def seek(self, position_s: float) -> None:
        """Go to a position: with the next block while playing, otherwise at once."""
        seek = (position_s,)
        if not self.playing:
            self._rest = seek
        self._seek = seek

    @property
    def ended(self) -> bool:
        """Whether the recording has been rendered to its end."""
        return self._end_of is self._seek

    @property
    def heard_until_s(self) -> float:
        """Time at which the last rendered sound ends."""
        return self._heard[-1].at_s + self._heard[-1].lasts_s if self._heard else 0.0

    def position_s(self, now_s: float) -> float:
        """Return the position that is heard at a time of the clock that `render` is given."""
        heard, seek = self._heard, self._seek
        if self._rest is seek:  # sought while silent: ignore the sound before
            heard = tuple(span for span in heard if span.seek is seek)
        for span in reversed(heard):
            if span.at_s <= now_s:
                return span.position_s + min(now_s - span.at_s, span.lasts_s)
        return heard[0].position_s if heard else seek[0]

    def render(self, out: NDArray[np.float32], heard_at_s: float) -> None:
        """Render the next block.

        Parameters
        ----------
        out : (n, channels) float32 array
        heard_at_s : float
            Time at which the first frame will be heard.
        """
        out.fill(0.0)
        self._apply_changes(heard_at_s)
        programme, loop = self.programme, self.loop_s
        limit = programme.original.shape[1] if programme is not None else 0
        if loop is not None:
            loop_first = min(round(loop[0] * self.rate), max(limit - 1, 0))
            loop_frames = max(round((loop[1] - loop[0]) * self.rate), round(MIN_LOOP_S * self.rate))
            limit = loop_first + loop_frames
        filled, n_out = 0, out.shape[0]
        while filled < n_out:
            n = n_out - filled
            if self._sounding:
                if self._cursor >= limit:
                    self._cut(CUT_FADE_S)
                    if loop is None:
                        self._sounding = False
                        self._end_of = self._done_seek
                    else:
                        self._cursor = loop_first
                    continue
                array, first, end = self._sound_at_cursor(heard_at_s + filled / self.rate)
                if array is not self._array:
                    self._cut(SWITCH_FADE_S)
                    self._array, self._array_first = array, first
                n = min(n, limit - self._cursor, end - self._cursor)
            self._mix(out[filled : filled + n])
            if self._sounding:
                at_s = heard_at_s + filled / self.rate
                span = _Span(at_s, self._cursor / self.rate, n / self.rate, self._done_seek)
                self._heard = (*self._heard[-63:], span)
                self._cursor += n
            self._faded += n
            filled += n
        if self.gain != self._now_gain:
            out *= np.linspace(self._now_gain, self.gain, n_out, dtype=np.float32)[:, np.newaxis]
            self._now_gain = self.gain
        elif self.gain != 1.0:
            out *= np.float32(self.gain)

    def _apply_changes(self, heard_at_s: float) -> None:
        """Apply the latest programme, seek, source and state; fade out what sounds if they interrupt it."""
        seek = self._seek
        self._now_programme, self._now_source = self.programme, self.source
        sounding = self.playing and self._now_programme is not None and self._end_of is not seek
        if seek is self._done_seek and sounding == self._sounding:
            return
        self._cut(CUT_FADE_S)
        self._sounding = sounding
        if seek is not self._done_seek:
            self._done_seek = seek
            self._cursor = max(round(seek[0] * self.rate), 0)
        self._array, self._array_first, _ = self._sound_at_cursor(heard_at_s)

    def _sound_at_cursor(self, heard_at_s: float) -> tuple[NDArray[np.float32] | None, int, int]:
        """Return what sounds at the cursor, its first frame in the original, and the frame where it may change."""
        programme = self._now_programme
        if programme is None:
            return None, 0, sys.maxsize
        if heard_at_s < self.silent_until_s:
            return None, 0, self._cursor + max(round((self.silent_until_s - heard_at_s) * self.rate), 1)
        if self._now_source == "feature" and programme.feature is not None:
            first = programme.feature_first
            last = first + programme.feature.shape[1]
            if self._cursor < first:
                return programme.original, 0, first
            if self._cursor < last:
                return programme.feature, first, last
        return programme.original, 0, sys.maxsize

    def _cut(self, fade_s: float) -> None:
        """Fade out the present sound while the next one fades in.

        The present sound may itself be an unfinished fade. The tail holds all of it, so that cuts may follow each other
        at any distance without a click.
        """
        n = max(round(fade_s * self.rate), 1)
        tail = np.zeros((n, self.channels), np.float32)
        self._mix(tail)
        rise = np.sin(np.linspace(0.0, np.pi / 2, n, dtype=np.float32))[:, np.newaxis] ** 2
        tail *= 1.0 - rise
        self._tail, self._rise, self._faded = tail, rise, 0

    def _mix(self, out: NDArray[np.float32]) -> None:
        """Add the sound from the cursor on, with its fades, to a block of zeros; leave the state unchanged."""
        if self._sounding and self._array is not None:
            at = self._cursor - self._array_first
            first, last = max(at, 0), min(at + out.shape[0], self._array.shape[1])
            if first < last:
                out[first - at : last - at] = self._array[:, first:last].T
        rise = self._rise[self._faded : self._faded + out.shape[0]]
        if rise.shape[0]:
            out[: rise.shape[0]] *= rise
            out[: rise.shape[0]] += self._tail[self._faded : self._faded + rise.shape[0]]
