"""Tests of reading recordings and tags: folders, tables, splits, and error messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auralscope.errors import TrainingError
from auralscope.training.collection import read_classes, read_tags, split


def files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def numbered(n: int) -> list[str]:
    return [f"{number}.wav" for number in range(n)]


def test_folders_are_classes(tmp_path: Path) -> None:
    files(tmp_path, *(f"dub/{name}" for name in numbered(4)), *(f"ska/a/{name}" for name in numbered(3)))
    files(tmp_path, "dub/cover.jpg", "notes.txt", ".hidden/0.wav", "empty/readme.md")
    collection = read_classes(tmp_path)
    assert collection.labels == ("dub", "ska")
    assert collection.truth.sum(axis=0).tolist() == [4, 3]
    assert collection.exclusive
    assert {file.parent.name for file in collection.files} == {"dub", "a"}


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_may_have_a_line_for_each_tag(tmp_path: Path, separator: str) -> None:
    files(tmp_path, *numbered(8))
    lines = [("file", "tag"), *((f"{n}.wav", "slow") for n in range(4)), *((f"{n}.wav", "loud") for n in range(2, 6))]
    lines += [("6.wav", ""), ("7.wav", "")]
    table = tmp_path / "tags.csv"
    table.write_text("\n".join(separator.join(line) for line in lines), encoding="utf-8-sig")
    collection = read_tags(tmp_path, table)
    assert collection.labels == ("loud", "slow")
    assert [file.name for file in collection.files] == numbered(8)
    assert collection.truth.tolist() == [[0, 1], [0, 1], [1, 1], [1, 1], [1, 0], [1, 0], [0, 0], [0, 0]]
    assert not collection.exclusive


def test_a_table_may_have_a_column_for_each_tag(tmp_path: Path) -> None:
    files(tmp_path, *(f"a/{name}" for name in numbered(6)))
    table = tmp_path / "tags.csv"
    rows = [f"a/{n}.wav,{n % 2},{1 - n % 2}" for n in range(6)]
    table.write_text("clip,odd,even\n" + "\n\n".join(rows) + "\n")
    collection = read_tags(tmp_path, table)
    assert collection.labels == ("odd", "even")
    assert collection.truth.tolist() == [[n % 2, 1 - n % 2] for n in range(6)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no lines below its header"),
        ("file,tag\n", "no lines below its header"),
        ("file,tag\n0.wav,a\nlost.wav,b\ngone.wav,b\n", r"lost\.wav.*and 1 more.*not there"),
        ("file,a,b\n0.wav,1\n", r"line 2: there are 2 columns where the header has 3"),
        ("file,a,b\n0.wav,1,2\n", r"line 2: '2' is neither 0 nor 1"),
        ("file,a,b\n0.wav,1,0\n0.wav,0,1\n", "is in the table twice"),
        ("file,a,a\n0.wav,1,0\n", "names a tag twice"),
        ("file,tag\n0.wav,a\n1.wav,b\n", "has 2 recordings"),
        ("file,tag\n" + "".join(f"{n}.wav,a\n" for n in range(8)), "single class, 'a'"),
        ("file,a,b\n" + "".join(f"{n}.wav,{n % 2},{int(n < 2)}\n" for n in range(8)), "'b' is on 2 of the recordings"),
        ("file,a,b\n" + "".join(f"{n}.wav,{n % 2},{int(n < 7)}\n" for n in range(8)), "'b' is on 7 of 8"),
    ],
)
def test_a_bad_table_is_reported_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    files(tmp_path, *numbered(8))
    table = tmp_path / "tags.csv"
    table.write_text(text)
    with pytest.raises(TrainingError, match=said):
        read_tags(tmp_path, table)


def test_a_table_that_is_not_text_or_is_missing_is_reported(tmp_path: Path) -> None:
    table = tmp_path / "tags.csv"
    with pytest.raises(TrainingError, match=r"tags\.csv.*cannot be read"):
        read_tags(tmp_path, table)
    table.write_bytes(b"file,tag\n\xff\xfe.wav,a\n")
    with pytest.raises(TrainingError, match="not text in UTF-8"):
        read_tags(tmp_path, table)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no folder with recordings"),
        (["a.wav", "b.wav"], "in no folder of a class"),
        ([f"one/{n}.wav" for n in range(8)], "single class, 'one'"),
        (["one/1.wav", "two/1.wav"], "has 2 recordings"),
        ([*(f"one/{n}.wav" for n in range(8)), "two/1.wav"], "'two' is on 1 of the recordings"),
    ],
)
def test_a_bad_folder_is_reported_in_one_sentence(tmp_path: Path, names: list[str], said: str) -> None:
    files(tmp_path, *names)
    with pytest.raises(TrainingError, match=said):
        read_classes(tmp_path)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_classes(tmp_path / "nowhere")


@pytest.mark.parametrize("seed", range(5))
def test_every_label_has_its_part_in_every_split(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = (rng.random((200, 12)) < np.linspace(0.04, 0.5, 12)).astype(np.uint8)
    shared = split(truth, seed)
    places = [place for where in shared.values() for place in where]
    assert sorted(places) == list(range(200))
    assert shared == split(truth, seed)
    for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        counts = truth[shared[name]].sum(axis=0)
        assert (counts >= 1).all()
        assert abs(len(shared[name]) - 200 * share) < 20
        common = truth.sum(axis=0) > 40
        assert np.abs(counts / truth.sum(axis=0) - share)[common].max() < 0.08


def test_three_recordings_of_a_class_are_one_in_each_split() -> None:
    truth = np.repeat(np.eye(4, dtype=np.uint8), 3, axis=0)
    for where in split(truth).values():
        assert truth[where].sum(axis=0).tolist() == [1, 1, 1, 1]
