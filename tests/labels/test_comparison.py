"""Tests of the comparison of two models over their common labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from auralscope.errors import AuralScopeError
from auralscope.labels.comparison import compare


def symmetric(n: int, seed: int):
    half = np.random.default_rng(seed).standard_normal((n, n))
    return (half + half.T) / 2


def test_labels_are_matched_by_name_whatever_their_capitals_and_order() -> None:
    first, second = symmetric(5, 0), symmetric(6, 1)
    ours, theirs = ("rock", "Hip-Hop", "polka", "jazz", "sad"), ("sad", "JAZZ", "hip-hop", "rock", "waltz", "folk")
    found = compare(ours, first, theirs, second)
    assert found.labels == ("rock", "Hip-Hop", "jazz", "sad")
    values = []
    for a in range(4):
        for b in range(a + 1, 4):
            i, j = (ours.index(found.labels[place]) for place in (a, b))
            k, m = ([name.lower() for name in theirs].index(found.labels[place].lower()) for place in (a, b))
            values.append((first[i, j], second[k, m]))
            assert found.difference[a, b] == first[i, j] - second[k, m]
    assert found.spearman == pytest.approx(stats.spearmanr(*zip(*values, strict=True)).statistic)
    assert found.pearson == pytest.approx(stats.pearsonr(*zip(*values, strict=True)).statistic)
    pairs = found.disagreements()
    assert len(pairs) == 6
    assert [abs(pair.difference) for pair in pairs] == sorted((abs(one - other) for one, other in values), reverse=True)


def test_labels_that_differ_only_in_capitals_are_distinguished() -> None:
    found = compare(("House", "house", "rock"), symmetric(3, 0), ("house", "rock"), symmetric(2, 1))
    assert found.labels == ("house", "rock")
    found = compare(("House", "house", "rock"), symmetric(3, 0), ("rock", "house", "HOUSE"), symmetric(3, 1))
    assert found.labels == ("House", "house", "rock")
    assert found.second[0, 2] == symmetric(3, 1)[2, 0]


@pytest.mark.parametrize(("theirs", "says"), [(("x", "y"), "no labels in common"), (("x", "a"), "1 label in common")])
def test_models_that_share_too_little(theirs: tuple[str, ...], says: str) -> None:
    with pytest.raises(AuralScopeError, match=says):
        compare(("a", "b"), symmetric(2, 0), theirs, symmetric(2, 1))
