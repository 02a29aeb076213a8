"""Read maps in any order of axes, each network against the same one written plainly."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.layout import Layout, layout_of

SAMPLES, FRAME = 480, 60
CELLS = ("deconvolution", "guided", "gradient", "lrp-epsilon")


def layout(network: nn.Module, image: Tensor, layer: str) -> tuple[Tensor, Layout]:
    tape = record(network, image)
    value = tape.layer(layer)
    return value, layout_of(tape, value)


def maps(network: nn.Module, image: Tensor, layer: str) -> Tensor:
    value, found = layout(network, image, layer)
    return found.maps(value)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def built(kind: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    return kind().double().eval().requires_grad_(False)


# -- convolutions over time of mel bands ---------------------------------------------------------------------------


class OverBands(nn.Module):
    """Time-delay network (x-vector, Snyder et al. 2018): the mel bands are the channels of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv1d(10, 6, 5, dilation=2), nn.BatchNorm1d(6)
        self.grouped, self.pointwise = nn.Conv1d(6, 6, 3, groups=3), nn.Linear(6, 4)
        self.last = nn.Linear(8, 3)

    def forward(self, image: Tensor) -> Tensor:
        y = self.grouped(functional.relu(self.norm(self.first(image.squeeze(1)))))
        y = functional.relu(self.pointwise(y.transpose(1, 2)))
        return self.last(torch.cat([y.mean(1), y.std(1)], dim=1))


class OverBandsAsImage(OverBands):
    """The same network with convolutions of images that span all bands."""

    def forward(self, image: Tensor) -> Tensor:
        y = functional.conv2d(image, self.first.weight.unsqueeze(1), self.first.bias, dilation=(1, 2))
        norm = self.norm
        y = functional.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return functional.conv2d(functional.relu(y), self.grouped.weight.unsqueeze(2), self.grouped.bias, groups=3)


@pytest.mark.parametrize("method", CELLS)
def test_channels_of_a_convolution_over_time_are_units(method: str) -> None:
    network, image = built(OverBands), noise(1, 1, 10, 40)
    assert maps(network, image, "first").shape == (6, 32)
    assert maps(network, image, "pointwise").shape == (4, 30)
    found = asc.deconvolve(network, image, "grouped", method=method)
    as_image = built(OverBandsAsImage)
    torch.testing.assert_close(maps(network, image, "grouped"), maps(as_image, image, "")[:, 0])
    expected = asc.deconvolve(as_image, image, "", method=method)
    assert found.shape == (6, 10, 40)
    assert float(expected.abs().max()) > 0.0
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


def test_labels_above_bands_have_pictures_that_span_the_bands() -> None:
    network, image = built(OverBands), noise(1, 1, 10, 40)
    for method in ("deconvolution", "grad-cam", "gradient", "occlusion"):
        images = asc.deconvolve(network, image, "last", method=method)
        assert images.shape == (3, 10, 40)
        assert bool(images.any(dim=2).all())


# -- frames in the batch -------------------------------------------------------------------------------------------


class Pitch(nn.Module):
    """Frames of the waveform become a batch, as in CREPE (Kim et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(1, 5, 9, stride=3), nn.Conv1d(5, 4, 3)
        self.pool, self.label = nn.MaxPool1d(2), nn.Linear(4, 3)

    def frames(self, wave: Tensor) -> Tensor:
        return wave.view(-1, 1, FRAME)

    def forward(self, wave: Tensor) -> Tensor:
        y = self.second(self.pool(functional.relu(self.first(self.frames(wave)))))
        return self.label(functional.relu(y).amax(dim=2)).mean(dim=0, keepdim=True)


class PitchByUnfold(Pitch):
    def frames(self, wave: Tensor) -> Tensor:
        return wave.flatten().unfold(0, FRAME, FRAME).unsqueeze(1)


class PitchInALoop(Pitch):
    """The same network, one frame after the other."""

    def forward(self, wave: Tensor) -> Tensor:
        labels = []
        for start in range(0, SAMPLES, FRAME):
            y = self.pool(functional.relu(self.first(wave[..., start : start + FRAME])))
            labels.append(self.label(functional.relu(self.second(y)).amax(dim=2)))
        return torch.stack(labels).mean(dim=0)


@pytest.mark.parametrize("kind", [Pitch, PitchByUnfold])
def test_frames_in_the_batch_are_one_map(kind: type[Pitch]) -> None:
    network, wave = built(kind), noise(1, 1, SAMPLES)
    images = asc.deconvolve(network, wave, "second")
    assert images.shape == (4, SAMPLES)
    found = maps(network, wave, "second")
    for start in range(0, SAMPLES, FRAME):
        y = network.pool(functional.relu(network.first(wave[..., start : start + FRAME])))
        alone = nn.Sequential(network.first, nn.ReLU(), network.pool, network.second)
        expected = asc.deconvolve(alone, wave[..., start : start + FRAME], "3")
        torch.testing.assert_close(images[:, start : start + FRAME], expected, rtol=0, atol=1e-10)
        n = found.shape[1] * start // SAMPLES
        torch.testing.assert_close(found[:, n : n + found.shape[1] * FRAME // SAMPLES], network.second(y)[0])


@pytest.mark.parametrize("method", ["guided", "lrp-zplus", "occlusion"])
def test_a_label_above_folded_frames_equals_that_of_a_loop(method: str) -> None:
    folded, loop, wave = built(Pitch), built(PitchInALoop), noise(1, 1, SAMPLES)
    torch.testing.assert_close(folded(wave), loop(wave))
    found = asc.deconvolve(folded, wave, "", method=method)
    assert found.shape == (3, SAMPLES)
    assert float(found.abs().max()) > 0.0
    torch.testing.assert_close(found, asc.deconvolve(loop, wave, "", method=method))


def test_deconvolution_of_a_label_is_that_of_each_frame() -> None:
    network, wave = built(Pitch), noise(1, 1, SAMPLES)
    found = asc.deconvolve(network, wave, "")
    assert float(found.abs().max()) > 0.0
    for start in range(0, SAMPLES, FRAME):
        frame = wave[..., start : start + FRAME]
        alone = asc.deconvolve(network, frame, "") * FRAME / SAMPLES  # the label is a mean over frames
        torch.testing.assert_close(found[:, start : start + FRAME], alone, rtol=0, atol=1e-10)


def test_the_gradient_of_a_label_is_that_of_autograd() -> None:
    network, leaf = built(Pitch), noise(1, 1, SAMPLES).requires_grad_()
    for label, found in zip(
        network(leaf)[0], asc.deconvolve(network, leaf.detach(), "", method="gradient"), strict=True
    ):
        (expected,) = torch.autograd.grad(0.5 * label.square(), leaf, retain_graph=True)
        torch.testing.assert_close(found, expected[0, 0])


def test_grad_cam_weighs_the_map_over_all_frames() -> None:
    network, wave = built(Pitch), noise(1, 1, SAMPLES)
    found = asc.deconvolve(network, wave, "label", method="grad-cam")
    last = maps(network, wave, "second").relu()
    leaf = last.clone().requires_grad_()
    labels = network.label(leaf.view(4, SAMPLES // FRAME, -1).amax(dim=2).T).sum(dim=0)
    for label, image in zip(labels, found, strict=True):
        (gradient,) = torch.autograd.grad(label, leaf, retain_graph=True)
        coarse = (gradient.mean(dim=1, keepdim=True) * last).sum(dim=0).relu()
        expected = functional.interpolate(coarse[None, None], size=SAMPLES, mode="linear")[0, 0]
        torch.testing.assert_close(image, expected)


def test_folded_patches_of_a_spectrogram_keep_their_bins() -> None:
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.pool = nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d(2)

        def forward(self, image: Tensor) -> Tensor:
            patches = image.unfold(3, 8, 8).permute(0, 3, 1, 2, 4).reshape(-1, 1, image.shape[2], 8)
            return self.pool(functional.relu(self.first(patches)))

    network, image = built(Patches), noise(1, 1, 12, 32)
    value, found = layout(network, image, "pool")
    assert value.shape == (4, 3, 6, 4)
    joined = found.maps(value)
    assert joined.shape == (3, 6, 16)
    for patch in range(4):
        torch.testing.assert_close(joined[:, :, 4 * patch : 4 * patch + 4], value[patch])


# -- tokens --------------------------------------------------------------------------------------------------------


class Tokens(nn.Module):
    """Patches become tokens, with class tokens in front or at the end, in either order of the plane."""

    def __init__(self, by_unfold: bool, time_first: bool, in_front: int) -> None:
        super().__init__()
        self.patches, self.linear = nn.Conv2d(1, 5, 4, stride=4), nn.Linear(16, 5)
        self.extra = nn.Parameter(torch.randn(1, 2, 5))
        self.tokens, self.attention = nn.Identity(), nn.MultiheadAttention(5, 1, batch_first=True)
        self.by_unfold, self.time_first, self.in_front = by_unfold, time_first, in_front

    def forward(self, image: Tensor) -> Tensor:
        image = image.transpose(2, 3) if self.time_first else image
        if self.by_unfold:
            tokens = self.linear(functional.unfold(image, 4, stride=4).transpose(1, 2))
        else:
            tokens = self.patches(image).flatten(2).transpose(1, 2)
        extra = self.extra[:, : self.in_front], self.extra[:, self.in_front :]
        tokens = self.tokens(torch.cat([extra[0], tokens, extra[1]], dim=1))
        return self.attention(tokens, tokens, tokens, need_weights=False)[0][:, 0]


@pytest.mark.parametrize("by_unfold", [False, True])
@pytest.mark.parametrize("time_first", [False, True])
@pytest.mark.parametrize("in_front", [0, 1, 2])
def test_tokens_are_the_plane_of_their_patches(by_unfold: bool, time_first: bool, in_front: int) -> None:
    network, image = built(lambda: Tokens(by_unfold, time_first, in_front)), noise(1, 1, 12, 20)
    weight = network.linear.weight.view(5, 1, 4, 4) if by_unfold else network.patches.weight
    bias = network.linear.bias if by_unfold else network.patches.bias
    weight = weight.transpose(2, 3) if time_first else weight
    expected = functional.conv2d(image, weight, bias, stride=4)[0]
    torch.testing.assert_close(maps(network, image, "tokens"), expected)
    assert maps(network, image, "attention").shape == (5, 3, 5)


def test_a_batch_of_images_stays_a_batch() -> None:
    network, image = built(lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())), noise(1, 1, 9, 11)
    _, found = layout(network, image, "1")
    assert (found.batch, found.unit, found.frequency, found.time) == (0, 1, (2,), (3,))


# -- branches ------------------------------------------------------------------------------------------------------


class Branches(nn.Module):
    """Two branches that are joined above their last maps, as in musicnn (Pons & Serra 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.tall, self.wide = nn.Conv2d(1, 3, (5, 1)), nn.Conv2d(1, 2, (1, 7))
        self.dense = nn.Linear(5, 3)

    def forward(self, image: Tensor) -> Tensor:
        tall, wide = functional.relu(self.tall(image)), functional.relu(self.wide(image))
        return self.dense(torch.cat([tall.amax((2, 3)), wide.mean((2, 3))], dim=1))


def test_labels_above_branches_have_the_pictures_of_all_branches() -> None:
    network, image = built(Branches), noise(1, 1, 9, 12)
    found = asc.deconvolve(network, image, "dense")
    for unit, weights in enumerate(network.dense.weight):
        parts = []
        for convolution, some, pool in (
            (network.tall, weights[:3], lambda maps: maps.amax((2, 3))),
            (network.wide, weights[3:], lambda maps: maps.mean((2, 3))),
        ):
            maps = functional.relu(convolution(image)).requires_grad_()
            (gradient,) = torch.autograd.grad((pool(maps) * (some * pool(maps)).detach()).sum(), maps)
            parts.append(functional.conv_transpose2d(gradient.relu(), convolution.weight))
        torch.testing.assert_close(found[unit], (parts[0] + parts[1])[0, 0], rtol=0, atol=1e-12)
    leaf = image.clone().requires_grad_()
    for label, gradient in zip(
        network(leaf)[0], asc.deconvolve(network, image, "dense", method="gradient"), strict=True
    ):
        (expected,) = torch.autograd.grad(0.5 * label.square(), leaf, retain_graph=True)
        torch.testing.assert_close(gradient, expected[0, 0])


def test_frames_that_are_padded_with_zeros_stay_frames() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Conv2d(1, 3, 3, padding=1)

        def forward(self, image: Tensor) -> Tensor:
            maps: Tensor = self.block(functional.pad(image, (2, 3, 1, 0)))
            return maps

    tape = record(Padded(), torch.randn(1, 1, 7, 9))
    assert layout_of(tape, tape.layer("block")).maps(tape.layer("block")).shape == (3, 8, 14)


def test_states_that_are_stacked_are_a_sequence() -> None:
    class Stacked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.states = nn.Linear(12, 5), nn.Identity()

        def forward(self, image: Tensor) -> Tensor:
            state, states = image.new_zeros(1, 5), []
            for frame in torch.unbind(image[:, 0], dim=2):
                state = self.cell(torch.cat([frame, state], dim=1)).tanh()
                states.append(state)
            sequence: Tensor = self.states(torch.stack(states, dim=1))
            return sequence

    tape = record(Stacked(), torch.randn(1, 1, 7, 9))
    sequence = tape.layer("states")
    torch.testing.assert_close(layout_of(tape, sequence).maps(sequence), sequence[0].T)
