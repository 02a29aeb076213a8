"""Help pages: keys, plugins, the figures of a sound's faithfulness, and information about the program."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

import auralscope
from auralscope.files import quoted, user_folder
from auralscope.ui.panes import faithfulness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from PySide6.QtGui import QAction

    from auralscope.registry import Plugin
    from auralscope.session.session import Session


class Page(QDialog):
    """A page of text beside the window, which can still be used."""

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


class HelpPages:
    """Commands that open a page of text beside a window."""

    def __init__(self, window: QWidget, session: Session) -> None:
        self._window = window
        self._session = session

    def show_keys(self, menus: Iterable[tuple[str, list[QAction]]]) -> None:
        """Open the list of keys, given the title and the actions of each menu."""
        Page("Keys", _keys(menus), self._window).show()

    def show_plugins(self) -> None:
        """Open the list of plugins with their models."""
        html = _plugins(self._session.plugins, self._session.fetching.states)
        Page("Plugins", html, self._window).show()

    def show_faithfulness(self) -> None:
        """Open the figures of the chosen feature's sound, if they are measured."""
        html = faithfulness.page(self._session)
        if html:
            Page("Faithfulness", html, self._window).show()

    def show_about(self) -> None:
        """Open the version, the references and the licence."""
        Page("About AuralScope", _about(), self._window).show()


def _keys(menus: Iterable[tuple[str, list[QAction]]]) -> str:
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
        "<h3>Gallery</h3><p>The arrow keys move from feature to feature. Each feature plays as soon as it is chosen. "
        "Its tooltip describes it. A typed number chooses a feature: 38, or 3-38. "
        "Home and End go to the first and the last one.</p>"
        "<h3>Feature map</h3><p>Point at a cell, click it, or move to it with the arrow keys. A frame in the "
        "spectrogram shows its receptive field: the part of the sound that can change it. K repeats this part.</p>"
        "<h3>Label vectors</h3><p>The arrow keys move from pair to pair. The names of the labels are left of the first "
        "column. Enter chooses the pair or the label. In a list, Enter plays the unit.</p>"
        "<h3>Spectrogram</h3><p>Turn the wheel to zoom in time, with Ctrl to zoom in frequency. Click to set the "
        "playhead. Double-click, or press 0, to see the whole recording and all frequencies. Drag to move; this pauses "
        "following until you play, seek or press Follow. Drag with Shift to mark a stretch that repeats. Drag the "
        "frame of the model's window to move it.</p>"
        "<h3>Map of recordings</h3><p>Turn the wheel to zoom, drag to move, and double-click beside the points to see "
        "all of them.</p>"
    )
    return "".join(parts)


def _plugins(found: tuple[Plugin, ...], states: Mapping[str, str]) -> str:
    """Return a list of plugins with their errors and models, given the state of each model's weights."""
    parts = []
    for plugin in sorted(found, key=lambda plugin: not plugin.error):  # those that failed first
        parts.append(f"<h3>{escape(plugin.name)}</h3><p>{escape(plugin.origin)}</p>")
        if plugin.error:
            parts.append(f"<p><b>Failed:</b> {escape(plugin.error)}</p>")
        for spec in plugin.models:
            parts.append(f"<p><b>{escape(spec.title)}</b> ({escape(spec.id)})<br>{escape(spec.summary)}<br>")
            parts.append(f"Weights: {escape(states.get(spec.id, 'unknown'))}, {escape(spec.weights.licence)}</p>")
    parts.append(f"<p>AuralScope looks for your own plugins in {escape(quoted(user_folder('plugins')))}.</p>")
    return "".join(parts)


def _about() -> str:
    return (
        f"<h2>AuralScope {escape(auralscope.__version__)}</h2>"
        "<p>Look inside the neural networks that tag music, and hear what each layer has learned.</p>"
        "<p>Deconvolution traces a feature's response back through the network. The result is an image in the plane of "
        "the network's input. The recording's phase turns this image into sound.</p>"
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
