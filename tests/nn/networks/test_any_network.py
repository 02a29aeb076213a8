"""Deconvolve unusual networks: drawn at random, recurrent, residual, in half precision, broken."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import slow_deconvolution as slow
import torch
from rectified import rectified
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.errors import InputError, NoRuleError, UnknownNameError
from auralscope.nn.attribution.methods import METHODS
from auralscope.nn.tape.capture import record

# -- drawn at random, against the slow implementation --------------------------------------------------------------


def drawn_network(seed: int, activation: str) -> tuple[nn.Sequential, Tensor]:
    """Draw up to four blocks and an image of odd size: even and odd kernels, unequal pools, strides, channels."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    channels = int(random.choice([1, 1, 2]))
    image = torch.randn(1, channels, *(2 * int(random.integers(11, 19)) + 1 for _ in range(2)))
    blocks, values = [], image
    for _ in range(int(random.integers(1, 5))):
        maps = int(random.integers(3, 14))
        kernel = tuple(int(k) for k in random.integers(1, 5, 2))
        stride = (1, 1) if random.random() < 0.8 else (2, 1)
        padding = tuple(int(random.integers(0, k)) for k in kernel)
        convolution = nn.Conv2d(values.shape[1], maps, kernel, stride, padding)
        norm: nn.Module = nn.Identity()
        if activation == "elu" or random.random() < 0.5:
            norm = nn.BatchNorm2d(maps)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
            norm.running_mean.normal_(std=0.5)
            norm.running_var.uniform_(0.3, 2.0)
        pool = nn.MaxPool2d(tuple(int(size) for size in random.choice([1, 2, 2, 3, 4], 2)))
        block = nn.Sequential(convolution, norm, nn.ReLU() if activation == "relu" else nn.ELU(), pool).eval()
        with torch.no_grad():
            room = convolution.eval()(values) if min(values.shape[2:]) >= 4 else None
            if room is None or any(n < size for n, size in zip(room.shape[2:], pool.kernel_size, strict=True)):
                break
            values = block(values)
        blocks.append(block)
    return nn.Sequential(*blocks), image


@pytest.mark.parametrize("activation", ["relu", "elu"])
@pytest.mark.parametrize("seed", range(12))
def test_agrees_in_single_precision_with_the_slow_implementation(seed: int, activation: str) -> None:
    network, image = drawn_network(seed, activation)
    exact = copy.deepcopy(network).double()
    for depth in range(1, len(network) + 1):
        steps = [step for block in exact[:depth] for step in block]
        images = asc.deconvolve(network, image, str(depth - 1))
        images = images if images.ndim == 4 else images[:, None]
        for unit in {0, len(images) - 1}:
            with torch.no_grad():
                expected = slow.deconvolve(steps, image.double(), unit).numpy()
            scale = max(np.abs(expected).max(), 1e-30)
            np.testing.assert_allclose(images[unit].numpy() / scale, expected / scale, rtol=0, atol=1e-5)


def test_random_networks_have_the_intended_properties() -> None:
    drawn = [drawn_network(seed, activation)[0] for seed in range(12) for activation in ("relu", "elu")]
    assert max(len(network) for network in drawn) >= 3
    assert min(len(network) for network in drawn) >= 1
    pools = {block[3].kernel_size for network in drawn for block in network}
    assert any(high != wide for high, wide in pools)


# -- waveforms, recurrent layers -----------------------------------------------------------------------------------


def flat(module: nn.Module) -> nn.Module:
    """Draw such a network for images of one row."""
    if isinstance(module, nn.Conv1d):
        wide = nn.Conv2d(
            module.in_channels,
            module.out_channels,
            (1, *module.kernel_size),
            (1, *module.stride),
            (0, *module.padding),
            (1, *module.dilation),
            module.groups,
        ).double()
        wide.load_state_dict({"weight": module.weight.unsqueeze(2), "bias": module.bias})
        return wide
    if isinstance(module, nn.BatchNorm1d):
        norm = nn.BatchNorm2d(module.num_features).double()
        norm.load_state_dict(module.state_dict())
        return norm
    return nn.MaxPool2d((1, module.kernel_size)) if isinstance(module, nn.MaxPool1d) else module


@pytest.mark.network("Waveforms", "1-D convolutions on the waveform")
def test_a_network_on_the_waveform_is_one_of_a_single_row() -> None:
    torch.manual_seed(3)
    along = nn.Sequential(
        *(nn.Conv1d(1, 12, 5, stride=2, padding=2), nn.BatchNorm1d(12), nn.ReLU(), nn.MaxPool1d(3)),
        *(nn.Conv1d(12, 8, 3, padding=1, groups=2), nn.ELU(), nn.MaxPool1d(2), nn.Conv1d(8, 5, 3, dilation=2)),
    ).double()
    along[1].running_var.uniform_(0.5, 2.0)
    image = torch.randn(1, 1, 257, dtype=torch.float64)
    in_a_row = nn.Sequential(*(flat(module) for module in along))
    for layer in ("3", "6", "7"):
        found = asc.deconvolve(along, image, layer)
        expected = asc.deconvolve(in_a_row, image.unsqueeze(2), layer)[:, 0]
        assert found.shape[1:] == (257,)
        assert float(found.abs().max()) > 0.0
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.network("Recurrent layers", "{kind.__name__}, layers: {layers}")
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_recurrent_unit_starts_from_gradient_times_map(kind: type[nn.RNNBase], layers: int) -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(1, 4, 3, padding=1)
            self.over_time = kind(4, 5, num_layers=layers, batch_first=True)
            self.output = nn.Linear(5, 3)

        def maps(self, image: Tensor) -> Tensor:
            return functional.max_pool2d(functional.relu(self.convolution(image)), (8, 2))

        def above(self, maps: Tensor) -> tuple[Tensor, Tensor]:
            sequence = self.over_time(maps.squeeze(2).transpose(1, 2))[0]
            return sequence.sum(dim=1), self.output(sequence[:, -1])

        def forward(self, image: Tensor) -> Tensor:
            return self.above(self.maps(image))[1]

    torch.manual_seed(8)
    network = Tagger().double()
    image = torch.randn(1, 1, 8, 21, dtype=torch.float64)
    rectified = functional.relu(network.convolution(image))
    switches = functional.max_pool2d(rectified, (8, 2), return_indices=True)[1]
    maps = network.maps(image).detach().requires_grad_()
    for place, layer in enumerate(("over_time", "output")):
        images = asc.deconvolve(network, image, layer)
        for unit, value in enumerate(network.above(maps)[place][0]):
            (gradient,) = torch.autograd.grad(value, maps, retain_graph=True)
            start = functional.max_unpool2d(gradient * maps, switches, (8, 2), output_size=(8, 21)).relu()
            expected = functional.conv_transpose2d(start, network.convolution.weight, padding=1)
            torch.testing.assert_close(images[unit], expected[0, 0], rtol=0, atol=1e-12)


# -- residual networks, gates, activations -------------------------------------------------------------------------


class Bottleneck(nn.Module):
    """A block of a ResNet as torchvision writes it (He et al. 2016), with squeeze and excitation (Hu et al. 2018)."""

    def __init__(self, given: int, width: int, stride: int, gated: bool) -> None:
        super().__init__()
        maps = 2 * width
        self.conv1, self.bn1 = nn.Conv2d(given, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=2, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, maps, 1, bias=False), nn.BatchNorm2d(maps)
        self.relu = nn.ReLU(inplace=True)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(maps, 3, 1), nn.ReLU(inplace=True), nn.Conv2d(3, maps, 1), nn.Sigmoid()
        )
        self.gated = gated
        self.downsample = nn.Sequential(nn.Conv2d(given, maps, 1, stride, bias=False), nn.BatchNorm2d(maps))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.gated:
            out = out * self.gate(out)
        out += self.downsample(x)
        return self.relu(out)


class Residual(nn.Module):
    def __init__(self, gated: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, 7, 2, 3, bias=False), nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Bottleneck(6, 4, 1, gated), Bottleneck(8, 4, 1, gated))
        self.layer2 = nn.Sequential(Bottleneck(8, 6, 2, gated))
        self.fc = nn.Linear(12, 4)

    def forward(self, image: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


class _Held(nn.Module):
    """Gate whose value is constant."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.inner = gate

    def forward(self, values: Tensor) -> Tensor:
        with torch.no_grad():
            return self.inner(values)


def by_autograd(network: nn.Module, image: Tensor, layer: str) -> Tensor:
    """Deconvolution as Captum and zennit do it: every ReLU's backward rectifies, all else is the gradient."""

    class ReLU(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return rectified(values)

    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if name == "gate":
                setattr(module, name, _Held(child))
            elif isinstance(child, nn.ReLU) and not isinstance(module, (_Held, nn.Sequential)):
                setattr(module, name, ReLU())
    found: list[Tensor] = []
    hook = network.get_submodule(layer).register_forward_hook(lambda _module, _given, output: found.append(output))
    leaf = image.clone().requires_grad_()
    network(leaf)
    hook.remove()
    images = []
    for unit in range(found[0].shape[1]):
        start = torch.zeros_like(found[0])
        start[0, unit] = found[0][0, unit].detach()
        images.append(torch.autograd.grad(found[0], leaf, start, retain_graph=True)[0][0, 0])
    return torch.stack(images)


@pytest.mark.network("Branches and gates", "{id}")
@pytest.mark.parametrize("gated", [False, True], ids=["residual", "squeeze and excitation"])
def test_a_residual_network_as_torchvision_writes_it(gated: bool) -> None:
    torch.manual_seed(12)
    network = Residual(gated).double().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.0)
    image = torch.randn(1, 1, 45, 38, dtype=torch.float64)
    found = {layer: asc.deconvolve(network, image, layer) for layer in ("maxpool", "layer1.0", "layer2")}
    assert asc.deconvolve(network, image, "fc", units=[2]).abs().max() > 0.0
    for layer, images in found.items():
        expected = by_autograd(network, image, layer)
        assert float(expected.abs().max()) > 0.0
        torch.testing.assert_close(images, expected, rtol=0, atol=1e-11 * float(expected.abs().max()))


@pytest.mark.network("Activations", "{id}")
@pytest.mark.parametrize(
    "activation",
    [
        nn.ReLU(inplace=True),
        nn.ReLU6(inplace=True),
        nn.ELU(inplace=True),
        nn.LeakyReLU(0.3, inplace=True),
        nn.PReLU(4),
        nn.GELU(),
        nn.SiLU(inplace=True),
        nn.SELU(inplace=True),
        nn.CELU(inplace=True),
        nn.Mish(),
        nn.Hardswish(),
        nn.RReLU(inplace=True),
    ],
    ids=lambda activation: type(activation).__name__,
)
def test_every_activation_rectifies_and_spoils_no_layer_in_place(activation: nn.Module) -> None:
    torch.manual_seed(1)
    first, second = nn.Conv2d(1, 4, 3).double(), nn.Conv2d(4, 3, 3).double()
    network = nn.Sequential(first, activation.double(), second).eval()
    image = torch.randn(1, 1, 12, 11, dtype=torch.float64)
    with torch.no_grad():
        below = first(image)
        torch.testing.assert_close(record(network, image).layer("0"), below, rtol=0, atol=0)
        above = second(activation(below.clone()))
        for unit, found in enumerate(asc.deconvolve(network, image, "2")):
            signal = torch.zeros_like(above)
            signal[0, unit] = above[0, unit]
            rectified = functional.conv_transpose2d(signal, second.weight).clamp(min=0.0)
            expected = functional.conv_transpose2d(rectified, first.weight)
            torch.testing.assert_close(found, expected[0, 0], rtol=0, atol=1e-12)


def test_an_activation_written_as_a_clamp() -> None:
    class Clamped(nn.Module):
        def __init__(self, lowest: float) -> None:
            super().__init__()
            self.first, self.lowest = nn.Conv2d(1, 4, 3), lowest

        def forward(self, image: Tensor) -> Tensor:
            return self.first(image).clamp(min=self.lowest)

    torch.manual_seed(1)
    image = torch.randn(1, 1, 12, 11)
    network = Clamped(0.0)
    expected = asc.deconvolve(nn.Sequential(network.first, nn.ReLU()), image, "1")
    torch.testing.assert_close(asc.deconvolve(network, image, ""), expected)
    with pytest.raises(NoRuleError, match="not at zero"):
        asc.deconvolve(Clamped(-1.0), image, "")


def test_relevance_passes_a_gate_to_the_gated_signal() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 4, 3, bias=False), nn.Conv2d(4, 3, 3, bias=False)

        def forward(self, image: Tensor) -> Tensor:
            x = functional.relu(self.first(image))
            return functional.relu(self.second(x * torch.sigmoid(x.mean(dim=(2, 3), keepdim=True))))

    torch.manual_seed(2)
    network = Gated().double()
    image = torch.rand(1, 1, 14, 12, dtype=torch.float64)
    total = network(image)[0].sum(dim=(1, 2))
    for method in ("lrp-epsilon", "lrp-zplus"):
        images = asc.deconvolve(network, image, "", method=method)
        torch.testing.assert_close(images.sum(dim=(1, 2)), total, rtol=2e-3, atol=1e-6)


# -- types and devices ---------------------------------------------------------------------------------------------


@pytest.mark.network("Types", "{dtype}")
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-13), (torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 4e-2)],
)
@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")),
    ],
)
def test_every_floating_type_to_its_precision(dtype: torch.dtype, tolerance: float, device: str) -> None:
    """Compare half precision with the same rounded weights and image, computed in double precision."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(12, 8, 3, padding=1), nn.ELU(), nn.Flatten(), nn.Linear(8 * 8 * 7, 3)),
    ).eval()
    network = network.to(device, dtype)
    image = torch.randn(1, 1, 16, 14).to(device, dtype)
    found = {layer: asc.deconvolve(network, image, layer) for layer in ("3", "5", "7")}
    network, image = network.double(), image.double()
    for layer, images in found.items():
        assert images.dtype == dtype
        expected = asc.deconvolve(network, image, layer)
        assert float((images.double() - expected).norm() / expected.norm()) < tolerance


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_unpools_too(dtype: torch.dtype) -> None:
    """Maxima can move where values round to the same number, so the images are similar, not equal."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 4, 3), nn.MaxPool2d((3, 2)))
    network, image = network.to(dtype), torch.randn(1, 1, 24, 22).to(dtype)
    found = asc.deconvolve(network, image, "4").double()
    expected = asc.deconvolve(network.double(), image.double(), "4")
    assert float((found * expected).sum() / (found.norm() * expected.norm())) > 0.98


# -- what cannot be read -------------------------------------------------------------------------------------------


def plain_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5))


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (torch.full((1, 1, 8, 8), math.nan), "64 values that are not finite"),
        (torch.tensor([[[[0.0, math.inf, 1.0]]]]), "1 values that are not finite"),
        (torch.zeros(1, 1, 0, 8), "empty"),
        (torch.zeros(1, 1, 8, 0), "empty"),
        (torch.zeros(8, 8), r"\(1, channels, bins, frames\) or \(1, channels, samples\), not \(8, 8\)"),
        (torch.zeros(1, 1, 1, 8, 8), "not"),
        (torch.zeros(2, 1, 8, 8), "not a batch of 2"),
        (torch.zeros(0, 1, 8, 8), "not a batch of 0"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.int64), "floating point"),
    ],
)
def test_an_image_that_is_none(image: Tensor, sentence: str) -> None:
    network = plain_network().train()
    with pytest.raises(InputError, match=sentence):
        asc.deconvolve(network, image, "3")
    assert all(module.training and not module._forward_hooks for module in network.modules())


def test_weights_that_are_no_numbers_are_named_by_their_module() -> None:
    network = plain_network()
    network[1].weight.data[2] = math.nan
    with pytest.raises(InputError, match=r"Layer '3' has values that are not finite .* in module '1'"):
        asc.deconvolve(network, torch.rand(1, 1, 8, 8), "3")
    assert bool(asc.deconvolve(network, torch.rand(1, 1, 8, 8), "0").isfinite().all())


def test_a_layer_and_units_that_do_not_exist() -> None:
    network, image = plain_network(), torch.rand(1, 1, 8, 8)
    with pytest.raises(UnknownNameError, match="no layer '9'; it has: 0, 1, 2, 3, 4"):
        asc.deconvolve(network, image, "9")
    for unit in (4, -1):
        with pytest.raises(UnknownNameError, match=f"units 0 to 3; there is no unit {unit}"):
            asc.deconvolve(network, image, "3", units=[0, unit])


@pytest.mark.network(
    "Norms", "batch norm without running statistics", refused="its output depends on the other inputs of the batch"
)
def test_a_batch_norm_without_statistics() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU())
    with pytest.raises(NoRuleError, match="batch norm in module '1' keeps no statistics"):
        asc.deconvolve(network, torch.rand(1, 1, 8, 8), "2")


class Touchy(nn.Module):
    """Module with an operation that some method does not support, or that fails."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.drop, self.what = nn.BatchNorm2d(4), nn.Dropout(0.5), what

    def forward(self, image: Tensor) -> Tensor:
        x = self.drop(self.norm(self.first(image)))
        if self.what == "fails":
            raise RuntimeError("out of order")
        if self.what == "no rule":
            x = torch.cumprod(x, dim=3)
        return functional.relu(self.second(x))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("what", ["works", "no rule", "fails"])
def test_hooks_modes_and_flags_are_as_before(what: str, method: str) -> None:
    torch.manual_seed(0)
    network = Touchy(what).train()
    network.norm.eval()
    network.second.weight.requires_grad_(False)
    calls: list[str] = []
    mine = network.first.register_forward_hook(lambda *_: calls.append("mine"))

    def state() -> list[object]:
        return [
            *(
                (module.training, len(module._forward_hooks), len(module._backward_hooks))
                for module in network.modules()
            ),
            *((parameter.requires_grad, parameter.grad) for parameter in network.parameters()),
            *(value.tolist() for value in network.state_dict().values()),
            torch.is_grad_enabled(),
            torch.overrides._get_current_function_mode_stack(),
        ]

    before = state()
    try:
        asc.deconvolve(network, torch.rand(1, 1, 20, 20), "", units=[1], method=method)
    except (RuntimeError, NoRuleError):
        assert what != "works" or method == "grad-cam"
    assert state() == before
    assert calls  # the network really ran
    mine.remove()
