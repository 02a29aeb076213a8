"""Provide a virtual loudspeaker whose sound can be recorded, for tests of playback.

With `speaker`, PortAudio of this process plays into a PulseAudio server of this test run, which has its own folder and
socket so that concurrent runs do not mix. After each test the environment is restored::

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
    """Poll a condition every 5 ms and return its first true value; fail at the deadline."""
    end_s = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end_s:
            pytest.fail(f"waited {deadline_s:g} s in vain {what}")
        time.sleep(0.005)
    return value


class Recording:
    """Recording of the speaker, readable during and after the recording."""

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
        """Continue for some seconds, by the recording's own clock."""
        end = self.n_frames + round(seconds * RATE)
        wait_until(lambda: self.n_frames >= end, deadline_s=20.0 + 2 * seconds, what="for the recording to go on")

    def end(self):
        self._process.terminate()
        self._process.wait(timeout=10)


class VirtualSpeaker:
    """PulseAudio server with one null sink, paced in real time, in its own folder."""

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
        # Without a listener of low latency a null sink requests two seconds at once, which stalls the player.
        keeper = self._parec(self._folder / "keeper.raw")
        self._keeper = keeper
        keeper.wait_for(0.5)

    def stop(self):
        """End the server, which looks to a player as if the device was unplugged."""
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
        """Record the speaker during the block, with some silence before and after."""
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
    """Let PortAudio of this process use the devices of another environment."""
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
    """Return the `VirtualSpeaker` into which this process plays during the test."""
    with audio_environment(speaker_server.environment):
        yield speaker_server


@pytest.fixture
def silent_machine(tmp_path):
    """Hide all audio devices from this process during the test."""
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
