"""Excerpts of a recording inside a model, and one window as an excerpt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from auralscope.dsp.inversion import FullRate, Render, invert, invert_at_full_rate, matching_gain_db
from auralscope.nn.activity import Activity, map_activity
from auralscope.nn.attribution.backward import BackwardMethod
from auralscope.nn.attribution.deconvolution import deconvolve_parts, deconvolve_tape
from auralscope.nn.attribution.methods import find_method
from auralscope.nn.batches import enough_memory, to_numpy
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.layout import layout_of
from auralscope.types import Auralisation, Clip

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from auralscope.dsp.frontends import Input
    from auralscope.nn.tagger import Tagger
    from auralscope.nn.tape.capture import Tape


Rate = Literal["model", "recording"]


class Excerpt(ABC):
    """An excerpt of a recording inside a model.

    Attributes
    ----------
    model : Tagger
    clip : Clip
    start_s : float
        Start of the excerpt in the clip, in seconds.
    """

    def __init__(self, model: Tagger, clip: Clip, start_s: float, analysed: Input, samples: Tensor) -> None:
        self.model = model
        self.clip = clip
        self.start_s = start_s
        self._analysed = analysed
        self._samples = samples
        self._activity: dict[str, Activity] = {}

    @property
    def analysed(self) -> Input:
        """Result of the front end: the input image and the STFT."""
        return self._analysed

    @property
    def input(self) -> NDArray[np.float32]:
        """Input image of the network, (bins, frames)."""
        return to_numpy(self._analysed.image)

    @property
    def original(self) -> Clip:
        """Sound of the excerpt: mono, at the model's sample rate."""
        return Clip(
            to_numpy(self._samples),
            self.model.front_end.sample_rate,
            self.clip.source,
            self.clip.start_s + self.start_s,
        )

    @property
    def duration_s(self) -> float:
        """Length of the excerpt in seconds."""
        return self._samples.shape[0] / self.model.front_end.sample_rate

    def activity(self, layer: str) -> Activity:
        """Return the activity of a layer's units and its measure, computed once; `auralscope.nn.activity` has the rule.

        Parameters
        ----------
        layer : str

        Returns
        -------
        Activity

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        """
        if layer not in self._activity:
            self._activity[layer] = self._compute_activity(layer)
        return self._activity[layer]

    @abstractmethod
    def _compute_activity(self, layer: str) -> Activity: ...

    @abstractmethod
    def deconvolve(
        self, layer: str, *, units: Sequence[int] | None = None, method: str = "deconvolution"
    ) -> NDArray[np.float32]:
        """Deconvolve units of a layer (Zeiler & Fergus 2014; Choi 2018, sec. 7.2).

        Parameters
        ----------
        layer : str
        units : sequence of int, optional
            Zero-based; all units of the layer unless given.
        method : str
            Attribution method, see `auralscope.nn.attribution.methods`.

        Returns
        -------
        (units, bins, frames) float32 array

        Raises
        ------
        UnknownNameError
            There is no such layer, unit or method.
        NoRuleError
            The attribution method has no rule for a step below the layer.
        """

    def most_active(self, layer: str, *, top: int | None = None) -> list[int]:
        """Return the units of a layer, the most active first; for the output layer, the most probable label first.

        Parameters
        ----------
        layer : str
        top : int, optional
            Number of units; all unless given.

        Returns
        -------
        list of int

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        """
        order: list[int] = np.argsort(-self.activity(layer).values, kind="stable").tolist()
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
        """Turn the deconvolved image of a unit into sound as long as the excerpt.

        Parameters
        ----------
        layer : str
        unit : int
            Zero-based.
        render : {"mask", "phase"}
            Inversion to sound, see `auralscope.dsp.inversion.invert`.
        method : str
            Attribution method, see `deconvolve`.
        rate : {"model", "recording"}
            Mono at the model's sample rate, or all channels at the recording's sample rate.

        Returns
        -------
        Auralisation
            At its true level; `gain_db` matches it to the original's loudness.

        Raises
        ------
        UnknownNameError
            There is no such layer, unit or method.
        NoRuleError
            The attribution method has no rule for a step below the layer.
        """
        return self.auralise_image(self.deconvolve(layer, units=[unit], method=method)[0], render=render, rate=rate)

    def auralise_image(
        self, image: NDArray[np.float32], *, render: Render = "mask", rate: Rate = "model"
    ) -> Auralisation:
        """Turn a deconvolved image of this excerpt into sound.

        Parameters
        ----------
        image : (bins, frames) float32 array
            In the plane of `input`.
        render, rate : str
            See `auralise`.

        Returns
        -------
        Auralisation
        """
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
        """Return the excerpt as it was recorded, (channels, n)."""
        return torch.from_numpy(self.clip.excerpt(self.start_s, duration_s=self.duration_s).samples).to(self._samples)

    def _at_full_rate(self) -> FullRate:
        return FullRate(self._recorded_samples(), self.clip.sample_rate, self._analysed, self.model.front_end)


class Window(Excerpt):
    """One window of sound inside a model, with the tape of its forward pass."""

    @classmethod
    def of_samples(cls, model: Tagger, clip: Clip, start_s: float, samples: NDArray[np.float32]) -> Self:
        """Run a network on samples and record every step.

        Parameters
        ----------
        model : Tagger
        clip : Clip
            Recording from which the samples were computed.
        start_s : float
            Start of the window in the clip, in seconds.
        samples : (window_samples,) float32 array
            Mono, at the front end's sample rate.

        Returns
        -------
        Window

        Raises
        ------
        DeviceError
            The memory of the device does not hold the window.
        """
        on_device = model.tensor(samples)
        analysed = model.analyse_samples(on_device)
        memory = enough_memory(model.device, "a window with all that the network makes of it")
        with model.one_at_a_time, memory, model.network_errors():
            tape = record(model.network, analysed.image[None, None].to(model.device))
        tape.output = model.checked(tape.output)
        return cls(model, clip, start_s, analysed, on_device, tape)

    def __init__(self, model: Tagger, clip: Clip, start_s: float, analysed: Input, samples: Tensor, tape: Tape) -> None:
        super().__init__(model, clip, start_s, analysed, samples)
        self._tape = tape

    @property
    def tape(self) -> Tape:
        """Every step of the network's forward pass."""
        return self._tape

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Probabilities of the labels for this window, (labels,)."""
        scores: NDArray[np.float32] = to_numpy(self.model.probabilities(self._tape.output))[0]
        return scores

    def _at_full_rate(self) -> FullRate:
        return self._analysed_at_full_rate

    @cached_property
    def _analysed_at_full_rate(self) -> FullRate:
        recorded = self._recorded_samples()
        return FullRate(recorded, self.clip.sample_rate, self._analysed, self.model.front_end, keep=True)

    def feature_maps(self, layer: str) -> NDArray[np.float32]:
        """Return a layer's output.

        Parameters
        ----------
        layer : str

        Returns
        -------
        (units, bins', frames') float32 array
            (units, frames') for a layer without bins, such as a recurrent one; (units,) for single values. Frames that
            are folded into the batch follow each other; tokens are in the plane of their patches, without class tokens.

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        """
        value = self._tape.layer(self.model.layer(layer).module)
        maps = layout_of(self._tape, value).maps(value)
        return self.model.finite(to_numpy(maps), f"layer '{layer}'")

    def is_map(self, layer: str) -> bool:
        """Return True if a layer's units have maps with bins and frames, False for single values and sequences.

        Parameters
        ----------
        layer : str

        Returns
        -------
        bool

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        """
        return self.feature_maps(layer).ndim == 3

    def is_output(self, layer: str) -> bool:
        """Return whether a layer is the network's output: its units are the labels.

        Parameters
        ----------
        layer : str

        Returns
        -------
        bool

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        """
        value, output = self._tape.layer(self.model.layer(layer).module), self._tape.output
        return value.numel() == output.numel() and bool((value.flatten() == output.flatten()).all())

    def _compute_activity(self, layer: str) -> Activity:
        if self.is_output(layer):
            return Activity(self.scores, "probability")
        return map_activity([self.feature_maps(layer)])

    def deconvolve(
        self, layer: str, *, units: Sequence[int] | None = None, method: str = "deconvolution"
    ) -> NDArray[np.float32]:
        # A backward method stays on its tape; only what runs the network again takes turns with others.
        alone = nullcontext() if isinstance(find_method(method), BackwardMethod) else self.model.one_at_a_time
        with alone:
            images = to_numpy(deconvolve_tape(self._tape, self.model.layer(layer).module, units, method=method))
        return self.model.finite(images, f"the images of layer '{layer}'")

    def deconvolve_parts(
        self, layer: str, units: Sequence[int], method: str
    ) -> Generator[float, None, NDArray[np.float32]]:
        """Deconvolve in parts, so that a slow method can be interrupted.

        Parameters
        ----------
        layer : str
        units : sequence of int
            Zero-based.
        method : str
            Attribution method, see `deconvolve`.

        Yields
        ------
        float
            The finished share, 0 to 1.

        Returns
        -------
        (units, bins, frames) float32 array

        Raises
        ------
        UnknownNameError
            There is no such layer, unit or method.
        NoRuleError
            The attribution method has no rule for a step below the layer.
        """
        parts = deconvolve_parts(self._tape, self.model.layer(layer).module, units, method=method)
        while True:
            with self.model.one_at_a_time, torch.no_grad():
                try:
                    done = next(parts)
                except StopIteration as end:
                    return self.model.finite(to_numpy(end.value), f"the images of layer '{layer}'")
            yield done
