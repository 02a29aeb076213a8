"""Read networks from files, and deconvolve them as the networks from which they were made."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc
from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.errors import FileError, NetworkError, PluginError
from auralscope.nn.tape.scripted import Scripted
from auralscope.types import Clip

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

KINDS = ("scripted", "traced", "exported")


def doubled(x: Tensor, times: int = 2) -> Tensor:
    """Return x times a power of two, by a loop and a branch of TorchScript."""
    y = functional.relu(x)
    for number in range(times):
        if number > 0:
            y = y + y
    return y


class Block(nn.Module):
    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, maps, 3, padding="same")
        self.norm = nn.BatchNorm2d(maps)
        self.squeeze, self.excite = nn.Linear(maps, 2), nn.Linear(2, maps)

    def forward(self, x: Tensor) -> Tensor:
        y = doubled(self.norm(self.convolution(x)))
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(y.mean((2, 3))))))
        return y * gate[:, :, None, None]


class Tagger(nn.Module):
    """Network with idioms of both kinds of files: slices, in-place writes, interpolation, a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.pool = Block(1, 5), nn.MaxPool2d(2)
        self.second = nn.Sequential(Block(5, 4), nn.ReLU6(inplace=True), nn.AvgPool2d((1, 2)), nn.Dropout(0.5))
        self.attention_norm = nn.GroupNorm(2, 4)
        self.over_time = nn.GRU(8, 4, batch_first=True)
        self.output = nn.Linear(4, 3)

    def forward(self, image: Tensor) -> Tensor:
        x = functional.interpolate(self.pool(self.first(image)), scale_factor=2.0, mode="nearest")
        x = self.attention_norm(self.second(x))
        x = functional.pad(x, [1, 1, 0, 0])[:, :, ::2, 1:-1]
        x = torch.cat([x[:, :, :2], x[:, :, 2:4].abs()], dim=2).flatten(1, 2)[:, :8]
        sequence, _ = self.over_time(x.transpose(1, 2))
        return self.output(sequence[:, -1])


LAYERS = ("first.convolution", "pool", "second.0", "second", "attention_norm", "over_time", "output")


def image() -> Tensor:
    return torch.randn(1, 1, 12, 16, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(12)
    network = Tagger().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.3, 2.0)
            module.running_mean.normal_()
    return network


def saved(network: nn.Module, kind: str, path: Path, example: Tensor | None = None) -> Path:
    """Write a network into a file of some kind."""
    example = image() if example is None else example
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "exported":
            file = path / "network.pt2"
            torch.export.save(torch.export.export(network, (example,)), file)
        else:
            file = path / "network.pt"
            script = torch.jit.script(network) if kind == "scripted" else torch.jit.trace(network, example)
            torch.jit.save(script, file)
    return file


@pytest.fixture(scope="module", params=KINDS)
def loaded(request: pytest.FixtureRequest, network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    return asc.load_network(saved(network, request.param, tmp_path_factory.mktemp("networks")))


@pytest.mark.network("Networks in files", "{loaded}")
@pytest.mark.parametrize("layer", LAYERS)
def test_a_network_in_a_file_has_the_pictures_of_the_network(network: nn.Module, loaded: nn.Module, layer: str) -> None:
    torch.testing.assert_close(loaded(image()), network(image()))
    for method in ("deconvolution", "gradient", "guided"):
        expected = asc.deconvolve(network, image(), layer, method=method)
        found = asc.deconvolve(loaded, image(), layer, method=method)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_a_network_in_a_file_has_the_parameters_of_the_network(network: nn.Module, loaded: nn.Module) -> None:
    expected = network.state_dict()
    assert {name: value.shape for name, value in loaded.state_dict().items() if name in expected} == {
        name: value.shape for name, value in expected.items()
    }


def test_a_scripted_network_needs_no_file(network: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(network)
    expected = asc.deconvolve(network, image(), "pool")
    torch.testing.assert_close(asc.deconvolve(script, image(), "pool"), expected)


def test_changed_weights_change_the_network_in_a_file(network: nn.Module, loaded: nn.Module) -> None:
    before = loaded(image())
    loaded.output.bias.data += 1.0
    try:
        torch.testing.assert_close(loaded(image()), before + 1.0)
    finally:
        loaded.output.bias.data -= 1.0


# -- refused -------------------------------------------------------------------------------------------------------


class Waits(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return torch.jit.wait(torch.jit.fork(torch.relu, image))


class NeedsRate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 3)

    def forward(self, image: Tensor, rate: int, half: bool = False) -> Tensor:
        if rate != 8000:
            raise ValueError(f"a rate of {rate} is not supported")
        return self.convolution(image) / (2.0 if half else 1.0)


class AtRate(nn.Module):
    def __init__(self, network: nn.Module, rate: int) -> None:
        super().__init__()
        self.network, self.rate = network, rate

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image, self.rate)


def test_a_scripted_network_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"^Module '\(the network itself\)' uses 'prim::fork' of TorchScript, which"):
        asc.load_network(saved(Waits(), "scripted", tmp_path))


def test_a_scripted_network_with_further_arguments(tmp_path: Path) -> None:
    opened = asc.load_network(saved(NeedsRate(), "scripted", tmp_path))
    with pytest.raises(NetworkError, match="needs the arguments rate beside its input"):
        asc.deconvolve(opened, image(), "convolution")
    with pytest.raises(NetworkError, match=r"stops in module .*: a rate of 44100 is not supported"):
        asc.deconvolve(AtRate(opened, 44_100), image(), "network.convolution")
    expected = asc.deconvolve(nn.Sequential(opened.convolution), image(), "0")
    torch.testing.assert_close(asc.deconvolve(AtRate(opened, 8000), image(), "network.convolution"), expected)


class Trap:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.file),)


def test_a_pickle_is_refused_and_not_run(network: nn.Module, tmp_path: Path) -> None:
    torch.save(Trap(tmp_path / "sprung"), tmp_path / "trap.pt")
    torch.save(network, tmp_path / "whole.pth")
    for name in ("trap.pt", "whole.pth"):
        with pytest.raises(FileError, match=rf"{name}\" cannot .* A pickle can run any code, .*torch\.export\.save"):
            asc.load_network(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_inside_an_exported_program_is_refused_and_not_run(network: nn.Module, tmp_path: Path) -> None:
    file = saved(network, "exported", tmp_path)
    trap = io.BytesIO()
    torch.save(Trap(tmp_path / "sprung"), trap)
    changed = tmp_path / "trap.pt2"
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(changed, "w") as other:
        inputs = [name for name in whole.namelist() if "sample_inputs" in name]
        assert inputs
        for name in whole.namelist():
            other.writestr(name, trap.getvalue() if name in inputs else whole.read(name))
    with pytest.raises(FileError, match=r"calls 'posix\.mkdir', which can run any code"):
        asc.load_network(changed)
    assert not (tmp_path / "sprung").exists()


def test_files_of_other_kinds_say_what_to_do(network: nn.Module, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "network.onnx").write_bytes(b"\x08\x07")
    (tmp_path / "noise.pt").write_bytes(b"nothing at all")
    sentences = {
        "weights.pth": "it holds weights without a network",
        "weights.safetensors": "it holds weights without a network",
        "network.onnx": "it holds ONNX, which is not read",
        "noise.pt": "it holds a pickled object or no network at all",
    }
    for name, sentence in sentences.items():
        with pytest.raises(FileError, match=rf"{name}\" cannot be read as a network: {sentence}.*torch\.export\.save"):
            asc.load_network(tmp_path / name)
    with pytest.raises(FileError, match="absent"):
        asc.load_network(tmp_path / "absent.pt")


@pytest.mark.parametrize("kind", ["scripted", "exported"])
def test_a_damaged_file_is_one_sentence(kind: str, network: nn.Module, tmp_path: Path) -> None:
    file = saved(network, kind, tmp_path)
    with zipfile.ZipFile(file) as whole:
        contents = {name: whole.read(name) for name in whole.namelist()}
    victims = [name for name in contents if name.endswith((".json", "constants.pkl", "data.pkl"))]
    assert victims
    for victim in victims[:4]:
        with zipfile.ZipFile(file, "w") as other:
            for name, content in contents.items():
                other.writestr(name, b"\x80damaged" if name == victim else content)
        with pytest.raises(FileError, match="cannot be read as a network") as failure:
            asc.load_network(file)
        assert "\n" not in str(failure.value)


def test_an_opened_network_is_a_module_of_its_own(network: nn.Module, tmp_path: Path) -> None:
    opened = asc.load_network(saved(network, "scripted", tmp_path))
    assert isinstance(opened, Scripted)
    assert [name for name, _ in opened.named_modules()] == [name for name, _ in network.named_modules()]


# -- models --------------------------------------------------------------------------------------------------------


def test_a_file_with_a_front_end_and_labels_becomes_a_model(network: nn.Module, tmp_path: Path) -> None:
    front_end = SpectrogramFrontEnd(8000, 22, 11, 165)
    assert front_end.input_shape == (12, 16)
    opened = asc.load_network(saved(network, "exported", tmp_path))
    model = asc.model_of(opened, front_end, labels=("a", "b", "c"), output="softmax", device="cpu")
    assert model.layers[-1] == "output"
    assert {"pool", "over_time"} < set(model.layers)
    assert (model.layer("pool").units, model.layer("over_time").units) == (5, 4)
    clip = Clip(np.random.default_rng(3).standard_normal(8000).astype(np.float32), 8000)
    run = model.analyse(clip)
    expected = asc.deconvolve(network, torch.from_numpy(run.input)[None, None], "pool")
    np.testing.assert_allclose(run.deconvolve("pool"), expected.numpy(), atol=1e-5 * float(expected.abs().max()))
    assert run.auralise("pool", 1).peak > 0.0
    with torch.no_grad():
        probabilities = network(torch.from_numpy(run.input)[None, None]).softmax(1)[0]
    np.testing.assert_allclose(model.predict_input(run.input), probabilities.numpy(), atol=1e-5)
    with pytest.raises(PluginError, match="has 3 outputs, and 2 labels were given"):
        asc.model_of(opened, front_end, labels=("a", "b"))
    with pytest.raises(NetworkError, match=r"returns \(1, 2, 10, 14\) for one window, not \(1, labels\)"):
        asc.model_of(nn.Conv2d(1, 2, 3), front_end)
