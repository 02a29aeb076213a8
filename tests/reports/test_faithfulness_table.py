"""Tests of the tables of faithfulness: quartiles counted by hand, a page with other text, and the command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auralscope.catalogue import load_model
from auralscope.cli.main import main
from auralscope.errors import AuralScopeError
from auralscope.nn.analysis.faithfulness import LabelFaithfulness, LabelMeasure, UnitFaithfulness, UnitMeasure, Ways
from auralscope.reports import faithfulness as table
from auralscope.types import Clip


def a_unit(
    unit: int, retention: float, selectivity: float, random: float = 0.3, layer: str = "conv1"
) -> UnitFaithfulness:
    own, control = UnitMeasure(retention, selectivity, -10.0), UnitMeasure(random, 1.0, -20.0)
    return UnitFaithfulness(layer, unit, Ways(own, own), Ways(control, control), Ways(control, control), 0.0)


UNITS = (
    a_unit(0, 0.1, 0.5),
    a_unit(1, 0.2, 1.5),
    a_unit(2, 0.5, math.inf),
    a_unit(3, 0.8, 2.0),
    a_unit(4, math.nan, math.nan),
    a_unit(0, 0.9, 3.0, layer="conv2"),
)


def a_label(label: str, probability: float, ad: float) -> LabelFaithfulness:
    ways = Ways(*[LabelMeasure(ai=0.0, ad=ad, ag=0.0, ff=0.25, fid_in=1.0)] * 2)
    return LabelFaithfulness(label, probability, ways, ways, ways)


MEASURED = [
    table.Measured(Path("one.wav"), 1.5, "true", UNITS, (a_label("a", 0.9, 10.0), a_label("b", 0.1, 90.0))),
    table.Measured(Path("two.wav"), 0.0, "true", UNITS, (a_label("a", 0.2, 80.0), a_label("b", 0.8, 30.0))),
]


def test_quartiles_leave_silent_units_out_and_bear_infinity() -> None:
    first, second = table.quartiles(UNITS)
    assert (first["layer"], first["units"], first["silent"]) == ("conv1", 5, 1)
    assert first["own"]["heard"]["retention"] == [0.1, 0.2, 0.5]
    assert first["own"]["heard"]["selectivity"] == [0.5, 1.5, 2.0]
    assert first["random"]["masked"]["level_db"] == [-20.0, -20.0, -20.0]
    assert first["beats_random"]["heard"] == {"retention": 0.5, "selectivity": 0.75}
    assert second["own"]["masked"]["retention"] == [0.9, 0.9, 0.9]
    (silent,) = table.quartiles([a_unit(0, math.nan, math.nan)])
    assert silent["own"]["heard"]["retention"] == [None, None, None]
    assert silent["beats_random"]["heard"]["retention"] is None


def test_documents_are_plain_and_pool_the_recordings() -> None:
    found = table.document(load_model("genre-convnet", device="cpu"), MEASURED)
    json.dumps(found, allow_nan=False)
    assert [one["file"] for one in found["recordings"]] == ["one.wav", "two.wav"]
    assert len(found["recordings"][0]["units"]) == 6
    (pooled,) = found["all"]
    assert pooled["layers"][0]["units"] == 10
    # 'a' is the most probable of the first, 'b' of the second.
    assert pooled["top_labels"]["own"]["heard"]["ad"] == 20.0


def test_a_page_keeps_its_own_words(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    tables = table.markdown(load_model("genre-convnet", device="cpu"), MEASURED)
    assert "| conv1 | heard | 0.20 [0.10 0.50] |" in tables
    assert "one.wav (1.50 s), two.wav (0.00 s)" in tables
    table.write_markdown(page, tables)
    page.write_text(page.read_text().replace("# Faithfulness", "# Ours\n\nWords.") + "\nMore words.\n")
    table.write_markdown(page, "new tables")
    assert page.read_text() == f"# Ours\n\nWords.\n\n{table.BEGIN}\nnew tables\n{table.END}\n\nMore words.\n"
    page.write_text("no place")
    with pytest.raises(AuralScopeError, match="no place for tables"):
        table.write_markdown(page, "new tables")
    assert page.read_text() == "no place"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "chord.wav"
    t = np.arange(6 * 11_025) / 11_025
    soundfile.write(file, 0.2 * np.sin(2 * np.pi * 440 * t) * (t % 0.5), 11_025)
    words = ["faithfulness", str(file), "--model", "genre-convnet", "--layer", "output", "--device", "cpu"]
    assert main([*words, "--start", "1", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)["models"]
    (recording,) = document["recordings"]
    assert (recording["start_s"], recording["level"], recording["units"]) == (1.0, "true", [])
    assert [label["label"] for label in recording["labels"]] == ["ballad", "dance", "hip-hop"]
    assert all(0.0 <= label["own"]["heard"]["ad"] <= 100.0 for label in recording["labels"])
    page = tmp_path / "page.md"
    assert main([*words, "--markdown", str(page)]) == 0
    capsys.readouterr()
    assert "| most probable | own | heard |" in page.read_text()
    assert main([*words[:-4], "--layer", "conv9"]) == 1
    assert "its layers are: conv1" in capsys.readouterr().err


def test_a_part_of_every_layer_evenly_spread() -> None:
    assert table.evenly(10, None) == list(range(10))
    assert table.evenly(10, 4) == [0, 3, 6, 9]
    assert table.evenly(3, 8) == [0, 1, 2]
    assert all(len(table.evenly(units, most)) <= most for units in range(1, 70) for most in range(1, 70))
    model = load_model("genre-convnet", device="cpu")
    run = model.analyse(Clip(0.1 * np.random.default_rng(0).standard_normal(44_100).astype(np.float32), 11_025))
    found = table.measure(run, Path("noise.wav"), most=2)
    assert {unit.layer for unit in found.units} == {"conv1", "conv2", "conv3", "conv4", "conv5", "dense"}
    assert [unit.unit for unit in found.units if unit.layer == "conv3"] == [0, 32]
    assert {label.label for label in found.labels} == {model.labels[label] for label in np.argsort(-run.scores)[:2]}
    assert found.units[2] == table.measure(run, Path("noise.wav"), layer="conv2").units[0]
    assert "At most 2 units of a layer" in table.markdown(model, [found], 2)
