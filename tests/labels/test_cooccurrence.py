"""Tests of similarity and co-occurrence against the thesis and scipy, and of the coverage of the intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from auralscope.errors import AuralScopeError
from auralscope.labels.cooccurrence import Agreement, agreement
from auralscope.labels.ground_truth import load_ground_truth

LABELS = tuple("abcdef")


def small_truth(folder: Path, n: int = 300):
    matrix = np.random.default_rng(3).random((n, 6)) < (0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    np.save(folder / "t.npy", matrix)
    return matrix, load_ground_truth([folder / "t.npy"], LABELS)


def similarity(seed: int = 4):
    half = np.random.default_rng(seed).standard_normal((6, 6))
    return (half + half.T) / 2


def test_correlations_are_scipys(tmp_path: Path) -> None:
    matrix, truth = small_truth(tmp_path)
    found = agreement(similarity(), truth, replicates=0)
    x, y = [], []
    for i in range(6):
        for j in range(i + 1, 6):
            both = float((matrix[:, i] & matrix[:, j]).sum())
            x.append(similarity()[i, j])
            y.append(max(both / matrix[:, i].sum(), both / matrix[:, j].sum()))
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert found.pearson.value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    assert found.line == pytest.approx(tuple(stats.linregress(y, x)[:2]), abs=1e-12)
    assert [point.together for point in found.points] == pytest.approx(y)
    assert [point.similarity_rank for point in found.points] == (stats.rankdata([-value for value in x])).tolist()


def test_a_label_that_never_occurs_is_left_out(tmp_path: Path) -> None:
    matrix, _ = small_truth(tmp_path)
    matrix[:, 2] = False
    np.save(tmp_path / "t.npy", matrix)
    found = agreement(similarity(), load_ground_truth([tmp_path / "t.npy"], LABELS), replicates=0)
    assert found.undefined == ("c",)
    assert len(found.points) == 10
    assert not any("c" in (point.a, point.b) for point in found.points)
    np.save(tmp_path / "t.npy", np.zeros((9, 6)))
    with pytest.raises(AuralScopeError, match="nothing can be correlated"):
        agreement(similarity(), load_ground_truth([tmp_path / "t.npy"], LABELS))


def test_outliers_are_the_pairs_that_were_put_there(tmp_path: Path) -> None:
    _, truth = small_truth(tmp_path, 3000)
    conditional = truth.cooccurrence()
    planted = np.maximum(conditional, conditional.T)
    planted[0, 5] = planted[5, 0] = planted[0, 5] + 0.9
    planted[0, 1] = planted[1, 0] = planted[0, 1] - 0.9
    apart, unlike = agreement(planted, truth, replicates=0).outliers(3)
    assert (apart[0].a, apart[0].b) == ("a", "f")
    assert (unlike[0].a, unlike[0].b) == ("a", "b")
    mean = np.mean([point.together for point in agreement(planted, truth, replicates=0).points])
    assert all(point.together > mean for point in unlike)


def test_the_interval_over_tracks_is_as_wide_as_samples_differ(tmp_path: Path) -> None:
    """The half width is 1.96 standard deviations of the correlation over new samples of as many tracks."""
    _, truth = small_truth(tmp_path, 1000)
    alike = similarity()
    found = agreement(alike, truth, replicates=400)
    random = np.random.default_rng(5)
    again = []
    for _ in range(200):
        np.save(tmp_path / "u.npy", random.random((1000, 6)) < (0.6, 0.5, 0.4, 0.3, 0.2, 0.1))
        again.append(agreement(alike, load_ground_truth([tmp_path / "u.npy"], LABELS), replicates=0).pearson.value)
    low, high = found.pearson.over_tracks
    assert low < found.pearson.value < high
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(again), rel=0.35)
    wide = found.pearson.over_labels
    assert wide.high - wide.low > high - low


@pytest.fixture(scope="module")
def published(shared: Path) -> Agreement:
    import h5py

    from auralscope.nn.analysis.label_vectors import LabelVectors

    reference = shared / "reference"
    labels = tuple(json.loads((reference / "golden" / "msd_tags.json").read_text()))
    with h5py.File(reference / "compact_convnet" / "weights_theano.hdf5") as file:
        vectors = LabelVectors(labels, np.array(file["dense_1/dense_1_W"], dtype=np.float64))
    files = [reference / "msd_labels" / name for name in ("test_y.npy", "valid_y.npy")]
    return agreement(vectors.similarity(), load_ground_truth(files, labels), replicates=200)


def test_the_published_labels_and_weights_correlate_as_published(published: Agreement) -> None:
    assert published.spearman.value == pytest.approx(0.563, abs=5e-4)
    assert published.pearson.value == pytest.approx(0.587, abs=5e-4)
    for correlation in (published.spearman, published.pearson):
        assert correlation.over_tracks.low < correlation.value < correlation.over_tracks.high
        assert correlation.over_labels.low < correlation.value < correlation.over_labels.high


def test_the_thesis_pairs_are_similar_though_seldom_together(published: Agreement) -> None:
    """Choi 2018, sec. 7.3 names sad/beautiful, happy/catchy and rnb/sexy."""
    apart, _ = published.outliers(5)
    named = {frozenset((point.a, point.b)) for point in apart}
    assert {frozenset(p) for p in (("sad", "beautiful"), ("happy", "catchy"), ("rnb", "sexy"))} <= named
