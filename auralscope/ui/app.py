"""Start the window and run the program."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from auralscope.files import resource
from auralscope.ui.main_window import MainWindow


def run(files: list[Path], *, device: str, model: str | None) -> int:
    """Open the window and run until it is closed.

    Parameters
    ----------
    files : list of Path
        Recordings. Without any, the bundled excerpt is opened.
    device : str
        Device on which models run: "auto", "cpu", "cuda" or "mps".
    model : str, optional
        Id of the first model; see `auralscope.catalogue.first_model` unless given.

    Returns
    -------
    int
        Exit status of the program, 0.
    """
    app = QApplication.instance() or QApplication([sys.argv[0]])
    assert isinstance(app, QApplication)
    app.setApplicationName("AuralScope")
    app.setApplicationDisplayName("AuralScope")
    window = MainWindow(QSettings("AuralScope", "AuralScope"), device)
    window.show()
    # Start after the window is on the screen, because torch takes seconds to import.
    QTimer.singleShot(0, lambda: window.begin(files or [resource("excerpt.ogg")], model))
    previous = signal.signal(signal.SIGINT, lambda *_: window.close())
    awake = QTimer()  # runs Python code regularly: Python handles Ctrl+C only between two of its own instructions
    awake.start(500)
    try:
        return app.exec()
    finally:
        awake.stop()
        signal.signal(signal.SIGINT, previous)
