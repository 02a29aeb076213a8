"""Tests of reading ground truths in every format: the counts, and the message for each mistake."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from auralscope.errors import FileError
from auralscope.labels import ground_truth
from auralscope.labels.ground_truth import load_ground_truth, read_tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = ("rock", "Mellow", "sad", "60s")


@pytest.fixture
def matrix() -> NDArray[np.uint8]:
    matrix = (np.random.default_rng(0).random((500, 4)) < (0.5, 0.3, 0.2, 0.0)).astype(np.uint8)
    assert matrix.sum(axis=0)[3] == 0
    return matrix


def counted_slowly(matrix: NDArray[np.uint8]) -> list[list[int]]:
    return [[sum(int(row[i]) and int(row[j]) for row in matrix) for j in range(4)] for i in range(4)]


def text(matrix: NDArray[np.uint8], *, header: str = "", between: str = ",", end: str = "\n") -> bytes:
    lines = [between.join(str(value) for value in row) for row in matrix]
    return (end.join([header, *lines] if header else lines) + end).encode()


def forms(matrix: NDArray[np.uint8]) -> dict[str, bytes]:
    plain = text(matrix)
    return {
        "plain": plain,
        "no last end": plain.rstrip(b"\n"),
        "windows": text(matrix, end="\r\n"),
        "tabs": text(matrix, between="\t"),
        "semicolons": text(matrix, between=";"),
        "spaces": text(matrix, between=", "),
        "floats": plain.replace(b"1", b"1.0"),
        "quoted": plain.replace(b"1", b'"1"'),
        "header": text(matrix, header="rock,Mellow,sad,60s"),
        "capitals": text(matrix, header="ROCK,mellow,Sad,60S"),
        "byte order mark": b"\xef\xbb\xbf" + text(matrix, header="rock,Mellow,sad,60s"),
        "turned columns": text(matrix[:, ::-1], header="60s,sad,Mellow,rock"),
        "track ids": b"track,rock,Mellow,sad,60s\n"
        + b"".join(f"TR{number},".encode() + line + b"\n" for number, line in enumerate(plain.split())),
        "empty line": plain + b"\n",
        "names of any kind": b"track,rock,Mellow,sad,60s\n"
        + b"".join(f"Nº {number}\u2028 0 1,".encode() + line + b"\n" for number, line in enumerate(plain.split())),
        "quoted names": b"track,rock,Mellow,sad,60s\r\n"
        + b"".join(f'"a,{number}",'.encode() + line + b"\r\n" for number, line in enumerate(plain.split())),
        "ids behind": b"rock,Mellow,sad,60s,track\n" + b"".join(line + b",TR9\n" for line in plain.split()),
        "more labels": b"rock,Mellow,sad,60s,polka\n" + plain.replace(b"\n", b",1\n"),
    }


@pytest.mark.parametrize("form", forms(np.zeros((1, 4), dtype=np.uint8)))
@pytest.mark.parametrize("piece_bytes", [64, 4_000_000])
def test_csv_of_every_form(
    matrix: NDArray[np.uint8], form: str, piece_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground_truth, "PIECE_BYTES", piece_bytes)
    file = tmp_path / "truth.csv"
    file.write_bytes(forms(matrix)[form])
    done: list[float] = []
    truth = load_ground_truth([file], LABELS, done.append)
    assert truth.tracks == 500
    assert truth.together.tolist() == counted_slowly(matrix)
    ignored = {"track ids": ("track",), "more labels": ("polka",)}
    named = ("names of any kind", "quoted names", "ids behind")
    assert truth.ignored == (("track",) if form in named else ignored.get(form, ()))
    assert done == sorted(done)
    assert done[-1] == 1.0


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float32", "float64"])
def test_npy_of_every_kind_and_files_one_below_the_other(
    matrix: NDArray[np.uint8], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground_truth, "PIECE_BYTES", 256)
    np.save(tmp_path / "a.npy", matrix[:123].astype(kind))
    (tmp_path / "b.csv").write_bytes(text(matrix[123:]))
    truth = load_ground_truth([tmp_path / "a.npy", tmp_path / "b.csv"], LABELS)
    assert truth.tracks == 500
    assert truth.together.tolist() == counted_slowly(matrix)
    np.testing.assert_array_equal(truth.groups.sum(axis=0), truth.together)


@pytest.mark.parametrize("form", forms(np.zeros((1, 4), dtype=np.uint8)))
def test_fast_and_slow_reading_agree(
    matrix: NDArray[np.uint8], form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "truth.csv"
    file.write_bytes(forms(matrix)[form])
    at_once = list(read_tracks([file], LABELS))
    monkeypatch.setattr(ground_truth._Layout, "fast", lambda *_: None)
    by_line = list(read_tracks([file], LABELS))
    assert [list(names) for names, _ in at_once] == [list(names) for names, _ in by_line]
    np.testing.assert_array_equal(*(np.concatenate([rows for _, rows in way]) for way in (at_once, by_line)))


def test_a_file_that_is_one_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground_truth, "LINE_BYTES", 1000)
    monkeypatch.setattr(ground_truth, "PIECE_BYTES", 1000)
    (tmp_path / "t.csv").write_bytes(b"1,0,0,1\n" + b"1" * 5000)
    with pytest.raises(FileError, match="a line of more than"):
        load_ground_truth([tmp_path / "t.csv"], LABELS)


def test_cooccurrence_is_asymmetric_and_undefined_for_a_label_that_never_occurs(tmp_path: Path) -> None:
    # Four tracks: rock in three, Mellow in two, both in one; sad in the fourth; 60s in none.
    np.save(tmp_path / "t.npy", np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0]]))
    truth = load_ground_truth([tmp_path / "t.npy"], LABELS)
    nan = np.nan
    expected = [[1, 1 / 3, 0, 0], [1 / 2, 1, 1 / 2, 0], [0, 1, 1, 0], [nan, nan, nan, nan]]
    np.testing.assert_allclose(truth.cooccurrence(), expected)
    assert truth.never == ("60s",)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", b"1,0,0\n0,1,1\n", "3 columns for the model's 4 labels"),
        ("t.csv", b"1,0,0,1\n0,1,1\n", "line 2: 3 values instead of 4"),
        ("t.csv", b"1,0,0,1\n0,2,1,0\n", "line 2: the value of 'Mellow' is '2', not 0 or 1"),
        ("t.csv", b"1,0,0,1\n0,,1,0\n", "line 2: the value of 'Mellow' is missing"),
        ("t.csv", b"rock,Mellow,sad,60s\n1,0,0,1\n0,1,NaN,0\n", "line 3: the value of 'sad' is missing"),
        ("t.csv", b"rock,Mellow,sad,60s\n1,0,0,1\n0,1,0.5,0\n", "line 3: the value of 'sad' is '0.5'"),
        ("t.csv", b"rock,Mellow,60s\n1,0,0\n", "lacks 1 of the model's 4 labels: 'sad'"),
        ("t.csv", b"rock,rock,Mellow,sad,60s\n1,0,0,0,0\n", "names 'rock' 2 times"),
        ("t.csv", b"once,upon,a,time\n1,0,0,0\n", "line 1: neither values of 0 and 1 nor a header"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"rock,Mellow,sad,60s\n", "has no tracks"),
        ("t.csv", b"rock,Mellow,sad,60s\n1,0,0,\xff\n", "not UTF-8"),
        ("t.csv", b"\x93NUMPY\x01\0v\0", "neither a .npy file nor a text"),
        ("t.npy", b"this is a text", "is not a whole .npy file"),
        ("t.npy", b"", "is not a whole .npy file"),
    ],
)
def test_mistakes_are_named_with_file_and_line(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError) as caught:
        load_ground_truth([tmp_path / name], LABELS)
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_a_mistake_far_down_a_file_is_found_at_its_line(
    matrix: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground_truth, "PIECE_BYTES", 100)
    lines = text(matrix, header="rock,Mellow,sad,60s").splitlines(keepends=True)
    lines[432] = b"0,1,x,0\n"
    (tmp_path / "t.csv").write_bytes(b"".join(lines))
    with pytest.raises(FileError, match="line 433: the value of 'sad' is 'x'"):
        load_ground_truth([tmp_path / "t.csv"], LABELS)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((7, 5)), "5 columns for the model's 4 labels"),
        (np.zeros((4, 7)), "it seems to be transposed"),
        (np.array([[0, 1, 0, 1], [0, 1, 3, 0]]), "row 1: the value of 'sad' is '3'"),
        (np.array([[0, 1, 0, np.nan]]), "row 0: the value of '60s' is missing"),
        (np.zeros(4), "shape (4,)"),
        (np.array([["0", "1", "0", "0"]]), "a ground truth holds numbers"),
        (np.zeros((0, 4)), "has no tracks"),
    ],
)
def test_arrays_that_are_no_ground_truth(array: NDArray[np.float64], says: str, tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", array)
    with pytest.raises(FileError) as caught:
        load_ground_truth([tmp_path / "t.npy"], LABELS)
    assert says in str(caught.value)


def test_pickles_and_torn_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "w.npy", np.zeros((1000, 4)))
    (tmp_path / "w.npy").write_bytes((tmp_path / "w.npy").read_bytes()[:-9])
    for name in ("p.npy", "w.npy"):
        with pytest.raises(FileError, match="is not a whole"):
            load_ground_truth([tmp_path / name], LABELS)


@pytest.mark.parametrize("ids", [False, True], ids=["values alone", "with track ids"])
def test_a_large_csv_takes_little_memory(ids: bool, tmp_path: Path) -> None:
    labels = [f"label {number}" for number in range(50)]
    block = (np.random.default_rng(1).random((2000, 50)) < 0.1).astype(np.uint8)
    prefix = "TRAAAAW128F429D538," if ids else ""
    lines = "".join(prefix + ",".join(map(str, row)) + "\n" for row in block.tolist())
    repeats = 200
    with (tmp_path / "t.csv").open("w") as file:
        file.write(("track," if ids else "") + ",".join(labels) + "\n")
        for _ in range(repeats):
            file.write(lines)
    tracemalloc.start()
    try:
        truth = load_ground_truth([tmp_path / "t.csv"], labels)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert truth.tracks == repeats * 2000
    np.testing.assert_array_equal(truth.together, repeats * (block.astype(np.int64).T @ block))
    assert peak < 100_000_000
