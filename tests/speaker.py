"""A loudspeaker without hardware whose sound can be recorded, for every test that plays.

`speaker` makes PortAudio of this process play into a PulseAudio server of the tests' own (its own folder and socket, so
that runs beside each other do not hear each other), and the process is back to what it was after each test::

    def test_it_is_heard(speaker, wait):
        with speaker.record() as recording:
            player.play()
            wait(lambda: player.state == "stopped")
        recording.samples  # (2, n) float32 at 44,100 Hz: what a listener heard

`wait(condition)` waits for a condition and fails at its deadline. `silent_machine` is the opposite of `speaker`: a
process that finds no audio device at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

RATE = 44100
_FRAME_BYTES = 4  # two channels of 16 bits


def wait_until(condition, deadline_s=20.0, what=""):
    """Return the condition's first true value, looking every 5 ms; fail at the deadline."""
    end_s = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end_s:
            pytest.fail(f"waited {deadline_s:g} s in vain {what}")
        time.sleep(0.005)
    return value


class Recording:
    """What comes out of the speaker, while and after it is recorded."""

    def __init__(self, path, process):
        self._path = path
        self._process = process

    @property
    def n_frames(self):
        return self._path.stat().st_size // _FRAME_BYTES

    @property
    def samples(self):
        """(2, n) float32 at 44,100 Hz."""
        frames = np.fromfile(self._path, dtype="<i2", count=2 * self.n_frames).reshape(-1, 2)
        return np.ascontiguousarray(frames.T, dtype=np.float32) / 32768.0

    def wait_for(self, seconds):
        """Go on recording for so long, by the recording's own clock."""
        end = self.n_frames + round(seconds * RATE)
        wait_until(lambda: self.n_frames >= end, deadline_s=20.0 + 2 * seconds, what="for the recording to go on")

    def end(self):
        self._process.terminate()
        self._process.wait(timeout=10)


class VirtualSpeaker:
    """A PulseAudio server with one null sink, paced in real time, in a folder of its own."""

    def __init__(self, tool, folder):
        self.tool, self._folder = tool, Path(folder)
        self._keeper = None
        alsa = self._folder / "alsa.conf"
        alsa.write_text("</usr/share/alsa/alsa.conf>\npcm.!default pulse\nctl.!default pulse\n")
        runtime = self._folder / "pulse"
        self.environment = {"PULSE_SERVER": f"unix:{runtime}/native", "ALSA_CONFIG_PATH": str(alsa)}
        self._server_environment = {
            **{name: value for name, value in os.environ.items() if name != "PULSE_SERVER"},
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_RUNTIME_PATH": str(runtime),
        }

    def _answers(self):
        return not subprocess.run(["pactl", "info"], env=self._server_environment, capture_output=True).returncode

    def start(self):
        result = subprocess.run([self.tool], env=self._server_environment, capture_output=True, text=True, timeout=200)
        if result.returncode:
            pytest.skip(f"the virtual speaker does not start here: {result.stderr.strip()[-200:]}")
        # Without a hurried listener a null sink renders two seconds at once, and a player hears of it as a stall.
        keeper = self._parec(self._folder / "keeper.raw")
        self._keeper = keeper
        keeper.wait_for(0.5)

    def stop(self):
        """Unplug it, as far as a player can see."""
        if self._keeper is not None:
            subprocess.run(["pulseaudio", "--kill"], env=self._server_environment, capture_output=True, check=True)
            self._keeper.end()
            self._keeper = None
            wait_until(lambda: not self._answers(), what="for the virtual speaker to go")

    def _parec(self, path):
        command = ["parec", "-d", "speaker.monitor", "--raw", "--format=s16le", f"--rate={RATE}", "--channels=2"]
        with path.open("wb") as file:
            process = subprocess.Popen([*command, "--latency-msec=10"], env=self._server_environment, stdout=file)
        return Recording(path, process)

    @contextmanager
    def record(self):
        """Record the speaker; from some silence before to some after what happens inside."""
        handle, name = tempfile.mkstemp(suffix=".raw", dir=self._folder)
        os.close(handle)
        recording = self._parec(Path(name))
        try:
            recording.wait_for(0.1)
            yield recording
            recording.wait_for(0.4)
        finally:
            recording.end()


@contextmanager
def audio_environment(environment):
    """Have PortAudio of this process see the devices of another environment."""
    from auralscope.audio import devices

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        devices.rescan()
        yield
    devices.rescan()


@pytest.fixture(scope="session")
def speaker_server(shared):
    tool = shared / "tools" / "virtual-speaker"
    if not tool.is_file():
        pytest.skip("../shared/tools/virtual-speaker is not here: playback cannot be recorded")
    folder = Path(tempfile.mkdtemp(prefix="speaker-"))  # a short path: sockets allow no long ones
    server = VirtualSpeaker(tool, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def speaker(speaker_server):
    """The `VirtualSpeaker` that this process plays into during the test."""
    with audio_environment(speaker_server.environment):
        yield speaker_server


@pytest.fixture
def silent_machine(tmp_path):
    """This process finds no audio device during the test."""
    from auralscope.audio import devices

    with audio_environment({"PULSE_SERVER": f"unix:{tmp_path}/nothing"}):
        try:
            devices.describe_device()
        except devices.DeviceError:
            yield
            return
        pytest.skip("this machine has a sound card of its own: it cannot be made silent")


@pytest.fixture
def wait():
    return wait_until
