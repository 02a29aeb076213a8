"""Run commands on networks that break the contract: one sentence that names the model and its file, and status 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from auralscope import registry as registry_module
from auralscope.cli import main as cli

PLUGIN = """
from pathlib import Path

import numpy as np

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Weights


class FrontEnd(SpectrogramFrontEnd):
    def image_of(self, stft, n_samples):
        image = super().image_of(stft, n_samples)
        return {image}


def build():
    import torch
    from torch import nn

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.relu = nn.ReLU()
            self.maps = nn.Identity()

        def forward(self, image):
            maps = self.relu(self.conv(image))
            maps = self.maps({inside})
            logits = maps.nan_to_num(0.0, 0.0, 0.0).mean((2, 3))
            return {output}

    return {network}


@hookimpl
def auralscope_models():
    return [ModelSpec(
        id="odd", title="Odd", labels=("a", "b"), layers=(Layer("conv1", {module!r}, 2),),
        front_end=FrontEnd(8000, 128, 64, 2048), build=build,
        weights=Weights(Path(__file__).with_suffix(".safetensors"), "CC0-1.0"), output="sigmoid", summary="Odd.",
    )]
"""
GOOD = {"image": "image", "inside": "maps", "output": "logits", "network": "Odd()", "module": "maps"}
COMMANDS = {
    "tag": ["tag", "a.wav", "--model", "odd"],
    "tag json": ["tag", "a.wav", "--model", "odd", "--json", "--over-time"],
    "auralise": ["auralise", "a.wav", "--model", "odd", "--layer", "conv1", "--out", "out"],
    "auralise long": ["auralise", "a.wav", "--model", "odd", "--layer", "conv1", "--out", "out", "--duration", "1"],
    "report": ["report", "a.wav", "--model", "odd", "--out", "out", "--top", "1"],
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs a model with one part changed, and write a recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.setattr(registry_module, "_default", None)
    soundfile.write("a.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000), 8000)

    def write(weight: float = 0.1, **changes: str) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "odd.py").write_text(PLUGIN.format(**{**GOOD, **changes}), encoding="utf-8")
        tensors = {"conv.weight": torch.full((2, 1, 3, 3), weight), "conv.bias": torch.zeros(2)}
        save_file(tensors, tmp_path / "plugins" / "odd.safetensors")

    return write


CASES = [
    ({"weight": float("nan")}, "contains NaN or infinity"),
    ({"weight": float("inf")}, "contains NaN or infinity"),
    ({"output": "(3.0, logits.sum())"}, "returned a tuple, not a tensor"),
    ({"output": "{'a': logits[:, :1]}"}, "returned a dict, not a tensor"),
    ({"output": "logits.sum()"}, "returned a tensor (), not (1, 2)"),
    ({"output": "3.0"}, "returned a float, not a tensor"),
    ({"output": "None"}, "returned a NoneType, not a tensor"),
    ({"output": "logits[:, :1]"}, "returned a tensor (1, 1), not (1, 2)"),
    ({"output": "torch.cat([logits, logits], 1)"}, "returned a tensor (1, 4), not (1, 2)"),
    ({"output": "logits / 0"}, "returned NaN or infinity"),
    ({"output": "image.reshape(7, -1)"}, "is invalid for input of size"),
    ({"output": "undefined_name"}, "failed: NameError"),
    ({"network": "nn.Conv2d(1, 2, 3, groups=7)"}, "cannot be built: ValueError"),
    ({"network": "'network'"}, "cannot be built: its function returned 'network'"),
    ({"image": "image * np.nan"}, "front end of 'odd'"),
    ({"image": "image[:-1]"}, "front end of 'odd'"),
    ({"image": "image[None]"}, "front end of 'odd'"),
    ({"image": "1 / 0"}, "front end of 'odd'"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("changes", "says"), CASES, ids=[f"{' '.join(map(str, c.items()))}" for c, _ in CASES])
def test_a_network_that_breaks_the_contract_is_one_sentence(install, changes, says, command, capsys) -> None:
    install(**changes)
    status = cli.main(COMMANDS[command])
    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    assert says in err
    assert "'odd'" in err
    assert err.startswith("auralscope: The ")
    assert len(err.splitlines()) == 1
    assert not list(Path().rglob("*.wav"))[1:]
    assert not list(Path("out").rglob("*"))


@pytest.mark.parametrize("command", ["auralise", "auralise long", "report"])
@pytest.mark.parametrize("inside", ["maps / 0", "maps * torch.inf", "maps * 1e38 * 1e38"])
def test_infinity_inside_a_network_is_one_sentence(install, inside, command, capsys) -> None:
    install(inside=inside)
    status = cli.main(COMMANDS[command])
    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    assert "The network of 'odd' " in err
    assert "odd.safetensors" in err
    assert "computed NaN or infinity: layer 'conv1' cannot be used" in err
    assert len(err.splitlines()) == 1
    assert not list(Path("out").rglob("*"))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_model_itself_works(install, command, capsys) -> None:
    install()
    assert cli.main(COMMANDS[command]) == 0


@pytest.mark.parametrize("module", ["nothing", "conv.nothing"])
def test_a_layer_without_a_module_is_one_sentence(install, module, capsys) -> None:
    install(module=module)
    assert cli.main(COMMANDS["auralise"]) == 1
    err = capsys.readouterr().err
    assert f"no layer '{module}'" in err
    assert len(err.splitlines()) == 1
