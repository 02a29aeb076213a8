"""Label page: what a model's label vectors say about its labels, in tabs, in place of the recording."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPixmap
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

from auralscope.ui.labels.controls import METRICS, LabelControls
from auralscope.ui.labels.heatmaps import HeatmapFigure
from auralscope.ui.labels.kernels import KernelsTab
from auralscope.ui.labels.noise import NoiseTab
from auralscope.ui.labels.recordings import MapTab
from auralscope.ui.labels.second_model import SecondModelTab
from auralscope.ui.labels.similarity import SimilarityTab
from auralscope.ui.labels.truth import TruthTab
from auralscope.ui.panes.status import JobsPane
from auralscope.ui.widgets.layouts import in_row, line

if TYPE_CHECKING:
    from pathlib import Path

    from auralscope.session.session import Session
    from auralscope.ui.dialogs import FileDialogs
    from auralscope.ui.labels.tab import Tab

SIDE_PX = 330
PICTURE_SCALE = 2.0
"""Pixels of a saved picture per pixel of the window."""

TABS = {
    "Similarity": "similarity",
    "Ground truth": "truth",
    "Two models": "second_model",
    "First layer": "kernels_tab",
    "Map of recordings": "map_tab",
    "Label noise": "noise_tab",
}
"""Title of each tab, and the pane's attribute that makes it."""


class LabelsPane(QFrame):
    """The label page.

    Parameters
    ----------
    session : Session
    dialogs : FileDialogs
    """

    closed = Signal()
    open_requested = Signal(list)
    """Paths of recordings."""
    tab_made = Signal()
    """The page has new buttons."""

    def __init__(self, session: Session, dialogs: FileDialogs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._labels = labels = session.labels
        self._dialogs = dialogs
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("Views of the labels")
        self.tabs.setDrawBase(False)
        for title in TABS:
            self.tabs.addTab(title)
        self.model = line(elastic=True)
        self.model.setMinimumWidth(40)
        self.jobs = JobsPane(session.jobs)
        self.back = QPushButton("Back")
        self.back.setToolTip("Back to the recording (V)")
        self.back.clicked.connect(self.closed)
        title_label = QLabel("Label vectors")
        title_label.setObjectName("title")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(title_label)
        row.addWidget(self.model, 1)
        row.addWidget(self.tabs)
        row.addWidget(self.back)

        self.controls = LabelControls(labels)
        self.readout = QLabel()
        self.readout.setTextFormat(Qt.TextFormat.PlainText)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.figures = QStackedWidget()
        self.sides = QStackedWidget()
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
        left.addLayout(in_row((self.readout, 2), (self.jobs, 1)))
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
        self.controls.save_picture_requested.connect(self._save_picture)
        self.controls.save_table_requested.connect(self._save_table)
        labels.changed.connect(self._show_title)
        self._show_title()
        self._show_tab(0)

    # -- tabs, each made when it is first opened ---------------------------------------------------------------------

    @cached_property
    def similarity(self) -> SimilarityTab:
        return SimilarityTab(self._labels)

    @cached_property
    def truth(self) -> TruthTab:
        return TruthTab(self._labels, self._dialogs)

    @cached_property
    def second_model(self) -> SecondModelTab:
        return SecondModelTab(self._labels, self._session.other_model)

    @cached_property
    def kernels_tab(self) -> KernelsTab:
        return KernelsTab(self._session.kernels, self._dialogs)

    @cached_property
    def map_tab(self) -> MapTab:
        tab = MapTab(self._session.recording_map, self._dialogs)
        tab.figure.play_requested.connect(self._play)
        return tab

    @cached_property
    def noise_tab(self) -> NoiseTab:
        return NoiseTab(self._session.noise, self._labels, self._dialogs)

    def _show_tab(self, place: int) -> None:
        tab: Tab = getattr(self, list(TABS.values())[place])
        figure = tab.figure
        if self.sides.indexOf(tab) < 0:
            self.figures.addWidget(figure)
            self.sides.addWidget(tab)
            figure.readout_changed.connect(self.readout.setText)
            if isinstance(figure, HeatmapFigure):
                figure.set_half(self.controls.half.isChecked())
                self.controls.half_changed.connect(figure.set_half)
            self.tab_made.emit()
        self.figures.setCurrentWidget(figure)
        self.sides.setCurrentWidget(tab)
        self.controls.setVisible(isinstance(figure, HeatmapFigure))
        self.controls.half.setVisible(isinstance(figure, HeatmapFigure) and figure.symmetric)
        self.readout.clear()

    def _show_title(self) -> None:
        self.model.setText(f"of {self._labels.title}" if self._labels.title else "")

    def begin(self) -> None:
        """Give the arrow keys to the heatmap."""
        self.similarity.figure.heatmaps[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _play(self, file: Path) -> None:
        self._session.recording_map.play_when_opened(file)
        self.open_requested.emit([file])

    # -- saving ------------------------------------------------------------------------------------------------------

    def _save_picture(self) -> None:
        figure = self.figures.currentWidget()
        name = f"label vectors of {self._labels.title}.png"
        words = (self._labels.title, self.tabs.tabText(self.tabs.currentIndex()), METRICS[self._labels.metric])
        heading = "Label vectors of " + ", ".join(words)
        if figure is not None:
            self._dialogs.save(
                "Save picture", name, lambda path: self._labels.save_picture(path, png_of(figure, heading))
            )

    def _save_table(self) -> None:
        """Save the last heatmap of the tab: with two side by side, the first is also in a tab of its own."""
        figure = self.figures.currentWidget()
        matrix = figure.heatmaps[-1].matrix if isinstance(figure, HeatmapFigure) else None
        if matrix is not None:
            name, values, labels = f"label vectors of {self._labels.title}.csv", matrix.values, matrix.labels
            self._dialogs.save("Save table", name, lambda path: self._labels.save_table(path, labels, values))


def png_of(widget: QWidget, heading: str) -> bytes:
    """Return a PNG of a widget below a line of text, sharper than on the screen."""
    line_px = widget.fontMetrics().height() + 8
    picture = QPixmap(QSize(widget.width(), widget.height() + line_px) * PICTURE_SCALE)
    picture.setDevicePixelRatio(PICTURE_SCALE)
    picture.fill(widget.palette().window().color())
    widget.render(picture, QPoint(0, line_px))
    painter = QPainter(picture)
    painter.setFont(widget.font())
    painter.setPen(widget.palette().windowText().color())
    painter.drawText(8, line_px - 8, heading)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    return bytes(buffer.data().data())
