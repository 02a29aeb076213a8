"""Provide a tagger with published weights, and an HTTP server of them on this machine."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest

from auralscope import registry as registry_module
from auralscope.registry import Registry

PLUGIN = """
import h5py

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Published, Weights

def build():
    from torch import nn
    convolution = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

def convert(path):
    with h5py.File(path) as file:
        return {{
            "0.weight": file["conv/W"][()], "0.bias": file["conv/b"][()],
            "5.weight": file["dense/W"][()].T, "5.bias": file["dense/b"][()],
        }}

@hookimpl
def auralscope_models():
    return [ModelSpec(
        id="far-tagger", title="Far tagger", labels=("calm", "wild"),
        layers=(Layer("conv1", "2", 4), Layer("output", "5", 2)),
        front_end=SpectrogramFrontEnd(8000, 256, 128, 16000), build=build,
        weights=Weights(None, "CC0-1.0", published=Published(
            url={url!r}, sha256={sha256!r}, size_bytes={size_bytes}, source="A test, made of noise", convert=convert,
        )),
        output="sigmoid", summary="Its weights are elsewhere.", citation="Nobody: Nothing. 2026.",
    )]
"""


def write_weights(path: Path, seed: int = 0, padding: int = 150_000) -> dict[str, np.ndarray]:
    """Write a small HDF5 file in the manner of Keras, and return its arrays."""
    random = np.random.default_rng(seed)
    arrays = {"conv/W": (4, 1, 3, 3), "conv/b": (4,), "dense/W": (4, 2), "dense/b": (2,)}
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in arrays.items()}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        file["optimiser"] = random.normal(size=padding)  # such files also hold the optimiser's state
    return arrays


@dataclass
class Server:
    """Content of the server, and its kind of answer.

    It is file, packed, cut, early, gone, rude, mute, slow, endless or wrong.
    """

    url: str
    content: bytes
    answer: str = "file"
    asked: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server(tmp_path: Path):
    """Start an HTTP server with one file of weights."""
    write_weights(tmp_path / "weights.h5")
    state = Server("", (tmp_path / "weights.h5").read_bytes())

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_words):
            pass

        def do_GET(self):
            state.asked.append(self.path)
            state.logins.append(self.headers["Authorization"])
            if state.answer == "gone":
                self.send_error(404)
                return
            if state.answer == "rude":
                self.send_response_only(500, "\x1b]0;title\x07\x1b[31mred\x9b2J\x00")
                self.send_header("X-Rude", "\x1b[2J")
                self.end_headers()
                self.wfile.write(b"\x1b[2J")
                return
            if state.answer == "mute":
                state.go_on.wait(60)
                return
            content = {
                "packed": gzip.compress(state.content),
                "wrong": b"<html>Please log in to this hotel's network</html>",
            }.get(state.answer, state.content)
            self.send_response(200)
            if state.answer == "packed":
                self.send_header("Content-Encoding", "gzip")
            if state.answer != "endless":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may have disconnected
                self._body(content)

        def _body(self, content):
            if state.answer in ("cut", "early"):
                self.wfile.write(content[: len(content) // 2 if state.answer == "cut" else 100])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
            elif state.answer == "slow":
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                state.go_on.wait(60)
                self.wfile.write(content[len(content) // 2 :])
            elif state.answer == "endless":
                while not state.go_on.is_set():
                    self.wfile.write(content)
            else:
                self.wfile.write(content)

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}/weights.h5"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    state.go_on.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def far_tagger(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Return this run's registry with a model in the user's folder whose weights are on the server."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    words = {
        "url": server.url,
        "sha256": hashlib.sha256(server.content).hexdigest(),
        "size_bytes": len(server.content),
    }
    (plugins / "far.py").write_text(PLUGIN.format(**words), encoding="utf-8")
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(plugins))
    monkeypatch.setenv("AURALSCOPE_WEIGHTS", str(tmp_path / "store"))
    for name in ("no_proxy", "NO_PROXY"):  # either variable may be set
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("AURALSCOPE_MODELS", str(tmp_path / "no trained models"))
    known = Registry(plugins)
    monkeypatch.setattr(registry_module, "_default", known)
    return known
