"""Play a recording or the sound of a feature, switched without a gap at the same position."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from auralscope.audio import devices
from auralscope.audio.devices import describe_device as describe_device
from auralscope.audio.mixer import CUT_FADE_S, MIN_LOOP_S, Mixer, Programme, Source, mixed_down
from auralscope.dsp.resampling import resample
from auralscope.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from auralscope.types import Clip

State = Literal["stopped", "playing", "paused", "no-device"]

_TICK_S = 0.02
_IDLE_S = 1.0  # a silent stream stays open this long, so that playback resumes at once
_STALLED_S = 5.0  # a device that requests no block for this long is gone
_RESYNC_S = 0.05


@dataclass(frozen=True, eq=False)
class _Content:
    clip: Clip | None = None
    feature: Clip | None = None
    feature_start_s: float = 0.0


class Player:
    """Transport of one recording and one feature.

    Every method but `look_for_device` returns at once and may be called from any thread. The player's own thread opens,
    starts and closes devices. `state`, `problem`, `duration_s`, `source`, `loop` and `volume` change before `on_change`
    is called.

    Parameters
    ----------
    on_change : callable, optional
        Called without arguments after any change except of the position, by the thread that made the change (the
        caller's or the player's own). It must neither wait nor raise.

    Attributes
    ----------
    state : {"stopped", "playing", "paused", "no-device"}
    problem : str
        Sentence that says why the player cannot play; empty if it can.
    """

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        self.state: State = "stopped"
        self.problem = ""
        self._on_change = on_change
        self._volume = 1.0
        self._content = _Content()
        self._lock = threading.Lock()  # guards state and content; never held during a call to the device
        self._mixer = Mixer()
        # Only the player's thread uses the attributes below.
        self._prepared = _Content()
        self._original: NDArray[np.float32] | None = None
        self._feature: NDArray[np.float32] | None = None
        self._stream: Any = None
        self._running = False
        self._silent_since_s = 0.0
        self._alive_at_s = 0.0
        self._next_heard_s = 0.0
        self._commands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="player", daemon=True)
        self._thread.start()
        self._commands.put(self._prepare)

    @property
    def position_s(self) -> float:
        """Position that is heard now, corrected for the device's delay; steady enough for a playhead."""
        return self._mixer.position_s(time.perf_counter())

    @property
    def duration_s(self) -> float:
        clip = self._content.clip
        return clip.duration_s if clip is not None else 0.0

    @property
    def source(self) -> Source:
        return self._mixer.source

    @property
    def heard_source(self) -> Source:
        """Source at the present position: the original replaces the feature outside of its clip."""
        content = self._content
        if self.source == "original" or content.feature is None:
            return "original"
        start_s = content.feature_start_s
        return "feature" if start_s <= self.position_s < start_s + content.feature.duration_s else "original"

    @property
    def loop(self) -> tuple[float, float] | None:
        return self._mixer.loop_s

    @property
    def volume(self) -> float:
        """Volume from 0 to 1; the gain is its cube, which suits the ear (60 dB over most of the range)."""
        return self._volume

    def load(self, clip: Clip) -> None:
        """Load another recording: stopped, at its beginning, without loop and feature."""
        with self._lock:
            self._mixer.playing = False
            self._mixer.programme = None
            self._mixer.loop_s = None
            self._mixer.seek(0.0)
            self._content = _Content(clip)
            if self.state != "no-device":
                self.state = "stopped"
        self._commands.put(self._note_silence)
        self._commands.put(self._prepare)
        self._changed()

    def set_feature(self, clip: Clip | None, start_s: float = 0.0) -> None:
        """Replace the sound of the source "feature", also during playback; the position stays.

        Parameters
        ----------
        clip : Clip, optional
            Any sample rate. Before and after the clip, and without one, "feature" plays the original.
        start_s : float
            Where the clip begins in the loaded recording.
        """
        with self._lock:
            self._content = replace(self._content, feature=clip, feature_start_s=start_s)
            programme = self._mixer.programme
            if programme is not None:  # the feature before must not sound until the new one is prepared
                rate = self._mixer.rate
                silence = None if clip is None else np.zeros((1, round(clip.duration_s * rate)), np.float32)
                self._mixer.programme = Programme(programme.original, silence, round(start_s * rate))
        self._commands.put(self._prepare)

    def hold(self, seconds: float) -> None:
        """Mute what is played for some seconds from now; 0 ends it."""
        self._mixer.silent_until_s = time.perf_counter() + seconds if seconds > 0.0 else 0.0

    def play(self) -> None:
        """Play from the present position; do nothing without a recording or a device."""
        with self._lock:
            if self._content.clip is None or self.state not in ("stopped", "paused"):
                return
            self.state = "playing"
            self._mixer.playing = True
        self._commands.put(self._start)
        self._changed()

    def pause(self) -> None:
        """Pause at the present position."""
        with self._lock:
            if self.state != "playing":
                return
            self.state = "paused"
            self._mixer.playing = False
        self._commands.put(self._note_silence)
        self._changed()

    def stop(self) -> None:
        """Stop and go to the beginning."""
        with self._lock:
            self._mixer.playing = False
            self._mixer.seek(0.0)
            if self.state != "no-device":
                self.state = "stopped"
        self._commands.put(self._note_silence)
        self._changed()

    def seek(self, position_s: float) -> None:
        """Go to a position; during playback `position_s` changes when the new position is heard."""
        self._mixer.seek(min(max(position_s, 0.0), self.duration_s))

    def set_loop(self, loop: tuple[float, float] | None) -> None:
        """Repeat the part between two positions in seconds, of 50 ms or more.

        Raises
        ------
        ValueError
            The loop ends before it begins, or lies outside the recording.
        """
        if loop is not None:
            first_s, last_s = max(loop[0], 0.0), min(loop[1], self.duration_s)
            if not first_s < last_s:
                raise ValueError(f"a loop must begin before it ends and within the recording, not {loop}")
            loop = (first_s, max(last_s, first_s + MIN_LOOP_S))
        self._mixer.loop_s = loop
        self._changed()

    def set_volume(self, volume: float) -> None:
        """Set the volume, from 0 (silent) to 1 (true level)."""
        self._volume = min(max(volume, 0.0), 1.0)
        self._mixer.gain = self._volume**3
        self._changed()

    def set_source(self, source: Source) -> None:
        """Play the original or the feature, at the same position.

        Raises
        ------
        ValueError
            There is no such source.
        """
        if source not in get_args(Source):
            raise ValueError(f"source must be one of {get_args(Source)}, not {source!r}")
        self._mixer.source = source
        self._changed()

    def look_for_device(self) -> bool:
        """Return whether there is a device now. May block for seconds: call it in a background job.

        During playback it changes nothing. Otherwise it closes the player's stream and, if no other stream of this
        process is open, initialises PortAudio again, which is the only way to find new devices.
        """
        found: Future[bool] = Future()
        self._commands.put(lambda: found.set_result(self._look()))
        while self._thread.is_alive():
            try:
                return found.result(timeout=0.5)
            except TimeoutError:
                continue
        return False

    def close(self) -> None:
        """Stop and close the device; the player cannot be used afterwards."""
        self._mixer.playing = False
        self._commands.put(None)
        self._thread.join(timeout=5.0)

    # Methods of the player's thread.

    def _work(self) -> None:
        while True:
            try:
                command = self._commands.get(timeout=None if self._stream is None else _TICK_S)
            except Empty:
                self._tick()
                continue
            if command is None:
                self._close_stream()
                return
            command()

    def _tick(self) -> None:
        now_s = time.perf_counter()
        if not self._running:
            return
        if self.state == "playing":
            if self._mixer.ended and now_s >= self._mixer.heard_until_s:
                self._end()
            elif not self._stream.active or now_s - self._alive_at_s > _STALLED_S:
                self._lose("The audio device was disconnected: connect it again, or connect another.")
        elif now_s - self._silent_since_s > _IDLE_S:
            self._running = False
            self._stream.abort(ignore_errors=True)  # the rest of its buffer is silence

    def _end(self) -> None:
        with self._lock:
            if not (self._mixer.ended and self.state == "playing"):
                return
            self.state = "stopped"
            self._mixer.playing = False
            self._mixer.seek(0.0)
        self._note_silence()
        self._changed()

    def _prepare(self) -> None:
        """Resample the sound to the device's rate; without a device, do it later."""
        content = self._content
        try:
            if content.clip is None:
                devices.output_settings(self._mixer.rate)
                return
            if content.clip is not self._prepared.clip:
                rate, channels = devices.output_settings(content.clip.sample_rate)
                if (rate, channels) != (self._mixer.rate, self._mixer.channels):
                    self._close_stream()
                    self._mixer.configure(rate, channels)
                self._original = resample(mixed_down(content.clip, channels), content.clip.sample_rate, rate)
                self._feature, self._prepared = None, _Content(content.clip)
        except DeviceError as error:
            self._lose(str(error))
            return
        if content.feature is not self._prepared.feature:
            self._feature = self._for_stream(content.feature) if content.feature is not None else None
        self._prepared = content
        if self._original is None:
            return
        first = round(content.feature_start_s * self._mixer.rate)
        with self._lock:
            if content is self._content:  # otherwise the next command prepares the newer content
                self._mixer.programme = Programme(self._original, self._feature, first)

    def _for_stream(self, feature: Clip) -> NDArray[np.float32]:
        """Resample a feature to the stream's rate and fade its edges, which would click."""
        samples = resample(mixed_down(feature, self._mixer.channels), feature.sample_rate, self._mixer.rate)
        samples = np.nan_to_num(samples)  # a network may overflow: keep NaN and infinity from the loudspeaker
        n = min(round(CUT_FADE_S * self._mixer.rate), samples.shape[1] // 2)
        rise = np.linspace(0.0, 1.0, n, dtype=np.float32)
        samples[:, :n] *= rise
        samples[:, samples.shape[1] - n :] *= rise[::-1]
        return samples

    def _start(self) -> None:
        if self.state != "playing" or self._content.clip is None:
            return
        try:
            if self._stream is None:
                self._stream = devices.open_output(self._mixer.rate, self._mixer.channels, self._fill)
            if not self._running:
                self._alive_at_s = time.perf_counter()
                devices.start_stream(self._stream)
                self._running = True
        except DeviceError as error:
            self._lose(str(error))

    def _fill(self, out: NDArray[np.float32], n_frames: int, times: Any, status: Any) -> None:
        """Fill a block for PortAudio (its callback): must neither wait nor raise."""
        now_s = time.perf_counter()
        delay_s = times.outputBufferDacTime - times.currentTime
        if not 0.0 <= delay_s < 2.0:  # some sound systems report no delay
            delay_s = devices.LATENCY_S
        # The delay is exact, but `now_s` is late by a varying amount, because this thread may have waited: smooth
        # it, unless playback was interrupted.
        heard_s = now_s + delay_s
        if abs(heard_s - self._next_heard_s) < _RESYNC_S:
            heard_s = self._next_heard_s + 0.05 * (heard_s - self._next_heard_s)
        self._next_heard_s = heard_s + n_frames / self._mixer.rate
        self._alive_at_s = now_s
        self._mixer.render(out, heard_s)

    def _look(self) -> bool:
        if self.state == "playing":
            return True
        self._close_stream()
        try:
            devices.rescan()
            devices.output_settings(self._mixer.rate)
        except DeviceError as error:
            self._lose(str(error))
            return False
        with self._lock:
            was_lost = self.state == "no-device"
            if was_lost:
                self.problem = ""
                self.state = "paused" if self.position_s > 0.0 else "stopped"
        if was_lost:
            self._prepared = _Content()  # the new device may need another rate
            self._prepare()
            self._changed()
        return not self.problem

    def _lose(self, problem: str) -> None:
        """Enter the state without a device: keep the position, and set the reason."""
        with self._lock:
            was = (self.state, self.problem)
            position_s = self.position_s
            self._mixer.playing = False
            self._mixer.seek(position_s)
            self.state, self.problem = "no-device", problem
        self._close_stream()
        if was != (self.state, self.problem):
            self._changed()

    def _note_silence(self) -> None:
        self._silent_since_s = time.perf_counter()

    def _close_stream(self) -> None:
        if self._stream is not None:
            stream, self._stream, self._running = self._stream, None, False
            devices.close_stream(stream)

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()
