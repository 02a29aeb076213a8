"""Tests of the label page with a ground truth: co-occurrence and label noise."""

from __future__ import annotations

import numpy as np
from label_page import hover
from PySide6.QtCore import QPointF


def test_both_heatmaps_share_their_rows_and_the_hovered_cell(with_truth):
    driver, rows = with_truth
    similarity, together = driver.window.labels_pane.truth.figure.heatmaps
    np.testing.assert_array_equal(similarity.parts.rows, together.parts.rows)
    shares = [[(rows[:, a] & rows[:, b]).sum() / rows[:, a].sum() for b in range(3)] for a in range(3)]
    np.testing.assert_allclose(together.matrix.values, shares)
    hover(together, 1, 2)
    assert similarity.cell == (1, 2)
    text = driver.window.labels_pane.readout.text()
    assert f"{100 * shares[1][2]:.0f} % of dance are hip-hop, {100 * shares[2][1]:.0f} % of hip-hop are dance" in text


def test_scatter_and_heatmaps_show_the_same_pair_as_hovered(with_truth):
    driver, _ = with_truth
    tab = driver.window.labels_pane.truth
    hover(tab.figure.heatmaps[0], 0, 2)
    point = next(p for p in driver.session.labels.agreement.points if (p.a, p.b) == ("ballad", "hip-hop"))
    assert tab.scatter.near.data["x"].tolist() == [point.together]
    at = tab.scatter.box.mapViewToScene(QPointF(point.together, point.similarity))
    assert tab.scatter.nearest(at) >= 0
    tab.scatter.chosen.emit(tab.scatter.nearest(at))
    assert driver.session.labels.selected == ("ballad", "hip-hop")


def test_correlations_are_shown_with_their_intervals(with_truth):
    driver, _ = with_truth
    said = driver.window.labels_pane.truth.correlations.text()
    agreement = driver.session.labels.agreement
    assert f"{agreement.pearson.value:.3f}".replace("-", "−") in said
    assert "over tracks" in said


def test_a_bad_file_is_reported_on_the_page(with_truth, tmp_path):
    driver, _ = with_truth
    bad = tmp_path / "bad.csv"
    bad.write_text("ballad,dance,hip-hop\n0,1,2\n")
    driver.session.labels.load_truth([bad])
    tab = driver.window.labels_pane.truth
    driver.until(tab.problem.isVisible)
    assert "bad.csv" in tab.problem.text()
    assert "not 0 or 1" in tab.problem.text()
    assert tab.figure.heatmaps[1].matrix is not None, "the previous ground truth stays"
    driver.click(tab.remove)
    assert not tab.problem.isVisible()
    assert driver.session.labels.truth is None


def test_labels_are_drawn_over_popularity(with_truth, tmp_path, file_dialog):
    driver, rows = with_truth
    pane = driver.window.labels_pane
    pane.tabs.setCurrentIndex(5)
    scores = rows + np.random.default_rng(2).normal(size=rows.shape)
    np.save(tmp_path / "scores.npy", scores)
    file_dialog.path = tmp_path / "scores.npy"
    tab = pane.noise_tab
    assert "listened to" in tab.figure.sentence.text()
    driver.click(tab.scores)
    driver.until(lambda: driver.session.noise.qualities)
    assert [bar.key for bar in tab.list.items] == [
        one.label for one in sorted(driver.session.noise.qualities, key=lambda one: -one.value)
    ]
    scatter = tab.figure.over_popularity
    assert scatter.points.data["x"].tolist() == rows.sum(axis=0).tolist()
    assert not tab.figure.over_tagability.isVisible(), "there are no judgements"
    scatter.chosen.emit(1)
    assert driver.session.labels.selected == ("dance",)
