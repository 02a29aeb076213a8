"""Frames that float over other widgets, so that nothing moves under the pointer when they appear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint

if TYPE_CHECKING:
    from PySide6.QtWidgets import QFrame, QWidget


class Floating(QObject):
    """Placement of a frame over the top of another widget.

    Parameters
    ----------
    frame : QFrame
        Becomes a child of `host`, outside its layout.
    host : QWidget
    over : QWidget
        A widget inside `host`.
    offset_px, right_px : int
        Distance of the frame from the top and from the right of `over`.
    """

    def __init__(self, frame: QFrame, host: QWidget, over: QWidget, offset_px: int = 0, right_px: int = 0) -> None:
        super().__init__(frame)
        self._frame, self._host, self._over, self._offset_px = frame, host, over, offset_px
        self._right_px = right_px
        shown = not frame.isHidden()
        frame.setParent(host)
        frame.setVisible(shown)
        frame.installEventFilter(self)
        over.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        moved = (QEvent.Type.Resize, QEvent.Type.Move) if watched is self._over else ()
        if event.type() in (*moved, QEvent.Type.Show, QEvent.Type.LayoutRequest):
            self._place()
        return False

    def _place(self) -> None:
        width = self._over.width() - self._right_px
        height = max(self._frame.heightForWidth(width), self._frame.minimumSizeHint().height())
        at = self._over.mapTo(self._host, QPoint(0, self._offset_px))
        self._frame.setGeometry(at.x(), at.y(), width, height)
        self._frame.raise_()
