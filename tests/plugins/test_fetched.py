"""Tests of the published files of the bundled plugins with the weight store and the command line."""

from __future__ import annotations

import json

import numpy as np
import published
import pytest

import auralscope as asc
from auralscope import weights
from auralscope.cli.main import main
from auralscope.registry import find_spec


@pytest.mark.parametrize("model_id", published.FILES)
def test_published_weights_are_got_from_a_file(shared, model_id, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AURALSCOPE_WEIGHTS", str(tmp_path))
    spec, file = find_spec(model_id), published.file_of(shared, model_id)
    assert file.stat().st_size == spec.weights.published.size_bytes
    assert main(["weights", "get", model_id, "--from", str(file)]) == 0
    assert capsys.readouterr().out.endswith(f"{model_id}.safetensors\n")
    assert weights.state(spec) == "installed"
    loaded = asc.load_model(model_id, device="cpu").network.state_dict()
    converted = spec.weights.published.convert(file)
    assert {name.rpartition(".")[2] for name in loaded.keys() - converted.keys()} <= {"num_batches_tracked"}
    for name, array in converted.items():
        np.testing.assert_array_equal(loaded[name].numpy(), array)


def test_the_crnn_got_from_a_file_gives_the_published_probabilities(shared, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AURALSCOPE_WEIGHTS", str(tmp_path))
    assert main(["weights", "get", "crnn-msd", "--from", str(published.file_of(shared, "crnn-msd"))]) == 0
    model = asc.load_model("crnn-msd", device="cpu")
    golden = json.loads((shared / "reference" / "golden" / "crnn_tags.json").read_text())
    assert golden
    for name, tags in golden.items():
        scores = model.predict_input(np.load(shared / "reference" / "crnn" / name)[0, 0])
        said = dict(zip(model.labels, np.asarray(scores).tolist(), strict=True))
        assert {tag: said[tag] for tag in tags} == pytest.approx(tags, abs=6e-4)
