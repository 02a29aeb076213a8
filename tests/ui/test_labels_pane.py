"""The label vectors' pane: opened, driven with mouse and keys, and looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from auralscope.nn.analysis.label_vectors import LabelVectors
from auralscope.ui.graphs.diverging import colours_of
from auralscope.ui.graphs.heatmap import NOWHERE, Heatmap
from auralscope.ui.graphs.heatmap_layout import Matrix
from auralscope.ui.labels.kernels import KernelRole
from auralscope.wording import decimal


@pytest.fixture
def opened(ready):
    """The pane of the genre convnet's three labels."""
    ready.until(lambda: ready.session.model is not None and ready.window.session.labels.vectors is not None)
    ready.key(Qt.Key.Key_V)
    assert ready.window.labels_pane.isVisible()
    return ready


def heatmap_of(driver):
    return driver.window.labels_pane.details.figure.heatmaps[0]


def hover(heatmap, row, column):
    """As Qt tells of a mouse that moves; `QTest.mouseMove` needs a screen of its own."""
    at = QPointF(heatmap.cell_rect(row, column).center())
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, at, heatmap.mapToGlobal(at), none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(heatmap, move)


def fifty(units=32):
    """Fifty labels with names of all lengths."""
    rng = np.random.default_rng(0)
    labels = tuple(f"{'long name of a ' if k % 7 == 0 else ''}label {k}" for k in range(50))
    return LabelVectors(labels, rng.normal(size=(units, 50)), "")


# The heatmap


@pytest.fixture
def heatmap(qtbot):
    widget = Heatmap("Test")
    qtbot.addWidget(widget)
    widget.resize(600, 500)
    widget.show()
    return widget


def test_every_cell_has_the_colour_of_its_value(heatmap):
    vectors = fifty()
    values = vectors.similarity("cosine")
    heatmap.show_matrix(Matrix(values, vectors.labels, limit=0.7))
    image = heatmap.grab().toImage()
    expected = colours_of(values, "diverging", 0.7)
    for row, column in ((0, 1), (3, 40), (49, 0), (25, 24)):
        corner = heatmap.cell_rect(row, column).topLeft() + QPoint(1, 1)
        assert image.pixelColor(corner).getRgb()[:3] == tuple(expected[row, column].tolist())


def test_a_point_in_a_cell_is_that_cell(heatmap):
    vectors = fifty()
    heatmap.show_matrix(Matrix(vectors.similarity("cosine"), vectors.labels))
    for row, column in ((0, 0), (0, 49), (49, 49), (17, 31)):
        assert heatmap.cell_at(heatmap.cell_rect(row, column).center()) == (row, column)
    assert heatmap.cell_at(heatmap.cell_rect(7, -1).center()) == (7, -1)
    assert heatmap.cell_at(heatmap.cell_rect(-1, 9).center()) == (9, -1), "a column's name is its label"
    assert heatmap.cell_at(QPoint(heatmap.width() - 1, heatmap.height() - 1)) == NOWHERE


@pytest.mark.parametrize("size", [(300, 260), (600, 500), (1500, 900)])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_everything_fits_at_every_size(heatmap, size, count):
    vectors = fifty()
    heatmap.resize(*size)
    heatmap.show_matrix(Matrix(vectors.similarity("cosine")[:count, :count], vectors.labels[:count]))
    cells, bar = heatmap.place.cells, heatmap.place.bar
    assert heatmap.rect().contains(cells)
    assert heatmap.rect().contains(bar.adjusted(0, 0, 20, 0))
    widths, heights = np.diff(heatmap.place.columns), np.diff(heatmap.place.rows)
    assert widths.min() >= 2
    assert heights.min() >= 2
    assert heights.max() <= 121, "few labels do not fill a wall"


def test_undefined_is_neither_zero_nor_anything_else(heatmap):
    values = np.array([[1.0, np.nan, 0.0], [np.nan, 1.0, 0.5], [0.0, 0.5, 1.0]])
    heatmap.show_matrix(Matrix(values, ("a", "b", "c")))
    image = heatmap.grab().toImage()

    def colours(row, column):
        rect = heatmap.cell_rect(row, column).adjusted(3, 3, -3, -3)
        return {image.pixel(x, y) for x in range(rect.left(), rect.right()) for y in range(rect.top(), rect.bottom())}

    assert not colours(0, 1) & {QColor(*rgb).rgb() for rgb in colours_of(np.array([0.0]), "diverging", 1.0).tolist()}
    assert len(colours(0, 1)) > 1, "it is hatched"


def test_half_of_a_symmetric_matrix(heatmap):
    vectors = fifty()
    heatmap.show_matrix(Matrix(vectors.similarity("cosine"), vectors.labels, half=True))
    image = heatmap.grab().toImage()
    ground = image.pixelColor(heatmap.width() - 1, heatmap.height() - 1)
    assert image.pixelColor(heatmap.cell_rect(3, 30).center()) == ground
    assert image.pixelColor(heatmap.cell_rect(30, 3).center()) != ground
    seen = []
    heatmap.pointed.connect(lambda *cell: seen.append(cell))
    hover(heatmap, 3, 30)
    assert seen in ([], [NOWHERE])
    hover(heatmap, 30, 3)
    assert seen[-1] == (30, 3)


def test_numbers_stand_in_cells_only_where_they_fit(heatmap):
    vectors = fifty()
    ink = {}
    for count in (5, 50):
        heatmap.show_matrix(Matrix(vectors.similarity("cosine")[:count, :count], vectors.labels[:count]))
        image = heatmap.grab().toImage()
        rect = heatmap.cell_rect(4, 1)
        ink[count] = len({image.pixel(x, y) for x in range(rect.left(), rect.right())
                          for y in range(rect.top(), rect.bottom())})  # fmt: skip
    assert ink[5] > 2
    assert ink[50] == 1


def test_the_tree_stands_beside_the_rows(heatmap):
    vectors = fifty()
    order = vectors.order("clustered")
    values = vectors.similarity("cosine")[np.ix_(order, order)]
    labels = [vectors.labels[place] for place in order]
    heatmap.show_matrix(Matrix(values, labels, linkage=vectors.linkage, leaves=tuple(np.argsort(order).tolist())))
    image = heatmap.grab().toImage()
    tree = heatmap.place.tree
    ground = image.pixel(heatmap.width() - 1, heatmap.height() - 1)
    inked = [
        row
        for row in range(50)
        if any(
            image.pixel(tree.left() + 1, y) != ground
            for y in range(heatmap.cell_rect(row, 0).top(), heatmap.cell_rect(row, 0).bottom() + 1)
        )
    ]
    assert len(inked) >= 45, "nearly every row has its branch (some are joined at once)"


def test_arrow_keys_go_over_cells_and_names(heatmap):
    heatmap.show_matrix(Matrix(np.eye(3), ("a", "b", "c")))
    chosen = []
    heatmap.chosen.connect(lambda *cell: chosen.append(cell))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(heatmap, key)
    assert heatmap.cell == (1, 1)
    QTest.keyClick(heatmap, Qt.Key.Key_Up)
    QTest.keyClick(heatmap, Qt.Key.Key_Return)
    for _ in range(5):
        QTest.keyClick(heatmap, Qt.Key.Key_Left)
    QTest.keyClick(heatmap, Qt.Key.Key_Return)
    assert chosen == [(0, 1), (0, 0)]


# The pane


def test_the_key_opens_it_and_closes_it_again(ready):
    ready.key(Qt.Key.Key_V)
    assert ready.window.labels_pane.isVisible()
    assert not ready.window.spectrogram.isVisible()
    assert ready.window.transport.isVisible()
    ready.key(Qt.Key.Key_V)
    assert ready.window.spectrogram.isVisible()
    assert not ready.window.labels_pane.isVisible()


def test_the_button_opens_it_too(ready):
    ready.click(ready.window.model_pane.label_vectors)
    assert ready.window.labels_pane.isVisible()
    ready.click(ready.window.labels_pane.back)
    assert ready.window.spectrogram.isVisible()


def test_the_key_of_the_gallery_goes_back_to_it(opened):
    opened.key(Qt.Key.Key_G)
    assert opened.window.gallery.view.hasFocus()


def test_the_pair_under_the_pointer_is_named(opened):
    hover(heatmap_of(opened), 0, 2)
    pane, labels = opened.window.labels_pane, opened.window.session.labels
    value = labels.vectors.similarity("cosine")[0, 2]
    assert pane.readout.text().startswith(f"ballad – hip-hop: {decimal(value)}, number ")
    assert "of 3" in pane.readout.text()
    hover(heatmap_of(opened), 2, -1)
    assert pane.readout.text().startswith("hip-hop")


def test_a_click_on_a_name_shows_what_is_like_it_and_who_votes_for_it(opened):
    heatmap, details = heatmap_of(opened), opened.window.labels_pane.details
    opened.click(heatmap, heatmap.cell_rect(1, -1).center())
    vectors = opened.window.session.labels.vectors
    assert details.title.text() == "dance"
    values = {label: vectors.similarity("cosine")[1, vectors.index(label)] for label in ("ballad", "hip-hop")}
    assert [bar.name for bar in details.alike.bars] == sorted(values, key=lambda label: -values[label])
    weights = vectors.matrix[:, 1]
    assert [bar.key for bar in details.units.bars] == np.argsort(-weights, kind="stable").tolist()
    opened.click(details.back)
    assert opened.window.session.labels.selected == ()
    assert len(details.alike.bars) == 3


def test_a_click_on_a_cell_shows_the_units_that_both_share(opened):
    heatmap, details = heatmap_of(opened), opened.window.labels_pane.details
    opened.click(heatmap, heatmap.cell_rect(0, 2).center())
    vectors = opened.window.session.labels.vectors
    assert opened.window.session.labels.selected == ("ballad", "hip-hop")
    shares = dict(vectors.shared_units("ballad", "hip-hop"))
    assert [bar.key for bar in details.units.bars] == list(shares)
    assert sum(shares.values()) == pytest.approx(vectors.similarity("cosine")[0, 2])


def test_a_unit_is_one_click_from_being_heard(opened):
    heatmap, details = heatmap_of(opened), opened.window.labels_pane.details
    opened.click(heatmap, heatmap.cell_rect(1, -1).center())
    index = details.units.model().index(2, 0)
    opened.click(details.units.viewport(), details.units.visualRect(index).center())
    unit = details.units.bars[2].key
    assert (opened.session.layer, opened.session.unit) == ("dense", unit)
    opened.until(lambda: opened.session.listening.title == f"6-{unit}")
    assert opened.player.source == "feature"


def test_metric_order_and_half(opened):
    pane, labels = opened.window.labels_pane, opened.window.session.labels
    opened.choose(pane.controls.metric_choice, "dot")
    np.testing.assert_array_equal(heatmap_of(opened).matrix.values, labels.vectors.similarity("dot"))
    opened.choose(pane.controls.order_choice, "clustered")
    opened.until(lambda: heatmap_of(opened).matrix.linkage is not None)
    opened.click(pane.controls.half)
    assert heatmap_of(opened).matrix.half


def test_labels_are_searched_and_unchecked(opened):
    pane = opened.window.labels_pane
    opened.click(pane.controls.choose)
    choice = pane.controls.choice
    QTest.keyClicks(choice.search, "HIP")
    assert [choice.list.item(row).isHidden() for row in range(3)] == [True, True, False]
    opened.click(choice.none)
    assert opened.window.session.labels.labels == ("ballad", "dance")
    assert pane.controls.choose.text() == "Labels: 2 of 3"
    choice.search.clear()
    opened.click(choice.none)
    assert "No label is chosen" in pane.details.figure.sentence.text()
    opened.click(choice.all)
    assert opened.window.session.labels.chosen is None
    choice.hide()


def test_the_picture_that_is_saved_is_what_is_seen(opened, tmp_path, file_dialog):
    target = tmp_path / "labels"
    file_dialog.path = target
    opened.window.labels_pane.controls.save_picture_wanted.emit()
    opened.until(target.with_suffix(".png").is_file)
    opened.idle()
    picture = QImage(str(target.with_suffix(".png")))
    seen = opened.window.labels_pane.details.figure
    assert picture.width() == 2 * seen.width()
    colours = {picture.pixel(x, y) for x in range(0, picture.width(), 9) for y in range(0, picture.height(), 9)}
    assert len(colours) > 3


def test_the_table_that_is_saved_is_that_of_the_heatmap(opened, tmp_path, file_dialog):
    target = tmp_path / "labels.csv"
    file_dialog.path = target
    opened.window.labels_pane.controls.save_table_wanted.emit()
    opened.until(target.is_file)
    opened.idle()
    values = np.genfromtxt(target, delimiter=",", skip_header=1)[:, 1:]
    np.testing.assert_allclose(values, heatmap_of(opened).matrix.values)


def test_in_both_themes_the_heatmap_is_drawn_anew(opened):
    heatmap = heatmap_of(opened)
    seen = set()
    for choice in ("light", "dark"):
        opened.window.set_theme(choice)
        seen.add(heatmap.grab().toImage().pixel(heatmap.cell_rect(0, 1).topLeft() + QPoint(2, 2)))
    assert len(seen) == 2


# Ground truth


@pytest.fixture
def with_truth(opened, tmp_path, file_dialog):
    """Two hundred tracks, loaded by the button of the pane."""
    rows = (np.random.default_rng(1).random((200, 3)) < (0.5, 0.4, 0.3)).astype(np.uint8)
    np.save(tmp_path / "truth.npy", rows)
    file_dialog.path = tmp_path / "truth.npy"
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(1)
    assert "Load a ground truth" in pane.truth.figure.sentence.text()
    opened.click(pane.truth.load)
    opened.until(lambda: opened.window.session.labels.agreement is not None)
    opened.idle()
    return opened, rows


def test_rows_of_both_heatmaps_are_one(with_truth):
    driver, rows = with_truth
    similarity, together = driver.window.labels_pane.truth.figure.heatmaps
    np.testing.assert_array_equal(similarity.place.rows, together.place.rows)
    shares = [[(rows[:, a] & rows[:, b]).sum() / rows[:, a].sum() for b in range(3)] for a in range(3)]
    np.testing.assert_allclose(together.matrix.values, shares)
    hover(together, 1, 2)
    assert similarity.cell == (1, 2)
    text = driver.window.labels_pane.readout.text()
    assert f"{100 * shares[1][2]:.0f} % of dance are hip-hop, {100 * shares[2][1]:.0f} % of hip-hop are dance" in text


def test_the_scatter_and_the_heatmaps_point_at_the_same_pair(with_truth):
    driver, _ = with_truth
    tab = driver.window.labels_pane.truth
    hover(tab.figure.heatmaps[0], 0, 2)
    point = next(p for p in driver.window.session.labels.agreement.points if (p.a, p.b) == ("ballad", "hip-hop"))
    assert tab.scatter.near.data["x"].tolist() == [point.together]
    at = tab.scatter.box.mapViewToScene(QPointF(point.together, point.similarity))
    assert tab.scatter.nearest(at) >= 0
    tab.scatter.chosen.emit(tab.scatter.nearest(at))
    assert driver.window.session.labels.selected == ("ballad", "hip-hop")


def test_correlations_stand_there_with_their_intervals(with_truth):
    driver, _ = with_truth
    said = driver.window.labels_pane.truth.correlations.text()
    agreement = driver.window.session.labels.agreement
    assert f"{agreement.pearson.value:.3f}".replace("-", "−") in said
    assert "over tracks" in said


def test_a_bad_file_is_a_sentence_in_the_pane(with_truth, tmp_path):
    driver, _ = with_truth
    bad = tmp_path / "bad.csv"
    bad.write_text("ballad,dance,hip-hop\n0,1,2\n")
    driver.window.session.labels.load_truth([bad])
    tab = driver.window.labels_pane.truth
    driver.until(tab.problem.isVisible)
    assert "bad.csv" in tab.problem.text()
    assert "not 0 or 1" in tab.problem.text()
    assert tab.figure.heatmaps[1].matrix is not None, "what was there stays"
    driver.click(tab.forget)
    assert not tab.problem.isVisible()
    assert driver.window.session.labels.truth is None


# Two models


def test_two_models_are_compared_over_the_labels_that_both_know(opened):
    ours = opened.session.model.spec
    turned = replace(ours, id="turned", title="Turned", labels=("hip-hop", "Dance", "waltz"))
    other = opened.window.labels_pane.other
    vectors = opened.window.session.labels.vectors
    other._other._vectors = LabelVectors(turned.labels, vectors.matrix, "dense")
    other._other.spec = turned
    other._other._compare()
    opened.until(lambda: other._other.comparison is not None)
    opened.window.labels_pane.tabs.setCurrentIndex(2)
    similarity = vectors.similarity("cosine")
    # To the other, its first two labels are alike as ballad and dance are to ours.
    expected = similarity[1, 2] - similarity[0, 1]
    heatmap = other.figure.heatmaps[0]
    assert list(heatmap.matrix.labels) == ["dance", "hip-hop"]
    assert heatmap.matrix.values[0, 1] == pytest.approx(expected)
    assert [bar.key for bar in other.pairs.bars] == [("dance", "hip-hop")]
    opened.click(other.pairs.viewport(), other.pairs.visualRect(other.pairs.model().index(0, 0)).center())
    assert opened.window.session.labels.selected == ("dance", "hip-hop")
    hover(heatmap, 0, 1)
    assert f"difference {decimal(expected)}" in opened.window.labels_pane.readout.text()


def test_another_model_of_the_session_begins_anew_in_every_tab(opened):
    pane, session = opened.window.labels_pane, opened.session
    other, vectors = pane.other._other, opened.window.session.labels.vectors
    other._vectors, other.spec = vectors, replace(session.model.spec, id="another")
    other._compare()
    opened.until(lambda: other.comparison is not None)
    opened.window.session.labels.select("ballad", "dance")
    for tab in range(pane.tabs.count()):
        pane.tabs.setCurrentIndex(tab)
    session.load_model("genre-convnet")
    opened.until(lambda: opened.window.session.labels.vectors not in (None, vectors))
    opened.until(lambda: other.comparison is not None)
    for tab in range(pane.tabs.count()):
        pane.tabs.setCurrentIndex(tab)
    assert opened.window.session.labels.selected == ()
    assert heatmap_of(opened).matrix.labels == ("ballad", "dance", "hip-hop")
    opened.until(lambda: pane.kernels.kernels)
    other.spec = session.model.spec
    other._compare()
    assert other.comparison is None, "a model is not compared with itself"
    assert "Choose another model" in pane.other.figure.sentence.text()


def test_a_model_that_cannot_be_loaded_is_a_sentence_in_the_pane(opened):
    other = opened.window.labels_pane.other
    opened.window.labels_pane.tabs.setCurrentIndex(2)
    other._other.choose(replace(opened.session.model.spec, id="not-there"))
    opened.until(lambda: other._other.problem)
    assert "not-there" in other.figure.sentence.text()


# The first layer, and recordings


def test_kernels_are_seen_and_one_click_from_being_heard(opened):
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(3)
    opened.until(lambda: pane.kernels.kernels)
    view = pane.kernels_tab.figure.view
    assert view.model().rowCount() == opened.session.model.spec.layers[0].units
    assert not pane.controls.isVisible()
    index = view.model().index(4, 0)
    opened.click(view.viewport(), view.visualRect(index).center())
    assert (opened.session.layer, opened.session.unit) == ("conv1", 4)
    kernel = pane.kernels.kernels[4]
    assert pane.kernels_tab.title.text() == f"1-4: {', '.join(kernel.words)}"
    assert [bar.share for bar in pane.kernels_tab.responses.bars][:1] == [kernel.responses.onset]


def test_kernels_stay_drawn_until_the_view_is_told_of_others(opened):
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(3)
    opened.until(lambda: pane.kernels.kernels)
    model = pane.kernels_tab.figure.view.model()
    before = model.index(63, 0).data(KernelRole)
    pane.kernels.kernels = []  # as between one model and the next
    assert model.index(63, 0).data(KernelRole) is before
    pane.kernels_tab.figure.view.grab()
    pane.kernels.changed.emit()
    assert model.rowCount() == 0


def test_a_kernel_is_drawn_with_low_frequencies_below_and_early_times_left(opened):
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(3)
    opened.until(lambda: pane.kernels.kernels)
    view = pane.kernels_tab.figure.view
    picture = view.viewport().grab().toImage()
    weights = pane.kernels.kernels[0].weights.astype(np.float64)
    expected = colours_of(weights, "diverging", np.abs(weights).max())
    rect = view.visualRect(view.model().index(0, 0)).adjusted(6, 6, -6, -6)
    left = rect.left() + (rect.width() - 96) // 2
    for row, column in np.ndindex(3, 3):
        corner = picture.pixelColor(left + 32 * column + 3, rect.top() + 32 * (2 - row) + 3)
        assert corner.getRgb()[:3] == tuple(expected[row, column].tolist())


def test_a_folder_becomes_a_map_whose_points_are_opened(opened, tmp_path, file_dialog):
    for name in ("a", "b", "c", "d"):
        samples = np.random.default_rng(ord(name)).normal(size=5 * 11025) * 0.1
        soundfile.write(tmp_path / f"{name}.wav", samples, 11025)
    file_dialog.path = tmp_path
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(4)
    assert "Choose recordings" in pane.map_tab.figure.sentence.text()
    opened.click(pane.map_tab.folder)
    opened.until(lambda: pane.map.points or pane.map.problem)
    assert [bar.name for bar in pane.map_tab.list.bars] == ["a.wav", "b.wav", "c.wav", "d.wav"]
    scatter, point = pane.map_tab.figure.scatter, pane.map.points[2]
    opened.until(lambda: scatter.nearest(scatter.box.mapViewToScene(QPointF(point.x, point.y))) == 2)
    scatter.chosen.emit(2)
    opened.until(lambda: opened.session.clip.source == tmp_path / "c.wav")
    label = pane.map_tab.labels.bars[0].key
    pane.map_tab.labels.chosen.emit(label)
    assert pane.map_tab.figure.only == label


# Label noise


def test_labels_stand_over_tagability_and_popularity(with_truth, tmp_path, file_dialog):
    driver, rows = with_truth
    pane = driver.window.labels_pane
    pane.tabs.setCurrentIndex(5)
    scores = rows + np.random.default_rng(2).normal(size=rows.shape)
    np.save(tmp_path / "scores.npy", scores)
    file_dialog.path = tmp_path / "scores.npy"
    tab = pane.noise_tab
    assert "listened to" in tab.figure.sentence.text()
    driver.click(tab.scores)
    driver.until(lambda: pane.noise.qualities)
    assert [bar.key for bar in tab.list.bars] == [
        one.label for one in sorted(pane.noise.qualities, key=lambda one: -one.value)
    ]
    scatter = tab.figure.over_popularity
    assert scatter.points.data["x"].tolist() == rows.sum(axis=0).tolist()
    assert not tab.figure.over_tagability.isVisible(), "nobody listened again"
    scatter.chosen.emit(1)
    assert driver.window.session.labels.selected == ("dance",)
