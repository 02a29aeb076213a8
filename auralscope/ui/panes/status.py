"""Messages for the user, and the progress of background jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QToolButton, QWidget

from auralscope.ui import theme
from auralscope.ui.widgets.layouts import in_row, line
from auralscope.ui.widgets.sentences import sentence

if TYPE_CHECKING:
    from auralscope.session.jobs import Jobs

SAID_MS = 8000


class MessagePane(QFrame):
    """Errors, one sentence each, which stay until the user dismisses them."""

    MOST = 3

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messages")
        self.label = sentence()
        self.label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.label.setAccessibleName("Message")
        self.dismiss = QToolButton()
        self.dismiss.setIconSize(QSize(14, 14))
        self.dismiss.setToolTip("Dismiss this message")
        self.dismiss.setAccessibleName("Dismiss this message")
        self.dismiss.clicked.connect(self.clear)
        self._sentences: list[str] = []
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 7, 8, 7)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.recolour()
        self.hide()

    def recolour(self) -> None:
        """After a change of theme."""
        self.dismiss.setIcon(theme.icon("close", theme.current().warning_text))

    def tab_order(self) -> list[QWidget]:
        return [self.label, self.dismiss]

    def say(self, text: str) -> None:
        """Add a sentence below those that have not been dismissed."""
        self._sentences = [*(said for said in self._sentences if said != text), text][-self.MOST :]
        self.label.setText("\n".join(self._sentences))
        self.show()

    def withdraw(self, text: str) -> None:
        """Remove a sentence that is no longer true, unless the user has dismissed it already."""
        if text in self._sentences:
            self._sentences.remove(text)
            self.label.setText("\n".join(self._sentences))
            self.setVisible(bool(self._sentences))

    def clear(self) -> None:
        """Remove all messages."""
        self._sentences = []
        self.hide()


class JobsPane(QWidget):
    """Progress of the jobs that have a title, with a button that cancels them.

    While none is running, a sentence about something that was done stands there for some seconds, or else one about a
    state that lasts. The room is kept while nothing is said, so that nothing moves.
    """

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._sentence = self._lasting = ""
        self.label = line("", elastic=True)
        self.label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.bar = QProgressBar()
        self.bar.setFixedSize(140, 10)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName("Cancel the background jobs")
        self.cancel.setToolTip("Cancel the background jobs and keep what is already there")
        self.cancel.clicked.connect(self._cancel)
        in_row((self.label, 1), self.bar, self.cancel, parent=self)
        self.setMinimumHeight(self.cancel.sizeHint().height())  # nothing moves when the button appears
        self._said = QTimer(self, singleShot=True, interval=SAID_MS)
        self._said.timeout.connect(self.refresh)
        jobs.changed.connect(self.refresh)
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        return [self.cancel]

    def say(self, text: str) -> None:
        """Show a sentence for some seconds while no job is running."""
        self._said.start()
        self._sentence = text
        self.refresh()

    def set_lasting(self, text: str) -> None:
        """Show a sentence whenever there is nothing else to show; an empty one ends that."""
        if text != self._lasting:
            self._lasting = text
            self.refresh()

    def stop_timers(self) -> None:
        """Stop the timer, before the window closes."""
        self._said.stop()

    def refresh(self) -> None:
        """Show the running jobs."""
        shown = [job for job in self._jobs.running if job.title]
        self.bar.setVisible(bool(shown))
        self.cancel.setVisible(bool(shown))
        if not shown:
            self.label.setText(self._sentence if self._said.isActive() else self._lasting)
            self.label.setToolTip(self.label.text())
            return
        job = max(shown, key=lambda job: (job.progress is not None, job.urgency))
        more = f" (and {len(shown) - 1} more)" if len(shown) > 1 else ""
        self.label.setText(f"{job.title}…{more}")
        self.label.setToolTip("\n".join(job.title for job in shown))
        self.bar.setRange(0, 0 if job.progress is None else 100)
        self.bar.setValue(round(100 * (job.progress or 0.0)))

    def _cancel(self) -> None:
        for job in self._jobs.running:
            if job.title:
                self._jobs.stop(job)
