"""A model at work: the public `Model` and `Run`, which join the engine with its analyses."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch

from auralscope.errors import AudioFileError, NetworkError, PluginError
from auralscope.nn.analysis import faithfulness, label_vectors, receptive_field
from auralscope.nn.analysis.layers import find_layers
from auralscope.nn.batches import choose_device
from auralscope.nn.excerpts import Window
from auralscope.nn.model import Layer, ModelSpec, Weights, check_spec
from auralscope.nn.passages import Passage
from auralscope.nn.tagger import Tagger
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.networks import unwrapped
from auralscope.types import Clip, Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from auralscope.dsp.frontends import FrontEnd
    from auralscope.nn.analysis.faithfulness import LabelFaithfulness, Level, UnitFaithfulness
    from auralscope.nn.analysis.label_vectors import LabelVectors
    from auralscope.nn.analysis.receptive_field import NominalSize, ReceptiveField


class Run(Window):
    """One window of sound inside a model, as `Model.analyse` returns it.

    Attributes
    ----------
    model : Model
    clip : Clip
    start_s : float
        Start of the window in the clip, in seconds.
    """

    model: Model

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
        """Measure the faithfulness of a unit's sound, or of a label's for the output layer.

        Parameters
        ----------
        layer : str
        unit : int
            Zero-based.
        level : {"true", "matched"}
            Level of the sounds that are given to the network.
        seed : int
            Seed of the controls.
        method : str
            Attribution method, see `deconvolve`.
        progress : callable
            Called with 0 to 1; what it raises ends the measurement.

        Returns
        -------
        UnitFaithfulness or LabelFaithfulness
            The measures, see `auralscope.nn.analysis.faithfulness`.

        Raises
        ------
        UnknownNameError
            The model has no such layer, unit or method.
        AuralScopeError
            The model works on the waveform, for which faithfulness is not defined.
        """
        if layer == faithfulness.output_layer(self):
            return faithfulness.label_faithfulness(
                self, [unit], level=level, seed=seed, method=method, progress=progress
            )[0]
        return faithfulness.unit_faithfulness(
            self, layer, [unit], level=level, seed=seed, method=method, progress=progress
        )[0]

    def receptive_field(
        self, layer: str, *, cell: tuple[int, int] | None = None, unit: int | None = None
    ) -> ReceptiveField:
        """Return the part of the window on which a cell of a feature map depends.

        Parameters
        ----------
        layer : str
        cell : (bin, frame), optional
            Zero-based; the middle cell of the map unless given.
        unit : int, optional
            Zero-based; unless given, the union over all units.

        Returns
        -------
        ReceptiveField
            In bins and frames of the input, in seconds from the window's start, and in Hz.

        Raises
        ------
        UnknownNameError
            There is no such layer, cell or unit, or the cell depends on padding only.
        """
        module = self.model.layer(layer).module
        return receptive_field.receptive_field(self.tape, module, self.analysed, self.model.front_end, cell, unit)

    def nominal_size(self, layer: str) -> NominalSize | None:
        """Return the size of a layer's receptive field by the rule of Choi 2018, table 7-A.

        Parameters
        ----------
        layer : str

        Returns
        -------
        NominalSize or None
            None for a network of another kind than the thesis's.

        Raises
        ------
        UnknownNameError
            The model has no such layer.
        """
        return receptive_field.nominal_of(self.tape, self.model.layer(layer).module, self.model.front_end)


class Model(Tagger):
    """A network with trained weights whose layers, units and labels can be analysed."""

    def analyse(self, clip: Clip, *, start_s: float = 0.0) -> Run:
        """Run the network on one window of a clip and keep every step.

        Parameters
        ----------
        clip : Clip
        start_s : float
            Start of the window, in seconds from the clip's own start; a window that reaches beyond the clip is
            filled with silence.

        Returns
        -------
        Run

        Raises
        ------
        AudioFileError
            The window would begin outside the clip.
        DeviceError
            The memory of the device does not hold the window.
        """
        self._check_start(clip, start_s)
        # The margin keeps the resampler's edge effects outside the window.
        margin_s = 0.05
        before_s = min(margin_s, start_s)
        part = clip.excerpt(start_s - before_s, duration_s=before_s + self.front_end.window_s + margin_s)
        return Run.of_samples(self, clip, start_s, self.front_end.window(self.front_end.mono(part), before_s))

    def passage(self, clip: Clip, *, start_s: float = 0.0, duration_s: float | None = None) -> Passage:
        """Prepare a stretch of any length, which is analysed window by window.

        Parameters
        ----------
        clip : Clip
        start_s : float
            Start of the stretch, in seconds from the clip's own start.
        duration_s : float, optional
            Its length in seconds; up to the clip's end unless given.

        Returns
        -------
        Passage

        Raises
        ------
        AudioFileError
            The stretch would begin outside the clip.
        """
        self._check_start(clip, start_s)
        return Passage(self, clip, start_s, clip.duration_s - start_s if duration_s is None else duration_s)

    def _check_start(self, clip: Clip, start_s: float) -> None:
        if not 0.0 <= start_s < clip.duration_s:
            name = clip.source.name if clip.source else "the clip"
            raise AudioFileError(
                f"A window at {start_s:g} s lies outside of {name}, which lasts {clip.duration_s:.2f} s."
            )

    def label_vectors(self) -> LabelVectors:
        """Return the label vectors: the weights of the last dense layer (Choi 2018, sec. 7.3).

        Returns
        -------
        LabelVectors
            `matrix` is (units, labels). Found once and kept.

        Raises
        ------
        AuralScopeError
            The network has no such layer, or tracing does not find it.
        """
        return self._label_vectors

    @cached_property
    def _label_vectors(self) -> LabelVectors:
        return label_vectors.label_vectors(self)

    @property
    def feature_layer(self) -> str:
        """The last layer below the output: the features from which the labels are computed."""
        return self.label_vectors().layer or self.layers[max(len(self.layers) - 2, 0)]


def model_of(
    network: nn.Module,
    front_end: FrontEnd,
    *,
    labels: Sequence[str] = (),
    output: Literal["softmax", "sigmoid"] = "sigmoid",
    layers: Sequence[Layer] = (),
    device: str = "auto",
) -> Model:
    """Make a model of a network with its weights, without a plugin.

    Parameters
    ----------
    network : torch.nn.Module
        From (batch, 1, bins, frames) to (batch, labels) before the last nonlinearity, such as `load_network` reads.
        A network that returns probabilities needs `torch.logit` behind it.
    front_end : FrontEnd
        Computes the network's input from sound.
    labels : sequence of str
        In the order of the outputs; numbers from 0 unless given.
    output : {"softmax", "sigmoid"}
        The last nonlinearity.
    layers : sequence of Layer
        From the input upwards; found by `auralscope.nn.analysis.layers` unless given.
    device : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1", "mps".

    Returns
    -------
    Model

    Raises
    ------
    PluginError
        The labels, layers or front end break the contract of models.
    NetworkError
        The network does not run on an input of the front end, or returns something else than (1, labels).
    DeviceError
        There is no such device.

    Examples
    --------
    >>> network = asc.load_network("tagger.pt2")  # doctest: +SKIP
    >>> front_end = SpectrogramFrontEnd(16_000, n_fft=512, hop=256, window_samples=48_000)  # doctest: +SKIP
    >>> model = asc.model_of(network, front_end, labels=["speech", "music"])  # doctest: +SKIP
    """
    network = unwrapped(network).cpu()
    image = torch.rand(1, 1, *front_end.input_shape, generator=torch.Generator().manual_seed(0))
    found = record(network, image).output
    if not isinstance(found, torch.Tensor) or found.ndim != 2 or found.shape[0] != 1:
        shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise NetworkError(f"The network returns {shape} for one window, not (1, labels).")
    spec = ModelSpec(
        id="network",
        title=type(network).__name__,
        labels=tuple(labels) or tuple(str(number) for number in range(found.shape[1])),
        layers=tuple(layers) or find_layers(network, image),
        front_end=front_end,
        build=lambda: network,
        weights=Weights(None, "not stated"),
        output=output,
        summary="",
    )
    check_spec(spec)
    if len(spec.labels) != found.shape[1]:
        raise PluginError(f"The network has {found.shape[1]} outputs, and {len(spec.labels)} labels were given.")
    return Model(spec, network, choose_device(device))
