"""The menus of the window: every action with its keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from auralscope.files import quoted
from auralscope.ui import theme

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu, QMenuBar

    from auralscope.session.session import Session
    from auralscope.ui.help import HelpPages
    from auralscope.ui.panes.feature import FeaturePane
    from auralscope.ui.panes.gallery import GalleryPane
    from auralscope.ui.panes.model import ModelPane
    from auralscope.ui.panes.transport import TransportPane
    from auralscope.ui.recent import RecentFiles
    from auralscope.ui.saving import Saving
    from auralscope.ui.views import Views


class Window(Protocol):
    """The parts and commands of a window that its menus use."""

    session: Session
    recent: RecentFiles
    saving: Saving
    help: HelpPages
    views: Views
    transport: TransportPane
    model_pane: ModelPane
    feature: FeaturePane
    gallery: GalleryPane
    theme_choice: theme.Choice

    def menuBar(self) -> QMenuBar: ...
    def close(self) -> bool: ...
    def choose_files(self) -> None: ...
    def open_files(self, paths: list[Path]) -> None: ...
    def focus_gallery(self) -> None: ...
    def focus_method(self) -> None: ...
    def toggle_labels(self) -> None: ...
    def set_theme(self, choice: theme.Choice) -> None: ...


class Actions:
    """The menu bar of a window.

    Parameters
    ----------
    window : Window

    Attributes
    ----------
    menus : list of (str, list of QAction)
        Title and actions of each menu.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self.menus: list[tuple[str, list[QAction]]] = []
        self._menu: QMenu
        self._fill()
        session = window.session
        for changed in (
            session.listening.changed,
            session.unit_changed,
            session.faithfulness.changed,
            session.taggram.changed,
        ):
            changed.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        session = self._window.session
        for action in self._transport:
            action.setEnabled(session.clip is not None and session.listening.player.state != "no-device")
        for action in self._of_feature:
            action.setEnabled(session.listening.sound is not None)
        self._faithfulness.setEnabled(session.faithfulness.result is not None)
        self._save_tags.setEnabled(session.taggram.tags is not None)
        for action in self._save_feature:
            action.setEnabled(session.unit is not None and session.listening.sound is not None)

    def _fill(self) -> None:
        window, add = self._window, self._add
        session, listening, views, saving = window.session, window.session.listening, window.views, window.saving
        transport, model, feature, gallery = window.transport, window.model_pane, window.feature, window.gallery

        self._begin("&File")
        add("&Open…", window.choose_files, QKeySequence.StandardKey.Open, "Open recordings")
        self.recent = self._menu.addMenu("Open &recent")
        self.recent.setToolTipsVisible(True)
        self.recent.aboutToShow.connect(self._list_recent)
        self._menu.addSeparator()
        self._save_feature = [
            add("&Save sound…", saving.save_sound, "Ctrl+S", "Save the feature's sound as WAV"),
            add("Save &picture…", saving.save_picture, "Ctrl+Shift+S", "Save the feature's picture as PNG"),
        ]
        self._save_tags = add("Save &tags over time…", saving.save_tags, "Ctrl+T", "Save the tags over time as CSV")
        self._menu.addSeparator()
        add("&Quit", window.close, "Ctrl+Q", "End the program")

        self._begin("&View")
        add("Zoom &in", views.zoom_in, ["+", "="], "Show a shorter stretch of time")
        add("Zoom &out", views.zoom_out, "-", "Show a longer stretch of time")
        add("Whole &recording", views.show_all, "0", "Show the whole recording and all frequencies")
        add("&Model's window", views.show_window, "Z", "Show the window that the model analyses")
        self._menu.addSeparator()
        add("Tags &over time", model.over_time.toggle, "O", "Show the model's tags along the recording")
        add("&Feature alone", feature.alone.toggle, "F", "Hide the recording behind the feature")
        add("Attri&butions or feature maps", gallery.toggle_kind, "D", "Switch what the gallery shows")
        add("&Gallery", window.focus_gallery, "G", "Give the arrow keys to the gallery")
        self._faithfulness = add(
            "Fait&hfulness", window.help.show_faithfulness, "H", "Show how faithful the feature's sound is, in figures"
        )
        add("Label &vectors", window.toggle_labels, "V", "Switch between the recording and the model's label vectors")
        self._menu.addSeparator()
        self._add_themes()

        self._begin("&Playback")
        self._transport = [
            add("&Play or pause", listening.play_or_pause, "Space", "Play or pause"),
            add("&Stop", listening.stop, "Esc", "Stop and go back to the beginning"),
        ]
        add("To the &beginning", listening.to_start, "Home", "Go to the beginning of the loop or the recording")
        add("Back 1 s", lambda: transport.seek_by(-1.0), ",", "Go back by one second")
        add("Forward 1 s", lambda: transport.seek_by(1.0), ".", "Go forward by one second")
        add(
            "&Loop",
            lambda: transport.set_loop(listening.player.loop is None),
            "L",
            "Repeat the marked stretch or the model's window",
        )
        add("Loop the &cell", gallery.map.repeat, "K", "Repeat the receptive field of the feature map's cell")
        self._menu.addSeparator()
        add("&Original", lambda: listening.set_source("original"), "A", "Hear the recording")
        self._of_feature = [
            add("&Feature", lambda: listening.set_source("feature"), "B", "Hear the chosen feature"),
            add("S&witch between the two", listening.swap_source, "X", "Switch between the recording and the feature"),
        ]
        self._menu.addSeparator()
        add("&Mask or phase", transport.toggle_render, "R", "Switch how a feature becomes sound")
        add("Match l&oudness", transport.toggle_match, "M", "Play features as loud as the recording")
        add("Model's ra&te", transport.toggle_rate, "T", "Switch between the model's sampling rate and the recording's")
        add("Lo&uder", lambda: transport.change_volume(5), "Ctrl+Up", "Raise the volume")
        add("&Quieter", lambda: transport.change_volume(-5), "Ctrl+Down", "Lower the volume")

        self._begin("&Model")
        add("&Analyse here", model.move_window, "W", "Move the model's window to the playhead")
        add("Layer &above", lambda: model.step(1), "]", "Go to the next layer, towards the output")
        add("Layer &below", lambda: model.step(-1), "[", "Go to the previous layer, towards the input")
        add("&Input", lambda: model.show_place(""), "I", "Show the network's input for this window")
        add("Attribution &method", window.focus_method, "E", "Choose deconvolution, gradient, LRP or another method")
        add("&Compute the rest", session.fill_gallery, "C", "Compute the features that are missing from the gallery")

        self._begin("&Help")
        add("&Keys", lambda: window.help.show_keys(self.menus), "F1", "Show what every key does")
        add("&Plugins", window.help.show_plugins, None, "Show where the models come from, and which plugins failed")
        add("&About AuralScope", window.help.show_about, None, "Show the version, the references and the licence")

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
        action = QAction(text, self._menu)
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
            action = self.recent.addAction(quoted(path.name)[1:-1].replace("&", "&&"))
            action.setToolTip(quoted(path.parent)[1:-1])
            action.triggered.connect(lambda _checked, path=path: self._window.open_files([path]))
        if not paths:
            self.recent.addAction("None yet").setEnabled(False)
            return
        self.recent.addSeparator()
        self.recent.addAction("&Clear the list").triggered.connect(self._window.recent.clear)
