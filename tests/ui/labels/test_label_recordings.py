"""Tests of the label page with recordings: kernels of the first layer, and the map."""

from __future__ import annotations

import numpy as np
import soundfile
from PySide6.QtCore import QPointF

from auralscope.ui.graphs.diverging import colours_of
from auralscope.ui.graphs.lists import ItemRole


def test_a_click_on_a_kernel_chooses_its_unit(opened):
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(3)
    opened.until(lambda: opened.session.kernels.kernels)
    view = pane.kernels_tab.figure.view
    assert view.model().rowCount() == opened.session.model.spec.layers[0].units
    assert not pane.controls.isVisible()
    index = view.model().index(4, 0)
    opened.click(view.viewport(), view.visualRect(index).center())
    assert (opened.session.layer, opened.session.unit) == ("conv1", 4)
    kernel = opened.session.kernels.kernels[4]
    assert pane.kernels_tab.title.text() == f"1-4: {', '.join(kernel.words)}"
    assert [bar.value for bar in pane.kernels_tab.responses.items][:1] == [kernel.responses.onset]


def test_kernels_stay_drawn_until_the_view_is_refreshed(opened, monkeypatch):
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(3)
    opened.until(lambda: opened.session.kernels.kernels)
    model = pane.kernels_tab.figure.view.model()
    before = model.index(63, 0).data(ItemRole)
    # The session's list is empty while another model is loaded.
    monkeypatch.setattr(opened.session.kernels, "kernels", [])
    assert model.index(63, 0).data(ItemRole) is before
    pane.kernels_tab.figure.view.grab()
    opened.session.kernels.changed.emit()
    assert model.rowCount() == 0


def test_a_kernel_is_drawn_with_frequency_upwards_and_time_to_the_right(opened):
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(3)
    opened.until(lambda: opened.session.kernels.kernels)
    view = pane.kernels_tab.figure.view
    picture = view.viewport().grab().toImage()
    weights = opened.session.kernels.kernels[0].weights.astype(np.float64)
    expected = colours_of(weights, "diverging", np.abs(weights).max())
    rect = view.visualRect(view.model().index(0, 0)).adjusted(6, 6, -6, -6)
    left = rect.left() + (rect.width() - 96) // 2
    for row, column in np.ndindex(3, 3):
        corner = picture.pixelColor(left + 32 * column + 3, rect.top() + 32 * (2 - row) + 3)
        assert corner.getRgb()[:3] == tuple(expected[row, column].tolist())


def test_the_recordings_of_a_folder_become_a_map_whose_points_open_them(opened, tmp_path, file_dialog):
    for name in ("a", "b", "c", "d"):
        samples = np.random.default_rng(ord(name)).normal(size=5 * 11025) * 0.1
        soundfile.write(tmp_path / f"{name}.wav", samples, 11025)
    file_dialog.path = tmp_path
    pane = opened.window.labels_pane
    pane.tabs.setCurrentIndex(4)
    assert "Choose recordings" in pane.map_tab.figure.sentence.text()
    opened.click(pane.map_tab.folder)
    opened.until(lambda: opened.session.recording_map.points or opened.session.recording_map.problem)
    assert [bar.name for bar in pane.map_tab.list.items] == ["a.wav", "b.wav", "c.wav", "d.wav"]
    scatter, point = pane.map_tab.figure.scatter, opened.session.recording_map.points[2]
    opened.until(lambda: scatter.nearest(scatter.box.mapViewToScene(QPointF(point.x, point.y))) == 2)
    scatter.chosen.emit(2)
    opened.until(lambda: opened.session.clip.source == tmp_path / "c.wav")
    label = pane.map_tab.labels.items[0].key
    pane.map_tab.labels.chosen.emit(label)
    assert pane.map_tab.figure.only == label
