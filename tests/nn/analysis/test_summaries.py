"""Tests of unit summaries against librosa, closed forms and identities."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.nn.analysis.summaries import (
    LayerSummary,
    hoyer_sparsity,
    onset_share,
    similarity,
    spectral_shape,
    summarise_parts,
    votes_parts,
)
from auralscope.nn.batches import outcome
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights
from auralscope.nn.tape.capture import record
from auralscope.types import Clip

if TYPE_CHECKING:
    from auralscope.nn.loaded import Run

RATE = 8_000


def test_sparsity_of_even_and_of_single_values() -> None:
    rows = torch.zeros(4, 16, dtype=torch.float64)
    rows[0] = 3.0
    rows[1, 5] = -2.0
    rows[2, :4] = 1.0  # l1 / l2 = 4 / 2
    even, single, some, silent = hoyer_sparsity(rows).tolist()
    assert (even, single, some) == pytest.approx((0.0, 1.0, 2.0 / 3.0))
    assert math.isnan(silent)
    assert math.isnan(hoyer_sparsity(torch.ones(1, 1))[0])


def test_centroid_and_bandwidth_are_librosas() -> None:
    images = torch.rand(3, 65, 33) - 0.2
    frequencies = np.arange(65) * RATE / 128
    centroid_hz, bandwidth_hz = spectral_shape(images, torch.from_numpy(frequencies))
    for image, centroid, bandwidth in zip(images.numpy(), centroid_hz, bandwidth_hz, strict=True):
        spectrum = np.maximum(image, 0.0).sum(axis=1, keepdims=True).astype(np.float64)
        kwargs = {"S": spectrum, "freq": frequencies}
        assert float(centroid) == pytest.approx(librosa.feature.spectral_centroid(**kwargs).item(), rel=1e-6)
        assert float(bandwidth) == pytest.approx(librosa.feature.spectral_bandwidth(**kwargs).item(), rel=1e-6)


def test_onsets_stand_and_tones_lie() -> None:
    images = torch.zeros(4, 65, 80)
    images[0, :, 20::15] = 1.0
    images[1, 7::9] = 1.0
    images[2] = torch.rand(65, 80, generator=torch.Generator().manual_seed(1))
    upright, lying, neither, silent = onset_share(images).tolist()
    assert (upright, lying) == (1.0, 0.0)
    assert neither == pytest.approx(0.5, abs=0.02)
    assert math.isnan(silent)


def test_onset_share_ranks_mixtures_as_harmonic_percussive_separation_does() -> None:
    generator = np.random.default_rng(3)
    ours, librosas = [], []
    for amount in np.linspace(0.05, 0.95, 10):
        image = 0.02 * generator.random((129, 120))
        image[10::14] += 1.0 - amount
        image[:, 6::13] += amount
        harmonic, percussive = librosa.decompose.hpss(image)
        librosas.append((percussive**2).sum() / ((percussive**2).sum() + (harmonic**2).sum()))
        ours.append(float(onset_share(torch.from_numpy(image)[None])[0]))
    assert np.all(np.diff(ours) > 0)
    assert np.all(np.diff(librosas) > 0)


def test_similarity_is_the_cosine() -> None:
    images = torch.randn(4, 6, 5)
    images[3] = 0.0
    found = similarity(images).numpy()
    flat = images.flatten(1).double().numpy()
    expected = (flat[:3] @ flat[:3].T) / np.outer(*[np.linalg.norm(flat[:3], axis=1)] * 2)
    np.testing.assert_allclose(found[:3, :3], expected, atol=1e-12)
    np.testing.assert_array_equal(found[3], [0.0, 0.0, 0.0, 1.0])


def test_similar_units_stand_side_by_side_pair_by_pair_not_by_a_chain() -> None:
    # Vectors at 0, 31, 15, 90 and 30 degrees: the closest pair is 30 and 31, then 0 and 15; 90 is far from all.
    angles = np.radians([0.0, 31.0, 15.0, 90.0, 30.0])
    summary = LayerSummary((None,) * 5, np.cos(angles[:, None] - angles[None]))
    place = {unit: row for row, unit in enumerate(summary.side_by_side())}
    for group in ([1, 4], [0, 2], [0, 1, 2, 4]):
        rows = sorted(place[unit] for unit in group)
        assert rows[-1] - rows[0] == len(group) - 1
    assert LayerSummary((None,), np.ones((1, 1))).side_by_side() == [0]


class Unbiased(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(5, 4, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2))
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(4 * 16 * 8, 6, bias=False), nn.ReLU())
        self.output = nn.Linear(6, 3, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dense(self.block2(self.block1(image))))
        return logits


@pytest.mark.parametrize("layer", ["block1.0", "block1.2", "block2.1", "dense.2", "output"])
def test_votes_of_a_network_without_biases_sum_to_the_logits(layer: str) -> None:
    torch.manual_seed(0)
    network = Unbiased().double()
    tape = record(network, torch.rand(1, 1, 65, 33, dtype=torch.float64))
    said = outcome(votes_parts(tape, layer))
    assert said.shape == (tape.layer(layer).shape[1], 3)
    torch.testing.assert_close(said.sum(dim=0), tape.output[0], rtol=1e-10, atol=1e-12)


def test_votes_of_a_dense_layer_are_activation_times_weight() -> None:
    torch.manual_seed(0)
    network = Unbiased().double()
    tape = record(network, torch.rand(1, 1, 65, 33, dtype=torch.float64))
    torch.testing.assert_close(
        outcome(votes_parts(tape, "dense.2")), (tape.layer("dense.2") * network.output.weight).T.detach()
    )


@pytest.fixture
def run() -> Run:
    torch.manual_seed(0)
    spec = ModelSpec(
        id="tiny",
        title="Tiny",
        labels=("a", "b", "c"),
        layers=(Layer("conv1", "block1.2", 5), Layer("dense", "dense.2", 6), Layer("output", "output", 3)),
        front_end=SpectrogramFrontEnd(RATE, n_fft=128, hop=64, window_samples=2048),
        build=Unbiased,
        weights=Weights(Path("nowhere"), "MIT"),
        output="softmax",
        summary="For tests.",
    )
    network = Unbiased()
    with torch.no_grad():  # unit 1 is a louder twin of unit 0, unit 4 is silent
        network.block1[0].weight[0].uniform_(-0.1, 0.5)
        network.block1[0].weight[1] = 2 * network.block1[0].weight[0]
        network.block1[0].bias[1] = 2 * network.block1[0].bias[0]
        network.block1[0].weight[4] = 0.0
        network.block1[0].bias[4] = -1.0
    samples = 0.1 * np.random.default_rng(5).standard_normal(2048)
    return Model(spec, network, torch.device("cpu")).analyse(Clip(samples, RATE))


def summarised(run: Run, layer: str) -> LayerSummary:
    return outcome(summarise_parts(run, layer, run.deconvolve(layer)))


def test_a_layer_is_summarised(run: Run) -> None:
    summary = summarised(run, "conv1")
    assert [unit.unit for unit in summary.units] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([unit.activity for unit in summary.units], run.activity("conv1").values, rtol=1e-5)
    first, twin, *_, silent = summary.units
    assert twin.activity == pytest.approx(4 * first.activity, rel=1e-5)
    assert (twin.sparsity, twin.centroid_hz, twin.onset_share) == pytest.approx(
        (first.sparsity, first.centroid_hz, first.onset_share), rel=1e-5
    )
    assert 0.0 < first.sparsity < 1.0
    assert 0.0 < first.centroid_hz < RATE / 2
    assert summary.similarity[0, 1] == pytest.approx(1.0)
    order = summary.side_by_side()
    assert abs(order.index(0) - order.index(1)) == 1
    assert silent.activity == 0.0
    assert silent.votes == (0.0, 0.0, 0.0)
    assert math.isnan(silent.centroid_hz)


def test_dense_and_output_layers_are_summarised(run: Run) -> None:
    dense = summarised(run, "dense")
    np.testing.assert_allclose([unit.activity for unit in dense.units], run.activity("dense").values, rtol=1e-5)
    assert all(math.isnan(unit.sparsity) for unit in dense.units)
    logits = run.feature_maps("output")
    np.testing.assert_allclose(np.sum([unit.votes for unit in dense.units], axis=0), logits, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose([unit.votes for unit in summarised(run, "output").units], np.diag(logits), rtol=1e-6)
