"""Compare deconvolution of torchvision's networks with Captum, and with autograd where Captum does not rectify.

Captum's `NeuronDeconvolution` rectifies the gradient at modules `nn.ReLU` only. At `functional.relu`, ReLU6 and SiLU it
leaves the gradient as it is, so its result is not the deconvolution of a network that has them. There the reference is
autograd on the same network, whose activations rectify in the backward pass and whose gates are constant.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from captum.attr import NeuronDeconvolution
from rectified import rectified
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.training import torchvision_shim  # noqa: F401 - torchvision beside a CPU build of torch

torchvision = pytest.importorskip("torchvision")

UNITS = [0, 1, 5]
SIZE = 80  # the least for Inception is 75


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    first = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    network: nn.Module = getattr(torchvision.models, name)(weights=None, **first).eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):  # with the initial statistics, deep maps vanish
            norm.running_var.mul_(0.1)
    return network.requires_grad_(False)


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def energy(unit: int) -> Callable[[Any], Tensor]:
    """Return a function whose gradient at a map is the map of one unit."""
    return lambda maps: 0.5 * maps[:, unit].square().flatten(1).sum(1)


def by_captum(network: nn.Module, image: Tensor, layer: str) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = NeuronDeconvolution(network, network.get_submodule(layer))
        return torch.cat([method.attribute(image.clone().requires_grad_(), energy(unit)) for unit in UNITS])


def by_autograd(network: nn.Module, image: Tensor, layer: str) -> Tensor:
    maps: list[Tensor] = []
    hook = network.get_submodule(layer).register_forward_hook(lambda _module, _given, output: maps.append(output))
    leaf = image.clone().requires_grad_()
    network(leaf)
    hook.remove()
    gradients = [torch.autograd.grad(energy(unit)(maps[0]).sum(), leaf, retain_graph=True)[0] for unit in UNITS]
    return torch.cat(gradients)


def assert_close(found: Tensor, expected: Tensor) -> None:
    """Compare each unit's image with its reference; a unit that is silent at this image has none."""
    sizes = expected.abs().amax(dim=(1, 2, 3))
    sounding = sizes > 0.0
    assert int(sounding.sum()) >= 2
    assert not bool(found[~sounding].any())
    off = (found - expected).abs().amax(dim=(1, 2, 3))[sounding] / sizes[sounding]
    assert float(off.max()) < 1e-4, off


@pytest.mark.network("Networks of torchvision", "{name}, `{layer}`")
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("alexnet", "features.10"),
        ("vgg11", "features.13"),
        ("resnet18", "layer4"),
        ("squeezenet1_1", "features.6"),
        ("densenet121", "features.denseblock3"),
        ("regnet_x_400mf", "trunk_output.block3"),
        ("mnasnet0_5", "layers.12"),
        ("shufflenet_v2_x0_5", "stage4"),
    ],
)
def test_captum_agrees_on_networks_of_relu_modules(name: str, layer: str, image: Tensor) -> None:
    network = build(name)
    assert_close(asc.deconvolve(network, image, layer, units=UNITS), by_captum(network, image, layer))


class Rectifying(nn.Module):
    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, values: Tensor) -> Tensor:
        return rectified(values, self.activation)


class HeldGate(nn.Module):
    """Squeeze and excitation whose gate is constant."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.block = block

    def forward(self, maps: Tensor) -> Tensor:
        gate: Tensor = self.block._scale(maps)
        return gate.detach() * maps


def rewrite(network: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> nn.Module:
    """Replace modules of a network, the outermost first."""
    waiting = [network]
    while waiting:
        parent = waiting.pop()
        for name, child in list(parent.named_children()):
            new = replacement(child)
            if new is None:
                waiting.append(child)
            else:
                setattr(parent, name, new)
    return network


def with_rectified_activations(network: nn.Module) -> nn.Module:
    from torchvision.ops.misc import SqueezeExcitation

    def replacement(module: nn.Module) -> nn.Module | None:
        if isinstance(module, nn.ReLU | nn.ReLU6 | nn.SiLU):
            module.inplace = False
            return Rectifying(module)
        if isinstance(module, SqueezeExcitation):
            return HeldGate(module)
        if type(module).__name__ == "BasicConv2d":  # GoogLeNet and Inception call functional.relu in it
            return nn.Sequential(module.conv, module.bn, Rectifying(functional.relu))
        return None

    return rewrite(network, replacement)


def with_relu_modules(network: nn.Module) -> nn.Module:
    def replacement(module: nn.Module) -> nn.Module | None:
        is_block = type(module).__name__ == "BasicConv2d"
        return nn.Sequential(module.conv, module.bn, nn.ReLU()) if is_block else None

    return rewrite(network, replacement)


@pytest.mark.network("Networks of torchvision", "{name}, `{layer}`")
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("mobilenet_v2", "features.13"),
        ("efficientnet_b0", "features.8"),
        ("googlenet", "inception5b"),
        ("inception_v3", "Mixed_7c"),
    ],
)
def test_other_networks_equal_autograd_with_rectified_activations(name: str, layer: str, image: Tensor) -> None:
    network = build(name)
    ours = asc.deconvolve(network, image, layer, units=UNITS)
    theirs = by_captum(network, image, layer)
    gradient = by_autograd(network, image, layer)
    assert_close(ours, by_autograd(with_rectified_activations(network), image, layer))
    assert_close(theirs, gradient)  # Captum has rectified nothing


@pytest.mark.parametrize(("name", "layer"), [("googlenet", "inception5b"), ("inception_v3", "Mixed_7c")])
def test_captum_agrees_once_the_activations_are_relu_modules(name: str, layer: str, image: Tensor) -> None:
    ours = asc.deconvolve(build(name), image, layer, units=UNITS)
    assert_close(ours, by_captum(with_relu_modules(build(name)), image, layer))
