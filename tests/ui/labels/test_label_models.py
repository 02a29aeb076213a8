"""Tests of the label page with two models."""

from __future__ import annotations

from dataclasses import replace

import pytest
from label_page import heatmap_of, hover

from auralscope.nn.analysis.label_vectors import LabelVectors
from auralscope.wording import decimal


def test_two_models_are_compared_over_the_labels_that_both_have(opened):
    ours = opened.session.model.spec
    turned = replace(ours, id="turned", title="Turned", labels=("hip-hop", "Dance", "waltz"))
    other, model = opened.window.labels_pane.second_model, opened.session.other_model
    vectors = opened.session.labels.vectors
    model._vectors = LabelVectors(turned.labels, vectors.matrix, "dense")
    model.spec = turned
    model._compare()
    opened.until(lambda: model.comparison is not None)
    opened.window.labels_pane.tabs.setCurrentIndex(2)
    similarity = vectors.similarity(metric="cosine")
    # The other model's first two labels have the vectors of our ballad and dance.
    expected = similarity[1, 2] - similarity[0, 1]
    heatmap = other.figure.heatmaps[0]
    assert list(heatmap.matrix.labels) == ["dance", "hip-hop"]
    assert heatmap.matrix.values[0, 1] == pytest.approx(expected)
    assert [bar.key for bar in other.pairs.items] == [("dance", "hip-hop")]
    opened.click(other.pairs.viewport(), other.pairs.visualRect(other.pairs.model().index(0, 0)).center())
    assert opened.session.labels.selected == ("dance", "hip-hop")
    hover(heatmap, 0, 1)
    assert f"difference {decimal(expected)}" in opened.window.labels_pane.readout.text()


def test_another_model_clears_every_tab(opened):
    pane, session = opened.window.labels_pane, opened.session
    other, vectors = session.other_model, opened.session.labels.vectors
    other._vectors, other.spec = vectors, replace(session.model.spec, id="another")
    other._compare()
    opened.until(lambda: other.comparison is not None)
    opened.session.labels.select("ballad", "dance")
    for tab in range(pane.tabs.count()):
        pane.tabs.setCurrentIndex(tab)
    session.load_model("genre-convnet")
    opened.until(lambda: opened.session.labels.vectors not in (None, vectors))
    opened.until(lambda: other.comparison is not None)
    for tab in range(pane.tabs.count()):
        pane.tabs.setCurrentIndex(tab)
    assert opened.session.labels.selected == ()
    assert heatmap_of(opened).matrix.labels == ("ballad", "dance", "hip-hop")
    opened.until(lambda: opened.session.kernels.kernels)
    other.spec = session.model.spec
    other._compare()
    assert other.comparison is None, "a model is not compared with itself"
    assert "Choose another model" in pane.second_model.figure.sentence.text()


def test_a_model_that_cannot_be_loaded_is_reported_on_the_page(opened):
    other, model = opened.window.labels_pane.second_model, opened.session.other_model
    opened.window.labels_pane.tabs.setCurrentIndex(2)
    model.choose(replace(opened.session.model.spec, id="not-there"))
    opened.until(lambda: model.problem)
    assert "not-there" in other.figure.sentence.text()


def test_missing_weights_of_the_other_model_are_fetched_by_a_click(server, far_tagger, opened):
    tab, other = opened.window.labels_pane.second_model, opened.session.other_model
    opened.window.labels_pane.tabs.setCurrentIndex(2)
    opened.until(lambda: opened.session.fetching.states.get("far-tagger") == "available")
    names = [tab.choice.itemText(row) for row in range(tab.choice.count())]
    assert "Far tagger – get weights" in names
    spec = tab.choice.itemData(names.index("Far tagger – get weights"))
    other.choose(spec)
    assert "not on this computer" in tab.figure.sentence.text()
    assert "auralscope weights" not in tab.figure.sentence.text(), "no command of the terminal"
    assert tab.get.isVisible()
    assert not server.asked, "nothing is downloaded without a click"
    opened.click(tab.get)
    opened.until(lambda: not other.lacks_weights(spec))
    opened.until(lambda: not opened.session.jobs.running)
    assert len(server.asked) == 1
    assert not tab.get.isVisible()
    assert "Far tagger" in [tab.choice.itemText(row) for row in range(tab.choice.count())]
    assert opened.session.model.spec.id == "genre-convnet", "the session's model stays"
