"""Tests of tags over time in the window: picture, names, curves, mouse, keys, progress, cancelling, files."""

from __future__ import annotations

import fake_tagger
import numpy as np
import pytest
import soundfile
from driver import EXCERPT, wait_until
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication
from views_in_tests import show_frequencies

from auralscope import registry
from auralscope.session.taggram import TagsOverTime
from auralscope.types import Scores
from auralscope.ui.graphs.axes import LEFT_AXIS_PX
from auralscope.ui.graphs.curves import COLOURS, Curve, CurvesItem, curve_colour
from auralscope.ui.panes.taggram import TagMap

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def tags(ready):
    """Open the window and wait for all tags over time."""
    ready.click(ready.window.model_pane.over_time)
    return complete(ready)


@pytest.fixture
def fifty(drive, tmp_path, monkeypatch):
    """Open a model of fifty labels and 100 s of noise that gets louder, and wait for all tags over time."""
    driver = drive()
    fake_tagger.write(tmp_path / "plugins")
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.setattr(registry, "_default", None)
    path = tmp_path / "noise.wav"
    n = 100 * 8000
    soundfile.write(path, np.linspace(0.0, 0.3, n) * np.random.default_rng(0).standard_normal(n).clip(-3, 3), 8000)
    driver.window.begin([path], "fifty")
    driver.filled()
    driver.key(Qt.Key.Key_O)
    return complete(driver)


def complete(driver):
    taggram = driver.session.taggram
    driver.until(lambda: taggram.tags is not None and taggram.tags.complete)
    driver.idle()
    settle(driver)
    return driver


def settle(driver):
    """Wait until the map is drawn."""
    driver.until(lambda: not driver.window.taggram.map._refresh_timer.isActive())


def name_at(driver, label):
    """Scroll to a label's name and return its position."""
    names = driver.window.taggram.names
    item = names.item(names.order.index(label))
    names.scrollToItem(item)
    return names.visualItemRect(item).center()


def click_name(driver, label):
    driver.click(driver.window.taggram.names.viewport(), name_at(driver, label))


def cell(driver, time_s, label):
    """Return the position of a point of the map."""
    tag_map, row = driver.window.taggram.map, driver.window.taggram.names.order.index(label)
    return tag_map.plot.mapFromScene(tag_map.box.mapViewToScene(QPointF(time_s, -row - 0.5)))


def test_the_pane_is_shown_on_request_and_that_is_remembered(drive):
    driver = drive().begin()
    pane = driver.window.taggram
    assert not pane.isVisible()
    assert driver.session.taggram.tags is None, "nothing is computed that nobody sees"
    driver.key(Qt.Key.Key_O)
    assert pane.isVisible()
    assert driver.window.model_pane.over_time.isChecked()
    complete(driver)
    driver.window.close()
    again = drive().begin()
    assert again.window.taggram.isVisible()
    complete(again)
    again.key(Qt.Key.Key_O)
    assert not again.window.taggram.isVisible()
    assert again.window.spectrogram.plot.getAxis("left").width() == LEFT_AXIS_PX


def test_times_stand_above_one_another_and_rows_beside_their_names(tags):
    window, pane = tags.window, tags.window.taggram
    for show in (window.views.show_all, window.views.show_window):
        show()
        settle(tags)
        start_s, end_s = window.spectrogram.visible_s
        assert pane.map.visible_s == (start_s, end_s)
        for time_s in np.linspace(start_s, end_s, 5):
            spots = [
                view.plot.viewport().mapToGlobal(tags.place(view, time_s)).x()
                for view in (window.spectrogram, pane.map)
            ]
            assert abs(spots[0] - spots[1]) <= 2
    for label in range(3):
        name = pane.names.viewport().mapToGlobal(name_at(tags, label)).y()
        row = pane.map.plot.viewport().mapToGlobal(cell(tags, 1.0, label)).y()
        assert abs(name - row) <= 2


def test_colours_are_the_probabilities(tags):
    pane, values = tags.window.taggram, tags.session.taggram.tags.scores.values
    tags.window.spectrogram.set_model_window(None)
    pane.map.set_model_window(None)
    tags.window.views.show_all()
    settle(tags)
    picture = pane.map.plot.grab().toImage()
    ratio = pane.map.devicePixelRatioF()
    for label in range(3):
        lightness = [
            QColor(
                picture.pixel(QPoint(*(round(ratio * c) for c in cell(tags, start_s + 2.0, label).toTuple())))
            ).lightness()
            for start_s in tags.session.taggram.tags.starts_s[1:-1]
        ]
        # The playhead is at the beginning; magma grows lighter all the way.
        np.testing.assert_array_equal(np.argsort(lightness)[-3:], np.argsort(values[1:-1, label])[-3:])


def test_the_highest_labels_come_first(fifty):
    names, tags = fifty.window.taggram.names, fifty.session.taggram.tags
    mean, peak = tags.scores.values.mean(axis=0), tags.scores.values.max(axis=0)
    assert (np.diff(mean[names.order]) <= 0).all()
    assert names.item(0).text() == fake_tagger.LABELS[int(mean.argmax())]
    fifty.choose(fifty.window.taggram.by, "highest")
    assert (np.diff(peak[names.order]) <= 0).all()
    assert names.count() == 50
    shown = names.viewport().height() / names.row_px
    assert 6 <= shown < 20
    assert fifty.window.spectrogram.height() > fifty.window.taggram.height()


def test_many_labels_are_scrolled_with_the_picture(fifty):
    pane = fifty.window.taggram
    first = pane.names.order[0]
    last = pane.names.order[-1]
    click_name(fifty, last)
    assert pane.names.verticalScrollBar().value() > 0
    label, name = pane.names.viewport(), name_at(fifty, last)
    row = pane.map.plot.viewport().mapToGlobal(cell(fifty, 50.0, last)).y()
    assert abs(label.mapToGlobal(name).y() - row) <= 2
    viewport = pane.map.plot.viewport()
    at = QPointF(viewport.rect().center())
    for _ in range(60):
        wheel = QWheelEvent(
            at,
            QPointF(viewport.mapToGlobal(at.toPoint())),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            CONTROL,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(viewport, wheel)
    assert pane.names.verticalScrollBar().value() == 0
    assert cell(fifty, 50.0, first).y() < 2 * pane.names.row_px


def test_a_click_seeks_and_the_playhead_goes_along(tags):
    tag_map = tags.window.taggram.map
    tags.window.views.show_all()
    settle(tags)
    tags.click(tag_map.plot.viewport(), tags.place(tag_map, 13.0))
    assert tags.player.position_s == pytest.approx(13.0, abs=0.1)
    tags.until(lambda: tag_map.playhead_s == pytest.approx(13.0, abs=0.1))


def test_shift_and_drag_sets_the_loop_of_all_views(tags):
    window = tags.window
    window.views.show_all()
    settle(tags)
    tag_map = window.taggram.map
    tags.drag(tag_map, tags.place(tag_map, 5.0), tags.place(tag_map, 9.0), Qt.KeyboardModifier.ShiftModifier)
    assert tags.player.loop == (pytest.approx(5.0, abs=0.1), pytest.approx(9.0, abs=0.1))
    for pane in (window.spectrogram, window.waveform, tag_map):
        assert pane.loop_s == pytest.approx(tags.player.loop)


def test_the_cell_under_the_pointer_is_read_out(tags):
    tag_map, made = tags.window.taggram.map, tags.session.taggram.tags
    tags.window.views.show_all()
    settle(tags)
    for label, time_s in ((0, 12.0), (2, 6.0)):
        tags.hover(tag_map, cell(tags, time_s, label))
        window = int(np.argmin(np.abs(made.starts_s + 2.0 - time_s)))
        value = f"{made.scores.values[window, label]:.1%}".replace("%", " %")
        text = tags.window.taggram.said.text()
        assert text.startswith(f"0:{time_s:04.1f}"[:-1])
        assert f"· {made.labels[label]} · {value} (0:{made.starts_s[window]:04.1f}–" in text
        assert not tag_map._readout.isVisible(), "it would hide a row"
    QApplication.sendEvent(tag_map.plot.viewport(), QEvent(QEvent.Type.Leave))
    assert tags.window.taggram.said.text() == "Click names for curves"


def test_a_click_on_a_name_draws_its_curve_and_another_takes_it_away(tags):
    window, pane = tags.window, tags.window.taggram
    curves = window.views._curves
    window.views.show_all()
    before = window.spectrogram.grab().toImage()
    click_name(tags, 1)
    click_name(tags, 2)
    assert [curve.name for curve in curves.item.curves] == ["dance", "hip-hop"]
    assert curves.legend.isVisible()
    for name, number in (("dance", 0), ("hip-hop", 1)):
        assert f'{curve_colour(number).name()}">━━</span> {name}' in curves.legend.text()
    assert window.spectrogram.grab().toImage() != before
    values = tags.session.taggram.tags.scores.values[:, 1]
    curve = curves.item.curves[0]
    np.testing.assert_allclose(curve.heights[1:-1], values / tags.session.taggram.tags.top)
    # As high as the view, whatever frequencies are in sight.
    show_frequencies(window.spectrogram, 300.0, 900.0)
    low, high = window.spectrogram.box.viewRange()[1]
    times_s, heights = curves.item.points(curve)
    inset = curves.item.INSET_PX * curves.item.heights()[2]
    np.testing.assert_allclose((heights[1:-1] - low - inset) / (high - low - 2 * inset), curve.heights[1:-1], atol=1e-6)
    assert (times_s[0], times_s[-1]) == pytest.approx((0.0, 24.0), abs=0.1)
    click_name(tags, 1)
    assert [(curve.name, curve.number) for curve in curves.item.curves] == [("hip-hop", 1)]
    tags.key(Qt.Key.Key_O)
    assert not curves.item.curves, "what cannot be taken away is not shown"
    assert not curves.legend.isVisible()
    tags.key(Qt.Key.Key_O)
    assert [curve.name for curve in curves.item.curves] == ["hip-hop"]
    assert not pane.names.curves.keys() - {2}


def test_curves_are_chosen_with_the_keys_too(tags):
    names = tags.window.taggram.names
    names.setFocus(Qt.FocusReason.TabFocusReason)
    tags.key(Qt.Key.Key_Home, widget=names)
    tags.key(Qt.Key.Key_Down, widget=names)
    tags.key(Qt.Key.Key_Return, widget=names)
    assert tags.session.taggram.curves == {names.order[1]: 0}
    assert tags.session.listening.player.position_s == 0.0


def test_many_curves_keep_apart(fifty):
    names = fifty.window.taggram.names
    for label in names.order[:10]:
        click_name(fifty, label)
    curves = fifty.window.views._curves
    drawn = [(curve_colour(curve.number).name(), curve.number // len(COLOURS)) for curve in curves.item.curves]
    assert len(set(drawn)) == 10
    assert "and 2 more" in curves.legend.text()
    fifty.window.spectrogram.grab()


def test_odd_names_are_shown_as_they_are(fifty):
    label = fake_tagger.LABELS.index("<b>quiet & slow</b>")
    click_name(fifty, label)
    names = fifty.window.taggram.names
    assert "&lt;b&gt;quiet &amp; slow&lt;/b&gt;" in fifty.window.views._curves.legend.text()
    assert "&lt;b&gt;quiet &amp; slow" in names.item(names.order.index(label)).toolTip()


def test_computing_tags_can_be_cancelled_and_continued(ready, tmp_path):
    window, taggram = ready.window, ready.session.taggram
    long = tmp_path / "long.wav"
    soundfile.write(long, 0.1 * np.random.default_rng(0).standard_normal(11025 * 120), 11025)
    ready.open(long)
    ready.filled()
    ready.idle()
    assert not window.taggram.go_on.isVisible()
    ready.click(window.model_pane.over_time)
    assert "Tags over time" in window.jobs.label.text()
    ready.until(lambda: taggram.tags is not None and window.jobs.bar.value() > 0)
    ready.click(window.jobs.cancel)
    assert not taggram.busy
    ready.idle()
    there = taggram.tags.n_there
    assert 0 < there < 117
    assert window.taggram.said.text() == f"{there} of 117 windows"
    assert window.taggram.go_on.isVisible()
    settle(ready)
    ready.hover(window.taggram.map, cell(ready, 110.0, 0))
    assert "not there yet" in window.taggram.said.text()
    ready.click(window.taggram.go_on)
    assert not window.taggram.go_on.isVisible()
    ready.until(lambda: taggram.tags.n_there > there)
    # Something else takes its place.
    ready.open(EXCERPT)
    complete(ready)
    assert taggram.tags.duration_s == pytest.approx(24.0, abs=0.01)
    assert window.taggram.map.duration_s == taggram.tags.duration_s


def test_another_overlap_computes_the_tags_again(tags):
    assert len(tags.session.taggram.tags.starts_s) == 21
    tags.choose(tags.window.taggram.overlap, "0.5")
    complete(tags)
    assert len(tags.session.taggram.tags.starts_s) == 11


def test_the_table_is_saved(tags, tmp_path, file_dialog):
    file_dialog.path = tmp_path / "table"
    tags.key(Qt.Key.Key_T, CONTROL)
    tags.until((tmp_path / "table.csv").exists)
    tags.until(lambda: "Written" in tags.window.jobs.label.text())
    assert file_dialog.names[0] == ["excerpt tags genre-convnet.csv"]
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0] == "start_s,end_s,ballad,dance,hip-hop"
    assert len(lines) == 22
    tags.click(tags.window.taggram.save)
    assert len(file_dialog.names) == 2


def test_there_is_room_for_the_spectrogram_and_nothing_is_cut(tags):
    window = tags.window
    assert (window.width(), window.height()) == (1280, 720)
    assert window.spectrogram.height() > 2 * window.taggram.height()
    for widget in (window.taggram.said, window.taggram.save, window.model_pane.over_time):
        assert widget.fontMetrics().horizontalAdvance(widget.text()) <= widget.width()


def test_more_windows_than_pixels_are_their_mean(qtbot):
    """In an hour on 600 pixels, a column is the mean of its windows, not one of them."""
    starts_s = np.arange(9000.0) * 0.4
    values = np.stack([np.arange(9000) % 2, np.linspace(0.0, 1.0, 9000)], axis=1).astype(np.float32)
    tags = TagsOverTime(Scores(values, starts_s, ("a", "b")), starts_s, 4.0, 3603.6)
    tag_map = TagMap()
    qtbot.addWidget(tag_map)
    tag_map.resize(600, 40)
    tag_map.set_duration(3603.6)
    tag_map.show_rows(0.0, 20)
    tag_map.show_tags(tags, [0, 1])
    tag_map.show()
    wait_until(lambda: tag_map._picture._rows.shape[1] > 500 and not tag_map._refresh_timer.isActive())
    ramp, alternating = tag_map._picture._rows.astype(int)
    assert np.abs(alternating - 127.5).max() <= 12  # an odd one in fifteen
    np.testing.assert_allclose(ramp, np.linspace(0, 255, ramp.size), atol=2)
    curves = CurvesItem()
    tag_map.box.addItem(curves, ignoreBounds=True)
    line = Curve("b", 0, *tags.curve(1))
    curves.set_curves([line])
    times_s, heights = curves.points(line)
    assert len(times_s) <= 600
    bottom, top, _ = curves.heights()
    np.testing.assert_allclose((heights - bottom) / (top - bottom), times_s / 3603.6, atol=0.11)
    # From near every window is there.
    tag_map.show_time(100.0, 110.0)
    wait_until(lambda: tag_map._picture.rect.width() < 20.0 and not tag_map._refresh_timer.isActive())
    assert set(np.unique(tag_map._picture._rows[1])) == {0, 255}
    assert len(curves.points(line)[0]) == pytest.approx(25, abs=3)
    tag_map.grab()
