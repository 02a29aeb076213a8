"""Compare the rules for norms, gates, choices, attention and linear steps with twins written with autograd.

A twin is the same network, written out in float64 with `detach` on what a rule holds constant, and with an
activation whose backward pass rectifies. Its gradient is the deconvolution.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from rectified import rectified
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.errors import NoRuleError

METHODS = ("deconvolution", "guided", "lrp-epsilon", "lrp-zplus", "attnlrp", "gradient")


class Calls(nn.Module):
    """Two convolutions with something in between."""

    def __init__(self, between: Callable[..., Tensor], channels: int = 4) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.one, self.two = nn.Conv2d(1, channels, 3, padding=1), nn.Conv2d(1, channels, 3, padding=1)
        self.last = nn.LazyConv2d(3, 3)
        self.between = between
        self.weight, self.bias = nn.Parameter(torch.randn(channels)), nn.Parameter(torch.randn(channels))
        self.matrix = nn.Parameter(torch.randn(5, 10))

    def forward(self, image: Tensor) -> Tensor:
        return self.last(self.between(self, self.one(image), self.two(image)))


def images_of(network: nn.Module, image: Tensor) -> Tensor:
    """Return the gradient of each unit's map, weighted by the map."""
    leaf = image.clone().requires_grad_()
    maps = network(leaf)
    rows = []
    for unit in range(maps.shape[1]):
        signal = torch.zeros_like(maps)
        signal[0, unit] = maps[0, unit].detach()
        rows.append(torch.autograd.grad(maps, leaf, signal, retain_graph=True)[0][0, 0])
    return torch.stack(rows)


def image() -> Tensor:
    return torch.randn(1, 1, 12, 10, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def by_statistics(x: Tensor, axes: tuple[int, ...], centred: bool = True) -> Tensor:
    """Normalise with statistics that are held constant."""
    mean = x.mean(axes, keepdim=True).detach() if centred else 0.0
    power = (x.detach() - mean).square().mean(axes, keepdim=True)
    return (x - mean) / (power + 1e-5).sqrt()


def by_phase(spectrum: Tensor) -> Tensor:
    """Return the magnitude of a spectrum whose phase is held constant."""
    phase = spectrum.detach().angle()
    return spectrum.real * phase.cos() + spectrum.imag * phase.sin()


def per_channel(weight: Tensor) -> Tensor:
    return weight.view(1, -1, 1, 1)


def deviation(x: Tensor) -> Tensor:
    """Return the standard deviation as a sum of values, each times a constant."""
    plane = (2, 3)
    apart, n = (x - x.mean(plane, keepdim=True)).detach(), x[0, 0].numel() - 1
    return (x * apart).sum(plane, keepdim=True) / (n * (apart.square().sum(plane, keepdim=True) / n).sqrt())


def in_groups(x: Tensor) -> Tensor:
    return by_statistics(x.reshape(1, 2, -1), (2,)).reshape(x.shape)


def heads(x: Tensor) -> Tensor:
    """Return four channels of cells as tokens of two heads: (1, 2, 120, 2)."""
    return x.flatten(2).transpose(1, 2).unflatten(2, (2, 2)).transpose(1, 2)


def planes(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2).transpose(1, 2).unflatten(2, (12, 10))


def weights(x: Tensor, y: Tensor) -> Tensor:
    return torch.softmax(heads(x) @ heads(y).mT / 2**0.5, dim=-1)


def mixed_parts(net: Calls, x: Tensor, y: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=1)
    a, b = torch.unbind(torch.stack([first, second]), 0)
    low, high = torch.split(y, [1, 3], dim=1)
    return torch.cat([a.flip(2), b.roll(2, 3), high, low.expand(-1, 2, -1, -1).repeat(1, 1, 1, 1)], dim=1)


CASES: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "layer norm": (
        lambda net, x, y: functional.layer_norm(x, (10,), net.matrix[0], net.matrix[1]),
        lambda net, x, y: by_statistics(x, (3,)) * net.matrix[0] + net.matrix[1],
    ),
    "group norm": (
        lambda net, x, y: functional.group_norm(x, 2, net.weight, net.bias),
        lambda net, x, y: in_groups(x) * per_channel(net.weight) + per_channel(net.bias),
    ),
    "instance norm": (
        lambda net, x, y: functional.instance_norm(x, weight=net.weight, bias=net.bias),
        lambda net, x, y: by_statistics(x, (2, 3)) * per_channel(net.weight) + per_channel(net.bias),
    ),
    "rms norm": (
        lambda net, x, y: functional.rms_norm(x, (10,), net.matrix[0], 1e-5),
        lambda net, x, y: by_statistics(x, (3,), centred=False) * net.matrix[0],
    ),
    "unit vectors": (
        lambda net, x, y: functional.normalize(x, dim=1),
        lambda net, x, y: x / x.norm(dim=1, keepdim=True).detach(),
    ),
    "division by a norm": (
        lambda net, x, y: x / x.norm(),
        lambda net, x, y: x / x.norm().detach(),
    ),
    "dense over the last axis": (
        lambda net, x, y: functional.linear(x, net.matrix),
        lambda net, x, y: torch.einsum("bcij,kj->bcik", x, net.matrix),
    ),
    "einsum": (
        lambda net, x, y: torch.einsum("bcij,kj->bcik", x, net.matrix),
        lambda net, x, y: x @ net.matrix.T,
    ),
    "parts": (mixed_parts, mixed_parts),
    "product, gated by a sigmoid": (
        lambda net, x, y: torch.sigmoid(x) * y.tanh(),
        lambda net, x, y: x.detach().sigmoid() * rectified(y, torch.tanh),
    ),
    "product of two maps": (lambda net, x, y: x * y, lambda net, x, y: x * y.detach()),
    "square": (lambda net, x, y: x**2, lambda net, x, y: x * x.detach()),
    "square as a product": (lambda net, x, y: x * x, lambda net, x, y: x * x.detach()),
    "magnitude": (lambda net, x, y: x.abs(), lambda net, x, y: x * x.detach().sign()),
    "root": (lambda net, x, y: x.abs().sqrt(), lambda net, x, y: x * x.detach().sign() / x.detach().abs().sqrt()),
    "logarithm": (
        lambda net, x, y: (x.square() + 0.1).log(),
        lambda net, x, y: x * x.detach() / (x.detach().square() + 0.1) + 0.0,
    ),
    "gated linear unit": (
        lambda net, x, y: functional.glu(x, dim=1),
        lambda net, x, y: x[:, :2] * x[:, 2:].detach().sigmoid(),
    ),
    "maxout": (lambda net, x, y: torch.maximum(x, y), lambda net, x, y: torch.where(x > y, x, y)),
    "largest channel": (
        lambda net, x, y: x.amax(dim=1, keepdim=True),
        lambda net, x, y: x.gather(1, x.argmax(dim=1, keepdim=True)),
    ),
    "chosen by a mask": (
        lambda net, x, y: torch.where(y > 0.1, x, y).masked_fill(x < -0.2, 0.0),
        lambda net, x, y: torch.where(y > 0.1, x, y) * (x >= -0.2).to(x.dtype),
    ),
    "transposed convolution": (
        lambda net, x, y: functional.conv_transpose2d(x, net.matrix[:4].reshape(4, 2, 1, 5), stride=2),
        lambda net, x, y: functional.conv_transpose2d(x, net.matrix[:4].reshape(4, 2, 1, 5), stride=2),
    ),
    "pixel shuffle": (
        lambda net, x, y: functional.pixel_shuffle(x, 2),
        lambda net, x, y: x.unflatten(1, (1, 2, 2)).permute(0, 1, 4, 2, 5, 3).reshape(1, 1, 24, 20),
    ),
    "unfold and fold": (
        lambda net, x, y: functional.fold(functional.unfold(x, 3, padding=1), (12, 10), 3, padding=1),
        lambda net, x, y: (
            x * functional.fold(functional.unfold(torch.ones_like(x), 3, padding=1), (12, 10), 3, padding=1)
        ),
    ),
    "Fourier transform": (
        lambda net, x, y: torch.fft.irfft(torch.fft.rfft(x) * 2.0, n=10) + torch.fft.fft2(x).real,
        lambda net, x, y: 2.0 * x + torch.fft.fft2(x).real,
    ),
    "magnitude of a spectrum": (
        lambda net, x, y: torch.fft.rfft(x).abs(),
        lambda net, x, y: by_phase(torch.fft.rfft(x)),
    ),
    "magnitude of a spectrum, written out": (
        lambda net, x, y: (torch.fft.rfft(x).real.square() + torch.fft.rfft(x).imag.square()).sqrt(),
        lambda net, x, y: by_phase(torch.fft.rfft(x)),
    ),
    "filter with a phase": (
        lambda net, x, y: torch.fft.irfft(torch.fft.rfft(x) * torch.polar(net.matrix[0, :6], net.matrix[1, :6]), n=10),
        lambda net, x, y: torch.fft.irfft(torch.polar(net.matrix[0, :6], net.matrix[1, :6]) * torch.fft.rfft(x), n=10),
    ),
    "sorted": (
        lambda net, x, y: x.sort(dim=1).values - x.topk(4, dim=1)[0],
        lambda net, x, y: x.gather(1, x.argsort(dim=1)) - x.gather(1, x.argsort(dim=1, descending=True)),
    ),
    "largest channel and its index": (
        lambda net, x, y: x.max(dim=1, keepdim=True)[0],
        lambda net, x, y: x.amax(dim=1, keepdim=True),
    ),
    "scattered": (
        lambda net, x, y: torch.zeros_like(x).index_add(1, torch.tensor([1, 0, 3, 2]), x),
        lambda net, x, y: x[:, [1, 0, 3, 2]],
    ),
    "tensordot": (
        lambda net, x, y: torch.tensordot(x, net.matrix, dims=([3], [1])),
        lambda net, x, y: x @ net.matrix.T,
    ),
    "local response norm": (
        lambda net, x, y: functional.local_response_norm(x, 3, alpha=0.5),
        lambda net, x, y: x * (functional.local_response_norm(x, 3, alpha=0.5) / x).detach(),
    ),
    "attention": (
        lambda net, x, y: planes(functional.scaled_dot_product_attention(heads(x), heads(y), heads(x + y))),
        lambda net, x, y: planes(weights(x, y).detach() @ heads(x + y)),
    ),
    "attention to itself": (
        lambda net, x, y: planes(functional.scaled_dot_product_attention(heads(x), heads(x), heads(x))),
        lambda net, x, y: planes(weights(x, x).detach() @ heads(x)),
    ),
    "attention by hand": (
        lambda net, x, y: planes(weights(x, y) @ heads(x + y)),
        lambda net, x, y: planes(weights(x, y).detach() @ heads(x + y)),
    ),
    "statistics pooling": (
        lambda net, x, y: x.mean(dim=(2, 3), keepdim=True) * y + x.std(dim=(2, 3), keepdim=True) * net.matrix[0, 0] + x,
        lambda net, x, y: x.mean(dim=(2, 3), keepdim=True).detach() * y + deviation(x) * net.matrix[0, 0] + x,
    ),
    "windows in the batch": (
        lambda net, x, y: torch.relu(x.view(4, 1, 12, 10) * 2.0).view(1, 4, 12, 10),
        lambda net, x, y: rectified(2.0 * x),
    ),
}


@pytest.mark.network("Steps of a network", "{id}")
@pytest.mark.parametrize("case", CASES)
def test_deconvolution_is_that_of_the_twin(case: str) -> None:
    written, twin = CASES[case]
    network = Calls(written).double().eval()
    given = image()
    network(given)  # gives the last convolution its shape
    expected = Calls(twin).double().eval()
    expected(given)
    expected.load_state_dict(network.state_dict())
    with torch.no_grad():
        found = asc.deconvolve(network, given, "")
        if case not in ("logarithm",):
            torch.testing.assert_close(network(given), expected(given), rtol=0, atol=1e-12)
    if case == "logarithm":  # the twin has the tangent's slope and another offset, so it starts from other maps
        maps = network(given).detach()
        leaf = given.clone().requires_grad_()
        output = expected(leaf)
        rows = [torch.zeros_like(maps) for _ in range(3)]
        for unit, row in enumerate(rows):
            row[0, unit] = maps[0, unit]
        reference = torch.stack([torch.autograd.grad(output, leaf, row, retain_graph=True)[0][0, 0] for row in rows])
    else:
        reference = images_of(expected, given)
    assert float(reference.abs().max()) > 0.0
    torch.testing.assert_close(found, reference, rtol=0, atol=1e-9 * float(reference.abs().max()))


RELUS: dict[str, Callable[..., Tensor]] = {
    "mask": lambda net, x, y: x * (x > 0),
    "mask as numbers": lambda net, x, y: (x > 0).to(x.dtype) * x,
    "where": lambda net, x, y: torch.where(x > 0, x, 0.0),
    "where with a tensor": lambda net, x, y: torch.where(x >= 0.0, x, torch.zeros_like(x)),
    "maximum": lambda net, x, y: torch.maximum(x, torch.zeros_like(x)),
    "clamp": lambda net, x, y: x.clamp(min=0),
    "clip": lambda net, x, y: torch.clip(x, 0.0),
    "threshold": lambda net, x, y: functional.threshold(x, 0.0, 0.0),
}


@pytest.mark.network("ReLU written otherwise", "{spelling}")
@pytest.mark.parametrize("method", [name for name in METHODS if name != "gradient"])
@pytest.mark.parametrize("spelling", RELUS)
def test_relu_written_otherwise_is_a_relu(spelling: str, method: str) -> None:
    network, plain = (Calls(f).double().eval() for f in (RELUS[spelling], lambda net, x, y: torch.relu(x)))
    given = image()
    network(given)
    plain(given)
    plain.load_state_dict(network.state_dict())
    found, expected = (asc.deconvolve(net, given, "", method=method) for net in (network, plain))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


SMOOTH = [nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.Hardtanh(), nn.Hardswish(), nn.Softsign(), nn.LogSigmoid()]


@pytest.mark.network("Activations", "{id}")
@pytest.mark.parametrize("activation", SMOOTH, ids=lambda module: type(module).__name__)
def test_other_activations_rectify(activation: nn.Module) -> None:
    network = Calls(lambda net, x, y: activation(x)).double().eval()
    twin = Calls(lambda net, x, y: rectified(x, activation)).double().eval()
    given = image()
    network(given)
    twin(given)
    twin.load_state_dict(network.state_dict())
    torch.testing.assert_close(asc.deconvolve(network, given, ""), images_of(twin, given), rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES)
def test_every_method_goes_wherever_deconvolution_goes(case: str, method: str) -> None:
    network = Calls(CASES[case][0]).double().eval()
    given = image()
    network(given)
    images = asc.deconvolve(network, given, "", method=method)
    assert images.shape == (3, 12, 10)
    assert bool(images.isfinite().all())
    assert float(images.abs().max()) > 0.0


class Lstm(nn.Module):
    """LSTM written out (Hochreiter & Schmidhuber 1997), whose states are a map of one row."""

    def __init__(self, held: bool) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.block, self.cell = nn.Conv2d(1, 4, (12, 3)), nn.Linear(9, 20)
        self.states, self.held = nn.Identity(), held

    def forward(self, image: Tensor) -> Tensor:
        state = memory = image.new_zeros(1, 5)
        states = []
        for values in torch.unbind(self.block(image)[:, :, 0], dim=2):
            gates = self.cell(torch.cat([values, state], dim=1))
            i, f, o = (part.sigmoid().detach() if self.held else part.sigmoid() for part in gates[:, :15].chunk(3, 1))
            squash = (lambda x: rectified(x, torch.tanh)) if self.held else torch.tanh
            memory = f * memory + i * squash(gates[:, 15:])
            state = o * squash(memory)
            states.append(state)
        plane: Tensor = self.states(torch.stack(states, dim=2).unsqueeze(2))
        return plane


@pytest.mark.network("Recurrent layers", "LSTM cells written out")
def test_lstm_cells_written_out() -> None:
    network, twin = Lstm(False).double().eval(), Lstm(True).double().eval()
    expected = images_of(twin, image())
    assert float(expected.abs().max()) > 0.0
    torch.testing.assert_close(asc.deconvolve(network, image(), "states"), expected, rtol=0, atol=1e-12)
    for method in METHODS:
        assert float(asc.deconvolve(network, image(), "states", method=method).abs().max()) > 0.0


@pytest.mark.network(
    "Functions without a rule", "cumprod", refused="no rule; the message names the function and its module"
)
def test_a_function_without_a_rule_is_named_with_its_module() -> None:
    network = nn.Sequential(Calls(lambda net, x, y: torch.cumprod(x, dim=3)).double()).eval()
    network(image())
    with pytest.raises(NoRuleError, match="'cumprod' in module '0'"):
        asc.deconvolve(network, image(), "0")
