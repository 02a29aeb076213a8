"""Read recordings and their labels from a folder or a table, and split them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auralscope.audio.files import SUFFIXES
from auralscope.errors import TrainingError
from auralscope.files import quoted, reason, require_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.training.windows import Split

SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
TAG_COLUMNS = {"tag", "tags", "label", "labels", "class", "genre"}


@dataclass(frozen=True, eq=False)
class Collection:
    """Recordings with their labels.

    Attributes
    ----------
    labels : tuple of str
    files : tuple of Path
    truth : (files, labels) uint8 array
        1 where a label holds.
    """

    labels: tuple[str, ...]
    files: tuple[Path, ...]
    truth: NDArray[np.uint8]

    @property
    def exclusive(self) -> bool:
        """Whether each file has exactly one label."""
        return bool((self.truth.sum(axis=1) == 1).all())


def read_classes(folder: Path) -> Collection:
    """Read a folder in which each folder is a class, with its recordings anywhere below it.

    Raises
    ------
    TrainingError
        The folder holds too few classes or recordings.
    """
    found = {}
    for path in sorted(_listed(folder)):
        if path.is_dir() and not path.name.startswith("."):
            recordings = _recordings(path)
            if recordings:
                found[path.name] = recordings
    if not found:
        hint = (
            "there are recordings, but in no folder of a class: give their tags with --tags"
            if _recordings(folder)
            else "there is no folder with recordings in it"
        )
        raise TrainingError(f"{quoted(folder)} holds nothing to train on: {hint}.")
    labels = tuple(found)
    files = tuple(file for label in labels for file in found[label])
    truth = np.zeros((len(files), len(labels)), dtype=np.uint8)
    truth[np.arange(len(files)), [number for number, label in enumerate(labels) for _ in found[label]]] = 1
    return _checked(Collection(labels, files, truth), quoted(folder))


def read_tags(folder: Path, table: Path) -> Collection:
    """Read a table of tags (CSV, separated by commas or tabs).

    If the header has two columns and the second is called tag (or label, class, genre), each line is a file and one of
    its tags. Otherwise the first column is the file, and each other column is a tag with the values 0 and 1.

    Parameters
    ----------
    folder : Path
        Folder to which the file names in the table are relative.
    table : Path

    Raises
    ------
    TrainingError
        The table cannot be read, or names files that are not there.
    """
    require_file(table)
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as failure:
        raise TrainingError(f"{quoted(table)} is not text in UTF-8; save it as CSV (UTF-8).") from failure
    except OSError as failure:
        raise TrainingError(f"{quoted(table)} cannot be read: {reason(failure)}.") from failure
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    numbered = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), start=1)
        if any(cell.strip() for cell in row)
    ]
    if len(numbered) < 2:
        raise TrainingError(f"{quoted(table)} has no lines below its header: file,tag or file,first tag,second tag.")
    (_, header), *rows = numbered
    for number, row in rows:
        if len(row) != len(header) or len(header) < 2 or not row[0]:
            raise TrainingError(
                f"{quoted(table)}, line {number}: there are {len(row)} columns where the header has {len(header)}; "
                "there must be a file and its tags."
            )
    long = len(header) == 2 and header[1].lower() in TAG_COLUMNS
    tags = _long(rows) if long else _wide(table, header[1:], rows)
    labels = tuple(sorted({tag for held in tags.values() for tag in held})) if long else tuple(header[1:])
    if len(set(labels)) < len(labels):
        raise TrainingError(f"{quoted(table)} names a tag twice in its header.")
    files = [folder / name for name in tags]
    missing = [file for file in files if not file.is_file()]
    if missing:
        others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise TrainingError(f"{quoted(table)} names {quoted(missing[0])}{others}, which is not there.")
    truth = np.array([[label in held for label in labels] for held in tags.values()], dtype=np.uint8)
    return _checked(Collection(labels, tuple(files), truth), quoted(table))


def split(truth: NDArray[np.uint8], seed: int = 0) -> dict[Split, list[int]]:
    """Split files so that each label occurs in every split (iterative stratification, Sechidis et al. 2011).

    Parameters
    ----------
    truth : (files, labels) array
    seed : int

    Returns
    -------
    dict of str to list of int
        Numbers of the files; each file is in one split.
    """
    rng = np.random.default_rng([seed, 7])
    names = list(SHARES)
    held_out = np.array([SHARES["validation"], SHARES["test"]])

    def shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the (splits, ...) counts that each split should have: at least one for validation and test."""
        aside = np.maximum(held_out.reshape(2, *[1] * counts.ndim) * counts, 1.0)
        return np.concatenate([(counts - aside.sum(axis=0))[None], aside])

    needed = shares(truth.sum(axis=0, dtype=np.int64))
    room = shares(np.array(len(truth)))
    left = set(rng.permutation(len(truth)).tolist())
    shared: dict[Split, list[int]] = {name: [] for name in names}

    def put(file: int, preference: NDArray[np.float64]) -> None:
        best = np.flatnonzero(preference == preference.max())
        chosen = int(best[np.argmax(room[best])])
        shared[names[chosen]].append(file)
        needed[chosen] -= truth[file]
        room[chosen] -= 1
        left.discard(file)

    while left:
        waiting = np.array(sorted(left))
        counts = truth[waiting].sum(axis=0, dtype=np.int64)
        if not counts.any():
            for file in rng.permutation(waiting).tolist():
                put(file, room.copy())
            break
        rarest = int(np.argmin(np.where(counts > 0, counts, np.iinfo(np.int64).max)))
        for file in rng.permutation(waiting[truth[waiting, rarest] == 1]).tolist():
            put(file, needed[:, rarest].copy())
    return {name: sorted(places) for name, places in shared.items()}


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as failure:
        raise TrainingError(f"The folder {quoted(folder)} cannot be read: {reason(failure)}.") from failure


def _recordings(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def _long(rows: Sequence[tuple[int, list[str]]]) -> dict[str, set[str]]:
    tags: dict[str, set[str]] = {}
    for _, (file, tag) in rows:
        tags.setdefault(file, set()).update({tag} if tag else set())
    return tags


def _wide(table: Path, labels: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> dict[str, set[str]]:
    tags = {}
    for number, (file, *values) in rows:
        wrong = [value for value in values if value not in ("0", "1", "0.0", "1.0")]
        if wrong:
            raise TrainingError(f"{quoted(table)}, line {number}: '{wrong[0]}' is neither 0 nor 1.")
        if file in tags:
            raise TrainingError(f"{quoted(table)}, line {number}: '{file}' is in the table twice.")
        tags[file] = {label for label, value in zip(labels, values, strict=True) if float(value)}
    return tags


def _checked(collection: Collection, where: str) -> Collection:
    """Return the collection, or raise if it is too small to train and measure with."""
    n, counts = len(collection.files), collection.truth.sum(axis=0)
    if n < 2 * len(SHARES):
        raise TrainingError(
            f"{where} has {n} recordings; training, validation and test need at least {2 * len(SHARES)}."
        )
    if len(collection.labels) == 1 and counts[0] == n:
        raise TrainingError(f"{where} has a single class, '{collection.labels[0]}': there is nothing to tell it from.")
    for label, count in zip(collection.labels, counts.tolist(), strict=True):
        if count < len(SHARES):
            raise TrainingError(
                f"In {where}, '{label}' is on {count} of the recordings; at least {len(SHARES)} are needed: "
                "one each for training, validation and test."
            )
    for label, count in zip(collection.labels, counts.tolist(), strict=True):
        if n - count < len(SHARES):
            raise TrainingError(
                f"In {where}, '{label}' is on {count} of {n} recordings, too many to learn from; leave the label out."
            )
    return collection
