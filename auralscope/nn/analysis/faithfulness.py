"""How far an auralisation can be trusted: the network hears it, and what it makes of it is measured.

A unit's sound is faithful where it still excites the unit (*retention*) and excites it more than it excites others
(*selectivity*). A label's is faithful by the measures of Listenable Maps for Audio Classifiers (Paissan, Della Libera,
Ravanelli & Subakan 2024, section on metrics), with the average drop in its textbook form (Chattopadhyay et al. 2018,
Grad-CAM++, sec. 5.1).

Each is measured in two ways:

*masked*
    The mask (the deconvolved image, negative values clipped, scaled to a largest value of 1, carried to the STFT's
    bins) multiplies the window's STFT, and the input image is computed from the magnitudes of that product. The masked
    STFT is not made consistent: no sound need have it.
*heard*
    The masked STFT becomes samples, those of the WAV that is played and written, and the front end analyses them from
    scratch.

And each for three masks, of which two are controls. The trained network judges all three:

*own*
    That of the unit.
*random*
    The same values, in every frame shuffled among the bins. So its energy is the same in every frame, and so is the
    share of bins that it keeps; only where they are is random.
*shuffled*
    The deconvolution of the same unit in the same network with the values of every weight tensor shuffled among
    themselves: the sanity check of Adebayo et al. 2018. Where it does as well, the sound owes little to what was
    learned.

The network hears each sound at its true level, as the WAV holds it: that is what can be checked by giving the file to
the network, and nothing is chosen. A network whose input is a compressed magnitude answers to level too, so part of
what a quiet sound loses is only its level; `level="matched"` takes that part away by playing every sound, also those of
the controls, as loud as the original ('match loudness').
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from auralscope.dsp.inversion import matching_gain_db
from auralscope.errors import AuralScopeError, UnknownNameError
from auralscope.nn.attribution.deconvolution import deconvolve_tape
from auralscope.nn.tape.capture import is_map, record
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Sized

    from auralscope.nn.excerpts import Window

Level = Literal["true", "matched"]
LEVELS: tuple[Level, ...] = ("true", "matched")

SILENT = 1e-6
"""A unit with no more than this share of its layer's mean energy is silent, and nothing is measured against it."""

TOGETHER = 8
"""Units whose images are held at once."""


@dataclass(frozen=True)
class UnitMeasure:
    """What one sound does to a unit.

    Attributes
    ----------
    retention : float
        The unit's activation energy with this sound, over that with the original. NaN for a unit that the original
        leaves silent.
    selectivity : float
        Its retention over the mean retention of the layer's other units that the original does not leave silent.
        Infinite where only the unit itself answers, NaN where none does.
    level_db : float
        RMS of the sound that was heard, over the original's; -inf for silence.
    """

    retention: float
    selectivity: float
    level_db: float


@dataclass(frozen=True)
class LabelMeasure:
    """What one sound, and the original without it, do to a label.

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
        Input fidelity: 1 where the network decides as before. It decides for the most probable of classes, and of tags
        for each one by itself, at a probability of 1/2.
    """

    ai: float
    ad: float
    ag: float
    ff: float
    fid_in: float


Measure = TypeVar("Measure", UnitMeasure, LabelMeasure)


@dataclass(frozen=True)
class Ways(Generic[Measure]):
    """The same measure on the masked spectrogram, and as heard."""

    masked: Measure
    heard: Measure


@dataclass(frozen=True)
class UnitFaithfulness:
    """How far the sound of a unit can be trusted; the module's docstring says what is measured.

    Attributes
    ----------
    layer : str
    unit : int
    own, random, shuffled : Ways
        The unit's own sound, and the controls.
    silence : float
        Retention with digital silence: what the unit owes to biases alone, whatever it hears.
    """

    layer: str
    unit: int
    own: Ways[UnitMeasure]
    random: Ways[UnitMeasure]
    shuffled: Ways[UnitMeasure]
    silence: float

    @property
    def retention(self) -> float:
        """Of the unit's sound, as heard."""
        return self.own.heard.retention

    @property
    def selectivity(self) -> float:
        """Of the unit's sound, as heard."""
        return self.own.heard.selectivity

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None where there is no number."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True)
class LabelFaithfulness:
    """How far the sound of a label can be trusted.

    Attributes
    ----------
    label : str
    probability : float
        For the original.
    own, random, shuffled : Ways
    """

    label: str
    probability: float
    own: Ways[LabelMeasure]
    random: Ways[LabelMeasure]
    shuffled: Ways[LabelMeasure]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


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
    """Measure units of a layer.

    Parameters
    ----------
    window : Window
    layer : str
    units : sequence of int, optional
        All of the layer's unless given.
    level : {"true", "matched"}
        How loud the network hears the sounds.
    seed : int
        Of the controls; a unit's do not depend on which others are measured.
    method : str
        What makes the masks, the shuffled network's too; see `auralscope.nn.attribution.methods`.
    progress : callable
        Called with 0 to 1; what it raises ends the work.
    """
    chosen = list(range(window.model.layer(layer).units)) if units is None else list(units)
    before = energies(window.tape.layer(window.model.layer(layer).module), window.tape.image)[0]
    stft = window.analysed.stft
    nothing = window.model.front_end.image_of(torch.zeros_like(stft), window.analysed.n_samples)
    silence = _retention(window, layer, nothing[None], before)[0]
    measured: list[UnitFaithfulness] = []
    for batch, masks in _masks(window, layer, chosen, seed, method):
        found: dict[str, dict[str, list[UnitMeasure]]] = {}
        for name, gains in masks.items():
            progress(_done(measured, batch, found, chosen))
            sounds = _sounds(window, gains, level)
            found[name] = {
                way: _unit_measures(_retention(window, layer, images, before), batch, sounds.levels_db)
                for way, images in sounds.images.items()
            }
        for row, unit in enumerate(batch):
            ways = {name: Ways(*(found[name][way][row] for way in WAYS)) for name in MASKS}
            measured.append(UnitFaithfulness(layer, unit, **ways, silence=float(silence[unit])))
    progress(1.0)
    return measured


def label_faithfulness(
    window: Window,
    labels: Sequence[int] | None = None,
    *,
    level: Level = "true",
    seed: int = 0,
    method: str = "deconvolution",
    progress: Progress = no_progress,
) -> list[LabelFaithfulness]:
    """Measure labels, each by the sound of its unit in the output layer; see `unit_faithfulness`.

    Parameters
    ----------
    labels : sequence of int, optional
        Their places in the model's list; all unless given.
    """
    model, layer = window.model, output_layer(window)
    if layer is None:
        raise UnknownNameError(f"The plugin of '{model.spec.id}' names no layer that is the network's output.")
    chosen = list(range(len(model.labels))) if labels is None else list(labels)
    before = model.probabilities(window.tape.output)[0].cpu().double()
    exclusive = model.spec.output == "softmax"
    measured: list[LabelFaithfulness] = []
    for batch, masks in _masks(window, layer, chosen, seed, method):
        found: dict[str, dict[str, list[LabelMeasure]]] = {}
        for name, gains in masks.items():
            progress(_done(measured, batch, found, chosen))
            inside, outside = (
                {way: model.activations(images, layer)[1].cpu().double() for way, images in sounds.images.items()}
                for sounds in (_sounds(window, gains, level), _sounds(window, 1.0 - gains, level))
            )
            found[name] = {way: _label_measures(before, inside[way], outside[way], batch, exclusive) for way in WAYS}
        for row, label in enumerate(batch):
            ways = {name: Ways(*(found[name][way][row] for way in WAYS)) for name in MASKS}
            measured.append(LabelFaithfulness(model.labels[label], float(before[label]), **ways))
    progress(1.0)
    return measured


def _done(measured: Sized, batch: Sized, masks: Sized, chosen: Sized) -> float:
    """How far it is, 0 to 1, when some masks of a batch are done."""
    return (len(measured) + len(batch) * len(masks) / len(MASKS)) / len(chosen)


def output_layer(window: Window) -> str | None:
    """The layer that is the network's output, if the plugin names one."""
    for layer in reversed(window.model.spec.layers):
        value = window.tape.layer(layer.module)
        if value.shape == window.tape.output.shape and bool((value == window.tape.output).all()):
            return layer.name
    return None


def energies(value: Tensor, image: Tensor) -> Tensor:
    """Activation energy of each unit of a layer's output: the mean square of its map, (batch, units)."""
    squares = value.cpu().double().square()  # not every device has double precision
    if is_map(value, image):
        return squares.flatten(2).mean(dim=2)
    return squares.flatten(1, -2).mean(dim=1) if value.ndim > 2 else squares


def shuffle_weights(network: nn.Module, seed: int = 0) -> nn.Module:
    """Put the values of each of a network's parameters in random order (Adebayo et al. 2018), in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return network


def shuffled_bins(mask: Tensor, generator: torch.Generator) -> Tensor:
    """A mask (bins, frames) with the values of each frame in random order."""
    order = torch.rand(mask.shape, generator=generator).argsort(dim=0).to(mask.device)
    return mask.gather(0, order)


# -- masks and sounds ---------------------------------------------------------------------------------------------


def _masks(
    window: Window, layer: str, units: list[int], seed: int, method: str
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """A few units, and their masks, (units, bins of the STFT, frames), by name."""
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
    """As `auralscope.dsp.inversion.invert` makes them; of an image without positive values, nothing passes."""
    positive = images.clamp(min=0.0)
    largest = positive.amax(dim=(1, 2), keepdim=True)
    return torch.where(largest > 0.0, positive / largest, positive)


@dataclass(frozen=True, eq=False)
class _Sounds:
    """What the network sees of several sounds, either way: (sounds, bins, frames)."""

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
    """(sounds, units): each unit's energy with each sound, over that with the original; NaN for silent units."""
    value, _ = window.model.activations(images, layer)
    silent = before <= SILENT * before.mean()
    ratio = energies(value, window.tape.image) / before
    return ratio.masked_fill(silent, math.nan)


def _unit_measures(retention: Tensor, units: list[int], levels_db: list[float]) -> list[UnitMeasure]:
    """Of the sounds of `units`, one a row, what each does to its own unit."""
    measures = []
    for row, unit in enumerate(units):
        own = retention[row, unit]
        others = torch.cat([retention[row, :unit], retention[row, unit + 1 :]]).nanmean()
        selectivity = own / others  # of zeros: infinite for a sound that only its own unit answers to, NaN for no sound
        measures.append(UnitMeasure(float(own), float(selectivity), levels_db[row]))
    return measures


def _label_measures(
    before: Tensor, inside: Tensor, outside: Tensor, labels: list[int], exclusive: bool
) -> list[LabelMeasure]:
    """Of the probabilities (labels,) of the original, and (sounds, labels) of the sounds of `labels` and the rests."""
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


def _plain(value: Any) -> Any:
    """With None in place of what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
