"""Tests of the names of first-layer kernels of known shape."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import auralscope as asc
from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.errors import AuralScopeError
from auralscope.nn.analysis.first_layer import Responses, describe, first_layer_kernels
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights

BEGINS = [[-1, 0, 1]] * 3
LINE = [[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]
KNOWN = {
    "onset": BEGINS,
    "offset": [[1, 0, -1]] * 3,
    "harmonic": LINE,
    "percussive": [[-1, 2, -1]] * 3,
    "low-pass": [[1, 1, 1]] * 3,
    "inverted low-pass": [[-1, -1, -1]] * 3,
    "high-pass": [[1, -1, 1], [-1, 0, -1], [1, -1, 1]],
}


def model_of(kernels: np.ndarray, front_end: SpectrogramFrontEnd, first: nn.Module | None = None) -> Model:
    convolution = nn.Conv2d(1, len(kernels), kernels.shape[1:], padding=1)
    convolution.weight.data = torch.from_numpy(kernels[:, None]).float()
    head = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(len(kernels), 2))
    network = nn.Sequential(first or nn.Identity(), convolution, head)
    spec = ModelSpec(
        id="a-net",
        title="",
        labels=("a", "b"),
        layers=(Layer("conv1", "1", len(kernels)),),
        front_end=front_end,
        build=lambda: network,
        weights=Weights(None, "MIT"),
        output="sigmoid",
        summary="",
    )
    return Model(spec, network, torch.device("cpu"))


FRONT_ENDS = {
    "stft": SpectrogramFrontEnd(11_025, 512, 128, 2 * 11_025),
    "mel": SpectrogramFrontEnd(16_000, 1024, 256, 3 * 16_000, n_mels=96, compression="db"),
    "short": SpectrogramFrontEnd(16_000, 512, 128, 8_000, n_mels=64),
}


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_kernels_of_known_shape(front_end: str) -> None:
    kernels = np.array([*KNOWN.values()], dtype=np.float32)
    found = first_layer_kernels(model_of(kernels, FRONT_ENDS[front_end]))
    assert [kernel.unit for kernel in found] == list(range(len(KNOWN)))
    assert {name: kernel.words[0] for name, kernel in zip(KNOWN, found, strict=True)} == {name: name for name in KNOWN}
    np.testing.assert_array_equal([kernel.weights for kernel in found], kernels)


def test_sweeps_are_named_by_direction() -> None:
    rises = np.array([[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], dtype=np.float32)  # the first row is the lowest bin
    front_end = SpectrogramFrontEnd(11_025, 256, 128, 2 * 11_025, compression="magnitude")
    up, down = first_layer_kernels(model_of(np.stack([rises, rises[::-1]]), front_end))
    assert up.words[0] == "rising"
    assert down.words[0] == "falling"
    assert up.responses.up > 0.5 > 0.0 > up.responses.down


def test_responses_do_not_depend_on_a_kernels_size() -> None:
    kernels = np.array([BEGINS, LINE], dtype=np.float32)
    one = first_layer_kernels(model_of(kernels, FRONT_ENDS["stft"]))
    other = first_layer_kernels(model_of(100 * kernels, FRONT_ENDS["stft"]))
    for a, b in zip(one, other, strict=True):
        assert vars(a.responses) == pytest.approx(vars(b.responses))
        assert all(-1.0 - 1e-9 <= value <= 1.0 + 1e-9 for value in vars(a.responses).values())


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (20, 1), (2, 2), (5, 5)])
def test_kernels_of_any_shape(shape: tuple[int, int]) -> None:
    kernels = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    found = first_layer_kernels(model_of(kernels, FRONT_ENDS["mel"]))
    assert all(np.isfinite([*vars(kernel.responses).values()]).all() for kernel in found)
    across = first_layer_kernels(model_of(np.array([[[-1, -1, 1, 1]]], dtype=np.float32), FRONT_ENDS["mel"]))
    assert across[0].words[0] == "onset"


def test_the_model_that_comes_with_it() -> None:
    model = asc.load_model("genre-convnet", device="cpu")
    found = first_layer_kernels(model)
    assert len(found) == 64
    np.testing.assert_array_equal(found[7].weights, model.network.block1.conv.weight[7, 0].numpy())


def test_a_kernel_of_zeros_answers_to_nothing() -> None:
    (found,) = first_layer_kernels(model_of(np.zeros((1, 3, 3), dtype=np.float32), FRONT_ENDS["stft"]))
    assert set(vars(found.responses).values()) == {0.0}


def test_names_need_clear_responses() -> None:
    weak = Responses(onset=0.2, offset=-0.3, noise=-0.3, tone=-0.3, click=-0.3, up=0.0, down=0.0)
    assert describe(weak) == ("mixed",)


def test_a_first_layer_that_is_no_convolution() -> None:
    model = model_of(np.ones((2, 3, 3), dtype=np.float32), FRONT_ENDS["short"])
    model.network = nn.Sequential(nn.Flatten(), nn.Linear(64 * 63, 2))
    with pytest.raises(AuralScopeError, match="has no kernels"):
        first_layer_kernels(model)
    waveform = model_of(np.ones((2, 1, 3), dtype=np.float32), WaveformFrontEnd(8_000, 4_000))
    with pytest.raises(AuralScopeError, match="is the waveform"):
        first_layer_kernels(waveform)
