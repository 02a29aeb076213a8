"""Map of recordings: recordings that are similar to the model are close together; a click plays one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QColor

from auralscope.errors import printable
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.scatter import COLOURS, SYMBOLS, ScatterPane, group_colour
from auralscope.ui.labels.tab import Figure, Tab, button
from auralscope.wording import percent

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from auralscope.nn.analysis.recordings import MapPoint
    from auralscope.session.labels.recordings import RecordingMap
    from auralscope.ui.dialogs import FileDialogs

INSTRUCTIONS = (
    "Choose recordings, or a folder of them, to see which are similar to the model.\n"
    "At least three are needed; a hundred give a good map."
)
MOST_NAMES = 40
"""Points of a larger map are drawn without names."""


def _sentence(point: MapPoint) -> str:
    return f"{printable(point.file.name)}: {point.label} {percent(point.probability)}"


class MapFigure(Figure):
    """The map, coloured by each recording's most probable label."""

    play_requested = Signal(object)
    """Path of a recording."""

    def __init__(self, recordings: RecordingMap, parent: QWidget | None = None) -> None:
        self.scatter = ScatterPane("Map of recordings")
        super().__init__(self.scatter, parent)
        self._map = recordings
        self.only = ""
        recordings.changed.connect(self.refresh)
        self.scatter.hovered.connect(
            lambda place: self.readout_changed.emit(_sentence(recordings.points[place]) if place >= 0 else "")
        )
        self.scatter.chosen.connect(self.play)
        self.refresh()

    @property
    def groups(self) -> dict[str, int]:
        """Number of each label, which selects its colour and shape; the most frequent label is first."""
        frequent = Counter(point.label for point in self._map.points).most_common()
        return {label: group for group, (label, _) in enumerate(frequent)}

    def show_only(self, label: str) -> None:
        """Fade the recordings of all other labels; an empty string shows all."""
        self.only = label
        self.refresh()

    def play(self, place: int) -> None:
        """Play the recording of a point."""
        self.scatter.select([place])
        self.play_requested.emit(self._map.points[place].file)

    def refresh(self) -> None:
        """Show the present map."""
        points, groups = self._map.points, self.groups
        if points:
            self.show_content()
        else:
            self.show_sentence(self._map.problem or INSTRUCTIONS)
        colours = []
        for point in points:
            colours.append(QColor(group_colour(groups[point.label])))
            colours[-1].setAlpha(230 if self.only in ("", point.label) else 40)
        self.scatter.show_points(
            np.array([(point.x, point.y) for point in points]).reshape(-1, 2),
            [_sentence(point) for point in points],
            colours,
            size=11,
            symbols=[SYMBOLS[groups[point.label] // len(COLOURS) % len(SYMBOLS)] for point in points],
        )
        if len(points) <= MOST_NAMES:
            self.scatter.name_points({place: f"  {printable(point.file.name)}  " for place, point in enumerate(points)})


class MapTab(Tab):
    """Choice of recordings, and lists of their labels and of the recordings."""

    figure: MapFigure

    def __init__(self, recordings: RecordingMap, dialogs: FileDialogs, parent: QWidget | None = None) -> None:
        super().__init__(MapFigure(recordings), parent)
        self._map = recordings
        self.files = button(
            "Recordings…",
            "Choose recordings for the map",
            lambda: dialogs.open_recordings(recordings.lay_out, "Choose recordings"),
        )
        self.folder = button(
            "Folder…",
            "Choose a folder; all recordings in it and in the folders below it are used",
            lambda: dialogs.open_folder(lambda folder: recordings.lay_out([folder])),
        )
        self.about.setText(
            "t-SNE of the features from which the model computes its labels: close points are similar, large distances "
            "mean little. The colour is the most probable label. Click a label to see only its recordings, a point to "
            "play it."
        )
        self.labels = BarList("Labels of the map", signed=False, name_share=0.5)
        self.list = BarList("Recordings of the map", signed=False, name_share=0.62)
        self.stack([self.files, self.folder], self.problem, self.about, (self.labels, 2), (self.list, 3))
        self.labels.chosen.connect(self._show_only)
        self.list.chosen.connect(self.figure.play)
        self.figure.scatter.chosen.connect(self.list.select)
        recordings.changed.connect(self.refresh)
        self.refresh()

    def _show_only(self, label: str) -> None:
        """Show only a label's recordings; a second click on the label shows all again."""
        self.figure.show_only("" if label == self.figure.only else label)
        self.labels.select(self.figure.only)

    def refresh(self) -> None:
        """Show the present map."""
        points = self._map.points
        self.show_problems(self._map.problem if points else "", *self._map.unreadable[:3])
        for widget in (self.about, self.labels, self.list):
            widget.setVisible(bool(points))
        colours = {label: group_colour(group) for label, group in self.figure.groups.items()}
        counts = Counter(point.label for point in points).most_common()
        self.labels.set_bars([Bar(label, str(n), float(n), label, colour=colours[label]) for label, n in counts])
        self.list.set_bars(
            [
                Bar(
                    printable(point.file.name),
                    percent(point.probability),
                    point.probability,
                    place,
                    f"{_sentence(point)}. Click to play it.",
                    colours[point.label],
                )
                for place, point in enumerate(points)
            ],
            longest=1.0,
        )
