"""The recording that is open, and those opened before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from auralscope.dsp.scales import time_label
from auralscope.storage import quoted

if TYPE_CHECKING:
    from auralscope.session.session import Session
    from auralscope.types import Clip

_CHANNELS = {1: "mono", 2: "stereo"}


class RecordingPane(QFrame):
    """Its name and format above its waveform.

    Parameters
    ----------
    session : Session
    overview : QWidget
        The waveform of the whole recording.
    """

    open_wanted = Signal()

    def __init__(self, session: Session, overview: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self.choice = QComboBox()
        self.choice.setAccessibleName("Recording")
        self.choice.setToolTip("The recordings opened in this sitting")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(28)
        self.choice.setPlaceholderText("Open a recording, or drop one here")
        self.about = QLabel()
        self.about.setObjectName("dim")
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.open = QPushButton("Open…")
        self.open.setToolTip("Open recordings (Ctrl+O), or drop them anywhere on the window")
        row = QHBoxLayout()
        row.addWidget(self.open)
        row.addWidget(self.choice)
        row.addWidget(self.about, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(overview, 1)
        self.open.clicked.connect(self.open_wanted)
        self.choice.activated.connect(lambda: session.open(Path(self.choice.currentData())))
        session.recording_changed.connect(self._show)
        session.problem.connect(self._show)

    def add(self, paths: list[Path]) -> None:
        """Offer recordings that have not been decoded yet."""
        for path in paths:
            if self._row(path) < 0:
                self.choice.addItem(quoted(path.name)[1:-1], path)
                self.choice.setItemData(self.choice.count() - 1, quoted(path), Qt.ItemDataRole.ToolTipRole)
        self._show()

    def _row(self, path: Path) -> int:
        return next((row for row in range(self.choice.count()) if self.choice.itemData(row) == path), -1)

    def _show(self, _sentence: str = "") -> None:
        clip = self._session.clip
        if clip is None or clip.source is None:
            self.choice.setCurrentIndex(-1)
            return
        if self._row(clip.source) < 0:
            self.add([clip.source])
        self.choice.setCurrentIndex(self._row(clip.source))
        self.about.setText(_about(clip))


def _about(clip: Clip) -> str:
    channels = _CHANNELS.get(clip.channels, f"{clip.channels} channels")
    return f"{time_label(clip.duration_s, 0.1)} · {clip.sample_rate:,} Hz · {channels}"
