"""A model at work: a network with its weights, its front end and its device, and one window of sound inside it."""

from __future__ import annotations

import copy
import threading
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from auralscope.errors import AudioFileError, DeviceError, UnknownNameError
from auralscope.nn.batches import Batch, enough_memory
from auralscope.nn.runs import Passage, Run, to_numpy
from auralscope.nn.tape.capture import record
from auralscope.types import Clip, Progress, Scores, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd
    from auralscope.nn.analysis.label_vectors import LabelVectors
    from auralscope.nn.model import Layer, ModelSpec

BATCH = 8
"""Windows that go through the network together, where memory allows."""

CPU_BATCH = 1
"""The same on a CPU, whose caches hold one: more take longer, each, and something more urgent would have to wait."""

HALF_TOLERANCE = 1e-2
"""How far half precision may stray from full, as probability."""

HALF_DEVICES = ("cuda",)
"""Where half precision is worth trying."""


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
        with enough_memory(device, f"the network of '{spec.id}'"):
            self.network = network.to(device).eval().requires_grad_(False)
        # Hooks that tell a recording which module is at work hang on the network itself, so one pass at a time.
        self.one_at_a_time = threading.RLock()
        self._batch = Batch(CPU_BATCH if device.type == "cpu" else BATCH, "windows", device)
        self._half: bool | None = None  # not tried yet

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

    @cached_property
    def _label_vectors(self) -> LabelVectors:
        from auralscope.nn.analysis.label_vectors import label_vectors

        return label_vectors(self)

    def label_vectors(self) -> LabelVectors:
        """Return the output layer's weights; see `auralscope.nn.analysis.label_vectors`."""
        return self._label_vectors

    def predict(self, clip: Clip, *, hop_s: float | None = None, progress: Progress = no_progress) -> Scores:
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
        starts_s = self.window_starts_s(clip, hop_s=hop_s)
        parts = []
        done = 0
        for part in self.predict_at(clip, starts_s):
            parts.append(part.values)
            done += len(part.values)
            progress(done / len(starts_s))
        return Scores(np.concatenate(parts), starts_s, self.labels)

    def window_starts_s(self, clip: Clip, *, hop_s: float | None = None) -> NDArray[np.float64]:
        """Where the windows of `predict` begin: (windows,), in seconds."""
        front_end = self.front_end
        samples = round(clip.n_samples * front_end.sample_rate / clip.sample_rate)
        hop = max((front_end.window_s / 2 if hop_s is None else hop_s) * front_end.sample_rate, 1.0)
        last = max(samples - front_end.window_samples, 0)
        return np.unique([*np.rint(np.arange(0.0, last, hop)), last]) / front_end.sample_rate

    def predict_at(self, clip: Clip, starts_s: NDArray[np.float64]) -> Iterator[Scores]:
        """As `predict`, for windows that begin at some times, a batch at a time as each is there.

        No more than a batch of windows is in memory. On CUDA they go through in half precision, if the first that are
        not silent show that it makes no difference of more than `HALF_TOLERANCE`; elsewhere, and for `predict_input`
        and `analyse`, in full. Where the device's memory runs out the batch is halved, for this model from then on.

        Raises
        ------
        DeviceError
            There is no memory even for one window.
        """
        front_end = self.front_end
        mono = front_end.mono(clip)

        def scores(some_s: NDArray[np.float64]) -> Scores:
            windows = [front_end.analyse(self.tensor(front_end.window(mono, start_s))).image for start_s in some_s]
            images = torch.stack(windows)
            return Scores(self._probabilities(images, half=self._half_will_do(images)), some_s, self.labels)

        return self._batch.turns(scores, starts_s)

    def predict_input(self, image: NDArray[np.floating[Any]] | Tensor) -> NDArray[np.float32]:
        """Probabilities, (labels,), for an input image (bins, frames) that was computed elsewhere.

        Leading axes of length one, a batch's and a channel's, may be there.
        """
        shape = tuple(image.shape)
        while len(shape) > 2 and shape[0] == 1:
            image, shape = image[0], shape[1:]
        if shape != self.front_end.input_shape:
            raise ValueError(f"'{self.spec.id}' sees images of {self.front_end.input_shape}, not {shape}")
        probabilities: NDArray[np.float32] = self._probabilities(torch.as_tensor(image)[None])[0]
        return probabilities

    def analyse(self, clip: Clip, *, start_s: float = 0.0) -> Run:
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
        self._check_start(clip, start_s)
        # A little more than the window, so that the resampler's edges stay outside of it.
        margin_s = 0.05
        before_s = min(margin_s, start_s)
        part = clip.excerpt(start_s - before_s, duration_s=before_s + self.front_end.window_s + margin_s)
        return self.analyse_samples(clip, start_s, self.front_end.window(self.front_end.mono(part), before_s))

    def passage(self, clip: Clip, *, start_s: float = 0.0, duration_s: float | None = None) -> Passage:
        """Look at a stretch of any length, window by window; the rest of the clip unless `duration_s` is given.

        Raises
        ------
        AudioFileError
            It would begin before or after the clip.
        """
        self._check_start(clip, start_s)
        return Passage(self, clip, start_s, clip.duration_s - start_s if duration_s is None else duration_s)

    def analyse_samples(self, clip: Clip, start_s: float, samples: NDArray[np.float32]) -> Run:
        """Look at samples (window_samples,) at the front end's rate, which are those of `clip` from `start_s` on."""
        analysed = self.front_end.analyse(self.tensor(samples))
        with self.one_at_a_time, enough_memory(self.device, "a window with all that the network makes of it"):
            tape = record(self.network, analysed.image[None, None].to(self.device))
        return Run(self, clip, start_s, analysed, self.tensor(samples), tape)

    def _check_start(self, clip: Clip, start_s: float) -> None:
        if not 0.0 <= start_s < clip.duration_s:
            name = clip.source.name if clip.source else "the clip"
            raise AudioFileError(
                f"A window at {start_s:g} s lies outside of {name}, which lasts {clip.duration_s:.2f} s."
            )

    def tensor(self, samples: NDArray[np.float32]) -> Tensor:
        """Samples where they are looked at: on the model's device, but for MPS, which lacks complex arithmetic."""
        return torch.from_numpy(samples).to("cpu" if self.device.type == "mps" else self.device)

    def _probabilities(self, images: Tensor, half: bool = False) -> NDArray[np.float32]:
        """(batch, bins, frames) to (batch, labels)."""
        precision = torch.autocast(self.device.type, torch.float16) if half else nullcontext()
        with torch.no_grad(), self.one_at_a_time, precision:
            logits = self.network(images[:, None].to(self.device, torch.float32))
        return to_numpy(self.probabilities(logits.float()))

    def _half_will_do(self, images: Tensor) -> bool:
        """Whether half precision stays close to full here; tried once, on windows that are not silent."""
        if self._half is None and self.device.type not in HALF_DEVICES:
            self._half = False
        if self._half is None and bool(images.amax() > images.amin()):
            strays = np.abs(self._probabilities(images, half=True) - self._probabilities(images)).max()
            # Other windows may stray further than these. What is not a number is no less than anything.
            self._half = bool(strays <= HALF_TOLERANCE / 2)
        return bool(self._half)

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
        module = self.network.get_submodule(self.layer(layer).module)

        def activations(batch: Tensor) -> tuple[Tensor, Tensor]:
            outputs: list[Any] = []
            hook = module.register_forward_hook(lambda _module, _given, output: outputs.append(output))
            try:
                probabilities = self.probabilities(self.network(batch[:, None].to(self.device, torch.float32)))
            finally:
                hook.remove()
            # Of a module that is used more than once, the last; of a recurrent one, the sequence.
            return (outputs[-1][0] if isinstance(outputs[-1], tuple) else outputs[-1]), probabilities

        with torch.no_grad(), self.one_at_a_time:
            outputs, probabilities = zip(*self._batch.turns(activations, images), strict=True)
        return torch.cat(outputs), torch.cat(probabilities)

    def copy_network(self) -> nn.Module:
        """A copy of the network, to be altered."""
        with self.one_at_a_time:  # a copy made during a recording would take its hooks along
            return copy.deepcopy(self.network)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The output's nonlinearity, along the last axis."""
        return logits.softmax(dim=-1) if self.spec.output == "softmax" else logits.sigmoid()
