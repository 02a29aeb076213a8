"""The transport: play, stop, loop, position, source, rendering and volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from auralscope.display.ticks import time_label
from auralscope.session import faithfulness
from auralscope.ui import theme
from auralscope.ui.keyboard import one_tab_stop
from auralscope.ui.widgets.layouts import in_row, line

if TYPE_CHECKING:
    from auralscope.session.session import Session

FIND_DEVICE_MS = 3000
FRAME_MS = 16


class TransportPane(QFrame):
    """Bar at the bottom of the window. It also moves the playheads of all panes."""

    position_changed = Signal(float)
    """Position of the playhead in seconds, emitted with every frame of the screen during playback."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session = session
        self._ended = False
        self._replaced = False
        self._listening = session.listening
        self._player = session.listening.player

        self.play = _button("Play or pause (Space)", "Play or pause")
        self.stop = _button("Stop and go back to the beginning (Esc)", "Stop")
        self.loop = _button("Repeat the model's window, or the stretch marked in the spectrogram (L)", "Loop")
        self.loop.setCheckable(True)
        self.position = QLabel()
        self.position.setAccessibleName("Position and duration")
        digits = self.position.fontMetrics().horizontalAdvance("00:00:00.0 / 00:00:00.0")
        self.position.setMinimumWidth(round(digits * 0.8))

        self.original = QPushButton("Original")
        self.original.setToolTip("Hear the recording (A). X switches between the two.")
        self.feature = QPushButton("Feature")
        self.feature.setObjectName("feature")
        self.feature.setToolTip("Hear the chosen feature (B). X switches between the two.")
        self._sources = QButtonGroup(self)
        for button in (self.original, self.feature):
            button.setCheckable(True)
            self._sources.addButton(button)
        sources = in_row(self.original, self.feature, spacing=0)
        one_tab_stop(self._sources)

        self.render_choice = QComboBox()
        self.render_choice.addItem("Mask", "mask")
        self.render_choice.addItem("Phase", "phase")
        self.render_choice.setAccessibleName("How a feature becomes sound")
        self.render_choice.setToolTip(
            "How a feature becomes sound (R)\n"
            "Mask: the recording, filtered by the deconvolution.\n"
            "Phase: the deconvolution itself, with the recording's phase."
        )
        self.match = QCheckBox("Match loudness")
        self.match.setToolTip("Play the feature as loud as the original, instead of at its true level (M)")
        self.model_rate = QCheckBox("Model's rate")
        self.model_rate.setToolTip(
            "Play the feature in the model's format: mono, at the model's sampling rate (T)\n"
            "Otherwise the feature has the recording's rate and channels."
        )
        self.gain = line()
        self.gain.setMinimumWidth(self.gain.fontMetrics().horizontalAdvance("+00.0 dB"))
        self.faithfulness = line(elastic=True)
        self.speaker = QLabel()
        self.speaker.setToolTip("Volume (Ctrl+Up, Ctrl+Down)")
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.volume.setRange(0, 100)
        self.volume.setMinimumWidth(60)
        self.volume.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.volume.setMaximumWidth(140)
        self.volume.setAccessibleName("Volume")
        self.volume.setToolTip("Volume (Ctrl+Up, Ctrl+Down)")

        row = in_row(
            *(self.play, self.stop, self.loop, self.position, (line(elastic=True), 1)),
            *(sources, self.render_choice, self.match, self.gain, self.model_rate, (self.faithfulness, 20)),
            *(self.speaker, (self.volume, 3)),
            spacing=4,
            parent=self,
        )
        row.setContentsMargins(8, 6, 8, 6)

        self.play.clicked.connect(self._listening.play_or_pause)
        self.stop.clicked.connect(self._listening.stop)
        self.loop.clicked.connect(self.set_loop)
        self.original.clicked.connect(lambda: self._listening.set_source("original"))
        self.feature.clicked.connect(lambda: self._listening.set_source("feature"))
        self.render_choice.activated.connect(lambda: session.set_render(self.render_choice.currentData()))
        self.match.clicked.connect(self._listening.set_match_loudness)
        self.model_rate.clicked.connect(lambda on: session.set_rate("model" if on else "recording"))
        self.volume.valueChanged.connect(lambda value: self._listening.set_volume(value / 100))

        self._playhead = QTimer(self)
        self._playhead.setTimerType(Qt.TimerType.PreciseTimer)
        self._playhead.setInterval(FRAME_MS)
        self._playhead.timeout.connect(self._show_position)
        self._devices = QTimer(self)
        self._devices.setInterval(FIND_DEVICE_MS)
        self._devices.timeout.connect(self._listening.find_device)
        self._listening.changed.connect(self.refresh)
        session.recording_changed.connect(self.refresh)
        session.faithfulness.changed.connect(self._show_faithfulness)
        self.recolour()
        self.refresh()

    def tab_order(self) -> list[QWidget]:
        transport = [self.play, self.stop, self.loop, self.original, self.feature]
        return [*transport, self.render_choice, self.match, self.model_rate, self.volume]

    def recolour(self) -> None:
        """After a change of theme."""
        self.stop.setIcon(theme.icon("stop"))
        self.loop.setIcon(theme.icon("loop"))
        self.speaker.setPixmap(theme.icon("volume").pixmap(self.stop.iconSize(), self.devicePixelRatio()))
        self._show_state()

    def stop_timers(self) -> None:
        """Stop all timers for good, before the window closes."""
        self._ended = True
        self._playhead.stop()
        self._devices.stop()

    def set_loop(self, on: bool) -> None:
        """Repeat the marked stretch or else the model's window, or nothing."""
        start_s = self._session.window_start_s
        length_s = self._session.window_s or self._player.duration_s
        self._listening.set_loop((self._listening.marked_s or (start_s, start_s + length_s)) if on else None)

    def seek_by(self, by_s: float) -> None:
        """Move the playhead by some seconds."""
        self._listening.seek(min(max(self._player.position_s + by_s, 0.0), self._player.duration_s))

    def toggle_render(self) -> None:
        """Switch between mask and phase."""
        self._session.set_render("phase" if self._listening.render == "mask" else "mask")

    def toggle_rate(self) -> None:
        """Switch between the recording's sampling rate and the model's."""
        self._session.set_rate("recording" if self._listening.rate == "model" else "model")

    def toggle_match(self) -> None:
        """Switch between the feature's true level and the recording's loudness."""
        self._listening.set_match_loudness(not self._listening.match_loudness)

    def change_volume(self, by: int) -> None:
        """Change the volume by some percent."""
        self.volume.setValue(self.volume.value() + by)

    def refresh(self) -> None:
        """Show the state of the transport."""
        self._show_state()
        listening, player = self._listening, self._player
        has_clip, has_device = self._session.clip is not None, player.state != "no-device"
        for button in (self.play, self.stop, self.loop):
            button.setEnabled(has_clip and has_device)
        has_sound = listening.sound is not None
        self.original.setEnabled(has_clip)
        for widget in (self.feature, self.render_choice, self.match, self.model_rate):
            widget.setEnabled(has_sound)
        self.feature.setText(self._feature_name())
        self._show_source()
        self.loop.setChecked(player.loop is not None)
        self.render_choice.setCurrentIndex(self.render_choice.findData(listening.render))
        self.match.setChecked(listening.match_loudness)
        self.model_rate.setChecked(listening.rate == "model")
        self.gain.setText(self._gain_text())
        if not self.volume.isSliderDown():
            self.volume.blockSignals(True)
            self.volume.setValue(round(player.volume * 100))
            self.volume.blockSignals(False)
        if player.state == "no-device" and not self._ended:
            if not self._devices.isActive():
                self._devices.start()
        else:
            self._devices.stop()

    def _show_source(self) -> None:
        """Show what is heard now: outside of its window, a feature is replaced by the original."""
        heard = self._player.heard_source
        (self.feature if heard == "feature" else self.original).setChecked(True)
        if self._replaced != (self._player.source != heard):
            self._replaced = not self._replaced
            self._show_faithfulness()

    def _show_faithfulness(self) -> None:
        """Show the word for the feature's faithfulness, or where the feature sounds if the playhead is elsewhere."""
        finding, feature = self._session.faithfulness.result, self._listening.feature
        if self._replaced and feature is not None:
            start_s, end_s = (time_label(time_s, 0.1) for time_s in feature.window_s)
            self.faithfulness.setText(f"{feature.title} only from {start_s} to {end_s}; W: analyse here")
            self.faithfulness.setToolTip(
                f"{feature.title} is computed for the model's window, {start_s} to {end_s}. Outside of it you hear the "
                "original. Press W to move the window to the playhead."
            )
            return
        self.faithfulness.setText(faithfulness.short(finding) if finding is not None else "")
        self.faithfulness.setToolTip(faithfulness.sentences(finding) if finding is not None else "")

    def _feature_name(self) -> str:
        """Return the name of the feature, shortened: a label's name must not widen the window."""
        metrics, name = self.feature.fontMetrics(), f"Feature {self._listening.title}".rstrip()
        return metrics.elidedText(name, Qt.TextElideMode.ElideRight, metrics.horizontalAdvance("Feature 3-127 label"))

    def _gain_text(self) -> str:
        sound = self._listening.sound
        if sound is None:
            return ""
        if sound.peak == 0.0:
            self.gain.setToolTip("The feature's sound is silent in this window")
            return "silent"
        self.gain.setToolTip("Gain that makes the feature as loud as the original")
        return f"{sound.gain_db:+.1f} dB"

    def _show_state(self) -> None:
        playing = self._player.state == "playing"
        self.play.setIcon(theme.icon("pause" if playing else "play"))
        if playing and not self._ended and not self._playhead.isActive():
            self._playhead.start()
        elif not playing:
            self._playhead.stop()
        self._show_position()

    def _show_position(self) -> None:
        duration_s, position_s = self._player.duration_s, self._player.position_s
        text = f"{time_label(position_s, 0.1)} / {time_label(duration_s, 0.1)}" if duration_s else ""
        if text != self.position.text():
            self.position.setText(text)
        self._show_source()
        self.position_changed.emit(position_s)


def _button(tooltip: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setToolTip(tooltip)
    button.setAccessibleName(name)
    button.setIconSize(QSize(18, 18))
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button
