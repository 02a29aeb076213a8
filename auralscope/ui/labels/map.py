"""A map of recordings: near to one another lies what the model holds alike; a click plays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.scatter import ScatterPane
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.nn.analysis.recordings import MapPoint
    from auralscope.session.labels.recordings import RecordingMap

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#8a6fd1")
"""Those of Okabe and Ito (2008), made to read on both grounds: told apart by every kind of colour vision."""
SYMBOLS = ("o", "s", "t", "d", "+", "star")
"""After the last colour the first comes again with another shape."""
HOW = (
    "Choose recordings, or a folder of them, to see which the model holds alike.\nThree at least; a hundred make a map."
)
MOST_NAMES = 40


def name_of(point: MapPoint) -> str:
    """A recording's name for people."""
    return point.file.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class MapFigure(QWidget):
    """The map, or what to do for one."""

    said = Signal(str)
    play_wanted = Signal(object)
    """A recording's Path."""

    def __init__(self, recordings: RecordingMap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map = recordings
        self.only = ""
        self.scatter = ScatterPane("Map of recordings")
        self.sentence = QLabel()
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.scatter)
        self._stack.addWidget(self.sentence)
        recordings.changed.connect(self.refresh)
        self.scatter.pointed.connect(self._say)
        self.scatter.chosen.connect(self._play)
        self.refresh()

    @property
    def styles(self) -> dict[str, tuple[str, str]]:
        """Colour and shape of each label, the most frequent first."""
        frequent = [label for label, _ in Counter(point.label for point in self._map.points).most_common()]
        return {
            label: (COLOURS[place % len(COLOURS)], SYMBOLS[place // len(COLOURS) % len(SYMBOLS)])
            for place, label in enumerate(frequent)
        }

    def recolour(self) -> None:
        """After a change of theme."""
        self.refresh()
        self.scatter.restyle()

    def show_only(self, label: str) -> None:
        """Let the recordings of other labels fade; of none, where it is empty."""
        self.only = label
        self.refresh()

    def refresh(self) -> None:
        """Show what is there."""
        points = self._map.points
        self._stack.setCurrentIndex(0 if points else 1)
        self.sentence.setText(self._map.problem or HOW)
        at = np.array([(point.x, point.y) for point in points]).reshape(-1, 2)
        styles = self.styles
        colours = []
        for point in points:
            colour = QColor(styles[point.label][0])
            colour.setAlpha(230 if self.only in ("", point.label) else 40)
            colours.append(colour)
        texts = [f"{name_of(point)}: {point.label} {percent(point.probability)}" for point in points]
        symbols = [styles[point.label][1] for point in points]
        self.scatter.show_points(at, texts, colours, size=11, symbols=symbols)
        if len(points) <= MOST_NAMES:
            self.scatter.name_points({place: f"  {name_of(point)}  " for place, point in enumerate(points)})

    def _say(self, place: int) -> None:
        point = self._map.points[place] if place >= 0 else None
        self.said.emit(f"{name_of(point)}: {point.label} {percent(point.probability)}" if point is not None else "")

    def _play(self, place: int) -> None:
        self.scatter.mark([place])
        self.play_wanted.emit(self._map.points[place].file)


class MapTab(QWidget):
    """The column beside the map: which recordings, which labels, and a list of both.

    Attributes
    ----------
    figure : MapFigure
    """

    def __init__(self, recordings: RecordingMap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map = recordings
        self.figure = MapFigure(recordings)
        self.files = QPushButton("Recordings…")
        self.files.setToolTip("Choose recordings for the map")
        self.folder = QPushButton("Folder…")
        self.folder.setToolTip("All recordings in a folder and below it")
        self.problem = sentence()
        self.about = QLabel()
        self.about.setObjectName("dim")
        self.about.setWordWrap(True)
        self.labels = BarList("Labels of the map", signed=False, name_share=0.5)
        self.list = BarList("Recordings of the map", signed=False, name_share=0.62)
        row = QHBoxLayout()
        row.addWidget(self.files, 1)
        row.addWidget(self.folder, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.problem)
        layout.addWidget(self.about)
        layout.addWidget(self.labels, 2)
        layout.addWidget(self.list, 3)
        layout.addStretch()
        self.labels.chosen.connect(self._show_only)
        self.list.chosen.connect(self.figure._play)
        self.figure.scatter.chosen.connect(self.list.mark)
        recordings.changed.connect(self.refresh)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self.problem.setStyleSheet(f"color: {theme.current().warning_text};")

    def _show_only(self, label: str) -> None:
        """A second click on a label shows all again."""
        self.figure.show_only("" if label == self.figure.only else label)
        self.labels.mark(self.figure.only)

    def refresh(self) -> None:
        """Show what is there."""
        points = self._map.points
        said = [self._map.problem if points else "", *self._map.unreadable[:3]]
        self.problem.setText("\n".join(sentence for sentence in said if sentence))
        self.problem.setVisible(bool(self.problem.text()))
        self.labels.setVisible(bool(points))
        self.list.setVisible(bool(points))
        self.about.setText(
            "t-SNE of the features that the labels are made of: what lies near is alike, far distances say little. "
            "Coloured by the most probable label; click a label to see only its recordings, a point to play it."
            if points
            else ""
        )
        counts = Counter(point.label for point in points)
        most = max(counts.values(), default=1)
        styles = self.figure.styles
        self.labels.set_bars(
            [Bar(label, str(n), n / most, label, colour=styles[label][0]) for label, n in counts.most_common()]
        )
        self.list.set_bars(
            [
                Bar(
                    name_of(point),
                    percent(point.probability),
                    point.probability,
                    place,
                    f"{name_of(point)}: {point.label} {percent(point.probability)}. Click to play it.",
                    styles[point.label][0],
                )
                for place, point in enumerate(points)
            ]
        )
