"""Tests of a loaded model: windows, probabilities, and the analysis of one window."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.errors import AudioFileError, DeviceError, PluginError, UnknownNameError
from auralscope.nn.batches import choose_device
from auralscope.nn.excerpts import Window
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights
from auralscope.types import Clip, unit_name

RATE = 8_000


class Tiny(nn.Module):
    """Build a network of two blocks with a label for low sounds and one for high sounds."""

    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(5, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.output = nn.Linear(4 * 16 * 8, 3)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.output(self.block2(self.block1(image)).flatten(1))
        return logits


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    spec = ModelSpec(
        id="tiny",
        title="Tiny",
        labels=("a", "b", "c"),
        layers=(Layer("conv1", "block1.2", 5), Layer("conv2", "block2.2", 4), Layer("output", "output", 3)),
        front_end=SpectrogramFrontEnd(RATE, n_fft=128, hop=64, window_samples=2048),
        build=Tiny,
        weights=Weights(Path("nowhere"), "MIT"),
        output="softmax",
        summary="For tests.",
    )
    return Model(spec, spec.build(), torch.device("cpu"))


def music(seconds: float, rate: int = RATE, channels: int = 1) -> Clip:
    random = np.random.default_rng(5)
    return Clip(0.1 * random.standard_normal((channels, round(seconds * rate))), rate)


def test_description_and_shape(model: Model) -> None:
    assert model.labels == ("a", "b", "c")
    assert model.layers == ("conv1", "conv2", "output")
    assert model.layer_number("conv2") == 2
    assert unit_name(model.layer_number("conv2"), 3) == "2-3"
    assert not model.network.training
    assert not any(parameter.requires_grad for parameter in model.network.parameters())
    with pytest.raises(UnknownNameError, match=r"no layer 'conv9'; its layers are: conv1, conv2, output"):
        model.layer("conv9")


def test_windows_cover_a_clip_and_the_last_ends_with_it(model: Model) -> None:
    clip = music(1.0)
    scores = model.predict(clip)
    assert scores.values.shape == (len(scores.times_s), 3)
    np.testing.assert_allclose(np.diff(scores.times_s)[:-1], 0.128)
    assert scores.times_s[0] == 0.0
    assert scores.times_s[-1] == pytest.approx(1.0 - 0.256)
    np.testing.assert_allclose(scores.values.sum(axis=1), 1.0, rtol=1e-6)
    assert scores.ranked()[0][1] == pytest.approx(float(scores.mean.max()))


def test_a_window_gives_the_same_result_alone_and_in_a_batch(model: Model) -> None:
    clip = music(1.0)
    scores = model.predict(clip, hop_s=0.128)
    run = model.analyse(clip, start_s=0.256)
    np.testing.assert_allclose(run.scores, scores.values[2], atol=1e-6)
    np.testing.assert_allclose(model.predict_input(run.input), scores.values[2], atol=1e-6)


def test_a_short_clip_is_followed_by_silence(model: Model) -> None:
    assert model.predict(music(0.15)).values.shape == (1, 3)
    run = model.analyse(music(0.15))
    assert not run.original.samples[0, 1200:].any()


def test_an_image_of_another_shape_is_refused(model: Model) -> None:
    with pytest.raises(ValueError, match=r"\(65, 33\), not \(64, 33\)"):
        model.predict_input(np.zeros((64, 33), dtype=np.float32))


def test_a_window_outside_of_the_clip_is_refused(model: Model) -> None:
    with pytest.raises(AudioFileError, match=r"5 s lies outside of the clip, which lasts 1\.00 s"):
        model.analyse(music(1.0), start_s=5.0)


def test_maps_and_images_have_the_shapes_they_say(model: Model) -> None:
    run = model.analyse(music(1.0, rate=44_100, channels=2))
    assert run.input.shape == (65, 33)
    assert run.feature_maps("conv1").shape == (5, 32, 16)
    assert run.feature_maps("conv2").shape == (4, 16, 8)
    assert run.feature_maps("output").shape == (3,)
    assert run.deconvolve("conv2").shape == (4, 65, 33)
    assert run.deconvolve("output", units=[2]).shape == (1, 65, 33)
    assert run.is_map("conv2")
    assert not run.is_map("output")


def test_the_most_active_come_first(model: Model) -> None:
    run = model.analyse(music(1.0))
    energy = [(run.feature_maps("conv1")[unit] ** 2).mean() for unit in range(5)]
    assert run.most_active("conv1") == sorted(range(5), key=lambda unit: -energy[unit])
    assert run.most_active("conv1", top=2) == run.most_active("conv1")[:2]


def test_an_auralisation_lasts_as_long_as_the_window(model: Model) -> None:
    clip = music(1.0, rate=16_000)
    run = model.analyse(clip, start_s=0.3)
    unit = run.most_active("conv2")[0]
    for render in ("mask", "phase"):
        sound = run.auralise("conv2", unit, render=render)
        assert sound.sample_rate == RATE
        assert sound.n_samples == 2048
        assert sound.start_s == pytest.approx(0.3)
        assert sound.peak > 0.0
        matched = sound.loudness_matched()
        assert matched.peak <= 1.0 + 1e-6
        assert matched.rms_db == pytest.approx(run.original.rms_db, abs=0.01)
    # A mask is never above one, so its sound is at most as strong as the original in every bin.
    assert run.auralise("conv2", unit).rms_db < run.original.rms_db


def test_an_auralisation_keeps_the_recordings_channels_and_rate(model: Model) -> None:
    clip = music(1.0, rate=44_100, channels=2)
    run = model.analyse(clip, start_s=0.3)
    sound = run.auralise("conv2", run.most_active("conv2")[0], rate="recording")
    assert (sound.sample_rate, sound.samples.shape) == (44_100, (2, round(0.256 * 44_100)))
    assert sound.peak > 0.0
    assert np.abs(sound.samples[0] - sound.samples[1]).max() > 0.0


def test_a_passage_no_longer_than_a_window_is_that_window(model: Model) -> None:
    clip = music(1.0)
    run, passage = model.analyse(clip), model.passage(clip, start_s=0.0, duration_s=0.256)
    np.testing.assert_allclose(passage.input, run.input, atol=1e-6)
    np.testing.assert_allclose(passage.deconvolve("conv2"), run.deconvolve("conv2"), atol=1e-6)
    np.testing.assert_allclose(passage.activity("conv2").values, run.activity("conv2").values, rtol=1e-5)


def test_a_passage_goes_through_a_whole_recording_without_seams(model: Model) -> None:
    clip = music(3.0, rate=16_000, channels=2)
    passage = model.passage(clip, start_s=0.5)
    assert passage.input.shape == (65, 1 + 2.5 * RATE // 64)
    images = passage.deconvolve("conv1", units=[2, 0])
    assert images.shape == (2, *passage.input.shape)
    for rate, n in (("model", 2.5 * RATE), ("recording", 2.5 * 16_000)):
        # Of images of ones, cross-fading leaves ones: the recording comes back.
        sound = passage.auralise_image(np.ones_like(images[0]), rate=rate)  # type: ignore[arg-type]
        assert sound.n_samples == n
        assert passage.auralise("conv1", 2, rate=rate).peak > 0.0  # type: ignore[arg-type]
    original = clip.excerpt(0.5).samples[:, 200:-200]
    low = np.abs(np.fft.rfft(sound.samples[:, 200:-200]))[:, :8_000] - np.abs(np.fft.rfft(original))[:, :8_000]
    assert np.abs(low).max() < 0.02 * np.abs(np.fft.rfft(original)).max()


def test_the_middle_of_a_window_sounds_alike_in_a_passage(model: Model) -> None:
    clip = music(2.0)
    hop_frames = 33 // 2
    passage = model.passage(clip).deconvolve("conv1", units=[1])[0]
    window = Window.of_samples(model, clip, 0.0, model.front_end.window(clip.mono(), hop_frames * 64 / RATE))
    # In the middle of the second window it alone counts for most.
    middle = hop_frames + 33 // 2
    alone = window.deconvolve("conv1", units=[1])[0][:, 33 // 2]
    assert np.corrcoef(passage[:, middle], alone)[0, 1] > 0.98


def test_devices_that_are_not_here_are_named() -> None:
    with pytest.raises(DeviceError, match=r"no compute device 'abacus' here; there is: auto, .*cpu"):
        choose_device("abacus")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_gpu_agrees(model: Model) -> None:
    clip = music(1.0)
    there = Model(model.spec, Tiny(), torch.device("cuda"))
    there.network.load_state_dict(model.network.state_dict())
    np.testing.assert_allclose(there.predict(clip).values, model.predict(clip).values, atol=1e-2)  # half precision
    run = model.analyse(clip)
    np.testing.assert_allclose(there.analyse(clip).scores, run.scores, atol=1e-3)
    np.testing.assert_allclose(there.predict_input(run.input), run.scores, atol=1e-3)
    np.testing.assert_allclose(there.analyse(clip).deconvolve("conv2"), run.deconvolve("conv2"), atol=1e-3)


Pair = namedtuple("Pair", ["hidden", "logits"])


class Returning(nn.Module):
    """Network that returns its labels among other things."""

    def __init__(self, form: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.conv, self.dense, self.form = nn.Conv2d(1, 4, 3), nn.Linear(4, 2), form

    def forward(self, image: Tensor) -> object:
        hidden = self.conv(image).relu().mean((2, 3))
        return self.form(hidden, self.dense(hidden))


@pytest.mark.parametrize(
    ("form", "returned", "sign"),
    [
        (lambda _hidden, logits: logits, None, 1),
        (lambda hidden, logits: (hidden, logits, -logits), None, 1),
        (lambda hidden, logits: (hidden, logits, -logits), 2, -1),
        (lambda hidden, logits: {"hidden": hidden, "scores": [logits]}, None, 1),
        (lambda hidden, logits: {"minus": -logits, "logits": logits}, "logits", 1),
        (lambda hidden, logits: Pair(hidden, logits), None, 1),
    ],
)
def test_the_labels_are_found_in_what_a_network_returns(
    form: Callable[[Tensor, Tensor], object], returned: str | int | None, sign: int, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(2)
    network = Returning(form)
    front_end = SpectrogramFrontEnd(RATE, 256, 128, RATE)
    layers = (Layer("conv", "conv", 4), Layer("output", "dense", 2))
    weights = Weights(None, "CC0-1.0")
    spec = ModelSpec("r", "R", ("a", "b"), layers, front_end, Returning, weights, "sigmoid", "", returned=returned)
    clip = Clip(np.random.default_rng(0).standard_normal(RATE), RATE)
    model = Model(spec, network, torch.device("cpu"))
    run = model.analyse(clip)
    hidden = network.conv(torch.from_numpy(run.input)[None, None]).relu().mean((2, 3))
    expected = (sign * network.dense(hidden)).sigmoid()[0].detach().numpy()
    np.testing.assert_allclose(run.scores, expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(clip).values[0], expected, rtol=1e-5)
    assert run.is_output("output") == (sign == 1)
    said = [record for record in caplog.records if "first tensor of the right shape" in record.getMessage()]
    assert len(said) == (returned is None and not isinstance(form(hidden, hidden), Tensor))


def test_a_key_that_the_network_does_not_return_is_named() -> None:
    front_end = SpectrogramFrontEnd(RATE, 256, 128, RATE)
    layers = (Layer("output", "dense", 2),)
    weights = Weights(None, "CC0-1.0")
    spec = ModelSpec("r", "R", ("a", "b"), layers, front_end, Returning, weights, "sigmoid", "", returned="tags")
    model = Model(spec, Returning(lambda hidden, logits: {"logits": logits}), torch.device("cpu"))
    with pytest.raises(PluginError, match="returned a dict without 'tags'"):
        model.analyse(Clip(np.ones(RATE), RATE))


def test_a_network_with_state_predicts_the_same_twice_and_keeps_its_state(model: Model) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Conv2d(1, 3, 3)
            self.register_buffer("total", torch.zeros(1))

        def forward(self, image: Tensor) -> Tensor:
            self.total += 1.0
            self.last = self.block(image).mean(dim=(2, 3))
            return self.last * self.total

    torch.manual_seed(0)
    network = Counting()
    stateful = Model(replace(model.spec, layers=(Layer("block", "block", 3),)), network, torch.device("cpu"))
    image = np.random.default_rng(0).random(model.front_end.input_shape, dtype=np.float32)
    first = stateful.predict_input(image)
    np.testing.assert_array_equal(stateful.predict_input(image), first)
    assert float(network.total) == 0.0
    assert not hasattr(network, "last")
