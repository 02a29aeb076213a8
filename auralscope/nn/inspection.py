"""A model at work: a network with its weights, its front end and its device, and one window of sound inside it."""

from __future__ import annotations

import copy
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from auralscope.dsp.inversion import Render, matching_gain_db, render, render_at_full_rate
from auralscope.errors import AudioFileError, DeviceError, UnknownNameError
from auralscope.nn.capture import Tape, record
from auralscope.nn.deconvolution import deconvolve_tape
from auralscope.nn.descent import is_map
from auralscope.types import Auralisation, Clip, Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd, Input
    from auralscope.nn.faithfulness import LabelFaithfulness, Level, UnitFaithfulness
    from auralscope.nn.model import Layer, ModelSpec
    from auralscope.nn.receptive_field import ReceptiveField

BATCH = 8
"""Windows that go through the network together."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; `"auto"` is CUDA, then MPS, then the CPU.

    Raises
    ------
    DeviceError
        There is no such device here.
    """
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in here.items() if there))
    kind, _, number = name.partition(":")
    usable = here.get(kind, False) and (not number or (number.isdigit() and int(number) < _count(kind)))
    if not usable:
        there = ", ".join(kind for kind, is_there in here.items() if is_there)
        raise DeviceError(f"There is no compute device '{name}' here; there is: auto, {there}.")
    return torch.device(name)


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1


class Model:
    """A network with trained weights, ready to be looked into.

    Parameters
    ----------
    spec : ModelSpec
    network : torch.nn.Module
        With its weights.
    device : torch.device

    Attributes
    ----------
    labels, layers : tuple of str
        Names, in the network's order.
    front_end : FrontEnd
    """

    def __init__(self, spec: ModelSpec, network: nn.Module, device: torch.device) -> None:
        self.spec = spec
        self.device = device
        self.network = network.to(device).eval().requires_grad_(False)
        # Hooks that tell a recording which module is at work hang on the network itself, so one pass at a time.
        self.one_at_a_time = threading.RLock()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.spec.labels

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.spec.layers)

    @property
    def front_end(self) -> FrontEnd:
        return self.spec.front_end

    def layer(self, name: str) -> Layer:
        """What the plugin says of a layer.

        Raises
        ------
        UnknownNameError
            Names the layers there are.
        """
        for layer in self.spec.layers:
            if layer.name == name:
                return layer
        raise UnknownNameError(
            f"The model '{self.spec.id}' has no layer '{name}'; its layers are: {', '.join(self.layers)}."
        )

    def layer_number(self, name: str) -> int:
        """1 for the layer next to the input."""
        return self.layers.index(self.layer(name).name) + 1

    def predict(
        self, clip: Clip, hop_s: float | None = None, progress: Callable[[float], None] | None = None
    ) -> Scores:
        """Probabilities of the labels over a clip of any length.

        Parameters
        ----------
        clip : Clip
        hop_s : float, optional
            Time from one window to the next, in seconds; half a window unless given.
        progress : callable, optional
            Called with 0 to 1 after each batch; what it raises ends the work.

        Returns
        -------
        Scores
            The last window ends with the clip; a clip shorter than a window is followed by silence.
        """
        front_end = self.front_end
        mono = front_end.mono(clip)
        hop = max(1, round((front_end.window_s / 2 if hop_s is None else hop_s) * front_end.sample_rate))
        last = max(mono.size - front_end.window_samples, 0)
        starts = [*range(0, last, hop), last]
        values = []
        for first in range(0, len(starts), BATCH):
            batch = [
                front_end.see(self._tensor(front_end.window(mono, start / front_end.sample_rate))).image
                for start in starts[first : first + BATCH]
            ]
            values.append(self._probabilities(torch.stack(batch)))
            if progress is not None:
                progress(min((first + BATCH) / len(starts), 1.0))
        times_s = np.array(starts, dtype=np.float64) / front_end.sample_rate
        return Scores(np.concatenate(values), times_s, self.labels)

    def predict_input(self, image: NDArray[np.floating[Any]] | Tensor) -> NDArray[np.float32]:
        """Probabilities, (labels,), for an input image (bins, frames) that was computed elsewhere."""
        shape = tuple(image.shape)
        if shape != self.front_end.input_shape:
            raise ValueError(f"'{self.spec.id}' sees images of {self.front_end.input_shape}, not {shape}")
        probabilities: NDArray[np.float32] = self._probabilities(torch.as_tensor(image)[None])[0]
        return probabilities

    def analyse(self, clip: Clip, start_s: float = 0.0) -> Run:
        """Look at one window of a clip.

        Parameters
        ----------
        clip : Clip
        start_s : float
            Where the window begins, from the clip's own start; silence follows where the clip ends.

        Raises
        ------
        AudioFileError
            The window would begin before or after the clip.
        """
        if not 0.0 <= start_s < clip.duration_s:
            name = clip.source.name if clip.source else "the clip"
            raise AudioFileError(
                f"A window at {start_s:g} s lies outside of {name}, which lasts {clip.duration_s:.2f} s."
            )
        # A little more than the window, so that the resampler's edges stay outside of it.
        margin_s = 0.05
        before_s = min(margin_s, start_s)
        part = clip.excerpt(start_s - before_s, before_s + self.front_end.window_s + margin_s)
        samples = self.front_end.window(self.front_end.mono(part), before_s)
        seen = self.front_end.see(self._tensor(samples))
        with self.one_at_a_time:
            tape = record(self.network, seen.image[None, None])
        return Run(self, clip, start_s, seen, self._tensor(samples), tape)

    def _tensor(self, samples: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(samples).to(self.device)

    def _probabilities(self, images: Tensor) -> NDArray[np.float32]:
        """(batch, bins, frames) to (batch, labels)."""
        with torch.no_grad(), self.one_at_a_time:
            logits = self.network(images[:, None].to(self.device, torch.float32))
        return to_numpy(self.probabilities(logits))

    def activations(self, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """What several input images make of a layer, and of the labels.

        Parameters
        ----------
        images : (batch, bins, frames) tensor
        layer : str

        Returns
        -------
        (batch, units, ...), (batch, labels) tensors
            The layer's output, and the probabilities.
        """
        outputs: list[Tensor] = []
        module = self.network.get_submodule(self.layer(layer).module)
        probabilities = []
        with torch.no_grad(), self.one_at_a_time:
            for batch in torch.split(images[:, None].to(self.device, torch.float32), BATCH):
                seen: list[Any] = []
                hook = module.register_forward_hook(lambda _module, _given, output, seen=seen: seen.append(output))
                try:
                    probabilities.append(self.probabilities(self.network(batch)))
                finally:
                    hook.remove()
                # Of a module that is used more than once, the last; of a recurrent one, the sequence.
                outputs.append(seen[-1][0] if isinstance(seen[-1], tuple) else seen[-1])
        return torch.cat(outputs), torch.cat(probabilities)

    def copy_network(self) -> nn.Module:
        """A copy of the network, to be altered."""
        with self.one_at_a_time:  # a copy made during a recording would take its hooks along
            return copy.deepcopy(self.network)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The output's nonlinearity, along the last axis."""
        return logits.softmax(dim=-1) if self.spec.output == "softmax" else logits.sigmoid()


class Run:
    """One window of sound inside a model.

    Attributes
    ----------
    model : Model
    clip : Clip
    start_s : float
        Where in the clip the window begins.
    """

    def __init__(self, model: Model, clip: Clip, start_s: float, seen: Input, samples: Tensor, tape: Tape) -> None:
        self.model = model
        self.clip = clip
        self.start_s = start_s
        self._seen = seen
        self._samples = samples
        self._tape = tape
        self._activity: dict[str, NDArray[np.float32]] = {}

    @property
    def seen(self) -> Input:
        """What the front end made of the window: image and STFT."""
        return self._seen

    @property
    def tape(self) -> Tape:
        """What the network did with it."""
        return self._tape

    @property
    def input(self) -> NDArray[np.float32]:
        """(bins, frames): what the network sees."""
        return to_numpy(self._seen.image)

    @property
    def original(self) -> Clip:
        """The window itself, at the model's rate."""
        return Clip(
            to_numpy(self._samples),
            self.model.front_end.sample_rate,
            self.clip.source,
            self.clip.start_s + self.start_s,
        )

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """(labels,): probabilities for this window."""
        scores: NDArray[np.float32] = to_numpy(self.model.probabilities(self._tape.output))[0]
        return scores

    def feature_maps(self, layer: str) -> NDArray[np.float32]:
        """A layer's output: (units, bins', frames'), or (units,) for a dense layer."""
        return to_numpy(self._tape.layer(self.model.layer(layer).module)[0])

    def is_map(self, layer: str) -> bool:
        """Whether a layer's units have maps (a convolution) or single values (a dense layer)."""
        return is_map(self._tape.layer(self.model.layer(layer).module), self._tape.image)

    def activity(self, layer: str) -> NDArray[np.float32]:
        """(units,): activation energy, the mean square of each unit's feature map."""
        if layer not in self._activity:
            maps = self.feature_maps(layer)
            self._activity[layer] = np.square(maps).reshape(maps.shape[0], -1).mean(axis=1)
        return self._activity[layer]

    def most_active(self, layer: str, top: int | None = None) -> list[int]:
        """Units of a layer, the most active first."""
        order: list[int] = np.argsort(-self.activity(layer), kind="stable").tolist()
        return order[:top]

    def deconvolve(
        self, layer: str, units: Sequence[int] | None = None, method: str = "deconvolution"
    ) -> NDArray[np.float32]:
        """Deconvolved images of a layer's units: (units, bins, frames).

        See `auralscope.nn.descent`; for other methods, `auralscope.nn.readings`.
        """
        with self.model.one_at_a_time:
            return to_numpy(deconvolve_tape(self._tape, self.model.layer(layer).module, units, method))

    def faithfulness(
        self, layer: str, unit: int, level: Level = "true", seed: int = 0
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
        """
        from auralscope.nn.faithfulness import label_faithfulness, output_layer, unit_faithfulness

        if layer == output_layer(self):
            return label_faithfulness(self, [unit], level=level, seed=seed)[0]
        return unit_faithfulness(self, layer, [unit], level=level, seed=seed)[0]

    def receptive_field(
        self, layer: str, cell: tuple[int, int] | None = None, unit: int | None = None
    ) -> ReceptiveField:
        """The part of the window that a cell (bin, frame) of a feature map saw; the middle cell's unless one is given.

        See `auralscope.nn.receptive_field`.
        """
        from auralscope.nn.receptive_field import receptive_field

        module = self.model.layer(layer).module
        return receptive_field(self._tape, module, self._seen, self.model.front_end, cell, unit)

    def auralise(
        self,
        layer: str,
        unit: int,
        render: Render = "mask",
        method: str = "deconvolution",
        rate: Literal["model", "recording"] = "model",
    ) -> Auralisation:
        """What a unit hears: its deconvolution as sound, as long as the window.

        Parameters
        ----------
        layer : str
        unit : int
            Zero-based.
        render : {"mask", "phase"}
            See `auralscope.dsp.inversion.render`.
        method : str
            See `deconvolve`.
        rate : {"model", "recording"}
            Mono at the model's rate, or in all channels and at the rate of the recording.
        """
        return self.auralise_image(self.deconvolve(layer, [unit], method)[0], render, rate)

    def auralise_image(
        self, image: NDArray[np.float32], how: Render = "mask", rate: Literal["model", "recording"] = "model"
    ) -> Auralisation:
        """The sound of a deconvolved image (bins, frames) of this window; see `auralise`."""
        front_end = self.model.front_end
        pixels = torch.from_numpy(image).to(self._samples)
        if rate == "model":
            original, sample_rate = self._samples, front_end.sample_rate
            rendered = render(pixels, self._seen, front_end, how)
        else:
            sample_rate = self.clip.sample_rate
            window = self.clip.excerpt(self.start_s, front_end.window_s)
            original = torch.from_numpy(window.samples).to(pixels)
            rendered = render_at_full_rate(pixels, original, sample_rate, front_end, how)
        return Auralisation(
            to_numpy(rendered.samples),
            sample_rate,
            self.clip.source,
            self.clip.start_s + self.start_s,
            gain_db=matching_gain_db(rendered.samples, original),
            negative_share=rendered.negative_share,
        )


def to_numpy(tensor: Tensor) -> NDArray[np.float32]:
    """A tensor of any device as a float32 array."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().astype(np.float32, copy=False)
    return array
