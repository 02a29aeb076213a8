"""Windows of training data: the names of the splits, the order of an epoch, and the tensor that a network takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch.utils.data import Sampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd

Split = Literal["train", "validation", "test"]


class FreshWindows(Sampler[int]):
    """Sampler whose window numbers are never drawn twice: each epoch has the next ones, in random order.

    Parameters
    ----------
    n_items : int
        Number of recordings or pieces. Window `k` is cut from item `k % n_items`.
    repeats : int
        Windows of each item in an epoch.
    seed : int

    Attributes
    ----------
    epoch : int
        Number of the next epoch.
    """

    def __init__(self, n_items: int, repeats: int, seed: int = 0) -> None:
        self.n_items = n_items
        self.repeats = repeats
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.n_items * self.repeats

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * len(self)
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self))
        self.epoch += 1
        return iter((first + order).tolist())


def network_input(front_end: FrontEnd, window: NDArray[np.float32]) -> torch.Tensor:
    """Return the (1, bins, frames) tensor that a network takes for a window of (window_samples,) samples."""
    return front_end.analyse(torch.from_numpy(window)).image.unsqueeze(0)
