"""Estimate the label noise of a ground truth from tracks that people listened to again (Choi 2018, sec. 3.2.2).

People judge some of the tracks that have a label and some that lack it. The shares of mistakes among those, `p_plus`
and `p_minus`, are taken for all tracks.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auralscope.errors import FileError
from auralscope.files import quoted, reason, require_file
from auralscope.labels.ground_truth import read_tracks
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

REPLICATES = 10_000
SUMMARY = (
    *("label", "tracks", "positives", "positives_checked", "positives_wrong", "negatives_checked", "negatives_missed"),
)
"""Header of a file of counts."""


@dataclass(frozen=True)
class Checked:
    """Counts of the judgements of one label.

    Attributes
    ----------
    label : str
    tracks, positives : int
        Tracks of the whole ground truth (T), and those that have the label (N+).
    positives_checked, positives_wrong : int
        Judged tracks that have the label, and those of them that should not have it.
    negatives_checked, negatives_missed : int
        Judged tracks that lack the label, and those of them that should have it.
    """

    label: str
    tracks: int
    positives: int
    positives_checked: int
    positives_wrong: int
    negatives_checked: int
    negatives_missed: int


class Estimate(NamedTuple):
    """A value and its 95 % interval; NaN without judgements."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelNoise:
    """The noise of one label of a ground truth.

    Attributes
    ----------
    checked : Checked
    p_plus, p_minus : float
        Share of mistakes among tracks that have the label, and among tracks that lack it.
    precision : Estimate
        Share of the tracks with the label that should have it.
    recall : Estimate
        Share of the tracks that should have the label that have it, over the whole ground truth: the *tagability* of
        the label.
    recall_in_subset : Estimate
        The same share over the judged tracks alone.
    corrected : Estimate
        Number of tracks that should have the label, Eq. 3.2.
    """

    checked: Checked
    p_plus: float
    p_minus: float
    precision: Estimate
    recall: Estimate
    recall_in_subset: Estimate
    corrected: Estimate


def corrected_count(
    positives: NDArray[np.float64] | float,
    tracks: float,
    p_plus: NDArray[np.float64] | float,
    p_minus: NDArray[np.float64] | float,
) -> NDArray[np.float64] | float:
    """Return the number of tracks that should have a label: N+ (1 - p+) + (T - N+) p- (Choi 2018, Eq. 3.2).

    The number is not rounded. The thesis's table 3-A rounds three of its four numbers and cuts one off (36,048.72).
    """
    return positives * (1.0 - p_plus) + (tracks - positives) * p_minus


def label_noise(checked: Checked, replicates: int = REPLICATES, seed: int = 0) -> LabelNoise:
    """Estimate precision, recall and the corrected count of a label.

    The intervals are percentiles over bootstrap samples of the judged tracks; tracks with the label and tracks without
    it are drawn separately. If no track or every track of a group is wrong, a bootstrap does not vary, and the share of
    the group is drawn from Jeffreys' posterior instead, Beta(k + 1/2, n - k + 1/2).
    """
    random = np.random.default_rng(seed)
    n_plus, n_minus = checked.positives_checked, checked.negatives_checked
    given = _shares(checked.positives_wrong, n_plus, replicates, random)
    lacking = _shares(checked.negatives_missed, n_minus, replicates, random)
    figures = {
        "precision": 1.0 - given,
        "corrected": np.asarray(corrected_count(checked.positives, checked.tracks, given, lacking)),
        "recall_in_subset": _ratio(n_plus * (1.0 - given), n_plus * (1.0 - given) + n_minus * lacking),
    }
    figures["recall"] = _ratio(checked.positives * (1.0 - given), figures["corrected"])
    return LabelNoise(
        checked,
        float(given[0]),
        float(lacking[0]),
        **{name: _estimate(values) for name, values in figures.items()},
    )


def _shares(k: int, n: int, replicates: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the share k / n, followed by the shares of bootstrap samples."""
    if n == 0:
        return np.full(replicates + 1, np.nan)
    varied = 0 < k < n
    drawn = random.binomial(n, k / n, replicates) / n if varied else random.beta(k + 0.5, n - k + 0.5, replicates)
    return np.concatenate([[k / n], drawn])


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0.0)


def _estimate(values: NDArray[np.float64]) -> Estimate:
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist() if drawn.size else (np.nan, np.nan)
    return Estimate(float(values[0]), low, high)


# -- files --------------------------------------------------------------------------------------------------------


def load_checked(
    file: str | Path,
    labels: Sequence[str],
    truth_files: Sequence[str | Path] = (),
    progress: Progress = no_progress,
) -> list[Checked]:
    """Read judgements, and count them against the ground truth.

    Parameters
    ----------
    file : path
        A CSV file with a header, in one of two forms: a line for each track, with its name and a column for each judged
        label (1, 0, or empty if it was not judged), or a line of counts for each label, with the columns `SUMMARY`. A
        track's name is the one in the ground truth's first column, or its number there, counted from 1.
    labels : sequence of str
        The model's labels.
    truth_files : sequence of paths
        See `auralscope.labels.ground_truth`; not needed for counts.
    progress : callable
        Called with 0 to 1.

    Raises
    ------
    FileError
        If a file cannot be read or has another form, or if the ground truth lacks a track.
    """
    file = Path(file)
    require_file(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as failure:
        raise FileError(f"{quoted(file)} cannot be read: {reason(failure)}.") from failure
    except (UnicodeDecodeError, csv.Error) as failure:
        raise FileError(f"{quoted(file)} is not a CSV file in UTF-8: {failure}.") from failure
    if len(rows) < 2:
        raise FileError(f"{quoted(file)} has no tracks under a header.")
    head = [cell.strip() for cell in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(head):
            raise FileError(f"{quoted(file)}, line {line}: {len(row)} values instead of {len(head)}.")
    if {cell.lower() for cell in head} >= set(SUMMARY):
        return [
            _summarised(file, line, dict(zip((c.lower() for c in head), row, strict=True))) for line, row in rows[1:]
        ]
    return _judged(file, head, rows[1:], labels, truth_files, progress)


def _summarised(file: Path, line: int, row: dict[str, str]) -> Checked:
    numbers = {}
    for name in SUMMARY[1:]:
        word = row[name].strip()
        if not word.isdecimal():
            raise FileError(f"{quoted(file)}, line {line}: '{name}' is '{word}', not a whole number.")
        numbers[name] = int(word)
    found = Checked(row["label"].strip(), **numbers)
    if (
        found.positives > found.tracks
        or found.positives_wrong > found.positives_checked
        or found.negatives_missed > found.negatives_checked
        or found.positives_checked > found.positives
        or found.negatives_checked > found.tracks - found.positives
    ):
        raise FileError(f"{quoted(file)}, line {line}: a part is larger than what it is a part of.")
    return found


def _judged(
    file: Path,
    head: list[str],
    rows: list[tuple[int, list[str]]],
    labels: Sequence[str],
    truth_files: Sequence[str | Path],
    progress: Progress,
) -> list[Checked]:
    places = {label.casefold(): place for place, label in enumerate(labels)}
    unknown = [cell for cell in head[1:] if cell.casefold() not in places]
    if unknown or len(head) < 2:
        raise FileError(
            f"The header of {quoted(file)} must be a name for tracks and labels of the model, or {','.join(SUMMARY)}"
            + (f"; '{unknown[0]}' is no label." if unknown else ".")
        )
    if not truth_files:
        raise FileError(f"{quoted(file)} judges tracks; the ground truth that it judges is needed too.")
    columns = [places[cell.casefold()] for cell in head[1:]]
    if len(set(columns)) != len(columns):
        raise FileError(f"The header of {quoted(file)} names a label twice.")
    judged: dict[str, tuple[int, list[int | None]]] = {}
    for line, row in rows:
        name = row[0].strip()
        if name in judged:
            raise FileError(f"{quoted(file)}, line {line}: the track '{name}' was on line {judged[name][0]} already.")
        judged[name] = (line, [_judgement(file, line, cell) for cell in row[1:]])
    tracks = 0
    positives = np.zeros(len(labels), dtype=np.int64)
    counts = np.zeros((len(columns), 2, 2), dtype=np.int64)  # label, given, heard
    missing = dict.fromkeys(judged)
    for names, values in read_tracks(truth_files, labels, progress):
        tracks += len(values)
        positives += values.sum(axis=0)
        for row_number, name in enumerate(names):
            if name not in missing:
                continue
            del missing[name]
            for number, (column, heard) in enumerate(zip(columns, judged[name][1], strict=True)):
                if heard is not None:
                    counts[number, int(values[row_number, column]), heard] += 1
    if missing:
        name = next(iter(missing))
        raise FileError(f"{quoted(file)}, line {judged[name][0]}: the ground truth has no track '{name}'.")
    return [
        Checked(
            label=labels[column],
            tracks=tracks,
            positives=int(positives[column]),
            positives_checked=int(counts[number, 1].sum()),
            positives_wrong=int(counts[number, 1, 0]),
            negatives_checked=int(counts[number, 0].sum()),
            negatives_missed=int(counts[number, 0, 1]),
        )
        for number, column in enumerate(columns)
    ]


def _judgement(file: Path, line: int, cell: str) -> int | None:
    word = cell.strip()
    if word not in ("", "0", "1"):
        raise FileError(f"{quoted(file)}, line {line}: '{word}' is not 0, 1 or nothing.")
    return int(word) if word else None
