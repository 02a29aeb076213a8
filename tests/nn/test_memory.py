"""Tests that memory is bounded for wide layers and long recordings, counted in bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.dsp.inversion import FullRate, invert_at_full_rate
from auralscope.nn.attribution import backward
from auralscope.nn.attribution.deconvolution import deconvolve_tape
from auralscope.nn.tape.capture import record


class Peak(TorchDispatchMode):
    """Count the peak bytes of the tensors made in the block."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self._living: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        before = {self._key(value) for value in tree_leaves((args, kwargs or {})) if isinstance(value, torch.Tensor)}
        output = func(*args, **(kwargs or {}))
        self._living = {key: kept for key, kept in self._living.items() if not kept[0].expired()}
        for value in tree_leaves(output):
            if isinstance(value, torch.Tensor) and self._key(value) not in before:
                storage = value.untyped_storage()
                self._living.setdefault(self._key(value), (StorageWeakRef(storage), storage.nbytes()))
        self.bytes = max(self.bytes, sum(size for _, size in self._living.values()))
        return output

    @staticmethod
    def _key(value: torch.Tensor) -> int:
        return value.untyped_storage()._cdata


def test_the_counter_counts() -> None:
    with Peak() as peak:
        for _ in range(3):
            one = torch.zeros(1000)
            two = one + 1.0
            one.add_(1.0)
            two[10:].view(-1)
            del one, two
        torch.ones(500)
    assert peak.bytes == 8000


def network(width: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ELU(), nn.MaxPool2d((2, 4))),
        *(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ELU(), nn.AvgPool2d((2, 3))),
        *(nn.Conv2d(32, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d((4, 2))),
    ).eval()


def spent(width: int, frames: int, method: str = "deconvolution") -> int:
    """Return the peak bytes of deconvolving all units of a layer, without the forward pass."""
    tape = record(network(width), torch.rand(1, 1, 64, frames))
    with Peak() as peak:
        images = deconvolve_tape(tape, "10", method=method)
    assert images.shape == (width, 64, frames)
    return peak.bytes


def test_a_wider_layer_takes_more_for_its_result_alone() -> None:
    narrow, wide = (spent(width, 320) - 2 * width * 64 * 320 * 4 for width in (24, 192))
    # The images, and those that they are put together from.
    assert wide < narrow + 1_000_000


@pytest.mark.parametrize(("method", "frames"), [("deconvolution", 160), ("deconvolution", 640), ("lrp-epsilon", 160)])
def test_the_setting_bounds_the_bytes_of_signals(monkeypatch: pytest.MonkeyPatch, method: str, frames: int) -> None:
    monkeypatch.setattr(backward, "CACHE_BYTES", 10**12)  # it bounds more tightly; the setting must do alone
    unbounded = spent(96, frames, method)
    setting = unbounded // 4
    monkeypatch.setattr(backward, "MEMORY_BYTES", setting)
    results = 3 * 96 * 64 * frames * 4
    assert spent(96, frames, method) < setting + results


def test_a_recording_of_any_length_sounds_in_little_more_than_itself() -> None:
    front_end = SpectrogramFrontEnd(11_025, 512, 256, 4 * 11_025)

    def peak_of(seconds: int) -> tuple[int, int]:
        samples = torch.from_numpy(np.random.default_rng(0).standard_normal((2, seconds * 44_100)).astype(np.float32))
        analysed = front_end.analyse(torch.zeros(seconds * 11_025))
        image = torch.rand(analysed.image.shape)
        with Peak() as peak:
            sound = invert_at_full_rate(image, FullRate(samples, 44_100, analysed, front_end), front_end).samples
        assert sound.shape == samples.shape
        return peak.bytes, samples.nbytes

    short, long = peak_of(10), peak_of(40)
    assert (long[0] - short[0]) / (long[1] - short[1]) < 5.0
