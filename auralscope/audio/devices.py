"""Open PortAudio's devices. Only this module imports sounddevice, on first use.

PortAudio lists the devices once, when it is initialised. To find a device that was plugged in later, PortAudio must be
terminated and initialised again (sounddevice's `_terminate` and `_initialize`), which ends every open stream of the
process. `rescan` does this only while no stream is open; therefore `open_output` opens every stream.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from auralscope.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

LATENCY_S = 0.1
"""Latency requested of the device: short enough to switch by ear, long enough beside Python threads that compute."""

NO_DEVICE = "There is no device to play on: connect a loudspeaker or headphones."

_lock = threading.RLock()
_open_streams: set[int] = set()


def portaudio() -> Any:
    """Import and return the sounddevice module.

    Raises
    ------
    DeviceError
        The PortAudio library is not installed.
    """
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            "The PortAudio library is missing: install it (on Debian and Ubuntu the package libportaudio2) and restart."
        ) from error
    return sounddevice


def output_settings(sample_rate: int) -> tuple[int, int]:
    """Return the settings of the default output for a sound: (rate in Hz, channels).

    Raises
    ------
    DeviceError
        There is no output, or it accepts no sound.
    """
    with _lock:
        sd = portaudio()
        try:
            device = sd.query_devices(kind="output")
        except (sd.PortAudioError, ValueError) as error:
            raise DeviceError(NO_DEVICE) from error
        channels = min(2, device["max_output_channels"])
        if channels < 1:
            raise DeviceError(NO_DEVICE)
        reason: Exception | None = None
        for rate in (sample_rate, int(device["default_samplerate"]), 48000, 44100):
            try:
                sd.check_output_settings(channels=channels, dtype="float32", samplerate=rate)
            except sd.PortAudioError as error:
                reason = error
            else:
                return rate, channels
        raise DeviceError(f"{device['name']} accepts no sound: {_words(reason)}.") from reason


def describe_device() -> str:
    """Describe the default output in words, for the doctor.

    Raises
    ------
    DeviceError
        There is no output.
    """
    rate, channels = output_settings(44100)
    with _lock:
        name = portaudio().query_devices(kind="output")["name"]
    return f"{name}, {rate:,} Hz, {'stereo' if channels == 2 else 'mono'}"


def open_output(rate: int, channels: int, callback: Callable[..., None]) -> Any:
    """Open a stream to the default output without starting it; end it with `close_stream`.

    Raises
    ------
    DeviceError
        The device cannot be opened.
    """
    with _lock:
        sd = portaudio()
        try:
            stream = sd.OutputStream(
                samplerate=rate, channels=channels, dtype="float32", latency=LATENCY_S, callback=callback
            )
        except (sd.PortAudioError, ValueError) as error:
            raise DeviceError(f"The audio device cannot be opened: {_words(error)}.") from error
        _open_streams.add(id(stream))
        return stream


def start_stream(stream: Any) -> None:
    """Start a stream, or raise `DeviceError` with the reason."""
    sd = portaudio()
    try:
        stream.start()
    except sd.PortAudioError as error:
        raise DeviceError(f"The audio device does not start: {_words(error)}.") from error


def close_stream(stream: Any) -> None:
    """Close a stream and discard the sound that it has not played yet."""
    stream.abort(ignore_errors=True)
    stream.close(ignore_errors=True)
    with _lock:
        _open_streams.discard(id(stream))


def rescan() -> None:
    """List the devices again, unless a stream is open. May block for seconds.

    Raises
    ------
    DeviceError
        The PortAudio library is not installed, or the sound system does not start.
    """
    with _lock:
        sd = portaudio()
        if _open_streams:
            return
        try:
            sd._terminate()
            sd._initialize()
        except sd.PortAudioError as error:
            raise DeviceError(f"The sound system does not start: {_words(error)}.") from error


def _words(error: Exception | None) -> str:
    """Return PortAudio's reason without its numbers."""
    text = str(error.args[0]) if error is not None and error.args else str(error)
    return text.split(" [")[0].rstrip(".")
