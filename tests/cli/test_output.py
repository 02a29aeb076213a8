"""Tests that standard output contains results only, even if plugins print or the reader ends early."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from auralscope.cli import main as cli
from auralscope.files import json_text

PRINTS = """
import atexit
import os
import subprocess
import sys
from pathlib import Path

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Weights


def shout(place):
    print("printed in", place)
    sys.__stdout__.write(f"written in {place}\\n")
    sys.__stdout__.flush()
    os.write(1, f"descriptor in {place}\\n".encode())


shout("import")
subprocess.run(["echo", "a child process"], check=True)
atexit.register(shout, "exit")


def build():
    from torch import nn

    class Loud(nn.Sequential):
        def forward(self, image):
            shout("forward")
            return super().forward(image)

    shout("build")
    return Loud(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@hookimpl
def auralscope_rules():
    shout("rules")
    return []


@hookimpl
def auralscope_models():
    shout("models")
    return [ModelSpec(
        id="loud", title="Loud", labels=("a", "b"), layers=(Layer("conv1", "1", 2),),
        front_end=SpectrogramFrontEnd(8000, 128, 64, 2048), build=build,
        weights=Weights(Path(__file__).with_suffix(".safetensors"), "CC0-1.0"), output="sigmoid", summary="Prints.",
    )]
"""


@pytest.fixture
def loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin that prints wherever its code runs, and write a recording."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "loud.py").write_text(PRINTS, encoding="utf-8")
    save_file({"0.weight": torch.full((2, 1, 3, 3), 0.1), "0.bias": torch.zeros(2)}, plugins / "loud.safetensors")
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(plugins))
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000), 8000)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("loud")
@pytest.mark.skipif(sys.platform == "win32", reason="the plugin runs echo")
@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("models --json", "import models exit"),
        ("plugins --json", "import models exit"),
        ("weights --json", "import models exit"),
        ("doctor --json", "import models exit"),
        ("tag a.wav --model loud --json", "import models rules build forward exit"),
        ("auralise a.wav --model loud --layer conv1 --out o --json", "import models rules build forward exit"),
        ("labels --model genre-convnet --json", "import models rules exit"),
    ],
)
def test_json_is_one_document_whatever_a_plugin_prints(words: str, places: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "auralscope", *shlex.split(words)], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1 if words.startswith("doctor") else 0), done.stderr
    json.loads(done.stdout)
    for place in places.split():
        for way in ("printed", "written", "descriptor"):
            assert f"{way} in {place}" in done.stderr
    assert "a child process" in done.stderr


def test_json_has_null_for_values_that_are_not_finite() -> None:
    document = {"a": [1.5, float("nan"), (float("inf"), -float("inf"))], "b": {"c": float("nan")}, "d": "NaN"}
    assert json.loads(json_text(document), parse_constant=pytest.fail) == {
        "a": [1.5, None, [None, None]],
        "b": {"c": None},
        "d": "NaN",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="the test needs a POSIX shell")
@pytest.mark.parametrize(
    "words",
    ["--help", "tag --help", "models", "models --json", "plugins", "plugins --json", "weights --json", "doctor --json",
     "train --list", "train --list --json", "labels"],
)  # fmt: skip
def test_a_closed_pipe_ends_a_command_quietly(words: str) -> None:
    """The program ends with the status of SIGPIPE and prints nothing."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "auralscope", *shlex.split(words)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full, which is always full")
@pytest.mark.parametrize("words", ["models", "plugins --json"])
def test_standard_output_on_a_full_disk_is_one_sentence(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "auralscope", *shlex.split(words)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "auralscope: Standard output cannot be written: no space left on device.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the test needs a POSIX shell")
@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "<&- 1>&- 2>&-"])
def test_closed_descriptors_do_not_end_in_an_error(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m auralscope plugins {closed}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unexpected_error_becomes_a_bug_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AURALSCOPE_REPORTS", str(tmp_path / "reports"))
    monkeypatch.setattr(sys, "argv", ["auralscope", "models", "--from", "http://user:secret@host/x"])

    def broken(**_words: object) -> list[object]:
        raise KeyError("http://user:secret@host/x")

    monkeypatch.setattr("auralscope.catalogue.models", broken)
    status = cli.main(["models"])
    (report,) = (tmp_path / "reports").iterdir()
    error = capsys.readouterr().err
    assert status == 1
    assert error.startswith(
        "auralscope: This is a bug in AuralScope: KeyError: 'http://host/x'. Please report it: send "
    )
    assert str(report) in error
    assert error.count("\n") == 1
    text = report.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "AuralScope " in text
    assert "'models'" in text
    assert "secret" not in text
    for _ in range(25):
        cli.main(["models"])
    assert len(list((tmp_path / "reports").iterdir())) == 20
