"""Give odd arguments to the commands: each ends at once, with one sentence or a usage error, never a bug report."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auralscope.cli import main as cli

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the names and pipes are those of POSIX")

ODD_FILES = [
    "",
    "gone",
    "folder",
    "pipe",
    "/dev/zero",
    "empty",
    "noise.bin",
    "a\udcff\x1b[2J.wav",
    "x" * 300,
    "null\0name",
]
FILE_COMMANDS = [
    ["tag", "@"],
    ["auralise", "@", "--layer", "conv1"],
    ["report", "@", "--out", "o"],
    ["faithfulness", "@", "--layer", "conv1"],
    ["labels", "--cooccurrence", "@"],
    ["label-noise", "@"],
    ["label-noise", "noise.csv", "--ground-truth", "@"],
    ["label-auc", "@", "--ground-truth", "truth.csv"],
    ["label-auc", "truth.csv", "--ground-truth", "@"],
    ["map", "@"],
    ["train", "@", "--models", "m"],
    ["train", "folder", "--tags", "@", "--models", "m"],
    ["weights", "get", "crnn-msd", "--from", "@"],
]
VALUES = ["", "-1", "nan", "inf", "1e400", "9" * 400, "abc", "٣", "0x10", "-inf"]
VALUE_COMMANDS = [
    ["tag", "a.wav", "--start=@"],
    ["tag", "a.wav", "--duration=@"],
    ["tag", "a.wav", "--hop=@"],
    ["tag", "a.wav", "--top=@"],
    ["tag", "a.wav", "--model=@"],
    ["tag", "a.wav", "--device=@"],
    ["auralise", "a.wav", "--layer=@"],
    ["auralise", "a.wav", "--layer", "conv1", "--unit", "@"],
    ["labels", "--pairs=@", "--cooccurrence", "gone"],
    ["labels", "--compare=@"],
    ["labels", "--out=@"],
    ["weights", "get", "@"],
    ["train", "folder", "--models", "m", "--id=@"],
    ["train", "folder", "--models", "m", "--weight-decay=@"],
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in a folder with odd files, and end a test that waits."""
    monkeypatch.chdir(tmp_path)
    for name in ("WEIGHTS", "REPORTS", "PLUGINS", "MODELS"):
        monkeypatch.setenv(f"AURALSCOPE_{name}", str(tmp_path / "user" / name.lower()))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("empty").touch()
    Path("noise.bin").write_bytes(np.random.default_rng(0).bytes(5000))
    Path("truth.csv").write_text("ballad,dance,hip-hop\n1,0,0\n0,1,0\n")
    Path("noise.csv").write_text("track,ballad\na,1\n")
    soundfile.write("a.wav", 0.1 * np.random.default_rng(0).standard_normal(11_025), 11_025)
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the command waits"))
    signal.alarm(60)
    yield
    signal.alarm(0)


def check(words: list[str], odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command with an odd word in place of '@', and check its end."""
    try:
        status = cli.main([word.replace("@", odd) for word in words])
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    assert "bug in AuralScope" not in err
    assert "Traceback" not in err
    assert not Path("user/reports").exists()
    assert status in (0, 1, 2)
    if status == 1:
        assert len(err.splitlines()) == 1
        assert err.rstrip("\n").isprintable()
        assert out == ""


@pytest.mark.parametrize("odd", ODD_FILES, ids=ascii)
@pytest.mark.parametrize("words", FILE_COMMANDS, ids=" ".join)
def test_odd_files(words: list[str], odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(words, odd, capsys)


@pytest.mark.parametrize("odd", VALUES, ids=ascii)
@pytest.mark.parametrize("words", VALUE_COMMANDS, ids=" ".join)
def test_odd_values(words: list[str], odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(words, odd, capsys)


@pytest.mark.parametrize(
    "out", ["", "a.wav", "a.wav/x", "pipe", "/dev/full", "/proc/none", "x" * 300, "null\0name"], ids=ascii
)
@pytest.mark.parametrize(
    "words",
    [
        ["labels", "--out", "@"],
    ],
    ids=lambda words: words[0],
)
def test_odd_places_for_results(words: list[str], out: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(words, out, capsys)
