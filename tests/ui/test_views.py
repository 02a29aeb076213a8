"""The live views, driven with mouse, wheel and keys, and looked at pixel by pixel."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QThreadPool, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPalette, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from auralscope.dsp.overview import Overview
from auralscope.dsp.pyramid import TRANSFORMS, Pyramid, TileKey, View
from auralscope.dsp.scales import FREQUENCY_SCALES
from auralscope.types import Clip
from auralscope.ui.panes.colour import COLOUR_MAPS, colour_table, level_lut, overlay_lut
from auralscope.ui.panes.input import InputPane
from auralscope.ui.panes.items import PictureItem
from auralscope.ui.panes.spectrogram import SpectrogramPane, TileRequest
from auralscope.ui.panes.timeline import TimePane, link_time
from auralscope.ui.panes.waveform import WaveformPane

RATE = 22050
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NO_KEY, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


class Renderer(QObject):
    """Renders what a pane asks for on a thread pool, and nothing that it asks for no longer."""

    _done = Signal(object)

    def __init__(self, pane: SpectrogramPane) -> None:
        super().__init__()
        self.pane = pane
        self.pool = QThreadPool()
        self.pool.setMaxThreadCount(2)
        self.requests: list[TileRequest] = []
        self.waiting = 0
        self.arrival_s: list[float] = []
        pane.request_tiles.connect(self._start)
        self._done.connect(self._arrived, Qt.ConnectionType.QueuedConnection)

    def _start(self, request: TileRequest) -> None:
        self.requests.append(request)
        for key in request.keys:
            self.waiting += 1
            self.pool.start(lambda key=key: self._render(request, key))

    def _render(self, request: TileRequest, key: TileKey) -> None:
        latest = self.requests[-1]
        wanted = latest.pyramid is request.pyramid and key in latest.keys
        self._done.emit(request.render(key) if wanted else None)

    def close(self) -> None:
        self.pane.request_tiles.disconnect(self._start)
        self._done.disconnect(self._arrived)
        self.pool.clear()
        self.pool.waitForDone()

    def _arrived(self, ready) -> None:
        self.waiting -= 1
        if ready is not None:
            before_s = time.thread_time()
            self.pane.tile_arrived(ready)
            self.arrival_s.append(time.thread_time() - before_s)


@pytest.fixture(autouse=True)
def every_mouse_move_counts():
    before = pg.getConfigOption("mouseRateLimit")
    pg.setConfigOptions(mouseRateLimit=-1)
    yield
    pg.setConfigOptions(mouseRateLimit=before)


def show(qtbot, pane, width=900, height=500):
    qtbot.addWidget(pane)
    pane.resize(width, height)
    pane.show()
    qtbot.waitExposed(pane)
    return pane


@pytest.fixture
def spectrogram(qtbot):
    """A shown pane whose tiles are rendered; call it with a clip."""
    renderers = []

    def open_clip(clip: Clip, view: View | None = None) -> SpectrogramPane:
        pane = show(qtbot, SpectrogramPane())
        renderers.append(Renderer(pane))
        pane.renderer = renderers[-1]
        pane.set_pyramid(Pyramid(clip, view or View()))
        settle(qtbot, pane)
        return pane

    yield open_clip
    for renderer in renderers:
        renderer.close()


def settle(qtbot, pane: SpectrogramPane) -> None:
    def still() -> bool:
        timers = pane._refresh_timer.isActive() or pane._rewarp_timer.isActive()
        return not timers and pane.renderer.waiting == 0

    qtbot.waitUntil(still, timeout=30_000)
    QApplication.processEvents()
    qtbot.waitUntil(still, timeout=30_000)


def sine(hz: float, duration_s: float = 20.0) -> Clip:
    return Clip(np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE)) / RATE), RATE)


def noise(duration_s: float = 20.0) -> Clip:
    return Clip(0.2 * np.random.default_rng(0).standard_normal(round(duration_s * RATE)), RATE)


def place(pane, time_s: float, height: float) -> QPoint:
    """Where a point of the view lies in the viewport."""
    return pane.plot.mapFromScene(pane.box.mapViewToScene(QPointF(time_s, height)))


def place_hz(pane: SpectrogramPane, time_s: float, hz: float) -> QPoint:
    return place(pane, time_s, float(pane._axis.position(hz)))


def mouse(pane, kind: QEvent.Type, at: QPoint, button=NO_BUTTON, held=NO_BUTTON, keys=NO_KEY) -> None:
    viewport = pane.plot.viewport()
    event = QMouseEvent(kind, QPointF(at), QPointF(viewport.mapToGlobal(at)), button, held, keys)
    QApplication.sendEvent(viewport, event)


def drag(pane, *points: QPoint, keys=NO_KEY) -> None:
    mouse(pane, QEvent.Type.MouseMove, points[0], keys=keys)
    mouse(pane, QEvent.Type.MouseButtonPress, points[0], LEFT, LEFT, keys)
    for before, after in pairwise(points):
        mouse(pane, QEvent.Type.MouseMove, (before + after) / 2, NO_BUTTON, LEFT, keys)
        mouse(pane, QEvent.Type.MouseMove, after, NO_BUTTON, LEFT, keys)
    mouse(pane, QEvent.Type.MouseButtonRelease, points[-1], LEFT, NO_BUTTON, keys)


def wheel(pane, at: QPoint, notches: float, keys=NO_KEY, sideways=False) -> None:
    viewport = pane.plot.viewport()
    turn = QPoint(round(120 * notches), 0) if sideways else QPoint(0, round(120 * notches))
    event = QWheelEvent(
        QPointF(at), QPointF(viewport.mapToGlobal(at)), QPoint(), turn, NO_BUTTON, keys, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(viewport, event)


def pixels(pane) -> np.ndarray:
    """(height, width, 3): the part of the pane inside its axes."""
    image = pane.plot.grab().toImage().convertToFormat(pane.plot.grab().toImage().Format.Format_RGB32)
    assert image.devicePixelRatio() == 1.0
    whole = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    rect = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect()
    inner = whole[rect.top() + 2 : rect.bottom() - 2, rect.left() + 2 : rect.right() - 2, 2::-1]
    return inner.astype(int)


def brightness(pane) -> np.ndarray:
    return pixels(pane).sum(axis=2)


def drawn(pane: TimePane) -> np.ndarray:
    """(height, width): where there is not the background."""
    inner = pixels(pane)
    background = pane.palette().color(QPalette.ColorRole.Window)
    return np.abs(inner - [background.red(), background.green(), background.blue()]).sum(axis=2) > 12


def row_of(pane, hz: float) -> float:
    top = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect().top() + 2
    return place_hz(pane, pane.visible_s[0], hz).y() - top


def column_of(pane, time_s: float) -> float:
    left = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect().left() + 2
    return place(pane, time_s, 0.0).x() - left


# The picture


@pytest.mark.parametrize("scale", FREQUENCY_SCALES)
@pytest.mark.parametrize("transform", ["stft", "mel", "cqt"])
def test_a_sine_is_drawn_at_its_frequency_on_every_scale_and_zoom(qtbot, spectrogram, transform, scale):
    pane = spectrogram(sine(1000.0), View(transform))
    pane.set_playhead(19.9)
    pane.set_scale(scale)
    for low_hz, high_hz in ((0.0, RATE / 2), (500.0, 2500.0), (900.0, 1200.0)):
        pane.show_frequencies(low_hz, high_hz)
        settle(qtbot, pane)
        bright = brightness(pane)[:, 200:600].mean(axis=1)
        strongest = np.flatnonzero(bright >= bright.max() - 1)
        assert strongest.min() - 8 <= row_of(pane, 1000.0) <= strongest.max() + 8
        below, above = row_of(pane, 700.0), row_of(pane, 1400.0)
        if above >= 0 and below < bright.size:
            assert bright.max() > 2 * max(bright[int(below)], bright[int(above)])


def test_a_click_is_drawn_at_its_time_at_every_zoom(qtbot, spectrogram):
    samples = np.zeros(120 * RATE, np.float32)
    samples[round(71.3 * RATE)] = 1.0
    pane = spectrogram(Clip(samples, RATE), View(n_fft=512, hop=128))
    pane.set_following("off")
    for span_s in (120.0, 40.0, 7.0, 0.9, 0.2):
        pane.show_time(71.3 - span_s / 3, 71.3 + 2 * span_s / 3)
        settle(qtbot, pane)
        bright = brightness(pane).mean(axis=0)
        expected = column_of(pane, 71.3)
        reach_px = 2 + 512 / RATE / span_s * bright.size
        lit = np.flatnonzero(bright > bright.max() / 2)
        assert expected - reach_px <= lit.min()
        assert lit.max() <= expected + reach_px
        assert abs((lit.min() + lit.max()) / 2 - expected) <= 3


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_tiles_leave_no_gaps(qtbot, spectrogram, transform):
    pane = spectrogram(noise(60.0), View(transform))
    background = QColor(255, 0, 255)
    palette = QPalette(pane.palette())
    palette.setColor(QPalette.ColorRole.Window, background)
    pane.setPalette(palette)
    pane.set_following("off")
    for start_s, end_s in ((0.0, 60.0), (3.3, 41.7), (10.01, 14.47), (20.0, 20.31)):
        pane.show_time(start_s, end_s)
        settle(qtbot, pane)
        bare = (pixels(pane) == [255, 0, 255]).all(axis=2)
        if end_s == 60.0:
            bare = bare[:, :-2]
        assert not bare.any(), (start_s, np.argwhere(bare)[:5])


def test_something_is_visible_before_the_tiles_themselves_are_there(qtbot):
    pane = show(qtbot, SpectrogramPane())
    requests = []
    pane.request_tiles.connect(requests.append)
    pane.set_pyramid(Pyramid(noise(600.0), View()))
    qtbot.waitUntil(lambda: bool(requests))
    request = requests[-1]
    assert request.keys[0].draft
    assert not drawn(pane).any()
    for key in [key for key in request.keys if key.draft]:
        pane.tile_arrived(request.render(key))
    drafted = brightness(pane)
    assert np.median(drafted) > 60
    exact = [key for key in request.keys if not key.draft]
    for key in exact:
        pane.tile_arrived(request.render(key))
    # The maximum over all frames is brighter than a single one.
    assert brightness(pane).mean() > drafted.mean() + 10


def test_a_request_takes_the_place_of_the_one_before_and_what_was_overtaken_is_let_go(qtbot):
    pane = show(qtbot, SpectrogramPane())
    requests: list[TileRequest] = []
    pane.request_tiles.connect(requests.append)
    clip = noise(600.0)
    pane.set_pyramid(Pyramid(clip, View()))
    qtbot.waitUntil(lambda: bool(requests))
    first = requests[-1]
    pane.show_time(100.0, 104.0)
    qtbot.waitUntil(lambda: requests[-1] is not first)
    second = requests[-1]
    levels = {key.level for key in second.keys}
    assert min(levels) <= 0
    overtaken = next(key for key in first.keys if not key.draft)
    assert overtaken not in second.keys
    shown = len(pane._tiles)
    pane.tile_arrived(first.render(overtaken))
    assert len(pane._tiles) == shown
    pane.tile_arrived(second.render(second.keys[0]))
    assert len(pane._tiles) == shown + 1
    pane.set_pyramid(Pyramid(clip, View(n_fft=1024, hop=256)))
    pane.tile_arrived(second.render(second.keys[1]))  # of the transform before
    assert not pane._tiles


def test_many_zooms_at_once_make_few_requests_and_few_items(qtbot, spectrogram):
    pane = spectrogram(noise(120.0))
    before = len(pane.renderer.requests)
    for _ in range(40):
        pane.zoom_time(1.2, 30.0)
    settle(qtbot, pane)
    assert len(pane.renderer.requests) - before <= 6
    rng = np.random.default_rng(0)
    for _ in range(30):
        start_s = rng.uniform(0.0, 110.0)
        pane.show_time(start_s, start_s + 10.0 * rng.uniform(0.01, 1.0))
        settle(qtbot, pane)
    items = [item for item in pane.plot.scene().items() if isinstance(item, PictureItem)]
    assert len(items) == len(pane._tiles) + len(pane._stale) <= 30


def test_another_transform_keeps_time_and_loop_and_another_recording_begins_anew(qtbot, spectrogram):
    clip = noise(30.0)
    pane = spectrogram(clip)
    pane.set_following("off")
    pane.show_time(5.0, 9.0)
    pane.set_loop((6.0, 7.0))
    pane.set_pyramid(Pyramid(clip, View("cqt")))
    assert brightness(pane).max() > 200, "what was seen stays until the new tiles are there"
    settle(qtbot, pane)
    assert pane.visible_s == (5.0, 9.0)
    assert pane.loop_s == (6.0, 7.0)
    assert pane.visible_hz[1] < 11000.0
    pane.set_pyramid(Pyramid(clip, View("stft")))
    settle(qtbot, pane)
    assert pane.visible_hz == pytest.approx((20.0, RATE / 2))
    pane.set_pyramid(Pyramid(noise(12.0), View()))
    assert pane.visible_s == (0.0, 12.0)
    assert pane.loop_s is None
    pane.set_pyramid(None)
    QApplication.processEvents()
    assert not drawn(pane).any()


def test_chroma_has_pitch_classes(qtbot, spectrogram):
    pane = spectrogram(sine(440.0), View("chroma"))
    pane.set_range_db(-30.0, 5.0)
    axis = pane.plot.getAxis("left")
    (_, ticks), *_ = axis.tickValues(-0.5, 11.5, 400)
    assert axis.tickStrings(ticks, 1.0, 1.0)[9] == "A"
    strongest = brightness(pane)[:, 300:500].mean(axis=1).argmax()
    assert abs(strongest - (place(pane, 0.0, 9.0).y() - place(pane, 0.0, 11.5).y())) < 25
    mouse(pane, QEvent.Type.MouseMove, place(pane, 10.0, 9.1))
    assert " · A · " in pane._readout.text()


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colours_are_those_of_the_map_between_floor_and_ceiling(qtbot, spectrogram, name):
    pane = spectrogram(sine(40 * RATE / 2048), View())  # 0 dB in bin 40
    pane.set_scale("linear")
    pane.set_colour_map(name)
    pane.set_range_db(-40.0, 20.0)
    settle(qtbot, pane)
    inner = pixels(pane)[:, 200:600]
    row = round(row_of(pane, 40 * RATE / 2048))
    table = colour_table(name).astype(int)
    two_thirds = table[170]
    assert np.abs(inner[row - 2 : row + 3] - two_thirds).sum(axis=2).min() <= 12
    np.testing.assert_array_equal(inner[20], np.broadcast_to(table[0], inner[20].shape))
    assert (np.diff(table @ [0.2126, 0.7152, 0.0722]) > -0.75).all(), "lighter is louder"


def test_every_map_is_a_table_of_its_own():
    tables = [colour_table(name) for name in COLOUR_MAPS]
    assert all(table.shape == (256, 3) for table in tables)
    assert len({table.tobytes() for table in tables}) == len(COLOUR_MAPS)
    assert COLOUR_MAPS[0] == "magma"
    assert level_lut("grey", -80.0, 0.0)[0] == 0xFF000000


def test_the_arrival_of_a_tile_takes_the_ui_thread_a_few_milliseconds(qtbot, spectrogram):
    pane = spectrogram(noise(60.0), View(n_fft=4096, hop=1024))
    for start_s in (0.0, 20.0, 40.0):
        pane.show_time(start_s, start_s + 10.0)
        settle(qtbot, pane)
    assert len(pane.renderer.arrival_s) > 8
    assert np.median(pane.renderer.arrival_s) < 0.008


def test_close_ups_beyond_the_finest_level_are_drawn(qtbot, spectrogram):
    pane = spectrogram(noise(600.0))
    pane.set_following("off")
    pane.show_time(599.0, 599.005)
    settle(qtbot, pane)
    assert pane.visible_s == pytest.approx((599.0, 599.005))
    assert np.median(brightness(pane)) > 100


# Moving about


def test_the_wheel_zooms_time_about_the_pointer(spectrogram):
    pane = spectrogram(noise())
    at = place_hz(pane, 5.0, 1000.0)
    before = pane.visible_hz
    wheel(pane, at, 3)
    start_s, end_s = pane.visible_s
    assert end_s - start_s == pytest.approx(20.0 / 1.25**3, rel=1e-6)
    assert place_hz(pane, 5.0, 1000.0).x() == pytest.approx(at.x(), abs=1)
    assert pane.visible_hz == before
    wheel(pane, at, -20)
    assert pane.visible_s == (0.0, 20.0)
    wheel(pane, at, 100)
    assert pane.visible_s[1] - pane.visible_s[0] == pytest.approx(TimePane.MIN_SPAN_S)


@pytest.mark.parametrize("keys", [CONTROL, SHIFT])
def test_the_wheel_with_control_or_shift_zooms_frequency_about_the_pointer(spectrogram, keys):
    pane = spectrogram(noise())
    at = place_hz(pane, 5.0, 440.0)
    wheel(pane, at, 4, keys)
    assert pane.visible_s == (0.0, 20.0)
    assert place_hz(pane, 5.0, 440.0).y() == pytest.approx(at.y(), abs=1)
    low_hz, high_hz = pane.visible_hz
    assert high_hz / low_hz == pytest.approx((RATE / 2 / 20.0) ** (1 / 1.25**4), rel=1e-6)
    wheel(pane, at, -20, keys)
    assert pane.visible_hz == pytest.approx((20.0, RATE / 2))


def test_the_wheel_over_the_frequency_axis_zooms_frequency(spectrogram):
    pane = spectrogram(noise())
    wheel(pane, QPoint(20, place_hz(pane, 0.0, 440.0).y()), 2)
    assert pane.visible_s == (0.0, 20.0)
    assert pane.visible_hz[0] > 25.0


def test_a_drag_pans_and_the_sound_stays_under_the_hand(spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    pane.show_frequencies(200.0, 2000.0)
    start = place_hz(pane, 7.0, 500.0)
    drag(pane, start, start + QPoint(-60, -40))
    moved = place_hz(pane, 7.0, 500.0)
    assert (moved - start).x() == pytest.approx(-60, abs=2)
    assert (moved - start).y() == pytest.approx(-40, abs=2)
    drag(pane, start, start + QPoint(3000, 0))
    assert pane.visible_s == pytest.approx((0.0, 5.0))


def test_a_sideways_wheel_pans(spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    wheel(pane, place_hz(pane, 7.0, 500.0), -1, sideways=True)
    assert pane.visible_s == pytest.approx((5.5, 10.5))


def test_keys(spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    QTest.keyClick(pane, Qt.Key.Key_Right)
    assert pane.visible_s == pytest.approx((5.5, 10.5))
    QTest.keyClick(pane, Qt.Key.Key_Left)
    assert pane.visible_s == pytest.approx((5.0, 10.0))
    QTest.keyClick(pane, Qt.Key.Key_Plus)
    assert pane.visible_s == pytest.approx((5.5, 9.5))
    QTest.keyClick(pane, Qt.Key.Key_Minus)
    assert pane.visible_s == pytest.approx((5.0, 10.0))
    QTest.keyClick(pane, Qt.Key.Key_End)
    assert pane.visible_s == pytest.approx((15.0, 20.0))
    QTest.keyClick(pane, Qt.Key.Key_Home)
    assert pane.visible_s == pytest.approx((0.0, 5.0))
    QTest.keyClick(pane, Qt.Key.Key_Plus, CONTROL)
    low_hz, high_hz = pane.visible_hz
    assert low_hz > 21.0
    QTest.keyClick(pane, Qt.Key.Key_Up)
    assert pane.visible_hz[0] > low_hz
    QTest.keyClick(pane, Qt.Key.Key_Down)
    assert pane.visible_hz == pytest.approx((low_hz, high_hz))


def test_a_click_gives_the_pane_the_keys(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.activateWindow()
    QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 3.0, 500.0))
    qtbot.waitUntil(pane.hasFocus)


def test_a_click_seeks_and_a_double_click_fits(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.show_time(5.0, 10.0)
    pane.show_frequencies(200.0, 2000.0)
    with qtbot.waitSignal(pane.seek_requested) as sought:
        QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 7.25, 500.0))
    assert sought.args[0] == pytest.approx(7.25, abs=5.0 / 800)
    QTest.mouseDClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 7.25, 500.0))
    QTest.mouseRelease(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 7.25, 500.0))
    assert pane.visible_s == (0.0, 20.0)
    assert pane.visible_hz == pytest.approx((20.0, RATE / 2))


def test_the_readout_says_time_frequency_note_and_level(qtbot, spectrogram):
    pane = spectrogram(sine(440.0))
    pane.show_frequencies(400.0, 480.0)
    pane.show_time(4.9, 5.1)
    settle(qtbot, pane)
    with qtbot.waitSignal(pane.readout_changed) as told:
        mouse(pane, QEvent.Type.MouseMove, place_hz(pane, 5.0, 440.0))
    time_text, hz_text, note, level = told.args[0].split(" · ")
    assert time_text in ("0:04.999", "0:05.000", "0:05.001")
    assert float(hz_text.removesuffix(" Hz")) == pytest.approx(440.0, abs=0.3)
    assert note.startswith("A4")
    assert float(level.removesuffix(" dB")) == pytest.approx(0.0, abs=1.5)  # between two bins
    assert pane._readout.isVisible()
    assert pane._readout.text() == told.args[0]
    QApplication.sendEvent(pane.plot.viewport(), QEvent(QEvent.Type.Leave))
    assert not pane._readout.isVisible()


# Playhead, loop, window


def test_the_view_follows_by_pages_until_the_user_pans(qtbot, spectrogram):
    pane = spectrogram(noise(60.0))
    pane.set_following("page")
    pane.show_time(0.0, 10.0)
    pane.set_playhead(9.9)
    assert pane.visible_s == (0.0, 10.0)
    pane.set_playhead(10.1)
    start_s, end_s = pane.visible_s
    assert start_s < 10.1 < start_s + 1.0
    assert end_s - start_s == pytest.approx(10.0)
    at = place_hz(pane, 15.0, 500.0)
    with qtbot.waitSignal(pane.following_changed) as told:
        drag(pane, at, at + QPoint(-90, 0))
    assert told.args == ["off"]
    visible_s = pane.visible_s
    pane.set_playhead(50.0)
    assert pane.visible_s == visible_s
    pane.set_following("page")
    assert pane.visible_s[0] < 50.0 < pane.visible_s[1]


def test_the_view_scrolls_smoothly_under_the_playhead(spectrogram):
    pane = spectrogram(noise(60.0))
    pane.show_time(0.0, 10.0)
    pane.set_following("smooth")
    pane.set_playhead(3.0)
    assert pane.visible_s == (0.0, 10.0)
    pane.set_playhead(30.0)
    assert pane.visible_s == pytest.approx((25.0, 35.0))
    wheel(pane, place_hz(pane, 30.0, 500.0), 1)
    assert pane.following == "smooth", "zooming does not stop it"


def test_the_playhead_moves_without_a_picture_made_anew(qtbot, spectrogram, monkeypatch):
    pane = spectrogram(noise(60.0))
    pane.show_time(0.0, 10.0)
    settle(qtbot, pane)
    made = []
    monkeypatch.setattr(PictureItem, "set_rows", lambda *_a, **_k: made.append("rows"))
    monkeypatch.setattr(PictureItem, "recolour", lambda *_a: made.append("colours"))
    requests = len(pane.renderer.requests)
    columns = []
    for time_s in (2.0, 4.0, 8.0):
        pane.set_playhead(time_s)
        inner = pixels(pane)
        white = np.flatnonzero((inner == 255).all(axis=2).all(axis=0))
        assert white.size == 1
        columns.append(white[0] - column_of(pane, time_s))
    assert np.abs(columns).max() <= 1
    assert not made
    assert len(pane.renderer.requests) == requests


def test_shift_and_drag_make_a_loop_whose_bar_and_edges_can_be_dragged(qtbot, spectrogram):
    pane = spectrogram(noise())
    told = []
    pane.loop_changed.connect(told.append)
    drag(pane, place_hz(pane, 12.0, 500.0), place_hz(pane, 8.0, 900.0), keys=SHIFT)
    assert told.pop() == pytest.approx((8.0, 12.0), abs=0.05)
    assert not told
    assert pane.visible_s == (0.0, 20.0)
    bar = place(pane, 10.0, pane.box.viewRange()[1][1]) + QPoint(0, 7)
    drag(pane, bar, bar + QPoint(place(pane, 13.0, 0.0).x() - place(pane, 10.0, 0.0).x(), 30))
    assert told.pop() == pytest.approx((11.0, 15.0), abs=0.1)
    drag(pane, place_hz(pane, pane.loop_s[1], 500.0), place_hz(pane, 18.0, 500.0))
    assert told.pop() == pytest.approx((11.0, 18.0), abs=0.1)
    drag(pane, place_hz(pane, pane.loop_s[0], 500.0), place_hz(pane, 19.0, 500.0))
    assert told.pop() == pytest.approx((18.0, 19.0), abs=0.1), "an edge goes past the other"
    bar = place(pane, 18.5, pane.box.viewRange()[1][1]) + QPoint(0, 7)
    drag(pane, bar, bar + QPoint(900, 0))
    assert told.pop()[1] == pytest.approx(20.0), "not beyond the recording"


def test_inside_a_loop_clicks_seek_and_drags_pan(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.set_following("off")
    pane.show_time(5.0, 15.0)
    pane.set_loop((6.0, 14.0))
    with qtbot.waitSignal(pane.seek_requested):
        QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place_hz(pane, 10.0, 500.0))
    at = place_hz(pane, 10.0, 500.0)
    drag(pane, at, at + QPoint(-80, 0))
    assert pane.loop_s == (6.0, 14.0)
    assert pane.visible_s[0] > 5.5


def test_the_models_window_is_dragged_by_its_bar(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.set_model_window(4.0, 4.0)
    told = []
    pane.window_moved.connect(told.append)
    bar = place(pane, 6.0, pane.box.viewRange()[1][0]) - QPoint(0, 7)
    step = place(pane, 3.0, 0.0).x() - place(pane, 0.0, 0.0).x()
    drag(pane, bar, bar + QPoint(step, 0))
    assert told.pop() == pytest.approx(7.0, abs=0.05)
    assert pane.model_window_s == pytest.approx((7.0, 11.0), abs=0.05)
    edge = place_hz(pane, pane.model_window_s[1], 500.0)
    pane.set_following("off")
    drag(pane, edge, edge + QPoint(50, 0))
    assert not told, "its length is the model's"
    bar += QPoint(step, 0)
    drag(pane, bar, bar + QPoint(900, 0))
    assert told.pop() == pytest.approx(16.0)
    pane.set_model_window(None)
    assert pane.model_window_s is None


def test_setters_do_not_echo(qtbot, spectrogram):
    pane = spectrogram(noise())
    told = []
    for signal in (pane.loop_changed, pane.window_moved, pane.seek_requested, pane.following_changed):
        signal.connect(lambda *args: told.append(args))
    pane.set_loop((1.0, 2.0))
    pane.set_model_window(3.0, 4.0)
    pane.set_playhead(5.0)
    pane.set_following("smooth")
    assert not told


# The overlay


def test_an_overlay_lies_at_its_time_and_frequencies(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.set_scale("linear")
    settle(qtbot, pane)
    plain = pixels(pane)
    image = np.zeros((257, 173))
    frequencies_hz = np.arange(257) * (11025 / 512)
    image[140, 60:100] = 3.0
    image[20] = -1.0  # negative values are nothing
    hop_s = 256 / 11025
    pane.set_overlay(image, 8.0, hop_s, frequencies_hz, 0.5)
    changed = np.abs(pixels(pane) - plain).sum(axis=2)
    # What goes to white is the image's largest value.
    white = np.argwhere(pixels(pane).min(axis=2) - plain.min(axis=2) > 60)
    assert row_of(pane, frequencies_hz[140]) == pytest.approx(white[:, 0].mean(), abs=3)
    for edge_s, column in ((8.0 + 59.5 * hop_s, white[:, 1].min()), (8.0 + 99.5 * hop_s, white[:, 1].max())):
        assert column_of(pane, edge_s) == pytest.approx(column, abs=2)
    outside = changed[:, : int(column_of(pane, 8.0 - hop_s))]
    assert not outside.any()
    pane.set_overlay_opacity(0.0)
    np.testing.assert_array_equal(pixels(pane), plain)
    pane.set_overlay_opacity(1.0)
    alone = pixels(pane)
    quiet = alone[int(row_of(pane, 5000.0)), int(column_of(pane, 10.0))]
    assert quiet.tolist() == [0, 0, 0]
    pane.clear_overlay()
    np.testing.assert_array_equal(pixels(pane), plain)


def test_an_overlay_follows_a_zoom_and_ends_with_the_recording(qtbot, spectrogram):
    pane = spectrogram(noise())
    frequencies_hz = np.arange(257) * (11025 / 512)
    image = np.zeros((257, 100))
    image[100] = 1.0
    pane.set_overlay(image, 2.0, 0.02, frequencies_hz, 1.0)
    pane.show_frequencies(1500.0, 3000.0)
    pane.show_time(2.0, 4.0)
    settle(qtbot, pane)
    lit = np.flatnonzero(brightness(pane)[:, 400] > 400)
    assert row_of(pane, frequencies_hz[100]) == pytest.approx(lit.mean(), abs=3)
    pane.set_pyramid(Pyramid(noise(5.0), View()))
    assert pane._overlay is None


def test_a_silent_overlay_is_nothing(qtbot, spectrogram):
    pane = spectrogram(noise())
    plain = pixels(pane)
    pane.set_overlay(np.zeros((10, 10)), 0.0, 0.1, np.arange(10) * 100.0, 0.0)
    np.testing.assert_array_equal(pixels(pane), plain)


def test_the_overlays_colours():
    for name in COLOUR_MAPS:
        assert not overlay_lut(name, 0.0).any()
        alone = overlay_lut(name, 1.0)
        assert (alone >> 24 == 255).all()
        assert alone[0] == 0xFF000000
        assert alone[255] == 0xFFFFFFFF


# The waveform


@pytest.fixture
def waveform(qtbot):
    def open_clip(clip: Clip, *, whole: bool = True) -> WaveformPane:
        pane = show(qtbot, WaveformPane(whole=whole), 900, 160)
        pane.set_duration(clip.duration_s)
        pane.set_overview(Overview(clip))
        qtbot.waitUntil(lambda: not pane._refresh_timer.isActive())
        return pane

    return open_clip


def test_the_waveform_is_as_high_as_the_sound_is_strong_and_the_loudest_sample_fills_it(waveform):
    envelope = 0.5 * np.repeat([0.9, 0.2, 0.5, 0.0], 5 * RATE)
    pane = waveform(Clip(envelope * np.sin(np.arange(20 * RATE)), RATE))
    pane.set_playhead(19.9)
    heights = drawn(pane).mean(axis=0)
    for time_s, height in ((2.5, 1.0), (7.5, 0.2 / 0.9), (12.5, 0.5 / 0.9)):
        assert heights[int(column_of(pane, time_s))] == pytest.approx(height, abs=0.04)
    assert heights[int(column_of(pane, 17.5))] < 0.03


def test_what_was_played_is_tinted(qtbot, waveform):
    pane = waveform(noise())
    pane.set_playhead(0.0)
    middle = pixels(pane).shape[0] // 2
    ahead = pixels(pane)[middle]
    pane.set_playhead(10.0)
    now = pixels(pane)[middle]
    changed = np.abs(now - ahead).sum(axis=1) > 30
    split = int(column_of(pane, 10.0))
    assert changed[5 : split - 3].all()
    assert not changed[split + 4 :].any()
    # Only a strip was painted; what is on the screen is what a whole repaint would give.
    pane.plot.viewport().repaint()
    np.testing.assert_array_equal(pixels(pane)[middle], now)


def test_the_overview_frames_what_is_visible_elsewhere(qtbot, spectrogram, waveform):
    clip = noise()
    spectrogram_pane, pane = spectrogram(clip), waveform(clip)
    link_time(spectrogram_pane, pane)
    spectrogram_pane.show_time(5.0, 10.0)
    assert pane.visible_s == (5.0, 10.0)
    assert pane.box.viewRange()[0] == [0.0, 20.0]
    inner = drawn(pane)
    for edge_s in (5.0, 10.0):
        column = round(column_of(pane, edge_s))
        assert inner[:, column - 1 : column + 2].mean(axis=0).max() > 0.9
    at = place(pane, 7.0, 0.0)
    drag(pane, at, place(pane, 10.0, 0.0))
    assert spectrogram_pane.visible_s == pytest.approx((8.0, 13.0), abs=0.1)
    assert spectrogram_pane.following == "off"
    pane.set_whole(False)
    assert pane.box.viewRange()[0] == pytest.approx(list(spectrogram_pane.visible_s))
    wheel(pane, place(pane, 10.0, 0.0), 2)
    assert spectrogram_pane.visible_s == pane.visible_s
    assert pane.visible_s[1] - pane.visible_s[0] == pytest.approx(5.0 / 1.25**2)


def test_loop_and_window_are_mirrored_and_a_click_seeks(qtbot, spectrogram, waveform):
    clip = noise()
    spectrogram_pane, pane = spectrogram(clip), waveform(clip)
    link_time(spectrogram_pane, pane)
    drag(pane, place(pane, 3.0, 0.0), place(pane, 6.0, 0.0), keys=SHIFT)
    assert spectrogram_pane.loop_s == pytest.approx((3.0, 6.0), abs=0.05)
    for each in (spectrogram_pane, pane):
        each.set_model_window(8.0, 4.0)
    bar = place(pane, 10.0, -1.0) - QPoint(0, 7)
    drag(pane, bar, QPoint(place(pane, 12.0, 0.0).x(), bar.y()))
    assert spectrogram_pane.model_window_s == pytest.approx((10.0, 14.0), abs=0.05)
    with qtbot.waitSignal(pane.seek_requested) as sought:
        QTest.mouseClick(pane.plot.viewport(), LEFT, NO_KEY, place(pane, 17.0, 0.0))
    assert sought.args[0] == pytest.approx(17.0, abs=0.05)


def test_linked_times_stand_above_one_another(qtbot, spectrogram, waveform):
    clip = noise()
    one, other = spectrogram(clip), waveform(clip, whole=False)
    link_time(one, other)
    one.show_time(4.0, 6.0)
    for time_s in (4.5, 5.9):
        assert place(one, time_s, 5.0).x() == pytest.approx(place(other, time_s, 0.0).x(), abs=1)


# What the model sees


def test_the_input_is_shown_row_for_row_with_its_own_frequencies(qtbot):
    pane = show(qtbot, InputPane(), 600, 400)
    image = np.zeros((257, 173), np.float32)
    image[93, 40:80] = 1.0  # 2002.6 Hz
    frequencies_hz = np.arange(257) * (11025 / 512)
    hop_s = 256 / 11025
    pane.show_input(image, frequencies_hz, hop_s, 10.0, (0.0, 1.0))
    bright = brightness(pane)
    row, column = np.argwhere(bright > 500).mean(axis=0)
    top_left = pane.plot.mapFromScene(pane.box.sceneBoundingRect()).boundingRect().topLeft() + QPoint(2, 2)
    expected = place(pane, 10.0 + 59.5 * hop_s, 93.0) - top_left
    assert (column, row) == pytest.approx((expected.x(), expected.y()), abs=2)
    axis = pane.plot.getAxis("left")
    (_, ticks), *_ = axis.tickValues(-0.5, 256.5, 400)
    assert axis.tickStrings(ticks, 1.0, 1.0)[:3] == ["0", "1k", "2k"]
    mouse(pane, QEvent.Type.MouseMove, place(pane, 10.0 + 60 * hop_s, 93.0))
    assert pane._readout.text() == "0:11.393 · 2,002.6 Hz · B6 +24 · 1"
    before = pane.box.viewRange()
    wheel(pane, place(pane, 11.0, 90.0), 3)
    drag(pane, place(pane, 11.0, 90.0), place(pane, 12.0, 50.0))
    assert pane.box.viewRange() == before, "it is locked"
    pane.set_playhead(11.0)
    assert pane._playhead.isVisible()
    pane.set_playhead(20.0)
    assert not pane._playhead.isVisible()
    pane.clear()
    assert brightness(pane).max() == brightness(pane).min()


# Themes


def themed(pane, background: str, text: str) -> None:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Window, QColor(background))
    palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
    pane.setPalette(palette)
    QApplication.processEvents()


def luminance(colour: QColor) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("background", "text"), [("#16171b", "#ecedf1"), ("#f1f1f4", "#1b1c22")])
def test_axes_take_their_colours_from_the_palette_when_it_changes(qtbot, spectrogram, background, text):
    pane = spectrogram(noise())
    themed(pane, "#808080", "#ff0000")
    themed(pane, background, text)
    image = pane.grab().toImage()
    assert image.pixelColor(4, 4).name() == background
    left = [image.pixelColor(x, y) for x in range(54) for y in range(480)]
    light = [luminance(colour) for colour in left]
    assert (max(light) + 0.05) / (min(light) + 0.05) > 7.0  # WCAG's contrast, of text on its background
    readout = pane._readout
    assert text in readout.styleSheet()


# Real recordings


def test_every_recording_has_a_picture_in_every_transform(qtbot, spectrogram, shared):
    import soundfile

    paths = sorted((shared / "audio").glob("*.ogg"))
    assert len(paths) == 9
    for number, path in enumerate(paths):
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
        clip = Clip(samples.T, sample_rate, path)
        pane = spectrogram(clip, View(TRANSFORMS[number % 4]))
        bright = brightness(pane)
        assert bright.std() > 20, path.name
        assert (bright.mean(axis=1) > bright.min()).mean() > 0.5, path.name
        pane.close()
