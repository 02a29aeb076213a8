"""Help that is read in a window of its own: keys, plugins, about."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

import auralscope
from auralscope.files import quoted, user_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from PySide6.QtGui import QAction

    from auralscope.registry import Plugin


class Page(QDialog):
    """A page of text beside the window, which stays usable."""

    def __init__(self, title: str, html: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = QTextBrowser()
        self.text.setOpenExternalLinks(True)
        self.text.setHtml(html)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addWidget(buttons)
        self.resize(560, 560)


def keys(menus: Iterable[tuple[str, list[QAction]]]) -> str:
    """Every action that has a key, menu by menu."""
    parts = []
    for menu, actions in menus:
        rows = [
            f"<tr><td width='150'><b>{escape(_shortcuts(action))}</b></td><td>{escape(_plain(action.text()))}</td></tr>"
            for action in actions
            if action.shortcuts()
        ]
        if rows:
            parts.append(f"<h3>{escape(_plain(menu))}</h3><table cellspacing='4'>{''.join(rows)}</table>")
    parts.append(
        "<h3>Gallery</h3><p>The arrow keys go from feature to feature; each is heard as soon as it is chosen. "
        "A tooltip says what it is like.</p>"
        "<h3>Feature map</h3><p>Point at a cell, click it, or go there with the arrow keys: a frame in the spectrogram "
        "shows what it saw, and K repeats it.</p>"
        "<h3>Label vectors</h3><p>The arrow keys go from pair to pair, left of the first column to the labels' names; "
        "Enter chooses the pair or the label. In a list, Enter hears the unit.</p>"
        "<h3>Spectrogram</h3><p>Wheel: zoom in time. Ctrl and wheel: zoom in frequency. Drag: move. Click: go there. "
        "Shift and drag: mark a stretch to repeat. The model's window is moved by its frame.</p>"
    )
    return "".join(parts)


def plugins(found: tuple[Plugin, ...], states: Mapping[str, str]) -> str:
    """Every plugin, with its models and whether their weights are here (by model), or its error."""
    parts = []
    for plugin in found:
        parts.append(f"<h3>{escape(plugin.name)}</h3><p>{escape(plugin.origin)}</p>")
        if plugin.error:
            parts.append(f"<p><b>Failed:</b> {escape(plugin.error)}</p>")
        for spec in plugin.models:
            parts.append(f"<p><b>{escape(spec.title)}</b> ({escape(spec.id)})<br>{escape(spec.summary)}<br>")
            parts.append(f"Weights: {escape(states.get(spec.id, 'unknown'))}, {escape(spec.weights.licence)}</p>")
    parts.append(f"<p>Your own plugins are looked for in {escape(quoted(user_folder('plugins')))}.</p>")
    return "".join(parts)


def about() -> str:
    """What the program is, and on whose work it rests."""
    return (
        f"<h2>AuralScope {escape(auralscope.__version__)}</h2>"
        "<p>Look inside the neural networks that tag music, and hear what each layer has learned.</p>"
        "<p>A feature is deconvolved: what made it answer is traced back through the network to an image in the plane "
        "of the network's input. That image is made audible with the recording's own phase.</p>"
        "<ul><li>M. D. Zeiler, R. Fergus: Visualizing and understanding convolutional networks. ECCV 2014.</li>"
        "<li>K. Choi, G. Fazekas, M. Sandler, J. Kim: Auralisation of deep convolutional neural networks: listening to "
        "learned features. ISMIR 2015, late-breaking.</li>"
        "<li>K. Choi: Deep neural networks for music tagging. PhD thesis, Queen Mary University of London, 2018, "
        "chapter 7.</li></ul><p>MIT licence.</p>"
    )


def _shortcuts(action: QAction) -> str:
    return ", ".join(key.toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts())


def _plain(text: str) -> str:
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&").rstrip("…")
