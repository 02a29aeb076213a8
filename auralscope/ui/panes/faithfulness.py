"""Faithfulness of the chosen feature's sound, in words and in figures."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

from auralscope.session import faithfulness
from auralscope.session.methods import SLOW
from auralscope.ui.widgets.layouts import in_row
from auralscope.wording import percent

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from auralscope.session.session import Session


class FaithfulnessPane(QWidget):
    """Two lines about faithfulness, and a button that opens the figures."""

    details_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.words = _Lines(2)
        self.details = QPushButton("Figures…")
        self.details.setAccessibleName("Figures of the sound's faithfulness")
        self.details.clicked.connect(self.details_requested)
        in_row((self.words, 1), self.details, parent=self)
        session.faithfulness.changed.connect(self.refresh)
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        return [self.details]

    def refresh(self) -> None:
        """Show the result, or that it is being measured."""
        finding = self._session.faithfulness.result
        said = faithfulness.sentences(finding) if finding is not None else ""
        if not said and self._session.faithfulness.measuring:
            said = "Measuring how faithful the sound is…"
        if self._session.unit is not None and self._session.methods.chosen in SLOW:
            said = "Faithfulness is not measured for slow methods."
        self.words.set_whole(said)
        figures = page(self._session) if said and finding is not None else ""
        self.words.setToolTip(figures)
        self.details.setEnabled(bool(figures))
        self.details.setToolTip("Show the network's response to the sound and to the two controls, in figures (H)")


def page(session: Session) -> str:
    """Return the figures and their explanation as HTML, or an empty string before they are measured."""
    finding, unit = session.faithfulness.result, session.unit
    if finding is None or unit is None:
        return ""
    return (
        f"<h3>Faithfulness of the sound of {escape(session.unit_title(unit))}</h3>"
        f"<p>{escape(faithfulness.sentences(finding))}</p>"
        f"<table cellspacing='4'>{_rows(finding, 'heard', 'As heard')}{_rows(finding, 'masked', 'Masked')}</table>"
        f"{_meaning(finding)}"
    )


def _rows(finding: faithfulness.Finding, way: str, title: str) -> str:
    heading = "".join(f"<th align='left'>{name}</th>" for name in (title, "this sound", "random mask", "shuffled"))
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}&nbsp;&nbsp;</td>' for cell in cells)}</tr>"
        for cells in faithfulness.table(finding, way)
    )
    return f"<tr>{heading}</tr>{lines}"


def _meaning(finding: faithfulness.Finding) -> str:
    what = (
        "<p>With p the label's probability for the recording, o for the sound, r for the rest of the recording: "
        "AI is 100 if o &gt; p, AD the share of p that is lost, AG the share of 1 - p that is gained, FF = p - r "
        "(Paissan et al. 2024).</p>"
        if faithfulness.is_label(finding)
        else "<p>Retention: the unit's energy for the sound, divided by its energy for the recording. Selectivity: its "
        "retention, divided by the mean of the layer's other units. Level: relative to the recording.</p>"
    )
    silence = ""
    if not faithfulness.is_label(finding):
        silence = f"<p>Retention of digital silence: {escape(percent(finding.silence))}.</p>"  # type: ignore[union-attr]
    return (
        f"{what}{silence}<p>As heard: the network gets the mask's sound, at the model's rate and its true level. "
        "Masked: the network gets the masked spectrogram. Random mask: the same values at random bins of each frame. "
        "Shuffled weights: the same unit of a network with shuffled weights. A sound that is no better than these two "
        "controls says nothing about the unit.</p>"
    )


_WRAPPED = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)


class _Lines(QLabel):
    """Text in a fixed number of lines, so that the layout does not jump; it ends with an ellipsis if it is longer."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines
        self._whole = ""
        self.setObjectName("dim")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_whole(self, text: str) -> None:
        """Show a text, as far as there is room; a screen reader gets all of it."""
        self._whole = text
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Drop words from the end until the text fits."""
        room = QRect(0, 0, self.width(), self._lines * self.fontMetrics().lineSpacing())
        text, words = self._whole, self._whole.split(" ")
        while len(words) > 1 and self.fontMetrics().boundingRect(room, _WRAPPED, text).height() > room.height():
            words.pop()
            text = f"{' '.join(words)}…"
        self.setText(text)

    def sizeHint(self) -> QSize:
        return QSize(100, self._lines * self.fontMetrics().lineSpacing())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hasHeightForWidth(self) -> bool:
        return False
