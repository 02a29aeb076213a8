"""Dialogs that ask for files. Each remembers the folder that was last used for its kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QToolButton

from auralscope.audio.files import SUFFIXES
from auralscope.ui import theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QSettings
    from PySide6.QtWidgets import QWidget

_ALL = "All files (*)"
_RECORDINGS = f"Sound and video ({' '.join('*' + suffix for suffix in SUFFIXES)})"
_TO_SAVE = {".wav": "WAV (*.wav)", ".png": "PNG (*.png)", ".csv": "Table (*.csv)"}
_FILE, _FILES, _FOLDER = (
    QFileDialog.FileMode.ExistingFile,
    QFileDialog.FileMode.ExistingFiles,
    QFileDialog.FileMode.Directory,
)


class FileDialogs:
    """The file dialogs of a window. Each calls `then` with the answer, unless the user cancels."""

    def __init__(self, window: QWidget, settings: QSettings) -> None:
        self._window = window
        self._settings = settings

    def open_recordings(self, then: Callable[[list[Path]], object], title: str = "Open recordings") -> None:
        self._ask(title, "files/folder", [_RECORDINGS, _ALL], _FILES, then)

    def open_folder(self, then: Callable[[Path], object]) -> None:
        """Ask for a folder of recordings."""
        self._ask("Choose a folder of recordings", "files/folder", [], _FOLDER, lambda paths: then(paths[0]))

    def open_table(self, title: str, then: Callable[[Path], object]) -> None:
        """Ask for a table of labels or scores."""
        kinds = ["Tables (*.csv *.npy)", _ALL]
        self._ask(title, "files/labels folder", kinds, _FILE, lambda paths: then(paths[0]))

    def open_ground_truth(self, then: Callable[[list[Path]], object]) -> None:
        kinds = ["Tracks x labels (*.npy *.csv *.tsv *.txt)", _ALL]
        self._ask("Load ground truth", "files/labels folder", kinds, _FILES, then)

    def open_weights(self, title: str, published: str, then: Callable[[Path], object]) -> None:
        """Ask for a model's published file, given the name under which it was published."""
        kinds = [f"{published} (*{Path(published).suffix})", _ALL]
        self._ask(title, "files/weights folder", kinds, _FILE, lambda paths: then(paths[0]))

    def save(self, title: str, suggested: str, then: Callable[[Path], object]) -> None:
        """Ask where to save; a name without a suffix gets that of the suggested name."""
        suggested = suggested.replace("/", "-")
        kinds = [_TO_SAVE[Path(suggested).suffix]]
        mode = QFileDialog.FileMode.AnyFile
        self._ask(title, "files/save folder", kinds, mode, lambda paths: then(paths[0]), suggested)

    def _ask(
        self,
        title: str,
        key: str,
        kinds: list[str],
        mode: QFileDialog.FileMode,
        then: Callable[[list[Path]], object],
        suggested: str = "",
    ) -> None:
        dialog = QFileDialog(self._window, title, str(self._settings.value(key, "")))
        dialog.setFileMode(mode)
        dialog.setNameFilters(kinds)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, mode == _FOLDER)
        if suggested:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            # The dialog adds the suffix itself, so that it asks before it replaces the file that is written.
            dialog.setDefaultSuffix(Path(suggested).suffix)
            dialog.selectFile(suggested)
        recolour_arrows(dialog)
        paths = [Path(path) for path in dialog.selectedFiles()] if dialog.exec() else []
        dialog.deleteLater()
        if paths:
            self._settings.setValue(key, str(paths[0] if mode == _FOLDER else paths[0].parent))
            then(paths)


def recolour_arrows(dialog: QFileDialog) -> None:
    """Draw the arrows of Qt's own file dialog in the theme's colours: they are black on every background."""
    arrows: dict[str, theme.Icon] = {"backButton": "back", "forwardButton": "forward", "toParentButton": "up"}
    for name, arrow in arrows.items():
        button = dialog.findChild(QToolButton, name)
        if isinstance(button, QToolButton):  # a dialog of the system has none
            button.setIcon(theme.icon(arrow))
