"""The spectrogram above the tags over time, with their controls and the chosen feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QSplitter, QWidget

from auralscope.ui.graphs.axes import LEFT_AXIS_PX
from auralscope.ui.panes.taggram import NAMES_PX, TaggramPane
from auralscope.ui.widgets.choices import kept_number
from auralscope.ui.widgets.layouts import in_column

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings

    from auralscope.session.session import Session
    from auralscope.ui.panes.controls import ControlsPane
    from auralscope.ui.panes.feature import FeaturePane
    from auralscope.ui.panes.spectrogram import SpectrogramPane

TAGGRAM_SHARE = 0.42
"""Largest share of the height that the tags over time take until the user drags the handle."""


class PicturesPane(QFrame):
    """Card that divides its height between the spectrogram and the tags over time."""

    def __init__(
        self,
        session: Session,
        settings: QSettings,
        *,
        controls: ControlsPane,
        spectrogram: SpectrogramPane,
        taggram: TaggramPane,
        feature: FeaturePane,
    ) -> None:
        super().__init__()
        self.setObjectName("card")
        self._session = session
        self._settings = settings
        self._controls, self._feature = controls, feature
        self._spectrogram, self._taggram = spectrogram, taggram
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.addWidget(spectrogram)
        self._splitter.addWidget(taggram)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(6)
        in_column(self, controls, (self._splitter, 1), feature, spacing=5, margins=(8, 6, 8, 8))
        taggram.suggested_height_changed.connect(self._set_heights)
        self._splitter.splitterMoved.connect(lambda: settings.setValue("window/taggram", taggram.height()))

    def tab_order(self) -> list[QWidget]:
        panes = (self._controls, self._spectrogram, self._taggram, self._feature)
        return [widget for pane in panes for widget in pane.tab_order()]

    def show_taggram(self, shown: bool) -> None:
        """Show the tags over time or hide them. They are computed only while they are shown."""
        self._settings.setValue("view/taggram", shown)
        self._taggram.setVisible(shown)
        # The spectrogram's axis gets the width of the labels' names, so that equal times are above one another.
        self._spectrogram.plot.getAxis("left").setWidth(NAMES_PX if shown else LEFT_AXIS_PX)
        self._set_heights()
        self._session.taggram.set_active(shown)

    def _set_heights(self) -> None:
        height = self._splitter.height()
        chosen = kept_number(self._settings, "window/taggram", 0)
        suggested = min(self._taggram.suggested_height(), round(TAGGRAM_SHARE * height))
        taggram = min(chosen or suggested, self._taggram.maximumHeight())
        self._splitter.setSizes([max(height - taggram, 1), taggram])
