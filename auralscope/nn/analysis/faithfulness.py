"""Measure the faithfulness of auralisations: give a sound to the network and measure its response.

A unit's sound is faithful if it excites the unit (*retention*), and excites it more than other units (*selectivity*).
The sound of a label is measured by the metrics of Listenable Maps for Audio Classifiers (Paissan, Della Libera,
Ravanelli & Subakan 2024, section on metrics), with the average drop of Chattopadhyay et al. 2018 (Grad-CAM++, sec.
5.1).

Each sound is given to the network in two ways:

*masked*
    The mask (the deconvolved image, negative values clipped, scaled to a largest value of 1, mapped to the STFT's
    bins) multiplies the window's STFT, and the input image is computed from the magnitudes of that product. The masked
    STFT is not consistent: there may be no sound with this STFT.
*heard*
    The masked STFT is inverted to samples, those of the WAV that is played and written, and the front end analyses
    these samples.

There are three masks, of which two are controls. All are given to the trained network:

*own*
    The mask of the unit.
*random*
    The same values, shuffled among the bins of each frame. The energy of each frame and the share of bins that pass
    are unchanged; only the positions are random.
*shuffled*
    The mask of the same unit in the same network with shuffled values in every weight tensor: the sanity check of
    Adebayo et al. 2018. If it scores as high as *own*, the sound depends little on what the network learned.

Sounds have their true level, that of the WAV, so the measures can be checked by giving the file to the network. A
network whose input is a compressed magnitude also responds to level, so a quiet sound loses retention by its level
alone. `level="matched"` removes this effect: every sound, also of the controls, gets the level of the original.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from auralscope.dsp.inversion import matching_gain_db
from auralscope.errors import AuralScopeError, UnknownNameError
from auralscope.nn.attribution.deconvolution import deconvolve_tape
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.layout import layout_of
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auralscope.nn.excerpts import Window

Level = Literal["true", "matched"]

SILENT = 1e-6
"""Largest share of its layer's mean energy at which a unit counts as silent and is left out of comparisons."""

TOGETHER = 8
"""Units whose images are in memory together."""


@dataclass(frozen=True)
class UnitMeasure:
    """Response of a unit to one sound.

    Attributes
    ----------
    retention : float
        The unit's activation energy with this sound divided by that with the original. NaN for a unit that is silent
        with the original.
    selectivity : float
        Its retention divided by the mean retention of the layer's other units, without those that are silent with
        the original. Infinite if only the unit itself responds, NaN if none does.
    level_db : float
        Level (RMS) of the sound in dB re the original; -inf for silence.
    """

    retention: float
    selectivity: float
    level_db: float


@dataclass(frozen=True)
class LabelMeasure:
    """Response of a label to one sound and to the original without it.

    With p the label's probability for the original, o for the sound, r for the rest (the mask's complement to 1):

    Attributes
    ----------
    ai : float
        Average increase, for one sound: 100 where o > p, else 0.
    ad : float
        Average drop, in percent: 100 max(0, p - o) / p.
    ag : float
        Average gain, in percent: 100 max(0, o - p) / (1 - p).
    ff : float
        Faithfulness on spectra: p - r.
    fid_in : float
        Input fidelity: 1 if the decision is unchanged. The decision is the most probable class, or for tags, whether
        the tag's probability is above 1/2.
    """

    ai: float
    ad: float
    ag: float
    ff: float
    fid_in: float


Measure = TypeVar("Measure", UnitMeasure, LabelMeasure)


@dataclass(frozen=True)
class Ways(Generic[Measure]):
    """The same measure for the masked spectrogram and for the sound."""

    masked: Measure
    heard: Measure


@dataclass(frozen=True)
class UnitFaithfulness:
    """Faithfulness of the sound of a unit, see `auralscope.nn.analysis.faithfulness`.

    Attributes
    ----------
    layer : str
    unit : int
    own, random, shuffled : Ways
        Measures of the unit's own sound and of the controls.
    silence : float
        Retention with digital silence, which is due to biases alone.
    """

    layer: str
    unit: int
    own: Ways[UnitMeasure]
    random: Ways[UnitMeasure]
    shuffled: Ways[UnitMeasure]
    silence: float

    @property
    def retention(self) -> float:
        """Measure of the unit's own sound."""
        return self.own.heard.retention

    @property
    def selectivity(self) -> float:
        """Measure of the unit's own sound."""
        return self.own.heard.selectivity


@dataclass(frozen=True)
class LabelFaithfulness:
    """Faithfulness of the sound of a label.

    Attributes
    ----------
    label : str
    probability : float
        Probability of the label for the original.
    own, random, shuffled : Ways
    """

    label: str
    probability: float
    own: Ways[LabelMeasure]
    random: Ways[LabelMeasure]
    shuffled: Ways[LabelMeasure]


MASKS = ("own", "random", "shuffled")
WAYS = tuple(field.name for field in fields(Ways))


def unit_faithfulness(
    window: Window,
    layer: str,
    units: Sequence[int] | None = None,
    *,
    level: Level = "true",
    seed: int = 0,
    method: str = "deconvolution",
    progress: Progress = no_progress,
) -> list[UnitFaithfulness]:
    """Measure the faithfulness of units of a layer.

    Parameters
    ----------
    window : Window
    layer : str
    units : sequence of int, optional
        Zero-based; all units of the layer unless given.
    level : {"true", "matched"}
        Level of the sounds that are given to the network.
    seed : int
        Seed of the controls. The controls of a unit do not depend on which other units are measured.
    method : str
        Attribution method of all masks, see `auralscope.nn.attribution.methods`.
    progress : callable
        Called with 0 to 1; what it raises ends the measurement.

    Returns
    -------
    list of UnitFaithfulness

    Raises
    ------
    UnknownNameError
        There is no such layer, unit or method.
    AuralScopeError
        The model's input is the waveform.
    """
    chosen = list(range(window.model.layer(layer).units)) if units is None else list(units)
    top = window.tape.layer(window.model.layer(layer).module)
    before = energies(layout_of(window.tape, top).cells(top))
    stft = window.analysed.stft
    nothing = window.model.front_end.image_of(torch.zeros_like(stft), window.analysed.n_samples)
    silence = _retention(window, layer, nothing[None], before)[0]

    def measures(gains: Tensor, batch: list[int]) -> dict[str, list[UnitMeasure]]:
        sounds = _sounds(window, gains, level)
        return {
            way: _unit_measures(_retention(window, layer, images, before), batch, sounds.levels_db)
            for way, images in sounds.images.items()
        }

    found = _measured(window, layer, chosen, seed, method, measures, progress)
    return [UnitFaithfulness(layer, unit, **ways, silence=float(silence[unit])) for unit, ways in found]


def label_faithfulness(
    window: Window,
    labels: Sequence[int] | None = None,
    *,
    level: Level = "true",
    seed: int = 0,
    method: str = "deconvolution",
    progress: Progress = no_progress,
) -> list[LabelFaithfulness]:
    """Measure the faithfulness of labels, each by the sound of its unit in the output layer.

    Parameters
    ----------
    window : Window
    labels : sequence of int, optional
        Positions in the model's list; all labels unless given.
    level, seed, method, progress
        See `unit_faithfulness`.

    Returns
    -------
    list of LabelFaithfulness

    Raises
    ------
    UnknownNameError
        There is no such label or method, or the plugin names no output layer.
    AuralScopeError
        The model's input is the waveform.
    """
    model, layer = window.model, output_layer(window)
    if layer is None:
        raise UnknownNameError(f"The plugin of '{model.spec.id}' names no layer that is the network's output.")
    chosen = list(range(len(model.labels))) if labels is None else list(labels)
    before = model.probabilities(window.tape.output)[0].cpu().double()
    exclusive = model.spec.output == "softmax"

    def measures(gains: Tensor, batch: list[int]) -> dict[str, list[LabelMeasure]]:
        inside, outside = (
            {way: model.activations(images, layer)[1].cpu().double() for way, images in sounds.images.items()}
            for sounds in (_sounds(window, gains, level), _sounds(window, 1.0 - gains, level))
        )
        return {way: _label_measures(before, inside[way], outside[way], batch, exclusive) for way in WAYS}

    found = _measured(window, layer, chosen, seed, method, measures, progress)
    return [LabelFaithfulness(model.labels[label], float(before[label]), **ways) for label, ways in found]


def _measured(
    window: Window,
    layer: str,
    units: list[int],
    seed: int,
    method: str,
    measures: Callable[[Tensor, list[int]], dict[str, list[Measure]]],
    progress: Progress,
) -> list[tuple[int, dict[str, Ways[Measure]]]]:
    """Apply `measures` to the masks of each batch of units; return the measures of each unit by mask."""
    measured: list[tuple[int, dict[str, Ways[Measure]]]] = []
    for batch, masks in _masks(window, layer, units, seed, method):
        found: dict[str, dict[str, list[Measure]]] = {}
        for name, gains in masks.items():
            progress((len(measured) + len(batch) * len(found) / len(MASKS)) / len(units))
            found[name] = measures(gains, batch)
        for row, unit in enumerate(batch):
            measured.append((unit, {name: Ways(*(found[name][way][row] for way in WAYS)) for name in MASKS}))
    progress(1.0)
    return measured


def output_layer(window: Window) -> str | None:
    """Return the layer that is the network's output, or None if the plugin names none."""
    for layer in reversed(window.model.spec.layers):
        if window.is_output(layer.name):
            return layer.name
    return None


def energies(cells: Tensor) -> Tensor:
    """Compute the activation energy of each unit, the mean square of its cells, (..., units) from (..., units, n)."""
    return cells.cpu().double().square().mean(dim=-1)  # some devices lack double precision


def shuffle_weights(network: nn.Module, seed: int = 0) -> nn.Module:
    """Shuffle the values of each parameter of a network in place (Adebayo et al. 2018)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return network


def shuffled_bins(mask: Tensor, generator: torch.Generator) -> Tensor:
    """Shuffle the values of each frame of a mask (bins, frames)."""
    order = torch.rand(mask.shape, generator=generator).argsort(dim=0).to(mask.device)
    return mask.gather(0, order)


# -- masks and sounds ---------------------------------------------------------------------------------------------


def _masks(
    window: Window, layer: str, units: list[int], seed: int, method: str
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """Yield batches of units with their masks by name, (units, bins of the STFT, frames)."""
    if window.model.front_end.is_waveform:
        raise AuralScopeError(
            f"The faithfulness of '{window.model.spec.id}' is not measured: its input is the waveform, and "
            "the measures need masks of a spectrogram. Choose a model on spectrograms."
        )
    module = window.model.layer(layer).module
    twin = record(shuffle_weights(window.model.copy_network(), seed), window.tape.image)
    for first in range(0, len(units), TOGETHER):
        batch = units[first : first + TOGETHER]
        own = _as_masks(deconvolve_tape(window.tape, module, batch, method=method))
        random = [
            shuffled_bins(mask, torch.Generator().manual_seed((seed * 1_000_003 + unit) % 2**32))
            for unit, mask in zip(batch, own, strict=True)
        ]
        masks = {
            "own": own,
            "random": torch.stack(random),
            "shuffled": _as_masks(deconvolve_tape(twin, module, batch, method=method)),
        }
        to_bins = window.model.front_end.to_bins
        yield batch, {name: torch.stack([to_bins(mask) for mask in values]) for name, values in masks.items()}


def _as_masks(images: Tensor) -> Tensor:
    """Scale images to masks as `auralscope.dsp.inversion.invert` does; zeros for an image without positive values."""
    positive = images.clamp(min=0.0)
    largest = positive.amax(dim=(1, 2), keepdim=True)
    return torch.where(largest > 0.0, positive / largest, positive)


@dataclass(frozen=True, eq=False)
class _Sounds:
    """Input images of several sounds for both ways, (sounds, bins, frames), and the sounds' levels."""

    images: dict[str, Tensor]
    levels_db: list[float]


def _sounds(window: Window, gains: Tensor, level: Level) -> _Sounds:
    front_end, analysed = window.model.front_end, window.analysed
    original = front_end.to_samples(analysed.stft, analysed.n_samples)
    masked, heard, levels_db = [], [], []
    for gain in gains:
        stft = analysed.stft * gain
        samples = front_end.to_samples(stft, analysed.n_samples)
        if level == "matched":
            factor = 10.0 ** (matching_gain_db(samples, original) / 20.0)
            stft, samples = stft * factor, samples * factor
        masked.append(front_end.image_of(stft, analysed.n_samples))
        heard.append(front_end.analyse(samples).image)
        share = float(samples.square().sum() / original.square().sum().clamp(min=1e-30))
        levels_db.append(10.0 * math.log10(share) if share > 0.0 else -math.inf)
    return _Sounds({"masked": torch.stack(masked), "heard": torch.stack(heard)}, levels_db)


# -- measures -----------------------------------------------------------------------------------------------------


def _retention(window: Window, layer: str, images: Tensor, before: Tensor) -> Tensor:
    """Compute the retention of each unit for each sound, (sounds, units); NaN for silent units."""
    cells, _ = window.model.activations(images, layer)
    silent = before <= SILENT * before.mean()
    ratio = energies(cells) / before
    return ratio.masked_fill(silent, math.nan)


def _unit_measures(retention: Tensor, units: list[int], levels_db: list[float]) -> list[UnitMeasure]:
    """Measure the response of each unit to its own sound, one row of `retention` for each unit."""
    measures = []
    for row, unit in enumerate(units):
        own = retention[row, unit]
        others = torch.cat([retention[row, :unit], retention[row, unit + 1 :]]).nanmean()
        selectivity = own / others  # infinite if only the unit itself responds, NaN if none does
        measures.append(UnitMeasure(float(own), float(selectivity), levels_db[row]))
    return measures


def _label_measures(
    before: Tensor, inside: Tensor, outside: Tensor, labels: list[int], exclusive: bool
) -> list[LabelMeasure]:
    """Compare probabilities with the original, (labels,), with each sound and with each rest, (sounds, labels)."""
    measures = []
    for row, label in enumerate(labels):
        p, o, r = float(before[label]), float(inside[row, label]), float(outside[row, label])
        same = inside[row].argmax() == before.argmax() if exclusive else (o > 0.5) == (p > 0.5)
        measures.append(
            LabelMeasure(
                ai=100.0 if o > p else 0.0,
                ad=100.0 * max(0.0, p - o) / p if p > 0.0 else 0.0,
                ag=100.0 * max(0.0, o - p) / (1.0 - p) if p < 1.0 else 0.0,
                ff=p - r,
                fid_in=float(same),
            )
        )
    return measures
