"""All units of a layer at a glance: their deconvolutions or their feature maps, filling in as they are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from auralscope.ui import theme
from auralscope.ui.keyboard import one_tab_stop
from auralscope.ui.panes.colour import COLOUR_MAPS, FULL_SCALE_PERCENTILE, full_scale, value_lut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.session.session import Session

Index = QModelIndex | QPersistentModelIndex
Kind = Literal["deconvolution", "map"]
Order = Literal["activity", "number"]

TileRole = Qt.ItemDataRole.UserRole
CONTRAST = 0.6
"""Exponent of a small picture's brightness: faint parts of a deconvolution would be lost at this size."""
LARGE_BINS = 160
SCALE_SENTENCE = f"Colours: from 0 to the {FULL_SCALE_PERCENTILE}th percentile of its own positive values."


@dataclass(frozen=True)
class Tile:
    """What is drawn of one unit.

    Attributes
    ----------
    title : str
    picture : QImage or None
        None while it is not computed, and for a unit of a dense layer, which has a `value` instead.
    activity : float or None
        Root mean square of the unit's map, relative to the layer's most active unit, 0 to 1.
    is_silent : bool
    is_coarse : bool
        The picture's cells are to be seen as they are.
    value : float or None
    """

    title: str
    picture: QImage | None
    activity: float | None
    is_silent: bool
    is_coarse: bool = False
    value: float | None = None


def picture_of(image: NDArray[np.floating[Any]], colours: list[int]) -> QImage:
    """An image (bins, frames), lowest bin first, as a picture with the lowest at the bottom.

    Negative values, which cannot be heard, and zero have the first colour, `full_scale` and what is above it the last.
    """
    top = full_scale(image)
    if image.shape[0] > LARGE_BINS:
        # Half the size by the maximum: by the mean, single lines and clicks would fade.
        image = np.maximum.reduceat(image, np.arange(0, image.shape[0], 2), axis=0)
        image = np.maximum.reduceat(image, np.arange(0, image.shape[1], 2), axis=1)
    scaled = np.clip(image / top, 0.0, 1.0) if top > 0.0 else np.zeros_like(image)
    levels = np.ascontiguousarray((scaled[::-1] ** CONTRAST * 255.0).astype(np.uint8))
    rows, columns = levels.shape
    picture = QImage(levels.data, columns, rows, columns, QImage.Format.Format_Indexed8)
    picture.setColorTable(colours)
    return picture.copy()  # the array's memory goes away


class GalleryModel(QAbstractListModel):
    """The units of the session's layer in the order chosen."""

    def __init__(self, session: Session, colours: list[int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._colours = colours
        self._kind: Kind = "deconvolution"
        self._order: Order = "activity"
        self._units: list[int] = []
        self._pictures: dict[int, QImage] = {}
        self.rearrange()

    @property
    def kind(self) -> Kind:
        return self._kind

    def set_kind(self, kind: Kind) -> None:
        self._kind = kind
        self.refresh()

    def set_order(self, order: Order) -> None:
        self._order = order
        self.rearrange()

    def set_colours(self, colours: list[int]) -> None:
        self._colours = colours
        self.refresh()

    def rearrange(self) -> None:
        """Begin anew with the session's layer."""
        self.beginResetModel()
        look, spec = self._session.layer_look, self._session.layer_spec
        if look is not None and self._order == "activity":
            self._units = look.order
        else:
            self._units = list(range(look.activity.size if look is not None else spec.units if spec else 0))
        self._pictures = {}
        self.endResetModel()

    def refresh(self, units: tuple[int, ...] | None = None) -> None:
        """Draw some units anew, or all."""
        if units is None:
            self._pictures = {}
            if self._units:
                self.dataChanged.emit(self.index(0), self.index(len(self._units) - 1), [TileRole])
            return
        for unit in units:
            self._pictures.pop(unit, None)
            row = self.row_of(unit)
            if row is not None:
                self.dataChanged.emit(self.index(row), self.index(row), [TileRole])

    def unit_at(self, index: Index) -> int:
        return self._units[index.row()]

    def row_of(self, unit: int) -> int | None:
        return self._units.index(unit) if unit in self._units else None

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._units)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        unit = self.unit_at(index)
        if role == TileRole:
            return self._tile(unit)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._session.unit_title(unit)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._sentence(unit)
        if role == Qt.ItemDataRole.ToolTipRole:
            tile = self._tile(unit)
            return f"{self._sentence(unit)}\n{SCALE_SENTENCE}" if tile.picture is not None else self._sentence(unit)
        return None

    def _sentence(self, unit: int) -> str:
        title = self._session.unit_title(unit)
        look = self._session.layer_look
        if look is None:
            return f"Feature {title}: not computed yet"
        if look.is_silent(unit):
            return f"Feature {title} is silent: nothing in this window excites it"
        rank = look.order.index(unit) + 1
        level = float(np.sqrt(look.activity[unit]))
        return f"Feature {title}: number {rank} of {len(look.order)} by activity (RMS {level:.3g}). Click to hear it."

    def _tile(self, unit: int) -> Tile:
        title, look = self._session.unit_title(unit), self._session.layer_look
        if look is None or unit >= look.activity.size:
            return Tile(title, None, None, is_silent=False)
        largest = float(look.activity.max())
        activity = float(np.sqrt(look.activity[unit] / largest)) if largest > 0.0 else 0.0
        silent = look.is_silent(unit)
        if self._kind == "map" and not look.is_map:
            return Tile(title, None, activity, silent, value=float(look.maps[unit]))
        coarse = self._kind == "map"
        return Tile(title, None if silent else self._picture(unit), activity, silent, coarse)

    def _picture(self, unit: int) -> QImage | None:
        if unit not in self._pictures:
            look, feature = self._session.layer_look, self._session.features.get(unit)
            if self._kind == "map" and look is not None:
                self._pictures[unit] = picture_of(np.atleast_2d(look.maps[unit]), self._colours)
            elif feature is not None:
                self._pictures[unit] = picture_of(feature.image, self._colours)
        return self._pictures.get(unit)


class TileDelegate(QStyledItemDelegate):
    """Draws a tile: the picture, below it the unit's name and a bar for its activity."""

    MARGIN = 4

    def __init__(self, view: QListView) -> None:
        super().__init__(view)
        self._view = view
        self._scaled: dict[int, QPixmap] = {}

    def caption_height(self) -> int:
        return QFontMetrics(self._view.font()).height() + 6

    def forget(self) -> None:
        """Pictures drawn before have another size than is needed now."""
        self._scaled = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self._view.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tile: Tile = index.data(TileRole)
        colours = theme.current()
        rect: QRect = option.rect.adjusted(self.MARGIN, self.MARGIN, -self.MARGIN, -self.MARGIN)
        state: QStyle.StateFlag = option.state
        palette: QPalette = option.palette
        caption = QRect(rect.left(), rect.bottom() - self.caption_height() + 1, rect.width(), self.caption_height())
        frame = QRect(rect.topLeft(), QSize(rect.width(), rect.height() - caption.height()))
        painter.save()
        self._paint_picture(painter, frame, tile)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            ink = QColor(colours.feature if selected else colours.dim)
            painter.setPen(QPen(ink, 3 if selected else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(frame.adjusted(0, 0, -1, -1))
        self._paint_caption(painter, caption, tile, palette, selected)
        painter.restore()

    def _paint_picture(self, painter: QPainter, frame: QRect, tile: Tile) -> None:
        colours = theme.current()
        if tile.picture is not None:
            painter.drawPixmap(frame.topLeft(), self._pixmap(tile, frame.size()))
            return
        painter.fillRect(frame, QColor(colours.panel))
        painter.setPen(QColor(colours.border))
        painter.drawRect(frame.adjusted(0, 0, -1, -1))
        text = "silent" if tile.is_silent else ""
        painter.setPen(QColor(colours.dim))
        if tile.value is not None and not tile.is_silent:
            text = f"{tile.value:.3g}"
            painter.setPen(QColor(colours.text))
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, text)

    def _pixmap(self, tile: Tile, size: QSize) -> QPixmap:
        picture = tile.picture
        assert picture is not None
        key = picture.cacheKey()
        if key not in self._scaled:
            if len(self._scaled) > 1024:
                self.forget()
            ratio = self._view.devicePixelRatioF()
            how = (
                Qt.TransformationMode.FastTransformation
                if tile.is_coarse
                else Qt.TransformationMode.SmoothTransformation
            )
            scaled = picture.scaled(size * ratio, Qt.AspectRatioMode.IgnoreAspectRatio, how)
            pixmap = QPixmap.fromImage(scaled)
            pixmap.setDevicePixelRatio(ratio)
            self._scaled[key] = pixmap
        return self._scaled[key]

    def _paint_caption(self, painter: QPainter, rect: QRect, tile: Tile, palette: QPalette, selected: bool) -> None:
        colours = theme.current()
        metrics = painter.fontMetrics()
        number, _, name = tile.title.partition(" ")
        text = f"{number} {name}" if name else number
        bar_least = 14
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width() - bar_least - 6)
        ink = colours.feature if selected else colours.dim if tile.is_silent else colours.text
        painter.setPen(QColor(ink))
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
        if tile.activity is None:
            return
        left = rect.left() + max(metrics.horizontalAdvance(shown), metrics.horizontalAdvance("0-000")) + 6
        bar = QRect(left, rect.center().y() - 1, rect.right() - left + 1, 4)
        painter.fillRect(bar, QColor(colours.border))
        bar.setWidth(round(bar.width() * tile.activity))
        painter.fillRect(bar, QColor(colours.feature if selected else colours.original))


class TileView(QListView):
    """Tiles side by side, as many in a row as there is room for."""

    chosen = Signal(int)
    """A row, by mouse or key; the same one again when it is clicked again."""

    WIDTH_PX = 110
    ASPECT = 0.6

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setAcceptDrops(False)  # files are dropped on the window
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName("Features of the layer")
        self.delegate = TileDelegate(self)
        self.setItemDelegate(self.delegate)

    def resizeEvent(self, event: QResizeEvent) -> None:
        width = self.viewport().width() - 1
        columns = max(width // self.WIDTH_PX, 2)
        side = width // columns
        size = QSize(side, round(side * self.ASPECT) + self.delegate.caption_height())
        if size != self.gridSize():
            self.delegate.forget()
            self.setGridSize(size)
        super().resizeEvent(event)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if current.isValid():
            self.scrollTo(current)
            self.chosen.emit(current.row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        before = self.currentIndex()
        super().mousePressEvent(event)
        if before.isValid() and before == self.indexAt(event.position().toPoint()):
            self.chosen.emit(before.row())


class GalleryPane(QWidget):
    """The gallery with its choices.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._following = False
        self.model = GalleryModel(session, value_lut(COLOUR_MAPS[0]).tolist(), self)
        self.view = TileView(self)
        self.view.setModel(self.model)
        self.heading = QLabel()
        self.heading.setObjectName("dim")
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.heading.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.resume = QPushButton("Compute the rest")
        self.resume.setToolTip("Deconvolve the features that are still missing")
        self.kind = _Choice((("deconvolution", "Deconvolution"), ("map", "Feature map")))
        self.kind.setToolTip(
            "What of each feature is shown (D)\nDeconvolution: what it kept of the sound. Map: its output."
        )
        self.order = QComboBox()
        self.order.addItem("Most active first", "activity")
        self.order.addItem("By number", "number")
        self.order.setAccessibleName("Order of the features")
        self.order.setToolTip("Order of the features")
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.kind)
        row.addWidget(self.order)
        row.addWidget(self.heading, 1)
        row.addWidget(self.resume)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)

        self.view.chosen.connect(self._choose_row)
        self.kind.chosen.connect(self._set_kind)
        self.order.currentIndexChanged.connect(lambda: self._rearrange_by(self.order.currentData()))
        self.resume.clicked.connect(session.fill_gallery)
        session.layer_changed.connect(self._rearrange)
        session.layer_look_changed.connect(self._rearrange)
        session.features_arrived.connect(self._arrived)
        session.unit_changed.connect(self._follow_unit)
        session.jobs.changed.connect(self._tell)
        self._tell()

    def set_colour_map(self, name: str) -> None:
        """Show small pictures in the same colours as large ones."""
        self.view.delegate.forget()
        self.model.set_colours(value_lut(name).tolist())

    def toggle_kind(self) -> None:
        """From deconvolutions to feature maps or back."""
        self.kind.choose("map" if self.model.kind == "deconvolution" else "deconvolution")

    def _set_kind(self, kind: str) -> None:
        self.model.set_kind("map" if kind == "map" else "deconvolution")

    def _rearrange_by(self, order: Order) -> None:
        self.model.set_order(order)
        self._follow_unit()

    def _rearrange(self) -> None:
        self.model.rearrange()
        self._follow_unit()
        self._tell()

    def _arrived(self, units: tuple[int, ...]) -> None:
        self.model.refresh(units)
        self._tell()

    def _choose_row(self, row: int) -> None:
        if not self._following:
            self._session.choose_unit(self.model.unit_at(self.model.index(row)))

    def _follow_unit(self) -> None:
        unit = self._session.unit
        row = None if unit is None else self.model.row_of(unit)
        self._following = True  # showing what was chosen is not choosing it
        try:
            if row is None:
                self.view.setCurrentIndex(QModelIndex())
                self.view.clearSelection()
            else:
                self.view.setCurrentIndex(self.model.index(row))
        finally:
            self._following = False

    def _tell(self) -> None:
        look, spec = self._session.layer_look, self._session.layer_spec
        filling = any(job.key in ("analyse", "gallery", "open", "load") for job in self._session.jobs.running)
        missing = spec.units if spec is not None and self._session.clip is not None else 0
        text = f"{spec.units} features" if spec is not None else ""
        if look is not None:
            done = len(self._session.features)
            missing = len(look.order) - done
            silent = int(np.count_nonzero(look.activity <= 0.0))
            if missing:
                text = f"{done} of {len(look.order)}"
            elif silent:
                text = f"{len(look.order)} features, {silent} silent"
        self.heading.setText(text)
        self.heading.setToolTip("A feature is silent where nothing in the model's window excites it")
        self.resume.setVisible(missing > 0 and not filling)


class _Choice(QWidget):
    """A few words of which one is chosen.

    Parameters
    ----------
    choices : tuple of (str, str)
        Value and text of each.
    """

    chosen = Signal(str)

    def __init__(self, choices: tuple[tuple[str, str], ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for value, text in choices:
            button = QPushButton(text)
            button.setCheckable(True)
            button.clicked.connect(lambda _checked, value=value: self.chosen.emit(value))
            self._group.addButton(button)
            self.buttons[value] = button
            layout.addWidget(button)
        one_tab_stop(self._group)
        self.buttons[choices[0][0]].setChecked(True)

    def choose(self, value: str) -> None:
        """As if it had been clicked."""
        self.buttons[value].setChecked(True)
        self.chosen.emit(value)
