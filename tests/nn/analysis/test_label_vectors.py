"""Tests of label vectors in many networks, against the thesis's table, scipy and sklearn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import is_valid_linkage
from sklearn.metrics.pairwise import cosine_similarity
from torch import nn
from torch.nn import functional

import auralscope as asc
from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.errors import AuralScopeError, UnknownNameError
from auralscope.nn.analysis.label_vectors import LabelVectors
from auralscope.nn.architectures import architecture
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights

LABELS = ("rock", "Mellow", "sad", "60s", "beautiful")
WEIGHT = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """Network with a block of eight maps and given layers above it."""

    def __init__(self, head: nn.Module, pooled: bool = True) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1 if pooled else (2, 3)))
        self.head = head

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.block(image))
        return result


class Head(nn.Module):
    """A dense layer made by a function rather than a module."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.weight = nn.Parameter(WEIGHT.clone())
        self.bias = nn.Parameter(torch.ones(5))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        if self.form == "convolution":
            return functional.conv2d(maps, self.weight[:, :, None, None], self.bias).mean(dim=(2, 3))
        if self.form == "most over time":
            return functional.conv2d(maps, self.weight[:, :, None, None]).amax(dim=(2, 3))
        hidden = maps.flatten(2).mean(dim=2)
        if self.form == "linear":
            return functional.linear(functional.dropout(hidden, 0.5, self.training), self.weight, self.bias)
        if self.form == "matmul":
            return hidden @ self.weight.T + self.bias
        if self.form == "turned":
            return (self.weight @ hidden.T).T
        if self.form == "addmm":
            return torch.addmm(self.bias, hidden, self.weight.T)
        if self.form == "softmax":
            return functional.linear(hidden, self.weight).softmax(dim=1)
        return functional.linear(hidden.relu(), self.weight, self.bias)


def model_of(network: nn.Module, **more: object) -> Model:
    more = {
        "layers": (Layer("conv1", "block", 8),),
        "front_end": SpectrogramFrontEnd(sample_rate=8000, n_fft=64, hop=64, window_samples=1024),
    } | more
    spec = ModelSpec(
        id="a-net",
        title="",
        labels=LABELS,
        build=lambda: network,
        weights=Weights(None, "MIT"),
        output="sigmoid",
        summary="",
        **more,
    )
    return Model(spec, network, torch.device("cpu"))


@pytest.mark.parametrize("form", ["linear", "matmul", "turned", "addmm", "relu", "convolution", "most over time"])
@pytest.mark.parametrize("pooled", [True, False])
def test_weights_are_found_whatever_made_the_dense_layer(form: str, pooled: bool) -> None:
    model = model_of(Net(Head(form), pooled))
    found = model.label_vectors()
    np.testing.assert_allclose(found.matrix, WEIGHT.T.numpy(), rtol=1e-6)
    assert found.labels == LABELS
    assert found.layer == "conv1"
    assert model.label_vectors() is found


def test_units_that_no_layer_has_are_not_named() -> None:
    """Flattened maps are more than the layer's units; a dense layer in between has other units."""
    flat = model_of(Net(nn.Sequential(nn.Flatten(), nn.Linear(48, 5)), pooled=False)).label_vectors()
    assert (flat.matrix.shape, flat.layer) == ((48, 5), "")
    deep = nn.Sequential(nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5))
    found = model_of(Net(deep)).label_vectors()
    assert found.layer == ""
    np.testing.assert_allclose(found.matrix, deep[3].weight.detach().numpy().T)


def test_layers_that_mix_labels_are_named_in_the_error() -> None:
    with pytest.raises(AuralScopeError, match="'softmax' stands above its last dense layer"):
        model_of(Net(Head("softmax"))).label_vectors()

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(8, 5)

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.dense(maps.flatten(1))
            return torch.roll(logits, 5)

    odd = Net(Odd())
    with pytest.raises(AuralScopeError, match="'roll' stands above"):
        model_of(odd).label_vectors()
    found = model_of(odd, label_vectors="head.dense").label_vectors()
    np.testing.assert_allclose(found.matrix, odd.head.dense.weight.detach().numpy().T)
    with pytest.raises(AuralScopeError, match="names 'block' for its label vectors"):
        model_of(odd, label_vectors="block").label_vectors()
    with pytest.raises(AuralScopeError, match="has no dense layer"):
        model_of(nn.Flatten()).label_vectors()


def test_the_model_that_comes_with_it() -> None:
    model = asc.load_model("genre-convnet", device="cpu")
    found = model.label_vectors()
    np.testing.assert_allclose(found.matrix, model.network.output.weight.numpy().T)
    assert found.layer == "dense"


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("dieleman-2014", "dense"),
        ("k1c2-0.1m", "dense2"),
        ("k2c1-0.1m", "dense2"),
        ("k2c2-0.1m", "conv5"),
        ("crnn-0.1m", "gru2"),
        ("compact-convnet", "conv5"),
        ("sample-cnn", "conv11"),
    ],
)
def test_architectures_of_the_papers(name: str, layer: str) -> None:
    chosen = architecture(name)
    bins, frames = chosen.input_shape
    front_end = (
        WaveformFrontEnd(22_050, frames)
        if chosen.family == "waveform"
        else SpectrogramFrontEnd(12_000, 512, 256, (frames - 1) * 256, n_mels=bins)
    )
    network = chosen.build(len(LABELS))
    model = model_of(network, layers=chosen.layers(len(LABELS)), front_end=front_end)
    found = model.label_vectors()
    np.testing.assert_allclose(found.matrix, network.output.weight.numpy().T, atol=1e-6)
    assert found.layer == layer


@pytest.fixture
def vectors() -> LabelVectors:
    return LabelVectors(LABELS, WEIGHT.T.double().numpy())


def test_similarities_are_sklearns(vectors: LabelVectors) -> None:
    np.testing.assert_allclose(vectors.similarity(), cosine_similarity(vectors.matrix.T), atol=1e-12)
    np.testing.assert_allclose(vectors.similarity(metric="dot"), vectors.matrix.T @ vectors.matrix)
    assert (vectors.similarity() == vectors.similarity().T).all()
    with pytest.raises(ValueError, match="not 'euclid'"):
        vectors.similarity(metric="euclid")


@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_pairs_and_ranks(vectors: LabelVectors, metric: str) -> None:
    pairs = vectors.pairs(metric=metric)
    assert len(pairs) == 10
    assert [pair.value for pair in pairs] == sorted((pair.value for pair in pairs), reverse=True)
    ranks = vectors.ranks(metric=metric)
    for place, pair in enumerate(pairs, start=1):
        a, b = LABELS.index(pair.a), LABELS.index(pair.b)
        assert a < b
        assert pair.value == vectors.similarity(metric=metric)[a, b]
        assert ranks[a, b] == ranks[b, a] == place
    assert not np.diagonal(ranks).any()


def test_a_vector_of_zeros_is_undefined_and_last() -> None:
    matrix = WEIGHT.T.double().numpy().copy()
    matrix[:, 1] = 0.0
    vectors = LabelVectors(LABELS, matrix)
    assert np.isnan(vectors.similarity()[1]).all()
    assert all("Mellow" in pair[:2] for pair in vectors.pairs()[-4:])
    assert sorted(vectors.order(by="clustered")) == [0, 1, 2, 3, 4]


def test_labels_are_arranged_in_each_order(vectors: LabelVectors) -> None:
    assert vectors.order() == [0, 1, 2, 3, 4]
    assert [LABELS[place] for place in vectors.order(by="alphabetical")] == [
        "60s",
        "beautiful",
        "Mellow",
        "rock",
        "sad",
    ]
    assert [LABELS[place] for place in vectors.order(by="category")] == ["rock", "60s", "Mellow", "sad", "beautiful"]
    assert is_valid_linkage(vectors.linkage)
    # Two bundles of vectors: clustering brings each together.
    base = np.array([[1.0, 0.0], [0.0, 1.0]])[:, [0, 1, 0, 1, 0]] + 0.05 * np.random.default_rng(0).random((2, 5))
    order = LabelVectors(LABELS, base).order(by="clustered")
    assert {frozenset(order[:3]), frozenset(order[3:])} == {frozenset({0, 2, 4}), frozenset({1, 3})} or {
        frozenset(order[:2]),
        frozenset(order[2:]),
    } == {frozenset({0, 2, 4}), frozenset({1, 3})}


def test_votes_and_shared_units(vectors: LabelVectors) -> None:
    votes = vectors.votes("sad")
    assert [vote.weight for vote in votes] == sorted(vectors.matrix[:, 2], reverse=True)
    assert all(vectors.matrix[vote.unit, 2] == vote.weight for vote in votes)
    shared = vectors.shared_units("sad", "beautiful")
    assert sum(vote.weight for vote in shared) == pytest.approx(vectors.similarity()[2, 4])
    assert shared[0].weight == max(vote.weight for vote in shared)


def test_labels_by_name(vectors: LabelVectors) -> None:
    assert vectors.index("mellow") == 1
    with pytest.raises(UnknownNameError, match="no label 'polka'"):
        vectors.votes("polka")
    twins = LabelVectors(("House", "house"), np.eye(2))
    assert (twins.index("House"), twins.index("house")) == (0, 1)


def test_the_thesis_table_7c(shared: Path) -> None:
    """Choi 2018, table 7-C: its 20 pairs in its order, and the values that it quotes."""
    import h5py

    reference = shared / "reference"
    labels = tuple(json.loads((reference / "golden" / "msd_tags.json").read_text()))
    with h5py.File(reference / "compact_convnet" / "weights_theano.hdf5") as file:
        vectors = LabelVectors(labels, np.array(file["dense_1/dense_1_W"], dtype=np.float64))
    table = json.loads((reference / "golden" / "table_7c_label_vector_pairs.json").read_text())
    assert len(table) == 20
    pairs = vectors.pairs()
    assert [{pair.a, pair.b} for pair in pairs[:20]] == [set(names) for names in table]
    assert [round(pairs[place - 1].value, 2) for place in (6, 9, 12)] == [0.88, 0.86, 0.82]
