"""Tests of batches on out-of-memory, of half precision, and of the release of memory."""

from __future__ import annotations

import logging
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.errors import DeviceError
from auralscope.nn import tagger
from auralscope.nn.attribution import backward
from auralscope.nn.attribution.deconvolution import deconvolve, deconvolve_tape
from auralscope.nn.batches import Batch
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights
from auralscope.nn.tape.capture import record
from auralscope.types import Clip

RATE = 8_000
CPU = torch.device("cpu")


class Narrow(nn.Module):
    """A small convnet on a device that holds a few images at once, and counts them."""

    def __init__(self, room: int = 1_000) -> None:
        super().__init__()
        self.room = room
        sizes: list[int] = []
        # In a closure: what a network changes in its own attributes is restored after each pass.
        self.note, self.noted = sizes.append, lambda: sizes
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.output = nn.Linear(6, 4)

    def forward(self, image: Tensor) -> Tensor:
        self.note(len(image))
        if len(image) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        logits: Tensor = self.output(self.conv(image).relu().amax(dim=(2, 3)))
        return logits

    @property
    def sizes(self) -> list[int]:
        """The number of images in each pass."""
        return self.noted()


class Cancelling(Narrow):
    """Network on small differences of large numbers, which vanish in half precision."""

    def forward(self, image: Tensor) -> Tensor:
        logits = super().forward(image)
        one = torch.ones(1, 1)
        large = one @ (1e4 * one)
        return (large @ one + 8.0 * (logits - logits.mean())) @ torch.eye(4) - large


def model_of(network: nn.Module, window_samples: int = 1024) -> Model:
    spec = ModelSpec(
        id="narrow",
        title="Narrow",
        labels=("a", "b", "c", "d"),
        layers=(Layer("conv1", "conv", 6), Layer("output", "output", 4)),
        front_end=SpectrogramFrontEnd(RATE, n_fft=128, hop=64, window_samples=window_samples),
        build=Narrow,
        weights=Weights(Path("nowhere"), "MIT"),
        output="sigmoid",
        summary="For tests.",
    )
    return Model(spec, network, CPU)


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return a model with the same weights each time and the batch size of a GPU."""
    torch.manual_seed(0)
    monkeypatch.setattr(tagger, "CPU_BATCH", tagger.BATCH)


def music(seconds: float, rate: int = RATE) -> Clip:
    return Clip(0.1 * np.random.default_rng(5).standard_normal((1, round(seconds * rate))), rate)


# Memory


def test_the_batch_is_halved_on_out_of_memory_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    network, clip = Narrow(), music(1.6)
    model = model_of(network)
    whole = model.predict(clip)
    assert max(network.sizes) == tagger.BATCH == 8
    network.room = 3
    network.sizes.clear()
    with caplog.at_level(logging.WARNING, "auralscope.nn"):
        halved = model.predict(clip)
    np.testing.assert_allclose(halved.values, whole.values, atol=1e-6)
    np.testing.assert_array_equal(halved.times_s, whole.times_s)
    assert network.sizes[:3] == [8, 4, 2]
    assert set(network.sizes[3:]) <= {1, 2}
    assert [record.getMessage() for record in caplog.records] == [
        "The memory of 'cpu' does not hold 8 windows at once; going on with 4.",
        "The memory of 'cpu' does not hold 4 windows at once; going on with 2.",
    ]
    # It has learned from that.
    caplog.clear()
    model.predict(clip)
    assert not caplog.records


def test_no_memory_for_a_single_window_is_one_sentence() -> None:
    network = Narrow(room=0)
    with pytest.raises(DeviceError, match=r"^The memory of 'cpu' does not hold even one of the windows; .*\.$"):
        model_of(network).predict(music(1.6))
    assert network.sizes == [8, 4, 2, 1]


def test_out_of_memory_for_one_window_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(Narrow(room=0))
    with pytest.raises(DeviceError, match=r"^The memory of 'cpu' does not hold a window .*; .*\.$"):
        model.analyse(music(1.0))
    assert model.one_at_a_time.acquire(blocking=False)

    def full(_self: nn.Module, _device: torch.device) -> nn.Module:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Narrow, "to", full)
    with pytest.raises(DeviceError, match=r"^The memory of 'cpu' does not hold the network of 'narrow'; "):
        model_of(Narrow())


def test_other_failures_are_no_lack_of_memory() -> None:
    def fail(_turn: list[int]) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        list(Batch(4, "windows", CPU).turns(fail, [1, 2]))


def test_a_failed_attempt_holds_on_to_nothing() -> None:
    """Memory can be released only if the error no longer refers to computed tensors."""
    computed: list[weakref.ref[Tensor]] = []

    def work(turn: list[int]) -> int:
        assert all(made() is None for made in computed)
        large = torch.zeros(len(turn), 1_000)
        computed.append(weakref.ref(large))
        if len(turn) > 1:
            raise RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)")
        return turn[0]

    assert list(Batch(4, "windows", CPU).turns(work, [3, 1, 2])) == [3, 1, 2]


def test_deconvolution_goes_on_with_half_of_the_units(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network = nn.Sequential(nn.Conv2d(1, 7, 3, padding=1), nn.ReLU(), nn.Conv2d(7, 7, 3, padding=1), nn.ReLU())
    image = torch.rand(1, 1, 12, 12)
    whole = deconvolve(network, image, "3")
    sizes: list[int] = []
    walk_back = backward.BackwardMethod._backward

    def narrow(self: backward.BackwardMethod, tape: object, start: Tensor, signal: backward.Signal) -> Tensor:
        sizes.append(len(signal.values))
        if len(signal.values) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return walk_back(self, tape, start, signal)  # type: ignore[arg-type]

    monkeypatch.setattr(backward.BackwardMethod, "_backward", narrow)
    tape = record(network, image)
    torch.testing.assert_close(deconvolve_tape(tape, "3"), whole, atol=1e-6, rtol=1e-6)
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert "does not hold 7 units at once; going on with 3" in caplog.records[0].getMessage()


def test_layers_of_many_windows_go_on_with_half_of_them() -> None:
    network = Narrow()
    model = model_of(network)
    images = torch.rand(11, *model.front_end.input_shape)
    maps, scores = model.activations(images, "conv1")
    network.room = 2
    again_maps, again_scores = model.activations(images, "conv1")
    torch.testing.assert_close(again_maps, maps)
    torch.testing.assert_close(again_scores, scores)
    assert maps.shape[:2] == (11, 6)
    assert not network.conv._forward_hooks


def test_a_long_recording_is_analysed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model, alive, most = model_of(Narrow()), weakref.WeakSet[Tensor](), 0
    analyse = SpectrogramFrontEnd.analyse

    def watch(self: SpectrogramFrontEnd, samples: Tensor) -> object:
        nonlocal most
        seen = analyse(self, samples)
        alive.add(seen.image)
        most = max(most, len(alive))
        return seen

    monkeypatch.setattr(SpectrogramFrontEnd, "analyse", watch)
    scores = model.predict(music(60.0))
    assert len(scores.values) > 900
    assert most <= 2 * tagger.BATCH


def test_a_long_prediction_can_be_cancelled() -> None:
    network = Narrow()

    def stop(done: float) -> None:
        if done > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model_of(network).predict(music(20.0), progress=stop)
    assert sum(network.sizes) < 60


def test_a_released_model_is_freed_at_once() -> None:
    """A model is in no reference cycle, so its memory on a GPU is free for the next model at once."""
    network = Narrow()
    model = model_of(network)
    model.predict(music(1.0))
    run = model.analyse(music(1.0))
    run.deconvolve("conv1", units=[0])
    gone = [weakref.ref(model), weakref.ref(network), weakref.ref(network.conv.weight)]
    del model, network, run
    assert [ref() for ref in gone] == [None, None, None]


# Half precision


def test_on_a_cpu_precision_is_full() -> None:
    model = model_of(Narrow())
    before = torch.is_autocast_enabled("cpu")
    seen: list[torch.dtype] = []
    model.network.get_submodule("conv").register_forward_hook(lambda _m, _i, output: seen.append(output.dtype))
    model.predict(music(1.0))
    assert set(seen) == {torch.float32}
    assert torch.is_autocast_enabled("cpu") == before


@pytest.mark.parametrize(("network", "half"), [(Narrow, True), (Cancelling, False)])
def test_half_precision_is_used_where_it_stays_close(
    network: type[Narrow], half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = network()
    model, clip = model_of(exact), music(3.0)
    full = model.predict(clip).values
    monkeypatch.setattr(tagger, "HALF_DEVICES", ("cpu",))
    model = model_of(exact)
    seen: list[torch.dtype] = []
    exact.conv.register_forward_hook(lambda _m, _i, output: seen.append(output.dtype))
    np.testing.assert_allclose(model.predict(clip).values, full, atol=tagger.HALF_TOLERANCE)
    assert seen[:2] == [torch.float16, torch.float32], "tried once, on the first windows"
    assert set(seen[2:]) == {torch.float16 if half else torch.float32}
    seen.clear()
    model.predict(clip)
    assert set(seen) == {torch.float16 if half else torch.float32}, "never tried again"
    # What is compared with numbers from elsewhere, and what is looked at, is computed in full.
    seen.clear()
    model.predict_input(np.zeros(model.front_end.input_shape, np.float32))
    model.analyse(clip)
    assert set(seen) == {torch.float32}


def test_silence_does_not_decide_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger, "HALF_DEVICES", ("cpu",))
    exact = Narrow()
    model = model_of(exact)
    seen: list[torch.dtype] = []
    exact.conv.register_forward_hook(lambda _m, _i, output: seen.append(output.dtype))
    model.predict(Clip(np.zeros((1, RATE)), RATE))
    assert set(seen) == {torch.float32}
    model.predict(music(1.0))
    assert torch.float16 in seen


def test_values_that_overflow_in_half_precision_are_computed_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger, "HALF_DEVICES", ("cpu",))
    exact = Narrow()
    with torch.no_grad():
        exact.conv.weight.mul_(1e6)
        exact.output.weight.mul_(1e-6)
    assert np.isfinite(model_of(exact).predict(music(1.0)).values).all()
    half = torch.autocast("cpu", torch.float16)
    with half, torch.no_grad():
        assert not torch.isfinite(exact(torch.rand(1, 1, 65, 17))).all(), "it does overflow"
