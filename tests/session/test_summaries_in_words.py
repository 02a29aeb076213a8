"""Tests of the orders and captions of the units of a layer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_session import filled, looking, owner

from auralscope.nn.activity import Activity
from auralscope.nn.analysis.summaries import LayerSummary, UnitSummary, summarise_parts
from auralscope.nn.batches import outcome
from auralscope.session import summaries
from auralscope.session.results import LayerResult
from auralscope.session.selection import Selection

__all__ = ["looking", "owner"]

LABELS = ("ballad", "dance")
CENTROIDS_HZ = (4000.0, 200.0, 1200.0, 900.0, math.nan)


def a_layer():
    """Make five units: 0 and 3 are similar, 4 is silent."""
    similarity = np.eye(5)
    similarity[0, 3] = similarity[3, 0] = 0.9
    similarity[1, 2] = similarity[2, 1] = 0.3
    votes = ((0.1, 0.5), (0.9, 0.0), (0.2, 0.1), (-0.1, -0.2), (0.0, 0.0))
    onsets = (0.9, 0.1, 0.5, 0.6, math.nan)
    units = tuple(
        UnitSummary("conv1", unit, 1.0, 0.2 * unit, CENTROIDS_HZ[unit], 100.0 * (5 - unit), onsets[unit], votes[unit])
        for unit in range(5)
    )
    activity = np.array([4.0, 3.0, 2.0, 1.0, 0.0], np.float32)
    maps = np.sqrt(activity)[:, None, None] * np.ones((5, 2, 2), np.float32)
    result = LayerResult(Selection(), maps, Activity(activity, "energy"), [0, 1, 2, 3, 4])
    return result, LayerSummary(units, similarity)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("activity", [0, 1, 2, 3, 4]),
        ("number", [0, 1, 2, 3, 4]),
        ("sparsity", [3, 2, 1, 0, 4]),
        ("centroid", [1, 3, 2, 0, 4]),
        ("bandwidth", [3, 2, 1, 0, 4]),
        ("onset", [0, 3, 2, 1, 4]),
        ("label", [1, 2, 0, 3, 4]),
    ],
)
def test_each_order_sorts_by_its_measure_or_by_activity_without_a_summary(order, expected):
    look, summary = a_layer()
    assert summaries.arranged(order, look, summary, 5) == expected
    without = summaries.arranged(order, look, None, 5)
    assert without == (look.order if order != "number" else list(range(5))), "by activity until it is known"
    assert summaries.arranged(order, None, None, 3) == [0, 1, 2]


def test_look_alikes_stand_side_by_side():
    look, summary = a_layer()
    order = summaries.arranged("alike", look, summary, 5)
    assert sorted(order) == list(range(5))
    assert abs(order.index(0) - order.index(3)) == 1
    assert order[-1] == 4


def test_captions_name_the_criterion_of_the_order():
    _, summary = a_layer()

    def captions(order):
        return [summaries.caption(order, summary, unit, LABELS) for unit in range(5)]

    assert captions("activity") == [""] * 5
    assert captions("centroid") == ["4.0 kHz", "200 Hz", "1.2 kHz", "900 Hz", ""]
    assert captions("onset") == ["90 %", "10 %", "50 %", "60 %", ""]
    assert captions("alike") == ["≈ 3", "", "", "≈ 0", ""]
    assert captions("label") == ["dance", "ballad", "ballad", "", ""]


def test_words_compare_a_unit_with_its_layer():
    _, summary = a_layer()
    said = [summaries.words(summary, unit, LABELS, lambda other: f"1-{other}") for unit in range(5)]
    assert said[0].startswith("Responds around 4.0 kHz ± 500 Hz, high for this layer, onsets rather than tones")
    assert said[0].endswith("votes for dance, much like 1-3.")
    assert "low for this layer, tones rather than onsets" in said[1]
    assert "alike" not in said[2]
    assert "layer" not in said[2]
    assert "votes for" not in said[3]
    assert said[4] == ""


def test_a_layer_is_summarised_when_all_of_it_is_there(looking):
    session = looking.session
    session.choose_layer("conv2")
    assert session.summaries.summary is None
    filled(looking)
    looking.until(lambda: session.summaries.summary is not None)
    run, found = session.window_result.run, session.summaries.summary
    expected = outcome(summarise_parts(run, "conv2", run.deconvolve("conv2")))
    for one, other in zip(found.units, expected.units, strict=True):
        assert one.unit == other.unit
        for name in ("activity", "sparsity", "centroid_hz", "bandwidth_hz", "onset_share"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-4, nan_ok=True)
        assert one.votes == pytest.approx(other.votes, abs=1e-5)
    np.testing.assert_allclose(found.similarity, expected.similarity, atol=1e-5)
    session.choose_layer("conv1")
    looking.until(lambda: session.summaries.summary is not None)
    session.choose_layer("conv2")
    assert session.summaries.summary is found, "kept for this window"
    session.move_window(6.0)
    looking.until(lambda: session.summaries.summary is None)
