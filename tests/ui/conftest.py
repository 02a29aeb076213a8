"""A real window for the tests of it, closed afterwards with nothing left that ticks or works."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from auralscope.resources import resource
from auralscope.ui.main_window import MainWindow

EXCERPT = resource("excerpt.ogg")
MODEL = "genre-convnet"
PATIENCE_MS = 60_000


def working_threads():
    """Names of the threads that a window's session may have."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("auralscope-", "player"))]


def is_full(window):
    """Whether all features of the layer are there and nothing is under way."""
    session = window.session
    look = session.layer_look
    titled = [job for job in session.jobs.running if job.title]
    return look is not None and len(session.features) == len(look.order) and not titled


def wait_until(condition, timeout_ms=PATIENCE_MS):
    """Let the event loop run until a condition holds."""
    end_s = time.monotonic() + timeout_ms / 1000
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"waited {timeout_ms / 1000:g} s in vain")
        QTest.qWait(5)


@contextmanager
def a_window(settings, size=(1280, 720)):
    """Open and active; in the end nothing of it ticks or works."""
    before = set(working_threads())
    window = MainWindow(settings, "cpu")
    window.resize(*size)
    window.show()
    assert QTest.qWaitForWindowExposed(window)
    window.activateWindow()
    try:
        yield window
    finally:
        window.close()
        ticking = [timer for timer in window.findChildren(QTimer) if timer.isActive()]
        window.deleteLater()
        QApplication.processEvents()
    assert not ticking
    assert set(working_threads()) <= before


def new_settings(folder):
    return QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def settings(tmp_path):
    return new_settings(tmp_path)


@pytest.fixture
def window(qtbot, settings):
    """Open, and empty."""
    with a_window(settings) as window:
        yield window


@pytest.fixture
def until():
    return wait_until


@pytest.fixture
def opened(window):
    """With the bundled excerpt and the genre convnet, looking at it, idle or still filling the gallery."""
    window.begin([EXCERPT], MODEL)
    wait_until(lambda: window.session.layer_look is not None)
    return window
