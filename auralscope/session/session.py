"""The state of one session: a recording, a model, its window on the recording, a layer and a unit.

`Session` is the root of all state, and knows nothing of Qt. Call it on one thread, the owner's, where its signals are
emitted too; `Jobs` does the work on other threads. Each part of the state is an object of its own that receives what it
uses, never the session.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from auralscope.audio.files import load_clip
from auralscope.files import quoted
from auralscope.session.faithfulness import Faithfulness
from auralscope.session.fetching import Fetching
from auralscope.session.gallery import Gallery
from auralscope.session.jobs import Job, Jobs
from auralscope.session.labels.noise import Noise
from auralscope.session.labels.recordings import Kernels, RecordingMap
from auralscope.session.labels.second_model import OtherModel
from auralscope.session.labels.state import Labels
from auralscope.session.listening import Listening
from auralscope.session.methods import DEFAULT, Methods
from auralscope.session.notices import Notices
from auralscope.session.receptive_field import ReceptiveFields
from auralscope.session.results import WindowResult
from auralscope.session.selection import Selection
from auralscope.session.summaries import Summaries
from auralscope.session.taggram import Taggram

if TYPE_CHECKING:
    from auralscope.dsp.inversion import Render
    from auralscope.nn.excerpts import Rate
    from auralscope.nn.loaded import Model
    from auralscope.nn.model import Layer, ModelSpec
    from auralscope.registry import Plugin
    from auralscope.session.jobs import Deliver
    from auralscope.session.receptive_field import Cell
    from auralscope.types import Clip


class Session:
    """State with a signal for every change.

    `selection` is what the user has selected. It is replaced as a whole, by `_select` alone. A result carries the
    selection that it belongs to, and is shown or played only while that is the present one.

    Parameters
    ----------
    deliver : callable
        Calls a function on the owner's thread; see `Jobs`.
    device : str
        Where models run.

    Attributes
    ----------
    plugins : tuple of Plugin
        Empty until `find_plugins` is done.
    selection : Selection
        The open recording, the model, its window, and the chosen layer, method, unit, rendering and rate. `clip`,
        `model`, `window_start_s`, `layer` and `unit` are parts of it.
    window_result : WindowResult or None
        What the model computed from the window; None until it is computed.
    gallery : Gallery
        Feature maps and features of the layer, and the chosen unit's sound.
    methods : Methods
        The chosen attribution method, and the layers that methods do not support.
    listening : Listening
        The transport.
    faithfulness : Faithfulness
        Figures of the chosen unit's sound.
    receptive_fields : ReceptiveFields
        Receptive field of the chosen cell of the unit's feature map.
    summaries : Summaries
        Descriptions of the layer's units.
    taggram : Taggram
        Tags over time.
    fetching : Fetching
        Models whose weights are not on this machine.
    labels : Labels
        Label vectors of the model, and a ground truth.
    noise, kernels, recording_map, other_model : Noise, Kernels, RecordingMap, OtherModel
        The other parts of the label page.
    """

    recording_changed = Signal()
    """A recording was opened."""
    channel_changed = Signal()
    """Another channel of the recording is analysed."""
    plugins_changed = Signal()
    """`plugins` was found."""
    model_changed = Signal()
    """A model was loaded, or could not be loaded and the one before stays."""
    window_changed = Signal()
    """The window has moved, or its length has changed."""
    window_result_changed = Signal()
    """`window_result` was computed or dropped."""
    layer_changed = Signal()
    """Another layer was chosen."""
    unit_changed = Signal()
    """Another unit or none was chosen, or another attribution method."""
    problem = Signal(str)
    """A sentence for the user about something that failed, or that a file lacks."""
    open_failed = Signal(Path)
    """A file that could not be opened, after `problem` has given the reason."""
    notice = Signal(str)
    """A sentence for the user about something that was done."""

    def __init__(self, deliver: Deliver, device: str = "auto") -> None:
        self._device = device
        # What a file lacks stays in the window until it is dismissed.
        self._notices = (
            Notices("auralscope.nn", deliver, self.notice.emit),
            Notices("auralscope.audio", deliver, self.problem.emit),
        )
        self.plugins: tuple[Plugin, ...] = ()
        self.selection = Selection(method=DEFAULT)
        self._window_result: WindowResult | None = None

        jobs, problem = Jobs(deliver), self.problem.emit
        self.jobs = jobs
        self.listening = Listening(jobs, deliver, self._present)
        self.methods = Methods(jobs, self._present)
        self.faithfulness = Faithfulness(jobs, self._present)
        self.summaries = Summaries(jobs, self._present)
        self.receptive_fields = ReceptiveFields(jobs, self._present)
        self.gallery = Gallery(
            jobs,
            self._present,
            lambda: self.window_result,
            self.listening,
            self.methods,
            self.faithfulness,
            self.summaries,
            choose_method=self.choose_method,
            write=self.write,
            problem=problem,
        )
        self.taggram = Taggram(jobs, self.write, problem)
        self.fetching = Fetching(jobs, problem, self.load_model)
        self.labels = Labels(jobs, self.choose_layer_unit, self.write, problem)
        self.noise = Noise(jobs, self.labels)
        self.kernels = Kernels(jobs, self.choose_layer_unit)
        self.recording_map = RecordingMap(jobs, self.listening)
        self.other_model = OtherModel(jobs, self.labels, lambda: self.specs, self.fetching)

    def close(self) -> None:
        """Stop all background work and release the audio device."""
        for notices in self._notices:
            notices.close()
        self.jobs.close()
        self.listening.close()

    # -- the selection ---------------------------------------------------------------------------------------------

    def _present(self) -> Selection:
        return self.selection

    @property
    def clip(self) -> Clip | None:
        """The open recording."""
        return self.selection.clip

    @property
    def model(self) -> Model | None:
        """The model in use."""
        return self.selection.model

    @property
    def window_start_s(self) -> float:
        """Start of the model's window in the recording, in seconds."""
        return self.selection.window_start_s

    @property
    def layer(self) -> str:
        """The chosen layer."""
        return self.selection.layer

    @property
    def unit(self) -> int | None:
        """The chosen unit."""
        return self.selection.unit

    @property
    def window_result(self) -> WindowResult | None:
        result = self._window_result
        return result if result is not None and result.selection == self.selection.window else None

    def _select(self, **changes: Any) -> None:
        """Change the selection, and drop what belonged to the one before: its jobs, its sound, its figures."""
        before, self.selection = self.selection, replace(self.selection, **changes)
        now = self.selection
        if now == before:
            return
        if now.window != before.window:
            self.jobs.cancel("analyse")
            self._window_result = None
        self.gallery.follow_selection(before)
        self.listening.follow_selection()
        if now.feature != before.feature:
            for part in (self.faithfulness, self.summaries, self.receptive_fields):
                part.follow_selection()
        if now.window != before.window:
            self.window_result_changed.emit()
        if now.method != before.method:
            self.methods.changed.emit()

    # -- the recording ---------------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a recording. The previous one stays until the new one is decoded, and also if decoding fails."""

        def decode(job: Job) -> Clip:
            return load_clip(path, progress=job.advance)

        def failed(sentence: str) -> None:
            self.problem.emit(sentence)
            self.open_failed.emit(path)

        self.jobs.start(
            "files", decode, title=f"Opening {quoted(path.name)}", key="open", done=self._opened, failed=failed
        )

    def _opened(self, clip: Clip) -> None:
        self._select(clip=clip, window_start_s=0.0)
        self.listening.set_recording(clip)
        self.taggram.set_recording(clip)
        self.recording_changed.emit()
        self.window_changed.emit()
        self._analyse()
        self.recording_map.opened(clip)

    def choose_channel(self, channel: int | None) -> None:
        """Choose the channel of the recording that models analyse; None: the mean of all channels."""
        if self.clip is None or channel == self.clip.analysed_channel:
            return
        clip = self.clip.channel(channel)
        self._select(clip=clip)
        self.taggram.set_recording(clip)
        self.channel_changed.emit()
        self._analyse()

    # -- the model -------------------------------------------------------------------------------------------------

    @property
    def specs(self) -> list[ModelSpec]:
        """Models to choose from."""
        return [spec for plugin in self.plugins for spec in plugin.models]

    def find_plugins(self) -> None:
        """Import the installed plugins in the background."""

        def find(_job: Job) -> tuple[Plugin, ...]:
            from auralscope.registry import registry

            return registry().plugins

        def found(plugins: tuple[Plugin, ...]) -> None:
            self.plugins = plugins
            self.plugins_changed.emit()
            self.fetching.check(self.specs)

        self.jobs.start("model", find, key="plugins", urgency=3, done=found, failed=self.problem.emit)

    def load_model(self, model_id: str) -> None:
        """Load a model. The previous one stays until the new one is loaded, and also if loading fails.

        If the model's weights must be fetched first, it becomes `fetching.requested` instead.
        """

        def load(_job: Job) -> tuple[ModelSpec, Model | None]:
            from auralscope import weights
            from auralscope.catalogue import load_model
            from auralscope.registry import find_spec

            spec = find_spec(model_id)
            if weights.state(spec) == "available":
                return spec, None
            import torch

            # One core is left for the window and the sound, which must not wait for the model.
            torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
            return spec, load_model(model_id, device=self._device)

        def loaded(result: tuple[ModelSpec, Model | None]) -> None:
            spec, model = result
            if model is None:
                self.fetching.request(spec)
            else:
                self.fetching.opened(spec)
                self._model_loaded(model)

        def failed(sentence: str) -> None:
            self.problem.emit(sentence)
            self.model_changed.emit()  # a list of models selects the present one again

        self.jobs.start(
            "model", load, title=f"Loading the model {model_id}", key="load", urgency=2, done=loaded, failed=failed
        )

    def _model_loaded(self, model: Model) -> None:
        start_s = self._place(self.window_start_s, model.front_end.window_s)
        self._select(model=model, window_start_s=start_s, layer=model.layers[0], unit=None, method=DEFAULT)
        self.methods.forget()
        for part in (self.taggram, self.labels, self.noise, self.kernels, self.recording_map):
            part.set_model(model)
        self.model_changed.emit()
        self.window_changed.emit()
        self.layer_changed.emit()
        self.unit_changed.emit()
        self._free_memory()
        self._analyse()

    def _free_memory(self) -> None:
        """Return the memory of the model before to other programs."""

        def free(_job: Job) -> None:
            from auralscope.nn.batches import give_back

            if self.model is not None:
                give_back(self.model.device)

        self.jobs.start("model", free, key="give back")

    @property
    def window_s(self) -> float:
        """Length of the model's window; 0 without a model."""
        return self.model.front_end.window_s if self.model else 0.0

    def move_window(self, start_s: float) -> None:
        """Move the model's window to another place of the recording."""
        before = self.window_start_s
        self._select(window_start_s=self._place(start_s, self.window_s))
        self.window_changed.emit()
        if self.window_start_s != before:
            self._analyse()

    def _place(self, start_s: float, window_s: float) -> float:
        """Return the start of a window inside the recording, if the recording is long enough."""
        room_s = max(self.clip.duration_s - window_s, 0.0) if self.clip else 0.0
        return min(max(start_s, 0.0), room_s)

    # -- layers and units ------------------------------------------------------------------------------------------

    def choose_layer(self, layer: str) -> None:
        """Choose another layer and no unit."""
        if self.model is None or layer == self.layer:
            return
        method = self.methods.chosen if self.methods.supports(layer, self.methods.chosen) else DEFAULT
        self._select(layer=self.model.layer(layer).name, unit=None, method=method)
        self.layer_changed.emit()
        self.unit_changed.emit()
        self.fill_gallery()

    def choose_unit(self, unit: int) -> None:
        """Choose a unit of the layer and play its sound."""
        self._select(unit=unit)
        self.unit_changed.emit()
        self.gallery.auralise(play=True)

    def choose_layer_unit(self, layer: str, unit: int) -> None:
        """Choose a layer and one of its units, and play its sound; without a recording, ask for one."""
        self.choose_layer(layer)
        self.choose_unit(unit)
        if self.clip is None:
            self.problem.emit("Open a recording to hear what this unit keeps of it.")

    def choose_cell(self, cell: Cell) -> None:
        """Compute the receptive field of a cell of the chosen unit's feature map."""
        if self.window_result is not None and self.unit is not None:
            self.receptive_fields.compute(self.window_result.run, cell)

    def choose_method(self, method: str) -> None:
        """Choose another attribution method; the unit stays chosen, and its sound is computed again."""
        self._select(method=method)
        self.unit_changed.emit()
        self.gallery.auralise(play=False)
        self.fill_gallery()

    def set_render(self, render: Render) -> None:
        """Choose how images become sound."""
        self._select(render=render)
        self.listening.changed.emit()
        self.gallery.auralise(play=False)

    def set_rate(self, rate: Rate) -> None:
        """Choose the recording's sample rate and channels, or the model's."""
        self._select(rate=rate)
        self.listening.changed.emit()
        self.gallery.auralise(play=False)

    def write(self, path: Path, write: Callable[[], None]) -> None:
        """Write a file in the background, then notify the user."""
        self.jobs.start(
            "files",
            lambda _job: write(),
            title=f"Writing {quoted(path.name)}",
            done=lambda _: self.notice.emit(f"Written: {quoted(path)}"),
            failed=self.problem.emit,
        )

    def unit_label(self, unit: int) -> str:
        """Return the name of a unit of the layer: `3-38` for unit 38 of the third layer."""
        return self.selection.unit_label(unit)

    def unit_title(self, unit: int) -> str:
        """Return the name of a unit of the layer, with its label in the output layer: `7-0 ballad`."""
        return self.selection.unit_title(unit)

    @property
    def layer_spec(self) -> Layer | None:
        """The plugin's description of the chosen layer."""
        return self.model.layer(self.layer) if self.model else None

    # -- results of the window -------------------------------------------------------------------------------------

    def _analyse(self) -> None:
        """Run the model on the window."""
        selection = self.selection.window
        model, clip, start_s = selection.model, selection.clip, selection.window_start_s
        if model is None or clip is None:
            return

        def analyse(_job: Job) -> WindowResult:
            run = model.analyse(clip, start_s=start_s)
            return WindowResult(selection, run, model.front_end.shown(run.input), run.scores)

        def analysed(result: WindowResult) -> None:
            self._window_result = result
            self.window_result_changed.emit()
            self.gallery.auralise(play=False)
            self.fill_gallery()

        title = "Analysing the window"
        self.jobs.start(
            "model", analyse, title=title, key="analyse", urgency=1, done=analysed, failed=self.problem.emit
        )

    def fill_gallery(self) -> None:
        """Compute the missing features of the layer; analyse the window first if that has not been done."""
        if self.window_result is None and all(job.key != "analyse" for job in self.jobs.running):
            self._analyse()
        self.gallery.fill()
