"""Drive a real window with mouse and keys: the fixture `drive` of the tests in this folder."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import contextmanager

import pyqtgraph as pg
import pytest
import shiboken6
import torch
from kept import EXCERPT, kept
from PySide6.QtCore import QEvent, QPoint, QPointF, QSettings, Qt, QThread, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QLabel, QWidget

from auralscope.ui.main_window import MainWindow

PATIENCE_S = 60.0
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NO_KEYS = Qt.KeyboardModifier.NoModifier


def left_over():
    """Return the running threads and QThreads, and the active QTimers."""
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith(("auralscope-", "player"))]
    for each in gc.get_objects():
        kind = type(each)  # not isinstance: it asks some modules for a class, and they warn
        if issubclass(kind, QThread | QTimer) and shiboken6.isValid(each):
            running = each.isRunning() if issubclass(kind, QThread) else each.isActive()
            if running:
                left.append(each)
    return left


def name_of(each):
    return f"{each!r} of {each.parent()!r}" if isinstance(each, QThread | QTimer) else each


def wait_until(condition):
    """Run the event loop until a condition holds."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"the condition does not hold after {PATIENCE_S:g} s")
        QTest.qWait(5)


class Driver:
    """Window with its session, driven with the mouse and the keys."""

    def __init__(self, qtbot, settings):
        self.qtbot = qtbot
        self.window = MainWindow(settings, "cpu")
        self.window.resize(1280, 720)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)

    @property
    def session(self):
        return self.window.session

    @property
    def player(self):
        return self.window.session.listening.player

    until = staticmethod(wait_until)

    def idle(self):
        self.until(lambda: not self.session.jobs.running)

    def begin(self, path=EXCERPT):
        """Begin as the program does, and wait for the first gallery."""
        self.window.begin([path], "genre-convnet")
        self.filled()
        self.idle()
        return self

    def filled(self):
        """Wait until all results of the layer are shown."""
        session = self.session
        self.until(
            lambda: (
                session.gallery.layer_result is not None
                and len(session.gallery.features) == len(session.gallery.layer_result.order)
            )
        )

    def open(self, path):
        before = self.session.clip
        self.window.open_files([path])
        self.until(lambda: self.session.clip is not before)

    def key(self, key, modifier=NO_KEYS, widget=None):
        QTest.keyClick(widget or self.window, key, modifier)

    def click(self, widget, at: QPoint | None = None, modifier=NO_KEYS):
        QTest.mouseClick(widget, LEFT, modifier, at or widget.rect().center())

    def choose(self, box, data):
        """Choose in a combo box with the keys."""
        box.setFocus()
        row = next(row for row in range(box.count()) if box.itemData(row) == data)
        while box.currentIndex() != row:
            before = box.currentIndex()
            QTest.keyClick(box, Qt.Key.Key_Down if row > before else Qt.Key.Key_Up)
            assert box.currentIndex() != before

    def layer(self, name):
        self.click(self.window.model_pane.layers.buttons[name])
        assert self.session.layer == name

    def tile(self, unit):
        """Scroll to a unit's thumbnail and return its position."""
        view, model = self.window.gallery.view, self.window.gallery.model
        index = model.index(model.row_of(unit))
        view.scrollTo(index)
        return view.visualRect(index)

    def click_unit(self, unit):
        """Click a thumbnail and wait for its sound."""
        before = self.session.listening.sound
        self.click(self.window.gallery.view.viewport(), self.tile(unit).center())
        assert self.session.unit == unit
        self.until(lambda: self.session.listening.sound not in (None, before))
        return self.session.listening.sound

    def message(self):
        """Return the error message of the window, or an empty string."""
        messages = self.window.messages
        return messages.label.text() if messages.isVisible() else ""

    def place(self, pane, time_s, share=0.5):
        """Return the point of a pane's viewport at a time and a share of the height from the top."""
        rect = pane.box.sceneBoundingRect()
        x = pane.box.mapViewToScene(QPointF(time_s, 0.0)).x()
        return pane.plot.mapFromScene(QPointF(x, rect.top() + share * rect.height()))

    def hover(self, pane, at: QPoint):
        self._mouse(pane, QEvent.Type.MouseMove, at, NO_BUTTON, NO_BUTTON, NO_KEYS)

    def drag(self, pane, start: QPoint, end: QPoint, modifier=NO_KEYS):
        self._mouse(pane, QEvent.Type.MouseMove, start, NO_BUTTON, NO_BUTTON, modifier)
        self._mouse(pane, QEvent.Type.MouseButtonPress, start, LEFT, LEFT, modifier)
        for at in ((start + end) / 2, end):
            self._mouse(pane, QEvent.Type.MouseMove, at, NO_BUTTON, LEFT, modifier)
        self._mouse(pane, QEvent.Type.MouseButtonRelease, end, LEFT, NO_BUTTON, modifier)

    def double_click(self, pane, at: QPoint):
        """Send the events of a double click, in which the second press is another event."""
        for press in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self._mouse(pane, press, at, LEFT, LEFT, NO_KEYS)
            self._mouse(pane, QEvent.Type.MouseButtonRelease, at, LEFT, NO_BUTTON, NO_KEYS)

    def _mouse(self, pane, kind, at, button, held, modifier):
        viewport = pane.plot.viewport()
        event = QMouseEvent(kind, QPointF(at), QPointF(viewport.mapToGlobal(at)), button, held, modifier)
        QApplication.sendEvent(viewport, event)


@pytest.fixture
def settings_file(tmp_path):
    return tmp_path / "auralscope.ini"


def close_all(drivers):
    """Close windows; no thread or timer of theirs remains."""
    for driver in drivers:
        driver.window.close()
    end_s = time.monotonic() + 3.0  # a view may still be about to draw itself; what dangles would tick on
    while left := [name_of(each) for each in left_over()]:
        QApplication.processEvents()
        if time.monotonic() > end_s:
            break
    for driver in drivers:
        driver.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not left, "closing the window ends everything"


@contextmanager
def prepared(qapp, plugins):
    """Hide the user's plugins, and restore what windows change in the process."""
    # Tests run beside other work: two threads that wait for each other take many times as long.
    threads, mouse_rate = torch.get_num_threads(), pg.getConfigOption("mouseRateLimit")
    palette, sheet = qapp.palette(), qapp.styleSheet()
    torch.set_num_threads(1)
    pg.setConfigOptions(mouseRateLimit=-1)  # every move of the mouse counts
    with pytest.MonkeyPatch.context() as patch, kept():
        patch.setenv("AURALSCOPE_PLUGINS", str(plugins))
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            pg.setConfigOptions(mouseRateLimit=mouse_rate)
            qapp.setStyleSheet(sheet)
            qapp.setPalette(palette)


@pytest.fixture
def drive(qapp, qtbot, settings_file, tmp_path, shared_window):
    """Return a function that opens new windows with the same settings."""
    shared_window.close()
    drivers = []

    def open_window():
        drivers.append(Driver(qtbot, QSettings(str(settings_file), QSettings.Format.IniFormat)))
        return drivers[-1]

    with prepared(qapp, tmp_path / "no plugins"):
        yield open_window
        close_all(drivers)


class FileDialogAnswer:
    """Choose `path` in every file dialog that opens, cancel while it is None, and keep what each dialog offered."""

    def __init__(self):
        self.path = None
        self.titles, self.folders, self.names, self.kinds = [], [], [], []

    def choose(self, dialog):
        self.titles.append(dialog.windowTitle())
        self.folders.append(dialog.directory().path())
        self.names.append([name.rpartition("/")[2] for name in dialog.selectedFiles()])
        self.kinds.append(dialog.nameFilters())
        if self.path is not None:
            dialog.selectFile(str(self.path))
        return self.path is not None


@pytest.fixture
def file_dialog(monkeypatch):
    answer = FileDialogAnswer()
    monkeypatch.setattr(QFileDialog, "exec", lambda dialog: answer.choose(dialog))
    return answer


def cut_texts(window):
    """List the texts of visible widgets that are wider than their widget."""
    cut = []
    for widget in window.findChildren(QWidget):
        text = widget.text() if isinstance(widget, QLabel | QAbstractButton) else ""
        if isinstance(widget, QComboBox):
            text = widget.currentText()
        if not text or not widget.isVisible() or (isinstance(widget, QLabel) and widget.wordWrap()):
            continue
        needed = max(widget.fontMetrics().horizontalAdvance(line) for line in text.splitlines())
        if isinstance(widget, QComboBox):
            needed += 18
        if needed > widget.width():
            cut.append((type(widget).__name__, text))
    return cut
