"""Playing a recording, or what a feature hears of it, switched without a gap at the same position."""

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
_IDLE_S = 1.0  # a silent stream is kept this long, so that playing on begins at once
_STALLED_S = 5.0  # a device that asks for nothing for so long is gone
_RESYNC_S = 0.05


@dataclass(frozen=True, eq=False)
class _Content:
    clip: Clip | None = None
    feature: Clip | None = None
    feature_start_s: float = 0.0


class Player:
    """A transport. Every method returns at once and may be called from any thread, but for `look_for_device`.

    Devices are opened, started and closed in a thread of the player's own. `state`, `problem`, `duration_s`, `source`,
    `loop` and `volume` change before `on_change` is called.

    Parameters
    ----------
    on_change : callable, optional
        Called without arguments after any change but that of the position, from whichever thread made it: the
        caller's or the player's own. It must neither wait nor raise.

    Attributes
    ----------
    state : {"stopped", "playing", "paused", "no-device"}
    problem : str
        Why it cannot play, a sentence; empty when it can.
    underflows : int
        How often the device had to wait for sound.
    """

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        self.state: State = "stopped"
        self.problem = ""
        self.underflows = 0
        self._on_change = on_change
        self._volume = 1.0
        self._content = _Content()
        self._lock = threading.Lock()  # of state and content; never held during a call to the device
        self._mixer = Mixer()
        # The rest belongs to the player's thread.
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

    # What can be read.

    @property
    def position_s(self) -> float:
        """What is heard now, the device's delay taken off; steady enough for a playhead."""
        return self._mixer.position_s(time.perf_counter())

    @property
    def duration_s(self) -> float:
        clip = self._content.clip
        return clip.duration_s if clip is not None else 0.0

    @property
    def source(self) -> Source:
        return self._mixer.source

    @property
    def loop(self) -> tuple[float, float] | None:
        return self._mixer.loop_s

    @property
    def volume(self) -> float:
        """0 to 1; its cube is the gain, which follows the ear well (60 dB over most of the way)."""
        return self._volume

    # What can be asked.

    def load(self, clip: Clip) -> None:
        """Take another recording: stopped, at its beginning, without loop and feature."""
        with self._lock:
            self._mixer.playing = False
            self._mixer.programme = None
            self._mixer.loop_s = None
            self._mixer.seek(0.0)
            self._content = _Content(clip)
            if self.state != "no-device":
                self.state = "stopped"
        self._commands.put(self._fell_silent)
        self._commands.put(self._prepare)
        self._changed()

    def set_feature(self, clip: Clip | None, start_s: float = 0.0) -> None:
        """Replace what "feature" plays, also while it plays; the position stays.

        Parameters
        ----------
        clip : Clip, optional
            At any rate. Around it, and without it, "feature" is silent.
        start_s : float
            Where in the loaded recording it begins.
        """
        with self._lock:
            self._content = replace(self._content, feature=clip, feature_start_s=start_s)
        self._commands.put(self._prepare)

    def play(self) -> None:
        """Play from the position on; nothing happens without recording or device."""
        with self._lock:
            if self._content.clip is None or self.state not in ("stopped", "paused"):
                return
            self.state = "playing"
            self._mixer.playing = True
        self._commands.put(self._start)
        self._changed()

    def pause(self) -> None:
        """Fall silent and stay there."""
        with self._lock:
            if self.state != "playing":
                return
            self.state = "paused"
            self._mixer.playing = False
        self._commands.put(self._fell_silent)
        self._changed()

    def stop(self) -> None:
        """Fall silent and go to the beginning."""
        with self._lock:
            self._mixer.playing = False
            self._mixer.seek(0.0)
            if self.state != "no-device":
                self.state = "stopped"
        self._commands.put(self._fell_silent)
        self._changed()

    def seek(self, position_s: float) -> None:
        """Go to a position; while playing, `position_s` follows when it is heard."""
        self._mixer.seek(min(max(position_s, 0.0), self.duration_s))

    def set_loop(self, loop: tuple[float, float] | None) -> None:
        """Play from the first to the second, in seconds, again and again; 50 ms at least.

        Raises
        ------
        ValueError
            It ends before it begins.
        """
        if loop is not None:
            first_s, last_s = max(loop[0], 0.0), min(loop[1], self.duration_s)
            if not first_s < last_s:
                raise ValueError(f"a loop must begin before it ends and within the recording, not {loop}")
            loop = (first_s, max(last_s, first_s + MIN_LOOP_S))
        self._mixer.loop_s = loop
        self._changed()

    def set_volume(self, volume: float) -> None:
        """From 0 (silent) to 1 (true level)."""
        self._volume = min(max(volume, 0.0), 1.0)
        self._mixer.gain = self._volume**3
        self._changed()

    def set_source(self, source: Source) -> None:
        """Hear the original or the feature, at the same position.

        Raises
        ------
        ValueError
            It is neither.
        """
        if source not in get_args(Source):
            raise ValueError(f"source must be one of {get_args(Source)}, not {source!r}")
        self._mixer.source = source
        self._changed()

    def look_for_device(self) -> bool:
        """See whether there is a device now; blocks, for seconds perhaps: for a background job.

        While playing nothing is done. Otherwise the player's stream is closed and, if no other is open in this
        process, PortAudio is initialised anew (it sees new devices in no other way).
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
        """Fall silent and give the device back; the player is of no use afterwards."""
        self._mixer.playing = False
        self._commands.put(None)
        self._thread.join(timeout=5.0)

    # The player's thread.

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
                self._lose("The audio device went away: connect it again, or another.")
        elif now_s - self._silent_since_s > _IDLE_S:
            self._running = False
            self._stream.abort(ignore_errors=True)  # what it still holds is silence

    def _end(self) -> None:
        with self._lock:
            if not (self._mixer.ended and self.state == "playing"):
                return
            self.state = "stopped"
            self._mixer.playing = False
            self._mixer.seek(0.0)
        self._fell_silent()
        self._changed()

    def _prepare(self) -> None:
        """Bring what is to be played to the device's rate; without a device that waits."""
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
            if content is self._content:  # otherwise the next command prepares what is wanted now
                self._mixer.programme = Programme(self._original, self._feature, first)

    def _for_stream(self, feature: Clip) -> NDArray[np.float32]:
        """At the stream's rate, with edges that do not click."""
        samples = resample(mixed_down(feature, self._mixer.channels), feature.sample_rate, self._mixer.rate)
        samples = np.nan_to_num(samples)  # a network may overflow; a loudspeaker must not hear of it
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
        """PortAudio's callback: it waits for nothing and raises nothing."""
        now_s = time.perf_counter()
        delay_s = times.outputBufferDacTime - times.currentTime
        if not 0.0 <= delay_s < 2.0:  # some sound systems do not tell
            delay_s = devices.LATENCY_S
        # The delay is known well but this thread may have waited for its turn, so `now_s` is late by a varying
        # amount: follow it slowly, unless something was really interrupted.
        heard_s = now_s + delay_s
        if abs(heard_s - self._next_heard_s) < _RESYNC_S:
            heard_s = self._next_heard_s + 0.05 * (heard_s - self._next_heard_s)
        self._next_heard_s = heard_s + n_frames / self._mixer.rate
        self._alive_at_s = now_s
        if status.output_underflow:
            self.underflows += 1
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
            self._prepared = _Content()  # the new device may take another rate
            self._prepare()
            self._changed()
        return not self.problem

    def _lose(self, problem: str) -> None:
        """Without a device: keep the position, and say why."""
        with self._lock:
            was = (self.state, self.problem)
            position_s = self.position_s
            self._mixer.playing = False
            self._mixer.seek(position_s)
            self.state, self.problem = "no-device", problem
        self._close_stream()
        if was != (self.state, self.problem):
            self._changed()

    def _fell_silent(self) -> None:
        self._silent_since_s = time.perf_counter()

    def _close_stream(self) -> None:
        if self._stream is not None:
            stream, self._stream, self._running = self._stream, None, False
            devices.close_stream(stream)

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()
