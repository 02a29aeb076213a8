"""Light and dark colours, and the icons of the transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPainterPath, QPalette, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QApplication

Choice = Literal["system", "light", "dark"]
CHOICES: tuple[Choice, ...] = ("system", "light", "dark")


@dataclass(frozen=True)
class Theme:
    """Set of colours.

    `original` and `feature` mark the two sources of sound, A and B.
    """

    name: Literal["light", "dark"]
    window: str
    panel: str
    base: str
    raised: str
    border: str
    text: str
    dim: str
    original: str
    feature: str
    on_accent: str
    warning: str
    warning_text: str


LIGHT = Theme(
    name="light",
    window="#f1f1f4",
    panel="#fafafc",
    base="#ffffff",
    raised="#ffffff",
    border="#d2d3da",
    text="#1b1c22",
    dim="#5c5f6c",
    original="#2563c9",
    feature="#0b7a78",
    on_accent="#ffffff",
    warning="#fff0d9",
    warning_text="#6b3d00",
)
DARK = Theme(
    name="dark",
    window="#16171b",
    panel="#1d1f25",
    base="#111216",
    raised="#2a2d35",
    border="#363a45",
    text="#ecedf1",
    dim="#a1a5b3",
    original="#6ea8ff",
    feature="#3cd9d0",
    on_accent="#16171b",
    warning="#453414",
    warning_text="#ffdfa6",
)

_current = DARK


def current() -> Theme:
    """Return the current colours."""
    return _current


def apply(choice: Choice) -> Theme:
    """Set the colours of the whole application and return them."""
    global _current
    dark = choice == "dark"
    if choice == "system":
        dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    _current = DARK if dark else LIGHT
    app = QApplication.instance()
    if isinstance(app, QApplication):
        # Set once: another style deletes the one before, which widgets about to be deleted may still use. While there
        # is a style sheet, Qt wraps the style, and its name is not that of Fusion.
        if not app.styleSheet() and app.style().name().lower() != "fusion":
            app.setStyle("Fusion")
        app.setPalette(_palette(_current))
        app.setStyleSheet(_sheet(_current))
    return _current


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for roles, colour in (
        ((role.Window,), theme.window),
        ((role.Base,), theme.base),
        ((role.AlternateBase,), theme.panel),
        ((role.Button,), theme.raised),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText), theme.text),
        ((role.ToolTipBase,), theme.raised),
        ((role.PlaceholderText,), theme.dim),
        ((role.Highlight, role.Accent), theme.original),
        ((role.HighlightedText,), theme.on_accent),
        ((role.Link,), theme.original),
        ((role.Mid, role.Dark), theme.border),
        ((role.Light, role.Midlight), theme.raised),
    ):
        for each in roles:
            palette.setColor(each, QColor(colour))
    for each in (role.WindowText, role.Text, role.ButtonText):
        faint = QColor(theme.dim)
        faint.setAlphaF(0.6)
        palette.setColor(QPalette.ColorGroup.Disabled, each, faint)
    return palette


def _sheet(theme: Theme) -> str:
    """Return the style sheet. Controls get a style inside the window's cards only: Qt's own dialogs keep theirs."""
    return f"""
    QToolTip {{ color: {theme.text}; background: {theme.raised}; border: 1px solid {theme.border}; padding: 3px; }}
    QMenuBar {{ background: {theme.window}; }}
    QSplitter::handle {{ background: {theme.window}; }}
    #card {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 6px; }}
    #title {{ font-weight: 600; }}
    #dim {{ color: {theme.dim}; }}
    #problem {{ color: {theme.warning_text}; }}
    #offer {{ background: {theme.base}; border: 1px solid {theme.original}; border-radius: 6px; }}
    #messages {{ background: {theme.warning}; border-radius: 6px; }}
    #messages QLabel {{ color: {theme.warning_text}; }}
    #card QPushButton, #card QToolButton {{
        padding: 4px 9px; border: 1px solid {theme.border}; border-radius: 5px; background: {theme.raised};
    }}
    #card QPushButton:hover, #card QToolButton:hover {{ border-color: {theme.original}; }}
    #card QPushButton:focus, #card QToolButton:focus {{ border-color: {theme.original}; }}
    #card QPushButton:disabled, #card QToolButton:disabled {{ background: transparent; }}
    #card QPushButton:checked, #card QToolButton:checked {{ background: {theme.original}; color: {theme.on_accent}; }}
    #card QPushButton#feature:checked {{ background: {theme.feature}; border-color: {theme.feature}; }}
    #card QPushButton#feature:focus {{ border-color: {theme.feature}; }}
    #card QTabBar QToolButton {{ padding: 0; }}
    #messages QToolButton {{ border: none; background: transparent; padding: 3px; }}
    #card QCheckBox::indicator:unchecked, #card QListWidget::indicator:unchecked {{
        width: 12px; height: 12px; border: 1px solid {theme.dim}; border-radius: 3px; background: {theme.base};
    }}
    #card QCheckBox::indicator:unchecked:disabled {{ border-color: {theme.border}; }}
    #card QListView {{ background: {theme.base}; border: 1px solid {theme.border}; border-radius: 5px; }}
    #card QListView:focus {{ border-color: {theme.original}; }}
    #card QTabBar::tab {{
        padding: 5px 8px; margin-right: 1px; border: 1px solid transparent; border-radius: 5px; color: {theme.dim};
    }}
    #card QTabBar::tab:hover {{ border-color: {theme.border}; }}
    #card QTabBar::tab:selected {{ background: {theme.raised}; border-color: {theme.border}; color: {theme.text}; }}
    #card QTabBar::tab:focus {{ border-color: {theme.original}; }}
    """


Icon = Literal["play", "pause", "stop", "loop", "volume", "close", "back", "forward", "up"]


def icon(name: Icon, colour: str | None = None) -> QIcon:
    """Return an icon in the colour of the text around it, drawn large so that it is sharp on every screen."""
    side = 64
    result = QIcon()
    for mode, state, ink in (
        (QIcon.Mode.Normal, QIcon.State.Off, colour or _current.text),
        (QIcon.Mode.Normal, QIcon.State.On, colour or _current.on_accent),
        (QIcon.Mode.Disabled, QIcon.State.Off, _current.dim),
        (QIcon.Mode.Disabled, QIcon.State.On, _current.on_accent),
    ):
        pixmap = QPixmap(side, side)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ink))
        _draw(painter, name, QColor(ink))
        painter.end()
        result.addPixmap(pixmap, mode, state)
    return result


def _draw(painter: QPainter, name: str, ink: QColor) -> None:
    if name == "play":
        painter.drawPolygon(QPolygonF([QPointF(16, 8), QPointF(56, 32), QPointF(16, 56)]))
    elif name in ("back", "forward", "up"):
        painter.translate(32, 32)
        painter.rotate({"up": 0, "forward": 90, "back": -90}[name])
        painter.drawPolygon(QPolygonF([QPointF(0, -18), QPointF(24, 16), QPointF(-24, 16)]))
    elif name == "pause":
        painter.drawRoundedRect(QRectF(12, 8, 14, 48), 3, 3)
        painter.drawRoundedRect(QRectF(38, 8, 14, 48), 3, 3)
    elif name == "stop":
        painter.drawRoundedRect(QRectF(11, 11, 42, 42), 4, 4)
    elif name == "volume":
        painter.drawPolygon(
            QPolygonF(
                [QPointF(6, 22), QPointF(18, 22), QPointF(34, 8), QPointF(34, 56), QPointF(18, 42), QPointF(6, 42)]
            )
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(ink, 6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawArc(QRectF(26, 16, 32, 32), -55 * 16, 110 * 16)
    elif name == "loop":
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(ink, 7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        arc = QPainterPath()
        arc.arcMoveTo(QRectF(10, 12, 44, 40), 60)
        arc.arcTo(QRectF(10, 12, 44, 40), 60, 290)
        painter.drawPath(arc)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawPolygon(QPolygonF([QPointF(34, 2), QPointF(54, 14), QPointF(34, 28)]))
    else:
        painter.setPen(QPen(ink, 7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(16, 16), QPointF(48, 48))
        painter.drawLine(QPointF(48, 16), QPointF(16, 48))
