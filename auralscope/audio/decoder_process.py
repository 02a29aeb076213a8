"""Decode with FFmpeg in a process of its own: a file that crashes or hangs FFmpeg is one sentence.

The processes start on first use and stay warm. A process is a plain Python with `serve` at one end of a socket; a
script that uses AuralScope needs no `if __name__ == "__main__"` as it would with multiprocessing.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.audio.decoded import DecodedSound
from auralscope.errors import AudioFileError
from auralscope.files import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

HANG_S = 30.0
"""Time without an answer after which a process counts as hung and is killed."""

_POLL_S = 0.1
_BLOCK_FRAMES = 1 << 16
_AHEAD = 4  # blocks that a process may send before the first is taken
_MORE, _STOP = b"m", b"s"  # words to the process: send one more block; leave this file
_HEAD, _BLOCK, _END, _REFUSED = b"h", b"b", b"e", b"r"  # kinds of its messages
_MESSAGE = struct.Struct("<cQ")  # kind and size
_FIGURES = struct.Struct("<QIf")  # before a block: frames passed, channels, share of the file read
_COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from auralscope.audio.decoder_process import serve; serve()"
)


class _StoppedError(Exception):
    """The process has crashed, or was killed because it hung."""


class _DecoderProcess:
    """The near end of a process that decodes one file after another."""

    def __init__(self) -> None:
        self._socket, far = socket.socketpair()
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND, json.dumps(sys.path)],
                stdin=far.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal is for the program, which then stops this process
            )
        self._socket.settimeout(_POLL_S)

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request of one line."""
        self._send(json.dumps(request).encode() + b"\n" + _MORE * _AHEAD)

    def more(self) -> None:
        """Allow the process to send one more block."""
        self._send(_MORE)

    def receive(self, waiting: Callable[[], None]) -> tuple[bytes, memoryview]:
        """Return the kind and the content of the next message; call `waiting` about ten times a second until then."""
        kind, size = _MESSAGE.unpack(self._receive(_MESSAGE.size, waiting))
        return kind, self._receive(size, waiting)

    def stop(self) -> None:
        """Make the process ready for the next file although this one has not been decoded to its end."""
        self._send(_STOP)
        while self.receive(lambda: None)[0] in (_HEAD, _BLOCK):
            pass

    def kill(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def _send(self, content: bytes) -> None:
        try:
            self._socket.sendall(content)
        except OSError as error:
            raise _StoppedError from error

    def _receive(self, size: int, waiting: Callable[[], None]) -> memoryview:
        content = memoryview(bytearray(size))
        n, last = 0, time.monotonic()
        while n < size:
            try:
                n_new = self._socket.recv_into(content[n:])
            except TimeoutError:
                waiting()
                if time.monotonic() - last > HANG_S:
                    raise _StoppedError from None
                continue
            except OSError as error:
                raise _StoppedError from error
            if not n_new:
                raise _StoppedError
            n, last = n + n_new, time.monotonic()
        return content


_idle: list[_DecoderProcess] = []
_lock = threading.Lock()


def _take() -> _DecoderProcess:
    with _lock:
        while _idle:
            process = _idle.pop()
            if process._process.poll() is None:
                return process
            process.kill()
    return _DecoderProcess()


def _give_back(process: _DecoderProcess) -> None:
    with _lock:
        if not _idle:
            _idle.append(process)
            return
    process.kill()


@atexit.register
def close() -> None:
    """End the idle processes."""
    with _lock:
        while _idle:
            _idle.pop().kill()


if hasattr(os, "register_at_fork"):
    # A forked process must not talk to the decoder of its parent.
    os.register_at_fork(after_in_child=_idle.clear)


def decode(path: Path, first: int, name: str, start_s: float, waiting: Callable[[], None]) -> DecodedSound:
    """Begin to decode a file in a process of its own.

    Parameters
    ----------
    path : Path
    first : int
        Number of bytes to skip, such as those of a tag.
    name : str
        The file's name in error messages.
    start_s : float
        First sample to return, in seconds.
    waiting : callable
        Called about ten times a second while the process works. An exception from it cancels.

    Raises
    ------
    AudioFileError
        The file is not audio, has no sound that can be decoded, or has crashed the process or kept it busy.
    """
    request = {"path": os.path.abspath(path), "first": first, "name": name, "start_s": start_s}
    process = _take()
    try:
        process.ask(request)
        kind, content = process.receive(waiting)
    except _StoppedError as error:
        process.kill()
        raise AudioFileError(_stopped(name)) from error
    except BaseException:
        process.kill()
        raise
    if kind == _REFUSED:
        _give_back(process)
        raise AudioFileError(str(content, "utf-8"))
    head = json.loads(bytes(content))
    sound = DecodedSound(head["rate"], iter(()), head["n_stated"])
    sound.blocks = _blocks(process, sound, name, waiting)
    return sound


def _stopped(name: str) -> str:
    return (
        f"{name} is damaged in a way that stops FFmpeg, which decodes it: get another copy of it, or convert it to WAV."
    )


def _blocks(
    process: _DecoderProcess, sound: DecodedSound, name: str, waiting: Callable[[], None]
) -> Iterator[NDArray[np.float32]]:
    try:
        while True:
            kind, content = process.receive(waiting)
            if kind != _BLOCK:
                break
            sound.n_passed, channels, sound.share_read = _FIGURES.unpack_from(content)
            process.more()
            yield np.frombuffer(content, np.float32, offset=_FIGURES.size).reshape(channels, -1)
    except GeneratorExit:
        try:
            process.stop()
        except _StoppedError:
            process.kill()
        else:
            _give_back(process)
        raise
    except _StoppedError:
        process.kill()
        if not sound.n_passed:
            raise AudioFileError(_stopped(name)) from None
        sound.lack(f"is damaged: FFmpeg, which decodes it, stopped after {sound.n_passed / sound.rate:.1f} s")
        return
    except BaseException:
        process.kill()
        raise
    _give_back(process)
    if kind == _REFUSED:
        raise AudioFileError(str(content, "utf-8"))
    sound.lacks += json.loads(bytes(content))


def serve() -> None:
    """Decode one requested file after another until the near end is closed: the whole work of the process."""
    from auralscope.audio import ffmpeg
    from auralscope.audio.parts import Part

    channel = socket.socket(fileno=0)
    requests = channel.makefile("rb")

    def send(kind: bytes, *contents: bytes) -> None:
        channel.sendall(_MESSAGE.pack(kind, sum(map(len, contents))))
        for content in contents:
            channel.sendall(content)

    # Words about the file before may still be in the line.
    while line := requests.readline().lstrip(_MORE + _STOP):
        request = json.loads(line)
        try:
            with io.FileIO(request["path"]) as raw:
                part = Part(raw, request["first"])
                sound = ffmpeg.decode(part, request["name"], request["start_s"])
                send(_HEAD, json.dumps({"rate": sound.rate, "n_stated": sound.n_stated}).encode())
                for block in _joined(sound):
                    if requests.read(1) != _MORE:
                        break
                    figures = _FIGURES.pack(sound.n_passed, len(block), part.tell() / part.size)
                    send(_BLOCK, figures, block.tobytes())
                send(_END, json.dumps(sound.lacks).encode())
        except AudioFileError as error:
            send(_REFUSED, str(error).encode())
        except OSError as error:
            send(_REFUSED, f"{request['name']} cannot be read: {reason(error)}.".encode())


def _joined(sound: DecodedSound) -> Iterator[NDArray[np.float32]]:
    """Join the small blocks of a codec, also those before the requested start, which are empty."""
    blocks: list[NDArray[np.float32]] = []
    n_sent = 0
    for block in sound.blocks:
        blocks.append(block)
        if sound.n_passed >= n_sent + _BLOCK_FRAMES:
            yield np.concatenate(blocks, axis=1)
            blocks, n_sent = [], sound.n_passed
    if blocks:
        yield np.concatenate(blocks, axis=1)
