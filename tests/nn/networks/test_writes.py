"""Networks that write in place, through views, and in other ways that a recording must not miss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.errors import IncompleteRecordingError, InputError
from auralscope.nn.tape.capture import record

Part = Callable[[Tensor], Tensor]


class Between(nn.Module):
    """Two convolutions with a function between them."""

    def __init__(self, between: Part) -> None:
        super().__init__()
        self.between = between
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.second(self.between(functional.relu(self.first(image))))


def network(between: Part) -> Between:
    torch.manual_seed(0)
    return Between(between).double()


IMAGE = torch.randn(1, 1, 12, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def kept(*where: slice) -> Tensor:
    """Zeros in a part of the maps, ones elsewhere."""
    mask = torch.ones(1, 4, 12, 10, dtype=torch.float64)
    mask[where] = 0.0
    return mask


ALL = slice(None)
UPPER, BAND, EVERY_OTHER = kept(ALL, slice(2, None)), kept(ALL, ALL, ALL, slice(4, 8)), kept(ALL, ALL, slice(1, 9, 3))


def written(*calls: Callable[[Tensor], object]) -> Part:
    """A function that writes into its input and returns it."""

    def write(y: Tensor) -> Tensor:
        for call in calls:
            call(y)
        return y

    return write


def into_a_view_of_a_view(y: Tensor) -> Tensor:
    tail = y.transpose(2, 3)[:, :, 4:8]
    tail.transpose(2, 3).mul_(0.0)
    return y


def into_the_whole(y: Tensor) -> Tensor:
    tail = y[:, 2:]
    y.mul_(3.0)
    return torch.cat([y[:, :2], tail], dim=1)


def into_an_older_view(y: Tensor) -> Tensor:
    z = torch.empty_like(y)
    upper, lower = z[:, 2:], z[:, :2]
    lower.copy_(y[:, :2])
    upper.zero_()
    return z


def old_value_used_later(y: Tensor) -> Tensor:
    twice = y * 2.0
    y[:, 2:] = 0.0
    return twice + y


def with_out(y: Tensor) -> Tensor:
    z = torch.zeros_like(y)
    torch.mul(y, UPPER, out=z)
    return z


CASES: dict[str, tuple[Part, Part]] = {
    "slice assigned": (written(lambda y: y.__setitem__((ALL, slice(2, None)), 0)), lambda y: y * UPPER),
    "band assigned": (written(lambda y: y.__setitem__((..., slice(4, 8)), 0)), lambda y: y * BAND),
    "mask assigned": (written(lambda y: y.__setitem__(BAND == 0, 0.0)), lambda y: y * BAND),
    "strided rows zeroed": (written(lambda y: y[:, :, 1:9:3].zero_()), lambda y: y * EVERY_OTHER),
    "filled": (written(lambda y: y[:, 2:].fill_(0.0)), lambda y: y * UPPER),
    "masked fill": (written(lambda y: y.masked_fill_(BAND == 0, 0.0)), lambda y: y * BAND),
    "index fill": (written(lambda y: y.index_fill_(1, torch.tensor([2, 3]), 0.0)), lambda y: y * UPPER),
    "index add": (
        written(lambda y: y.index_add_(1, torch.tensor([0, 1]), y[:, :2].clone())),
        lambda y: y * (2.0 - kept(ALL, slice(2))),
    ),
    "view scaled": (written(lambda y: y[:, 1:].mul_(2.0)), lambda y: y * (2.0 - kept(ALL, slice(1, None)))),
    "view of a view": (into_a_view_of_a_view, lambda y: y * BAND),
    "whole written after its view": (into_the_whole, lambda y: y * 3.0),
    "empty tensor filled by views": (into_an_older_view, lambda y: y * UPPER),
    "old value used later": (old_value_used_later, lambda y: y * (2.0 + UPPER)),
    "relu without its result": (written(lambda y: y.sub_(0.1), torch.relu_), lambda y: functional.relu(y - 0.1)),
    "out=": (with_out, lambda y: y * UPPER),
    "added in place twice": (written(lambda y: y.add_(y), lambda y: y.add_(y)), lambda y: y * 4.0),
    "data": (lambda y: y + 2.0 * y.data, lambda y: y + 2.0 * y),
    "zeros of the same shape": (lambda y: y + y.new_zeros(y.shape), lambda y: y + 0.0),
}
METHODS = ("deconvolution", "guided", "gradient", "gradient-input")


@pytest.mark.network("Writes in place", "{id}")
@pytest.mark.parametrize("case", CASES)
def test_a_network_that_writes_in_place_equals_one_that_does_not(case: str) -> None:
    odd, plain = (network(between) for between in CASES[case])
    image = IMAGE.clone()
    with torch.no_grad():
        torch.testing.assert_close(odd(image.clone()), plain(image))
    for method in METHODS:
        expected = asc.deconvolve(plain, image, "second", method=method)
        assert float(expected.abs().max()) > 0.0
        found = asc.deconvolve(odd, image, "second", method=method)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))
    assert torch.equal(image, IMAGE)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_autograd(case: str) -> None:
    odd, plain = (network(between) for between in CASES[case])
    leaf = IMAGE.clone().requires_grad_()
    output = plain(leaf)
    (expected,) = torch.autograd.grad(output[0, 1].square().sum() / 2.0, leaf)
    found = asc.deconvolve(odd, IMAGE, "second", units=[1], method="gradient")
    torch.testing.assert_close(found[0], expected[0, 0], rtol=0, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.network("Writes in place", "the input standardised in place")
def test_an_input_that_the_network_standardises_in_place() -> None:
    class Standardised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(1, 3, 3)

        def forward(self, image: Tensor) -> Tensor:
            image.sub_(0.5)
            image /= 2.0
            return self.first(image)

    torch.manual_seed(0)
    odd = Standardised().double()
    plain = nn.Sequential(odd.first)
    found = asc.deconvolve(odd, IMAGE, "first")
    torch.testing.assert_close(found, asc.deconvolve(plain, (IMAGE - 0.5) / 2.0, "0") / 2.0)


@pytest.mark.network("Lists of maps", "a list {id} after it was joined")
@pytest.mark.parametrize("change", ["replaced", "appended", "cleared"])
def test_a_list_that_is_changed_after_it_was_joined(change: str) -> None:
    class Joined(nn.Module):
        def __init__(self, change: str) -> None:
            super().__init__()
            self.change = change
            self.first, self.second = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
            self.join = nn.Conv2d(6, 4, 3)

        def forward(self, image: Tensor) -> Tensor:
            maps = [functional.relu(self.first(image))]
            maps.append(functional.relu(self.second(maps[0])))
            joined = self.join(torch.cat(maps, dim=1))
            if self.change == "replaced":
                maps[0] = maps[1] * 2.0
            elif self.change == "appended":
                maps.append(maps[1])
            elif self.change == "cleared":
                maps.clear()
            return joined

    torch.manual_seed(0)
    odd, plain = Joined(change).double(), Joined("").double()
    plain.load_state_dict(odd.state_dict())
    torch.testing.assert_close(asc.deconvolve(odd, IMAGE, "join"), asc.deconvolve(plain, IMAGE, "join"))


def _by_numpy(y: Tensor) -> Tensor:
    return torch.from_numpy(2.0 * y.numpy())


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(_context: object, values: Tensor) -> Tensor:
        return torch.from_numpy(2.0 * values.numpy())


HIDDEN: dict[str, Part] = {
    "numpy": lambda y: y + _by_numpy(y),
    "vmap": lambda y: y + torch.vmap(lambda t: 2.0 * t)(y),
    "custom autograd function": lambda y: y + _Doubled.apply(y),
    "numbers read from the image": lambda y: y / float(np.asarray(y.max())),
    "random": lambda y: y + torch.from_numpy(np.random.default_rng().standard_normal(y.shape)),
}


@pytest.mark.network(
    "Code that torch does not report",
    "{id}",
    refused="the result depends on the image by steps that torch does not report",
)
@pytest.mark.parametrize("case", HIDDEN)
def test_a_hidden_branch_is_an_error_that_names_its_module(case: str) -> None:
    class Part(nn.Module):
        def forward(self, y: Tensor) -> Tensor:
            return HIDDEN[case](y)

    inside = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Sequential(Part()), nn.Conv2d(4, 4, 3)).double()
    with pytest.raises(IncompleteRecordingError, match=r"Module '2\.0' depends on the image"):
        asc.deconvolve(inside, IMAGE, "3")


@pytest.mark.network(
    "Code that torch does not report",
    "values that numpy overwrites",
    refused="the result depends on the image by steps that torch does not report",
)
def test_values_that_numpy_overwrites_are_an_error_that_names_their_module() -> None:
    class Part(nn.Module):
        def forward(self, y: Tensor) -> Tensor:
            y.numpy()[:, 2:] = 0.0
            return y

    inside = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), Part(), nn.Conv2d(4, 4, 3)).double()
    with pytest.raises(IncompleteRecordingError, match="Module '1' depends on the image"):
        asc.deconvolve(inside, IMAGE, "3")


@pytest.mark.network("State", "state, counters, lists and buffers kept between calls")
def test_a_network_that_keeps_state_comes_back_as_it_was() -> None:
    class Remembering(nn.Module):
        last: Tensor | None = None

        def __init__(self) -> None:
            super().__init__()
            self.first, self.count, self.seen = nn.Conv2d(1, 4, 3), 0, []
            self.over_time = nn.LSTM(4, 3, batch_first=True)
            self.register_buffer("total", torch.zeros(1, dtype=torch.float64))

        def forward(self, image: Tensor) -> Tensor:
            sequence = functional.relu(self.first(image)).mean(dim=2).transpose(1, 2)
            output, self.state = self.over_time(sequence, getattr(self, "state", None))
            self.total += output.sum()
            self.count += 1
            self.seen.append(output)
            return output[:, -1] + self.total

    torch.manual_seed(0)
    remembering = Remembering().double()
    first = asc.deconvolve(remembering, IMAGE, "")
    assert torch.equal(first, asc.deconvolve(remembering, IMAGE, ""))
    assert not hasattr(remembering, "state")
    assert (remembering.count, remembering.seen, float(remembering.total)) == (0, [], 0.0)


@pytest.mark.network("Inputs", "an input {id}", refused="the network cannot run on it")
@pytest.mark.parametrize(
    ("layers", "image"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(20)), IMAGE.float()),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 3).double()), IMAGE.float()),
        (nn.Sequential(nn.Identity(), nn.Conv2d(3, 2, 3)), IMAGE.float()),
    ],
    ids=["smaller than a pooling", "for weights of two types", "of other channels"],
)
def test_a_network_that_cannot_run_names_its_module(layers: nn.Sequential, image: Tensor) -> None:
    with pytest.raises(InputError, match=r"cannot run on an input of \(1, 1, 12, 10\), float32: module '1' says"):
        record(layers, image)
