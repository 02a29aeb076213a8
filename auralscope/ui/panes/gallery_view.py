"""The gallery's view: tiles side by side, each a picture with its caption."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
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
    QApplication,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from auralscope.ui import theme
from auralscope.ui.panes.gallery_model import Index, Tile, TileRole


class TileDelegate(QStyledItemDelegate):
    """Painter of a tile: the picture, and below it the unit's name and a bar of its activity."""

    MARGIN = 4

    def __init__(self, view: QListView) -> None:
        super().__init__(view)
        self._view = view
        self._scaled: dict[int, QPixmap] = {}

    def caption_height(self) -> int:
        return QFontMetrics(self._view.font()).height() + 6

    def clear(self) -> None:
        """Drop the scaled pictures, which have the wrong size or colours."""
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
                self.clear()
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
        if tile.caption:
            painter.setPen(QColor(colours.dim))
            rest = QRect(left, rect.top(), rect.right() - left + 1, rect.height())
            caption = metrics.elidedText(tile.caption, Qt.TextElideMode.ElideRight, rest.width())
            painter.drawText(rest, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, caption)
            return
        bar = QRect(left, rect.center().y() - 1, rect.right() - left + 1, 4)
        painter.fillRect(bar, QColor(colours.border))
        bar.setWidth(round(bar.width() * tile.activity))
        painter.fillRect(bar, QColor(colours.feature if selected else colours.original))


class TileView(QListView):
    """Tiles side by side, as many in a row as fit."""

    chosen = Signal(int)
    """Row that was chosen by mouse or key, also when it is chosen again."""

    WIDTH_PX = 110
    ASPECT = 0.6

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setAcceptDrops(False)  # the window takes dropped files
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName("Features of the layer")
        self._number, self._typed = "", QElapsedTimer()
        self.delegate = TileDelegate(self)
        self.setItemDelegate(self.delegate)

    def resizeEvent(self, event: QResizeEvent) -> None:
        width = self.viewport().width() - 1
        columns = max(width // self.WIDTH_PX, 2)
        side = width // columns
        size = QSize(side, round(side * self.ASPECT) + self.delegate.caption_height())
        if size != self.gridSize():
            self.delegate.clear()
            self.setGridSize(size)
        super().resizeEvent(event)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if current.isValid():
            self.scrollTo(current)
            self.chosen.emit(current.row())

    def event(self, event: QEvent) -> bool:
        """Keep digits and a minus inside a number from the keys of the window."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            text = event.text()
            if (text.isdecimal() and (text != "0" or self._is_typing())) or (text == "-" and self._is_typing()):
                event.accept()
                return True
        return super().event(event)

    def _is_typing(self) -> bool:
        return self._typed.isValid() and not self._typed.hasExpired(QApplication.keyboardInputInterval())

    def keyboardSearch(self, search: str) -> None:
        """Choose the unit whose number is typed: `38` and `3-38` are unit 38 of the third layer."""
        self._number = self._number + search if self._is_typing() else search
        self._typed.restart()
        model = self.model()
        for row in range(model.rowCount()):
            name = str(model.index(row, 0).data()).partition(" ")[0]
            if self._number in (name, name.partition("-")[2]):
                self.setCurrentIndex(model.index(row, 0))

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
