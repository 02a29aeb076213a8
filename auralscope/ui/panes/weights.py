"""The offer to download the weights of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QPushButton, QWidget

from auralscope.files import size_words
from auralscope.ui.widgets.layouts import in_column, in_row
from auralscope.ui.widgets.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from auralscope.nn.model import ModelSpec
    from auralscope.session.session import Session


class WeightsPane(QFrame):
    """Source, licence and size of the missing weights of the requested model, with buttons to get them."""

    file_requested = Signal()
    """The user asks to read the published file from this computer."""
    download_started = Signal()
    """A download begins, so that messages about the previous one can go."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("offer")
        self._session = session
        self.title, self.about = sentence("title"), sentence("dim")
        self.get = QPushButton()
        self.from_file = QPushButton("From a file…")
        self.from_file.setToolTip("Read the published file from this computer, where it has no network")
        self.not_now = QPushButton("Not now")
        self.not_now.setToolTip("Close this offer and keep the current model")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(10)
        self.bar.setAccessibleName("Progress of the download")
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName("Cancel the download of the weights")
        self.cancel.setToolTip("Stop the download and delete what has arrived")
        tools = in_row(self.get, self.from_file, (self.bar, 1), self.not_now, self.cancel)
        in_column(self, self.title, self.about, tools, spacing=6, margins=(12, 9, 12, 10))
        self.get.clicked.connect(lambda: self.fetch())
        self.from_file.clicked.connect(self.file_requested)
        self.not_now.clicked.connect(session.fetching.dismiss)
        self.cancel.clicked.connect(session.fetching.cancel)
        session.fetching.changed.connect(self.refresh)
        session.jobs.changed.connect(self.refresh)
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        return [self.get, self.from_file, self.not_now, self.cancel]

    def fetch(self, source: Path | None = None) -> None:
        """Download the weights, or read them from a file."""
        self.download_started.emit()
        self._session.fetching.get(source)

    def _sentence(self, spec: ModelSpec) -> str:
        model = self._session.model
        if not self._session.fetching.is_offer or model is None:
            return f"The weights of '{spec.title}' are not on this computer yet"
        return f"{model.spec.title} {model.spec.scope}. For real music, get '{spec.title}': it {spec.scope}."

    def refresh(self) -> None:
        """Show the missing weights and the progress of their download."""
        spec, job = self._session.fetching.requested, self._session.fetching.job
        self.setVisible(spec is not None)
        if spec is None or spec.weights.published is None:
            return
        published = spec.weights.published
        self.title.setText(self._sentence(spec))
        self.about.setText(f"{published.source}. Licence: {spec.weights.licence}.")
        self.get.setText(f"Get weights ({size_words(published.size_bytes)})")
        self.get.setToolTip(f"Download from {published.url}\nThe file is read only after its SHA-256 is checked.")
        for button in (self.get, self.from_file, self.not_now):
            button.setVisible(job is None)
        self.bar.setVisible(job is not None)
        self.cancel.setVisible(job is not None)
        if job is not None:
            self.bar.setRange(0, 0 if job.progress is None else 100)
            self.bar.setValue(round(100 * (job.progress or 0.0)))
