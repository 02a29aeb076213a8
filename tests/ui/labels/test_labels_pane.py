"""Tests of the label page: opening, similarity, choices, saving and themes."""

from __future__ import annotations

import numpy as np
import pytest
from label_page import heatmap_of, hover
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from auralscope.wording import decimal


def test_the_key_opens_and_closes_the_page(ready):
    ready.key(Qt.Key.Key_V)
    assert ready.window.labels_pane.isVisible()
    assert not ready.window.spectrogram.isVisible()
    assert ready.window.transport.isVisible()
    ready.key(Qt.Key.Key_V)
    assert ready.window.spectrogram.isVisible()
    assert not ready.window.labels_pane.isVisible()


def test_the_buttons_open_and_close_the_page(ready):
    ready.click(ready.window.model_pane.label_vectors)
    assert ready.window.labels_pane.isVisible()
    ready.click(ready.window.labels_pane.back)
    assert ready.window.spectrogram.isVisible()


def test_the_key_of_the_gallery_closes_the_page(opened):
    opened.key(Qt.Key.Key_G)
    assert opened.window.gallery.view.hasFocus()


def test_the_readout_names_the_pair_under_the_pointer(opened):
    hover(heatmap_of(opened), 0, 2)
    pane, labels = opened.window.labels_pane, opened.session.labels
    value = labels.vectors.similarity(metric="cosine")[0, 2]
    assert pane.readout.text().startswith(f"ballad – hip-hop: {decimal(value)}, number ")
    assert "of 3" in pane.readout.text()
    hover(heatmap_of(opened), 2, -1)
    assert pane.readout.text().startswith("hip-hop")


def test_a_click_on_a_name_shows_similar_labels_and_the_units_behind_the_label(opened):
    heatmap, details = heatmap_of(opened), opened.window.labels_pane.similarity
    opened.click(heatmap, heatmap.parts.rect(1, -1).center())
    vectors = opened.session.labels.vectors
    assert details.title.text() == "dance"
    values = {label: vectors.similarity(metric="cosine")[1, vectors.index(label)] for label in ("ballad", "hip-hop")}
    assert [bar.name for bar in details.similar.items] == sorted(values, key=lambda label: -values[label])
    weights = vectors.matrix[:, 1]
    assert [bar.key for bar in details.units.items] == np.argsort(-weights, kind="stable").tolist()
    opened.click(details.back)
    assert opened.session.labels.selected == ()
    assert len(details.similar.items) == 3


def test_a_click_on_a_cell_shows_the_units_that_both_labels_share(opened):
    heatmap, details = heatmap_of(opened), opened.window.labels_pane.similarity
    opened.click(heatmap, heatmap.parts.rect(0, 2).center())
    vectors = opened.session.labels.vectors
    assert opened.session.labels.selected == ("ballad", "hip-hop")
    shares = dict(vectors.shared_units("ballad", "hip-hop"))
    assert [bar.key for bar in details.units.items] == list(shares)
    assert sum(shares.values()) == pytest.approx(vectors.similarity(metric="cosine")[0, 2])


def test_a_click_on_a_unit_plays_it(opened):
    heatmap, details = heatmap_of(opened), opened.window.labels_pane.similarity
    opened.click(heatmap, heatmap.parts.rect(1, -1).center())
    index = details.units.model().index(2, 0)
    opened.click(details.units.viewport(), details.units.visualRect(index).center())
    unit = details.units.items[2].key
    assert (opened.session.layer, opened.session.unit) == ("dense", unit)
    opened.until(lambda: opened.session.listening.title == f"6-{unit}")
    assert opened.player.source == "feature"


def test_metric_order_and_half_change_the_heatmap(opened):
    pane, labels = opened.window.labels_pane, opened.session.labels
    opened.choose(pane.controls.metric_choice, "dot")
    np.testing.assert_array_equal(heatmap_of(opened).matrix.values, labels.vectors.similarity(metric="dot"))
    opened.choose(pane.controls.order_choice, "clustered")
    opened.until(lambda: heatmap_of(opened).matrix.linkage is not None)
    opened.click(pane.controls.half)
    assert heatmap_of(opened).matrix.half


def test_labels_are_searched_and_unchecked_in_the_popup(opened):
    pane = opened.window.labels_pane
    opened.click(pane.controls.choose)
    choice = pane.controls.choice
    QTest.keyClicks(choice.search, "HIP")
    assert [choice.list.item(row).isHidden() for row in range(3)] == [True, True, False]
    opened.click(choice.none)
    assert opened.session.labels.labels == ("ballad", "dance")
    assert pane.controls.choose.text() == "Labels: 2 of 3"
    choice.search.clear()
    opened.click(choice.none)
    assert "No label is chosen" in pane.similarity.figure.sentence.text()
    opened.click(choice.all)
    assert opened.session.labels.chosen is None
    choice.hide()


def test_the_saved_picture_is_the_heatmap(opened, tmp_path, file_dialog):
    target = tmp_path / "labels"
    file_dialog.path = target
    opened.window.labels_pane.controls.save_picture_requested.emit()
    opened.until(target.with_suffix(".png").is_file)
    opened.idle()
    picture = QImage(str(target.with_suffix(".png")))
    seen = opened.window.labels_pane.similarity.figure
    assert picture.width() == 2 * seen.width()
    colours = {picture.pixel(x, y) for x in range(0, picture.width(), 9) for y in range(0, picture.height(), 9)}
    assert len(colours) > 3


def test_the_saved_table_is_the_heatmaps_matrix(opened, tmp_path, file_dialog):
    target = tmp_path / "labels.csv"
    file_dialog.path = target
    opened.window.labels_pane.controls.save_table_requested.emit()
    opened.until(target.is_file)
    opened.idle()
    values = np.genfromtxt(target, delimiter=",", skip_header=1)[:, 1:]
    np.testing.assert_allclose(values, heatmap_of(opened).matrix.values)


def test_a_change_of_theme_repaints_the_heatmap(opened):
    heatmap = heatmap_of(opened)
    seen = set()
    for choice in ("light", "dark"):
        opened.window.set_theme(choice)
        seen.add(heatmap.grab().toImage().pixel(heatmap.parts.rect(0, 1).topLeft() + QPoint(2, 2)))
    assert len(seen) == 2
