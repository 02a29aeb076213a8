"""The main window: arrange the panes and connect them to the session."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QByteArray, QSettings, Qt, QUrl
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from auralscope.files import quoted
from auralscope.session.session import Session
from auralscope.ui import theme
from auralscope.ui.actions import Actions
from auralscope.ui.dialogs import FileDialogs
from auralscope.ui.first_model import FirstModel
from auralscope.ui.help import HelpPages
from auralscope.ui.keyboard import ControlFilter, order_focus
from auralscope.ui.labels.pane import SIDE_PX, LabelsPane
from auralscope.ui.panes.controls import ControlsPane
from auralscope.ui.panes.feature import FeaturePane
from auralscope.ui.panes.gallery import GalleryPane
from auralscope.ui.panes.input import InputPane
from auralscope.ui.panes.model import ModelPane
from auralscope.ui.panes.pictures import PicturesPane
from auralscope.ui.panes.recording import RecordingPane
from auralscope.ui.panes.spectrogram import SpectrogramPane
from auralscope.ui.panes.status import JobsPane, MessagePane
from auralscope.ui.panes.taggram import TaggramPane
from auralscope.ui.panes.transport import TransportPane
from auralscope.ui.panes.waveform import WaveformPane
from auralscope.ui.qt_bridge import UiThread
from auralscope.ui.recent import RecentFiles
from auralscope.ui.saving import Saving
from auralscope.ui.views import Views
from auralscope.ui.widgets.floating import Floating

SIZE = (1440, 900)
FRAME_PX = (16, 48)
"""Width and height that the frame of a window may take."""
BELOW_TOOLS_PX = 42
"""Messages appear below the tools at the top of a page, over a picture, left of the label page's controls."""


class MainWindow(QMainWindow):
    """The window with its session.

    Parameters
    ----------
    settings : QSettings
        Values that are kept when the program ends.
    device : str
        Device on which models run: "auto", "cpu", "cuda" or "mps".
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
        self.help = HelpPages(self, self.session)
        self.labels_pane: LabelsPane | None = None  # made when it is first opened
        self._lacks = ""  # of the open recording, as the messages show it

        self.first_model = FirstModel(self.session, settings)
        self.messages = MessagePane()
        self.waveform = WaveformPane()
        self.jobs = JobsPane(self.session.jobs)
        self.recording = RecordingPane(self.session, self.waveform, self.jobs)
        self.controls = ControlsPane(settings)
        self.spectrogram = SpectrogramPane()
        self.saving = Saving(self.session, self.dialogs, lambda: self.spectrogram.colour_map)
        self.taggram = TaggramPane(self.session, settings)
        self.feature = FeaturePane(self.session)
        self.pictures = PicturesPane(
            self.session,
            settings,
            controls=self.controls,
            spectrogram=self.spectrogram,
            taggram=self.taggram,
            feature=self.feature,
        )
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
        self._control_filter = ControlFilter(self.spectrogram, self)
        self._connect()
        self._restore_sizes()
        shown = str(settings.value("view/taggram", "")).lower() == "true"
        self.model_pane.over_time.setChecked(shown)
        self.pictures.show_taggram(shown)

    def _arrange(self) -> None:
        self.across = QSplitter(Qt.Orientation.Horizontal)
        self.down = QSplitter(Qt.Orientation.Vertical)
        for splitter, widgets, stretch in (
            (self.across, (self.pictures, self.model_pane), (11, 9)),
            (self.down, (self.recording, self.across), (1, 7)),
        ):
            for place, widget in enumerate(widgets):
                splitter.addWidget(widget)
                splitter.setStretchFactor(place, stretch[place])
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(6)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(8, 4, 8, 8)
        layout.setSpacing(6)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.down)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.transport)
        Floating(self.messages, middle, self.pages, BELOW_TOOLS_PX, SIDE_PX + 20)
        self.setCentralWidget(middle)

    def _connect(self) -> None:
        session = self.session
        session.problem.connect(self.messages.say)
        session.notice.connect(self.jobs.say)
        session.listening.changed.connect(self._report_player)
        session.recording_changed.connect(self._recording_opened)
        session.channel_changed.connect(lambda: self.messages.withdraw(self._lacks))
        session.plugins_changed.connect(self._report_failed_plugins)
        session.model_changed.connect(self._order_focus)
        session.model_changed.connect(self.first_model.model_changed)
        self.recording.open_requested.connect(self.choose_files)
        self.feature.save_sound.clicked.connect(self.saving.save_sound)
        self.feature.save_picture.clicked.connect(self.saving.save_picture)
        self.feature.faithfulness.details_requested.connect(self.help.show_faithfulness)
        self.taggram.save.clicked.connect(self.saving.save_tags)
        self.model_pane.over_time.toggled.connect(self.pictures.show_taggram)
        self.model_pane.label_vectors.clicked.connect(self.toggle_labels)
        self.model_pane.weights.file_requested.connect(self.choose_weights)
        self.model_pane.weights.download_started.connect(self.messages.clear)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_colours_changed)
        self._order_focus()

    def _order_focus(self) -> None:
        """Order the focus again: another model has other buttons."""
        self._control_filter.adopt(self)
        panes = (self.recording, self.pictures, self.model_pane, self.transport, self.messages)
        order_focus([widget for pane in panes for widget in pane.tab_order()])

    def begin(self, files: list[Path], model_id: str | None = None) -> None:
        """Start with some recordings and a model; plugins, files and weights are read in the background.

        Without a model's id, `FirstModel` chooses.
        """
        self.session.find_plugins()
        self.open_files(files)
        if model_id is None:
            self.first_model.load()
        else:
            self.session.load_model(model_id)

    # -- files -----------------------------------------------------------------------------------------------------

    def open_files(self, paths: list[Path]) -> None:
        """Open the first of some recordings and list the others."""
        if paths:
            self.messages.clear()
            self.recording.add(paths)
            self.session.open(paths[0])

    def choose_files(self) -> None:
        """Ask for recordings and open them."""
        self.dialogs.open_recordings(self.open_files)

    def choose_weights(self) -> None:
        """Ask for the published weights of the model whose weights are missing."""
        spec = self.session.fetching.requested
        if spec is not None and spec.weights.published is not None:
            published = PurePosixPath(QUrl(spec.weights.published.url).path()).name
            self.dialogs.open_weights(f"The published file of {spec.title}", published, self.model_pane.weights.fetch)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.open_files([_path_of(url) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def _recording_opened(self) -> None:
        """Name the recording, and withdraw what was said about the one before."""
        clip = self.session.clip
        said, self._lacks = self._lacks, " ".join(clip.notices) if clip is not None else ""
        if said != self._lacks:
            self.messages.withdraw(said)
        if clip is not None and clip.source is not None:
            self.setWindowTitle(f"{quoted(clip.source.name)[1:-1]} – AuralScope")
            self.recent.add(clip.source)

    def _report_player(self) -> None:
        """Say why nothing can be played, as long as that is so."""
        self.jobs.set_lasting(self.session.listening.player.problem)

    def _report_failed_plugins(self) -> None:
        failed = [plugin.name for plugin in self.session.plugins if plugin.error]
        if failed:
            self.messages.say(f"Plugins that failed: {', '.join(failed)}. Help > Plugins gives the reason.")

    # -- pages -----------------------------------------------------------------------------------------------------

    def focus_gallery(self) -> None:
        """Show the gallery of the current layer and give it the arrow keys."""
        self.pages.setCurrentWidget(self.down)
        if self.session.layer:
            self.model_pane.show_place(self.session.layer)
        self.gallery.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def focus_method(self) -> None:
        """Open the list of attribution methods."""
        self.focus_gallery()
        self.gallery.method.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.gallery.method.showPopup()

    def toggle_labels(self) -> None:
        """Switch between the recording and the model's label vectors."""
        if self.labels_pane is not None and self.pages.currentWidget() is self.labels_pane:
            self.pages.setCurrentWidget(self.down)
            return
        if self.labels_pane is None:
            self.labels_pane = LabelsPane(self.session, self.dialogs)
            self.labels_pane.closed.connect(self.toggle_labels)
            self.labels_pane.open_requested.connect(self.open_files)
            self.labels_pane.tab_made.connect(lambda: self._control_filter.adopt(self))
            self.pages.addWidget(self.labels_pane)
            self._control_filter.adopt(self)
        self.pages.setCurrentWidget(self.labels_pane)
        self.labels_pane.begin()

    # -- colours and sizes -------------------------------------------------------------------------------------------

    def set_theme(self, choice: theme.Choice) -> None:
        """Use light colours, dark colours, or those of the system."""
        self.theme_choice = choice
        self.settings.setValue("view/colours", choice)
        theme.apply(choice)
        for pane in (self.messages, self.transport, self.feature, self.taggram, self.model_pane):
            pane.recolour()

    def _system_colours_changed(self) -> None:
        if self.theme_choice == "system":
            self.set_theme("system")

    def _restore_sizes(self) -> None:
        screen = QGuiApplication.primaryScreen().availableSize()
        self.resize(min(SIZE[0], screen.width() - FRAME_PX[0]), min(SIZE[1], screen.height() - FRAME_PX[1]))
        for splitter, extent, share in ((self.across, self.width(), 0.53), (self.down, self.height(), 0.16)):
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
        self.hide()  # running jobs may take a moment to end
        self.transport.stop_timers()
        self.jobs.stop_timers()
        if self.labels_pane is not None:
            self.labels_pane.jobs.stop_timers()
        self.session.close()
        event.accept()


def _choice_of(value: object) -> theme.Choice:
    return next((choice for choice in theme.CHOICES if choice == value), "system")


def _path_of(url: QUrl) -> Path:
    """Return the path of a dropped file. On POSIX a path is bytes, which need not be text."""
    if os.name != "posix":
        return Path(url.toLocalFile())
    return Path(os.fsdecode(unquote_to_bytes(url.path(QUrl.ComponentFormattingOption.FullyEncoded))))
