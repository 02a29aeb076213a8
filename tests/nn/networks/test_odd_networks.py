"""Deconvolve networks with idioms that are often wrong: squares, norms, other types, wrappers, integers."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.errors import InputError, NetworkError, NoRuleError
from auralscope.nn.attribution.methods import METHODS
from auralscope.nn.tape.capture import record

if TYPE_CHECKING:
    from collections.abc import Callable


class Tagger(nn.Module):
    """Network of two convolutions, with a function before, between or after them."""

    def __init__(
        self,
        before: Callable[[Tensor], Tensor] = lambda x: x,
        between: Callable[[Tensor], Tensor] = lambda x: x,
        after: Callable[[Tensor], Tensor] = lambda x: x,
    ) -> None:
        super().__init__()
        self.functions = (before, between, after)
        self.first, self.pool = nn.Conv2d(1, 6, 3, padding=1), nn.MaxPool2d(2)
        self.second, self.third = nn.Conv2d(6, 5, 3, padding=1), nn.Conv2d(5, 4, 3, padding=1)
        self.output = nn.Linear(4, 3)

    def forward(self, image: Tensor) -> Tensor:
        before, between, after = self.functions
        x = between(functional.relu(self.first(before(image))))
        x = self.third(after(functional.relu(self.second(self.pool(x)))))
        return self.output(functional.relu(x).mean((2, 3)))


IDIOMS: dict[str, Callable[[Tensor], Tensor]] = {
    "power": lambda x: x**2,
    "power in place": lambda x: (x + 0).pow_(2),
    "product": lambda x: x * x,
    "masked": lambda x: x * (x > 0),
    "norm": lambda x: x / x.norm(),
    "norm of channels": lambda x: x / (x.norm(dim=1, keepdim=True) + 0.1),
    "standardised": lambda x: (x - x.mean()) / x.std(),
    "standardised by axes": lambda x: (x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True) + 1e-5),
    "standardised by variance": lambda x: (x - x.mean()) / (x.var() + 1e-5).sqrt(),
    "var_mean": lambda x: (x - torch.var_mean(x)[1]) / (torch.var_mean(x)[0] + 1e-5).sqrt(),
    "std_mean": lambda x: (x - torch.std_mean(x)[1]) / torch.std_mean(x)[0],
    "scaled": lambda x: (x - x.amin()) / (x.amax() - x.amin()),
    "logarithm of power": lambda x: torch.log(x**2 + 1e-2),
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(11)


def spectrogram(seed: int = 5) -> Tensor:
    return torch.randn(1, 1, 12, 16, generator=torch.Generator().manual_seed(seed))


def gradients(network: nn.Module, image: Tensor, layer: str) -> Tensor:
    """Compute by autograd the gradient of half of each unit's squared activation at the image."""
    kept: list[Tensor] = []
    hook = network.get_submodule(layer).register_forward_hook(lambda _module, _input, output: kept.append(output))
    leaf = image.clone().requires_grad_()
    network(leaf)
    hook.remove()
    top = kept[-1]
    units = range(top.shape[1])
    return torch.cat([torch.autograd.grad((top[:, u] ** 2).sum() / 2, leaf, retain_graph=True)[0][0] for u in units])


@pytest.mark.network("Arithmetic inside a network", "{idiom}")
@pytest.mark.parametrize("place", ["before", "between", "after"])
@pytest.mark.parametrize("idiom", IDIOMS)
def test_every_method_goes_through_an_idiom_and_the_gradient_is_that_of_autograd(idiom: str, place: str) -> None:
    network, image = Tagger(**{place: IDIOMS[idiom]}).double(), spectrogram().double()
    for layer in ("second", "third", "output"):
        expected = gradients(network, image, layer)
        found = asc.deconvolve(network, image, layer, method="gradient")
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12 * float(expected.abs().max()))
        for method in set(METHODS) - {"occlusion", "grad-cam"}:
            picture = asc.deconvolve(network, image, layer, units=[0], method=method)
            assert bool(picture.isfinite().all()), method


@pytest.mark.parametrize("idiom", ["power", "power in place", "product"])
def test_a_square_is_gated_by_the_value_itself(idiom: str) -> None:
    network, image = Tagger(between=IDIOMS[idiom]).double(), spectrogram().double()
    rectified = network.first(image).relu()
    pooled, switches = functional.max_pool2d(rectified**2, 2, return_indices=True)
    maps = network.second(pooled)
    for unit, found in enumerate(asc.deconvolve(network, image, "second")):
        start = torch.zeros_like(maps)
        start[0, unit] = maps[0, unit]
        signal = functional.conv_transpose2d(start, network.second.weight, padding=1)
        signal = functional.max_unpool2d(signal, switches, 2, output_size=rectified.shape[2:]) * rectified
        expected = functional.conv_transpose2d(signal.clamp(min=0), network.first.weight, padding=1)[0, 0]
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_batch_norm_of_the_library_has_its_own_order_of_arguments() -> None:
    norm = nn.BatchNorm2d(6).double().eval()
    nn.init.normal_(norm.weight)
    norm.running_var.uniform_(0.3, 2.0)
    norm.running_mean.normal_()
    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    direct = Tagger(between=lambda x: torch.batch_norm(x, *statistics, False, 0.1, 1e-5, False)).double()
    as_module = Tagger(between=norm).double()
    as_module.load_state_dict(direct.state_dict())
    for method in ("deconvolution", "gradient", "lrp-epsilon"):
        found = asc.deconvolve(direct, spectrogram().double(), "second", method=method)
        torch.testing.assert_close(
            found, asc.deconvolve(as_module, spectrogram().double(), "second", method=method), rtol=1e-12, atol=0
        )


# -- types ---------------------------------------------------------------------------------------------------------


@pytest.mark.network("Types", "an image in float32 for weights in {dtype}")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("method", sorted(set(METHODS) - {"grad-cam"}))
def test_an_image_is_converted_to_the_type_of_the_weights(dtype: torch.dtype, method: str) -> None:
    network, image = Tagger().to(dtype), spectrogram()
    found = asc.deconvolve(network, image, "second", units=[0, 1], method=method)
    assert found.dtype is torch.float32
    assert torch.equal(found, asc.deconvolve(network, image.to(dtype), "second", units=[0, 1], method=method).float())
    assert float(found.abs().max()) > 0.0


class Autocast(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = network

    def forward(self, image: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.inner(image)


@pytest.mark.network("Types", "autocast inside the network", result="close: cosine 0.97 to single precision")
@pytest.mark.parametrize("method", sorted(set(METHODS) - {"occlusion"}))
def test_autocast_inside_the_network_changes_only_the_rounding(method: str) -> None:
    plain = Tagger(between=nn.BatchNorm2d(6).eval(), after=lambda x: x + x.mean())
    image = spectrogram()
    layers = ["output"] if method == "grad-cam" else ["first", "third", "output"]
    for layer in layers:
        found = asc.deconvolve(Autocast(plain), image, f"inner.{layer}", method=method)
        expected = asc.deconvolve(plain, image, layer, method=method)
        # Rounded values have their maxima in other places.
        assert float(functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0)) > 0.97
        if method == "gradient":
            expected = gradients(Autocast(plain), image, f"inner.{layer}")
            assert float(functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0)) > 0.999


def test_the_recording_of_autocast_holds_the_values_of_the_network() -> None:
    network, image = Autocast(Tagger()), spectrogram()
    tape = record(network, image)
    with torch.no_grad():
        assert torch.equal(tape.output, network(image))
    assert tape.output.dtype is torch.bfloat16


@pytest.mark.network("Types", "a dense layer of 8-bit integers", result="close: cosine 0.999 to real numbers")
def test_a_dense_layer_of_integers() -> None:
    network, image = Tagger().eval(), spectrogram()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its own deprecated functions
        whole = torch.ao.quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)
    real = copy.deepcopy(network)
    real.output.weight.data = whole.output.weight().dequantize()
    tape = record(whole, image)
    with torch.no_grad():
        torch.testing.assert_close(tape.output, whole(image), rtol=0, atol=1e-6)
    for method in sorted(set(METHODS) - {"occlusion"}):
        found = asc.deconvolve(whole, image, "output", method=method)
        expected = asc.deconvolve(real, image, "output", method=method)
        assert float(functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0)) > 0.999


@pytest.mark.network(
    "Functions without a rule", "an embedding of the rounded input", refused="no rule, and no derivative"
)
def test_an_index_cuts_off_the_image_in_one_sentence() -> None:
    class Codes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.first = nn.Embedding(32, 4), nn.Conv2d(4, 5, 3)
            self.output = nn.Linear(5, 3)

        def forward(self, image: Tensor) -> Tensor:
            codes = ((image.clamp(-3, 3) + 3) / 6 * 31).round().long()[:, 0]
            x = functional.relu(self.first(self.embedding(codes).permute(0, 3, 1, 2)))
            return self.output(x.mean((2, 3)))

    network = Codes()
    for layer in ("embedding", "first", "output"):
        with pytest.raises(NoRuleError, match="no rule of deconvolution for 'embedding' in module 'embedding'"):
            asc.deconvolve(network, spectrogram(), layer)
        for method in ("gradient", "gradient-input", "guided", "attnlrp"):
            with pytest.raises(NoRuleError, match="only by steps without a derivative, such as rounding or an index"):
                asc.deconvolve(network, spectrogram(), layer, method=method)
    assert float(asc.deconvolve(network, spectrogram(), "output", method="occlusion").abs().max()) > 0.0


def test_an_input_smaller_than_a_pooling_names_the_module() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(32))
    with pytest.raises(NetworkError, match=r"cannot run on an input of \(1, 1, 12, 16\), float32: module '1' says: .*"):
        asc.deconvolve(network, spectrogram(), "0")


def test_a_division_by_zero_is_said() -> None:
    network = Tagger(before=lambda x: x / x.norm())
    with pytest.raises(InputError, match="occlusion gives NaN or infinity for layer 'second'"):
        asc.deconvolve(network, spectrogram(), "second", method="occlusion")


# -- wrappers ------------------------------------------------------------------------------------------------------


def wrapped(network: nn.Module, wrapper: str) -> nn.Module:
    if wrapper == "parallel":
        return nn.DataParallel(network)
    if wrapper == "compiled in place":
        network.compile(backend="eager")
        return network
    if wrapper == "part compiled":
        network.first = torch.compile(network.first, backend="eager")
        return network
    if wrapper == "part parallel":
        network.second = nn.DataParallel(network.second)
        return network
    compiled = torch.compile(network, backend="eager")
    return nn.DataParallel(compiled) if wrapper == "both" else compiled


@pytest.mark.network("Wrappers", "{wrapper}")
@pytest.mark.parametrize(
    "wrapper", ["parallel", "compiled", "compiled in place", "part compiled", "part parallel", "both"]
)
def test_a_wrapped_network_has_the_names_and_pictures_of_the_network(wrapper: str) -> None:
    network, image = Tagger(), spectrogram()
    expected = {layer: asc.deconvolve(network, image, layer) for layer in ("first", "second", "output")}
    around = wrapped(copy.deepcopy(network), wrapper)
    for layer, picture in expected.items():
        torch.testing.assert_close(asc.deconvolve(around, image, layer), picture, rtol=0, atol=0)
    torch.testing.assert_close(around(image), network(image))
