"""What units are like, to sort, label and group them: one summary a unit, all of a layer at once."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from auralscope.nn.batches import outcome
from auralscope.nn.tape.capture import is_map, unit_count
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from auralscope.nn.excerpts import Window
    from auralscope.nn.tape.capture import Tape

DUPLICATES = 0.95
"""Units whose deconvolutions are at least this similar are grouped."""

TOGETHER = 16
"""Units whose images are held at once."""


@dataclass(frozen=True)
class UnitSummary:
    """What one unit of a layer is like in one window.

    Attributes
    ----------
    layer : str
    unit : int
    energy : float
        Activation energy: the mean square of the feature map.
    sparsity : float
        Of the feature map, Hoyer's measure (2004, sec. 3.1): 0 where all cells are alike, 1 where only one is not zero.
        NaN for a silent unit and for a single value.
    centroid_hz, bandwidth_hz : float
        Mean frequency of the deconvolution, and the spread about it: as librosa's spectral centroid and bandwidth (of
        order 2) of the positive part of the image, all frames together. NaN where nothing is positive.
    onset_share : float
        Whether the deconvolution stands upright (onsets: 1), lies (sustained tones: 0) or has no direction (1/2): the
        energy of its changes from frame to frame, over that and the energy of its changes from bin to bin. These are
        the two terms that Ono et al. 2008 weigh against each other to part harmonic from percussive sound; as a ratio
        they need no median filters, so a whole layer costs milliseconds. NaN where nothing is positive or changes.
    votes : tuple of float
        For each label, the sum of gradient times activation of its logit over the unit's map: positive where the unit
        speaks for the label.
    """

    layer: str
    unit: int
    energy: float
    sparsity: float
    centroid_hz: float
    bandwidth_hz: float
    onset_share: float
    votes: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None where there is no number."""
        plain = asdict(self) | {"votes": list(self.votes)}
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in plain.items()
        }


@dataclass(frozen=True, eq=False)
class LayerSummary:
    """What the units of a layer are like in one window.

    Attributes
    ----------
    units : tuple of UnitSummary
    similarity : (units, units) float64 array
        Cosine between the deconvolved images; 0 with a silent unit, 1 on the diagonal.
    """

    units: tuple[UnitSummary, ...]
    similarity: NDArray[np.float64]

    def side_by_side(self) -> list[int]:
        """All units in an order in which similar ones are neighbours: the leaves of a complete linkage."""
        from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

        if len(self.units) < 2:
            return list(range(len(self.units)))
        distances = self._distances()
        order: list[int] = leaves_list(optimal_leaf_ordering(linkage(distances, "complete"), distances)).tolist()
        return order

    def _distances(self) -> NDArray[np.float64]:
        """1 minus similarity, of each pair of units."""
        from scipy.spatial.distance import squareform

        distance = np.clip(1.0 - self.similarity, 0.0, 2.0)
        np.fill_diagonal(distance, 0.0)
        distances: NDArray[np.float64] = squareform(distance, checks=False)
        return distances

    def duplicates(self, at_least: float = DUPLICATES) -> list[list[int]]:
        """Groups of two units and more, any two of which are at least this similar; the largest group first.

        Complete linkage: no unit comes into a group by a chain of neighbours.
        """
        from scipy.cluster.hierarchy import fcluster, linkage

        if len(self.units) < 2:
            return []
        # A hair of tolerance, so that rounding does not part what is exactly as similar as asked.
        numbers = fcluster(linkage(self._distances(), "complete"), 1.0 - at_least + 1e-9, "distance")
        groups = [np.flatnonzero(numbers == number).tolist() for number in np.unique(numbers)]
        return sorted((group for group in groups if len(group) > 1), key=lambda group: (-len(group), group))


def summarise(
    window: Window,
    layer: str,
    progress: Progress = no_progress,
    images: NDArray[np.float32] | None = None,
) -> LayerSummary:
    """Summarise every unit of a layer.

    Parameters
    ----------
    window : Window
    layer : str
    progress : callable
        Called with 0 to 1 as units are deconvolved; what it raises ends the work.
    images : (units, bins, frames) array, optional
        All units' deconvolutions, where they are there already, or what another method says.
    """
    if images is None:
        top = window.tape.layer(window.model.layer(layer).module)
        images = _deconvolved(window, layer, unit_count(top, window.tape.image), progress)
    return outcome(summarise_parts(window, layer, images))


def summarise_parts(window: Window, layer: str, images: NDArray[np.float32]) -> Generator[None, None, LayerSummary]:
    """As `summarise`, but it can be left in between."""
    module = window.model.layer(layer).module
    top = window.tape.layer(module)
    front_end = window.model.front_end
    image = torch.from_numpy(images)
    drawn = torch.from_numpy(np.stack([front_end.shown(each) for each in images])) if front_end.is_waveform else image
    maps = _maps(top, window.tape.image)
    centroid_hz, bandwidth_hz = spectral_shape(drawn, torch.from_numpy(front_end.plane.frequencies_hz))
    yield
    columns = (maps.square().mean(dim=1), hoyer_sparsity(maps), centroid_hz, bandwidth_hz, onset_share(drawn))
    yield
    said = yield from votes_parts(window.tape, module)
    rows = zip(*(column.tolist() for column in columns), map(tuple, said.tolist()), strict=True)
    units = tuple(UnitSummary(layer, unit, *row) for unit, row in enumerate(rows))
    return LayerSummary(units, similarity(image).numpy())


def _deconvolved(window: Window, layer: str, n_units: int, progress: Progress) -> NDArray[np.float32]:
    images = []
    for first in range(0, n_units, TOGETHER):
        last = min(first + TOGETHER, n_units)
        images.append(window.deconvolve(layer, units=range(first, last)))
        progress(last / n_units)
    return np.concatenate(images)


def hoyer_sparsity(values: Tensor) -> Tensor:
    """Hoyer's sparsity of each row, (rows,): (sqrt(n) - l1 / l2) / (sqrt(n) - 1)."""
    root = math.sqrt(values.shape[1])
    if root == 1.0:
        return values.new_full((len(values),), math.nan)
    return (root - values.abs().sum(dim=1) / values.square().sum(dim=1).sqrt()) / (root - 1.0)


def spectral_shape(images: Tensor, frequencies_hz: Tensor) -> tuple[Tensor, Tensor]:
    """Centroid and bandwidth in Hz, (images,) each, of the positive part of images (images, bins, frames)."""
    spectrum = images.clamp(min=0.0).sum(dim=2, dtype=torch.float64)
    share = spectrum / spectrum.sum(dim=1, keepdim=True)
    centroid_hz = share @ frequencies_hz.double()
    deviation_hz = frequencies_hz.double()[None] - centroid_hz[:, None]
    return centroid_hz, (share * deviation_hz.square()).sum(dim=1).sqrt()


def onset_share(images: Tensor) -> Tensor:
    """Onsets against sustain, (images,), of the positive part of images (images, bins, frames); see `UnitSummary`."""
    positive = images.clamp(min=0.0).double()
    over_time, over_frequency = (positive.diff(dim=axis).square().sum(dim=(1, 2)) for axis in (2, 1))
    return over_time / (over_time + over_frequency)


def similarity(images: Tensor) -> Tensor:
    """Cosine between images, (images, images); 0 between one that is all zeros and any other."""
    flat = images.flatten(1).double()
    length = flat.norm(dim=1, keepdim=True)
    unit = torch.where(length > 0.0, flat / length, flat)
    cosine = (unit @ unit.T).clamp(-1.0, 1.0)
    return cosine.fill_diagonal_(1.0)


def votes(tape: Tape, module: str) -> Tensor:
    """What each unit of a layer says for each label: gradient times activation of the label's logit, (units, labels).

    In a network of ReLUs and poolings without biases above the layer, a label's votes sum to its logit.
    """
    return outcome(votes_parts(tape, module))


def votes_parts(tape: Tape, module: str) -> Generator[None, None, Tensor]:
    """As `votes`, but it can be left after each label."""
    top = tape.layer(module)
    if top is tape.output:
        return torch.diag(tape.output[0].cpu()).double()
    with torch.enable_grad():
        leaf = top.detach().requires_grad_()
        logits = tape.replay(top, leaf, tape.output)[0].unbind()
    said = []
    for label, logit in enumerate(logits, start=1):
        yield
        (gradient,) = torch.autograd.grad(logit, leaf, retain_graph=label < len(logits))
        said.append(_maps(gradient * top, tape.image).sum(dim=1))
    return torch.stack(said, dim=1)


def _maps(value: Tensor, image: Tensor) -> Tensor:
    """A layer's output as (units, cells), in double precision."""
    value = value.detach().cpu().double()  # not every device has double precision
    if is_map(value, image):
        return value[0].flatten(1)
    return value.reshape(-1, value.shape[-1]).T
