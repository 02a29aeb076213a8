"""Compare each attribution method with a reference: plain autograd, Captum, zennit."""

from __future__ import annotations

from collections.abc import Callable

from auralscope.training import torchvision_shim  # noqa: F401 - before zennit, which imports torchvision

# isort: split

import pytest
import torch
from captum.attr import LayerGradCam, NeuronGuidedBackprop
from captum.attr import Occlusion as CaptumOcclusion
from torch import Tensor, nn
from torch.nn import functional
from zennit.attribution import Gradient
from zennit.composites import DeconvNet, EpsilonPlus, LayerMapComposite
from zennit.rules import Epsilon, Norm, Pass

import auralscope as asc
from auralscope.errors import NoRuleError, UnknownNameError
from auralscope.nn.attribution.methods import METHODS, Occlusion

pytestmark = pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")  # Captum's note on what it does


def network() -> nn.Sequential:
    """Three blocks (one with an average pooling), two dense layers."""
    torch.manual_seed(11)
    return (
        nn.Sequential(
            *(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 5, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(5, 4, (3, 2), stride=(1, 2)), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 3)),
        )
        .double()
        .eval()
    )


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 1, 32, 26, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


MAPS, LABELS = 8, 12


class Half(nn.Module):
    """Half the squared map or value, whose gradient is the unit's own activation."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, image: Tensor) -> Tensor:
        return (
            0.5 * self.part(image).square().flatten(2).sum(dim=2)
            if self.part[-1].__class__ is not nn.Linear
            else (0.5 * self.part(image).square())
        )


@pytest.mark.parametrize("layer", [MAPS, LABELS])
def test_gradient_is_autograds(image: Tensor, layer: int) -> None:
    net = network()
    leaf = image.clone().requires_grad_()
    halves = Half(net[: layer + 1])(leaf)[0]
    images = asc.deconvolve(net, image, str(layer), method="gradient")
    times_input = asc.deconvolve(net, image, str(layer), method="gradient-input")
    for unit, half in enumerate(halves):
        (expected,) = torch.autograd.grad(half, leaf, retain_graph=True)
        torch.testing.assert_close(images[unit], expected[0, 0], rtol=0, atol=1e-12)
        torch.testing.assert_close(times_input[unit], (expected * image)[0, 0], rtol=0, atol=1e-12)


class WrittenOut(nn.Module):
    """Recurrent layer written out step by step with new tensors, stacks and gates, which no rule covers."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ELU(), nn.MaxPool2d((8, 2)))
        self.cell = nn.Linear(9, 10)
        self.sequence, self.label = nn.Identity(), nn.Linear(5, 3)

    def forward(self, image: Tensor) -> Tensor:
        steps = self.block(image)[:, :, 0].permute(2, 0, 1)
        state, states = steps.new_zeros(len(image), 5), []
        for step in steps:
            gate, new = self.cell(torch.cat([step, state], dim=1)).chunk(2, dim=1)
            state = gate.sigmoid() * new.tanh() + (1.0 - gate.sigmoid()) * state
            states.append(state)
        sequence = self.sequence(torch.stack(states, dim=1))
        label: Tensor = self.label(sequence[:, -1])
        return label


@pytest.mark.parametrize("layer", ["sequence", "label"])
def test_gradient_passes_a_recurrent_layer_that_is_written_out(layer: str) -> None:
    torch.manual_seed(6)
    net = WrittenOut().double().eval()
    image = torch.rand(1, 1, 8, 14, dtype=torch.float64)
    leaf, seen = image.clone().requires_grad_(), []
    hook = net.get_submodule(layer).register_forward_hook(lambda _module, _given, output: seen.append(output))
    net(leaf)
    hook.remove()
    answers = 0.5 * seen[0].reshape(-1, seen[0].shape[-1]).square().sum(dim=0)
    images = asc.deconvolve(net, image, layer, method="gradient")
    times_input = asc.deconvolve(net, image, layer, method="gradient-input")
    assert len(images) == len(answers)
    for unit, answer in enumerate(answers):
        (expected,) = torch.autograd.grad(answer, leaf, retain_graph=True)
        assert expected.abs().max() > 0.0
        torch.testing.assert_close(images[unit], expected[0, 0], rtol=0, atol=1e-12)
        torch.testing.assert_close(times_input[unit], (expected * image)[0, 0], rtol=0, atol=1e-12)


def test_gradient_needs_no_convolution() -> None:
    torch.manual_seed(7)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    leaf = torch.rand(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(0.5 * net(leaf)[0, 1].square(), leaf)
    found = asc.deconvolve(net, leaf.detach(), "3", units=[1], method="gradient")
    torch.testing.assert_close(found[0], expected[0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", [MAPS, LABELS])
def test_guided_is_captums(image: Tensor, layer: int) -> None:
    net = network()
    half = Half(net[: layer + 1])
    images = asc.deconvolve(net, image, str(layer), method="guided")
    for unit, found in enumerate(images):
        expected = NeuronGuidedBackprop(half, half).attribute(image.clone().requires_grad_(), unit)
        torch.testing.assert_close(found, expected[0, 0].detach(), rtol=0, atol=1e-12)


ALL_EPSILON = LayerMapComposite(
    [(nn.ReLU, Pass()), (nn.AvgPool2d, Norm()), (nn.Conv2d, Epsilon()), (nn.Linear, Epsilon())]
)


@pytest.mark.parametrize("layer", [MAPS, LABELS])
@pytest.mark.parametrize(("method", "composite"), [("lrp-epsilon", ALL_EPSILON), ("lrp-zplus", EpsilonPlus())])
def test_lrp_is_zennits(image: Tensor, layer: int, method: str, composite: LayerMapComposite) -> None:
    net = network()
    part = net[: layer + 1]
    images = asc.deconvolve(net, image, str(layer), method=method)
    output = part(image)
    for unit, found in enumerate(images):
        start = torch.zeros_like(output)
        start[0, unit] = output[0, unit].detach()
        with Gradient(part, composite) as attributor:
            _, expected = attributor(image.clone().requires_grad_(), start)
        torch.testing.assert_close(found, expected[0, 0], rtol=1e-5, atol=1e-9)


def test_relevance_is_kept_where_nothing_is_added() -> None:
    # Without biases, what goes in at the top comes out at the bottom (Bach et al. 2015, eq. 2).
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 5, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(5, 4, 3, padding=1, bias=False), nn.ReLU()),
    ).double()
    image = torch.rand(1, 1, 20, 16, dtype=torch.float64)
    total = net(image)[0].sum(dim=(1, 2))
    for method in ("lrp-epsilon", "lrp-zplus"):
        images = asc.deconvolve(net, image, "4", method=method)
        torch.testing.assert_close(images.sum(dim=(1, 2)), total, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("layer", [4, MAPS])
def test_deconvolution_is_zennits(image: Tensor, layer: int) -> None:
    net = network()
    part = net[: layer + 1]
    images = asc.deconvolve(net, image, str(layer))
    output = part(image)
    for unit, found in enumerate(images):
        start = torch.zeros_like(output)
        start[0, unit] = output[0, unit].detach()
        with Gradient(part, DeconvNet()) as attributor:
            _, expected = attributor(image.clone().requires_grad_(), start)
        torch.testing.assert_close(found, expected[0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", [nn.ReLU6(), nn.ReLU()])
def test_guided_rectifies_whatever_clips_at_zero(activation: nn.Module) -> None:
    torch.manual_seed(4)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), activation, nn.Conv2d(4, 3, 3)).double()
    image = torch.rand(1, 1, 12, 12, dtype=torch.float64)  # small: nothing reaches six
    expected = asc.deconvolve(nn.Sequential(net[0], nn.ReLU(), net[2]), image, "2", method="guided")
    torch.testing.assert_close(asc.deconvolve(net, image, "2", method="guided"), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("joined", [lambda x, y: -(y - x), lambda x, y: x + y], ids=["a difference", "a residual sum"])
def test_lrp_through(joined: Callable[[Tensor, Tensor], Tensor], image: Tensor) -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(1, 4, 3, padding=1, bias=False)
            self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)

        def forward(self, image: Tensor) -> Tensor:
            x = functional.relu(self.first(image))
            return functional.relu(joined(x, self.second(x)))

    torch.manual_seed(2)
    net = Residual().double()
    images = asc.deconvolve(net, image, "", method="lrp-epsilon")
    torch.testing.assert_close(images.sum(dim=(1, 2)), net(image)[0].sum(dim=(1, 2)), rtol=2e-3, atol=1e-6)


def test_grad_cam_is_captums(image: Tensor) -> None:
    net = network()
    images = asc.deconvolve(net, image, str(LABELS), method="grad-cam")
    for unit, found in enumerate(images):
        coarse = LayerGradCam(net, net[MAPS]).attribute(image, unit, relu_attributions=True)
        expected = functional.interpolate(coarse, size=image.shape[2:], mode="bilinear", align_corners=False)
        torch.testing.assert_close(found, expected[0, 0].detach(), rtol=0, atol=1e-12)


def test_grad_cam_is_for_layers_above_the_convolutions(image: Tensor) -> None:
    with pytest.raises(NoRuleError, match="for labels and dense units"):
        asc.deconvolve(network(), image, str(MAPS), method="grad-cam")


@pytest.mark.parametrize("layer", [MAPS, LABELS])
def test_occlusion_is_captums(layer: int) -> None:
    net = network()
    image = torch.rand(1, 1, 32, 24, dtype=torch.float64)
    part = net[: layer + 1]

    def answer(images: Tensor) -> Tensor:
        output = part(images)
        return output.square().flatten(2).mean(dim=2) if output.ndim > 2 else output

    images = asc.deconvolve(net, image, str(layer), method=Occlusion(patch=8, stride=4))
    for unit, found in enumerate(images):
        expected = CaptumOcclusion(answer).attribute(image, (1, 8, 8), (1, 4, 4), target=unit)
        torch.testing.assert_close(found.float(), expected[0, 0], rtol=1e-4, atol=1e-6)  # Captum's is single


def test_occlusion_covers_every_cell_of_odd_sizes() -> None:
    image = torch.rand(1, 1, 37, 29, dtype=torch.float64)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()).double()
    assert bool(asc.deconvolve(net, image, "1", method=Occlusion(patch=16, stride=8)).isfinite().all())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_leaves_the_network_as_it_was(method: str) -> None:
    net = network().train()
    image = torch.rand(1, 1, 32, 26, dtype=torch.float64)
    before = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in net.modules()]
    images = asc.deconvolve(net, image, str(LABELS), units=[1], method=method)
    assert images.shape == (1, 32, 26)
    assert not images.requires_grad
    assert [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in net.modules()] == before
    assert all(parameter.grad is None for parameter in net.parameters())


def test_an_unknown_method_lists_the_known_ones(image: Tensor) -> None:
    with pytest.raises(UnknownNameError, match=r"no method 'magic'; there is: deconvolution, guided, gradient"):
        asc.deconvolve(network(), image, "8", method="magic")
