"""Kernels of the first layer: their weights, their responses to test sounds, and labels that vary with them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.diverging import colours_of, image_of_colours, needs_dark_text, text_colour
from auralscope.ui.graphs.lists import Index, ItemList, ItemRole
from auralscope.ui.labels.tab import Figure, Tab, button
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from auralscope.nn.analysis.first_layer import Kernel
    from auralscope.session.labels.recordings import Kernels
    from auralscope.ui.dialogs import FileDialogs

SIDE_PX = 96
LABELS_SHOWN = 2
MOST_NUMBERS = 25
"""The weights of a larger kernel are drawn without numbers."""

RESPONSES = {
    "onset": "noise that begins",
    "offset": "noise that ends",
    "noise": "steady noise: its level",
    "tone": "a steady tone",
    "click": "a click",
    "up": "a rising sweep",
    "down": "a falling sweep",
}


@dataclass(frozen=True, eq=False)
class Tile:
    """A kernel as the list draws it.

    Attributes
    ----------
    kernel : Kernel
    unit_name : str
    labels : list of (str, float)
        Labels with their correlation to the unit, the highest first.
    """

    kernel: Kernel
    unit_name: str
    labels: list[tuple[str, float]]

    @property
    def key(self) -> int:
        """The unit."""
        return self.kernel.unit

    @property
    def name(self) -> str:
        """The unit's name and what the kernel responds to."""
        return f"{self.unit_name}: {', '.join(self.kernel.words)}"

    @property
    def sentence(self) -> str:
        """Text of the tooltip: the name and the labels."""
        labels = ", ".join(f"{label} {decimal(value)}" for label, value in self.labels[:5])
        return f"{self.name}\nLabels: {labels}" if labels else self.name


class _Delegate(QStyledItemDelegate):
    """Painter of the weights as coloured cells with numbers; below them the unit, its response and its labels."""

    MARGIN = 6

    def __init__(self, view: QListView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self._view.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tile: Tile = index.data(ItemRole)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        colours = theme.current()
        box = rect.adjusted(self.MARGIN, self.MARGIN, -self.MARGIN, -self.MARGIN)
        picture = QRect(box.left() + (box.width() - SIDE_PX) // 2, box.top(), SIDE_PX, SIDE_PX)
        painter.save()
        metrics = painter.fontMetrics()
        lines = (
            (f"{tile.unit_name} {tile.kernel.words[0]}", colours.text),
            (", ".join(label for label, _ in tile.labels[:LABELS_SHOWN]), colours.dim),
        )
        for place, (text, colour) in enumerate(lines):
            room = QRect(box.left(), picture.bottom() + 4 + place * metrics.height(), box.width(), metrics.height())
            painter.setPen(QColor(colour))
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, shown)
        _paint_weights(painter, picture, tile.kernel)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(colours.feature if selected else colours.dim), 3 if selected else 1))
            painter.drawRect(picture.adjusted(-2, -2, 1, 1))
        painter.restore()


def _paint_weights(painter: QPainter, rect: QRect, kernel: Kernel) -> None:
    """Paint weights with frequency upwards and time to the right, as in a spectrogram."""
    weights = kernel.weights[::-1].astype(np.float64)
    rows, columns = weights.shape
    colours = colours_of(weights, "diverging", float(np.abs(weights).max()) or 1.0)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.drawImage(rect, image_of_colours(colours))
    painter.setPen(QColor(theme.current().border))
    painter.drawRect(rect.adjusted(0, 0, -1, -1))
    if weights.size > MOST_NUMBERS:
        return
    font = QFont(painter.font())
    font.setPixelSize(10)
    painter.setFont(font)
    dark = needs_dark_text(colours)
    for (row, column), weight in np.ndenumerate(weights):
        left, right = (rect.left() + rect.width() * k // columns for k in (column, column + 1))
        top, bottom = (rect.top() + rect.height() * k // rows for k in (row, row + 1))
        painter.setPen(text_colour(dark=bool(dark[row, column])))
        cell = QRect(left, top, right - left, bottom - top)
        painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, decimal(float(weight)))


class KernelsFigure(Figure):
    """All kernels side by side."""

    def __init__(self, kernels: Kernels, parent: QWidget | None = None) -> None:
        view = self.view = ItemList("Kernels of the first layer")
        super().__init__(view, parent)
        self._kernels = kernels
        self._drawn: tuple[object, object] = (None, None)
        view.setViewMode(QListView.ViewMode.IconMode)
        view.setMovement(QListView.Movement.Static)
        view.setResizeMode(QListView.ResizeMode.Adjust)
        view.setAcceptDrops(False)
        view.setItemDelegate(_Delegate(view))
        view.setGridSize(QSize(SIDE_PX + 40, SIDE_PX + 2 * view.fontMetrics().height() + 22))
        kernels.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the kernels that are known."""
        kernels = self._kernels
        if kernels.kernels:
            self.show_content()
        else:
            self.show_sentence(kernels.problem or "Playing test sounds to the first layer…")
        if kernels.kernels is self._drawn[0] and kernels.affinity is self._drawn[1]:
            return
        self._drawn = (kernels.kernels, kernels.affinity)
        row = self.view.currentIndex().row()
        self.view.set_items(
            [Tile(kernel, kernels.unit_name(kernel.unit), kernels.labels_of(kernel.unit)) for kernel in kernels.kernels]
        )
        self.view.select(row)


class KernelsTab(Tab):
    """Responses of the selected kernel, and the labels that vary with it."""

    figure: KernelsFigure

    def __init__(self, kernels: Kernels, dialogs: FileDialogs, parent: QWidget | None = None) -> None:
        super().__init__(KernelsFigure(kernels), parent)
        self._kernels = kernels
        self._unit = -1
        self.title = sentence("title")
        self.about.setText("Click a kernel to hear what its unit keeps of the recording.")
        self.responses = BarList("Responses of the kernel", name_share=0.5)
        self.responses.setToolTip("Cosine between the kernel and test sounds in the model's input")
        self.correlate = button(
            "Find its labels in recordings…",
            "Choose recordings, to find labels whose probability rises and falls with each kernel",
            lambda: dialogs.open_recordings(kernels.correlate, "Choose recordings"),
        )
        self.labels_title = sentence("title")
        self.labels = BarList("Labels that vary with the kernel")
        self.labels.setToolTip("Spearman's correlation over all windows of the recordings")
        self.stack(
            *(self.title, self.about, (self.responses, 3), self.correlate, self.problem),
            *(self.labels_title, (self.labels, 4)),
        )
        self.figure.view.chosen.connect(self._choose)
        kernels.changed.connect(self.refresh)
        kernels.changed.connect(self._describe)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._describe()

    def _describe(self) -> None:
        """Describe the model's kernels, only while they are visible."""
        if self.isVisible():
            self._kernels.describe()

    def _choose(self, unit: int) -> None:
        self._unit = unit
        self.refresh()
        self._kernels.choose_unit(unit)

    def refresh(self) -> None:
        """Show what is known of the selected kernel."""
        kernels = self._kernels
        if self._unit >= len(kernels.kernels):
            self._unit = -1
        kernel = kernels.kernels[self._unit] if self._unit >= 0 else None
        labels = kernels.labels_of(self._unit) if kernel is not None else []
        self.correlate.setEnabled(bool(kernels.kernels))
        self.show_problems(kernels.problem if kernels.kernels else "", *kernels.unreadable[:3])
        self.responses.setVisible(kernel is not None)
        for widget in (self.labels_title, self.labels):
            widget.setVisible(bool(labels))
        self.labels_title.setText(f"Labels that vary with it over {kernels.recordings} recordings")
        self.labels.set_bars([Bar(label, decimal(value), value, label) for label, value in labels], longest=1.0)
        if kernel is None:
            self.title.setText("First layer")
            return
        self.title.setText(f"{kernels.unit_name(self._unit)}: {', '.join(kernel.words)}")
        responses = {field.name: float(getattr(kernel.responses, field.name)) for field in fields(kernel.responses)}
        self.responses.set_bars(
            [Bar(RESPONSES.get(key, key), decimal(value), value, key) for key, value in responses.items()], longest=1.0
        )
