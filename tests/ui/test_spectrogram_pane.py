"""Tests of the pixels of the spectrogram: tiles, colours, overlay, themes."""

from __future__ import annotations

import numpy as np
import pytest
from driver import wait_until
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from views_in_tests import (
    RATE,
    brightness,
    column_of,
    drawn,
    mouse,
    noise,
    pixels,
    place,
    row_of,
    settle,
    show,
    show_frequencies,
    sine,
)

from auralscope.display.pyramid import TRANSFORMS, Pyramid, View
from auralscope.display.scales import FREQUENCY_SCALES
from auralscope.types import Clip
from auralscope.ui.graphs.colour import COLOUR_MAPS, colour_table, level_lut, overlay_lut
from auralscope.ui.graphs.items import PictureItem
from auralscope.ui.panes.spectrogram import SpectrogramPane, TileRequest

pytestmark = pytest.mark.usefixtures("every_mouse_move_counts")

# The picture


@pytest.mark.parametrize("scale", FREQUENCY_SCALES)
@pytest.mark.parametrize("transform", ["stft", "mel", "cqt"])
def test_a_sine_is_drawn_at_its_frequency_on_every_scale_and_zoom(qtbot, spectrogram, transform, scale):
    pane = spectrogram(sine(1000.0), View(transform))
    pane.set_playhead(19.9)
    pane.set_scale(scale)
    for low_hz, high_hz in ((0.0, RATE / 2), (500.0, 2500.0), (900.0, 1200.0)):
        show_frequencies(pane, low_hz, high_hz)
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


def test_coarse_tiles_are_drawn_until_the_fine_ones_arrive(qtbot):
    pane = show(qtbot, SpectrogramPane())
    requests = []
    pane.request_tiles.connect(requests.append)
    pane.set_pyramid(Pyramid(noise(600.0), View()))
    wait_until(lambda: bool(requests))
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


def test_a_request_replaces_the_previous_one_and_its_late_tiles_are_dropped(qtbot):
    pane = show(qtbot, SpectrogramPane())
    requests: list[TileRequest] = []
    pane.request_tiles.connect(requests.append)
    clip = noise(600.0)
    pane.set_pyramid(Pyramid(clip, View()))
    wait_until(lambda: bool(requests))
    first = requests[-1]
    pane.show_time(100.0, 104.0)
    wait_until(lambda: requests[-1] is not first)
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
    pane.tile_arrived(second.render(second.keys[1]))  # of the previous transform
    assert not pane._tiles


def pictures(pane):
    return [item for item in pane.plot.scene().items() if isinstance(item, PictureItem)]


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
    assert len(pictures(pane)) == len(pane._tiles) + len(pane._stale) <= 30


def test_another_transform_keeps_time_and_loop_and_another_recording_resets_them(qtbot, spectrogram):
    clip = noise(30.0)
    pane = spectrogram(clip)
    pane.set_following("off")
    pane.show_time(5.0, 9.0)
    pane.set_loop((6.0, 7.0))
    pane.set_pyramid(Pyramid(clip, View("cqt")))
    assert not pictures(pane), "no picture of another transform"
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
    assert (np.diff(table @ [0.2126, 0.7152, 0.0722]) > -0.75).all(), "louder levels are lighter"


def test_every_colour_map_has_its_own_table():
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


# The overlay


def test_an_overlay_is_drawn_at_its_time_and_frequencies(qtbot, spectrogram):
    pane = spectrogram(noise())
    pane.set_scale("linear")
    settle(qtbot, pane)
    plain = pixels(pane)
    image = np.zeros((257, 173))
    frequencies_hz = np.arange(257) * (11025 / 512)
    image[140, 60:100] = 3.0
    image[20] = -1.0  # negative values are not drawn
    hop_s = 256 / 11025
    pane.set_overlay(image, 8.0, hop_s, frequencies_hz, 0.5)
    changed = np.abs(pixels(pane) - plain).sum(axis=2)
    # The largest value of the image is white.
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
    show_frequencies(pane, 1500.0, 3000.0)
    pane.show_time(2.0, 4.0)
    settle(qtbot, pane)
    lit = np.flatnonzero(brightness(pane)[:, 400] > 400)
    assert row_of(pane, frequencies_hz[100]) == pytest.approx(lit.mean(), abs=3)
    pane.set_pyramid(Pyramid(noise(5.0), View()))
    assert pane._overlay is None


def test_a_silent_overlay_is_not_drawn(qtbot, spectrogram):
    pane = spectrogram(noise())
    plain = pixels(pane)
    pane.set_overlay(np.zeros((10, 10)), 0.0, 0.1, np.arange(10) * 100.0, 0.0)
    np.testing.assert_array_equal(pixels(pane), plain)


def test_the_overlay_goes_from_transparent_over_black_to_white():
    for name in COLOUR_MAPS:
        assert not overlay_lut(name, 0.0).any()
        alone = overlay_lut(name, 1.0)
        assert (alone >> 24 == 255).all()
        assert alone[0] == 0xFF000000
        assert alone[255] == 0xFFFFFFFF


def test_faint_overlay_values_over_bright_colours_give_no_third_hue():
    orange = np.array([252.0, 160.0, 90.0])  # a high level in magma
    for value in range(8, 100, 4):
        argb = int(overlay_lut("magma", 0.8)[value])
        over = np.array([argb >> 16 & 255, argb >> 8 & 255, argb & 255], float)
        red, green, blue = over + (1.0 - (argb >> 24) / 255.0) * orange
        assert not (green >= red and green > blue), f"olive at {value}: {red:.0f} {green:.0f} {blue:.0f}"


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


def test_no_picture_stands_under_the_name_of_a_transform_that_is_being_computed(qtbot, spectrogram):
    clip = noise(10.0)
    pane = spectrogram(clip)
    assert pictures(pane)
    pane.show_computing("Chroma")
    assert not pictures(pane)
    assert pane._computing.isVisible()
    assert "Chroma" in pane._computing.text()
    pane.zoom_time(2.0, 5.0)
    settle(qtbot, pane)
    assert not pictures(pane), "zooming does not bring the picture before back"
    pane.set_pyramid(Pyramid(clip, View("chroma")))
    settle(qtbot, pane)
    assert not pane._computing.isVisible()
    assert pictures(pane)
    assert pane.duration_s == pytest.approx(10.0)
