"""Tests of ``python -m auralscope.training.bundled`` and of reading songs."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from auralscope.errors import TrainingError
from auralscope.training.bundled.__main__ import main
from auralscope.training.synthesis import pop909
from auralscope.training.synthesis.composer import compose


@pytest.mark.parametrize(
    ("content", "said"), [(b"no archive", "cannot be read"), (None, "cannot be read"), ("empty", "no song of POP909")]
)
def test_bad_archives_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | str | None, said: str
) -> None:
    archive = tmp_path / "songs.tar"
    if content == "empty":
        with tarfile.open(archive, "w") as tar:
            tar.addfile(tarfile.TarInfo("POP909/readme.txt"), io.BytesIO())
    elif isinstance(content, bytes):
        archive.write_bytes(content)
    status = main(["genre-convnet", "--out", str(tmp_path / "out"), "--pop909", str(archive), "--pieces", "30"])
    error = capsys.readouterr().err
    assert status == 1
    assert said in error
    assert str(archive) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_too_few_pieces_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["genre-convnet", "--out", str(tmp_path), "--pieces", "4"]) == 1
    assert "too few" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["genre-convnet"], ["genre-convnet", "--out", "x", "--pieces", "0"], ["polka"]]
)
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_missing_extra_is_reported_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "auralscope.training.bundled.__main__.find_spec", lambda name: None if name == "mido" else object()
    )
    assert main(["excerpt", "--out", str(tmp_path / "x.ogg")]) == 1
    assert "training needs mido; install it with: pip install 'auralscope[train]'" in capsys.readouterr().err


def test_a_song_of_pop909_is_arranged(shared: Path, tmp_path: Path) -> None:
    """Song 001 opens on bars of B major and C sharp major (its chord file), in G flat major."""
    small = tmp_path / "one.tar"
    with tarfile.open(shared / "training" / "pop909.tar.xz") as whole, tarfile.open(small, "w") as tar:
        for member in whole:
            if "/001/" in member.name and member.isfile():
                tar.addfile(member, whole.extractfile(member))
    (song,) = pop909.read(small)
    assert song.harmony.tonic == 6
    assert len(song.harmony.chords) == pop909.BARS
    assert {chord[0] for chord in song.harmony.chords} <= set(range(12))
    inside = [pitch % 12 in {(6 + step) % 12 for step in song.harmony.scale} for _, _, pitch in song.melody]
    assert sum(inside) / len(inside) > 0.9
    lead = {part.name: part for part in compose("dance", 5, song).parts}
    assert compose("dance", 5, song) != compose("dance", 5)
    assert lead


def test_an_archive_without_tunes_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("001.mid", "chord_midi.txt", "beat_midi.txt", "key_audio.txt"):
            info = tarfile.TarInfo(f"POP909/001/{name}")
            tar.addfile(info, io.BytesIO())
    with pytest.raises(TrainingError):
        pop909.read(archive)
