"""How far the sound of the chosen feature can be trusted, in words and, one click further, in figures."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from auralscope.session import faithfulness
from auralscope.session.methods import SLOW
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.session.session import Session


class FaithfulnessPane(QWidget):
    """Two lines, and a button for the figures behind them."""

    details_wanted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.words = _Lines(2)
        self.details = QPushButton("Figures…")
        self.details.setAccessibleName("Figures of how far the sound can be trusted")
        self.details.clicked.connect(self.details_wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.details, 0, Qt.AlignmentFlag.AlignVCenter)
        session.faithfulness.changed.connect(self.refresh)
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        return [self.details]

    def refresh(self) -> None:
        """Show what is known."""
        finding = self._session.faithfulness.result
        said = faithfulness.sentences(finding) if finding is not None else ""
        if not said and self._session.faithfulness.measuring:
            said = "The network listens to the sound…"
        self.words.setText(said)
        if self._session.unit is not None and self._session.methods.chosen in SLOW:
            said = "Not measured for a method that is slow: it would take as long again."
        figures = page(self._session) if said and finding is not None else ""
        self.words.setToolTip(figures)
        self.details.setEnabled(bool(figures))
        self.details.setToolTip("What the network makes of the sound and of the two controls, in figures (H)")


def page(session: Session) -> str:
    """The figures, and what they mean; empty where there are none."""
    finding, unit = session.faithfulness.result, session.unit
    if finding is None or unit is None:
        return ""
    return (
        f"<h3>How far the sound of {escape(session.unit_title(unit))} can be trusted</h3>"
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
        "AI is 100 where o &gt; p, AD the share of p that is lost, AG the share of 1 - p that is won, FF = p - r "
        "(Paissan et al. 2024).</p>"
        if faithfulness.is_label(finding)
        else "<p>Retention: the unit's energy with the sound, over that with the recording. Selectivity: its "
        "retention over the mean of the layer's other units. Level: against the recording.</p>"
    )
    silence = ""
    if not faithfulness.is_label(finding):
        silence = f"<p>Digital silence leaves {escape(percent(finding.silence))}.</p>"  # type: ignore[union-attr]
    return (
        f"{what}{silence}<p>As heard: the mask's sound, at the model's rate and its true level, is given to the "
        "network. Masked: the masked spectrogram itself. Random mask: the same values, in every frame elsewhere. "
        "Shuffled weights: the same unit of a network whose weights were put in random order. A sound that does no "
        "better than these says nothing.</p>"
    )


class _Lines(QLabel):
    """Words that wrap, in a room of always as many lines: nothing around it jumps when they change."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines
        self.setObjectName("dim")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(100, self._lines * self.fontMetrics().lineSpacing() + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hasHeightForWidth(self) -> bool:
        return False
