"""Compare deconvolution with exact answers from outside, a slow second implementation, and Captum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slow_deconvolution as slow
import torch
from rectified import rectified
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.errors import NoRuleError, UnknownNameError
from auralscope.nn.attribution.backward import Deconvolution, mean_gradient_at
from auralscope.nn.tape.capture import record

REFERENCE = Path(__file__).parents[2] / "data" / "deconvolution"
REFERENCES = ("relu_pool2", "elu_batchnorm_pool_2x4_4x4")


def reference_network(data: np.lib.npyio.NpzFile) -> nn.Sequential:
    """Build the network of a reference file: blocks of convolution, (batch norm,) activation, pooling."""
    blocks = []
    for number, pool in enumerate(data["pools"].tolist(), start=1):
        kernel = torch.from_numpy(data[f"block{number}_weight"])
        convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel.shape[2:], padding="same").double()
        convolution.weight.data = kernel
        convolution.bias.data = torch.from_numpy(data[f"block{number}_bias"])
        modules: list[nn.Module] = [convolution]
        if f"block{number}_bn_gamma" in data:
            norm = nn.BatchNorm2d(len(kernel), eps=float(data[f"block{number}_bn_eps"])).double()
            norm.weight.data = torch.from_numpy(data[f"block{number}_bn_gamma"])
            norm.bias.data = torch.from_numpy(data[f"block{number}_bn_beta"])
            norm.running_mean = torch.from_numpy(data[f"block{number}_bn_mean"])
            norm.running_var = torch.from_numpy(data[f"block{number}_bn_var"])
            modules.append(norm)
        modules += [nn.ReLU(inplace=True) if data["activation"] == "relu" else nn.ELU(), nn.MaxPool2d(pool)]
        blocks.append(nn.Sequential(*modules))
    return nn.Sequential(*blocks)


@pytest.mark.parametrize("name", REFERENCES)
def test_every_unit_at_every_depth_is_the_exact_answer(name: str) -> None:
    data = np.load(REFERENCE / f"{name}.npz")
    network, image = reference_network(data), torch.from_numpy(data["input"])[None]
    tape = record(network, image)
    for number in range(1, len(data["pools"]) + 1):
        maps = tape.layer(str(number - 1))[0].numpy()
        np.testing.assert_allclose(maps, data[f"maps{number}"], rtol=0, atol=1e-10)
        images = asc.deconvolve(network, image, str(number - 1)).numpy()
        np.testing.assert_allclose(images, data[f"deconvolved{number}"], rtol=0, atol=1e-10)


# -- a slow second implementation ---------------------------------------------------------------------------------

CASES: dict[str, list[nn.Module]] = {
    "strides": [nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 3, (3, 2), stride=(1, 2))],
    "dilation": [nn.Conv2d(1, 4, 3, dilation=2, padding=2), nn.ELU(), nn.Conv2d(4, 3, (2, 3), dilation=(3, 1))],
    "groups": [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3, groups=2, padding=1), nn.SiLU()],
    "even kernel, same": [nn.Conv2d(1, 4, (2, 4), padding="same"), nn.GELU(), nn.Conv2d(4, 3, 4, padding="same")],
    "overlapping pools": [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 3, 3)],
    "average pools": [nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.2), nn.AvgPool2d(2), nn.Conv2d(4, 3, 3), nn.PReLU()],
    "global max": [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1)],
    "adaptive pool": [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d((3, 4))],
    "several channels": [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3, padding=1)],
    "pooling leaves a rest": [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 4)), nn.Dropout(0.5)],
    "reflected edges": [nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU(), nn.Conv2d(4, 3, 3)],
    "batch norm": [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4)],
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch's note on its own speed
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_slow_implementation(case: str) -> None:
    torch.manual_seed(7)
    steps = [step.double().eval() for step in CASES[case]]
    for step in steps:
        for parameter in step.parameters():
            nn.init.normal_(parameter, std=0.5)
        if isinstance(step, nn.BatchNorm2d):
            step.running_mean.normal_()
            step.running_var.uniform_(0.5, 2.0)
    image = torch.randn(1, steps[0].weight.shape[1], 11, 13, dtype=torch.float64)
    network = nn.Sequential(*steps)
    with torch.no_grad():
        images = asc.deconvolve(network, image, str(len(steps) - 1))
        for unit, found in enumerate(images):
            expected = slow.deconvolve(steps, image, unit)
            expected = expected[0] if image.shape[1] == 1 else expected
            assert float(expected.abs().max()) > 0.0
            torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-12)


def test_agrees_with_captum_where_captum_is_exact() -> None:
    # In a network of ReLUs, Captum's gradient of half the squared map, rectified at each ReLU, asks the same question.
    from captum.attr import NeuronDeconvolution

    class Half(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor) -> Tensor:
            return 0.5 * self.network(image).square().sum(dim=(2, 3))

    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ).double()
    image = torch.randn(1, 1, 24, 19, dtype=torch.float64)
    images = asc.deconvolve(network, image, "5")
    squared = Half(network)
    for unit in range(6):
        with pytest.warns(UserWarning, match="backward hooks"):
            captum = NeuronDeconvolution(squared, squared).attribute(image.clone().requires_grad_(), unit)
        torch.testing.assert_close(images[unit], captum[0, 0].detach(), rtol=0.0, atol=1e-13)


# -- any style of network -----------------------------------------------------------------------------------------


class Functional(nn.Module):
    """Plain functions, a residual sum, a concatenation, a module used twice, an in-place activation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.twice = nn.Conv2d(4, 4, 3, padding=1)
        self.heads = nn.ModuleList([nn.Conv2d(4, 3, 1), nn.Conv2d(4, 2, 3, padding=1)])

    def forward(self, image: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.first(image), inplace=True), 2)
        x = x + functional.relu(self.twice(x))
        x = functional.relu(self.twice(x))
        return torch.cat([head(x) for head in self.heads], dim=1)


def test_functional_calls_sums_concatenations_and_reuse() -> None:
    torch.manual_seed(1)
    network = Functional().double()
    image = torch.randn(1, 1, 10, 12, dtype=torch.float64)
    images = asc.deconvolve(network, image, "")
    # The slow way: the same network with every activation replaced by one whose derivative rectifies.

    leaf = image.clone().requires_grad_()
    x = functional.max_pool2d(rectified(network.first(leaf)), 2)
    x = x + rectified(network.twice(x))
    x = rectified(network.twice(x))
    output = torch.cat([head(x) for head in network.heads], dim=1)
    for unit in range(5):
        start = torch.zeros_like(output)
        start[0, unit] = output[0, unit].detach()
        (expected,) = torch.autograd.grad(output, leaf, start, retain_graph=True)
        torch.testing.assert_close(images[unit], expected[0, 0], rtol=0.0, atol=1e-12)


class SqueezeAndExcitation(nn.Module):
    """A residual block as torchvision writes it, in place, with a gate (Hu et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.squeeze = nn.Linear(4, 2)
        self.excite = nn.Linear(2, 4)
        self.relu = nn.ReLU(inplace=True)

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.excite(functional.relu(self.squeeze(x.mean(dim=(2, 3))))))[:, :, None, None]

    def forward(self, image: Tensor) -> Tensor:
        x = self.relu(self.first(image))
        out = self.norm(self.second(x))
        out = out * self.gate(out)
        out += x
        return functional.max_pool2d(self.relu(out) * 0.5, 2)


def test_a_gate_is_held_and_a_sum_in_place_spoils_nothing() -> None:
    torch.manual_seed(6)
    network = SqueezeAndExcitation().double().eval()
    network.norm.running_mean.normal_()
    network.norm.running_var.uniform_(0.5, 2.0)
    image = torch.randn(1, 1, 10, 12, dtype=torch.float64)
    images = asc.deconvolve(network, image, "")
    with torch.no_grad():
        x = network.first(image).relu()
        out = network.norm(network.second(x))
        torch.testing.assert_close(record(network, image).layer("norm"), out)
        gate = network.gate(out)
        pooled, switches = functional.max_pool2d((out * gate + x).relu() * 0.5, 2, return_indices=True)
        scale = (network.norm.weight / (network.norm.running_var + network.norm.eps).sqrt())[None, :, None, None]
        for unit in range(4):
            start = torch.zeros_like(pooled)
            start[0, unit] = pooled[0, unit]
            down = (functional.max_unpool2d(start, switches, 2) * 0.5).relu()
            through = functional.conv_transpose2d(down * gate * scale, network.second.weight, padding=1)
            expected = functional.conv_transpose2d((through + down).relu(), network.first.weight, padding=1)
            torch.testing.assert_close(images[unit], expected[0, 0], rtol=0.0, atol=1e-12)


def test_the_second_of_two_maps_is_the_gate_of_their_product() -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3)

        def forward(self, image: Tensor) -> Tensor:
            return self.first(image) * self.second(image)

    torch.manual_seed(1)
    network, image = Product().double(), torch.rand(1, 1, 9, 9, dtype=torch.float64)
    images = asc.deconvolve(network, image, "")
    product, gate = network(image).detach(), network.second(image).detach()
    for unit in range(4):
        signal = torch.zeros_like(product)
        signal[0, unit] = product[0, unit]
        expected = functional.conv_transpose2d(signal * gate, network.first.weight)
        torch.testing.assert_close(images[unit], expected[0, 0], rtol=0.0, atol=1e-12)


def test_a_dense_unit_starts_from_gradient_times_map() -> None:
    torch.manual_seed(2)
    convolutions = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).double()
    dense = nn.Sequential(nn.Flatten(), nn.Linear(4 * 5 * 4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    network = nn.Sequential(convolutions, dense)
    image = torch.randn(1, 1, 10, 9, dtype=torch.float64)
    images = asc.deconvolve(network, image, "1.3")
    maps = convolutions(image).detach().requires_grad_()
    kernel = convolutions[0].weight.detach()
    switches = functional.max_pool2d(convolutions[:2](image), 2, return_indices=True)[1]
    for unit in range(3):
        (gradient,) = torch.autograd.grad(dense(maps)[0, unit], maps)
        start = gradient * maps.detach()
        down = functional.max_unpool2d(start, switches, 2, output_size=(10, 9)).relu()
        expected = functional.conv_transpose2d(down, kernel, padding=1)
        torch.testing.assert_close(images[unit], expected[0, 0], rtol=0.0, atol=1e-12)


def test_a_saturated_unit_starts_from_the_mean_gradient() -> None:
    """Integrated gradients of tanh(w x) share out the output as w x (Sundararajan et al. 2017, sec. 3)."""
    torch.manual_seed(4)
    dense = nn.Linear(2 * 6 * 6, 3, bias=False)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), dense, nn.Tanh())
    tape = record(network, torch.rand(1, 1, 8, 8) + 0.5)
    maps = tape.layer("1")
    with torch.no_grad():
        dense.weight[0].mul_(1e4)  # saturated
        dense.weight[2].zero_()  # gives nothing: neither a gradient nor an answer
    tape = record(network, tape.image)
    maps, top = tape.layer("1"), tape.layer("4")
    assert abs(float(top[0, 0])) == 1.0
    below, signal = Deconvolution().start(tape, top, [2, 0, 1])
    assert below is maps
    x = maps.flatten()
    product = dense.weight * x
    expected = torch.stack(
        [
            torch.zeros_like(x),
            product[0] / product[0].sum() * top[0, 0],
            (1.0 - top[0, 1] ** 2) * product[1],
        ]
    ).detach()
    torch.testing.assert_close(signal.values.flatten(1)[2], expected[2])
    torch.testing.assert_close(signal.values.flatten(1), expected, rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_mean_gradients_times_maps_sum_to_a_recurrent_units_answer(kind) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(5)
            self.maps = nn.Sequential(nn.Conv2d(1, 4, (8, 3)), nn.ReLU())
            self.over_time = kind(4, 5, batch_first=True)

        def forward(self, image):
            return self.over_time(self.maps(image).squeeze(2).transpose(1, 2) * 10)[0]

    network = Recurrent()
    tape = record(network, torch.randn(1, 1, 8, 20))
    maps, top = tape.layer("maps.1"), tape.layer("over_time")
    shares = mean_gradient_at(tape, maps, top, [0, 1, 2, 3, 4]) * maps
    empty = network.over_time(torch.zeros(1, 18, 4))[0].sum(dim=(0, 1))
    expected = (top.sum(dim=(0, 1)) - empty).detach()
    assert float(expected.abs().max()) > 3.0
    torch.testing.assert_close(shares.flatten(1).sum(dim=1), expected, rtol=0.01, atol=0.02)


def test_a_recurrent_unit_reaches_the_input() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ELU(), nn.MaxPool2d((8, 2)))
            self.gru = nn.GRU(4, 5, batch_first=True)

        def forward(self, image: Tensor) -> Tensor:
            sequence = self.maps(image).squeeze(2).transpose(1, 2)
            return self.gru(sequence)[0][:, -1]

    torch.manual_seed(4)
    images = asc.deconvolve(Recurrent(), torch.randn(1, 1, 8, 20), "gru", units=[0, 4])
    assert images.shape == (2, 8, 20)
    assert bool((images.abs().amax(dim=(1, 2)) > 0.0).all())


# -- what is asked for, and what is refused -----------------------------------------------------------------------


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 4, 3), nn.ReLU())


def test_units_are_those_asked_for_in_their_order() -> None:
    network, image = small_network(), torch.rand(1, 1, 12, 12)
    everything = asc.deconvolve(network, image, "4")
    assert everything.shape == (4, 12, 12)
    torch.testing.assert_close(asc.deconvolve(network, image, "4", units=[3, 1, 3]), everything[[3, 1, 3]])
    assert asc.deconvolve(network, image, "4", units=[]).shape == (0, 12, 12)


def test_units_in_turns_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = small_network(), torch.rand(1, 1, 12, 12)
    everything = asc.deconvolve(network, image, "4")
    monkeypatch.setattr("auralscope.nn.attribution.backward.MEMORY_BYTES", 1)
    torch.testing.assert_close(asc.deconvolve(network, image, "4"), everything)


def test_unknown_layers_and_units_are_named() -> None:
    network, image = small_network(), torch.rand(1, 1, 12, 12)
    with pytest.raises(UnknownNameError, match=r"no layer 'features\.8'; it has: 0, 1, 2, 3, 4"):
        asc.deconvolve(network, image, "features.8")
    with pytest.raises(UnknownNameError, match="units 0 to 3; there is no unit 4"):
        asc.deconvolve(network, image, "4", units=[4])


def test_a_module_without_a_rule_is_named_and_nothing_is_left_behind() -> None:
    class Sine(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return values.sin()

    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(Sine()), nn.Conv2d(4, 3, 3)).train()
    before = {name: (module.training, len(module._forward_hooks)) for name, module in network.named_modules()}
    with pytest.raises(NoRuleError, match=r"no rule of deconvolution for 'sin' in module '1\.0'"):
        asc.deconvolve(network, torch.rand(1, 1, 9, 9), "2")
    assert {n: (m.training, len(m._forward_hooks)) for n, m in network.named_modules()} == before


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_comes_back_as_it_was(fails: bool) -> None:
    class Fails(nn.Module):
        def forward(self, _image: Tensor) -> Tensor:
            raise RuntimeError("out of order")

    network = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Conv2d(4, 2, 3),
        Fails() if fails else nn.Identity(),
    )
    network.train()
    network[1].eval()
    network[4].weight.requires_grad_(False)
    mine = network[0].register_forward_hook(lambda *_: None)

    def state() -> list[object]:
        return [
            *((m.training, list(m._forward_hooks), list(m._forward_pre_hooks)) for m in network.modules()),
            *((p.requires_grad, p.grad, p.detach().clone().tolist()) for p in network.parameters()),
            *(b.clone().tolist() for b in network.buffers()),
        ]

    before = state()
    image = torch.rand(1, 1, 9, 9, requires_grad=True)
    if fails:
        with pytest.raises(RuntimeError, match="out of order"):
            asc.deconvolve(network, image, "4")
    else:
        images = asc.deconvolve(network, image, "4")
        assert not images.requires_grad
    assert state() == before
    assert image.grad is None
    mine.remove()


def test_dropout_and_batch_norm_are_those_of_evaluation() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.9), nn.ReLU())
    image = torch.rand(1, 1, 9, 9)
    trained = asc.deconvolve(network.train(), image, "3")
    torch.testing.assert_close(trained, asc.deconvolve(network.eval(), image, "3"), rtol=0, atol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_gpu_gives_the_same() -> None:
    network, image = small_network(), torch.rand(1, 1, 64, 48)
    here = asc.deconvolve(network, image, "4")
    there = asc.deconvolve(network.cuda(), image.cuda(), "4")
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-5)
