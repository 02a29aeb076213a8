"""The open recording, and the list of recordings to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QPushButton, QWidget

from auralscope.display.ticks import time_label
from auralscope.files import quoted
from auralscope.types import channel_name
from auralscope.ui.widgets.layouts import in_column, in_row, line

if TYPE_CHECKING:
    from auralscope.session.session import Session
    from auralscope.types import Clip
    from auralscope.ui.panes.status import JobsPane

_CHANNELS = {1: "mono", 2: "stereo"}


class RecordingPane(QFrame):
    """Name, duration and format of the recording above its waveform.

    Parameters
    ----------
    session : Session
    overview : QWidget
        The waveform of the whole recording.
    jobs : JobsPane
        Progress of background jobs, to the right of the name.
    """

    open_requested = Signal()

    def __init__(self, session: Session, overview: QWidget, jobs: JobsPane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._overview, self._jobs = overview, jobs
        self.choice = QComboBox()
        self.choice.setAccessibleName("Recording")
        self.choice.setToolTip("Recordings opened since the program started")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(28)
        self.choice.setPlaceholderText("Open a recording, or drop one here")
        self.about = line()
        self.channel = QComboBox()
        self.channel.setAccessibleName("Analysed channel")
        self.channel.setToolTip(
            "The channel that the model analyses and the spectrogram shows: the mix of all channels, or one of them.\n"
            "Playback has all channels."
        )
        self.channel.hide()
        self.open = QPushButton("Open…")
        self.open.setToolTip("Open recordings (Ctrl+O), or drop them anywhere on the window")
        tools = in_row(self.open, self.choice, self.about, self.channel, (jobs, 1), spacing=6)
        in_column(self, tools, (overview, 1), margins=(8, 6, 8, 6))
        self.open.clicked.connect(self.open_requested)
        self.choice.activated.connect(self._choose)
        self.channel.activated.connect(lambda: session.choose_channel(self.channel.currentData()))
        session.recording_changed.connect(self._show)
        session.recording_changed.connect(self._list_channels)
        session.channel_changed.connect(self._list_channels)
        session.open_failed.connect(self._drop)

    def tab_order(self) -> list[QWidget]:
        return [self.open, self.choice, self.channel, *self._jobs.tab_order(), self._overview]

    def add(self, paths: list[Path]) -> None:
        """List recordings to choose from. They are decoded when they are chosen."""
        for path in paths:
            if self._row(path) < 0:
                self.choice.addItem(quoted(path.name)[1:-1], path)
                self.choice.setItemData(self.choice.count() - 1, quoted(path), Qt.ItemDataRole.ToolTipRole)
        self._show()

    def _row(self, path: Path) -> int:
        return next((row for row in range(self.choice.count()) if self.choice.itemData(row) == path), -1)

    def _choose(self) -> None:
        path = self.choice.currentData()
        self._show()  # keep the name of the open recording until the other one is open
        self._session.open(path)

    def _drop(self, path: Path) -> None:
        """Remove a recording that cannot be opened."""
        clip = self._session.clip
        if self._row(path) >= 0 and (clip is None or clip.source != path):
            self.choice.removeItem(self._row(path))
        self._show()

    def _show(self) -> None:
        clip = self._session.clip
        if clip is None or clip.source is None:
            self.choice.setCurrentIndex(-1)
            return
        if self._row(clip.source) < 0:
            self.add([clip.source])
        self.choice.setCurrentIndex(self._row(clip.source))
        self.about.setText(_about(clip))

    def _list_channels(self) -> None:
        """List the channels of the recording, and show which is analysed."""
        clip = self._session.clip
        if clip is None:
            return
        self.channel.clear()
        for channel in (None, *range(clip.channels)):
            name = channel_name(channel, clip.channels)
            self.channel.addItem(f"Channel {name}" if name.isdigit() else name.capitalize(), channel)
        self.channel.setCurrentIndex(self.channel.findData(clip.analysed_channel))
        self.channel.setVisible(clip.channels > 1)


def _about(clip: Clip) -> str:
    channels = _CHANNELS.get(clip.channels, f"{clip.channels} channels")
    return f"{time_label(clip.duration_s, 0.1)} · {clip.sample_rate:,} Hz · {channels}"
