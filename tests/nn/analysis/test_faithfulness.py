"""Tests of faithfulness against the analysed WAV, closed forms, and figures computed by hand."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auralscope.audio.files import load_clip, write_wav
from auralscope.dsp.frontends import FrontEnd, Input, SpectrogramFrontEnd
from auralscope.files import json_text
from auralscope.nn.analysis.faithfulness import (
    MASKS,
    LabelFaithfulness,
    LabelMeasure,
    UnitFaithfulness,
    _label_measures,
    label_faithfulness,
    shuffle_weights,
    shuffled_bins,
    unit_faithfulness,
)
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights
from auralscope.types import Clip

RATE = 8_000
WINDOW = 2_048


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(5, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(4 * 16 * 8, 6), nn.ReLU())
        self.output = nn.Linear(6, 3)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dense(self.block2(self.block1(image))))
        return logits


TINY_LAYERS = (
    Layer("conv1", "block1.2", 5),
    Layer("conv2", "block2.2", 4),
    Layer("dense", "dense.2", 6),
    Layer("output", "output", 3),
)


def a_model(
    network: nn.Module,
    layers: tuple[Layer, ...],
    *,
    compression: str = "log",
    output: str = "softmax",
    labels: str = "abc",
) -> Model:
    spec = ModelSpec(
        id="tiny",
        title="Tiny",
        labels=tuple(labels),
        layers=layers,
        front_end=SpectrogramFrontEnd(RATE, n_fft=128, hop=64, window_samples=WINDOW, compression=compression),
        build=lambda: network,
        weights=Weights(Path("nowhere"), "MIT"),
        output=output,
        summary="For tests.",
    )
    return Model(spec, spec.build(), torch.device("cpu"))


@pytest.fixture
def tiny() -> Model:
    torch.manual_seed(4)
    return a_model(Tiny(), TINY_LAYERS)


@pytest.fixture
def clip() -> Clip:
    """Return two tones that beat, and some noise."""
    time_s = np.arange(WINDOW) / RATE
    tones = np.sin(2 * np.pi * 700 * time_s) * (time_s % 0.1 < 0.05) + 0.5 * np.sin(2 * np.pi * 2_900 * time_s)
    return Clip(0.2 * tones + 0.01 * np.random.default_rng(1).standard_normal(WINDOW), RATE)


@pytest.mark.parametrize(
    ("layer", "method"),
    [
        ("conv1", "deconvolution"),
        ("conv2", "deconvolution"),
        ("dense", "deconvolution"),
        ("conv2", "guided"),
        ("dense", "lrp-zplus"),
    ],
)
def test_heard_measures_equal_those_of_the_written_wav(
    tiny: Model, clip: Clip, tmp_path: Path, layer: str, method: str
) -> None:
    run = tiny.analyse(clip)
    energies = np.array([np.square(values).mean() for values in run.feature_maps(layer).astype(np.float64)])
    for unit in run.most_active(layer, top=2):
        file = tmp_path / f"{unit}.wav"
        write_wav(file, run.auralise(layer, unit, method=method))
        heard = tiny.analyse(load_clip(file)).feature_maps(layer).astype(np.float64)
        after = np.array([np.square(values).mean() for values in heard])
        alive = energies > 0.0
        others = alive & (np.arange(len(alive)) != unit)
        retained = after[alive & ~others] / energies[alive & ~others]
        found = run.faithfulness(layer, unit, method=method)
        assert isinstance(found, UnitFaithfulness)
        assert found.retention == pytest.approx(float(retained[0]), rel=1e-4)
        assert found.selectivity == pytest.approx(
            float(retained[0] / (after[others] / energies[others]).mean()), rel=1e-4
        )
        level_db = 20 * math.log10(load_clip(file).samples.std() / run.original.samples.std())
        assert found.own.heard.level_db == pytest.approx(level_db, abs=0.05)


def test_masked_is_the_product_of_mask_and_magnitude(tiny: Model, clip: Clip) -> None:
    run = tiny.analyse(clip)
    unit = run.most_active("conv2")[0]
    magnitude = np.abs(librosa.stft(run.original.samples[0].astype(np.float64), n_fft=128, hop_length=64))
    mask = np.maximum(run.deconvolve("conv2", units=[unit])[0], 0.0)
    image = np.log1p(1000 * magnitude * (4 / 128) * mask / mask.max()) / np.log(1001)
    network = tiny.copy_network()
    with torch.no_grad():
        after = network.block2(network.block1(torch.from_numpy(image).float()[None, None]))[0].double().numpy()
    before = run.feature_maps("conv2").astype(np.float64)
    expected = np.square(after[unit]).mean() / np.square(before[unit]).mean()
    assert run.faithfulness("conv2", unit).own.masked.retention == pytest.approx(float(expected), rel=1e-4)


def test_a_front_end_that_cannot_start_from_an_stft_goes_through_sound() -> None:
    class Levels(SpectrogramFrontEnd):
        image_of = FrontEnd.image_of

        def analyse(self, samples: Tensor) -> Input:
            stft = torch.stft(samples, 128, 64, window=torch.hann_window(128), return_complex=True, pad_mode="constant")
            return Input(stft.abs().square(), stft, len(samples))

    front_end = Levels(RATE, n_fft=128, hop=64, window_samples=WINDOW)
    analysed = front_end.analyse(torch.randn(WINDOW))
    torch.testing.assert_close(front_end.image_of(analysed.stft, WINDOW), analysed.image, rtol=1e-4, atol=1e-3)
    # An STFT that no sound has comes back as that of the sound nearest to it.
    torn = analysed.stft * (torch.arange(33) % 2)
    assert float(front_end.image_of(torn, WINDOW)[:, 1::2].mean()) < 0.9 * float(torn.abs().square()[:, 1::2].mean())


# -- closed forms -------------------------------------------------------------------------------------------------


class Weighted(nn.Module):
    """Network whose units are weighted sums of the input's bins."""

    def __init__(self, weights: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.maps = nn.Identity()
        self.relu = nn.ReLU()
        self.weights = nn.Parameter(torch.tensor(weights, dtype=torch.float32)[None, :, :, None])
        self.bias = nn.Parameter(torch.tensor(bias, dtype=torch.float32)[None, :, None, None])
        self.spread = nn.Conv2d(1, len(weights), 1, bias=False)
        nn.init.ones_(self.spread.weight)

    def forward(self, image: Tensor) -> Tensor:
        return self.relu(self.spread(image) * self.weights + self.bias).flatten(2).mean(dim=2)


BINS = np.arange(65)
LOW, HIGH = (BINS < 20).astype(float), (BINS >= 20).astype(float)


def test_a_unit_that_is_the_magnitude_itself_has_a_closed_form(clip: Clip) -> None:
    model = a_model(
        Weighted(np.ones((2, 65)), np.zeros(2)), (Layer("maps", "relu", 2),), compression="magnitude", labels="ab"
    )
    run = model.analyse(clip)
    amplitude = run.input.astype(np.float64)
    expected = (amplitude**4).sum() / amplitude.max() ** 2 / (amplitude**2).sum()  # the mask is the amplitude itself
    true, matched = (run.faithfulness("maps", 0, level=level) for level in ("true", "matched"))
    assert true.own.masked.retention == pytest.approx(expected, rel=1e-4)
    assert true.own.masked.selectivity == pytest.approx(1.0, rel=1e-5)  # the other unit is the same
    sound = run.auralise("maps", 0)
    assert matched.own.masked.retention == pytest.approx(expected * 10 ** (sound.gain_db / 10), rel=1e-3)
    assert matched.own.heard.level_db == pytest.approx(0.0, abs=1e-3)


def test_units_of_unlike_bands_keep_their_own(clip: Clip) -> None:
    model = a_model(Weighted(np.stack([LOW, HIGH]), np.zeros(2)), (Layer("maps", "relu", 2),), labels="ab")
    run = model.analyse(clip)
    for unit in (0, 1):
        found = run.faithfulness("maps", unit)
        assert found.own.masked.selectivity == math.inf  # nothing of the other's band is left
        assert found.own.heard.retention > 1.5 * found.random.heard.retention
        assert found.own.heard.selectivity > 20
        # Of a tone's peak in its own band, a random mask spreads over both.
        assert found.own.heard.selectivity > 5 * found.random.heard.selectivity
        assert json.loads(json_text(asdict(found)))["own"]["masked"]["selectivity"] is None


def test_retention_of_silence_is_reported(clip: Clip) -> None:
    # Unit 0 answers to nothing but its bias, unit 1 is silent, unit 2 listens.
    weights = np.stack([0 * BINS, 0 * BINS, np.ones(65)])
    run = a_model(Weighted(weights, np.array([1.0, -1.0, 0.0])), (Layer("maps", "relu", 3),)).analyse(clip)
    biased, silent, listening = unit_faithfulness(run, "maps")
    assert biased.silence == pytest.approx(1.0)
    assert biased.retention == biased.random.masked.retention == pytest.approx(1.0)
    assert math.isnan(silent.retention)
    assert math.isnan(silent.silence)
    assert json.loads(json_text(asdict(silent)))["own"]["heard"]["retention"] is None
    assert listening.silence == 0.0
    # The silent unit is not among the others.
    assert listening.selectivity == pytest.approx(listening.retention / 1.0, rel=1e-6)


# -- controls -----------------------------------------------------------------------------------------------------


def test_a_random_mask_has_the_values_of_each_frame_elsewhere() -> None:
    mask = torch.rand(65, 33) * (torch.rand(65, 33) > 0.7)
    shuffled = shuffled_bins(mask, torch.Generator().manual_seed(3))
    assert torch.equal(shuffled.sort(dim=0).values, mask.sort(dim=0).values)
    torch.testing.assert_close(shuffled.square().sum(dim=0), mask.square().sum(dim=0))
    assert float((shuffled != mask).float().mean()) > 0.2
    frames = torch.arange(65.0)[:, None].repeat(1, 33)  # each frame is shuffled by itself
    assert len({tuple(column.tolist()) for column in shuffled_bins(frames, torch.Generator().manual_seed(3)).T}) == 33


def test_shuffled_weights_are_the_same_weights() -> None:
    torch.manual_seed(0)
    network, twin = Tiny(), Tiny()
    twin.load_state_dict(network.state_dict())
    shuffle_weights(twin, seed=5)
    for (name, old), new in zip(network.named_parameters(), twin.parameters(), strict=True):
        assert torch.equal(old.flatten().sort().values, new.flatten().sort().values), name
        assert old.numel() < 10 or not torch.equal(old, new), name
    again = Tiny()
    again.load_state_dict(network.state_dict())
    assert all(
        torch.equal(one, other)
        for one, other in zip(shuffle_weights(again, seed=5).parameters(), twin.parameters(), strict=True)
    )


def test_controls_are_seeded_and_no_unit_alters_another(tiny: Model, clip: Clip) -> None:
    run = tiny.analyse(clip)
    together = unit_faithfulness(run, "conv1")
    assert [found.unit for found in together] == [0, 1, 2, 3, 4]
    alive = [found for found in together if not math.isnan(found.retention)]
    assert len(alive) >= 2
    for found in alive:
        (alone,) = unit_faithfulness(run, "conv1", [found.unit])
        assert _near(asdict(alone), asdict(found))
        (other,) = unit_faithfulness(run, "conv1", [found.unit], seed=1)
        assert other.own.heard.retention == pytest.approx(found.own.heard.retention, rel=1e-5)
        assert other.random.heard.level_db != found.random.heard.level_db


def _near(one: object, other: object) -> bool:
    if isinstance(one, dict):
        return all(_near(value, other[key]) for key, value in one.items())
    return one == other or (isinstance(one, float) and one == pytest.approx(other, rel=1e-4, nan_ok=True))


def test_the_network_comes_back_as_it_was(tiny: Model, clip: Clip) -> None:
    run = tiny.analyse(clip)
    before = {name: value.clone() for name, value in tiny.network.state_dict().items()}
    unit_faithfulness(run, "conv2", [0])
    label_faithfulness(run, [0])
    assert all(torch.equal(value, before[name]) for name, value in tiny.network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tiny.network.modules())
    assert not tiny.network.training


def test_progress_ends_the_work(tiny: Model, clip: Clip) -> None:
    def stop(_done: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        unit_faithfulness(tiny.analyse(clip), "conv1", progress=stop)


# -- labels -------------------------------------------------------------------------------------------------------


def test_label_measures_are_those_computed_by_hand() -> None:
    before = torch.tensor([0.8, 0.15, 0.05], dtype=torch.float64)
    inside = torch.tensor([[0.4, 0.5, 0.1], [0.1, 0.32, 0.58], [0.9, 0.05, 0.05]], dtype=torch.float64)
    outside = torch.tensor([[0.1, 0.5, 0.4], [0.9, 0.05, 0.05], [0.6, 0.35, 0.05]], dtype=torch.float64)
    drop, gain, same = _label_measures(before, inside, outside, [0, 1, 2], True)
    assert drop == LabelMeasure(ai=0.0, ad=pytest.approx(50.0), ag=0.0, ff=pytest.approx(0.7), fid_in=0.0)
    assert gain == LabelMeasure(ai=100.0, ad=0.0, ag=pytest.approx(20.0), ff=pytest.approx(0.1), fid_in=0.0)
    assert same == LabelMeasure(ai=0.0, ad=0.0, ag=0.0, ff=0.0, fid_in=1.0)
    # Tags: each decides for itself, at one half.
    tags = _label_measures(before, inside, outside, [0, 1, 2], False)
    assert [tag.fid_in for tag in tags] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_heard_label_measures_equal_those_of_the_written_wav(tiny: Model, clip: Clip, output: str) -> None:
    model = a_model(tiny.network, TINY_LAYERS, output=output)
    run = model.analyse(clip)
    found = run.faithfulness("output", 1)
    assert isinstance(found, LabelFaithfulness)
    assert found.label == "b"
    p, o = float(run.scores[1]), float(model.analyse(run.auralise("output", 1)).scores[1])
    assert found.probability == pytest.approx(p, rel=1e-5)
    assert found.own.heard.ad == pytest.approx(100 * max(0.0, p - o) / p, abs=1e-3)
    assert found.own.heard.ag == pytest.approx(100 * max(0.0, o - p) / (1 - p), abs=1e-3)
    # The rest is what the sound leaves of the original: the two add up to it.
    rest = Clip(run.original.samples - run.auralise("output", 1).samples, RATE)
    assert found.own.heard.ff == pytest.approx(p - float(model.analyse(rest).scores[1]), abs=1e-5)
    assert [one.label for one in label_faithfulness(run)] == ["a", "b", "c"]
    assert set(asdict(found)) == {"label", "probability", *MASKS}
