"""Read the ground truth, the labels of every track, in pieces, so that files may be of any size.

A file is a matrix of 0 and 1, tracks x labels: `.npy`, or CSV with or without a header. A header names the label of
each column; without one the columns are in the model's order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from auralscope.errors import FileError
from auralscope.files import quoted, reason, require_file
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE_BYTES = 4_000_000
"""Approximate size of a piece of a file."""

LINE_BYTES = 10_000_000
"""Longest line that is read."""

GROUPS = 1000
"""Largest number of groups of tracks with separate counts, for the bootstrap."""

COUNTS_BYTES = 64_000_000
"""Approximate memory for the counts of all groups."""


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Counts of labels and of pairs of labels.

    Attributes
    ----------
    labels : tuple of str
    tracks : int
    together : (labels, labels) int64 array
        Tracks that have both labels; on the diagonal, tracks that have the label.
    groups : (groups, labels, labels) int32 array
        The same counts for random groups of tracks, from which a bootstrap draws.
    ignored : tuple of str
        Columns that are not labels of the model.
    """

    labels: tuple[str, ...]
    tracks: int
    together: NDArray[np.int64]
    groups: NDArray[np.int32]
    ignored: tuple[str, ...] = ()

    @property
    def occurrences(self) -> NDArray[np.int64]:
        """Number of tracks that have each label, (labels,)."""
        return np.diagonal(self.together)

    @property
    def never(self) -> tuple[str, ...]:
        """Labels that no track has."""
        return tuple(label for label, n in zip(self.labels, self.occurrences.tolist(), strict=True) if n == 0)

    def cooccurrence(self) -> NDArray[np.float64]:
        """Return C(i, j) = #(i and j) / #i (Choi 2018, Eq. 3.1), (labels, labels); NaN if #i is 0."""
        return cooccurrence(self.together)


def cooccurrence(together: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return C(i, j) = #(i and j) / #i of counts (..., labels, labels); NaN if #i is 0."""
    counts = together.astype(np.float64)
    occurrences = np.diagonal(counts, axis1=-2, axis2=-1)[..., :, None]
    return np.divide(counts, occurrences, out=np.full_like(counts, np.nan), where=occurrences > 0.0)


class _Piece(NamedTuple):
    rows: NDArray[np.bool_]  # (tracks, labels)
    done: float  # share of the file read so far, 0 to 1
    ignored: tuple[str, ...] = ()
    ids: Sequence[str] = ()  # names of tracks, if requested and if the file has them


def load_ground_truth(
    files: Sequence[str | Path],
    labels: Sequence[str],
    progress: Progress = no_progress,
    seed: int = 0,
) -> GroundTruth:
    """Count labels over the tracks of one or more files.

    Parameters
    ----------
    files : sequence of path
        `.npy`, or CSV (comma, semicolon or tab).
    labels : sequence of str
        The model's labels, in its order.
    progress : callable
        Called with 0 to 1; an exception from it ends the work.
    seed : int
        Seed of the random groups of tracks.

    Raises
    ------
    FileError
        If a file cannot be read, has the wrong number of columns, or a value that is missing or not 0 or 1.
    """
    n = len(labels)
    n_groups = int(np.clip(COUNTS_BYTES // (4 * n * n), 20, GROUPS))
    groups = np.zeros((n_groups, n, n), dtype=np.int32)
    random = np.random.default_rng(seed)
    tracks = 0
    ignored: dict[str, None] = {}
    for number, file in enumerate(files):
        for piece in _pieces(Path(file), tuple(labels)):
            _count(piece.rows, groups, random)
            tracks += len(piece.rows)
            ignored.update(dict.fromkeys(piece.ignored))
            progress((number + piece.done) / len(files))
    return GroundTruth(tuple(labels), tracks, groups.sum(axis=0, dtype=np.int64), groups, tuple(ignored))


def read_tracks(
    files: Sequence[str | Path],
    labels: Sequence[str],
    progress: Progress = no_progress,
) -> Iterator[tuple[Sequence[str], NDArray[np.bool_]]]:
    """Read tracks with their names in pieces: (tracks,) names and (tracks, labels) values.

    The first column that is not a label holds the names; without one a track's name is its number, counted from 1 over
    all files.

    Raises
    ------
    FileError
        As for `load_ground_truth`.
    """
    tracks = 0
    for number, file in enumerate(files):
        for piece in _pieces(Path(file), tuple(labels), ids=True):
            numbers = range(tracks + 1, tracks + 1 + len(piece.rows))
            yield piece.ids or [str(place) for place in numbers], piece.rows
            tracks += len(piece.rows)
            progress((number + piece.done) / len(files))


def _count(rows: NDArray[np.bool_], groups: NDArray[np.int32], random: np.random.Generator) -> None:
    """Add the tracks of a piece to random groups."""
    group = random.integers(len(groups), size=len(rows))
    order = np.argsort(group, kind="stable")
    there, first = np.unique(group[order], return_index=True)
    values = rows[order].astype(np.float32)  # exact up to 2^24, more than the tracks of a piece
    for number, part in zip(there.tolist(), np.split(values, first[1:]), strict=True):
        groups[number] += (part.T @ part).astype(np.int32)


def _pieces(file: Path, labels: tuple[str, ...], ids: bool = False) -> Iterator[_Piece]:
    require_file(file)
    try:
        if file.suffix.lower() == ".npy":
            yield from _npy_pieces(file, labels)
        else:
            yield from _csv_pieces(file, labels, ids)
    except OSError as failure:
        raise FileError(f"{quoted(file)} cannot be read: {reason(failure)}.") from failure


# -- .npy ---------------------------------------------------------------------------------------------------------


def _npy_pieces(file: Path, labels: tuple[str, ...]) -> Iterator[_Piece]:
    try:
        matrix = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as failure:
        raise FileError(f"{quoted(file)} is not a whole .npy file of numbers.") from failure
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        raise FileError(
            f"{quoted(file)} holds {matrix.dtype}, shape {matrix.shape}; a ground truth holds numbers, tracks x labels."
        )
    if matrix.shape[1] != len(labels):
        turned = " (it seems to be transposed: labels x tracks)" if matrix.shape[0] == len(labels) else ""
        raise FileError(f"{quoted(file)} has {matrix.shape[1]} columns for the model's {len(labels)} labels{turned}.")
    if not len(matrix):
        raise FileError(f"{quoted(file)} has no tracks.")
    step = max(1, PIECE_BYTES // (len(labels) * matrix.dtype.itemsize))
    for first in range(0, len(matrix), step):
        values = np.asarray(matrix[first : first + step])
        binary = (values == 0) | (values == 1)
        if not binary.all():
            row, column = np.argwhere(~binary)[0].tolist()
            value = values[row, column]
            raise FileError(
                _not_binary(file, f"row {first + row}", labels[column], "" if value != value else str(value))
            )
        yield _Piece(values.astype(np.bool_), min((first + step) / len(matrix), 1.0))


def _not_binary(file: Path, where: str, label: str, value: str) -> str:
    if not value:
        return f"{quoted(file)}, {where}: the value of '{label}' is missing; it must be 0 or 1."
    shown = value if len(value) <= 20 else value[:20] + "…"
    return f"{quoted(file)}, {where}: the value of '{label}' is '{shown}', not 0 or 1."


# -- CSV ----------------------------------------------------------------------------------------------------------

_VALUES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
_MISSING = ("", "nan", "na", "null", "none", "?")


def _csv_pieces(file: Path, labels: tuple[str, ...], ids: bool) -> Iterator[_Piece]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.readline(LINE_BYTES)
        if b"\0" in head:
            raise FileError(f"{quoted(file)} is neither a .npy file nor a text file.")
        if not head.strip():
            raise FileError(f"{quoted(file)} is empty, or begins with an empty line.")
        text = _text(file, head.removeprefix(b"\xef\xbb\xbf"), 1)
        delimiter = max(",;\t", key=text.count)
        cells = [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter))]
        columns, ignored = _columns(file, cells, labels)
        line = 2
        if columns is None:
            stream.seek(0)
            if head.startswith(b"\xef\xbb\xbf"):
                stream.seek(3)
            columns, line = list(range(len(labels))), 1
        # The first column that is not a label holds the names of tracks.
        names = next(place for place in range(len(cells)) if place not in columns) if ids and ignored else None
        layout = _Layout(file, labels, delimiter, len(cells), columns, names)
        tracks = 0
        while piece := _lines(stream, file):
            rows, found = layout.fast(piece) or layout.slow(piece, line)
            line += piece.count(b"\n")
            tracks += len(rows)
            yield _Piece(rows, min(stream.tell() / size, 1.0), ignored, found)
    if not tracks:
        raise FileError(f"{quoted(file)} has no tracks.")


def _columns(file: Path, cells: list[str], labels: tuple[str, ...]) -> tuple[list[int] | None, tuple[str, ...]]:
    """Find each label's column and the other columns by the header; None if the first line is not a header."""
    if all(cell.lower() in _VALUES or cell.lower() in _MISSING for cell in cells):
        if len(cells) != len(labels):
            raise FileError(f"{quoted(file)} has {len(cells)} columns for the model's {len(labels)} labels.")
        return None, ()
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        places.setdefault(cell.casefold(), []).append(place)
    absent = [label for label in labels if label.casefold() not in places]
    if len(absent) == len(labels):
        raise FileError(
            f"{quoted(file)}, line 1: neither values of 0 and 1 nor a header with the model's labels "
            f"({', '.join(labels[:3])}, …)."
        )
    if absent:
        shown = ", ".join(f"'{label}'" for label in absent[:5]) + (", …" if len(absent) > 5 else "")
        raise FileError(
            f"The header of {quoted(file)} lacks {len(absent)} of the model's {len(labels)} labels: {shown}."
        )
    columns = []
    for label in labels:
        found = places[label.casefold()]
        if len(found) > 1:
            exact = [place for place in found if cells[place] == label]
            if len(exact) != 1:
                raise FileError(f"The header of {quoted(file)} names '{label}' {len(found)} times.")
            found = exact
        columns.append(found[0])
    if len(set(columns)) != len(columns):
        raise FileError(f"The header of {quoted(file)} has one column for two labels that differ only in capitals.")
    return columns, tuple(cell for place, cell in enumerate(cells) if place not in set(columns))


def _lines(stream: IO[bytes], file: Path) -> bytes:
    """Read the next piece of a file, up to the end of a line."""
    rest = b""
    piece = stream.read(PIECE_BYTES)
    if piece and not piece.endswith(b"\n"):
        rest = stream.readline(LINE_BYTES)
        if len(rest) == LINE_BYTES:
            raise FileError(
                f"{quoted(file)} has a line of more than {LINE_BYTES // 1_000_000} MB, so it is not a table of tracks."
            )
    return piece + rest


def _text(file: Path, content: bytes, line: int) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as failure:
        raise FileError(f"{quoted(file)}, near line {line}: this is not UTF-8 text.") from failure


@dataclass(frozen=True)
class _Layout:
    """Layout of the lines of a CSV file."""

    file: Path
    labels: tuple[str, ...]
    delimiter: str
    width: int
    columns: list[int]
    names: int | None

    def fast(self, piece: bytes) -> tuple[NDArray[np.bool_], list[str]] | None:
        """Read values, and requested names, if all lines are `0,1,0` or `name,0,1,0`; return None otherwise."""
        end = b"\r\n" if piece.endswith(b"\r\n") else b"\n"
        if not piece.endswith(b"\n"):
            piece += end  # the last line of a file may have no line end
        named = 0 not in self.columns  # then the first column may have any length
        if b'"' in piece or self.names not in (None, 0):
            return None
        length = 2 * self.width - 1 - named  # from the first value, or the delimiter before it, to the end of the line
        characters = np.frombuffer(piece, dtype=np.uint8)
        last = np.flatnonzero(characters == ord("\n")) + 1 - len(end)
        first = np.concatenate([[0], last[:-1] + len(end)])
        if (last - first < length).any() or (not named and (last - first != length).any()):
            return None
        # The right number of delimiters means that no name contains one, and that each line has all columns.
        if np.count_nonzero(characters == ord(self.delimiter)) != len(last) * (self.width - 1):
            return None
        if end == b"\r\n" and (characters[last] != ord("\r")).any():
            return None
        cells = np.lib.stride_tricks.sliding_window_view(characters, length)[last - length]
        values, between = cells[:, named::2] - np.uint8(ord("0")), cells[:, 1 - named :: 2]
        if (values > 1).any() or (between != ord(self.delimiter)).any():
            return None
        names = []
        if self.names == 0:
            try:
                names = [piece[a : b - length].decode().strip() for a, b in zip(first, last, strict=True)]
            except UnicodeDecodeError:
                return None
        return values[:, [column - named for column in self.columns]].astype(np.bool_), names

    def slow(self, piece: bytes, line: int) -> tuple[NDArray[np.bool_], list[str]]:
        """Read values, and requested names, of lines of any form; `line` is the number of the first one."""
        rows = []
        names = []
        reader = csv.reader(io.StringIO(_text(self.file, piece, line), newline=""), delimiter=self.delimiter)
        try:
            for cells in reader:
                if not cells or (len(cells) == 1 and self.width > 1 and not cells[0].strip()):
                    continue  # an empty line
                where = f"line {line + reader.line_num - 1}"
                if len(cells) != self.width:
                    raise FileError(f"{quoted(self.file)}, {where}: {len(cells)} values instead of {self.width}.")
                if self.names is not None:
                    names.append(cells[self.names].strip())
                try:
                    rows.append([_VALUES[cells[column]] for column in self.columns])
                except KeyError:
                    rows.append([self._value(cells[column], where, place) for place, column in enumerate(self.columns)])
        except csv.Error as failure:
            raise FileError(f"{quoted(self.file)}, line {line + reader.line_num - 1}: {failure}.") from failure
        return np.array(rows, dtype=np.bool_).reshape(-1, len(self.columns)), names

    def _value(self, cell: str, where: str, place: int) -> int:
        word = cell.strip().lower()
        if word in _VALUES:
            return _VALUES[word]
        if word not in _MISSING:
            try:
                number = float(word)
            except ValueError:
                pass
            else:
                if number in (0.0, 1.0):
                    return int(number)
        raise FileError(_not_binary(self.file, where, self.labels[place], "" if word in _MISSING else cell.strip()))
