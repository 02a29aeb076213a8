"""The window: arranges the panes, and joins them to the session."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QByteArray, QSettings, Qt, QUrl
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QFrame, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from auralscope.session.session import Session
from auralscope.ui import help as pages
from auralscope.ui import theme
from auralscope.ui.actions import Actions
from auralscope.ui.dialogs import FileDialogs
from auralscope.ui.graphs.axes import LEFT_AXIS_PX
from auralscope.ui.keyboard import SpaceBar, order_focus
from auralscope.ui.labels.pane import LabelsPane
from auralscope.ui.panes import faithfulness
from auralscope.ui.panes.controls import ControlsPane
from auralscope.ui.panes.feature import FeaturePane
from auralscope.ui.panes.gallery import GalleryPane
from auralscope.ui.panes.input import InputPane
from auralscope.ui.panes.model import ModelPane
from auralscope.ui.panes.recording import RecordingPane
from auralscope.ui.panes.spectrogram import SpectrogramPane
from auralscope.ui.panes.status import JobsPane, MessagePane
from auralscope.ui.panes.taggram import NAMES_PX, TaggramPane
from auralscope.ui.panes.transport import TransportPane
from auralscope.ui.panes.waveform import WaveformPane
from auralscope.ui.qt_bridge import UiThread
from auralscope.ui.recent import RecentFiles
from auralscope.ui.saving import Saving
from auralscope.ui.views import Views

SIZE = (1440, 900)


class MainWindow(QMainWindow):
    """One sitting.

    Parameters
    ----------
    settings : QSettings
        What is remembered from one sitting to the next.
    device : str
        Where models run.
    """

    def __init__(self, settings: QSettings, device: str = "auto") -> None:
        super().__init__()
        self.setWindowTitle("AuralScope")
        self.setAcceptDrops(True)
        self.settings = settings
        self.recent = RecentFiles(settings)
        self.theme_choice: theme.Choice = _choice_of(settings.value("view/colours", "system"))
        theme.apply(self.theme_choice)
        self._ui_thread = UiThread(self)
        self.session = Session(self._ui_thread.deliver, device)
        self.dialogs = FileDialogs(self, settings)
        self.saving = Saving(self.session, self.dialogs)
        self.labels_pane: LabelsPane | None = None  # made when it is opened

        self.messages = MessagePane()
        self.waveform = WaveformPane()
        self.jobs = JobsPane(self.session.jobs)
        self.recording = RecordingPane(self.session, self.waveform, self.jobs)
        self.controls = ControlsPane(settings)
        self.spectrogram = SpectrogramPane()
        self.taggram = TaggramPane(self.session, settings)
        self.feature = FeaturePane(self.session)
        self.input = InputPane()
        self.gallery = GalleryPane(self.session)
        self.model_pane = ModelPane(self.session, self.input, self.gallery)
        self.transport = TransportPane(self.session)
        self._arrange()
        self.views = Views(
            self.session,
            spectrogram=self.spectrogram,
            waveform=self.waveform,
            taggram=self.taggram,
            input_pane=self.input,
            controls=self.controls,
            feature=self.feature,
            gallery=self.gallery,
            transport=self.transport,
            parent=self,
        )
        self.actions_ = Actions(self)
        self._space_bar = SpaceBar(self)
        self._join()
        self._remember_sizes()
        self.show_taggram(str(settings.value("view/taggram", "")).lower() == "true")

    def _arrange(self) -> None:
        picture = QFrame()
        picture.setObjectName("card")
        column = QVBoxLayout(picture)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(5)
        column.addWidget(self.controls)
        self.pictures = QSplitter(Qt.Orientation.Vertical)
        self.pictures.addWidget(self.spectrogram)
        self.pictures.addWidget(self.taggram)
        self.pictures.setStretchFactor(0, 1)
        self.pictures.setChildrenCollapsible(False)
        column.addWidget(self.pictures, 1)
        column.addWidget(self.feature)

        self.across = QSplitter(Qt.Orientation.Horizontal)
        self.across.addWidget(picture)
        self.across.addWidget(self.model_pane)
        self.across.setStretchFactor(0, 11)
        self.across.setStretchFactor(1, 9)
        self.across.setChildrenCollapsible(False)
        self.down = QSplitter(Qt.Orientation.Vertical)
        self.down.addWidget(self.recording)
        self.down.addWidget(self.across)
        self.down.setStretchFactor(0, 1)
        self.down.setStretchFactor(1, 7)
        self.down.setChildrenCollapsible(False)
        for splitter in (self.across, self.down, self.pictures):
            splitter.setHandleWidth(6)

        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(8, 4, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.messages)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.down)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.transport)
        self.setCentralWidget(middle)

    def _join(self) -> None:
        session = self.session
        session.problem.connect(self.messages.say)
        session.notice.connect(self.jobs.say)
        session.recording_changed.connect(self._recording_opened)
        session.plugins_changed.connect(self._say_failed_plugins)
        session.model_changed.connect(self._order_focus)
        self.recording.open_wanted.connect(self.choose_files)
        self.feature.save_sound.clicked.connect(self.saving.save_sound)
        self.feature.faithfulness.details_wanted.connect(self.show_faithfulness)
        self.feature.save_picture.clicked.connect(self.saving.save_picture)
        self.taggram.save.clicked.connect(self.saving.save_tags)
        self.taggram.height_wanted.connect(self._size_taggram)
        self.pictures.splitterMoved.connect(self._remember_taggram)
        self.model_pane.over_time.toggled.connect(self.show_taggram)
        self.model_pane.look_here.clicked.connect(self.look_here)
        self.model_pane.label_vectors.clicked.connect(self.swap_labels)
        self.model_pane.weights.file_wanted.connect(self.choose_weights)
        self.model_pane.weights.asked.connect(self.messages.clear)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_colours_changed)
        self._order_focus()

    def _order_focus(self) -> None:
        """With another model there are other buttons."""
        self._space_bar.adopt(self)
        recording, controls, feature = self.recording, self.controls, self.feature
        model, gallery, transport, taggram = self.model_pane, self.gallery, self.transport, self.taggram
        order_focus(
            [
                *(recording.open, recording.choice, self.jobs.cancel, self.waveform),
                *(controls.transform, controls.n_fft, controls.scale, controls.colour_map),
                *(controls.floor, controls.ceiling, controls.following, self.spectrogram),
                *(taggram.by, taggram.overlap, taggram.go_on, taggram.save, taggram.names, taggram.map),
                feature.faithfulness.details,
                *(feature.opacity, feature.alone, feature.save_sound, feature.save_picture),
                *(model.choice, model.label_vectors, model.over_time, model.look_here),
                *(model.weights.get, model.weights.from_file, model.weights.not_now, model.weights.cancel),
                *model.layers.buttons.values(),
                *(*gallery.kind.buttons.values(), gallery.method, gallery.order, gallery.resume),
                *(gallery.map.view, gallery.map.loop, gallery.view),
                *(transport.play, transport.stop, transport.loop, transport.original, transport.feature),
                *(transport.render_choice, transport.match, transport.model_rate, transport.volume),
                *(self.messages.label, self.messages.dismiss),
            ]
        )

    def begin(self, files: list[Path], model_id: str) -> None:
        """Start with some recordings and a model; what is slow about it happens in the background."""
        self.session.find_plugins()
        self.open_files(files)
        self.session.load_model(model_id)

    # -- files -----------------------------------------------------------------------------------------------------

    def open_files(self, paths: list[Path]) -> None:
        """Open the first of some recordings and offer the others."""
        if paths:
            self.messages.clear()
            self.recording.add(paths)
            self.session.open(paths[0])

    def choose_files(self) -> None:
        """Ask for recordings."""
        self.dialogs.open_recordings(self.open_files)

    def choose_weights(self) -> None:
        """Ask for the published file of the model that is wanted."""
        wanted = self.session.fetching.requested
        if wanted is None or wanted.weights.published is None:
            return
        published = PurePosixPath(QUrl(wanted.weights.published.url).path())
        title = f"The published file of {wanted.title}"
        self.dialogs.open_weights(title, published.name, self.model_pane.weights.fetch)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.open_files([_path_of(url) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def _recording_opened(self) -> None:
        clip = self.session.clip
        if clip is None or clip.source is None:
            return
        name = clip.source.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self.setWindowTitle(f"{name} – AuralScope")
        self.recent.add(clip.source)

    # -- what menus and keys ask for ---------------------------------------------------------------------------------

    def look_here(self) -> None:
        """Let the model look at where the playhead is."""
        self.session.move_window(self.session.listening.player.position_s)

    def show_taggram(self, shown: bool) -> None:
        """Show tags over time, or hide them; they are computed only while they are seen."""
        self.settings.setValue("view/taggram", shown)
        self.model_pane.over_time.setChecked(shown)
        self.taggram.setVisible(shown)
        # Names stand where the spectrogram has its axis: their times stand above one another.
        self.spectrogram.plot.getAxis("left").setWidth(NAMES_PX if shown else LEFT_AXIS_PX)
        self._size_taggram()
        self.session.taggram.set_active(shown)

    def _size_taggram(self) -> None:
        """As high as the user made it, or as its labels need; most of the room is the spectrogram's."""
        whole = self.pictures.height()
        chosen = int(str(self.settings.value("window/taggram", 0)))
        height = min(chosen or min(self.taggram.wanted_height(), round(0.42 * whole)), self.taggram.maximumHeight())
        self.pictures.setSizes([max(whole - height, 1), height])

    def _remember_taggram(self) -> None:
        self.settings.setValue("window/taggram", self.taggram.height())

    def seek_by(self, by_s: float) -> None:
        """Move the playhead."""
        player = self.session.listening.player
        self.session.listening.seek(min(max(player.position_s + by_s, 0.0), player.duration_s))

    def swap_render(self) -> None:
        """From mask to phase or back."""
        self.session.set_render("phase" if self.session.listening.render == "mask" else "mask")

    def swap_rate(self) -> None:
        """From the recording's rate to the model's or back."""
        self.session.set_rate("recording" if self.session.listening.rate == "model" else "model")

    def focus_gallery(self) -> None:
        """Put the arrow keys into the gallery."""
        self.pages.setCurrentWidget(self.down)
        if self.session.layer:
            self.model_pane.show_place(self.session.layer)
        self.gallery.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def focus_method(self) -> None:
        """Open the list of ways to read a feature."""
        self.pages.setCurrentWidget(self.down)
        if self.session.layer:
            self.model_pane.show_place(self.session.layer)
        self.gallery.method.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.gallery.method.showPopup()

    def swap_labels(self) -> None:
        """From the recording to the model's label vectors or back."""
        if self.labels_pane is not None and self.pages.currentWidget() is self.labels_pane:
            self.pages.setCurrentWidget(self.down)
            return
        if self.labels_pane is None:
            self.labels_pane = LabelsPane(self.session, self.dialogs)
            self.labels_pane.closed.connect(self.swap_labels)
            self.labels_pane.open_wanted.connect(self.open_files)
            self.labels_pane.grown.connect(lambda: self._space_bar.adopt(self))
            self.pages.addWidget(self.labels_pane)
            self._space_bar.adopt(self)
        self.pages.setCurrentWidget(self.labels_pane)
        self.labels_pane.begin()

    def show_faithfulness(self) -> None:
        """Open the figures of how far the chosen feature's sound can be trusted."""
        figures = faithfulness.page(self.session)
        if figures:
            self._page("How far this sound can be trusted", figures)

    def show_keys(self) -> None:
        """Open the page of keys."""
        self._page("Keys", pages.keys(self.actions_.menus))

    def show_plugins(self) -> None:
        """Open the list of plugins."""
        self._page("Plugins", pages.plugins(self.session.plugins, self.session.fetching.states))

    def show_about(self) -> None:
        """Say what this is."""
        self._page("About AuralScope", pages.about())

    def _page(self, title: str, html: str) -> None:
        pages.Page(title, html, self).show()

    def _say_failed_plugins(self) -> None:
        failed = [plugin.name for plugin in self.session.plugins if plugin.error]
        if failed:
            self.messages.say(f"Plugins that failed: {', '.join(failed)}. Help > Plugins says why.")

    # -- colours and sizes -------------------------------------------------------------------------------------------

    def set_theme(self, choice: theme.Choice) -> None:
        """Light, dark, or as the system."""
        self.theme_choice = choice
        self.settings.setValue("view/colours", choice)
        theme.apply(choice)
        for pane in (self.messages, self.transport, self.feature, self.taggram, self.model_pane):
            pane.recolour()
        if self.labels_pane is not None:
            self.labels_pane.recolour()

    def _system_colours_changed(self) -> None:
        if self.theme_choice == "system":
            self.set_theme("system")

    def _remember_sizes(self) -> None:
        screen = QGuiApplication.primaryScreen().availableSize()
        self.resize(min(SIZE[0], screen.width()), min(SIZE[1], screen.height()))
        for splitter, extent, share in ((self.across, self.width(), 0.55), (self.down, self.height(), 0.16)):
            splitter.setSizes([round(share * extent), round((1.0 - share) * extent)])
        for key, restore in (
            ("window/geometry", self.restoreGeometry),
            ("window/across", self.across.restoreState),
            ("window/down", self.down.restoreState),
        ):
            state = self.settings.value(key)
            if isinstance(state, QByteArray):
                restore(state)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.settings.setValue("window/geometry", self.saveGeometry())
        self.settings.setValue("window/across", self.across.saveState())
        self.settings.setValue("window/down", self.down.saveState())
        self.hide()  # what still runs may take a moment to end
        self.transport.stop_timers()
        self.jobs.stop_timers()
        if self.labels_pane is not None:
            self.labels_pane.jobs.stop_timers()
        self.session.close()
        event.accept()


def _choice_of(value: object) -> theme.Choice:
    return next((choice for choice in theme.CHOICES if choice == value), "system")


def _path_of(url: QUrl) -> Path:
    """A dropped file. On POSIX a name is bytes, which need not be text."""
    if os.name != "posix":
        return Path(url.toLocalFile())
    return Path(os.fsdecode(unquote_to_bytes(url.path(QUrl.ComponentFormattingOption.FullyEncoded))))
