"""Tests of label noise against the thesis's table and exact intervals, from files of both forms."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from auralscope.errors import FileError
from auralscope.labels.noise import Checked, corrected_count, label_noise, load_checked

LABELS = ("instrumental", "female vocalists", "male vocalists", "guitar")
T = 242_842


@pytest.mark.parametrize(
    ("positives", "p_plus", "p_minus", "printed"),
    [(8_424, 6, 12, 36_048), (17_840, 4, 24, 71_127), (3_026, 2, 64, 156_448), (3_311, 2, 70, 170_916)],
)
def test_the_thesis_table_3a(positives: int, p_plus: int, p_minus: int, printed: int) -> None:
    """Choi 2018, table 3-A, with 50 tracks of each kind listened to: shares are whole multiples of 2 %.

    The first is printed cut off, the others rounded, so the exact value lies within one of what is printed.
    """
    exact = positives * (1 - Fraction(p_plus, 100)) + (T - positives) * Fraction(p_minus, 100)
    found = label_noise(Checked("", T, positives, 50, p_plus // 2, 50, p_minus // 2)).corrected.value
    assert found == pytest.approx(float(exact), abs=1e-6)
    assert abs(found - printed) < 1.0
    assert printed in (int(found), round(found))
    assert found == pytest.approx(corrected_count(positives, T, p_plus / 100, p_minus / 100))


def test_figures_by_hand() -> None:
    # 100 of 1000 tracks have the label; of 20 of those 2 are wrong, of 50 others 5 lack what they should have.
    noise = label_noise(Checked("x", 1000, 100, 20, 2, 50, 5))
    assert (noise.p_plus, noise.p_minus) == (0.1, 0.1)
    assert noise.precision.value == pytest.approx(0.9)
    assert noise.corrected.value == pytest.approx(100 * 0.9 + 900 * 0.1)
    assert noise.recall.value == pytest.approx(90 / 180)
    assert noise.recall_in_subset.value == pytest.approx(18 / (18 + 5))


def test_intervals_are_those_of_resampling_the_tracks() -> None:
    noise = label_noise(Checked("x", 1000, 100, 50, 5, 50, 20))
    given, lacking = np.repeat([1, 0], [5, 45]), np.repeat([1, 0], [20, 30])
    random = np.random.default_rng(7)
    drawn = [(random.choice(given, 50).mean(), random.choice(lacking, 50).mean()) for _ in range(4000)]
    corrected = [100 * (1 - plus) + 900 * minus for plus, minus in drawn]
    recall = [100 * (1 - plus) / count for (plus, _), count in zip(drawn, corrected, strict=True)]
    for found, values in (
        (noise.precision, [1 - plus for plus, _ in drawn]),
        (noise.corrected, corrected),
        (noise.recall, recall),
    ):
        low, high = np.quantile(values, (0.025, 0.975))
        near = 0.12 * (high - low)  # of 50 tracks, one more or less that is wrong
        assert found.low == pytest.approx(low, abs=near)
        assert found.high == pytest.approx(high, abs=near)
        assert found.low < found.value < found.high


def test_no_mistake_among_fifty_is_not_certainty() -> None:
    noise = label_noise(Checked("x", 1000, 100, 50, 0, 50, 0))
    assert noise.precision.value == 1.0
    assert noise.precision.low == pytest.approx(stats.beta(50.5, 0.5).ppf(0.025), abs=5e-3)
    assert noise.recall.low < 1.0


def test_nothing_listened_to_tells_nothing() -> None:
    noise = label_noise(Checked("x", 1000, 100, 20, 2, 0, 0))
    assert noise.precision.value == pytest.approx(0.9)
    assert np.isnan([*noise.recall, *noise.corrected, noise.p_minus]).all()


def truth(folder: Path, *, ids: bool) -> Path:
    rows = [[1, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    lines = [",".join(map(str, row)) for row in rows]
    head = ",".join(LABELS)
    if ids:
        head, lines = f"track,{head}", [f"T{number},{line}" for number, line in enumerate(lines, start=1)]
    (folder / "truth.csv").write_text("\n".join([head, *lines]) + "\n")
    return folder / "truth.csv"


@pytest.mark.parametrize("ids", [True, False])
def test_tracks_judged_again_are_held_against_the_ground_truth(ids: bool, tmp_path: Path) -> None:
    name = "T" if ids else ""
    again = tmp_path / "again.csv"
    # instrumental: 1 right, 2 wrong, 3 missed, 6 rightly without. guitar: 4 missed.
    again.write_text(
        f"track,instrumental,Guitar\n{name}1,1,\n{name}2,0,\n{name}3,1,\n{name}4,,1\n{name}6,0,\n", encoding="utf-8-sig"
    )
    found = load_checked(again, LABELS, [truth(tmp_path, ids=ids)])
    assert found == [Checked("instrumental", 6, 3, 2, 1, 2, 1), Checked("guitar", 6, 0, 0, 0, 1, 1)]


def test_counts_already_made(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "label,tracks,positives,positives_checked,positives_wrong,negatives_checked,negatives_missed\n"
        "instrumental,242842,8424,50,3,50,6\n"
    )
    assert load_checked(tmp_path / "t.csv", LABELS) == [Checked("instrumental", T, 8424, 50, 3, 50, 6)]


HEAD = "label,tracks,positives,positives_checked,positives_wrong,negatives_checked,negatives_missed\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "has no tracks under a header"),
        ("track,polka\nT1,1\n", "'polka' is no label"),
        ("track,guitar\nT1,2\n", "line 2: '2' is not 0, 1 or nothing"),
        ("track,guitar\nT1,1,1\n", "line 2: 3 values instead of 2"),
        ("track,guitar\nT1,1\nT1,0\n", "line 3: the track 'T1' was on line 2 already"),
        ("track,guitar\nT1,1\nT9,0\n", "line 3: the ground truth has no track 'T9'"),
        ("track,guitar,Guitar\nT1,1,0\n", "names a label twice"),
        (HEAD + "guitar,100,10,x,0,5,0\n", "line 2: 'positives_checked' is 'x'"),
        (HEAD + "guitar,100,10,5,6,5,0\n", "a part is larger than what it is a part of"),
    ],
)
def test_mistakes_are_named(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "again.csv").write_text(content)
    with pytest.raises(FileError) as caught:
        load_checked(tmp_path / "again.csv", LABELS, [truth(tmp_path, ids=True)])
    assert says in str(caught.value)
    assert "again.csv" in str(caught.value)


def test_judged_tracks_need_a_ground_truth(tmp_path: Path) -> None:
    (tmp_path / "again.csv").write_text("track,guitar\nT1,1\n")
    with pytest.raises(FileError, match="the ground truth that it judges is needed"):
        load_checked(tmp_path / "again.csv", LABELS)
