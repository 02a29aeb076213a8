"""Tests of opening, dropping, decoding and saving files in the whole window."""

from __future__ import annotations

import os
from urllib.parse import quote_from_bytes

import bad_files
import numpy as np
import pytest
import soundfile
from driver import EXCERPT
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QWidget,
)

from auralscope.audio.files import load_clip

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ODD_NAME = b"50% l\xe9g\xe8re & \xff#?;.wav"  # bytes that are no text, and all that an address would take apart


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal((44100 * 6, 2)), 44100)
    return path


def drop(driver, urls):
    """Drop files onto the middle of the spectrogram."""
    mime = QMimeData()
    mime.setUrls(urls)
    viewport = driver.window.spectrogram.plot.viewport()
    at = viewport.rect().center()
    args = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(at, *args)
    QApplication.sendEvent(viewport, enter)
    if enter.isAccepted():
        QApplication.sendEvent(driver.window, QDropEvent(QPointF(at), *args))
    return enter.isAccepted()


def file_url(path):
    return QUrl.fromEncoded(b"file://" + quote_from_bytes(os.fsencode(path)).encode())


def test_a_file_is_dropped_whatever_its_name(ready, tmp_path, other):
    odd = tmp_path / os.fsdecode(ODD_NAME)
    other.rename(odd)
    assert [w for w in ready.window.findChildren(QWidget) if w.acceptDrops()] == [], "drops fall through to the window"
    assert drop(ready, [file_url(odd)])
    ready.until(lambda: ready.session.clip.source == odd)
    assert "50% l" in ready.window.windowTitle()
    assert "50% l" in ready.window.recording.choice.currentText()
    assert "0:06.0" in ready.window.recording.about.text()
    assert not ready.message()
    assert not drop(ready, [QUrl("https://example.org/a.wav")])


def test_several_files_are_offered_and_the_first_is_opened(ready, tmp_path, other):
    another = tmp_path / "another.flac"
    soundfile.write(another, np.zeros(44100 * 5), 44100)
    drop(ready, [file_url(other), file_url(another)])
    ready.until(lambda: ready.session.clip.source == other)
    choice = ready.window.recording.choice
    assert [choice.itemText(row) for row in range(choice.count())] == ["excerpt.ogg", "other.wav", "another.flac"]
    choice.setFocus()
    ready.key(Qt.Key.Key_Down, widget=choice)
    assert choice.currentText() == "other.wav", "what is said is what is open"
    ready.until(lambda: ready.session.clip.source == another)
    assert choice.currentText() == "another.flac"


def test_open_asks_for_files_with_its_key(ready, other, file_dialog):
    file_dialog.path = other
    ready.key(Qt.Key.Key_O, CONTROL)
    ready.until(lambda: ready.session.clip.source == other)
    assert "*.flac" in file_dialog.kinds[0][0]
    ready.click(ready.window.recording.open)
    assert len(file_dialog.folders) == 2
    assert file_dialog.folders[1] == str(other.parent), "in the folder of last time"


def recent(driver):
    menu = driver.window.actions_.recent
    menu.aboutToShow.emit()
    return [action for action in menu.actions() if action.text()]


def test_recent_files_persist_and_a_missing_one_is_reported(drive, tmp_path, other):
    odd = tmp_path / os.fsdecode(ODD_NAME)
    soundfile.write(str(tmp_path / "plain.wav"), np.zeros(44100), 44100)
    (tmp_path / "plain.wav").rename(odd)
    driver = drive()
    assert [action.text() for action in recent(driver)] == ["None yet"]
    for path in (other, odd, EXCERPT):
        driver.open(path)
    driver.open(other)
    driver.window.close()
    again = drive()
    names = [action.text() for action in recent(again)]
    assert names[:2] == ["other.wav", "excerpt.ogg"]
    assert names[2].startswith("50% l")
    assert len(names) == 4  # and: clear
    recent(again)[2].trigger()
    again.until(lambda: again.session.clip is not None)
    assert again.session.clip.source == odd
    other.unlink()
    actions = recent(again)
    next(action for action in actions if action.text() == "other.wav").trigger()
    again.until(again.message)
    assert "is not there" in again.message()
    assert again.session.clip.source == odd
    recent(again)[-1].trigger()
    assert [action.text() for action in recent(again)] == ["None yet"]


@pytest.mark.parametrize("name", bad_files.SAYS)
def test_a_bad_file_is_one_sentence_in_the_window_and_the_session_stays(ready, tmp_path, name):
    window, session = ready.window, ready.session
    unit = session.gallery.layer_result.order[0]
    sound = ready.click_unit(unit)
    clip, look = session.clip, session.window_result
    path = bad_files.make(name, tmp_path)
    drop(ready, [file_url(path)])
    ready.until(ready.message)
    assert bad_files.SAYS[name] in ready.message()
    assert "\n" not in ready.message()
    assert window.messages.label.isVisible()
    ready.idle()
    assert (session.clip, session.window_result, session.unit, session.listening.sound) == (clip, look, unit, sound)
    choice = window.recording.choice
    assert [choice.itemText(row) for row in range(choice.count())] == ["excerpt.ogg"]
    assert choice.currentText() == "excerpt.ogg"
    assert "excerpt.ogg" in window.windowTitle()
    ready.click(window.messages.dismiss)
    assert not ready.message()


def test_decoding_shows_its_progress_and_can_be_cancelled(ready, tmp_path):
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(44100 * 900, np.int16), 44100)
    clip, pane = ready.session.clip, ready.window.jobs
    shown = []
    ready.session.jobs.changed.connect(lambda: shown.append((pane.label.text(), pane.bar.value())))
    ready.window.open_files([long])
    assert pane.cancel.isVisible()
    assert "Opening" in pane.label.text()
    ready.until(lambda: any(value > 0 for _, value in shown))
    ready.click(pane.cancel)
    ready.idle()
    assert not pane.cancel.isVisible()
    assert pane.label.text() == ready.player.problem, "only what lasts"
    assert ready.session.clip is clip
    assert ready.window.recording.choice.currentText() == "excerpt.ogg"
    assert not ready.message()


def test_another_recording_takes_the_place_of_the_one_before(ready, other):
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    ready.open(other)
    assert ready.session.listening.sound is None
    assert not ready.window.transport.feature.isEnabled()
    ready.filled()
    np.testing.assert_array_equal(ready.session.clip.samples, load_clip(other).samples)
    assert ready.window.spectrogram.duration_s == ready.window.waveform.duration_s == pytest.approx(6.0)


def test_sound_and_picture_of_a_feature_are_saved(ready, tmp_path, file_dialog):
    ready.click_unit(ready.session.gallery.layer_result.order[0])
    file_dialog.path = tmp_path / "saved"
    ready.key(Qt.Key.Key_S, CONTROL)
    ready.until((tmp_path / "saved.wav").exists)
    ready.key(Qt.Key.Key_S, CONTROL | SHIFT)
    ready.until((tmp_path / "saved.png").exists)
    ready.until(lambda: "Written" in ready.window.jobs.label.text())
    label = ready.session.unit_label(ready.session.unit)
    assert file_dialog.names[0] == [f"excerpt {label}.wav"]
    saved = load_clip(tmp_path / "saved.wav")
    np.testing.assert_array_equal(saved.samples, ready.session.listening.feature_clip.samples)
