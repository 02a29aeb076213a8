"""Tests of the enlarged feature map and the receptive fields of its cells."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from auralscope.ui.panes.feature_map import MapView
from auralscope.ui.panes.gallery_model import picture_of


@pytest.fixture
def at_map(ready):
    """Show the maps of the third layer with the second most active unit chosen."""
    ready.session.move_window(8.0)
    ready.until(lambda: ready.session.window_result is not None and ready.session.window_result.run.start_s == 8.0)
    ready.layer("conv3")
    ready.filled()
    ready.click_unit(ready.session.gallery.layer_result.order[1])
    assert not ready.window.gallery.map.isVisible(), "it is for feature maps"
    ready.key(Qt.Key.Key_D)
    ready.until(lambda: ready.session.receptive_fields.result is not None)
    return ready


def point(driver, cell):
    """Move the pointer onto a cell by an event: `QTest.mouseMove` needs a screen that nobody else uses."""
    view = driver.window.gallery.map.view
    at = QPointF(view.rect_of(cell).center().toPoint())
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, at, view.mapToGlobal(at), none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(view, move)
    driver.until(
        lambda: (
            driver.session.receptive_fields.result is not None and driver.session.receptive_fields.result.cell == cell
        )
    )


def framed(driver):
    """Return the frame over the spectrogram in seconds and Hz."""
    pane = driver.window.spectrogram
    rect = driver.window.views._field.rect
    low_hz, high_hz = pane._axis.hz([rect.top(), rect.bottom()])
    return rect.left(), rect.right(), float(low_hz), float(high_hz)


def test_the_strongest_cell_is_chosen_first(at_map):
    session, pane = at_map.session, at_map.window.gallery.map
    assert pane.isVisible()
    values = session.gallery.layer_result.maps[session.unit]
    assert values[session.receptive_fields.result.cell] == values.max()
    assert pane.loop.isEnabled()
    ready = at_map.window
    assert ready.gallery.view.viewport().height() >= 1.5 * ready.gallery.view.gridSize().height()


def test_the_receptive_field_of_a_cell_is_framed_and_described(at_map):
    session, window = at_map.session, at_map.window
    cell = (12, 9)
    point(at_map, cell)
    field = session.window_result.run.receptive_field("conv3", cell=cell, unit=session.unit)
    start_s, end_s, low_hz, high_hz = framed(at_map)
    assert (start_s, end_s) == pytest.approx((8.0 + field.start_s, 8.0 + field.end_s))
    assert (low_hz, high_hz) == pytest.approx((field.low_hz, field.high_hz), rel=1e-6)
    assert window.views._field.isVisible()
    assert f"{field.width_ms:,.0f} ms" in window.gallery.map.words.text()
    # On a linear axis, too.
    at_map.choose(window.controls.scale, "linear")
    assert framed(at_map)[2:] == pytest.approx((field.low_hz, field.high_hz), rel=1e-6)
    # And over what the model sees, in its own bins.
    rect = window.views._field_in_input.rect
    assert (rect.top(), rect.bottom()) == (field.first_bin - 0.5, field.last_bin + 0.5)
    hop_s = session.model.front_end.hop_s
    assert rect.width() == pytest.approx(field.frames * hop_s)


def test_a_click_keeps_the_cell_and_the_arrow_keys_go_on(at_map):
    session, view = at_map.session, at_map.window.gallery.map.view
    at_map.click(view, view.rect_of((5, 6)).center().toPoint())
    at_map.until(lambda: session.receptive_fields.result is not None and session.receptive_fields.result.cell == (5, 6))
    point(at_map, (2, 3))
    view.leaveEvent(None)
    at_map.until(lambda: session.receptive_fields.result.cell == (5, 6))
    for key, cell in ((Qt.Key.Key_Up, (6, 6)), (Qt.Key.Key_Right, (6, 7)), (Qt.Key.Key_Down, (5, 7))):
        at_map.key(key, widget=view)
        at_map.until(
            lambda cell=cell: (
                session.receptive_fields.result is not None and session.receptive_fields.result.cell == cell
            )
        )


def test_the_cell_stays_when_the_attribution_method_changes(at_map):
    session, view = at_map.session, at_map.window.gallery.map.view
    cell = (7, 2)
    at_map.click(view, view.rect_of(cell).center().toPoint())
    at_map.until(lambda: session.receptive_fields.result is not None and session.receptive_fields.result.cell == cell)
    session.choose_method("gradient")
    at_map.filled()
    at_map.until(lambda: session.receptive_fields.result is not None)
    assert session.receptive_fields.result.cell == cell


def test_the_receptive_field_is_looped(at_map):
    session, player = at_map.session, at_map.player
    point(at_map, (20, 12))
    span_s = session.receptive_fields.result.span_s
    at_map.key(Qt.Key.Key_K)
    assert player.loop == pytest.approx(span_s)
    assert player.position_s == pytest.approx(span_s[0], abs=0.2)
    source = player.source
    at_map.key(Qt.Key.Key_X)
    assert player.source != source
    assert player.loop == pytest.approx(span_s), "of the recording and of the feature"
    at_map.key(Qt.Key.Key_L)
    assert player.loop is None
    at_map.key(Qt.Key.Key_L)
    assert player.loop == pytest.approx(span_s), "the same stretch again"


def test_layers_without_maps_have_no_receptive_field(at_map):
    at_map.layer("dense")
    at_map.filled()
    at_map.click_unit(at_map.session.gallery.layer_result.order[0])
    assert not at_map.window.gallery.map.isVisible()
    assert at_map.session.receptive_fields.result is None
    assert not at_map.window.views._field.isVisible()


def test_cells_lie_where_they_are_drawn(qtbot):
    view = MapView()
    qtbot.addWidget(view)
    view.resize(300, 120)
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    view.show_map(values, list(range(256)))
    assert view.cell_at(QPointF(1, 119)) == (0, 0)
    assert view.cell_at(QPointF(299, 1)) == (2, 3)
    assert view.cell_at(QPointF(301, 1)) is None
    for cell in np.ndindex(3, 4):
        assert view.cell_at(view.rect_of(cell).center()) == cell
    large = np.zeros((300, 8), np.float32)
    assert picture_of(large, list(range(256)), whole=True).height() == 300, "its cells are seen as they are"
    assert QPoint(0, 0) == view.rect_of((2, 0)).topLeft().toPoint()
