"""Stretches of a recording inside a model: one window, or a passage of any length."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from auralscope.dsp.inversion import FullRate, Render, invert, invert_at_full_rate, matching_gain_db
from auralscope.nn.attribution.backward import BackwardMethod
from auralscope.nn.attribution.deconvolution import deconvolve_parts, deconvolve_tape
from auralscope.nn.attribution.methods import find_method
from auralscope.nn.tape.capture import is_map
from auralscope.types import Auralisation, Clip, Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from auralscope.dsp.frontends import Input
    from auralscope.nn.analysis.faithfulness import LabelFaithfulness, Level, UnitFaithfulness
    from auralscope.nn.analysis.receptive_field import NominalSize, ReceptiveField
    from auralscope.nn.loaded import Model
    from auralscope.nn.tape.capture import Tape


Rate = Literal["model", "recording"]


class Excerpt(ABC):
    """A stretch of a recording inside a model: what it is, and how its images become sound.

    Attributes
    ----------
    model : Model
    clip : Clip
    start_s : float
        Where in the clip it begins.
    """

    def __init__(self, model: Model, clip: Clip, start_s: float, analysed: Input, samples: Tensor) -> None:
        self.model = model
        self.clip = clip
        self.start_s = start_s
        self._analysed = analysed
        self._samples = samples
        self._activity: dict[str, NDArray[np.float32]] = {}

    @property
    def analysed(self) -> Input:
        """What the front end made of the window: image and STFT."""
        return self._analysed

    @property
    def input(self) -> NDArray[np.float32]:
        """(bins, frames): what the network sees."""
        return to_numpy(self._analysed.image)

    @property
    def original(self) -> Clip:
        """The stretch itself, at the model's rate."""
        return Clip(
            to_numpy(self._samples),
            self.model.front_end.sample_rate,
            self.clip.source,
            self.clip.start_s + self.start_s,
        )

    @property
    def duration_s(self) -> float:
        """How long it is, at the model's rate."""
        return self._samples.shape[0] / self.model.front_end.sample_rate

    @abstractmethod
    def activity(self, layer: str) -> NDArray[np.float32]:
        """(units,): activation energy, the mean square of each unit's feature map."""

    @abstractmethod
    def deconvolve(
        self, layer: str, *, units: Sequence[int] | None = None, method: str = "deconvolution"
    ) -> NDArray[np.float32]:
        """Deconvolved images of a layer's units: (units, bins, frames).

        See `auralscope.nn.attribution.backward`; for other methods, `auralscope.nn.attribution.methods`.
        """

    def most_active(self, layer: str, *, top: int | None = None) -> list[int]:
        """Units of a layer, the most active first."""
        order: list[int] = np.argsort(-self.activity(layer), kind="stable").tolist()
        return order[:top]

    def auralise(
        self,
        layer: str,
        unit: int,
        *,
        render: Render = "mask",
        method: str = "deconvolution",
        rate: Rate = "model",
    ) -> Auralisation:
        """What a unit hears: its deconvolution as sound, as long as the stretch.

        Parameters
        ----------
        layer : str
        unit : int
            Zero-based.
        render : {"mask", "phase"}
            See `auralscope.dsp.inversion.invert`.
        method : str
            See `deconvolve`.
        rate : {"model", "recording"}
            Mono at the model's rate, or in all channels and at the rate of the recording.
        """
        return self.auralise_image(self.deconvolve(layer, units=[unit], method=method)[0], render=render, rate=rate)

    def auralise_image(
        self, image: NDArray[np.float32], *, render: Render = "mask", rate: Rate = "model"
    ) -> Auralisation:
        """The sound of a deconvolved image (bins, frames) of this stretch; see `auralise`."""
        front_end = self.model.front_end
        pixels = torch.from_numpy(image).to(self._samples)
        if rate == "model":
            original, sample_rate = self._samples, front_end.sample_rate
            rendered = invert(pixels, self._analysed, front_end, render=render)
        else:
            sample_rate = self.clip.sample_rate
            recorded = self._at_full_rate()
            original = recorded.samples
            rendered = invert_at_full_rate(pixels, recorded, front_end, render=render)
        return Auralisation(
            to_numpy(rendered.samples),
            sample_rate,
            self.clip.source,
            self.clip.start_s + self.start_s,
            gain_db=matching_gain_db(rendered.samples, original),
            negative_share=rendered.negative_share,
        )

    def _recorded_samples(self) -> Tensor:
        """(channels, n): the stretch as it was recorded."""
        return torch.from_numpy(self.clip.excerpt(self.start_s, duration_s=self.duration_s).samples).to(self._samples)

    def _at_full_rate(self) -> FullRate:
        return FullRate(self._recorded_samples(), self.clip.sample_rate, self._analysed, self.model.front_end)


class Run(Excerpt):
    """One window of sound inside a model."""

    def __init__(self, model: Model, clip: Clip, start_s: float, analysed: Input, samples: Tensor, tape: Tape) -> None:
        super().__init__(model, clip, start_s, analysed, samples)
        self._tape = tape

    @property
    def tape(self) -> Tape:
        """What the network did with it."""
        return self._tape

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """(labels,): probabilities for this window."""
        scores: NDArray[np.float32] = to_numpy(self.model.probabilities(self._tape.output))[0]
        return scores

    def _at_full_rate(self) -> FullRate:
        return self._analysed_at_full_rate

    @cached_property
    def _analysed_at_full_rate(self) -> FullRate:
        recorded = self._recorded_samples()
        return FullRate(recorded, self.clip.sample_rate, self._analysed, self.model.front_end, keep=True)

    def feature_maps(self, layer: str) -> NDArray[np.float32]:
        """A layer's output: (units, bins', frames'), (units,) for a dense layer, (units, steps) for a recurrent one."""
        value = self._tape.layer(self.model.layer(layer).module)
        if value.ndim > 2 and not is_map(value, self._tape.image):
            return to_numpy(value.reshape(-1, value.shape[-1]).T)
        return to_numpy(value[0])

    def is_map(self, layer: str) -> bool:
        """Whether a layer's units have maps (a convolution) or single values (a dense layer)."""
        return is_map(self._tape.layer(self.model.layer(layer).module), self._tape.image)

    def activity(self, layer: str) -> NDArray[np.float32]:
        if layer not in self._activity:
            maps = self.feature_maps(layer)
            self._activity[layer] = np.square(maps).reshape(maps.shape[0], -1).mean(axis=1)
        return self._activity[layer]

    def deconvolve(
        self, layer: str, *, units: Sequence[int] | None = None, method: str = "deconvolution"
    ) -> NDArray[np.float32]:
        # A backward method stays on its tape; only what runs the network again takes turns with others.
        alone = nullcontext() if isinstance(find_method(method), BackwardMethod) else self.model.one_at_a_time
        with alone:
            return to_numpy(deconvolve_tape(self._tape, self.model.layer(layer).module, units, method))

    def deconvolve_parts(
        self, layer: str, units: Sequence[int], method: str
    ) -> Generator[float, None, NDArray[np.float32]]:
        """As `deconvolve`, but a slow method says in between how far it is, 0 to 1, and can be left there."""
        parts = deconvolve_parts(self._tape, self.model.layer(layer).module, units, method)
        while True:
            with self.model.one_at_a_time, torch.no_grad():
                try:
                    done = next(parts)
                except StopIteration as end:
                    return to_numpy(end.value)
            yield done

    def faithfulness(
        self,
        layer: str,
        unit: int,
        *,
        level: Level = "true",
        seed: int = 0,
        method: str = "deconvolution",
        progress: Progress = no_progress,
    ) -> UnitFaithfulness | LabelFaithfulness:
        """How far a unit's sound can be trusted; of the output layer, a label's.

        Parameters
        ----------
        layer : str
        unit : int
            Zero-based.
        level : {"true", "matched"}
            How loud the network hears the sounds.
        seed : int
            Of the controls.
        method : str
            See `deconvolve`.
        progress : callable
            Called with 0 to 1; what it raises ends the work.
        """
        from auralscope.nn.analysis.faithfulness import label_faithfulness, output_layer, unit_faithfulness

        if layer == output_layer(self):
            return label_faithfulness(self, [unit], level=level, seed=seed, method=method, progress=progress)[0]
        return unit_faithfulness(self, layer, [unit], level=level, seed=seed, method=method, progress=progress)[0]

    def receptive_field(
        self, layer: str, *, cell: tuple[int, int] | None = None, unit: int | None = None
    ) -> ReceptiveField:
        """The part of the window that a cell (bin, frame) of a feature map saw; the middle cell's unless one is given.

        See `auralscope.nn.analysis.receptive_field`.
        """
        from auralscope.nn.analysis.receptive_field import receptive_field

        module = self.model.layer(layer).module
        return receptive_field(self._tape, module, self._analysed, self.model.front_end, cell, unit)

    def nominal_size(self, layer: str) -> NominalSize | None:
        """The size of a layer's fields by the thesis's rule, where the network is one that it is for."""
        from auralscope.nn.analysis.receptive_field import nominal_of

        return nominal_of(self._tape, self.model.layer(layer).module, self.model.front_end)


class Passage(Excerpt):
    """A stretch of any length inside a model, window by window.

    Windows overlap by half. Where they do, their images are cross-faded, so that one hears a unit through a whole
    recording without seams; a mask's largest value is 1 over all of it.
    """

    def __init__(self, model: Model, clip: Clip, start_s: float, duration_s: float) -> None:
        front_end = model.front_end
        mono = front_end.mono(clip.excerpt(start_s, duration_s=duration_s))
        samples = model.tensor(mono)
        super().__init__(model, clip, start_s, front_end.analyse(samples), samples)
        self._mono = mono
        n_frames = front_end.input_shape[1]
        self._hop_samples = round(front_end.hop_s * front_end.sample_rate)
        hop_frames = n_frames // 2
        beyond = max(self._analysed.image.shape[1] - n_frames, 0)
        self._starts_frames = range(0, beyond + hop_frames, hop_frames)

    def activity(self, layer: str) -> NDArray[np.float32]:
        if layer not in self._activity:
            self._activity[layer] = np.mean([window.activity(layer) for window in self._windows()], axis=0)
        return self._activity[layer]

    def deconvolve(
        self,
        layer: str,
        *,
        units: Sequence[int] | None = None,
        method: str = "deconvolution",
        progress: Progress = no_progress,
    ) -> NDArray[np.float32]:
        bins, n_frames = self.model.front_end.input_shape
        length = self._analysed.image.shape[1]
        chosen = list(range(self.model.layer(layer).units)) if units is None else list(units)
        images = np.zeros((len(chosen), bins, length), dtype=np.float32)
        weights = np.zeros(length, dtype=np.float32)
        # Highest in the middle; at a window's edges, where it sees only a part, never quite zero.
        fade = 1.0 - np.abs(np.linspace(-1.0, 1.0, n_frames + 2, dtype=np.float32)[1:-1])
        for number, (start, window) in enumerate(zip(self._starts_frames, self._windows(), strict=True), start=1):
            fits = min(n_frames, length - start)
            images[:, :, start : start + fits] += (
                window.deconvolve(layer, units=chosen, method=method)[:, :, :fits] * fade[:fits]
            )
            weights[start : start + fits] += fade[:fits]
            progress(number / len(self._starts_frames))
        return images / weights

    def _windows(self) -> Iterator[Run]:
        front_end = self.model.front_end
        for start in self._starts_frames:
            start_s = start * self._hop_samples / front_end.sample_rate
            yield self.model.analyse_samples(self.clip, self.start_s + start_s, front_end.window(self._mono, start_s))


def to_numpy(tensor: Tensor) -> NDArray[np.float32]:
    """A tensor of any device as a float32 array."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().astype(np.float32, copy=False)
    return array
