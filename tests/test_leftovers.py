"""Kill processes while they write, and check that the next run into the same folder removes what they left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auralscope import download
from auralscope.cli import main as cli
from auralscope.files import staged, temporary_folder, write_aside

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL and no locks of folders")

HANG = "import os, sys, time; from pathlib import Path; from auralscope import files; folder = Path(sys.argv[1])\n"
WRITERS = {
    "write_aside": HANG + "files.os.fsync = lambda _: time.sleep(60)\nfiles.write_aside(folder / 'a.bin', bytes(1000))",
    "staged": HANG + "with files.staged(folder) as aside:\n (aside / 'a').write_bytes(b'half'); time.sleep(60)",
    "temporary_folder": HANG + "with files.temporary_folder(folder):\n time.sleep(60)",
}


def write(kind: str, folder: Path) -> None:
    """Write into a folder in this process, in one of three ways."""
    if kind == "write_aside":
        write_aside(folder / "b.bin", b"whole")
    elif kind == "staged":
        with staged(folder) as aside:
            (aside / "b").write_bytes(b"whole")
    else:
        with temporary_folder(folder):
            pass


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".auralscope-*")) if folder.is_dir() else []


def is_locked(path: Path) -> bool:
    import fcntl

    try:
        number = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(number)
    return False


def start_and_wait(words: list[object], folder: Path) -> subprocess.Popen[bytes]:
    """Start a process and wait until it has locked a temporary file or folder in `folder`."""
    process = subprocess.Popen([sys.executable, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any(map(is_locked, folder.rglob(".auralscope-*") if folder.is_dir() else ())):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize("next_kind", WRITERS)
@pytest.mark.parametrize("kind", WRITERS)
def test_the_next_writer_removes_leftovers_of_a_killed_one(kind: str, next_kind: str, tmp_path: Path) -> None:
    process = start_and_wait(["-c", WRITERS[kind], tmp_path], tmp_path)
    left = hidden(tmp_path)
    write(next_kind, tmp_path)
    assert hidden(tmp_path) == left, "the temporary files of a live process are kept"
    kill(process)
    assert hidden(tmp_path) == left
    write(next_kind, tmp_path)
    assert hidden(tmp_path) == []


def test_files_of_others_are_kept(tmp_path: Path) -> None:
    names = [".auralscope-notes.txt", ".auralscope-MyFolder", ".hidden", "a.part", ".auralscope-0123456789abcdef.txt"]
    for name in names:
        (tmp_path / name).write_bytes(b"mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tmp_path / ".auralscope-abcdefgh").symlink_to(outside)
    os.mkfifo(tmp_path / ".auralscope-0123456789abcdef.part")
    write_aside(tmp_path / "b.bin", b"whole")
    assert {*names, "b.bin"} <= {path.name for path in tmp_path.iterdir()}
    assert (outside / "kept").exists()


def test_auralise_removes_the_folders_of_killed_runs(tmp_path: Path) -> None:
    recording, out = tmp_path / "a.wav", tmp_path / "out"
    soundfile.write(recording, 0.1 * np.random.default_rng(0).standard_normal(5 * 22_050), 22_050)
    words = ["auralise", recording, "--layer", "conv2", "--out", out]
    for _ in range(2):
        process = start_and_wait(["-m", "auralscope", *words, "--all"], out)
        kill(process)
        assert len(hidden(out)) == 1
    assert cli.main([*map(str, words), "--top", "1"]) == 0
    assert hidden(out) == []
    assert len(list(out.iterdir())) == 3


def test_report_removes_the_files_of_a_killed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording, out = tmp_path / "a.wav", tmp_path / "out"
    soundfile.write(recording, 0.1 * np.random.default_rng(0).standard_normal(5 * 22_050), 22_050)
    words = ["report", str(recording), "--out", str(out)]
    hang = (
        "import time; from auralscope import files; from auralscope.cli.main import main; "
        "from auralscope.reports import page; page._page = lambda *_: 'half'; "
        "files.os.fsync = lambda _: time.sleep(60); "
    )
    for _ in range(2):
        process = start_and_wait(["-c", f"{hang}main({words!r})"], out)
        kill(process)
        assert hidden(out)
    monkeypatch.setattr("auralscope.reports.page._page", lambda *_: "whole")
    assert cli.main(words) == 0
    assert hidden(out) == []
    assert len(list(out.iterdir())) == 1


def test_a_fetch_removes_the_folder_of_a_killed_one(server, far_tagger, tmp_path: Path) -> None:
    server.answer = "slow"
    process = start_and_wait(["-m", "auralscope", "weights", "get", "far-tagger"], tmp_path / "store")
    kill(process)
    assert len(hidden(tmp_path / "store")) == 1
    server.answer = "file"
    download.get(far_tagger.find("far-tagger"))
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["far-tagger.json", "far-tagger.safetensors"]
