"""Label vectors: the pane that shows what a network thinks of its labels, in the place of the recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QBuffer, QIODevice, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
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

from auralscope.audio.files import SUFFIXES
from auralscope.session.label_other import OtherModel
from auralscope.session.label_recordings import Kernels, RecordingMap
from auralscope.ui.panes.label_controls import LabelControls
from auralscope.ui.panes.label_details import DetailsPane
from auralscope.ui.panes.label_figures import Figure, SimilarityFigure
from auralscope.ui.panes.label_kernels import KernelsFigure, KernelsTab
from auralscope.ui.panes.label_map import MapFigure, MapTab
from auralscope.ui.panes.label_other import OtherTab
from auralscope.ui.panes.label_truth import TruthTab
from auralscope.ui.panes.status import JobsPane

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QSettings

    from auralscope.session.labels import Labels
    from auralscope.session.session import Session

SIDE_PX = 330
PICTURE_SCALE = 2.0
"""A picture that is saved has so many times the pixels that the window has."""


class Recoloured(Protocol):
    """What draws in the theme's colours."""

    def recolour(self) -> None: ...


class LabelsPane(QFrame):
    """Tabs for the heatmap and what it is held against.

    Parameters
    ----------
    session : Session
    labels : Labels
    settings : QSettings
    """

    closed = Signal()
    open_wanted = Signal(list)
    """Paths of recordings."""

    def __init__(self, session: Session, labels: Labels, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._labels = labels
        self._settings = settings
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("What label vectors are held against")
        self.tabs.setDrawBase(False)
        self.model = QLabel()
        self.model.setObjectName("dim")
        self.model.setTextFormat(Qt.TextFormat.PlainText)
        self.jobs = JobsPane(session.jobs)
        self.back = QPushButton("Back to the recording")
        self.back.setToolTip("Close the label vectors (V)")
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
        self.similarity = SimilarityFigure(labels)
        self.details = DetailsPane(labels)
        self.figures = QStackedWidget()
        self.sides = QStackedWidget()
        self._recoloured: list[Recoloured] = []
        self._add_tab("Similarity", self.similarity, self.details)
        self.truth = TruthTab(labels)
        self.truth.load.clicked.connect(self._load_truth)
        self._add_tab("Ground truth", self.truth.figure, self.truth)
        self.other = OtherTab(labels, OtherModel(session, labels))
        self._add_tab("Two models", self.other.figure, self.other)
        self.kernels = Kernels(session, labels)
        self.kernels_tab = KernelsTab(self.kernels)
        self.kernels_tab.listen.clicked.connect(lambda: self._choose_recordings(self.kernels.hear_over))
        self._add_tab("First layer", self.kernels_tab.figure, self.kernels_tab)
        self.map = RecordingMap(session)
        self.map_tab = MapTab(self.map)
        self.map_tab.files.clicked.connect(lambda: self._choose_recordings(self.map.lay_out))
        self.map_tab.folder.clicked.connect(self._choose_folder)
        self.map_tab.figure.play_wanted.connect(self._play)
        self._add_tab("Map of recordings", self.map_tab.figure, self.map_tab)

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
        for figure in (self.similarity, self.other.figure):
            self.controls.half_changed.connect(figure.set_half)
        self.controls.save_picture_wanted.connect(self._save_picture)
        self.controls.save_table_wanted.connect(self._save_table)
        labels.changed.connect(self._show_title)
        session.model_changed.connect(self._model_changed)
        self._show_title()
        self._show_tab(0)

    def _add_tab(
        self,
        title: str,
        figure: Figure | KernelsFigure | MapFigure,
        side: DetailsPane | TruthTab | OtherTab | KernelsTab | MapTab,
    ) -> None:
        self.tabs.addTab(title)
        self.figures.addWidget(figure)
        self.sides.addWidget(side)
        self._recoloured += [figure, side]
        figure.said.connect(self.readout.setText)

    def _show_tab(self, place: int) -> None:
        self.figures.setCurrentIndex(place)
        self.sides.setCurrentIndex(place)
        figure = self.figures.currentWidget()
        self.controls.setVisible(isinstance(figure, Figure))
        self.controls.half.setVisible(figure is not self.truth.figure)
        self.readout.clear()
        if figure is self.kernels_tab.figure:
            self.kernels.want()

    def _model_changed(self) -> None:
        if self.figures.currentWidget() is self.kernels_tab.figure:
            self.kernels.want()

    def _show_title(self) -> None:
        self.model.setText(f"of {self._labels.title}" if self._labels.title else "")

    def recolour(self) -> None:
        """After a change of theme."""
        for pane in self._recoloured:
            pane.recolour()

    def begin(self) -> None:
        """Put the arrow keys where they are of use."""
        self.similarity.heatmaps[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _load_truth(self) -> None:
        folder = str(self._settings.value("files/labels folder", ""))
        names, _ = QFileDialog.getOpenFileNames(
            self, "Load ground truth", folder, "Tracks x labels (*.npy *.csv *.tsv *.txt);;All files (*)"
        )
        if names:
            self._settings.setValue("files/labels folder", str(Path(names[0]).parent))
            self._labels.load_truth([Path(name) for name in names])

    def _choose_recordings(self, then: Callable[[list[Path]], None]) -> None:
        sound = f"Sound and video ({' '.join('*' + suffix for suffix in SUFFIXES)})"
        folder = str(self._settings.value("files/folder", ""))
        names, _ = QFileDialog.getOpenFileNames(self, "Choose recordings", folder, f"{sound};;All files (*)")
        if names:
            self._settings.setValue("files/folder", str(Path(names[0]).parent))
            then([Path(name) for name in names])

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Choose a folder of recordings", str(self._settings.value("files/folder", ""))
        )
        if folder:
            self._settings.setValue("files/folder", folder)
            self.map.lay_out([Path(folder)])

    def _play(self, file: Path) -> None:
        self.map.play_when_opened(file)
        self.open_wanted.emit([file])

    # -- saving ------------------------------------------------------------------------------------------------------

    def _save_picture(self) -> None:
        figure: QWidget = self.figures.currentWidget()  # type: ignore[assignment]
        self._save("picture", "png", "PNG (*.png)", lambda path: self._labels.save_picture(path, png_of(figure)))

    def _save_table(self) -> None:
        self._save("table", "csv", "Table (*.csv)", self._labels.save_table)

    def _save(self, what: str, suffix: str, kind: str, save: Callable[[Path], None]) -> None:
        folder = Path(str(self._settings.value("files/save folder", "")))
        suggested = f"label vectors of {self._labels.title}.{suffix}".replace("/", "-")
        name, _ = QFileDialog.getSaveFileName(self, f"Save {what}", str(folder / suggested), kind)
        if name:
            path = Path(name)
            self._settings.setValue("files/save folder", str(path.parent))
            save(path if path.suffix else path.with_suffix(f".{suffix}"))


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
