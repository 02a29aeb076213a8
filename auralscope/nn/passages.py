"""Passages of any length inside a model: analysed window by window, cross-faded into one."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from auralscope.nn.activity import Activity, map_activity
from auralscope.nn.excerpts import Excerpt, Window
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from auralscope.nn.tagger import Tagger
    from auralscope.types import Clip


class Passage(Excerpt):
    """An excerpt of any length inside a model, analysed window by window.

    Windows overlap by half, and their images are cross-faded, so that the sound of a unit has no seams. The largest
    value of a mask is 1 over the whole passage.
    """

    def __init__(self, model: Tagger, clip: Clip, start_s: float, duration_s: float) -> None:
        front_end = model.front_end
        mono = front_end.mono(clip.excerpt(start_s, duration_s=duration_s))
        samples = model.tensor(mono)
        super().__init__(model, clip, start_s, model.analyse_samples(samples), samples)
        self._mono = mono
        n_frames = front_end.input_shape[1]
        self._hop_samples = round(front_end.hop_s * front_end.sample_rate)
        hop_frames = n_frames // 2
        beyond = max(self._analysed.image.shape[1] - n_frames, 0)
        self._starts_frames = range(0, beyond + hop_frames, hop_frames)

    def _compute_activity(self, layer: str) -> Activity:
        windows = self._windows()
        first = next(windows)
        if first.is_output(layer):
            scores = [window.scores for window in chain([first], windows)]
            return Activity(np.mean(scores, axis=0), "probability")
        return map_activity(window.feature_maps(layer) for window in chain([first], windows))

    def deconvolve(
        self,
        layer: str,
        *,
        units: Sequence[int] | None = None,
        method: str = "deconvolution",
        progress: Progress = no_progress,
    ) -> NDArray[np.float32]:
        """Deconvolve units of a layer over the whole passage.

        Parameters
        ----------
        layer, units, method
            See `Excerpt.deconvolve`.
        progress : callable
            Called with 0 to 1 after each window; what it raises ends the computation.

        Returns
        -------
        (units, bins, frames) float32 array

        Raises
        ------
        UnknownNameError, NoRuleError
            See `Excerpt.deconvolve`.
        """
        bins, n_frames = self.model.front_end.input_shape
        length = self._analysed.image.shape[1]
        chosen = list(range(self.model.layer(layer).units)) if units is None else list(units)
        images = np.zeros((len(chosen), bins, length), dtype=np.float32)
        weights = np.zeros(length, dtype=np.float32)
        # A triangle that is above zero at the window's edges.
        fade = 1.0 - np.abs(np.linspace(-1.0, 1.0, n_frames + 2, dtype=np.float32)[1:-1])
        for number, (start, window) in enumerate(zip(self._starts_frames, self._windows(), strict=True), start=1):
            fits = min(n_frames, length - start)
            images[:, :, start : start + fits] += (
                window.deconvolve(layer, units=chosen, method=method)[:, :, :fits] * fade[:fits]
            )
            weights[start : start + fits] += fade[:fits]
            progress(number / len(self._starts_frames))
        return images / weights

    def _windows(self) -> Iterator[Window]:
        front_end = self.model.front_end
        for start in self._starts_frames:
            start_s = start * self._hop_samples / front_end.sample_rate
            samples = front_end.window(self._mono, start_s)
            yield Window.of_samples(self.model, self.clip, self.start_s + start_s, samples)
