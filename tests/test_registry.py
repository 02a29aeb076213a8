"""Tests of plugins: found, checked, and skipped with their error if they fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import auralscope as asc
from auralscope import registry as registry_module
from auralscope import weights
from auralscope.errors import NoRuleError, PluginError, UnknownNameError, WeightsError
from auralscope.nn.attribution import methods, rules
from auralscope.registry import Registry

OURS = ["compact_convnet", "crnn", "genre_convnet"]

GOOD = """
from pathlib import Path

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Weights

def build():
    from torch import nn
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

@hookimpl
def auralscope_models():
    return [ModelSpec(
        id={id!r}, title="Mine", labels=("a", "b"), layers=(Layer("conv1", "1", 2),),
        front_end=SpectrogramFrontEnd(8000, 128, 64, 2048), build=build,
        weights=Weights(Path(__file__).with_suffix(".safetensors"), "CC0-1.0"), output="sigmoid", summary="A stranger.",
    )]
"""


def change(old: str, new: str) -> str:
    text = GOOD.format(id="mine")
    assert old in text
    return text.replace(old, new)


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def errors(folder: Path) -> dict[str, str]:
    return {plugin.name: plugin.error for plugin in Registry(folder).plugins}


def strangers(known: Registry) -> set[str]:
    """Return the ids of the models of other plugins."""
    return {spec.id for plugin in known.plugins for spec in plugin.models if plugin.name not in OURS}


def test_the_built_in_plugins_are_found_like_any_other(tmp_path: Path) -> None:
    known = Registry(tmp_path)
    assert [(p.name, p.error) for p in known.plugins] == [(name, "") for name in OURS]
    assert all(plugin.models for plugin in known.plugins)
    assert known.find("genre-convnet") in next(p.models for p in known.plugins if p.name == "genre_convnet")


def test_no_plugin_folder_is_no_error(tmp_path: Path) -> None:
    assert errors(tmp_path / "not" / "there") == dict.fromkeys(OURS, "")


def test_a_file_and_a_package_in_the_users_folder_are_found(tmp_path: Path) -> None:
    write(tmp_path, "mine", GOOD.format(id="mine"))
    (tmp_path / "bigger").mkdir()
    (tmp_path / "bigger" / "helper.py").write_text("NAME = 'bigger-one'\n")
    text = "from .helper import NAME\n" + GOOD.replace("{id!r}", "NAME")
    (tmp_path / "bigger" / "__init__.py").write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a plugin")
    known = Registry(tmp_path)
    assert [plugin.error for plugin in known.plugins] == [""] * (len(OURS) + 2)
    assert strangers(known) == {"mine", "bigger-one"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('leave')", "SystemExit: leave"),
        ("x = 1", "brings nothing"),
        (GOOD.format(id="Not An Id"), "the model id 'Not An Id' is not lower case"),
        (GOOD.format(id="genre-convnet"), "the model id 'genre-convnet' is already taken"),
        (GOOD.format(id="mine").replace("return [ModelSpec(", "return [dict("), "returned dict, not ModelSpec"),
        (GOOD.format(id="mine").replace("def auralscope_models", "def auralscope_modles"), "auralscope_modles"),
        (GOOD.format(id="mine").replace("models():", "models(surprise):"), "surprise"),
        (GOOD.format(id="mine").replace('labels=("a", "b")', "labels=()"), "names no labels"),
        (change('labels=("a", "b")', 'labels="ab"'), "the model 'mine' has labels or layers that are not a tuple"),
        (change('labels=("a", "b")', 'labels=("a", "a")'), "names a label twice: 'a' in labels"),
        (change('labels=("a", "b")', 'labels=("a", "")'), "has the label '' among its labels"),
        (change('labels=("a", "b")', 'labels=("a", "b" * 10**6)'), "among its labels, which is not a text of 1 to"),
        (change('labels=("a", "b")', 'labels=("a", "\\x1b[2J")'), "has the label '\\x1b[2J' among its labels"),
        (change('labels=("a", "b")', 'labels=("a", 1)'), "has the label 1 among its labels"),
        (change('output="sigmoid"', 'output="tanh"'), "has the output 'tanh'"),
        (change('Layer("conv1", "1", 2),', 'Layer("conv1", "1", 2), Layer("conv1", "0", 2)'), "names a layer twice"),
        (change('Layer("conv1", "1", 2)', 'Layer("conv1", "1", 0)'), "has 0 units in the layer 'conv1'"),
        (change('Layer("conv1", "1", 2)', 'Layer("conv1", "1", -3)'), "has -3 units in the layer 'conv1'"),
        (change('Layer("conv1", "1", 2)', 'Layer("", "1", 2)'), "has a layer with the name ''"),
        (change('Layer("conv1", "1", 2)', '("conv1", "1", 2)'), "which is not a Layer"),
        (change("8000, 128, 64, 2048", "0, 128, 64, 2048"), "has a front_end whose sample_rate is 0"),
        (change("8000, 128, 64, 2048", "8000, 128, 0, 2048"), "has a front_end whose hop is 0"),
        (change("8000, 128, 64, 2048", "8000, 128, 64, -1"), "has a front_end whose window_samples is -1"),
        (change("8000, 128, 64, 2048", "8000, 128, 64, 10**13"), "is larger than 100,000,000 cells"),
        (change("8000, 128, 64, 2048", "8000, 128, 64, 2048, n_mels=99"), "99 mel bands, more than the 65 bins"),
        (change("front_end=SpectrogramFrontEnd(8000, 128, 64, 2048)", "front_end=None"), "which is not a FrontEnd"),
        (change("build=build", "build=None"), "has the build None, which is not a function"),
        (change('title="Mine"', "title=None"), "has the title None"),
        (change('summary="A stranger."', 'summary="a\\nb"'), "has the summary 'a\\nb'"),
        (GOOD.format(id="mine").replace("return [", "raise ValueError('inside') or ["), "ValueError: inside"),
    ],
)
def test_a_plugin_that_fails_is_listed_and_the_others_go_on(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "a_broken_one", text)
    write(tmp_path, "the_good_one", GOOD.format(id="good"))
    known = Registry(tmp_path)
    broken = next(plugin for plugin in known.plugins if plugin.name == "a_broken_one")
    assert says in broken.error
    assert "\n" not in broken.error
    assert broken.models == ()
    assert strangers(known) == {"good"}
    assert {plugin.name for plugin in known.plugins if not plugin.error} == {*OURS, "the_good_one"}


def test_a_bad_model_does_not_hide_the_others_of_its_plugin(tmp_path: Path) -> None:
    text = GOOD.format(id="first").replace("return [", "spec = ").replace(")]", ")")
    text += "    from dataclasses import replace\n"
    text += "    return [spec, replace(spec, id='second', labels='ab'), replace(spec, id='third')]\n"
    write(tmp_path, "mixed", text)
    known = Registry(tmp_path)
    assert strangers(known) == {"first", "third"}
    assert errors(tmp_path)["mixed"] == "the model 'second' has labels or layers that are not a tuple"


def test_an_unknown_model_lists_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "a_broken_one", "import a_module_that_is_not_there")
    with pytest.raises(
        UnknownNameError, match=r"no model called 'x'; there is: .*genre-convnet\. Plugins that failed: a_br"
    ):
        Registry(tmp_path).find("x")


def test_a_model_of_another_author_loads_and_predicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "mine", GOOD.format(id="mine"))
    known = Registry(tmp_path)
    monkeypatch.setattr(registry_module, "_default", known)
    spec = known.find("mine")
    assert weights.state(spec) == "missing"
    with pytest.raises(WeightsError, match=r"weights of 'mine' are missing: .*mine\.safetensors is not there"):
        asc.load_model("mine")
    spec.weights.file.write_bytes(b"\x10\0\0\0\0\0\0\0not safetensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        asc.load_model("mine")
    save_file({"other.weight": torch.zeros(3)}, spec.weights.file)
    with pytest.raises(WeightsError, match="not those of 'mine': its network differs"):
        asc.load_model("mine")
    save_file(spec.build().state_dict(), spec.weights.file)
    model = asc.load_model("mine", device="cpu")
    assert model.predict_input(torch.rand(65, 33)).shape == (2,)
    info = {model.id: model for model in asc.models()}["mine"]
    assert (info.plugin, info.weights, info.licence) == ("mine", "bundled", "CC0-1.0")
    assert info.layers == spec.layers


ENGINE = """
import torch
from auralscope.hookspecs import hookimpl
from auralscope.nn.attribution.base import AttributionMethod
from auralscope.nn.attribution.rules import Rectify

class Sine(Rectify):
    functions = (torch.sin,)

class Loudest(AttributionMethod):
    name = "loudest"
    def attribute(self, tape, layer, units):
        return (tape.image == tape.image.max()).to(tape.image).expand(len(units), -1, -1, -1)

@hookimpl
def auralscope_rules():
    return [Sine()]

@hookimpl
def auralscope_methods():
    return [Loudest()]
"""


def test_a_plugin_brings_a_rule_and_an_attribution_method(tmp_path: Path) -> None:
    before = dict(rules.DECONVOLUTION), dict(methods.METHODS)

    class Sine(torch.nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return torch.sin(values)

    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), Sine(), torch.nn.Conv2d(2, 2, 3))
    image = torch.rand(1, 1, 9, 9)
    with pytest.raises(NoRuleError, match="'sin' in module '1'; a plugin adds one through the hook auralscope_rules"):
        asc.deconvolve(network, image, "2")
    write(tmp_path, "engine", ENGINE)
    known = Registry(tmp_path)
    assert [plugin.error for plugin in known.plugins] == [""] * (len(OURS) + 1)
    try:
        known.install()
        rectified = torch.nn.Sequential(network[0], torch.nn.ReLU(), network[2])
        assert asc.deconvolve(network, image, "2").shape == asc.deconvolve(rectified, image, "2").shape
        assert float(asc.deconvolve(network, image, "2", method="loudest").sum()) == 2.0
    finally:
        for table, kept in zip((rules.DECONVOLUTION, methods.METHODS), before, strict=True):
            table.clear()
            table.update(kept)


def test_a_failing_engine_hook_names_its_plugin(tmp_path: Path) -> None:
    write(tmp_path, "engine", ENGINE.replace("return [Sine()]", "return ['a rule']"))
    with pytest.raises(PluginError, match=r"The plugin engine .* failed: a hook returned str, not Rule"):
        Registry(tmp_path).install()
