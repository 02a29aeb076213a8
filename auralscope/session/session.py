"""The state of one sitting: a recording, a model, the window it looks at, a layer and a unit.

No Qt here. Everything is called and signalled on one thread, the owner's; work is done by `Jobs`. What is heard is
the part called `listening`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.audio.files import load_clip, write_wav
from auralscope.files import quoted, write_aside
from auralscope.session.faithfulness import Faithfulness
from auralscope.session.fetching import Fetching
from auralscope.session.jobs import Job, Jobs
from auralscope.session.listening import Listening
from auralscope.session.methods import DEFAULT, SLOW, Methods, title_of
from auralscope.session.notices import Notices
from auralscope.session.receptive_field import ReceptiveFields
from auralscope.session.results import Feature, LayerResult, WindowResult, feature_of, fill
from auralscope.session.summaries import Summaries
from auralscope.session.taggram import Taggram
from auralscope.types import unit_name

if TYPE_CHECKING:
    from auralscope.dsp.inversion import Render
    from auralscope.nn.excerpts import Rate
    from auralscope.nn.loaded import Model
    from auralscope.nn.model import Layer, ModelSpec
    from auralscope.registry import Plugin
    from auralscope.session.jobs import Deliver
    from auralscope.session.receptive_field import Cell
    from auralscope.types import Auralisation, Clip


class Session:
    """State that can be watched.

    Parameters
    ----------
    deliver : callable
        See `Jobs`.
    device : str
        Where models run.

    Attributes
    ----------
    clip : Clip or None
        The recording that is open.
    model : Model or None
    window_start_s : float
        Where the window lies at which the model looks.
    result : WindowResult or None
        That window inside the model; None until it is computed.
    layer : str
        The layer that is looked at.
    layer_result : LayerResult or None
        Its answer; None until it is computed.
    unit : int or None
        The unit that is chosen.
    methods : Methods
        How units are read: by deconvolution, or in another way.
    features : dict of int to Feature
        What has been computed of the layer by the chosen method, by unit.
    listening : Listening
    faithfulness : Faithfulness
        How far the chosen unit's sound can be trusted.
    summaries : Summaries
        What the units of the layer are like.
    fields : ReceptiveFields
        What a cell of the chosen unit's feature map saw.
    taggram : Taggram
    fetching : Fetching
        Models whose weights are not here.
    plugins : tuple of Plugin
        Empty until `find_plugins` is done.
    """

    recording_changed = Signal()
    plugins_changed = Signal()
    model_changed = Signal()
    window_changed = Signal()
    window_result_changed = Signal()
    layer_changed = Signal()
    layer_result_changed = Signal()
    features_arrived = Signal(tuple)
    """The units whose features have just been computed."""
    unit_changed = Signal()
    problem = Signal(str)
    """A sentence for the user: what went wrong."""
    open_failed = Signal(Path)
    """A file that could not be opened, after `problem` has said why."""
    notice = Signal(str)
    """A sentence for the user: what was done."""

    def __init__(self, deliver: Deliver, device: str = "auto") -> None:
        self.jobs = Jobs(deliver)
        self.listening = Listening(self.jobs, deliver)
        self.methods = Methods(self.jobs)
        self.faithfulness = Faithfulness(self.jobs)
        self.summaries = Summaries(self.jobs)
        self.receptive_fields = ReceptiveFields(self.jobs)
        self.unit_changed.connect(self.receptive_fields.clear)
        self.window_result_changed.connect(self.receptive_fields.forget)
        self._notices = Notices(deliver, self.notice.emit)
        self._device = device
        self.plugins: tuple[Plugin, ...] = ()
        self.clip: Clip | None = None
        self.model: Model | None = None
        self.window_start_s = 0.0
        self.window_result: WindowResult | None = None
        self.layer = ""
        self.layer_result: LayerResult | None = None
        self.unit: int | None = None
        self.features: dict[int, Feature] = {}
        self._kept: dict[tuple[str, str], dict[int, Feature]] = {}
        self._hear_later = False
        self.taggram = Taggram(self)
        self.fetching = Fetching(self)

    def close(self) -> None:
        """End all background work and give the audio device back."""
        self._notices.close()
        self.jobs.close()
        self.listening.close()

    # -- the recording ---------------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a recording; what was open stays until the new one is decoded, and if it cannot be."""

        def decode(job: Job) -> Clip:
            return load_clip(path, progress=job.advance)

        def failed(sentence: str) -> None:
            self.problem.emit(sentence)
            self.open_failed.emit(path)

        self.jobs.start(
            "files", decode, title=f"Opening {quoted(path.name)}", key="open", done=self._opened, failed=failed
        )

    def _opened(self, clip: Clip) -> None:
        self.clip = clip
        self.listening.set_recording(clip)
        self._clear_results()
        self._place_window(0.0)
        self.recording_changed.emit()
        self.window_changed.emit()
        self._analyse()

    # -- the model -------------------------------------------------------------------------------------------------

    @property
    def specs(self) -> list[ModelSpec]:
        """Models to choose from."""
        return [spec for plugin in self.plugins for spec in plugin.models]

    def find_plugins(self) -> None:
        """Look for plugins; importing a stranger's code is background work, too."""

        def find(_job: Job) -> tuple[Plugin, ...]:
            from auralscope.registry import registry

            return registry().plugins

        def found(plugins: tuple[Plugin, ...]) -> None:
            self.plugins = plugins
            self.plugins_changed.emit()
            self.fetching.check()

        self.jobs.start("model", find, key="plugins", urgency=3, done=found, failed=self.problem.emit)

    def load_model(self, model_id: str) -> None:
        """Choose a model; the one before stays until the new one is loaded, and if it cannot be.

        Where its weights are to be fetched first, it is `fetching.requested`.
        """

        def load(_job: Job) -> tuple[ModelSpec, Model | None]:
            from auralscope import weights
            from auralscope.catalogue import load_model
            from auralscope.registry import find_spec

            spec = find_spec(model_id)
            if weights.state(spec) == "available":
                return spec, None
            import torch

            # One core stays with the window and the sound, which must not wait for the model.
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
            self.model_changed.emit()  # whoever shows the choice goes back to what it was

        self.jobs.start(
            "model",
            load,
            title=f"Loading the model {model_id}",
            key="load",
            urgency=2,
            done=loaded,
            failed=failed,
        )

    def _model_loaded(self, model: Model) -> None:
        self.model = model
        self.layer = model.layers[0]
        self.unit = None
        self.methods.forget()
        self._clear_results()
        self._place_window(self.window_start_s)
        self.model_changed.emit()
        self.window_changed.emit()
        self.layer_changed.emit()
        self.unit_changed.emit()
        self._give_back()
        self._analyse()

    def _give_back(self) -> None:
        """Let other programs have the memory of the model before."""

        def give_back_all(_job: Job) -> None:
            from auralscope.nn.batches import give_back

            if self.model is not None:
                give_back(self.model.device)

        self.jobs.start("model", give_back_all, key="give back")

    @property
    def window_s(self) -> float:
        """Length of the window that the model sees; 0 without a model."""
        return self.model.front_end.window_s if self.model else 0.0

    def move_window(self, start_s: float) -> None:
        """Let the model look at another place of the recording."""
        before = self.window_start_s
        self._place_window(start_s)
        self.window_changed.emit()
        if self.window_start_s != before:
            self._analyse()

    def _place_window(self, start_s: float) -> None:
        """Keep the window inside the recording, where the recording is long enough."""
        room_s = max(self.clip.duration_s - self.window_s, 0.0) if self.clip else 0.0
        self.window_start_s = min(max(start_s, 0.0), room_s)

    # -- inside the model ------------------------------------------------------------------------------------------

    def choose_layer(self, layer: str) -> None:
        """Choose another layer; the unit that was chosen is let go, its sound stays until another is chosen."""
        if self.model is None or layer == self.layer:
            return
        self.layer = self.model.layer(layer).name
        self.layer_result = None
        if not self.methods.supports(layer, self.methods.chosen):
            self.methods.choose(DEFAULT)
        self.features = self._kept.setdefault((self.layer, self.methods.chosen), {})
        self.summaries.show(self.layer, self.methods.chosen)
        self.unit = None
        self.faithfulness.clear()
        self.layer_changed.emit()
        self.unit_changed.emit()
        self.fill_gallery()

    def choose_unit(self, unit: int) -> None:
        """Make a unit of the layer the sound that is heard, over the window, at once."""
        self.unit = unit
        self.faithfulness.clear()
        self.unit_changed.emit()
        self._auralise(hear=True)

    def choose_cell(self, cell: Cell) -> None:
        """Find what a cell of the chosen unit's feature map saw."""
        if self.window_result is not None and self.unit is not None:
            self.receptive_fields.compute(self.window_result, self.layer, self.unit, cell)

    def choose_method(self, method: str) -> None:
        """Read units in another way; the unit stays chosen, its sound follows."""
        self.methods.choose(method)
        self.features = self._kept.setdefault((self.layer, method), {})
        self.summaries.show(self.layer, method)
        self.faithfulness.clear()
        self.unit_changed.emit()
        self._auralise(hear=False)
        self.fill_gallery()

    def set_render(self, render: Render) -> None:
        """How images become sound."""
        self.listening.set_render(render)
        self._auralise(hear=False)

    def set_rate(self, rate: Rate) -> None:
        """At the recording's rate and in its channels, or as the model hears it."""
        self.listening.set_rate(rate)
        self._auralise(hear=False)

    def save_sound(self, path: Path) -> None:
        """Write what the chosen unit hears as it is heard, at its true level or as loud as the original."""
        clip = self.listening.feature_clip
        if clip is not None:
            self.write(path, lambda: write_wav(path, clip))

    def save_picture(self, path: Path) -> None:
        """Write the chosen unit's deconvolution beside what the model sees, as PNG."""
        result, unit = self.window_result, self.unit
        if result is None or unit is None or unit not in self.features:
            return
        picture, title = self.features[unit].picture, f"{self.unit_title(unit)}  ({self.layer}{self._otherwise})"

        def write() -> None:
            from auralscope.reports import pictures

            plane = result.run.model.front_end.plane
            write_aside(path, pictures.feature(picture, result.input, plane, result.run.start_s, title))

        self.write(path, write)

    def write(self, path: Path, write: Callable[[], None]) -> None:
        """Have a file written in the background, and say so."""
        self.jobs.start(
            "files",
            lambda _job: write(),
            title=f"Writing {quoted(path.name)}",
            done=lambda _: self.notice.emit(f"Written: {quoted(path)}"),
            failed=self.problem.emit,
        )

    def unit_label(self, unit: int) -> str:
        """`3-38` for unit 38 of the third layer."""
        return unit_name(self.model.layer_number(self.layer), unit) if self.model else str(unit)

    def unit_title(self, unit: int) -> str:
        """As `unit_label`; for the units of the output also what they stand for, as in `7-0 ballad`."""
        label = self.unit_label(unit)
        if self.model is not None and self.layer == self.model.layers[-1] and unit < len(self.model.labels):
            return f"{label} {self.model.labels[unit]}"
        return label

    @property
    def _otherwise(self) -> str:
        """Names the method where it is not the first."""
        return "" if self.methods.chosen == DEFAULT else f", {title_of(self.methods.chosen)}"

    @property
    def layer_spec(self) -> Layer | None:
        """What the plugin says of the layer that is looked at."""
        return self.model.layer(self.layer) if self.model else None

    def _clear_results(self) -> None:
        for key in ("analyse", "gallery", "sound"):
            self.jobs.cancel(key)
        self.window_result = None
        self.layer_result = None
        self.faithfulness.forget()
        self.summaries.forget()
        self._kept = {}
        self.features = {}
        self.window_result_changed.emit()
        self.layer_result_changed.emit()

    def _analyse(self) -> None:
        model, clip, start_s = self.model, self.clip, self.window_start_s
        if model is None or clip is None:
            return
        for key in ("gallery", "sound"):
            self.jobs.cancel(key)

        def analyse(_job: Job) -> WindowResult:
            run = model.analyse(clip, start_s=start_s)
            return WindowResult(run, model.front_end.shown(run.input), run.scores)

        self.jobs.start(
            "model",
            analyse,
            title="Looking at the window",
            key="analyse",
            urgency=1,
            done=self._analysed,
            failed=self.problem.emit,
        )

    def _analysed(self, result: WindowResult) -> None:
        self.window_result = result
        self.layer_result = None
        self.faithfulness.forget()
        self.summaries.forget()
        self._kept = {}
        self.features = self._kept.setdefault((self.layer, self.methods.chosen), {})
        self.window_result_changed.emit()
        self._auralise(hear=False)
        self.fill_gallery()

    def fill_gallery(self) -> None:
        """Compute what is missing of the layer, the most active unit first."""
        result, layer, method, kept = self.window_result, self.layer, self.methods.chosen, self.features
        self.jobs.cancel("gallery")
        if result is None or result.run.start_s != self.window_start_s:
            if all(job.key != "analyse" for job in self.jobs.running):
                self._analyse()
            return
        run, have = result.run, set(kept)

        def work(job: Job) -> Iterator[LayerResult | list[Feature]]:
            return fill(run, layer, method, have, job.advance)

        def keep(part: LayerResult | list[Feature]) -> None:
            if isinstance(part, LayerResult):
                self.layer_result = part
                self.layer_result_changed.emit()
            elif part:
                kept.update({feature.unit: feature for feature in part})
                self.features_arrived.emit(tuple(feature.unit for feature in part))
                if method in SLOW and self.unit is not None and kept is self.features:
                    self._auralise(hear=self._hear_later)

        def filled() -> None:
            self.summaries.compute(run, layer, method, kept)
            self.methods.check_layer(run, layer)

        def failed(sentence: str) -> None:
            self.problem.emit(sentence)
            self.methods.mark_unsupported(layer, method, sentence)
            if method != DEFAULT:
                self.choose_method(DEFAULT)

        self.jobs.start(
            "model",
            work,
            title=f"{title_of(method)} of {layer}",
            key="gallery",
            each=keep,
            done=lambda _: filled(),
            failed=failed,
        )

    def _auralise(self, hear: bool) -> None:
        result, layer, unit = self.window_result, self.layer, self.unit
        render, rate = self.listening.render, self.listening.rate
        if result is None or unit is None:
            return
        run, kept, title, method = result.run, self.features, self.unit_title(unit), self.methods.chosen
        known = kept.get(unit)
        self._hear_later = known is None and hear
        if known is None and method in SLOW:
            return  # it sounds when the gallery is there: a unit alone would take as long

        def auralise(_job: Job) -> tuple[Feature, Auralisation]:
            feature = known or feature_of(run, unit, run.deconvolve(layer, units=[unit], method=method)[0])
            return feature, run.auralise_image(feature.image, render=render, rate=rate)

        def auralised(parts: tuple[Feature, Auralisation]) -> None:
            feature, sound = parts
            kept[unit] = feature
            self.features_arrived.emit((unit,))
            start_s = run.start_s
            self.listening.set_feature(sound, title, (start_s, start_s + self.window_s), hear)
            if sound.peak > 0.0 and method not in SLOW:
                self.faithfulness.measure(run, layer, unit, method)

        self.jobs.start("model", auralise, key="sound", urgency=3, done=auralised, failed=self.problem.emit)
