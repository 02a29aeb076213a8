"""The program with its window."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from auralscope.files import resource
from auralscope.ui.main_window import MainWindow

FIRST_MODEL = "genre-convnet"


def run(files: list[Path], *, device: str, model: str | None) -> int:
    """Open the window and stay until it is closed.

    Parameters
    ----------
    files : list of Path
        Recordings; the bundled excerpt where there are none.
    device : str
        Where models run: "auto", "cpu", "cuda", "mps".
    model : str, optional
        The model to begin with; the genre convnet unless given.

    Returns
    -------
    int
        0, as a program's status.
    """
    app = QApplication.instance() or QApplication([sys.argv[0]])
    assert isinstance(app, QApplication)
    app.setApplicationName("AuralScope")
    app.setApplicationDisplayName("AuralScope")
    window = MainWindow(QSettings("AuralScope", "AuralScope"), device)
    window.show()
    # Once the window is on the screen: what follows imports torch, in the background.
    QTimer.singleShot(0, lambda: window.begin(files or [resource("excerpt.ogg")], model or FIRST_MODEL))
    previous = signal.signal(signal.SIGINT, lambda *_: window.close())
    awake = QTimer()  # lets Python see Ctrl+C, which it does between two of its own instructions only
    awake.start(500)
    try:
        return app.exec()
    finally:
        awake.stop()
        signal.signal(signal.SIGINT, previous)
