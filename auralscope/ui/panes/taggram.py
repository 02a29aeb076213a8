"""Show tags over time: a picture of labels by time, the labels' names, and curves of the chosen labels."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from auralscope.display.ticks import time_label
from auralscope.session.taggram import OVERLAPS
from auralscope.ui import theme
from auralscope.ui.graphs.axes import AXIS_MARGIN_PX
from auralscope.ui.graphs.colour import COLOUR_MAPS, value_lut
from auralscope.ui.graphs.colour_scale import ColourScale
from auralscope.ui.graphs.curves import Curve, curve_colour
from auralscope.ui.graphs.items import PictureItem
from auralscope.ui.graphs.timeline import TimePane
from auralscope.ui.widgets.choices import remembered_choice
from auralscope.ui.widgets.layouts import heading, in_column, in_row, line
from auralscope.wording import percent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSettings

    from auralscope.session.session import Session
    from auralscope.session.taggram import TagsOverTime

ROW_PX = 19
"""Smallest height of a row. Rows grow up to `TALL_ROW_PX` if there are few labels."""

TALL_ROW_PX = 34
NAMES_PX = 146
"""Width of the names, and of the axes left of the pictures above them."""

FIRST_WINDOWS = 4
"""Number of windows after which labels keep their order until all windows are computed."""

SHOWN_ROWS = 8
"""Number of labels that the suggested height shows."""

BY_NAMES = {"mean": "By mean", "highest": "By peak"}


class TaggramPane(QWidget):
    """Probabilities of the labels along the recording.

    Parameters
    ----------
    session : Session
    settings : QSettings
        Keeps the overlap and the order.
    """

    curves_changed = Signal()
    suggested_height_changed = Signal()
    """The labels changed, and with them the suggested height."""

    def __init__(self, session: Session, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._taggram = session.taggram
        self.names = NamesView()
        self.map = TagMap()
        self.by = remembered_choice(settings, "tags by", "Order of the labels", BY_NAMES)
        self.overlap = remembered_choice(
            settings,
            "tags overlap",
            "Overlap of a window with the next: a larger overlap gives more detail and takes longer",
            {str(share): f"Overlap {percent(share)}" for share in OVERLAPS},
            str(self._taggram.overlap),
        )
        self.said = line(elastic=True)
        self.scale = ColourScale()
        self.go_on = QPushButton("Resume")
        self.go_on.setToolTip("Compute the missing windows")
        self.save = QPushButton("Save table…")
        self.save.setToolTip("Save the probabilities of all windows as CSV (Ctrl+T)")
        about = (heading("Tags over time"), self.by, self.overlap, (self.said, 1), self.scale, self.go_on, self.save)
        picture = in_row(self.names, (self.map, 1), spacing=0)
        in_column(self, in_row(*about, spacing=6), (picture, 1), margins=(0, 3, 0, 0))

        self._taggram.overlap = float(self.overlap.currentData())
        self.by.currentIndexChanged.connect(self._order_chosen)
        self.overlap.currentIndexChanged.connect(lambda: self._taggram.set_overlap(float(self.overlap.currentData())))
        self.go_on.clicked.connect(self._taggram.go_on)
        self.names.toggled.connect(self._taggram.toggle_curve)
        self.names.verticalScrollBar().valueChanged.connect(self._lay_rows)
        self.names.resized.connect(self._lay_rows)
        self.map.scrolled.connect(self._scroll)
        self.map.readout_changed.connect(lambda _text: self._say())
        session.model_changed.connect(self.refresh)
        self._taggram.changed.connect(self.refresh)
        self._taggram.curves_changed.connect(self._show_curves)
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        return [self.by, self.overlap, self.go_on, self.save, self.names, self.map]

    @property
    def curves(self) -> list[Curve]:
        """Curves over the spectrogram; none while the pane is hidden."""
        tags = self._taggram.tags
        if tags is None or not self._taggram.active:
            return []
        lines = [(label, number, *tags.curve(label)) for label, number in self._taggram.curves.items()]
        return [Curve(tags.labels[label], number, at_s, values / tags.top) for label, number, at_s, values in lines]

    @property
    def top(self) -> float:
        """Probability at the top of the curves and of the brightest colour."""
        return self._taggram.tags.top if self._taggram.tags is not None else 1.0

    def suggested_height(self) -> int:
        """Return the height that shows all labels, or the first if there are many."""
        return self._height_of(min(self.names.count() or SHOWN_ROWS, SHOWN_ROWS), ROW_PX + 3)

    def _height_of(self, rows: int, row_px: int) -> int:
        return self.save.sizeHint().height() + 7 + rows * row_px

    def set_colour_map(self, name: str) -> None:
        """Use one of `COLOUR_MAPS`."""
        self.map.set_colour_map(name)
        self.scale.set_colour_map(name)

    def recolour(self) -> None:
        """Apply a new theme."""
        self.names.viewport().update()

    def refresh(self) -> None:
        """Show the tags that are computed."""
        taggram, tags, model = self._taggram, self._taggram.tags, self._session.model
        self.save.setEnabled(tags is not None)
        self.go_on.setVisible(taggram.unfinished)
        labels = model.labels if model is not None else ()
        if labels != self.names.labels:
            self._name(labels, list(range(len(labels))))
        # Keep the order while windows arrive: names must not jump under the pointer.
        if tags is not None and (tags.complete or not taggram.busy or tags.n_there <= FIRST_WINDOWS):
            self._order()
        self._show_tags()

    def _order(self) -> None:
        tags = self._taggram.tags
        if tags is not None:
            order = tags.ranked(self.by.currentData())
            if order != self.names.order:
                self._name(tags.labels, order)

    def _name(self, labels: tuple[str, ...], order: list[int]) -> None:
        others = labels != self.names.labels
        self.names.set_labels(labels, order)
        if others:
            self.setMaximumHeight(self._height_of(max(len(labels), 1), TALL_ROW_PX))
            self.suggested_height_changed.emit()

    def _show_tags(self) -> None:
        tags = self._taggram.tags
        self.map.show_tags(tags, self.names.order)
        self.scale.set_top(percent(tags.top) if tags is not None else "")
        if tags is not None:
            self.names.describe(tags)
        self._show_curves()

    def _order_chosen(self) -> None:
        self._order()
        self._show_tags()

    def _say(self) -> None:
        """Show the values under the pointer, or else the progress or a hint."""
        text = self.map.readout or self._about()
        if text != self.said.text():
            self.said.setText(text)
            self.said.setToolTip(text)

    def _about(self) -> str:
        taggram, tags = self._taggram, self._taggram.tags
        if tags is None:
            return "…" if taggram.busy else ""
        if not tags.complete:
            return f"{tags.n_there} of {len(tags.starts_s)} windows"
        if not taggram.curves:
            return "Click names for curves"
        return ""

    def _show_curves(self) -> None:
        self._say()
        self.names.show_curves(self._taggram.curves)
        self.curves_changed.emit()

    def _lay_rows(self) -> None:
        self.map.show_rows(self.names.verticalScrollBar().value() / self.names.row_px, self.names.row_px)

    def _scroll(self, by_px: float) -> None:
        bar = self.names.verticalScrollBar()
        bar.setValue(round(bar.value() + by_px))


class NamesView(QListWidget):
    """Names of the labels, each as high as its row in the picture. A click or Enter toggles a curve."""

    toggled = Signal(int)
    """Number of a label in the model."""
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Labels")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QListView { border: none; border-radius: 0; }")
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setFixedWidth(NAMES_PX)
        self.setItemDelegate(_NameDelegate(self))
        self.labels: tuple[str, ...] = ()
        self.order: list[int] = []
        self.curves: dict[int, int] = {}
        self.row_px = ROW_PX
        self.itemClicked.connect(self._choose)

    def set_labels(self, labels: tuple[str, ...], order: list[int]) -> None:
        """Show the labels in an order, which holds their numbers in the model."""
        current = self.currentItem().data(Qt.ItemDataRole.UserRole) if self.currentItem() is not None else None
        self.labels, self.order = labels, order
        self.clear()
        for label in order:
            item = QListWidgetItem(labels[label])
            item.setData(Qt.ItemDataRole.UserRole, label)
            self.addItem(item)
            if label == current:
                self.setCurrentItem(item)
        self.show_curves(self.curves)
        self._set_row_height()

    def describe(self, tags: TagsOverTime) -> None:
        """Give each label's mean and highest probability in its tooltip."""
        means, highest = tags.scores.values.mean(axis=0), tags.scores.values.max(axis=0)
        for row, label in enumerate(self.order):
            about = f"mean {percent(means[label], 1)}, peak {percent(highest[label], 1)}"
            self.item(row).setToolTip(
                f"<p><b>{escape(tags.labels[label])}</b><br>{about}<br>Click to draw its curve over the spectrogram</p>"
            )

    def show_curves(self, curves: dict[int, int]) -> None:
        """Mark the labels whose curves are shown, given the colour number of each label."""
        self.curves = curves
        for row, label in enumerate(self.order):
            there = label in curves
            self.item(row).setData(Qt.ItemDataRole.AccessibleDescriptionRole, "curve shown" if there else "")
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentItem() is not None:
            self._choose(self.currentItem())
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_row_height()

    def _choose(self, item: QListWidgetItem) -> None:
        self.toggled.emit(item.data(Qt.ItemDataRole.UserRole))

    def _set_row_height(self) -> None:
        share = self.viewport().height() // max(len(self.order), 1)
        self.row_px = min(max(share, ROW_PX), TALL_ROW_PX)
        for row in range(self.count()):
            self.item(row).setSizeHint(QSize(NAMES_PX, self.row_px))
        self.verticalScrollBar().setSingleStep(self.row_px)
        self.doItemsLayout()
        self.resized.emit()


class _NameDelegate(QStyledItemDelegate):
    """Painter of a name, with a box in the colour of the label's curve."""

    BOX_PX = 10

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        names, colours = option.widget, theme.current()
        assert isinstance(names, NamesView)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        number = names.curves.get(index.data(Qt.ItemDataRole.UserRole))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        if hovered or focused:
            painter.setPen(QColor(colours.original) if focused else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.raised))
            painter.drawRoundedRect(QRectF(rect).adjusted(1.0, 1.0, -3.0, -1.0), 3.0, 3.0)
        side = self.BOX_PX
        box = QRectF(rect.left() + 5.5, rect.center().y() - side / 2 + 0.5, side, side)
        painter.setPen(QPen(QColor(colours.dim), 1.0))
        painter.setBrush(curve_colour(number) if number is not None else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 2.5, 2.5)
        painter.setFont(option.font)
        painter.setPen(QColor(colours.text))
        words = rect.adjusted(side + 11, 0, -5, 0)
        text = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()


class TagMap(TimePane):
    """Picture of labels by time, one row a label. Row r lies between -r - 1 and -r."""

    scrolled = Signal(float)
    """The user scrolls down by some pixels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        left = pg.AxisItem("left")
        left.setWidth(0)
        left.setTicks([])
        super().__init__(left, parent)
        self.setAccessibleName(self.tr("Tags over time"))
        self.plot.hideAxis("left")
        self.plot.hideAxis("bottom")  # the spectrogram's axis is right above
        self.plot.getPlotItem().layout.setContentsMargins(0, 0, 2 * AXIS_MARGIN_PX, 0)
        self._picture = PictureItem()
        self._picture.setZValue(-1)
        self.box.addItem(self._picture, ignoreBounds=True)
        self._colour_map = COLOUR_MAPS[0]
        self._tags: TagsOverTime | None = None
        self._order: list[int] = []
        self._sums: NDArray[np.float64] = np.zeros((0, 1))
        self._first_row = 0.0
        self._row_px = ROW_PX
        self.readout = ""
        self.readout_changed.connect(self._keep_readout)

    def _keep_readout(self, text: str) -> None:
        """Keep the text for the line above the picture: over the picture it would hide rows."""
        self.readout = text
        self._readout.hide()

    def show_tags(self, tags: TagsOverTime | None, order: list[int]) -> None:
        """Show tags with the labels in an order, or nothing."""
        others = order != self._order
        self._tags, self._order = tags, order
        if tags is not None:
            # Lowest row first, cumulative sums: the mean of any stretch is a difference of two sums.
            rows = tags.scores.values.T[order[::-1]]
            self._sums = np.pad(np.cumsum(rows, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
        if others:  # redraw at once, together with the names
            self._refresh()
        self._range_changed()

    def show_rows(self, first_row: float, row_px: int) -> None:
        """Set the first visible row and the height of the rows."""
        self._first_row, self._row_px = first_row, row_px
        self._fit_height()

    def set_colour_map(self, name: str) -> None:
        """Use one of `COLOUR_MAPS`."""
        self._colour_map = name
        self._picture.recolour(value_lut(name))

    def _fit_height(self) -> None:
        rows = max(self.box.height(), 1.0) / self._row_px
        self.box.setYRange(-self._first_row - rows, -self._first_row, padding=0)

    def _pan_height(self, share: float) -> None:
        self.scrolled.emit(-share * self.box.height())

    def _zoom_height(self, factor: float, _about: float | None) -> None:
        """Scroll through the rows with the wheel: their height is fixed."""
        self.scrolled.emit(-self._row_px if factor > 1.0 else self._row_px)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    def _refresh(self) -> None:
        tags, width_px = self._tags, round(self.box.width() * self.devicePixelRatioF())
        self._fit_height()
        start_s, end_s = self.visible_s
        beside_s = (end_s - start_s) / 4  # for the next pan or page
        first_s = max(start_s - beside_s, 0.0)
        last_s = min(end_s + beside_s, float(tags.edges_s[-1])) if tags is not None else 0.0
        if tags is None or width_px < 2 or not first_s < last_s:
            self._picture.set_rows(np.zeros((0, 0), np.uint8), QRectF(), value_lut(self._colour_map))
            return
        columns = max(round(width_px * (last_s - first_s) / (end_s - start_s)), 1)
        edges_s = np.linspace(first_s, last_s, columns + 1)
        # A column is the mean of the windows that begin in it, or else the value of the current window.
        edges = tags.windows_at(np.minimum(edges_s, np.nextafter(last_s, 0.0)))
        first, end = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
        values = (self._sums[:, end] - self._sums[:, first]) / (end - first)
        rows = np.rint(255.0 * np.clip(values / tags.top, 0.0, 1.0)).astype(np.uint8)
        rect = QRectF(first_s, -float(len(rows)), last_s - first_s, float(len(rows)))
        self._picture.set_rows(rows, rect, value_lut(self._colour_map))
        self._readout.refresh()

    def _readout_at(self, time_s: float, height: float) -> str:
        tags, row = self._tags, int(np.floor(-height))
        if tags is None or not 0 <= row < len(self._order):
            return time_label(time_s, 0.1)
        label = self._order[row]
        window = int(tags.windows_at(np.array([time_s]))[0])
        if window < 0:
            return f"{time_label(time_s, 0.1)} · {tags.labels[label]} · not there yet"
        begin_s = float(tags.starts_s[window])
        end_s = min(begin_s + tags.window_s, tags.duration_s)
        value = percent(float(tags.scores.values[window, label]), 1)
        return (
            f"{time_label(time_s, 0.1)} · {tags.labels[label]} · {value} "
            f"({time_label(begin_s, 0.1)}–{time_label(end_s, 0.1)})"
        )
