"""The first layer's kernels: their weights as pictures, what they answer to, and the labels that go with them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QListView,
    QPushButton,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from auralscope.ui import theme
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.diverging import colours_of, is_bright
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from auralscope.nn.analysis.first_layer import Kernel
    from auralscope.session.labels.recordings import Kernels

Index = QModelIndex | QPersistentModelIndex
KernelRole = Qt.ItemDataRole.UserRole
SIDE_PX = 96
LABELS_SHOWN = 2
MOST_NUMBERS = 25
"""A kernel of more weights is shown without their numbers."""

RESPONSES = {
    "onset": "noise that begins",
    "offset": "noise that ends",
    "noise": "steady noise: its level",
    "tone": "a steady tone",
    "click": "a click",
    "up": "a rising sweep",
    "down": "a falling sweep",
}


class _Model(QAbstractListModel):
    def __init__(self, kernels: Kernels, parent: QWidget) -> None:
        super().__init__(parent)
        self._kernels = kernels
        self._shown: list[Kernel] = []  # not the session's own list: that may be another before the view knows

    def renew(self) -> None:
        self.beginResetModel()
        self._shown = self._kernels.kernels
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        kernel = self._shown[index.row()]
        if role == KernelRole:
            return kernel
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            said = f"{self._kernels.unit_name(kernel.unit)}: {', '.join(kernel.words)}"
            labels = ", ".join(f"{label} {decimal(value)}" for label, value in self._kernels.labels_of(kernel.unit)[:5])
            return f"{said}\nGoes with {labels}" if labels else said
        return None


class _Delegate(QStyledItemDelegate):
    """The weights as coloured cells with their numbers, below them name, words and labels."""

    MARGIN = 6

    def __init__(self, view: QListView, kernels: Kernels) -> None:
        super().__init__(view)
        self._view = view
        self._kernels = kernels

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self._view.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        kernel: Kernel = index.data(KernelRole)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        colours = theme.current()
        box = rect.adjusted(self.MARGIN, self.MARGIN, -self.MARGIN, -self.MARGIN)
        picture = QRect(box.left() + (box.width() - SIDE_PX) // 2, box.top(), SIDE_PX, SIDE_PX)
        painter.save()
        self._paint_weights(painter, picture, kernel)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(colours.feature if selected else colours.dim), 3 if selected else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(picture.adjusted(-2, -2, 1, 1))
        line = painter.fontMetrics().height()
        lines = [
            (f"{self._kernels.unit_name(kernel.unit)} {kernel.words[0]}", colours.text),
            (", ".join(label for label, _ in self._kernels.labels_of(kernel.unit)[:LABELS_SHOWN]), colours.dim),
        ]
        for place, (text, ink) in enumerate(lines):
            painter.setPen(QColor(ink))
            room = QRect(box.left(), picture.bottom() + 4 + place * line, box.width(), line)
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, shown)
        painter.restore()

    def _paint_weights(self, painter: QPainter, rect: QRect, kernel: Kernel) -> None:
        """Frequency upwards, time to the right, as in a spectrogram."""
        weights = kernel.weights[::-1].astype(np.float64)
        rows, columns = weights.shape
        limit = float(np.abs(weights).max()) or 1.0
        colours = colours_of(weights, "diverging", limit)
        opaque = np.full((rows, columns, 1), 255, dtype=np.uint8)
        pixels = np.ascontiguousarray(np.concatenate([colours, opaque], axis=2))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(rect, QImage(pixels.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888))
        painter.setPen(QColor(theme.current().border))
        painter.drawRect(rect.adjusted(0, 0, -1, -1))
        if weights.size > MOST_NUMBERS:
            return
        font = QFont(painter.font())
        font.setPixelSize(10)
        painter.setFont(font)
        for (row, column), weight in np.ndenumerate(weights):
            left, right = (rect.left() + rect.width() * k // columns for k in (column, column + 1))
            top, bottom = (rect.top() + rect.height() * k // rows for k in (row, row + 1))
            painter.setPen(QColor("#101114") if is_bright(colours[row, column]) else QColor("#ffffff"))
            cell = QRect(left, top, right - left, bottom - top)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, decimal(float(weight)))
        painter.setFont(self._view.font())


class KernelsView(QListView):
    """All kernels side by side."""

    chosen = Signal(int)

    def __init__(self, kernels: Kernels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(_Model(kernels, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setAcceptDrops(False)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Kernels of the first layer")
        self.setItemDelegate(_Delegate(self, kernels))
        self.setGridSize(QSize(SIDE_PX + 40, SIDE_PX + 2 * self.fontMetrics().height() + 22))
        self.clicked.connect(lambda index: self.chosen.emit(index.row()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def renew(self) -> None:
        """Show other kernels."""
        model = self.model()
        assert isinstance(model, _Model)
        row = self.currentIndex().row()
        model.renew()
        if 0 <= row < model.rowCount():
            self.setCurrentIndex(model.index(row, 0))


class KernelsFigure(QWidget):
    """The kernels, or why there are none."""

    said = Signal(str)

    def __init__(self, kernels: Kernels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kernels = kernels
        self._shown: object = None
        self.view = KernelsView(kernels)
        self.sentence = QLabel()
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.sentence)
        kernels.changed.connect(self.refresh)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self.view.viewport().update()

    def refresh(self) -> None:
        """Show what is known."""
        kernels = self._kernels
        self._stack.setCurrentIndex(0 if kernels.kernels else 1)
        self.sentence.setText(kernels.problem or "Playing test sounds to the first layer…")
        shown = (kernels.kernels, kernels.affinity)
        if self._shown is None or any(a is not b for a, b in zip(shown, self._shown, strict=True)):  # type: ignore[call-overload]
            self._shown = shown
            self.view.renew()


class KernelsTab(QWidget):
    """The column beside the kernels: what the chosen one answers to, and the labels that go with it.

    Attributes
    ----------
    figure : KernelsFigure
    """

    def __init__(self, kernels: Kernels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kernels = kernels
        self._unit = -1
        self.figure = KernelsFigure(kernels)
        self.title = QLabel()
        self.title.setObjectName("title")
        self.about = QLabel("Click a kernel to hear what its unit keeps of the recording.")
        self.about.setObjectName("dim")
        self.about.setWordWrap(True)
        self.responses = BarList("What the kernel answers to", name_share=0.5)
        self.responses.setToolTip("The cosine between the kernel and test sounds as the model sees them")
        self.listen = QPushButton("Find its labels in recordings…")
        self.listen.setToolTip("Choose recordings: the labels whose probability rises and falls with each kernel")
        self.problem = sentence()
        self.labels_title = QLabel("Labels that go with it")
        self.labels_title.setObjectName("title")
        self.labels = BarList("Labels that go with the kernel")
        self.labels.setToolTip("Spearman's correlation, over all windows of the recordings")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget, share in (
            *((self.title, 0), (self.about, 0), (self.responses, 3), (self.listen, 0), (self.problem, 0)),
            *((self.labels_title, 0), (self.labels, 4)),
        ):
            layout.addWidget(widget, share)
        layout.addStretch()
        self.figure.view.chosen.connect(self._choose)
        kernels.changed.connect(self.refresh)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self.problem.setStyleSheet(f"color: {theme.current().warning_text};")

    def _choose(self, unit: int) -> None:
        self._unit = unit
        self.refresh()
        self._kernels.choose_unit(unit)

    def refresh(self) -> None:
        """Show what is known of the chosen kernel."""
        kernels = self._kernels
        if self._unit >= len(kernels.kernels):
            self._unit = -1
        kernel = kernels.kernels[self._unit] if self._unit >= 0 else None
        name = kernels.unit_name(self._unit)
        self.title.setText(f"{name}: {', '.join(kernel.words)}" if kernel is not None else "First layer")
        self.responses.setVisible(kernel is not None)
        found = kernels.labels_of(self._unit) if kernel is not None else []
        self.labels_title.setVisible(bool(found))
        self.labels.setVisible(bool(found))
        self.listen.setEnabled(bool(kernels.kernels))
        said = [kernels.problem if kernels.kernels else "", *kernels.unreadable[:3]]
        self.problem.setText("\n".join(sentence for sentence in said if sentence))
        self.problem.setVisible(bool(self.problem.text()))
        if kernel is not None:
            values = {field.name: float(getattr(kernel.responses, field.name)) for field in fields(kernel.responses)}
            bars = [Bar(RESPONSES.get(key, key), decimal(value), value, key) for key, value in values.items()]
            self.responses.set_bars(bars)
        if found:
            self.labels_title.setText(f"Labels that go with it over {kernels.recordings} recordings")
        self.labels.set_bars([Bar(label, decimal(value), value, label) for label, value in found])
