"""Scale of a colour map: its colours from 0 to the highest value."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs.colour import COLOUR_MAPS, value_lut
from auralscope.ui.graphs.items import image_of


class ColourScale(QWidget):
    """Colours of a map between the numbers at its ends. Nothing is drawn without a highest value."""

    BAR_PX = (36, 10)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour_map, self._top = COLOUR_MAPS[0], ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def top(self) -> str:
        """The highest value, in words."""
        return self._top

    def set_colour_map(self, name: str) -> None:
        """Use one of `COLOUR_MAPS`."""
        self._colour_map = name
        self.update()

    def set_top(self, top: str) -> None:
        """Set the value of the brightest colour."""
        self._top = top
        text = f"Colours from 0 to {top}" if top else ""
        self.setToolTip(text)
        self.setAccessibleName(text or "Colour scale")
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        ends = metrics.horizontalAdvance("0") + metrics.horizontalAdvance("100 %")
        return QSize(ends + self.BAR_PX[0] + 10, metrics.height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._top:
            return
        painter, metrics = QPainter(self), self.fontMetrics()
        painter.setPen(QColor(theme.current().dim))
        width, height = self.BAR_PX
        left = self.width() - metrics.horizontalAdvance("100 %") - 5 - width
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(
            self.rect().adjusted(0, 0, left - 5 - self.width(), 0), middle | Qt.AlignmentFlag.AlignRight, "0"
        )
        colours = image_of(np.tile(value_lut(self._colour_map), (1, 1)))
        painter.drawImage(QRectF(left, (self.height() - height) / 2, width, height), colours)
        painter.drawText(self.rect().adjusted(left + width + 5, 0, 0, 0), middle, self._top)
