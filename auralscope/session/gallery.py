"""Compute the features of a layer, the most active unit first, and the chosen unit's sound; save both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.audio.files import write_wav
from auralscope.display.ticks import time_label
from auralscope.files import quoted, write_aside
from auralscope.session.methods import DEFAULT, SLOW, title_of
from auralscope.session.results import Feature, FeatureSound, LayerResult, WindowResult, feature_of, fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auralscope.session.faithfulness import Faithfulness
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.listening import Listening
    from auralscope.session.methods import Methods
    from auralscope.session.selection import Selection
    from auralscope.session.summaries import Summaries


KEPT_BYTES = 256 << 20
"""Size of the features that are kept for the window; those of the layers and methods shown longest ago go first."""


class Gallery:
    """Features of the selected layer's units, and the sound of the chosen one.

    Parameters
    ----------
    jobs : Jobs
    selection : callable
        Returns the present selection.
    window : callable
        Returns the result of the selected window, or None until it is computed.
    listening, methods, faithfulness, summaries : Listening, Methods, Faithfulness, Summaries
        Parts that receive what is computed.
    choose_method : callable
        Selects another attribution method.
    write : callable
        Writes a file in the background.
    problem : callable
        Called with a sentence about something that failed.

    Attributes
    ----------
    layer_result : LayerResult or None
        Feature maps of the layer; None until they are computed.
    features : dict of int to Feature
        Features of the layer by the chosen attribution method, by unit, as far as they are computed.
    """

    layer_result_changed = Signal()
    """`layer_result` was computed or dropped."""
    features_arrived = Signal(tuple)
    """Units whose features have just been computed."""

    def __init__(
        self,
        jobs: Jobs,
        selection: Callable[[], Selection],
        window: Callable[[], WindowResult | None],
        listening: Listening,
        methods: Methods,
        faithfulness: Faithfulness,
        summaries: Summaries,
        *,
        choose_method: Callable[[str], None],
        write: Callable[[Path, Callable[[], None]], None],
        problem: Callable[[str], None],
    ) -> None:
        self._jobs = jobs
        self._selection = selection
        self._window = window
        self._listening = listening
        self._methods = methods
        self._faithfulness = faithfulness
        self._summaries = summaries
        self._choose_method = choose_method
        self._write = write
        self._problem = problem
        self._layer_result: LayerResult | None = None
        self._features: dict[Selection, dict[int, Feature]] = {}
        self._play_later = False

    @property
    def layer_result(self) -> LayerResult | None:
        result = self._layer_result
        return result if result is not None and result.selection == self._selection().maps else None

    @property
    def features(self) -> dict[int, Feature]:
        return self._features.setdefault(self._selection().gallery, {})

    def follow_selection(self, before: Selection) -> None:
        """Stop computing what the selection no longer asks for, and drop the results of another window."""
        now = self._selection()
        self._jobs.cancel("sound")
        if now.gallery != before.gallery:
            self._jobs.cancel("gallery")
        if now.window != before.window:
            self._layer_result, self._features = None, {}
            self.layer_result_changed.emit()
        elif now.gallery != before.gallery:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Keep the features of the present layer and method, and of those before as long as they fit."""
        present = self._selection().gallery
        self._features[present] = self._features.pop(present, {})  # the last one in the dictionary's order
        size = 0
        for key in reversed(tuple(self._features)):
            size += sum(feature.n_bytes for feature in self._features[key].values())
            if size > KEPT_BYTES and key != present:
                del self._features[key]

    def fill(self) -> None:
        """Compute the missing features of the layer, the most active unit first."""
        result, selection, features = self._window(), self._selection().gallery, self.features
        self._jobs.cancel("gallery")
        if result is None:
            return
        run, have = result.run, set(features)

        def work(job: Job) -> Iterator[LayerResult | list[Feature]]:
            return fill(run, selection, have, job.advance)

        def keep(part: LayerResult | list[Feature]) -> None:
            if isinstance(part, LayerResult):
                self._layer_result = part
                self.layer_result_changed.emit()
            elif part:
                features.update({feature.unit: feature for feature in part})
                self.features_arrived.emit(tuple(feature.unit for feature in part))
                if selection.method in SLOW:
                    self.auralise(play=self._play_later)

        def filled(_: None) -> None:
            self._summaries.compute(run, features)
            self._methods.check_layer(run, selection.layer)

        def failed(sentence: str) -> None:
            self._problem(sentence)
            self._methods.mark_unsupported(selection.layer, selection.method, sentence)
            if selection.method != DEFAULT:
                self._choose_method(DEFAULT)

        title = f"{title_of(selection.method)} of {selection.layer}"
        self._jobs.start("model", work, title=title, key="gallery", each=keep, done=filled, failed=failed)

    def auralise(self, *, play: bool) -> None:
        """Compute the chosen unit's sound, if there is a unit and a window, and give it to the transport."""
        result, selection, features = self._window(), self._selection(), self.features
        layer, unit, method = selection.layer, selection.unit, selection.method
        if result is None or unit is None:
            return
        run, known, title = result.run, features.get(unit), selection.unit_title(unit)
        self._play_later = known is None and play
        if known is None and method in SLOW:
            return  # a single unit takes as long as the gallery: the sound follows when the gallery is filled

        def auralise(_job: Job) -> tuple[Feature, FeatureSound]:
            feature = known or feature_of(run, unit, run.deconvolve(layer, units=[unit], method=method)[0])
            sound = run.auralise_image(feature.image, render=selection.render, rate=selection.rate)
            window_s = run.start_s, run.start_s + run.model.front_end.window_s
            return feature, FeatureSound(selection, sound, title, window_s)

        def auralised(parts: tuple[Feature, FeatureSound]) -> None:
            feature, sound = parts
            features[unit] = feature
            self.features_arrived.emit((unit,))
            self._listening.set_feature(sound, play=play)
            if sound.sound.peak > 0.0 and method not in SLOW:
                self._faithfulness.measure(run)

        self._jobs.start("model", auralise, key="sound", urgency=3, done=auralised, failed=self._problem)

    def save_sound(self, path: Path) -> None:
        """Write the chosen unit's sound as it is played, at its true level or as loud as the original."""
        clip = self._listening.feature_clip
        if clip is not None:
            self._write(path, lambda: write_wav(path, clip))

    def save_picture(self, path: Path, colours: str = "magma") -> None:
        """Write the chosen unit's image beside the model's input as PNG, in a colour map of matplotlib.

        The picture names the recording, the place in it, the model, the layer, the unit and the attribution method.
        """
        result, selection = self._window(), self._selection()
        unit, method = selection.unit, selection.method
        if result is None or unit is None or unit not in self.features:
            return
        by_method = "" if method == DEFAULT else f", {title_of(method)}"
        picture, title = self.features[unit].picture, f"{selection.unit_title(unit)}  ({selection.layer}{by_method})"
        run, spec, front_end = result.run, result.run.model.spec, result.run.model.front_end
        name = quoted(run.clip.source.name)[1:-1] if run.clip.source is not None else "Recording"
        start_s, end_s = run.start_s, run.start_s + front_end.window_s
        heading = f"{name}, {time_label(start_s, 0.1)}–{time_label(end_s, 0.1)}, {spec.title} ({spec.id})"

        def write() -> None:
            from auralscope.reports import pictures

            plane = front_end.plane
            write_aside(
                path, pictures.feature(picture, result.input, plane, start_s, title, heading=heading, colours=colours)
            )

        self._write(path, write)
