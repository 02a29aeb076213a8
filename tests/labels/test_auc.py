"""Tests of the AUC of labels against scikit-learn, and of the coverage of its intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from auralscope.errors import FileError
from auralscope.labels.auc import auc, load_scores, tag_quality

LABELS = ("rock", "Mellow", "sad")


def drawn(n: int, seed: int):
    random = np.random.default_rng(seed)
    truth = random.random(n) < 0.3
    return truth, random.standard_normal(n) + truth


def test_areas_are_scikit_learns() -> None:
    truth, scores = drawn(300, 0)
    assert auc(truth, scores)[0] == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    tied = np.round(scores)
    assert auc(truth, tied)[0] == pytest.approx(roc_auc_score(truth, tied), abs=1e-12)


def test_intervals_cover_the_true_area() -> None:
    """The AUC of normal scores one deviation apart is Phi(1 / sqrt 2)."""
    true = stats.norm.cdf(1 / np.sqrt(2))
    covered = 0
    for seed in range(400):
        _, low, high = auc(*drawn(120, seed))
        covered += low < true < high
    assert covered / 400 == pytest.approx(0.95, abs=0.035)


def test_areas_at_the_ends_and_undefined_ones() -> None:
    truth = np.array([True] * 5 + [False] * 5)
    area, low, high = auc(truth, np.arange(10)[::-1].astype(float))
    assert area == 1.0
    assert 0.5 < low < 1.0
    assert high == 1.0
    assert np.isnan(auc(np.ones(4, dtype=bool), np.arange(4.0))).all()
    area, low, _ = auc(np.array([True, False, False]), np.array([0.5, 0.1, 0.9]))
    assert area == 0.5
    assert np.isnan(low)


def test_every_label_with_its_popularity_and_tagability() -> None:
    truth = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)
    scores = np.array([[0.9, 0.1, 0.5], [0.8, 0.9, 0.5], [0.7, 0.2, 0.5], [0.1, 0.8, 0.5]])
    rock, mellow, sad = tag_quality(truth, scores, LABELS, {"Mellow": 0.25})
    assert (rock.category, rock.tracks, rock.popularity_rank, rock.auc) == ("genre", 3, 1, 1.0)
    assert (mellow.category, mellow.popularity_rank, mellow.tagability) == ("mood", 2, 0.25)
    assert np.isnan([sad.auc, sad.tagability]).all()


def test_scores_from_files(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random((5, 3)).astype(np.float32)
    np.save(tmp_path / "s.npy", scores)
    np.testing.assert_array_equal(load_scores(tmp_path / "s.npy", LABELS), scores)
    lines = ["track,sad,rock,mellow", *(f"T,{c:.9g},{a:.9g},{b:.9g}" for a, b, c in scores)]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    np.testing.assert_allclose(load_scores(tmp_path / "s.csv", LABELS), scores, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("rock,sad\n1,2\n", "lacks the model's label 'Mellow'"),
        ("rock,Mellow,sad\n1,2,x\n", "is not a table of scores"),
        ("rock,Mellow,sad\n1,2,nan\n", "row 0: the score of 'sad' is not a number"),
    ],
)
def test_files_that_are_no_scores(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(FileError, match=says):
        load_scores(tmp_path / "s.csv", LABELS)
    np.save(tmp_path / "s.npy", np.zeros((4, 2)))
    with pytest.raises(FileError, match="2 columns for the model's 3 labels"):
        load_scores(tmp_path / "s.npy", LABELS)
