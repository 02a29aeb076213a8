"""PortAudio's devices, and the one place where sounddevice is imported, late.

PortAudio lists the devices when it is initialised and never again. The only way to see one that was plugged in since is
to terminate it and initialise it anew (sounddevice has `_terminate` and `_initialize` for that), which ends every open
stream of the process. `rescan` therefore does it only while none is open, and every stream is opened by `open_output`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from auralscope.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

LATENCY_S = 0.1
"""Asked of the device: short enough to switch by ear, long enough for Python threads that compute beside it."""

NO_DEVICE = "There is no device to play on: connect a loudspeaker or headphones."

_lock = threading.RLock()
_open_streams: set[int] = set()


def portaudio() -> Any:
    """The sounddevice module.

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
    """What the default output would take for sound of a rate: (rate in Hz, channels).

    Raises
    ------
    DeviceError
        There is no output, or it takes nothing.
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
        raise DeviceError(f"{device['name']} takes no sound: {_words(reason)}.") from reason


def describe_device() -> str:
    """The default output in words, for the doctor.

    Raises
    ------
    DeviceError
        There is none.
    """
    rate, channels = output_settings(44100)
    with _lock:
        name = portaudio().query_devices(kind="output")["name"]
    return f"{name}, {rate:,} Hz, {'stereo' if channels == 2 else 'mono'}"


def open_output(rate: int, channels: int, callback: Callable[..., None]) -> Any:
    """A stream to the default output, not started; end it with `close_stream`.

    Raises
    ------
    DeviceError
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
    """Start, or raise `DeviceError` with the reason."""
    sd = portaudio()
    try:
        stream.start()
    except sd.PortAudioError as error:
        raise DeviceError(f"The audio device does not start: {_words(error)}.") from error


def close_stream(stream: Any) -> None:
    """Throw away what it has not played yet and close it."""
    stream.abort(ignore_errors=True)
    stream.close(ignore_errors=True)
    with _lock:
        _open_streams.discard(id(stream))


def rescan() -> None:
    """See which devices there are now; nothing is done while a stream is open. May block for seconds.

    Raises
    ------
    DeviceError
        The PortAudio library is not installed, or its sound system does not come up.
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
    """PortAudio's reason without its numbers."""
    text = str(error.args[0]) if error is not None and error.args else str(error)
    return text.split(" [")[0].rstrip(".")
