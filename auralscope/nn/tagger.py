"""Networks with weights, front end and device: label probabilities of clips, and activations of layers."""

from __future__ import annotations

import copy
import logging
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from auralscope.errors import AuralScopeError, NetworkError, PluginError, UnknownNameError, one_line
from auralscope.files import quoted
from auralscope.nn.batches import Batch, enough_memory, is_out_of_memory, to_numpy
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.layout import layout_of
from auralscope.nn.tape.networks import in_type_of, module_named, unwrapped
from auralscope.nn.tape.state import preserved
from auralscope.nn.tape.steps import tensors_in
from auralscope.nn.tape.values import Values
from auralscope.types import Clip, Progress, Scores, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd, Input
    from auralscope.nn.model import Layer, ModelSpec
    from auralscope.nn.tape.layout import Layout

log = logging.getLogger(__name__)

BATCH = 8
"""Windows in a batch, where memory allows."""

CPU_BATCH = 1
"""Windows in a batch on a CPU. The caches hold one; larger batches take longer per window and delay urgent jobs."""

HALF_TOLERANCE = 1e-2
"""Largest accepted difference between probabilities in half and in full precision."""

HALF_DEVICES = ("cuda",)
"""Devices on which half precision is tried."""


class Tagger:
    """A network with trained weights, on a device, with the front end that computes its input.

    Parameters
    ----------
    spec : ModelSpec
    network : torch.nn.Module
        With its weights. It is moved to the device and set to evaluation mode; wrappers are taken off.
    device : torch.device

    Raises
    ------
    DeviceError
        The memory of the device does not hold the network.
    """

    def __init__(self, spec: ModelSpec, network: nn.Module, device: torch.device) -> None:
        self.spec = spec
        self.device = device
        with enough_memory(device, f"the network of '{spec.id}'"):
            self.network = unwrapped(network).to(device).eval().requires_grad_(False)
        # Recording a tape puts hooks on the network itself, so passes must take turns.
        self.one_at_a_time = threading.RLock()
        self._batch = Batch(CPU_BATCH if device.type == "cpu" else BATCH, "windows", device)
        self._is_said = False
        self._layouts: dict[str, Layout] = {}
        self._half: bool | None = None  # None until it was tried

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the network's outputs."""
        return self.spec.labels

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, from the input upwards."""
        return tuple(layer.name for layer in self.spec.layers)

    @property
    def front_end(self) -> FrontEnd:
        """Front end that computes the network's input image from sound."""
        return self.spec.front_end

    def layer(self, name: str) -> Layer:
        """Return a layer's description.

        Parameters
        ----------
        name : str

        Returns
        -------
        Layer

        Raises
        ------
        UnknownNameError
            The model has no such layer; the message lists its layers.
        """
        for layer in self.spec.layers:
            if layer.name == name:
                return layer
        raise UnknownNameError(
            f"The model '{self.spec.id}' has no layer '{name}'; its layers are: {', '.join(self.layers)}."
        )

    def layer_number(self, name: str) -> int:
        """Return the number of a layer: 1 for the layer next to the input.

        Parameters
        ----------
        name : str

        Returns
        -------
        int

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        """
        return self.layers.index(self.layer(name).name) + 1

    def predict(self, clip: Clip, *, hop_s: float | None = None, progress: Progress = no_progress) -> Scores:
        """Compute the probabilities of the labels over a clip of any length.

        Parameters
        ----------
        clip : Clip
        hop_s : float, optional
            Time from one window to the next, in seconds; half a window unless given.
        progress : callable
            Called with 0 to 1 after each batch; what it raises ends the computation.

        Returns
        -------
        Scores
            Probabilities, (windows, labels). The last window ends with the clip; a clip shorter than a window is
            padded with silence.

        Raises
        ------
        DeviceError
            The memory of the device does not hold one window.
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
        """Return the start times of the windows of `predict`.

        Parameters
        ----------
        clip : Clip
        hop_s : float, optional
            Time from one window to the next, in seconds; half a window unless given.

        Returns
        -------
        (windows,) float64 array
            In seconds from the clip's own start, increasing.
        """
        front_end = self.front_end
        samples = round(clip.n_samples * front_end.sample_rate / clip.sample_rate)
        hop = max((front_end.window_s / 2 if hop_s is None else hop_s) * front_end.sample_rate, 1.0)
        last = max(samples - front_end.window_samples, 0)
        return np.unique([*np.rint(np.arange(0.0, last, hop)), last]) / front_end.sample_rate

    def predict_at(self, clip: Clip, starts_s: NDArray[np.float64]) -> Iterator[Scores]:
        """Compute the probabilities of the labels for windows at given times, batch by batch.

        Only one batch of windows is in memory at a time. A batch that does not fit into the device's memory is halved,
        and stays so for this model. On CUDA, batches are computed in half precision if the first windows that are not
        silent show a difference below `HALF_TOLERANCE`. `predict_input` and `analyse` always use full precision.

        Parameters
        ----------
        clip : Clip
        starts_s : (windows,) array
            Start times in seconds from the clip's own start.

        Returns
        -------
        iterator of Scores
            One for each batch.

        Raises
        ------
        DeviceError
            The memory of the device does not hold one window.
        """
        front_end = self.front_end
        mono = front_end.mono(clip)

        def scores(some_s: NDArray[np.float64]) -> Scores:
            windows = [self.analyse_samples(self.tensor(front_end.window(mono, start_s))) for start_s in some_s]
            images = torch.stack([window.image for window in windows])
            return Scores(self._probabilities(images, half=self._half_suffices(images)), some_s, self.labels)

        return self._batch.turns(scores, starts_s)

    def predict_input(self, image: NDArray[np.floating[Any]] | Tensor) -> NDArray[np.float32]:
        """Compute the probabilities of the labels for an input image that was computed elsewhere.

        Parameters
        ----------
        image : (bins, frames) array or tensor
            Leading axes of length one (batch, channel) are accepted.

        Returns
        -------
        (labels,) float32 array

        Raises
        ------
        ValueError
            The image has another shape than the model's input.
        """
        shape = tuple(image.shape)
        while len(shape) > 2 and shape[0] == 1:
            image, shape = image[0], shape[1:]
        expected = self.front_end.input_shape
        if shape != expected:
            raise ValueError(f"the input of '{self.spec.id}' has (bins, frames) {expected}, not {shape}")
        probabilities: NDArray[np.float32] = self._probabilities(torch.as_tensor(image)[None])[0]
        return probabilities

    def tensor(self, samples: NDArray[np.float32]) -> Tensor:
        """Copy samples to the device on which the front end works.

        Parameters
        ----------
        samples : (n,) float32 array

        Returns
        -------
        (n,) float32 tensor
            On the model's device; on the CPU for MPS, which lacks complex arithmetic.
        """
        return torch.from_numpy(samples).to("cpu" if self.device.type == "mps" else self.device)

    def _probabilities(self, images: Tensor, half: bool = False) -> NDArray[np.float32]:
        """Compute (batch, labels) from images (batch, bins, frames)."""
        precision = torch.autocast(self.device.type, torch.float16) if half else nullcontext()
        with torch.no_grad(), self.one_at_a_time, precision:
            logits = self._logits(images, may_overflow=half)
        return to_numpy(self.probabilities(logits.float()))

    def _logits(self, images: Tensor, may_overflow: bool = False) -> Tensor:
        with self.network_errors(), preserved(self.network, Values()):
            output = self.network(in_type_of(self.network, images[:, None].to(self.device, torch.float32)))
        return self.checked(output, len(images), may_overflow)

    def analyse_samples(self, samples: Tensor) -> Input:
        """Run the front end and check its image.

        Parameters
        ----------
        samples : (n,) float tensor
            Mono, at the front end's sample rate; an image of `input_shape` is expected for one window.

        Returns
        -------
        Input

        Raises
        ------
        PluginError
            The front end fails, or its image has another size or values that are not finite.
        """
        with self.network_errors("front end"):
            analysed = self.front_end.analyse(samples)
        shape, expected = tuple(analysed.image.shape), self.front_end.input_shape
        if shape[:1] != expected[:1] or (samples.shape[0] == self.front_end.window_samples and shape != expected):
            raise PluginError(f"{self._part('front end')} returned an image of {shape}; (bins, frames) is {expected}.")
        if not bool(analysed.image.isfinite().all()):
            raise PluginError(f"{self._part('front end')} returned an image with NaN or infinity.")
        return analysed

    def checked(self, output: object, batch: int = 1, may_overflow: bool = False) -> Tensor:
        """Return the logits of the labels, (batch, labels), from what the network returned.

        Of a tuple or a dictionary, they are the tensor that the description names (`ModelSpec.returned`), otherwise the
        first tensor of this shape, which a message to the log says once.

        Parameters
        ----------
        output : object
            What the network returned.
        batch : int
            Number of images that it was given.
        may_overflow : bool
            Accept NaN and infinity, for a trial in half precision.

        Returns
        -------
        (batch, labels) tensor

        Raises
        ------
        PluginError
            The output has no such tensor, or has NaN or infinity.
        """
        expected = (batch, len(self.labels))
        output = self._chosen(output, expected)
        if not isinstance(output, Tensor):
            raise PluginError(f"{self._part()} returned a {type(output).__name__}, not a tensor {expected}.")
        if tuple(output.shape) != expected:
            raise PluginError(
                f"{self._part()} returned a tensor {tuple(output.shape)}, not {expected}, (windows, labels)."
            )
        if not may_overflow and not bool(output.isfinite().all()):
            raise PluginError(f"{self._part()} returned NaN or infinity.")
        return output

    def _chosen(self, output: Any, expected: tuple[int, int]) -> object:
        """Return the tensor of the labels in a tuple or a dictionary; any other output as it is."""
        name = self.spec.returned
        if name is not None:
            try:
                return output[name]
            except (KeyError, IndexError, TypeError) as failure:
                kind = type(output).__name__
                raise PluginError(f"{self._part()} returned a {kind} without {name!r} ('returned').") from failure
        if isinstance(output, Tensor):
            return output
        fitting = [tensor for tensor in tensors_in(output) if tuple(tensor.shape) == expected]
        if fitting and not self._is_said:
            self._is_said = True
            advice = "its first tensor of the right shape has the labels. The description can name one ('returned')."
            log.warning("%s returns a %s; %s", self._part(), type(output).__name__, advice)
        return fitting[0] if fitting else output

    @contextmanager
    def network_errors(self, part: str = "network") -> Iterator[None]:
        """Turn errors of a plugin's code into a `PluginError` that names the model.

        Parameters
        ----------
        part : str
            The part of the model that runs.

        Yields
        ------
        None

        Raises
        ------
        PluginError
            The code raised an error other than running out of memory.
        """
        try:
            yield
        except NetworkError as failure:
            raise PluginError(f"{self._part(part)} failed. {failure}") from failure
        except AuralScopeError:
            raise
        except Exception as failure:
            if isinstance(failure, MemoryError) or (isinstance(failure, RuntimeError) and is_out_of_memory(failure)):
                raise
            raise PluginError(f"{self._part(part)} failed: {type(failure).__name__}: {one_line(failure)}") from failure

    def finite(self, values: NDArray[np.float32], what: str) -> NDArray[np.float32]:
        """Return an array if all its values are finite.

        Parameters
        ----------
        values : float32 array of any shape
        what : str
            Name of the values, for the message.

        Returns
        -------
        float32 array of the same shape

        Raises
        ------
        PluginError
            There is NaN or infinity.
        """
        if not np.isfinite(values).all():
            raise PluginError(f"{self._part()} computed NaN or infinity: {what} cannot be used.")
        return values

    def _part(self, part: str = "network") -> str:
        file = self.spec.weights.file
        return f"The {part} of '{self.spec.id}'" + (f" ({quoted(file)})" if file else "")

    def _half_suffices(self, images: Tensor) -> bool:
        """Compare half precision with full precision once, on windows that are not silent."""
        if self._half is None and self.device.type not in HALF_DEVICES:
            self._half = False
        if self._half is None and bool(images.amax() > images.amin()):
            difference = np.abs(self._probabilities(images, half=True) - self._probabilities(images)).max()
            # Half of the tolerance: later windows may differ more. NaN compares as False.
            self._half = bool(difference <= HALF_TOLERANCE / 2)
        return bool(self._half)

    def activations(self, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Compute all values of a layer's units and the labels' probabilities for a batch of input images.

        Parameters
        ----------
        images : (batch, bins, frames) tensor
        layer : str

        Returns
        -------
        cells : (batch, units, n) tensor
            The last output of the layer's module: all n values of each unit's map or sequence, or its single value.
        probabilities : (batch, labels) tensor

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        DeviceError
            The memory of the device does not hold one image.
        """
        with self.network_errors():
            module = module_named(self.network, self.layer(layer).module)

        def activations(batch: Tensor) -> tuple[Tensor, Tensor]:
            given: list[Any] = []
            hook = module.register_forward_hook(lambda _module, _input, output: given.append(output))
            try:
                probabilities = self.probabilities(self._logits(batch))
            finally:
                hook.remove()
            value = next(tensors_in(given[-1]))
            each = torch.split(value, 1) if layout.batch == 0 and len(value) == len(batch) else [value]
            return torch.stack([layout.cells(one) for one in each]), probabilities

        with torch.no_grad(), self.one_at_a_time:
            layout = self._layout(layer, images[:1])
            # Frames that are folded into the batch cannot be told from those of the next image.
            single = layout.batch is None
            turns = map(activations, torch.split(images, 1)) if single else self._batch.turns(activations, images)
            cells, probabilities = zip(*turns, strict=True)
        return torch.cat(cells), torch.cat(probabilities)

    def _layout(self, layer: str, image: Tensor) -> Layout:
        """Return the layout of a layer's output for one image (1, bins, frames); found once and kept."""
        if layer not in self._layouts:
            with self.network_errors():
                tape = record(self.network, image[:, None].to(self.device, torch.float32))
            self._layouts[layer] = layout_of(tape, tape.layer(self.layer(layer).module))
        return self._layouts[layer]

    def copy_network(self) -> nn.Module:
        """Return a deep copy of the network.

        Returns
        -------
        torch.nn.Module
        """
        with self.one_at_a_time:  # a copy made while a tape is recorded would contain its hooks
            return copy.deepcopy(self.network)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Apply the output's nonlinearity.

        Parameters
        ----------
        logits : (..., labels) tensor

        Returns
        -------
        (..., labels) tensor
        """
        return logits.softmax(dim=-1) if self.spec.output == "softmax" else logits.sigmoid()
