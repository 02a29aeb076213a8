"""Summarise the units of a layer, to sort and describe them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from auralscope.nn.tape.layout import layout_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from auralscope.nn.excerpts import Window
    from auralscope.nn.tape.capture import Tape


@dataclass(frozen=True)
class UnitSummary:
    """Measures of one unit in one window.

    Attributes
    ----------
    layer : str
    unit : int
    activity : float
        Activity in the window, see `auralscope.nn.activity`.
    sparsity : float
        Hoyer's measure of the feature map (2004, sec. 3.1): 0 if all cells are equal, 1 if only one is not zero. NaN
        for a silent unit and for a single value.
    centroid_hz, bandwidth_hz : float
        Spectral centroid and bandwidth (of order 2, as in librosa) in Hz of the positive part of the deconvolved
        image, over all frames. NaN if nothing is positive.
    onset_share : float
        Energy of the image's differences from frame to frame, divided by the energy of its differences from frame to
        frame and from bin to bin: 1 for onsets, 0 for sustained tones, 1/2 for no direction. These are the two terms
        of Ono et al. 2008 for the separation of harmonic and percussive sound. NaN if nothing is positive or changes.
    votes : tuple of float
        For each label, the sum over the unit's map of gradient times activation of the label's logit: positive if
        the unit raises the logit. In a network of ReLUs and poolings without biases above the layer, the votes of a
        label add up to its logit.
    """

    layer: str
    unit: int
    activity: float
    sparsity: float
    centroid_hz: float
    bandwidth_hz: float
    onset_share: float
    votes: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class LayerSummary:
    """Measures of all units of a layer in one window.

    Attributes
    ----------
    units : tuple of UnitSummary
    similarity : (units, units) float64 array
        Cosine between the deconvolved images; 0 for silent units, 1 on the diagonal.
    """

    units: tuple[UnitSummary, ...]
    similarity: NDArray[np.float64]

    def side_by_side(self) -> list[int]:
        """Sort the units so that similar ones are neighbours: the leaves of a complete linkage."""
        from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
        from scipy.spatial.distance import squareform

        if len(self.units) < 2:
            return list(range(len(self.units)))
        distance = np.clip(1.0 - self.similarity, 0.0, 2.0)
        np.fill_diagonal(distance, 0.0)
        distances = squareform(distance, checks=False)
        order: list[int] = leaves_list(optimal_leaf_ordering(linkage(distances, "complete"), distances)).tolist()
        return order


def summarise_parts(window: Window, layer: str, images: NDArray[np.float32]) -> Generator[None, None, LayerSummary]:
    """Summarise every unit of a layer, in parts, so that a job can be interrupted.

    Parameters
    ----------
    window : Window
    layer : str
    images : (units, bins, frames) float32 array
        Deconvolved images of all units.

    Yields
    ------
    None

    Returns
    -------
    LayerSummary
    """
    module = window.model.layer(layer).module
    top = window.tape.layer(module)
    front_end = window.model.front_end
    image = torch.from_numpy(images)
    shown = torch.from_numpy(np.stack([front_end.shown(each) for each in images])) if front_end.is_waveform else image
    maps = layout_of(window.tape, top).cells(top.detach().cpu().double())
    centroid_hz, bandwidth_hz = spectral_shape(shown, torch.from_numpy(front_end.plane.frequencies_hz))
    yield
    activity = torch.from_numpy(window.activity(layer).values)
    columns = (activity, hoyer_sparsity(maps), centroid_hz, bandwidth_hz, onset_share(shown))
    yield
    votes = yield from votes_parts(window.tape, module)
    rows = zip(*(column.tolist() for column in columns), map(tuple, votes.tolist()), strict=True)
    units = tuple(UnitSummary(layer, unit, *row) for unit, row in enumerate(rows))
    return LayerSummary(units, similarity(image).numpy())


def hoyer_sparsity(values: Tensor) -> Tensor:
    """Compute Hoyer's sparsity of each row, (rows,): (sqrt(n) - l1 / l2) / (sqrt(n) - 1)."""
    root = math.sqrt(values.shape[1])
    if root == 1.0:
        return values.new_full((len(values),), math.nan)
    return (root - values.abs().sum(dim=1) / values.square().sum(dim=1).sqrt()) / (root - 1.0)


def spectral_shape(images: Tensor, frequencies_hz: Tensor) -> tuple[Tensor, Tensor]:
    """Compute centroid and bandwidth in Hz, (images,) each, of the positive part of (images, bins, frames)."""
    spectrum = images.clamp(min=0.0).sum(dim=2, dtype=torch.float64)
    share = spectrum / spectrum.sum(dim=1, keepdim=True)
    centroid_hz = share @ frequencies_hz.double()
    deviation_hz = frequencies_hz.double()[None] - centroid_hz[:, None]
    return centroid_hz, (share * deviation_hz.square()).sum(dim=1).sqrt()


def onset_share(images: Tensor) -> Tensor:
    """Compute the onset share (see `UnitSummary`), (images,), of the positive part of (images, bins, frames)."""
    positive = images.clamp(min=0.0).double()
    over_time, over_frequency = (positive.diff(dim=axis).square().sum(dim=(1, 2)) for axis in (2, 1))
    return over_time / (over_time + over_frequency)


def similarity(images: Tensor) -> Tensor:
    """Compute the cosines between images, (images, images); 0 for an image of zeros."""
    flat = images.flatten(1).double()
    length = flat.norm(dim=1, keepdim=True)
    unit = torch.where(length > 0.0, flat / length, flat)
    cosine = (unit @ unit.T).clamp(-1.0, 1.0)
    return cosine.fill_diagonal_(1.0)


def votes_parts(tape: Tape, module: str) -> Generator[None, None, Tensor]:
    """Compute the votes of a layer's units (see `UnitSummary`), (units, labels), label by label."""
    top = tape.layer(module)
    if top is tape.output:
        return torch.diag(tape.output[0].cpu()).double()
    with torch.enable_grad():
        leaf = top.detach().requires_grad_()
        logits = tape.replay(top, leaf, tape.output)[0].unbind()
    votes = []
    for label, logit in enumerate(logits, start=1):
        yield
        (gradient,) = torch.autograd.grad(logit, leaf, retain_graph=label < len(logits))
        # On the CPU: some devices lack double precision.
        votes.append(layout_of(tape, top).cells((gradient * top).detach().cpu().double()).sum(dim=1))
    return torch.stack(votes, dim=1)
