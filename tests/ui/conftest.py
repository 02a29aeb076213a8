"""A real window for the tests of it, closed afterwards with nothing left that ticks or works."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from auralscope.resources import resource
from auralscope.ui.main_window import MainWindow

EXCERPT = resource("excerpt.ogg")
MODEL = "genre-convnet"
PATIENCE_MS = 60_000


def working_threads():
    """Names of the threads that a window's session may have."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("auralscope-", "player"))]


@pytest.fixture
def settings(tmp_path):
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture(autouse=True)
def no_plugins_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(tmp_path / "no plugins"))


@pytest.fixture
def make_window(qtbot, settings):
    """Open windows of the same settings; each is closed in the end."""
    windows = []

    def make(size=(1280, 720)):
        window = MainWindow(settings, "cpu")
        windows.append(window)
        window.resize(*size)
        window.show()
        qtbot.waitExposed(window)
        window.activateWindow()
        return window

    yield make
    for window in windows:
        window.close()
        assert not [timer for timer in window.findChildren(QTimer) if timer.isActive()]
        window.deleteLater()
    QApplication.processEvents()
    assert not working_threads()


@pytest.fixture
def window(make_window):
    """Open, and empty."""
    return make_window()


@pytest.fixture
def until(qtbot):
    """Let the window live until a condition holds."""

    def wait(condition, timeout_ms=PATIENCE_MS):
        qtbot.waitUntil(lambda: bool(condition()), timeout=timeout_ms)

    return wait


@pytest.fixture
def opened(window, until):
    """With the bundled excerpt and the genre convnet, the gallery of the first layer full."""
    window.begin([EXCERPT], MODEL)
    until(lambda: is_full(window))
    return window


def is_full(window):
    """Whether all features of the layer are there and nothing is under way."""
    session = window.session
    look = session.layer_look
    titled = [job for job in session.jobs.running if job.title]
    return look is not None and len(session.features) == len(look.order) and not titled
