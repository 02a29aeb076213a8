"""Tests of the gallery with mouse and keys, and of its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from driver import wait_until
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from auralscope.files import resource
from auralscope.ui.main_window import MainWindow
from auralscope.ui.panes.gallery_model import TileRole, picture_of

LEFT = Qt.MouseButton.LeftButton


def is_full(window):
    """Return whether all features of the layer are shown and no job runs."""
    session = window.session
    look = session.gallery.layer_result
    titled = [job for job in session.jobs.running if job.title]
    return look is not None and len(session.gallery.features) == len(look.order) and not titled


def tiles(window):
    model = window.gallery.model
    return [model.index(row).data(TileRole) for row in range(model.rowCount())]


def units(window):
    model = window.gallery.model
    return [model.unit_at(model.index(row)) for row in range(model.rowCount())]


def click(qtbot, window, row):
    view = window.gallery.view
    index = window.gallery.model.index(row)
    view.scrollTo(index)
    qtbot.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())


@pytest.fixture(scope="module")
def shared_window(qapp, tmp_path_factory):
    """Open one window for the whole module, so that a full gallery stays full."""
    file = tmp_path_factory.mktemp("gallery") / "settings.ini"
    window = MainWindow(QSettings(str(file), QSettings.Format.IniFormat), "cpu")
    window.resize(1280, 720)
    window.show()
    assert QTest.qWaitForWindowExposed(window)
    window.activateWindow()
    window.begin([resource("excerpt.ogg")], "genre-convnet")
    wait_until(lambda: window.session.window_result is not None)
    yield window
    window.close()
    window.deleteLater()


@pytest.fixture
def at_conv3(shared_window, qtbot):
    """Show the full gallery of the third layer: no unit chosen, deconvolutions, the most active first."""
    window, session = shared_window, shared_window.session
    if session.window_start_s:
        session.move_window(0.0)
    session.choose_layer("conv1")
    qtbot.mouseClick(window.model_pane.layers.buttons["conv3"], LEFT)
    window.gallery.kind.choose("deconvolution")
    window.gallery.order.setCurrentIndex(window.gallery.order.findData("activity"))
    window.feature.alone.setChecked(False)
    window.feature.opacity.setValue(80)
    wait_until(lambda: is_full(window) and session.window_result.run.start_s == 0.0)
    return window


# What is shown


def test_all_units_are_shown_with_the_most_active_first(at_conv3):
    session = at_conv3.session
    run = session.window_result.run
    assert units(at_conv3) == run.most_active("conv3")
    assert sorted(units(at_conv3)) == list(range(64))
    activity = [tile.activity for tile in tiles(at_conv3)]
    assert activity == sorted(activity, reverse=True)
    assert activity[0] == 1.0
    assert [tile.title for tile in tiles(at_conv3)] == [f"3-{unit}" for unit in units(at_conv3)]


def test_a_unit_whose_feature_map_is_zero_is_shown_as_silent(at_conv3):
    maps = at_conv3.session.window_result.run.feature_maps("conv3")
    silent = {unit for unit in range(64) if not maps[unit].any()}
    assert {unit for unit, tile in zip(units(at_conv3), tiles(at_conv3), strict=True) if tile.is_silent} == silent
    for unit, tile in zip(units(at_conv3), tiles(at_conv3), strict=True):
        assert (tile.picture is None) == (unit in silent)
    heading = at_conv3.gallery.heading.text()
    assert heading == (f"64 features, {len(silent)} silent" if silent else "64 features")


def test_a_picture_has_low_frequencies_below_and_early_times_left():
    image = np.zeros((8, 6), np.float32)
    image[0, 5] = 1.0  # the lowest bin, at the end
    colours = [QColor(level, 0, 0).rgb() for level in range(256)]
    picture = picture_of(image, colours)
    assert (picture.width(), picture.height()) == (6, 8)
    red = np.array([[picture.pixelColor(x, y).red() for x in range(6)] for y in range(8)])
    assert red[7, 5] == 255
    assert red.sum() == 255


def test_negative_values_stay_dark():
    colours = [QColor(level, 0, 0).rgb() for level in range(256)]
    picture = picture_of(np.array([[-5.0, 0.5]], np.float32), colours)
    assert picture.pixelColor(0, 0).red() == 0
    assert picture.pixelColor(1, 0).red() == 255
    assert picture_of(np.full((2, 2), -1.0, np.float32), colours).pixelColor(0, 0).red() == 0


def test_a_single_line_of_a_large_image_is_not_lost():
    image = np.zeros((257, 173), np.float32)
    image[100] = 1.0
    picture = picture_of(image, [QColor(level, 0, 0).rgb() for level in range(256)])
    rows = [picture.pixelColor(40, y).red() for y in range(picture.height())]
    assert max(rows) == 255
    assert rows.count(255) == 1


def test_one_strong_cell_does_not_darken_the_others():
    image = np.full((100, 100), 0.1, np.float32)
    image[50, 50] = 1000.0
    picture = picture_of(image, [QColor(level, 0, 0).rgb() for level in range(256)])
    assert picture.pixelColor(0, 0).red() > 200


def test_the_pictures_are_on_the_screen(at_conv3, qtbot):
    view = at_conv3.gallery.view
    screen = view.viewport().grab().toImage()
    shown = 0
    for row, tile in enumerate(tiles(at_conv3)):
        rect = view.visualRect(at_conv3.gallery.model.index(row))
        if not view.viewport().rect().contains(rect) or tile.picture is None:
            continue
        inside = rect.adjusted(8, 8, -8, -8 - view.delegate.caption_height())
        colours = {screen.pixel(x, y) for x in range(inside.left(), inside.right(), 3)
                   for y in range(inside.top(), inside.bottom(), 3)}  # fmt: skip
        assert len(colours) > 5, tile.title
        shown += 1
    assert shown >= 8


# Choices


def test_units_can_be_sorted_by_number(at_conv3, qtbot):
    order = at_conv3.gallery.order
    order.setCurrentIndex(order.findData("number"))
    assert units(at_conv3) == list(range(64))
    order.setCurrentIndex(order.findData("activity"))
    assert units(at_conv3) == at_conv3.session.window_result.run.most_active("conv3")


def test_feature_maps_are_the_layers_output(at_conv3, qtbot):
    qtbot.mouseClick(at_conv3.gallery.kind.buttons["map"], LEFT)
    maps = at_conv3.session.window_result.run.feature_maps("conv3")
    tile = tiles(at_conv3)[0]
    assert (tile.picture.height(), tile.picture.width()) == maps.shape[1:]
    row, column = np.unravel_index(maps[units(at_conv3)[0]].argmax(), maps.shape[1:])
    brightest = tile.picture.pixelColor(int(column), maps.shape[1] - 1 - int(row))
    assert brightest.lightness() == max(
        tile.picture.pixelColor(x, y).lightness() for x in range(maps.shape[2]) for y in range(maps.shape[1])
    )
    qtbot.keyClick(at_conv3, Qt.Key.Key_D)
    assert tiles(at_conv3)[0].picture.height() > maps.shape[1]
    assert at_conv3.gallery.kind.buttons["deconvolution"].isChecked()


def test_units_of_a_dense_layer_show_their_values_and_those_of_the_output_their_labels(at_conv3, qtbot):
    session = at_conv3.session
    qtbot.mouseClick(at_conv3.gallery.kind.buttons["map"], LEFT)
    for layer in ("dense", "output"):
        qtbot.mouseClick(at_conv3.model_pane.layers.buttons[layer], LEFT)
        wait_until(lambda: session.gallery.layer_result is not None)
        values = session.window_result.run.feature_maps(layer)
        assert [tile.value for tile in tiles(at_conv3)] == [float(values[unit]) for unit in units(at_conv3)]
    assert {tile.title for tile in tiles(at_conv3)} == {"7-0 ballad", "7-1 dance", "7-2 hip-hop"}


# Choosing


def test_a_click_shows_the_feature_large_and_makes_it_the_sound(at_conv3, qtbot):
    session, row = at_conv3.session, 5
    unit = units(at_conv3)[row]
    click(qtbot, at_conv3, row)
    wait_until(lambda: session.listening.title == f"3-{unit}")
    assert session.unit == unit
    assert at_conv3.feature.title.text() == f"Feature 3-{unit}"
    assert at_conv3.transport.feature.text() == f"Feature 3-{unit}"
    assert at_conv3.transport.feature.isChecked()
    assert session.listening.player.source == "feature"
    expected = session.window_result.run.auralise("conv3", unit, rate="recording")
    np.testing.assert_allclose(session.listening.sound.samples, expected.samples, atol=1e-6)
    assert session.listening.player.loop == (0.0, session.window_s)
    # Large: the window fills most of the view, and the overlay changes what is seen there.
    first_s, last_s = at_conv3.spectrogram.visible_s
    assert last_s - first_s < 1.5 * session.window_s
    wait_until(lambda: not session.jobs.running)
    with_feature = at_conv3.spectrogram.plot.grab().toImage()
    at_conv3.feature.opacity.setValue(0)
    without = at_conv3.spectrogram.plot.grab().toImage()
    assert with_feature != without
    at_conv3.feature.alone.setChecked(True)
    assert at_conv3.spectrogram.plot.grab().toImage() not in (with_feature, without)


def test_arrow_keys_go_from_feature_to_feature(at_conv3, qtbot):
    session, view = at_conv3.session, at_conv3.gallery.view
    order = units(at_conv3)
    click(qtbot, at_conv3, 0)
    qtbot.keyClick(at_conv3, Qt.Key.Key_G)
    for row in (1, 2):
        qtbot.keyClick(view, Qt.Key.Key_Right)
        wait_until(lambda row=row: session.listening.title == f"3-{order[row]}")
    columns = view.viewport().width() // view.gridSize().width()
    qtbot.keyClick(view, Qt.Key.Key_Down)
    wait_until(lambda: session.listening.title == f"3-{order[2 + columns]}")
    qtbot.keyClick(view, Qt.Key.Key_Left)
    wait_until(lambda: session.listening.title == f"3-{order[1 + columns]}")


def test_the_accessible_text_is_updated(at_conv3):
    index = at_conv3.gallery.model.index(0)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole).startswith(f"Feature 3-{units(at_conv3)[0]}: number 1 of 64")


# Filling in


def test_filling_can_be_cancelled_and_taken_up_again(at_conv3, qtbot):
    session, gallery = at_conv3.session, at_conv3.gallery
    session.choose_layer("conv5")
    wait_until(lambda: session.gallery.features)
    qtbot.mouseClick(at_conv3.jobs.cancel, LEFT)
    wait_until(lambda: not session.jobs.running)
    done = len(session.gallery.features)
    assert 0 < done < 64
    assert gallery.heading.text() == f"{done} of 64"
    assert gallery.resume.isVisible()
    qtbot.mouseClick(gallery.resume, LEFT)
    wait_until(lambda: is_full(at_conv3))
    assert not gallery.resume.isVisible()


def test_only_new_pictures_are_painted(at_conv3, monkeypatch):
    view = at_conv3.gallery.view
    painted = []
    paint = type(view.delegate).paint

    def counted(self, painter, option, index):
        painted.append(index.row())
        paint(self, painter, option, index)

    monkeypatch.setattr(type(view.delegate), "paint", counted)
    at_conv3.session.choose_layer("conv4")
    wait_until(lambda: at_conv3.session.gallery.layer_result is not None)
    painted.clear()
    wait_until(lambda: is_full(at_conv3))
    in_view = sum(
        view.viewport().rect().intersects(view.visualRect(at_conv3.gallery.model.index(row))) for row in range(64)
    )
    assert in_view >= 8
    assert len(painted) <= 3 * in_view  # 16 batches arrive: painting all each time would be 16 times as many


def test_pictures_appear_as_features_are_computed(at_conv3):
    session = at_conv3.session
    shown = []
    session.gallery.features_arrived.connect(
        lambda _units: shown.append(sum(tile.picture is not None for tile in tiles(at_conv3)))
    )
    session.choose_layer("conv2")
    wait_until(lambda: is_full(at_conv3))
    assert len(shown) >= 8
    assert shown == sorted(shown)
    assert 0 < shown[0] < shown[-1]


def test_a_unit_stays_chosen_when_the_order_or_the_window_changes(at_conv3, qtbot):
    session, gallery = at_conv3.session, at_conv3.gallery
    click(qtbot, at_conv3, 3)
    unit = session.unit
    gallery.order.setCurrentIndex(gallery.order.findData("number"))
    assert session.unit == unit
    assert gallery.model.unit_at(gallery.view.currentIndex()) == unit
    look = session.window_result
    session.move_window(8.0)
    wait_until(lambda: session.window_result not in (None, look) and unit in session.gallery.features)
    assert session.unit == unit
    assert gallery.model.unit_at(gallery.view.currentIndex()) == unit


# Methods and orders


def test_pictures_and_description_follow_the_method(at_conv3, qtbot):
    session, gallery = at_conv3.session, at_conv3.gallery
    click(qtbot, at_conv3, 2)
    before = tiles(at_conv3)[2].picture
    gallery.method.setCurrentIndex(gallery.method.findData("guided"))
    gallery.method.activated.emit(gallery.method.currentIndex())
    assert session.methods.chosen == "guided"
    assert gallery.about.text().startswith("The gradient")
    assert tiles(at_conv3)[2].picture is None, "the old pictures are gone at once"
    wait_until(lambda: is_full(at_conv3))
    unit = session.unit
    image = session.window_result.run.deconvolve("conv3", units=[unit], method="guided")[0]
    picture = tiles(at_conv3)[2].picture
    assert picture != before
    assert picture == picture_of(image, gallery.model._colours)
    assert at_conv3.feature.about.text().startswith("Guided backprop; ")
    session.choose_method("deconvolution")
    wait_until(lambda: is_full(at_conv3))


def test_an_unsupported_method_gives_the_reason(at_conv3, qtbot):
    session, choice = at_conv3.session, at_conv3.gallery.method
    row = choice.findData("grad-cam")
    wait_until(lambda: not session.methods.supports("conv3", "grad-cam"))
    assert not choice.model().item(row).isEnabled()
    assert "labels and dense units" in choice.itemData(row, Qt.ItemDataRole.ToolTipRole)
    qtbot.mouseClick(at_conv3.model_pane.layers.buttons["output"], LEFT)
    assert choice.model().item(row).isEnabled()


def test_marking_a_method_as_unsupported_draws_nothing_anew(at_conv3):
    before = [tile.picture for tile in tiles(at_conv3)]
    at_conv3.session.methods.mark_unsupported("conv3", "gradient", "It makes no sense.")
    assert all(tile.picture is picture for tile, picture in zip(tiles(at_conv3), before, strict=True))
    del at_conv3.session.methods.unsupported["conv3", "gradient"]


def test_the_keys_reach_the_methods(at_conv3, qtbot):
    choice = at_conv3.gallery.method
    qtbot.keyClick(at_conv3, Qt.Key.Key_E)
    assert choice.view().isVisible()
    choice.hidePopup()
    assert choice.hasFocus()


def test_orders_wait_for_all_features_and_captions_name_the_measure(at_conv3, qtbot):
    session, order = at_conv3.session, at_conv3.gallery.order
    session.choose_layer("conv4")
    session.gallery.features.clear()
    order.setCurrentIndex(order.findData("centroid"))
    wait_until(lambda: session.gallery.layer_result is not None)
    if session.summaries.summary is None:
        assert units(at_conv3) == session.window_result.run.most_active("conv4"), "by activity until it is known"
        assert "not sorted yet" in at_conv3.gallery.heading.text()
    wait_until(lambda: session.summaries.summary is not None)
    summary = session.summaries.summary
    sounding = [unit for unit in units(at_conv3) if not session.gallery.layer_result.is_silent(unit)]
    centroids_hz = [summary.units[unit].centroid_hz for unit in sounding]
    assert centroids_hz == sorted(centroids_hz)
    assert all("Hz" in tile.caption for tile in tiles(at_conv3)[: len(sounding)])
    assert "not sorted" not in at_conv3.gallery.heading.text()
    assert "Responds around" in at_conv3.gallery.model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    order.setCurrentIndex(order.findData("alike"))
    place = {unit: row for row, unit in enumerate(units(at_conv3))}
    distances = squareform(np.clip(1.0 - summary.similarity, 0.0, 2.0), checks=False)
    groups = fcluster(linkage(distances, "complete"), 0.2, "distance")  # any two of a group have a cosine of 0.8
    for number in np.unique(groups):
        group = np.flatnonzero(groups == number).tolist()
        rows = sorted(place[unit] for unit in group)
        assert rows[-1] - rows[0] == len(group) - 1, "look-alikes stand together"
    order.setCurrentIndex(order.findData("label"))
    assert {tile.caption for tile in tiles(at_conv3)} <= {*session.model.labels, ""}
