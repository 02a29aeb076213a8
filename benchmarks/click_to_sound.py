"""Measure the time from the choice of a unit to the first samples of its sound at the audio device.

The session runs as in the window, and the player with all its code but PortAudio, which is replaced by a clock that
requests a block of 512 frames every 11.6 ms, as a device does. The recording is stereo at 44,100 Hz, and the units are
played at its rate and level. *Cold*: the unit has not been deconvolved. *In the gallery*: the unit has been deconvolved
already, which is the usual case. *Rapid*: ten clicks 20 ms apart, measured from the last one.

Networks have random weights, so that no weights need be fetched: only the shapes affect the speed.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import torch

from auralscope.audio import devices, playback
from auralscope.audio.files import load_clip, write_wav
from auralscope.audio.mixer import Mixer
from auralscope.files import resource
from auralscope.nn.loaded import Model
from auralscope.registry import find_spec
from auralscope.session.jobs import Inbox
from auralscope.session.session import Session
from auralscope.types import Clip

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLICKS = 20
RATE, BLOCK = 44_100, 512
WANTED_MS = {"genre-convnet": 60, "compact-convnet-msd": 200, "crnn-msd": 200}
PATIENCE_S = 600.0


class Clockwork:
    """Substitute for an audio device that requests a block whenever one would have been played."""

    active = True

    def __init__(self, fill: Callable[..., None], channels: int) -> None:
        self._fill = fill
        self._channels = channels
        self._ended = threading.Event()

    def start(self) -> None:
        self._ended = threading.Event()
        threading.Thread(target=self._run, args=(self._ended,), daemon=True).start()

    def abort(self, **_: Any) -> None:
        self._ended.set()

    close = abort

    def _run(self, ended: threading.Event) -> None:
        out: NDArray[np.float32] = np.zeros((BLOCK, self._channels), np.float32)
        next_s = time.perf_counter()
        while not ended.wait(max(next_s - time.perf_counter(), 0.0)):
            now_s = time.perf_counter()
            times = SimpleNamespace(currentTime=now_s, outputBufferDacTime=now_s + devices.LATENCY_S)
            self._fill(out, BLOCK, times, SimpleNamespace(output_underflow=False))
            next_s = max(next_s, now_s - 0.1) + BLOCK / RATE


@contextmanager
def _clockwork() -> Iterator[None]:
    with (
        patch.object(devices, "output_settings", lambda _rate: (RATE, 2)),
        patch.object(devices, "open_output", lambda _rate, channels, fill: Clockwork(fill, channels)),
        patch.object(devices, "start_stream", lambda stream: stream.start()),
        patch.object(devices, "close_stream", lambda stream: stream.abort()),
    ):
        yield


class NotingMixer(Mixer):
    """Mixer that notes the last feature whose sound it has rendered, and when it began to."""

    def __init__(self) -> None:
        super().__init__()
        self.rendered: NDArray[np.float32] | None = None
        self.rendered_s = 0.0

    def render(self, out: NDArray[np.float32], heard_at_s: float) -> None:
        programme, plays_feature = self.programme, self.playing and self.source == "feature"
        super().render(out, heard_at_s)
        if programme is None or programme.feature is None or not plays_feature or programme.feature is self.rendered:
            return
        first = programme.feature_first
        if first <= round(self.position_s(heard_at_s) * self.rate) < first + programme.feature.shape[1]:
            self.rendered, self.rendered_s = programme.feature, time.perf_counter()


class Sitting:
    """Session with a recording and a model that notes when a feature reaches the device."""

    def __init__(self, model_id: str, recording: Path) -> None:
        self.inbox = Inbox()
        self.mixer = NotingMixer()
        with patch.object(playback, "Mixer", lambda: self.mixer):
            self.session = Session(self.inbox.deliver, "cpu")
        self._failures: list[str] = []
        self.session.problem.connect(self._failures.append)
        self.session.open(recording)
        self.wait(lambda: self.session.clip is not None)
        spec = find_spec(model_id)
        torch.manual_seed(0)
        with (
            patch("auralscope.weights.state", lambda _spec: "bundled"),
            patch("auralscope.catalogue.load_model", lambda *_, **__: Model(spec, spec.build(), torch.device("cpu"))),
        ):
            self.session.load_model(model_id)
            self.wait(lambda: self.session.window_result is not None)

    def wait(self, condition: Callable[[], bool]) -> None:
        if not self.inbox.wait_for(lambda: bool(self._failures) or condition(), PATIENCE_S) or self._failures:
            raise SystemExit("; ".join(self._failures) or f"The session did not finish within {PATIENCE_S:g} s.")

    def quiet(self) -> None:
        """Wait until no job runs, without those of faithfulness."""
        self.session.jobs.cancel("faithfulness")
        self.wait(lambda: not self.session.jobs.running)

    def click(self, *units: int) -> float:
        """Choose units one after another; return the seconds until the last one is played."""
        for unit in units[:-1]:
            self.session.choose_unit(unit)
            self.inbox.wait_for(lambda: False, 0.02)
        before = self.session.listening.sound
        start_s = time.perf_counter()
        self.session.choose_unit(units[-1])
        name = self.session.unit_title(units[-1])
        listening = self.session.listening
        self.wait(lambda: listening.title == name and listening.sound not in (None, before))
        # The player holds silence in place of the sound until that is prepared.
        while not (feature := self.mixer.programme.feature).any() or self.mixer.rendered is not feature:
            time.sleep(0.0005)
        return self.mixer.rendered_s - start_s


def main() -> None:
    """Print one line for each model, layer and case."""
    excerpt = load_clip(resource("excerpt.ogg"))
    with tempfile.TemporaryDirectory() as folder, _clockwork():
        recording = Path(folder) / "recording.wav"
        times = int(np.ceil(35.0 * excerpt.sample_rate / excerpt.n_samples))
        samples = np.tile(np.broadcast_to(excerpt.samples[:1], (2, excerpt.n_samples)), times)
        write_wav(recording, Clip(samples, excerpt.sample_rate))
        for model_id, wanted in WANTED_MS.items():
            sitting = Sitting(model_id, recording)
            with closing(sitting.session):
                for layer in (sitting.session.model.layers[0], _deepest(sitting)):
                    _measure(sitting, layer, wanted)


def _deepest(sitting: Sitting) -> str:
    return [name for name in sitting.session.model.layers if name.startswith("conv")][-1]


def _measure(sitting: Sitting, layer: str, wanted: int) -> None:
    session = sitting.session
    session.choose_layer(layer)
    sitting.quiet()
    result = session.gallery.layer_result
    units = [unit for unit in result.order if not result.is_silent(unit)]
    gallery = [sitting.click(unit) for unit in units[:CLICKS]]
    sitting.quiet()
    rapid = [sitting.click(*units[first : first + 10]) for first in range(0, 20, 5)]
    cold = []
    for unit in units[:CLICKS]:
        sitting.quiet()
        session.gallery.features.clear()
        cold.append(sitting.click(unit))
    for name, found in (("in the gallery", gallery), ("rapid", rapid), ("cold", cold)):
        median = statistics.median(found) * 1e3
        print(
            f"{session.model.spec.id:<20} {session.window_s:5.2f} s  {layer}  {name:<15} {median:6.0f} ms, longest "
            f"{max(found) * 1e3:6.0f} ms   (wanted: < {wanted})",
            flush=True,
        )
