"""Every action of the window: menus, keys, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from auralscope.ui import theme

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu

    from auralscope.ui.main_window import MainWindow


class Actions:
    """Fills a window's menu bar.

    Parameters
    ----------
    window : MainWindow

    Attributes
    ----------
    menus : list of (str, list of QAction)
        Title and actions of each menu, for the page of keys.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.menus: list[tuple[str, list[QAction]]] = []
        self._menu: QMenu
        self._fill()
        window.session.listening.changed.connect(self._enable)
        window.session.unit_changed.connect(self._enable)
        window.session.faithfulness.changed.connect(self._enable)
        window.session.taggram.changed.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        """As the buttons of the transport and of the feature."""
        session = self._window.session
        for action in self._transport:
            action.setEnabled(session.clip is not None and session.listening.player.state != "no-device")
        for action in self._of_feature:
            action.setEnabled(session.listening.sound is not None)
        self.faithfulness.setEnabled(session.faithfulness.result is not None)
        self.save_tags.setEnabled(session.taggram.tags is not None)
        for action in (self.save_sound, self.save_picture):
            action.setEnabled(session.unit is not None and session.listening.sound is not None)

    def _fill(self) -> None:
        window, listening, session = self._window, self._window.session.listening, self._window.session
        transport, model, feature = window.transport, window.model_pane, window.feature

        self._begin("&File")
        self._add("&Open…", window.choose_files, QKeySequence.StandardKey.Open, "Open recordings")
        self.recent = self._menu.addMenu("Open &recent")
        self.recent.setToolTipsVisible(True)
        self.recent.aboutToShow.connect(self._list_recent)
        self._menu.addSeparator()
        self.save_sound = self._add(
            "&Save sound…", window.saving.save_sound, "Ctrl+S", "Write what the feature hears as WAV"
        )
        self.save_picture = self._add(
            "Save &picture…", window.saving.save_picture, "Ctrl+Shift+S", "Write the feature's deconvolution as PNG"
        )
        self.save_tags = self._add(
            "Save &tags over time…", window.saving.save_tags, "Ctrl+T", "Write the tags over time as CSV"
        )
        self._menu.addSeparator()
        self._add("&Quit", window.close, "Ctrl+Q", "End the program")

        self._begin("&View")
        view = window.views
        self._add("Zoom &in", view.zoom_in, ["+", "="], "Less time on the screen")
        self._add("Zoom &out", view.zoom_out, "-", "More time on the screen")
        self._add("Whole &recording", view.show_all, "0", "All of the recording on the screen")
        self._add("&Model's window", view.show_window, "Z", "Just what the model looks at")
        self._menu.addSeparator()
        self._add("Tags &over time", window.model_pane.over_time.toggle, "O", "What the model says along the recording")
        self._add("&Feature alone", feature.alone.toggle, "F", "Hide the recording behind the feature")
        self._add("&Deconvolutions or feature maps", window.gallery.toggle_kind, "D", "What the gallery shows")
        self._add("&Gallery", window.focus_gallery, "G", "Put the arrow keys into the gallery")
        self.faithfulness = self._add(
            "&How far to trust it", window.show_faithfulness, "H", "The figures of the feature's sound"
        )
        self._add("Label &vectors", window.swap_labels, "V", "What the model thinks of its labels, or the recording")
        self._menu.addSeparator()
        self._add_themes()

        self._begin("&Playback")
        self._transport = [
            self._add("&Play or pause", listening.play_or_pause, "Space", "Play or pause"),
            self._add("&Stop", listening.stop, "Esc", "Fall silent, and back to the beginning"),
        ]
        self._add("To the &beginning", listening.to_start, "Home", "To the beginning of the loop or the recording")
        self._add("Back 1 s", lambda: window.seek_by(-1.0), ",", "One second back")
        self._add("On 1 s", lambda: window.seek_by(1.0), ".", "One second on")
        self._add("&Loop", lambda: transport.set_loop(listening.player.loop is None), "L", "Repeat the model's window")
        self._add("Loop what the &cell saw", window.gallery.map.repeat, "K", "Repeat what a cell of the map saw")
        self._menu.addSeparator()
        self._add("&Original", lambda: listening.set_source("original"), "A", "Hear the recording")
        feature_heard = self._add("&Feature", lambda: listening.set_source("feature"), "B", "Hear the chosen feature")
        switch = self._add(
            "S&witch between the two", listening.swap_source, "X", "From the recording to the feature or back"
        )
        self._of_feature = [feature_heard, switch]
        self._menu.addSeparator()
        self._add("&Mask or phase", window.swap_render, "R", "How a feature becomes sound")
        self._add(
            "Match l&oudness",
            lambda: listening.set_match_loudness(not listening.match_loudness),
            "M",
            "Play features as loud as the recording",
        )
        self._add("Model's ra&te", window.swap_rate, "T", "Hear features at the model's rate or the recording's")
        self._add("Lo&uder", lambda: transport.change_volume(5), "Ctrl+Up", "Volume up")
        self._add("&Quieter", lambda: transport.change_volume(-5), "Ctrl+Down", "Volume down")

        self._begin("&Model")
        self._add("&Look here", window.look_here, "W", "Move the model's window to the playhead")
        self._add("Layer &above", lambda: model.step(1), "]", "To the next layer, towards the output")
        self._add("Layer &below", lambda: model.step(-1), "[", "To the layer before, towards the input")
        self._add("&What the model sees", lambda: model.show_place(""), "I", "The network's input for this window")
        self._add("&How to read a feature", window.focus_method, "E", "Deconvolution, gradient, LRP and others")
        self._add("&Compute the rest", session.fill_gallery, "C", "Deconvolve the features that are still missing")

        self._begin("&Help")
        self._add("&Keys", window.show_keys, "F1", "What every key does")
        self._add("&Plugins", window.show_plugins, None, "Where the models come from, and what failed")
        self._add("&About AuralScope", window.show_about, None, "What this is")

    def _begin(self, title: str) -> None:
        self._menu = self._window.menuBar().addMenu(title)
        self._menu.setToolTipsVisible(True)
        self.menus.append((title, []))

    def _add(
        self,
        text: str,
        do: Callable[[], object],
        keys: str | list[str] | QKeySequence.StandardKey | None,
        tooltip: str,
    ) -> QAction:
        action = QAction(text, self._window)
        if isinstance(keys, QKeySequence.StandardKey):
            action.setShortcuts(keys)
        elif keys is not None:
            action.setShortcuts([QKeySequence(key) for key in ([keys] if isinstance(keys, str) else keys)])
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{tooltip} ({shown})" if shown else tooltip)
        action.setStatusTip(tooltip)
        action.triggered.connect(lambda _checked=False: do())
        self._menu.addAction(action)
        self.menus[-1][1].append(action)
        return action

    def _add_themes(self) -> None:
        menu = self._menu.addMenu("&Colours")
        group = QActionGroup(menu)
        names: dict[theme.Choice, str] = {"system": "As the &system", "light": "&Light", "dark": "&Dark"}
        for choice in theme.CHOICES:
            action = QAction(names[choice], group)
            action.setCheckable(True)
            action.setChecked(choice == self._window.theme_choice)
            action.triggered.connect(lambda _checked, choice=choice: self._window.set_theme(choice))
            menu.addAction(action)

    def _list_recent(self) -> None:
        self.recent.clear()
        paths = self._window.recent.paths()
        for path in paths:
            name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            action = self.recent.addAction(" ".join(name.replace("&", "&&").split()))
            action.setToolTip(str(path.parent).encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
            action.triggered.connect(lambda _checked, path=path: self._window.open_files([path]))
        if not paths:
            self.recent.addAction("None yet").setEnabled(False)
            return
        self.recent.addSeparator()
        self.recent.addAction("&Clear the list").triggered.connect(self._window.recent.clear)
