"""Label vectors: the pane that shows what a network thinks of its labels, in the place of the recording."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from auralscope.ui.labels.controls import LabelControls
from auralscope.ui.labels.details import DetailsPane
from auralscope.ui.labels.figures import Figure
from auralscope.ui.labels.kernels import KernelsTab
from auralscope.ui.labels.map import MapTab
from auralscope.ui.labels.noise import NoiseTab
from auralscope.ui.labels.second_model import OtherTab
from auralscope.ui.labels.truth import TruthTab
from auralscope.ui.panes.status import JobsPane

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.session.session import Session
    from auralscope.ui.dialogs import FileDialogs

SIDE_PX = 330
PICTURE_SCALE = 2.0
"""A picture that is saved has so many times the pixels that the window has."""


Tab = DetailsPane | TruthTab | OtherTab | KernelsTab | MapTab | NoiseTab
TABS = (
    ("Similarity", "details"),
    ("Ground truth", "truth"),
    ("Two models", "other"),
    ("First layer", "kernels_tab"),
    ("Map of recordings", "map_tab"),
    ("Label noise", "noise_tab"),
)
"""Title, and attribute of the pane."""


class LabelsPane(QFrame):
    """Tabs for the heatmap and what it is held against.

    Parameters
    ----------
    session : Session
    dialogs : FileDialogs
    """

    closed = Signal()
    open_wanted = Signal(list)
    """Paths of recordings."""
    grown = Signal()
    """There are buttons that were not there before."""

    def __init__(self, session: Session, dialogs: FileDialogs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._labels = labels = session.labels
        self._dialogs = dialogs
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("What label vectors are held against")
        self.tabs.setDrawBase(False)
        self.model = QLabel()
        self.model.setObjectName("dim")
        self.model.setTextFormat(Qt.TextFormat.PlainText)
        self.jobs = JobsPane(session.jobs)
        self.back = QPushButton("Back")
        self.back.setToolTip("Back to the recording (V)")
        self.back.clicked.connect(self.closed)
        title = QLabel("Label vectors")
        title.setObjectName("title")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(title)
        row.addWidget(self.model)
        row.addWidget(self.tabs)
        row.addWidget(self.jobs, 1)
        row.addWidget(self.back)

        self.controls = LabelControls(labels)
        self.readout = QLabel()
        self.readout.setTextFormat(Qt.TextFormat.PlainText)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.kernels = session.kernels
        self.map = session.recording_map
        self.noise = session.noise
        self._other = session.other_model
        self.figures = QStackedWidget()
        self.sides = QStackedWidget()
        self._made: list[Tab] = []
        for name, _ in TABS:
            self.tabs.addTab(name)

        side = QWidget()
        side.setFixedWidth(SIDE_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.controls)
        column.addWidget(self.sides, 1)
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addWidget(self.figures, 1)
        left.addWidget(self.readout)
        body = QHBoxLayout()
        body.setSpacing(10)
        body.addLayout(left, 1)
        body.addWidget(side)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 6)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addLayout(body, 1)

        self.tabs.currentChanged.connect(self._show_tab)
        self.controls.save_picture_wanted.connect(self._save_picture)
        self.controls.save_table_wanted.connect(self._save_table)
        labels.changed.connect(self._show_title)
        session.model_changed.connect(self._want_kernels)
        self._show_title()
        self._show_tab(0)

    # -- tabs: each is made when it is first opened ------------------------------------------------------------------

    @cached_property
    def details(self) -> DetailsPane:
        tab = DetailsPane(self._labels)
        self.controls.half_changed.connect(tab.figure.set_half)
        return tab

    @cached_property
    def truth(self) -> TruthTab:
        tab = TruthTab(self._labels)
        tab.load.clicked.connect(lambda: self._dialogs.open_ground_truth(self._labels.load_truth))
        return tab

    @cached_property
    def other(self) -> OtherTab:
        tab = OtherTab(self._labels, self._other)
        tab.figure.set_half(self.controls.half.isChecked())
        self.controls.half_changed.connect(tab.figure.set_half)
        return tab

    @cached_property
    def kernels_tab(self) -> KernelsTab:
        tab = KernelsTab(self.kernels)
        tab.listen.clicked.connect(lambda: self._dialogs.open_recordings(self.kernels.correlate))
        return tab

    @cached_property
    def map_tab(self) -> MapTab:
        tab = MapTab(self.map)
        tab.files.clicked.connect(lambda: self._dialogs.open_recordings(self.map.lay_out))
        tab.folder.clicked.connect(lambda: self._dialogs.open_folder(lambda folder: self.map.lay_out([folder])))
        tab.figure.play_wanted.connect(self._play)
        return tab

    @cached_property
    def noise_tab(self) -> NoiseTab:
        tab = NoiseTab(self.noise, self._labels)
        tab.truth.clicked.connect(lambda: self._dialogs.open_ground_truth(self._labels.load_truth))
        tab.listened.clicked.connect(lambda: self._dialogs.open_table("Listened to again", self.noise.load_judgements))
        tab.scores.clicked.connect(lambda: self._dialogs.open_table("The model's scores", self.noise.rate))
        tab.folder.clicked.connect(lambda: self._dialogs.open_folder(self.noise.rate))
        return tab

    def _show_tab(self, place: int) -> None:
        tab: Tab = getattr(self, TABS[place][1])
        if tab not in self._made:
            self._made.append(tab)
            self.figures.addWidget(tab.figure)
            self.sides.addWidget(tab)
            tab.figure.said.connect(self.readout.setText)
            tab.figure.recolour()
            tab.recolour()
            self.grown.emit()
        self.figures.setCurrentWidget(tab.figure)
        self.sides.setCurrentWidget(tab)
        self.controls.setVisible(isinstance(tab.figure, Figure))
        self.controls.half.setVisible(not isinstance(tab, TruthTab))
        self.readout.clear()
        self._want_kernels()

    def _want_kernels(self) -> None:
        """They are described for those who look at them."""
        if isinstance(self.sides.currentWidget(), KernelsTab):
            self.kernels.describe()

    def _show_title(self) -> None:
        self.model.setText(f"of {self._labels.title}" if self._labels.title else "")

    def recolour(self) -> None:
        """After a change of theme."""
        for tab in self._made:
            tab.figure.recolour()
            tab.recolour()

    def begin(self) -> None:
        """Put the arrow keys where they are of use."""
        self.details.figure.heatmaps[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _play(self, file: Path) -> None:
        self.map.play_when_opened(file)
        self.open_wanted.emit([file])

    # -- saving ------------------------------------------------------------------------------------------------------

    def _save_picture(self) -> None:
        figure: QWidget = self.figures.currentWidget()  # type: ignore[assignment]
        self._save("picture", ".png", lambda path: self._labels.save_picture(path, png_of(figure)))

    def _save_table(self) -> None:
        """Of two heatmaps side by side, the one that is nowhere else."""
        figure = self.figures.currentWidget()
        matrix = figure.heatmaps[-1].matrix if isinstance(figure, Figure) else None
        if matrix is not None:
            values, labels = matrix.values, matrix.labels
            self._save("table", ".csv", lambda path: self._labels.save_table(path, labels, values))

    def _save(self, what: str, suffix: str, save: Callable[[Path], None]) -> None:
        self._dialogs.save(f"Save {what}", f"label vectors of {self._labels.title}{suffix}", save)


def png_of(widget: QWidget) -> bytes:
    """A picture of a widget as it is seen, sharper than on the screen."""
    picture = QPixmap(widget.size() * PICTURE_SCALE)
    picture.setDevicePixelRatio(PICTURE_SCALE)
    picture.fill(widget.palette().window().color())
    widget.render(picture)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    return bytes(buffer.data().data())
