"""Connect the views along time (spectrogram, waveform, tags, the model's input) to the session."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from auralscope.display.overview import Overview
from auralscope.display.pyramid import OvertakenError, Pyramid
from auralscope.ui.graphs.curves import CurvesOver
from auralscope.ui.graphs.receptive_field import FieldItem
from auralscope.ui.graphs.timeline import link_time

if TYPE_CHECKING:
    from auralscope.session.jobs import Job
    from auralscope.session.session import Session
    from auralscope.ui.graphs.timeline import Following
    from auralscope.ui.panes.controls import ControlsPane
    from auralscope.ui.panes.feature import FeaturePane
    from auralscope.ui.panes.gallery import GalleryPane
    from auralscope.ui.panes.input import InputPane
    from auralscope.ui.panes.spectrogram import ReadyTile, SpectrogramPane, TileRequest
    from auralscope.ui.panes.taggram import TaggramPane
    from auralscope.ui.panes.transport import TransportPane
    from auralscope.ui.panes.waveform import WaveformPane

ZOOM = 1.6

Stretch = tuple[float, float] | None


class Views(QObject):
    """Link between the session and the views: state goes to the views, actions of the user to the session."""

    def __init__(
        self,
        session: Session,
        *,
        spectrogram: SpectrogramPane,
        waveform: WaveformPane,
        taggram: TaggramPane,
        input_pane: InputPane,
        controls: ControlsPane,
        feature: FeaturePane,
        gallery: GalleryPane,
        transport: TransportPane,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._spectrogram = spectrogram
        self._waveform = waveform
        self._taggram = taggram
        self._along_time = (spectrogram, waveform, taggram.map)
        self._input = input_pane
        self._controls = controls
        self._feature = feature
        self._gallery = gallery
        self._shown: object = None
        self._was_playing = False
        self._before_seek: tuple[float, float, Stretch, Stretch] | None = None
        self._curves = CurvesOver(spectrogram)
        self._field, self._field_in_input = FieldItem(), FieldItem()
        spectrogram.box.addItem(self._field, ignoreBounds=True)
        input_pane.box.addItem(self._field_in_input, ignoreBounds=True)
        for one, other in combinations(self._along_time, 2):
            link_time(one, other)
        for pane in self._along_time:
            pane.seek_requested.connect(self._seek)
            pane.seek_withdrawn.connect(self._withdraw_seek)
            pane.loop_changed.connect(session.listening.mark)
            pane.window_moved.connect(session.move_window)
            pane.following_changed.connect(controls.show_following)
            transport.position_changed.connect(pane.set_playhead)
        transport.position_changed.connect(input_pane.set_playhead)
        spectrogram.request_tiles.connect(self._compute_tiles)
        feature.overlay_changed.connect(self._show_overlay)
        taggram.curves_changed.connect(self.show_curves)
        controls.view_changed.connect(self._make_pyramid)
        controls.scale_changed.connect(spectrogram.set_scale)
        controls.range_changed.connect(spectrogram.set_range_db)
        controls.following_changed.connect(self._set_following)
        session.listening.seeked.connect(controls.resume_following)
        controls.colour_map_changed.connect(self._set_colour_map)
        session.recording_changed.connect(self._show_recording)
        session.channel_changed.connect(self._make_pyramid)
        session.window_changed.connect(self._show_window)
        session.window_result_changed.connect(self._show_input)
        session.listening.changed.connect(self._show_listening)
        session.unit_changed.connect(self._go_to_feature)
        session.receptive_fields.changed.connect(self._show_field)
        spectrogram.set_scale(controls.frequency_scale)
        spectrogram.set_range_db(*controls.range_db)
        self._set_following(controls.following.currentData())
        self._set_colour_map(controls.colour_map.currentData())

    # Commands of menus and keys.

    def zoom_in(self) -> None:
        self._spectrogram.zoom_time(ZOOM)

    def zoom_out(self) -> None:
        self._spectrogram.zoom_time(1 / ZOOM)

    def show_all(self) -> None:
        self._spectrogram.fit_all()

    def show_window(self) -> None:
        """Show the model's window with a small margin."""
        start_s, length_s = self._session.window_start_s, self._session.window_s
        if length_s:
            self._spectrogram.show_time(start_s - 0.1 * length_s, start_s + 1.1 * length_s)

    def _go_to_feature(self) -> None:
        """Zoom to the window of the chosen feature, unless the view is already inside it."""
        if self._session.unit is None:
            return
        first_s, last_s = self._spectrogram.visible_s
        start_s, end_s = self._session.window_start_s, self._session.window_start_s + self._session.window_s
        if not start_s <= first_s < last_s <= end_s:
            self.show_window()

    # The recording.

    def _show_recording(self) -> None:
        clip = self._session.clip
        if clip is None:
            return
        self._spectrogram.set_pyramid(None)
        self._waveform.set_overview(None)
        for pane in self._along_time[1:]:
            pane.set_duration(clip.duration_s)
        self._make_pyramid()
        self._session.jobs.start(
            "view",
            lambda _job: Overview(clip),
            key="overview",
            urgency=3,
            done=self._waveform.set_overview,
            failed=self._session.problem.emit,
        )
        self._show_window()
        self._show_loop()

    def _make_pyramid(self) -> None:
        clip, view = self._session.clip, self._controls.view
        if clip is None:
            return
        name = self._controls.transform.currentText()
        self._spectrogram.show_computing(name)
        self._session.jobs.start(
            "view",
            lambda _job: Pyramid(clip, view),
            key="pyramid",
            urgency=2,
            done=self._show_pyramid,
            failed=self._session.problem.emit,
        )

    def _show_pyramid(self, pyramid: Pyramid) -> None:
        self._spectrogram.set_pyramid(pyramid)
        self._shown = None  # another recording has removed the overlay
        self._show_window()
        self._show_loop()
        self._show_overlay()

    def _compute_tiles(self, request: TileRequest) -> None:
        def compute(job: Job) -> Iterator[ReadyTile]:
            for key in request.keys:
                try:
                    yield request.render(key, lambda: job.cancelled)
                except OvertakenError:
                    return

        self._session.jobs.start(
            "view",
            compute,
            key="tiles",
            each=self._spectrogram.tile_arrived,
            failed=self._session.problem.emit,
        )

    # Playback.

    def _seek(self, time_s: float) -> None:
        player = self._session.listening.player
        listening = self._session.listening
        self._before_seek = (monotonic(), player.position_s, player.loop, listening.marked_s)
        listening.seek(time_s)

    def _withdraw_seek(self) -> None:
        """Return to the position before the first click of a double click, and to its loop."""
        if self._before_seek is None:
            return
        at_s, position_s, loop_s, marked_s = self._before_seek
        listening = self._session.listening
        if listening.player.state == "playing":
            position_s += monotonic() - at_s
        listening.set_loop(loop_s)
        listening.seek(position_s)
        listening.marked_s, self._before_seek = marked_s, None

    # Window, loop and overlays.

    def _show_window(self) -> None:
        session = self._session
        start_s = session.window_start_s if session.clip is not None and session.model is not None else None
        for pane in self._along_time:
            pane.set_model_window(start_s, session.window_s)

    def _show_listening(self) -> None:
        self._show_loop()
        playing = self._session.listening.player.state == "playing"
        if playing and not self._was_playing:
            self._controls.resume_following()
        self._was_playing = playing

    def _show_loop(self) -> None:
        for pane in self._along_time:
            pane.set_loop(self._session.listening.player.loop)

    def _show_input(self) -> None:
        window = self._session.window_result
        if window is None:
            self._input.clear()
        else:
            front_end = window.run.model.front_end.plane
            self._input.show_input(
                window.input, front_end.frequencies_hz, front_end.hop_s, window.run.start_s, front_end.value_range
            )

    def _show_overlay(self) -> None:
        session, unit = self._session, self._session.unit
        feature = session.gallery.features.get(unit) if unit is not None else None
        if session.window_result is None or feature is None:
            self._shown = None
            self._spectrogram.clear_overlay()
            return
        run, opacity = session.window_result.run, self._feature.overlay_opacity
        if self._shown is feature:
            self._spectrogram.set_overlay_opacity(opacity)
            return
        self._shown = feature
        front_end = run.model.front_end.plane
        self._spectrogram.set_overlay(feature.picture, run.start_s, front_end.hop_s, front_end.frequencies_hz, opacity)

    def _show_field(self) -> None:
        """Draw the receptive field of a cell: in Hz over the spectrogram, in bins and frames over the input."""
        window, result = self._session.window_result, self._session.receptive_fields.result
        if window is None or result is None:
            for item in (self._field, self._field_in_input):
                item.hide()
            return
        field, front_end = result.field, window.run.model.front_end
        hop_s = front_end.hop_s
        # A waveform has no bins: the receptive field is as high as the picture.
        bins = (0, window.input.shape[0] - 1) if front_end.is_waveform else (field.first_bin, field.last_bin)
        self._field.show_field(result.span_s, lambda: self._spectrogram.heights_of(field.low_hz, field.high_hz))
        frames_s = ((field.first_frame - 0.5) * hop_s, (field.last_frame + 0.5) * hop_s)
        self._field_in_input.show_field(
            (window.run.start_s + frames_s[0], window.run.start_s + frames_s[1]),
            lambda: (bins[0] - 0.5, bins[1] + 0.5),
        )

    def show_curves(self) -> None:
        """Draw the curves of the chosen labels."""
        self._curves.show(self._taggram.curves, self._taggram.top)

    def _set_following(self, following: Following) -> None:
        for pane in self._along_time:
            pane.set_following(following)
        self._controls.show_following(following)

    def _set_colour_map(self, name: str) -> None:
        self._spectrogram.set_colour_map(name)
        self._input.set_colour_map(name)
        self._gallery.set_colour_map(name)
        self._taggram.set_colour_map(name)
