"""Tests of models trained by the user: found beside plugins, read without code, skipped if broken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import auralscope as asc
from auralscope import registry as registry_module
from auralscope import trained
from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.dsp.processed import ProcessedSpectrogram
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.errors import WeightsError
from auralscope.nn.architectures import architecture
from auralscope.nn.model import ModelSpec, Weights
from auralscope.registry import Registry

FRONT_END = ProcessedSpectrogram(8000, 256, 128, 8000, n_mels=32, compression="db", standardise="clip")


def put(models: Path, name: str = "mine", front_end=FRONT_END, architecture_name: str = "k2c2-0.1m") -> Path:
    """Write an untrained model into a folder."""
    folder = models / name
    folder.mkdir(parents=True)
    chosen = architecture(architecture_name)
    torch.manual_seed(0)
    save_file(chosen.build(2, front_end.input_shape).state_dict(), folder / trained.WEIGHTS)
    (folder / trained.CARD).write_text("# Mine\n")
    spec = ModelSpec(
        id=name,
        title="Mine",
        labels=("läuft", "steht"),
        layers=chosen.layers(2, front_end.input_shape),
        front_end=front_end,
        build=lambda: chosen.build(2, front_end.input_shape),
        weights=Weights(folder / trained.WEIGHTS, licence="unknown"),
        output="sigmoid",
        summary="Of no use.",
        citation=chosen.source,
        trained_on="12 recordings of walks",
    )
    trained.write_description(folder, spec, architecture_name)
    return folder


def test_a_folder_is_a_model_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "models")
    known = Registry(tmp_path / "plugins", tmp_path / "models")
    spec = known.find("mine")
    assert spec.labels == ("läuft", "steht")
    assert spec.front_end == FRONT_END
    assert spec.trained_on == "12 recordings of walks"
    assert [layer.name for layer in spec.layers] == ["conv1", "conv2", "conv3", "conv4", "conv5", "output"]
    monkeypatch.setattr(registry_module, "_default", known)
    model = asc.load_model("mine", device="cpu")
    noise = np.random.default_rng(0).standard_normal(8000)
    run = model.analyse(asc.Clip(0.1 * noise, 8000))
    assert run.scores.shape == (2,)
    assert run.auralise("conv2", 0).n_samples == 8000


@pytest.mark.parametrize(
    "front_end",
    [
        FRONT_END,
        SpectrogramFrontEnd(11_025, 512, 256, 44_100),
        WaveformFrontEnd(22_050, 59_049),
        ProcessedSpectrogram(8000, 8, 4, 80, standardise="bands", band_means=(0.0,) * 5, band_deviations=(1.0,) * 5),
    ],
)
def test_front_ends_come_back_as_they_were(front_end) -> None:
    said = json.loads(json.dumps(trained.front_end_to(front_end)))
    assert trained.front_end_from(said) == front_end


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it.pop("labels"), "does not say 'labels'"),
        (lambda it: it.update(architecture="vgg"), "no architecture 'vgg'"),
        (lambda it: it.update(format=99), "format is 99"),
        (lambda it: it.update(output="tanh"), "output is 'tanh'"),
        (lambda it: it["front_end"].update(kind="eyes"), "no front end 'eyes'"),
        (lambda it: it["front_end"].update(colour="red"), "no colour"),
        (lambda it: it["front_end"].update(hop=0), "hop is 0"),
        (lambda it: it["front_end"].update(sample_rate="8000"), "sample_rate is '8000'"),
        (lambda it: it["front_end"].update(sample_rate=True), "sample_rate is True"),
        (lambda it: it["front_end"].update(factor=float("nan")), "front_end's factor is nan"),
        (lambda it: it["front_end"].update(band_means=["x"]), "front_end's band_means is ['x']"),
        (lambda it: it["front_end"].update(compression="zip"), "front_end's compression is 'zip'"),
        (lambda it: it["front_end"].update(window_samples=10**15), "front_end's window_samples is 1000000000000000"),
        (lambda it: it.update(front_end=[]), "front_end is []"),
        (lambda it: it.update(labels="abc"), "labels is 'abc'"),
        (lambda it: it.update(labels=["a", "a"]), "names a label twice: 'a' in labels"),
        (lambda it: it.update(labels=["a", "b" * 3_000_000]), "among its labels"),
        (lambda it: it.update(labels=["a", "b" * 30_000_000]), "it is larger than 16.0 MB"),
        (lambda it: it.update(labels=["a", float("nan")]), "has the label nan among its labels"),
        (lambda it: it.update(labels=["a", ["b"]]), "has the label ['b'] among its labels"),
        (lambda it: it.update(labels=[]), "names no labels"),
        (lambda it: it.update(labels=["a", "\x1b[2J"]), "has the label '\\x1b[2J' among its labels"),
        (lambda it: it.update(title=7), "title is 7"),
        (lambda it: it.update(format=True), "format is True"),
        (lambda it: it.update(format=float("nan")), "format is nan"),
        (lambda it: it.update(id="../../mine"), "the model id '../../mine' is not lower case"),
        (lambda it: it.update(weights="../../secret"), "it has 'weights', which no description has"),
        (lambda it: it.update(licence=None), "licence is None"),
    ],
)
def test_a_broken_description_is_put_aside_with_one_sentence(tmp_path: Path, change, said: str) -> None:
    folder = put(tmp_path / "models")
    file = folder / trained.DESCRIPTION
    description = json.loads(file.read_text(encoding="utf-8"))
    change(description)
    file.write_text(json.dumps(description))
    known = Registry(tmp_path / "plugins", tmp_path / "models")
    (broken,) = [plugin for plugin in known.plugins if plugin.error]
    assert broken.name == "mine"
    assert said in broken.error
    assert str(file) in broken.error
    assert not broken.models


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"7", b"\xff\xfe", b"", b'{"format": 1, "format": 1}', b"NaN"],
)
def test_files_that_are_no_description_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    folder = put(tmp_path / "models")
    (folder / trained.DESCRIPTION).write_bytes(content)
    (broken,) = [plugin for plugin in Registry(tmp_path / "plugins", tmp_path / "models").plugins if plugin.error]
    assert broken.error.startswith(f'"{folder / trained.DESCRIPTION}" does not describe a model: ')
    assert len(broken.error) < 500


def test_no_json_and_folders_that_are_no_models(tmp_path: Path) -> None:
    folder = put(tmp_path / "models")
    (folder / trained.DESCRIPTION).write_text("{")
    (tmp_path / "models" / "unfinished").mkdir()
    known = Registry(tmp_path / "plugins", tmp_path / "models")
    assert [plugin.name for plugin in known.plugins if plugin.error] == ["mine"]
    assert "unfinished" not in [plugin.name for plugin in known.plugins]


def test_other_weights_than_the_description_s_are_refused(tmp_path: Path) -> None:
    folder = put(tmp_path / "models")
    save_file({"a": torch.zeros(1)}, folder / trained.WEIGHTS)
    spec = Registry(tmp_path / "plugins", tmp_path / "models").find("mine")
    with pytest.raises(WeightsError, match=r"is not the file that model\.json"):
        spec.build()


def test_a_description_without_the_field_trained_on_is_read(tmp_path: Path) -> None:
    folder = put(tmp_path)
    values = json.loads((folder / trained.DESCRIPTION).read_text())
    del values["trained_on"]
    (folder / trained.DESCRIPTION).write_text(json.dumps(values))
    assert trained.read(folder).trained_on == "recordings of its maker"
