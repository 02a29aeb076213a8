"""Settings of the spectrogram: the row of choices above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QSpinBox, QWidget

from auralscope.display.pyramid import View
from auralscope.display.scales import FREQUENCY_SCALES, FrequencyScale
from auralscope.ui.graphs.colour import COLOUR_MAPS
from auralscope.ui.graphs.timeline import Following
from auralscope.ui.widgets.choices import kept_number, remembered_choice
from auralscope.ui.widgets.flow import FlowLayout
from auralscope.ui.widgets.layouts import line, together

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings

TRANSFORM_NAMES = {"stft": "STFT", "mel": "Mel bands", "cqt": "Constant-Q", "chroma": "Chroma"}
SCALE_NAMES = {"linear": "Linear", "log": "Logarithmic", "mel": "Mel"}
FOLLOWING_NAMES = {"page": "Turn pages", "smooth": "Scroll", "off": "Stay"}
N_FFTS = (512, 1024, 2048, 4096, 8192)
LOWEST_DB, FLOOR_DB, CEILING_DB, HIGHEST_DB = -120, -90, -10, 0
LEAST_RANGE_DB = 5
"""Smallest distance from the floor to the ceiling."""


class ControlsPane(QWidget):
    """Transform, frequency axis, colours, range and following, which are kept when the program ends."""

    view_changed = Signal()
    scale_changed = Signal(str)
    colour_map_changed = Signal(str)
    range_changed = Signal(float, float)
    following_changed = Signal(str)

    def __init__(self, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.transform = remembered_choice(settings, "transform", "Transform", TRANSFORM_NAMES)
        self.n_fft = remembered_choice(
            settings, "n_fft", "Length of the transform, in samples", {str(n): f"{n:,}" for n in N_FFTS}, "2048"
        )
        self.scale = remembered_choice(
            settings, "scale", "Frequency axis", {name: SCALE_NAMES[name] for name in FREQUENCY_SCALES}, "log"
        )
        self.colour_map = remembered_choice(
            settings, "colour map", "Colour map", {name: name.capitalize() for name in COLOUR_MAPS}
        )
        self.floor = self._level("floor", "Floor: lower levels get the darkest colour", FLOOR_DB)
        self.ceiling = self._level("ceiling", "Ceiling: higher levels get the brightest colour", CEILING_DB)
        self.following = remembered_choice(
            settings,
            "following",
            "How the view follows the playhead",
            {name: FOLLOWING_NAMES[name] for name in get_args(Following)[::-1]},
            "page",
        )
        self.follow = QPushButton("Follow")
        self.follow.setCheckable(True)
        self.follow.setToolTip(
            "Pressed: the view follows the playhead. Panning pauses this; playing, seeking or this button resumes it."
        )
        to = line()
        to.setText("to")
        choices = (self.transform, self.n_fft, self.scale, self.colour_map)
        levels, following = together(self.floor, to, self.ceiling), together(self.follow, self.following)
        FlowLayout(*choices, levels, None, following, spacing=4, parent=self)

        for box in (self.transform, self.n_fft):
            box.currentIndexChanged.connect(self._view_chosen)
        self.scale.currentIndexChanged.connect(lambda: self.scale_changed.emit(self.scale.currentData()))
        self.colour_map.currentIndexChanged.connect(lambda: self.colour_map_changed.emit(self.colour_map.currentData()))
        self.following.currentIndexChanged.connect(self.resume_following)
        self.follow.clicked.connect(lambda on: self.resume_following() if on else self.following_changed.emit("off"))
        if self.ceiling.value() - self.floor.value() < LEAST_RANGE_DB:
            self.floor.setValue(FLOOR_DB)
            self.ceiling.setValue(CEILING_DB)
        for spin in (self.floor, self.ceiling):
            spin.valueChanged.connect(self._range_chosen)
        self._range_chosen()
        self._view_chosen()

    def tab_order(self) -> list[QWidget]:
        choices = [self.transform, self.n_fft, self.scale, self.colour_map]
        return [*choices, self.floor, self.ceiling, self.follow, self.following]

    @property
    def view(self) -> View:
        """The chosen transform. The hop is a quarter of its length."""
        n_fft = int(self.n_fft.currentData())
        return View(transform=self.transform.currentData(), n_fft=n_fft, hop=n_fft // 4)

    @property
    def frequency_scale(self) -> FrequencyScale:
        scale: FrequencyScale = self.scale.currentData()
        return scale

    @property
    def range_db(self) -> tuple[float, float]:
        """Floor and ceiling, in dB re a full-scale sine."""
        return float(self.floor.value()), float(self.ceiling.value())

    def resume_following(self) -> None:
        """Let the view follow the playhead in the chosen way, also after a pan."""
        self.following_changed.emit(self.following.currentData())

    def show_following(self, following: Following) -> None:
        """Show whether the view follows now; the chosen way stays."""
        self.follow.setChecked(following != "off")
        self.follow.setEnabled(self.following.currentData() != "off")

    def _view_chosen(self) -> None:
        transform = self.transform.currentData()
        self.n_fft.setEnabled(transform in ("stft", "mel"))
        self.scale.setEnabled(transform != "chroma")
        self.view_changed.emit()

    def _range_chosen(self) -> None:
        """Keep the floor below the ceiling: each box ends where the other stands."""
        self.floor.setMaximum(self.ceiling.value() - LEAST_RANGE_DB)
        self.ceiling.setMinimum(self.floor.value() + LEAST_RANGE_DB)
        for key, spin in (("floor", self.floor), ("ceiling", self.ceiling)):
            self._settings.setValue(f"view/{key}", spin.value())
        self.range_changed.emit(*self.range_db)

    def _level(self, key: str, what: str, first: int) -> QSpinBox:
        spin = QSpinBox()
        spin.setRange(LOWEST_DB, HIGHEST_DB)
        spin.setSingleStep(5)
        spin.setSuffix(" dB")
        spin.setKeyboardTracking(False)  # a half-typed number is not a level
        spin.setCorrectionMode(QSpinBox.CorrectionMode.CorrectToNearestValue)
        spin.setValue(kept_number(self._settings, f"view/{key}", first))
        spin.setToolTip(what)
        spin.setAccessibleName(what)
        spin.lineEdit().setAcceptDrops(False)  # files are dropped on the window
        spin.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        return spin
