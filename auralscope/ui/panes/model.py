"""The model: its choice, its scores for the window, and its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)

from auralscope.display.ticks import time_label
from auralscope.ui import theme
from auralscope.ui.keyboard import one_tab_stop
from auralscope.ui.panes.weights import WeightsPane
from auralscope.ui.widgets.floating import Floating
from auralscope.ui.widgets.flow import FlowLayout
from auralscope.ui.widgets.layouts import in_column, line, together
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.session.session import Session
    from auralscope.ui.panes.gallery import GalleryPane

INPUT = ""
"""Place before the first layer: the model's input."""


class ScoresView(QWidget):
    """Bars of the labels' scores for one window, in as many columns as fit."""

    MOST = 6
    GAP_PX = 18
    BAR_PX = 36

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, float]] = []
        self._best = ""
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Scores of the window")

    def show_scores(self, labels: tuple[str, ...], scores: list[float] | None) -> None:
        """Show all scores in the model's order, or the highest if there are many. None: not computed yet."""
        values = scores if scores is not None else [0.0] * len(labels)
        rows = list(zip(labels, values, strict=True))
        if len(rows) > self.MOST:
            rows = sorted(rows, key=lambda row: -row[1])[: self.MOST]
        self._rows = rows
        self._best = max(rows, key=lambda row: row[1])[0] if rows and scores is not None else ""
        said = ", ".join(f"{label} {percent(value)}" for label, value in rows) if scores is not None else ""
        self.setAccessibleDescription(said)
        self.setToolTip(f"Scores of this window: {said}" if said else "")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(max(self.width(), 240)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def heightForWidth(self, width: int) -> int:
        return -(-len(self._rows) // self._columns(width)) * self._row_height()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    def _row_height(self) -> int:
        return self.fontMetrics().height() + 4

    def _widths(self) -> tuple[int, int]:
        metrics = self.fontMetrics()
        names = max((metrics.horizontalAdvance(label) for label, _ in self._rows), default=0)
        return round(1.08 * names) + 8, metrics.horizontalAdvance("100 %") + 6

    def _columns(self, width: int) -> int:
        names, number = self._widths()
        fitting = (width + self.GAP_PX) // (names + self.BAR_PX + number + self.GAP_PX)
        return min(max(fitting, 1), 3)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours, metrics, height = theme.current(), self.fontMetrics(), self._row_height()
        names, number = self._widths()
        columns = self._columns(self.width())
        cell = (self.width() + self.GAP_PX) // columns - self.GAP_PX
        names = min(names, cell // 2)
        middle = Qt.AlignmentFlag.AlignVCenter
        for place, (label, value) in enumerate(self._rows):
            row, column = divmod(place, columns)
            left, top, best = column * (cell + self.GAP_PX), row * height, label == self._best
            painter.setPen(QColor(colours.text if best else colours.dim))
            font = self.font()
            font.setBold(best)
            painter.setFont(font)
            elided = metrics.elidedText(label, Qt.TextElideMode.ElideRight, names)
            painter.drawText(QRect(left, top, names, height), Qt.AlignmentFlag.AlignLeft | middle, elided)
            bar = QRect(left + names, top + height // 2 - 4, max(cell - names - number, 1), 8)
            painter.fillRect(bar, QColor(colours.border))
            bar.setWidth(round(bar.width() * value))
            painter.fillRect(bar, QColor(colours.original if best else colours.dim))
            text = percent(value, rounded=True) if self._best else ""
            end = QRect(left + cell - number, top, number, height)
            painter.drawText(end, Qt.AlignmentFlag.AlignRight | middle, text)


class LayersView(QScrollArea):
    """Row of buttons from the network's input to its output, of which one is pressed."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedHeight(0)  # until there is a model

    def set_layers(self, layers: list[tuple[str, int]], bins: int, frames: int) -> None:
        """Set the layers' names and numbers of units, from the input upwards, and the size of the input."""
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._group = QButtonGroup(self)
        self.buttons = {}
        size = f"{bins}×{frames}" if bins > 1 else f"{frames:,}"  # samples
        places = [(INPUT, "Input", size, "The model's input for this window (I)")]
        places += [
            (name, name, str(units), f"{name}: {units} features ([ and ] change layers)") for name, units in layers
        ]
        for place, title, below, tooltip in places:
            button = QPushButton(f"{title}\n{below}")
            button.setAccessibleName(f"{title}, {below}")
            button.setCheckable(True)
            button.setToolTip(tooltip)
            widest = max(button.fontMetrics().horizontalAdvance(text) for text in (title, below))
            button.setMinimumWidth(widest + 8)
            button.setStyleSheet("padding: 3px 1px;")
            button.clicked.connect(lambda _checked, place=place: self.chosen.emit(place))
            self._group.addButton(button)
            self.buttons[place] = button
            layout.addWidget(button, 1)
        one_tab_stop(self._group)
        self.setWidget(row)
        bar = self.horizontalScrollBar()
        needed = row.minimumSizeHint().width() > self.viewport().width()
        self.setFixedHeight(row.sizeHint().height() + (bar.sizeHint().height() if needed else 0) + 2)

    def show_place(self, place: str) -> None:
        """Press the button of a place."""
        if place in self.buttons:
            self.buttons[place].setChecked(True)
            self.ensureWidgetVisible(self.buttons[place])


class ModelPane(QFrame):
    """Choice of the model, its missing weights, scores, layers, and the chosen layer or input.

    Parameters
    ----------
    session : Session
    input_pane : QWidget
    gallery : GalleryPane
        The input or a layer's features, shown below the row of layers.
    """

    def __init__(
        self, session: Session, input_pane: QWidget, gallery: GalleryPane, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._gallery = gallery
        self.choice = QComboBox()
        self.choice.setAccessibleName("Model")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(14)
        self.span = line()
        self.analyse_here = QPushButton("Analyse here")
        self.analyse_here.setToolTip("Move the model's window to the playhead (W)")
        self.label_vectors = QPushButton("Label vectors")
        self.label_vectors.setToolTip("Show which labels are alike for the model, and which units make them alike (V)")
        self.over_time = QPushButton("Tags over time")
        self.over_time.setCheckable(True)
        self.over_time.setToolTip("Show the model's tags along the whole recording (O)")
        self.weights = WeightsPane(session)
        self.scores = ScoresView()
        self.scope = line(elastic=True)
        self.scope.setAccessibleName("What the model can answer")
        self.layers = LayersView()
        self.stack = QStackedWidget()
        self.stack.addWidget(gallery)
        self.stack.addWidget(input_pane)

        tools = QWidget()
        here, pages = together(self.span, self.analyse_here), together(self.label_vectors, self.over_time)
        FlowLayout(self.choice, here, None, pages, spacing=6, parent=tools)
        scores = QWidget()
        in_column(scores, self.scores, self.scope, spacing=0)
        in_column(self, tools, scores, self.layers, (self.stack, 1), spacing=7, margins=(10, 8, 10, 10))
        Floating(self.weights, self, self.stack)

        self.choice.activated.connect(self._choose_model)
        self.analyse_here.clicked.connect(self.move_window)
        self.layers.chosen.connect(self.show_place)
        session.plugins_changed.connect(self._list_models)
        session.fetching.changed.connect(self._list_models)
        session.model_changed.connect(self._show_model)
        session.window_result_changed.connect(self._show_scores)
        session.window_changed.connect(self._show_window)
        session.layer_changed.connect(self._show_layer)
        session.recording_changed.connect(self._show_window)
        self._list_models()
        self._show_model()

    def tab_order(self) -> list[QWidget]:
        tools = [self.choice, self.analyse_here, self.label_vectors, self.over_time]
        return [*tools, *self.weights.tab_order(), *self.layers.buttons.values(), *self._gallery.tab_order()]

    def recolour(self) -> None:
        """Apply a new theme."""
        self.scores.update()

    def move_window(self) -> None:
        """Move the model's window to the playhead."""
        self._session.move_window(self._session.listening.player.position_s)

    def show_place(self, place: str) -> None:
        """Show a layer's gallery, or the model's input (`INPUT`)."""
        self.stack.setCurrentIndex(1 if place == INPUT else 0)
        self.layers.show_place(place)
        if place != INPUT:
            self._session.choose_layer(place)

    def step(self, by: int) -> None:
        """Go to the next place (1) or the previous one (-1)."""
        places = list(self.layers.buttons)
        if places:
            here = INPUT if self.stack.currentIndex() == 1 else self._session.layer
            self.show_place(places[min(max(places.index(here) + by, 0), len(places) - 1)])

    def _choose_model(self) -> None:
        model_id = self.choice.currentData()
        self._show_choice()  # keep the name of the loaded model until the other one is loaded
        self._session.load_model(model_id)

    def _list_models(self) -> None:
        self.choice.clear()
        for spec in self._session.specs:
            here = self._session.fetching.states.get(spec.id) != "available"
            self.choice.addItem(spec.title if here else f"{spec.title} – get weights", spec.id)
            self.choice.setItemData(self.choice.count() - 1, spec.summary, Qt.ItemDataRole.ToolTipRole)
        self._show_choice()

    def _show_choice(self) -> None:
        model = self._session.model
        self.choice.setCurrentIndex(self.choice.findData(model.spec.id) if model else -1)
        self.choice.setPlaceholderText("Choose a model")
        if model is not None:
            weights = f"Weights: {model.spec.weights.licence}. Runs on {model.device}."
            self.choice.setToolTip(
                f"<p>{model.spec.summary}</p><p>Input: {model.front_end.describe()}.<br>{weights}</p>"
            )

    def _show_model(self) -> None:
        self._show_choice()
        model = self._session.model
        if model is not None:
            bins, frames = model.front_end.input_shape
            self.layers.set_layers([(layer.name, layer.units) for layer in model.spec.layers], bins, frames)
            self._show_layer()
            scope = f"The model {model.spec.scope}."
            self.scope.setText(scope)
            self.scope.setToolTip(f"{scope}\nIt gives these labels to any sound.")
        self._show_scores()
        self._show_window()

    def _show_layer(self) -> None:
        if self.stack.currentIndex() == 0:
            self.layers.show_place(self._session.layer)

    def _show_scores(self) -> None:
        session = self._session
        if session.model is not None:
            scores = session.window_result.scores if session.window_result is not None else None
            self.scores.show_scores(session.model.labels, None if scores is None else np.asarray(scores).tolist())

    def _show_window(self) -> None:
        session = self._session
        ready = session.model is not None and session.clip is not None
        self.analyse_here.setEnabled(ready)
        start_s = session.window_start_s
        span = f"{time_label(start_s, 0.1)}–{time_label(start_s + session.window_s, 0.1)}"
        self.span.setText(span if ready else "")
        self.span.setToolTip("The window of the recording that the model analyses")
