"""The chosen feature, which is drawn over the recording's spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)

from auralscope.session.methods import DEFAULT, title_of
from auralscope.ui import theme
from auralscope.ui.graphs.colour import FULL_SCALE_PERCENTILE
from auralscope.ui.panes.faithfulness import FaithfulnessPane
from auralscope.ui.widgets.layouts import in_column, in_row, line
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.session.session import Session


class FeaturePane(QWidget):
    """Name, rank and faithfulness of the chosen feature, and the opacity of its picture."""

    overlay_changed = Signal()
    """The feature or its opacity changed."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.title = line("")
        self.about = line(elastic=True)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(80)
        self.opacity.setFixedWidth(110)
        self.opacity.setAccessibleName("Opacity of the feature over the recording")
        self.opacity.setToolTip(
            "Opacity of the feature over the recording\n"
            f"The colours go from 0 to the {FULL_SCALE_PERCENTILE}th percentile of its positive values."
        )
        self.alone = QCheckBox("Feature alone")
        self.alone.setToolTip("Hide the recording behind the feature (F)")
        self.save_sound = QPushButton("Save sound…")
        self.save_sound.setToolTip("Save the feature's sound as a WAV file (Ctrl+S)")
        self.save_picture = QPushButton("Save picture…")
        self.save_picture.setToolTip("Save the feature's picture as a PNG file (Ctrl+Shift+S)")
        self.faithfulness = FaithfulnessPane(session)
        words = in_row(self.title, (self.about, 1))
        tools = in_row(QLabel("Overlay"), self.opacity, self.alone, None, self.save_sound, self.save_picture)
        in_column(self, words, self.faithfulness, tools)
        self.opacity.valueChanged.connect(self.overlay_changed)
        self.alone.toggled.connect(self.overlay_changed)
        session.unit_changed.connect(self.refresh)
        session.window_result_changed.connect(self.refresh)
        session.gallery.layer_result_changed.connect(self.refresh)
        session.gallery.features_arrived.connect(self._arrived)
        session.listening.changed.connect(self._show_about)
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        tools = [self.opacity, self.alone, self.save_sound, self.save_picture]
        return [*self.faithfulness.tab_order(), *tools]

    @property
    def overlay_opacity(self) -> float:
        """Opacity from 0 to 1, which hides the recording."""
        return 1.0 if self.alone.isChecked() else self.opacity.value() / 100

    def recolour(self) -> None:
        """Apply a new theme."""
        self.refresh()

    def _arrived(self, units: tuple[int, ...]) -> None:
        if self._session.unit in units:
            self.refresh()

    def refresh(self) -> None:
        """Show the chosen unit."""
        session, unit = self._session, self._session.unit
        chosen = unit is not None and unit in session.gallery.features
        colour = theme.current().feature
        self.title.setText(f"Feature {session.unit_title(unit)}" if unit is not None else "")
        self.title.setVisible(unit is not None)
        self.title.setStyleSheet(f"font-weight: 600; color: {colour};")
        for widget in (self.opacity, self.alone, self.save_sound, self.save_picture):
            widget.setEnabled(chosen)
        self._show_about()
        self.overlay_changed.emit()

    def _show_about(self) -> None:
        self.about.setText(self._about())
        self.about.setToolTip(self._about())

    def _about(self) -> str:
        session, unit, layer = self._session, self._session.unit, self._session.gallery.layer_result
        if unit is None:
            return "Click a feature to see and hear it." if layer is not None else ""
        if layer is None:
            return ""
        if layer.is_silent(unit):
            return f"silent: its feature map is 0 in this window ({session.layer})"
        method = session.methods.chosen
        text = "" if method == DEFAULT else f"{title_of(method)}; "
        text += f"{layer.rank(unit)} in {session.layer} by {layer.ranked_by}"
        sound = session.listening.sound
        if sound is not None and sound.negative_share >= 0.01:
            text += f"; {percent(sound.negative_share)} of its energy is negative and not heard"
        return text
