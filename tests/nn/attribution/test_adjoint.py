"""Tests of every linear step and its adjoint on random shapes: <A x, y> = <x, A* y> for any x and y.

Max pooling is linear, too, as long as its switches stay: with the image itself as x they do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.nn.attribution.backward import Deconvolution
from auralscope.nn.tape.signals import Signal

if TYPE_CHECKING:
    from auralscope.nn.tape.capture import Tape

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch's note on its speed
drawn = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


class From(Deconvolution):
    """Carry given signals down instead of the layer's maps."""

    def __init__(self, signal: Signal) -> None:
        super().__init__()
        self.signal = signal

    def start(self, tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
        return top, self.signal


def down(network: nn.Module, image: Tensor, signal: Signal) -> Tensor:
    """Carry signals at the network's output down to its input, (signals, channels, ...)."""
    units = [0] * len(signal.values)
    images = asc.deconvolve(network, image, "", units=units, method=From(signal))
    return images.reshape(len(units), *image.shape[1:])


def check(network: nn.Module, image: Tensor, seed: int) -> None:
    """Check the identity for two signals that fill the output and for two in a single channel."""
    network = network.double().eval().requires_grad_(False)
    try:
        output = network(image)
        nothing = network(torch.zeros_like(image))
    except RuntimeError:  # a padding that the plane is too small for, an output without a cell
        reject()
    if not output.numel():
        reject()
    random = torch.Generator().manual_seed(seed)
    linear = (output - nothing)[0]
    full = torch.randn(2, *output.shape[1:], generator=random, dtype=torch.float64)
    channels = torch.randint(output.shape[1], (2,), generator=random)
    alone = torch.zeros_like(full)
    alone[[0, 1], channels] = full[[0, 1], channels]
    signals = [(full, Signal(full))]
    if output.ndim == image.ndim:
        signals.append((alone, Signal(full[[0, 1], channels].unsqueeze(1), channels)))
    for y, signal in signals:
        found = down(network, image, signal)
        for one, back in zip(y, found, strict=True):
            expected = float((linear * one).sum())
            scale = float(linear.norm() * one.norm()) + 1e-30
            assert math.isclose(float((image[0] * back).sum()), expected, abs_tol=1e-12 * scale)


def plane(draw: st.DrawFn, dimensions: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(low, high)) for _ in range(dimensions))


@st.composite
def convolutions(draw: st.DrawFn, dimensions: int | None = None, given_channels: int | None = None) -> nn.Module:
    dimensions = dimensions or draw(st.sampled_from([1, 2]))
    groups = draw(st.sampled_from([1, 1, 2, 3])) if given_channels is None else 1
    channels = given_channels or groups * draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["same", "valid", *[plane(draw, dimensions, 0, 5)] * 4]))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    return (nn.Conv1d if dimensions == 1 else nn.Conv2d)(
        channels,
        groups * draw(st.integers(1, 3)),
        plane(draw, dimensions, 1, 5),
        stride=1 if padding == "same" else plane(draw, dimensions, 1, 3),
        dilation=plane(draw, dimensions, 1, 3),
        padding=padding,
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "zeros", "zeros", "reflect", "replicate", "circular"])),
    )


def image_of(channels: int, size: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@drawn
@given(convolutions(), st.tuples(st.integers(1, 17), st.integers(1, 17)), st.integers(0, 2**16))
def test_convolution(convolution: nn.Module, size: tuple[int, int], seed: int) -> None:
    size = size[: len(convolution.kernel_size)]
    check(convolution, image_of(convolution.in_channels, size, seed), seed)


@drawn
@given(st.data(), st.sampled_from([1, 2]), st.integers(1, 3), st.integers(0, 2**16))
def test_average_pooling(data: st.DataObject, dimensions: int, channels: int, seed: int) -> None:
    window = plane(data.draw, dimensions, 1, 4)
    kind = nn.AvgPool1d if dimensions == 1 else nn.AvgPool2d
    pool = kind(
        window,
        plane(data.draw, dimensions, 1, 4),
        tuple(data.draw(st.integers(0, size // 2)) for size in window),
        ceil_mode=data.draw(st.booleans()),
        count_include_pad=data.draw(st.booleans()),
    )
    check(pool, image_of(channels, plane(data.draw, dimensions, 4, 13), seed), seed)


@drawn
@given(st.data(), st.sampled_from([1, 2]), st.integers(1, 3), st.integers(0, 2**16))
def test_adaptive_and_global_average_pooling(data: st.DataObject, dimensions: int, channels: int, seed: int) -> None:
    kind = nn.AdaptiveAvgPool1d if dimensions == 1 else nn.AdaptiveAvgPool2d
    size = plane(data.draw, dimensions, 1, 5)
    check(kind(size), image_of(channels, plane(data.draw, dimensions, 3, 12), seed), seed)


@drawn
@given(st.data(), st.sampled_from([1, 2]), st.integers(1, 3), st.integers(0, 2**16))
def test_unpooling_by_the_switches(data: st.DataObject, dimensions: int, channels: int, seed: int) -> None:
    window = plane(data.draw, dimensions, 1, 4)
    tiled = data.draw(st.booleans())
    kind = nn.MaxPool1d if dimensions == 1 else nn.MaxPool2d
    pool = kind(
        window,
        window if tiled else plane(data.draw, dimensions, 1, 4),
        0 if tiled else tuple(data.draw(st.integers(0, size // 2)) for size in window),
        1 if tiled else plane(data.draw, dimensions, 1, 2),
        ceil_mode=data.draw(st.booleans()),
    )
    check(pool, image_of(channels, plane(data.draw, dimensions, 4, 13), seed), seed)


@drawn
@given(st.data(), st.sampled_from([1, 2]), st.integers(0, 2**16))
def test_a_pooling_above_a_convolution(data: st.DataObject, dimensions: int, seed: int) -> None:
    """Leaving out the zeros between a pooling and a convolution changes nothing."""
    below = data.draw(convolutions(dimensions, given_channels=data.draw(st.integers(1, 2))))
    wide = type(below)(
        below.in_channels, 12, below.kernel_size, padding=data.draw(st.integers(0, 3)), bias=False
    )  # more channels than products a cell, so that the two are one matrix
    window = plane(data.draw, dimensions, 1, 4)
    pool = (nn.MaxPool1d if dimensions == 1 else nn.MaxPool2d)(window)
    above = type(below)(12, 4, plane(data.draw, dimensions, 1, 3), padding=1, bias=False)
    network = nn.Sequential(wide, pool) if data.draw(st.booleans()) else nn.Sequential(wide, pool, above, pool)
    check(network, image_of(below.in_channels, plane(data.draw, dimensions, 8, 21), seed), seed)


@drawn
@given(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**16))
def test_batch_norm(channels: int, bins: int, frames: int, seed: int) -> None:
    torch.manual_seed(seed)
    for norm, size in ((nn.BatchNorm2d(channels), (bins, frames)), (nn.BatchNorm1d(channels), (frames,))):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.1, 3.0)
        check(norm, image_of(channels, size, seed), seed)


class Calls(nn.Module):
    """A forward pass of plain calls."""

    def __init__(self, forward: object) -> None:
        super().__init__()
        self._forward = forward
        torch.manual_seed(5)
        self.one, self.two = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(2, 3, 1)
        self.register_buffer("constant", torch.rand(3, 1, 1) + 0.5)

    def forward(self, image: Tensor) -> Tensor:
        return self._forward(self, image)


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: x + net.one(x)[:, :2],
        lambda net, x: net.one(x) - net.two(x),
        lambda net, x: 2.0 - net.one(x),
        lambda net, x: -net.one(x) / 4.0,
        lambda net, x: net.one(x) / net.constant,
        lambda net, x: net.one(x) * net.constant * 0.5,
        lambda net, x: torch.cat([net.one(x), x, net.two(x)], dim=1),
        lambda net, x: torch.concat([net.one(x), net.two(x)], dim=2),
        lambda net, x: net.one(x).flatten(1),
        lambda net, x: net.one(x).flatten(2).mean(dim=2),
        lambda net, x: net.one(x).mean(dim=(2, 3), keepdim=True),
        lambda net, x: torch.sum(net.one(x), dim=3),
        lambda net, x: net.one(x).permute(0, 3, 1, 2),
        lambda net, x: net.one(x).transpose(2, 3).contiguous(),
        lambda net, x: net.one(x).reshape(1, 9, -1, 3).clone(),
        lambda net, x: functional.pad(net.one(x), (2, 0, 1, 3)),
        lambda net, x: functional.pad(net.one(x), (2, 1, 1, 2), mode="reflect"),
        lambda net, x: functional.interpolate(net.one(x), scale_factor=2.0, mode="bilinear"),
        lambda net, x: functional.interpolate(net.one(x), size=(4, 5)),
        lambda net, x: net.one(x)[:, :, 1:-1:2].unsqueeze(0).squeeze(0),
        lambda net, x: functional.dropout(net.one(x), training=net.training),
        lambda net, x: functional.adaptive_avg_pool2d(net.one(net.one(x)[:, :2]), 1),
    ],
)
def test_calls(forward: object) -> None:
    check(Calls(forward), image_of(2, (9, 12), 3), 8)


LINEAR = {
    "linear over the last axis": lambda net, x: functional.linear(x, torch.ones(4, x.shape[-1]).double().tril(1)),
    "einsum": lambda net, x: torch.einsum("bcij,bdij->bcd", net.one(x), torch.ones_like(x)),
    "chunk and stack": lambda net, x: torch.stack(net.one(x).chunk(2, dim=3)[:1], dim=1).flatten(1, 2),
    "split and concatenated": lambda net, x: torch.cat(net.one(x).split([1, 2], dim=1)[::-1], dim=1),
    "unbind": lambda net, x: sum(torch.unbind(net.one(x), dim=2)),
    "expand": lambda net, x: net.one(x).mean(dim=2, keepdim=True).expand(-1, -1, 3, -1),
    "repeat": lambda net, x: net.one(x).repeat(1, 1, 2, 3),
    "repeat_interleave": lambda net, x: net.one(x).repeat_interleave(2, dim=3),
    "flip and roll": lambda net, x: net.one(x).flip(3).roll((1, 2), (2, 3)),
    "cumsum": lambda net, x: net.one(x).cumsum(dim=3),
    "tril": lambda net, x: net.one(x).tril(),
    "unfold": lambda net, x: functional.unfold(net.one(x), 2, padding=1),
    "fold": lambda net, x: functional.fold(functional.unfold(net.one(x), 2), x.shape[2:], 2),
    "windows of a view": lambda net, x: net.one(x).unfold(3, 3, 2).flatten(3),
    "transposed convolution": lambda net, x: functional.conv_transpose2d(
        net.one(x), net.constant.new_ones(3, 2, 2, 3), stride=2, padding=1, output_padding=1, dilation=2
    ),
    "pixel shuffle": lambda net, x: functional.pixel_shuffle(torch.cat([net.one(x), net.two(x), x], dim=1), 2),
    "channel shuffle": lambda net, x: functional.channel_shuffle(torch.cat([net.one(x), net.two(x)], dim=1), 2),
    "Fourier transform": lambda net, x: torch.fft.rfft2(net.one(x)).real + torch.fft.rfft2(net.one(x)).imag,
    "there and back": lambda net, x: torch.fft.irfft(torch.fft.rfft(net.one(x)) * 0.5, n=x.shape[3]),
    "STFT": lambda net, x: (
        torch.view_as_real(
            torch.stft(x[0].flatten(1), 8, 3, window=torch.hann_window(8).double(), return_complex=True, center=False)
        )
        .permute(0, 3, 1, 2)
        .reshape(1, 4, 5, -1)
    ),
    "gather": lambda net, x: net.one(x).gather(3, torch.zeros_like(x[:, :1, :, :2]).long().expand(-1, 3, -1, -1)),
    "antialiased": lambda net, x: functional.interpolate(
        net.one(x), size=(3, 4), mode="bilinear", antialias=True, align_corners=False
    ),
    "average of a moved axis": lambda net, x: torch.movedim(net.one(x), 1, 3).mean(dim=3, keepdim=True),
    "sum with weights": lambda net, x: torch.add(net.one(x), net.two(x), alpha=0.3),
    "slices written": lambda net, x: torch.cat([net.one(x), net.two(x)], dim=1).index_fill_(1, torch.tensor([1]), 0.0),
    "norm by constants": lambda net, x: (net.one(x) - net.constant) / (net.constant**2 + 1.0),
}


@pytest.mark.network("Linear steps", "{name}")
@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=8, deadline=None)
@given(st.tuples(st.integers(3, 9), st.integers(3, 9)), st.integers(0, 2**16))
def test_linear_calls_on_random_shapes(name: str, size: tuple[int, int], seed: int) -> None:
    check(Calls(LINEAR[name]), image_of(2, size, seed), seed)
