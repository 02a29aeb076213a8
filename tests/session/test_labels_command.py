"""`auralscope labels`, as a user meets it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import auralscope as asc
from auralscope import cli, store
from auralscope.registry import registry


def run(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = cli.main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Tracks of ballad, dance and hip-hop: no ballad is for dancing."""
    rows = [[1, 0, 0]] * 30 + [[0, 1, 0]] * 20 + [[0, 1, 1]] * 10 + [[0, 0, 1]] * 30 + [[1, 0, 1]] * 5
    file = tmp_path / "truth.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in rows))
    return file


def test_what_the_bundled_model_thinks_of_its_labels(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run("labels", "--json", capsys=capsys)
    assert status == 0
    document = json.loads(out)
    vectors = asc.load_model("genre-convnet", "cpu").label_vectors()
    assert document["labels"] == ["ballad", "dance", "hip-hop"]
    assert (document["layer"], document["units"], document["metric"]) == ("dense", 128, "cosine")
    assert [(pair["a"], pair["b"]) for pair in document["pairs"]] == [pair[:2] for pair in vectors.pairs()]
    for pair in document["pairs"]:
        a, b = (vectors.matrix[:, vectors.index(pair[name])] for name in ("a", "b"))
        assert pair["value"] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)), abs=1e-6)
    assert document["negative_pairs"] == sum(pair["value"] < 0 for pair in document["pairs"])
    status, out, _ = run("labels", "--pairs", 1, "--order", "alphabetical", "--metric", "dot", capsys=capsys)
    assert status == 0
    assert out.splitlines()[0].startswith("genre-convnet: 3 labels over 128 units of dense; 3 pairs, ")


def test_a_ground_truth_beside_it(truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run("labels", "--cooccurrence", truth, truth, "--json", capsys=capsys)
    assert status == 0
    found = json.loads(out)
    assert found["ground_truth"]["tracks"] == 190
    assert found["ground_truth"]["occurrences"] == {"ballad": 70, "dance": 60, "hip-hop": 90}
    pair = next(pair for pair in found["pairs"] if (pair["a"], pair["b"]) == ("dance", "hip-hop"))
    assert pair["b_given_a"] == pytest.approx(20 / 60, abs=1e-6)
    assert pair["a_given_b"] == pytest.approx(20 / 90, abs=1e-6)
    assert -1.0 <= found["ground_truth"]["spearman"]["value"] <= 1.0
    status, out, _ = run("labels", "--cooccurrence", truth, capsys=capsys)
    assert status == 0
    assert "95 tracks" in out


@pytest.mark.parametrize("order", ["model", "clustered"])
def test_the_heatmap_as_a_file(order: str, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("h.png", "h.svg", "h.csv"):
        status, _, err = run(
            "labels", "--order", order, "--cooccurrence", truth, "--out", tmp_path / name, "--json", capsys=capsys
        )
        assert status == 0, err
    with Image.open(tmp_path / "h.png") as picture:
        assert picture.width > 800
    assert "hip-hop" in (tmp_path / "h.svg").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO((tmp_path / "h.csv").read_text(encoding="utf-8"))))
    vectors = asc.load_model("genre-convnet", "cpu").label_vectors()
    names = [vectors.labels[place] for place in vectors.order(order)]
    assert rows[0] == ["", *names]
    assert [row[0] for row in rows[1:]] == names
    places = vectors.order(order)
    np.testing.assert_allclose(
        [[float(cell) for cell in row[1:]] for row in rows[1:]], vectors.similarity()[np.ix_(places, places)], atol=1e-6
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--out", "{tmp}/h.gif"), "ends in .png, .svg, .csv"),
        (("--cooccurrence", "{tmp}/none.csv"), "no such file"),
        (("--cooccurrence", "{tmp}/wide.csv"), "4 columns for the model's 3 labels"),
        (("--compare", "no-such"), "no-such"),
        (("--out", "{tmp}/wide.csv/h.png"), "not a directory"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wide.csv").write_text("0,1,0,1\n")
    status, out, err = run("labels", *(word.format(tmp=tmp_path) for word in words), capsys=capsys)
    assert status == 1
    assert out == ""
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.fixture
def fetched(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published compact-convnets in a weight store of their own."""
    monkeypatch.setenv("AURALSCOPE_WEIGHTS", str(tmp_path / "weights"))
    for model, name in (("compact-convnet-thesis", "weights_theano.hdf5"), ("compact-convnet-msd", "model_best.hdf5")):
        store.get(registry().find(model), shared / "reference" / "compact_convnet" / name)


@pytest.mark.usefixtures("fetched")
def test_the_thesis_table_and_its_correlations(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Choi 2018, table 7-C and sec. 7.3."""
    labels = [shared / "reference" / "msd_labels" / name for name in ("test_y.npy", "valid_y.npy")]
    words = ("labels", "--model", "compact-convnet-thesis", "--device", "cpu", "--pairs", 20, "--json")
    status, out, err = run(*words, "--cooccurrence", *labels, capsys=capsys)
    assert status == 0, err
    found = json.loads(out)
    table = json.loads((shared / "reference" / "golden" / "table_7c_label_vector_pairs.json").read_text())
    assert [{pair["a"], pair["b"]} for pair in found["pairs"]] == [set(names) for names in table]
    assert [round(found["pairs"][place - 1]["value"], 2) for place in (6, 9, 12)] == [0.88, 0.86, 0.82]
    assert found["layer"] == "conv5"
    assert found["ground_truth"]["tracks"] == 41_174
    assert round(found["ground_truth"]["spearman"]["value"], 3) == 0.563
    assert round(found["ground_truth"]["pearson"]["value"], 3) == 0.587


@pytest.mark.usefixtures("fetched")
def test_two_models_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("labels", "--model", "compact-convnet-thesis", "--compare", "compact-convnet-msd", "--device", "cpu")
    status, out, err = run(*words, "--json", "--pairs", 3, "--out", tmp_path / "d.csv", capsys=capsys)
    assert status == 0, err
    found = json.loads(out)
    assert len(found["labels"]) == 50
    for pair in found["disagreements"]:
        assert pair["difference"] == pytest.approx(pair["first"] - pair["second"], abs=2e-6)
    assert len((tmp_path / "d.csv").read_text(encoding="utf-8").splitlines()) == 51
    status, out, _ = run(*words, capsys=capsys)
    assert status == 0
    assert "50 labels in common" in out
