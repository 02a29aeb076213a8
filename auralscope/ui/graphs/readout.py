"""Text over a picture that describes the point under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtWidgets import QLabel, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyqtgraph as pg

    from auralscope.ui.graphs.colour import PaneColours


class ReadoutLabel(QLabel):
    """Line of text in the upper right corner of its parent; it lets the mouse through."""

    MARGIN_PX = 6

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.hide()

    def restyle(self, colours: PaneColours) -> None:
        self.setStyleSheet(
            f"color: {colours.text.name()}; background: rgba({colours.plate.red()}, {colours.plate.green()}, "
            f"{colours.plate.blue()}, {colours.plate.alpha()}); border-radius: 3px; padding: 2px 6px;"
        )

    def show_text(self, text: str) -> None:
        """Show a text, or hide if it is empty."""
        self.setVisible(bool(text))
        if text:
            self.setText(text)
            self.place()

    def place(self) -> None:
        self.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            self.move(parent.width() - self.width() - self.MARGIN_PX, self.MARGIN_PX)


class PointerReadout(ReadoutLabel):
    """Read-out of the point under the pointer while the pointer is over a plot.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget
    text_at : callable
        Returns the text of a point in the view's units, empty for none.
    """

    changed = Signal(str)

    def __init__(self, plot: pg.PlotWidget, text_at: Callable[[QPointF], str]) -> None:
        super().__init__(plot)
        self._box = plot.getPlotItem().getViewBox()
        self._text_at = text_at
        self._pointer: QPointF | None = None
        plot.scene().sigMouseMoved.connect(self._pointer_moved)
        for watched in (plot, plot.viewport()):
            watched.installEventFilter(self)

    def refresh(self) -> None:
        """Update the text: the picture may have changed or moved."""
        text = ""
        if self._pointer is not None and self._box.sceneBoundingRect().contains(self._pointer):
            text = self._text_at(self._box.mapSceneToView(self._pointer))
        self.show_text(text)
        self.changed.emit(text)

    def _pointer_moved(self, at: QPointF) -> None:
        self._pointer = at
        self.refresh()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._pointer = None
            self.refresh()
        elif event.type() == QEvent.Type.Resize:
            self.place()
        return super().eventFilter(watched, event)
