"""Sizes of the window, frames that float, dialogs of Qt, thumbnails, saved pictures, and what small texts say."""

from __future__ import annotations

import numpy as np
import pytest
from driver import cut_texts, wait_until
from PIL import Image
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QIcon
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QSlider,
    QToolButton,
    QWidget,
)

from auralscope.display.ticks import note_name
from auralscope.registry import Plugin
from auralscope.ui import theme
from auralscope.ui.dialogs import recolour_arrows
from auralscope.ui.graphs.colour import colour_table, value_lut
from auralscope.ui.help import _plugins
from auralscope.ui.panes.gallery_model import picture_of
from auralscope.ui.panes.gallery_view import TileView
from auralscope.wording import percent

SIZES = [(1024, 700), (1280, 720), (1097, 617), (1920, 1080)]  # 1097 x 617 is Full HD at 175 %
CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QSlider)


def controls_of(window):
    """Return the rectangle in the window of each visible control."""
    return {
        widget: QRect(widget.mapTo(window, widget.rect().topLeft()), widget.size())
        for kind in CONTROLS
        for widget in window.findChildren(kind)
        if widget.isVisible() and widget.window() is window and not isinstance(widget.parent(), QComboBox)
    }


def test_the_window_fits_small_screens_with_everything_in_it(opened, monkeypatch):
    window = opened.window
    opened.key(Qt.Key.Key_V)
    opened.layer("conv3")
    opened.filled()
    opened.click_unit(opened.session.gallery.layer_result.order[0])
    window.model_pane.over_time.setChecked(True)
    opened.idle()
    name = "7-33 female vocalists of the eighties"  # among the longest of taggers
    monkeypatch.setattr(type(opened.session.listening), "title", property(lambda _self: name))
    opened.session.listening.changed.emit()
    for _page in ("recording", "labels"):
        for width, height in SIZES:
            window.resize(width, height)
            QApplication.processEvents()
            assert (window.width(), window.height()) == (width, height)
            rects = controls_of(window)
            assert len(rects) >= 15
            cut = [text for kind, text in cut_texts(window) if kind != "_ElidedLabel"]
            assert not cut, (width, cut)
            verdict = window.transport.faithfulness
            assert verdict.text().startswith("Faithfulness: ")
            if width > 1024:  # there, only beside a shorter name
                assert verdict.fontMetrics().horizontalAdvance(verdict.text()) <= verdict.width(), width
            for widget, rect in rects.items():
                assert window.rect().contains(rect), (width, height, widget, widget.accessibleName())
                # Buttons, boxes and sliders have the room that they need.
                assert widget.width() >= widget.minimumSizeHint().width(), (width, widget, widget.accessibleName())
            outer = [(a, b) for a, b in rects.items() if not isinstance(a.parent(), QAbstractSpinBox)]
            for place, (one, rect) in enumerate(outer):
                for other, other_rect in outer[place + 1 :]:
                    inside = one.isAncestorOf(other) or other.isAncestorOf(one)
                    apart = not rect.adjusted(1, 1, -1, -1).intersects(other_rect.adjusted(1, 1, -1, -1))
                    assert inside or apart or one.parent() is not other.parent(), (one, other)
        opened.key(Qt.Key.Key_V)


def test_the_first_window_leaves_room_for_its_frame(drive):
    window, screen = drive().window, QApplication.primaryScreen().availableSize()
    window._restore_sizes()
    assert window.width() < screen.width()
    assert window.height() <= screen.height() - 40


def test_no_message_moves_a_control(wanting_weights):
    ready = wanting_weights
    window = ready.window
    window.session.fetching.dismiss()
    window.messages.clear()
    QApplication.processEvents()
    before = controls_of(window)
    window.messages.say("The file 'a.wav' is not there. Check the path and open it again.")
    window.messages.say("A second sentence, long enough to need more than one line in a window. " * 3)
    window.session.fetching.request(window.session.fetching_spec)
    window.jobs.set_lasting("There is no device to play on.")
    QApplication.processEvents()
    assert window.messages.isVisible()
    assert window.model_pane.weights.isVisible()
    after = controls_of(window)
    new = {*window.messages.findChildren(QWidget), *window.model_pane.weights.findChildren(QWidget)}
    assert {widget: rect for widget, rect in after.items() if widget not in new} == before
    message = QRect(window.messages.mapTo(window, window.messages.rect().topLeft()), window.messages.size())
    assert not any(message.intersects(rect) for rect in before.values()), "a message covers no control"
    assert not cut_texts(window.messages)


@pytest.fixture
def wanting_weights(server, far_tagger, ready):
    ready.session.fetching_spec = next(spec for spec in ready.session.specs if spec.id == "far-tagger")
    return ready


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_qts_own_file_dialog_keeps_its_buttons(ready, choice):
    def tool_buttons(parent):
        dialog = QFileDialog(parent)
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.show()
        recolour_arrows(dialog)
        QApplication.processEvents()
        found = {button.objectName(): button for button in dialog.findChildren(QToolButton) if button.isVisible()}
        dialog.close()
        return dialog, found

    ready.window.set_theme(choice)
    _, buttons = tool_buttons(ready.window)
    sheet = QApplication.instance().styleSheet()
    plain_dialog, plain = tool_buttons(None)
    QApplication.instance().setStyleSheet("")
    QApplication.processEvents()
    sizes = {name: button.sizeHint() for name, button in plain.items()}
    QApplication.instance().setStyleSheet(sheet)
    assert {"backButton", "toParentButton"} <= buttons.keys()
    for name, button in buttons.items():
        assert button.sizeHint() == sizes[name], name
        assert button.width() >= button.iconSize().width() + 4
    for name in ("backButton", "forwardButton", "toParentButton"):
        assert contrast(buttons[name].icon(), QIcon.Mode.Normal, theme.current().window) > 3.0
    plain_dialog.deleteLater()


def luminance(colour):
    values = np.array([colour.redF(), colour.greenF(), colour.blueF()])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(icon, mode, background, state=QIcon.State.Off):
    """Return the contrast (WCAG 2, 1 to 21) of the middle of an icon's ink with a background."""
    image = icon.pixmap(64, 64, mode, state).toImage()
    inks = [image.pixelColor(x, y) for x in range(64) for y in range(64) if image.pixelColor(x, y).alpha() == 255]
    ink, ground = luminance(inks[len(inks) // 2]), luminance(QColor(background))
    return (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05)


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_icons_can_be_read_on_their_background(qapp, choice):
    colours = theme.DARK if choice == "dark" else theme.LIGHT
    before = theme._current
    theme._current = colours
    try:
        for name in ("play", "pause", "stop", "loop", "back", "forward", "up"):
            icon = theme.icon(name)
            assert contrast(icon, QIcon.Mode.Normal, colours.panel) > 4.5
            assert contrast(icon, QIcon.Mode.Disabled, colours.panel) > 3.0
            assert contrast(icon, QIcon.Mode.Normal, colours.original, QIcon.State.On) > 4.5
        assert contrast(theme.icon("close", colours.warning_text), QIcon.Mode.Normal, colours.warning) > 4.5
    finally:
        theme._current = before


def brightness_of_thumbnail(shape):
    """Return the brightness of the brighter tiles' parts for a sparse deconvolution of a shape, as it is painted."""
    rng = np.random.default_rng(0)
    image = np.where(rng.random(shape) < 0.05, rng.exponential(1.0, shape), 0.0).astype(np.float32)
    scaled = picture_of(image, value_lut("magma").tolist()).scaled(
        TileView.WIDTH_PX,
        round(TileView.WIDTH_PX * TileView.ASPECT),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    grey = [scaled.pixelColor(x, y).lightness() for x in range(scaled.width()) for y in range(scaled.height())]
    return float(np.percentile(grey, 75))


@pytest.mark.parametrize("shape", [(96, 1366), (128, 2584), (96, 188), (257, 1255)])
def test_thumbnails_of_long_windows_are_as_bright_as_those_of_short_ones(qapp, shape):
    assert brightness_of_thumbnail(shape) >= brightness_of_thumbnail((66, 110))


def test_a_saved_picture_says_what_it_is_and_has_the_colours_of_the_view(ready, tmp_path, file_dialog):
    ready.choose(ready.window.controls.colour_map, "viridis")
    ready.session.move_window(8.0)
    wait_until(lambda: ready.session.window_result is not None and ready.session.window_result.run.start_s == 8.0)
    ready.filled()
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    label = ready.session.unit_label(ready.session.unit)
    file_dialog.path = tmp_path / "saved.png"
    ready.click(ready.window.feature.save_picture)
    ready.until((tmp_path / "saved.png").exists)
    ready.idle()
    with Image.open(tmp_path / "saved.png") as picture:
        texts = picture.text
        shown = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert label in texts["Title"]
    assert "conv1" in texts["Title"]
    for words in ("excerpt.ogg", "0:08.0–0:12.0", "Genre convnet", "genre-convnet"):
        assert words in texts["Description"]
    coloured = shown[np.ptp(shown.astype(int), axis=1) > 60]
    apart = (
        np.abs(coloured[::50, None, :].astype(int) - colour_table("viridis")[None].astype(int)).sum(axis=2).min(axis=1)
    )
    assert np.median(apart) < 12


def test_percentages_cents_and_captions_are_written_alike_everywhere(ready):
    assert [percent(share) for share in (0.0, 0.37, 0.834, 1.0, 0.001)] == ["0 %", "37 %", "83 %", "100 %", "under 1 %"]
    assert percent(0.001, rounded=True) == "0 %"
    assert percent(0.1234, 1) == "12.3 %"
    assert note_name(443.06) == "A4 +12 cents"
    window = ready.window
    for text in (window.model_pane.scores.accessibleDescription(), window.feature.about.text()):
        assert "%" not in text.replace(" %", "")
    assert window.model_pane.label_vectors.text() == "Label vectors"
    assert window.model_pane.over_time.text() == "Tags over time"
    ready.click(window.model_pane.over_time)
    ready.until(lambda: ready.session.taggram.tags is not None)
    ready.idle()
    assert window.taggram.scale.top == percent(ready.session.taggram.tags.top)


def test_the_legend_names_the_figures_below_the_thumbnails(ready):
    gallery = ready.window.gallery
    assert gallery.legend.text() == "bars: activity"
    ready.until(lambda: ready.session.summaries.summary is not None)
    ready.choose(gallery.order, "centroid")
    assert gallery.legend.text() == "figures: mean frequency"
    assert gallery.model.data(gallery.model.index(0), Qt.ItemDataRole.UserRole).caption.endswith("Hz")


def test_nothing_asks_for_a_click_on_a_feature_while_there_is_none(drive):
    window = drive().window
    assert window.feature.about.text() == ""
    window.session.find_plugins()
    window.session.load_model("genre-convnet")
    wait_until(lambda: window.session.model is not None)
    assert window.feature.about.text() == "", "without a recording there is no feature to click"


def test_plugins_that_failed_come_first():
    plugins = (Plugin("good", "built in"), Plugin("bad", "a folder", error="no such module"))
    html = _plugins(plugins, {})
    assert html.index("bad") < html.index("good")
