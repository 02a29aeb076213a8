"""Test the commands `labels`, `label-noise`, `label-auc`, `kernels` and `map` on real files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from sklearn.metrics import roc_auc_score

import auralscope as asc
from auralscope import download as store
from auralscope.cli.main import main
from auralscope.registry import registry


def run(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Write a ground truth of ballad, dance and hip-hop, in which ballad and dance never occur together."""
    rows = [[1, 0, 0]] * 30 + [[0, 1, 0]] * 20 + [[0, 1, 1]] * 10 + [[0, 0, 1]] * 30 + [[1, 0, 1]] * 5
    file = tmp_path / "truth.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in rows))
    return file


def test_labels_prints_the_similarity_of_label_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run("labels", "--json", capsys=capsys)
    assert status == 0
    document = json.loads(out)
    vectors = asc.load_model("genre-convnet", device="cpu").label_vectors()
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


def test_labels_compares_with_a_ground_truth(truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_a_label_that_never_occurs_is_shown_as_undefined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "truth.csv"
    file.write_text("ballad,dance,hip-hop\n1,0,0\n1,1,0\n0,1,0\n")
    words = ("labels", "--cooccurrence", file, "--out", tmp_path / "h.png")
    status, out, err = run(*words, "--json", capsys=capsys)
    assert status == 0, err
    found = json.loads(out)
    assert found["ground_truth"]["never"] == ["hip-hop"]
    assert found["ground_truth"]["spearman"] is None
    assert "nothing can be correlated" in found["ground_truth"]["problem"]
    together = {(pair["a"], pair["b"]): (pair["b_given_a"], pair["a_given_b"]) for pair in found["pairs"]}
    assert together == {
        ("ballad", "dance"): (0.5, 0.5),
        ("ballad", "hip-hop"): (0, None),
        ("dance", "hip-hop"): (0, None),
    }
    status, out, _ = run(*words, capsys=capsys)
    assert status == 0
    assert "never: hip-hop, so undefined" in out


@pytest.mark.parametrize("order", ["model", "clustered"])
def test_the_heatmap_is_written_as_picture_and_table(
    order: str, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("h.png", "h.svg", "h.csv"):
        status, _, err = run(
            "labels", "--order", order, "--cooccurrence", truth, "--out", tmp_path / name, "--json", capsys=capsys
        )
        assert status == 0, err
    with Image.open(tmp_path / "h.png") as picture:
        assert picture.width > 800
    assert "hip-hop" in (tmp_path / "h.svg").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO((tmp_path / "h.csv").read_text(encoding="utf-8"))))
    vectors = asc.load_model("genre-convnet", device="cpu").label_vectors()
    names = [vectors.labels[place] for place in vectors.order(by=order)]
    assert rows[0] == ["", *names]
    assert [row[0] for row in rows[1:]] == names
    places = vectors.order(by=order)
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
def test_errors_of_labels_are_one_line(
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
    """Install the published compact-convnets in a temporary folder of weights."""
    monkeypatch.setenv("AURALSCOPE_WEIGHTS", str(tmp_path / "weights"))
    for model, name in (("compact-convnet-thesis", "weights_theano.hdf5"), ("compact-convnet-msd", "model_best.hdf5")):
        store.get(registry().find(model), shared / "reference" / "compact_convnet" / name)


@pytest.mark.usefixtures("fetched")
def test_labels_reproduces_the_table_and_correlations_of_the_thesis(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compare with Choi 2018, table 7-C and sec. 7.3."""
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
def test_labels_compares_two_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


# -- noise and AUC ------------------------------------------------------------------------------------------------


def test_label_noise_reproduces_the_thesis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Compare with Choi 2018, table 3-A, from counts; tests/labels/test_noise.py explains its rounding."""
    (tmp_path / "n.csv").write_text(
        "label,tracks,positives,positives_checked,positives_wrong,negatives_checked,negatives_missed\n"
        "instrumental,242842,8424,50,3,50,6\nfemale vocalists,242842,17840,50,2,50,12\n"
        "male vocalists,242842,3026,50,1,50,32\nguitar,242842,3311,50,1,50,35\n"
    )
    status, out, err = run("label-noise", tmp_path / "n.csv", "--json", capsys=capsys)
    assert status == 0, err
    found = json.loads(out)["noise"]
    counts = [one["corrected_count"]["value"] for one in found]
    assert counts == pytest.approx([36_048.72, 71_126.88, 156_447.72, 170_916.48])
    assert found[0]["precision"]["value"] == pytest.approx(0.94)
    status, out, _ = run("label-noise", tmp_path / "n.csv", "--out", tmp_path / "n.svg", capsys=capsys)
    assert status == 0
    assert "36,048.72" in out
    assert "male vocalists" in (tmp_path / "n.svg").read_text(encoding="utf-8")


def test_label_auc_of_a_file_of_scores_and_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    names = [f"track {number}" for number in range(4)]
    truth = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1]])
    lines = ["track,ballad,dance,hip-hop"]
    lines += [f"{name},{','.join(map(str, row))}" for name, row in zip(names, truth, strict=True)]
    (tmp_path / "truth.csv").write_text("\n".join([*lines, "track 9,1,1,1"]))
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "notes.txt").write_text("no track has this name")
    for name in names:
        soundfile.write(tmp_path / "songs" / f"{name}.wav", 0.1 * random.standard_normal(44_100), 11_025)
    (tmp_path / "songs" / "track 9.wav").write_text("broken")
    words = ("--device", "cpu", "--ground-truth", tmp_path / "truth.csv")
    status, out, err = run("label-auc", tmp_path / "songs", *words, "--json", capsys=capsys)
    assert status == 0, err
    found = json.loads(out)
    assert found["tracks"] == 4
    model = asc.load_model("genre-convnet", device="cpu")
    scores = np.stack([model.predict(asc.load_clip(tmp_path / "songs" / f"{name}.wav")).mean for name in names])
    for place, one in enumerate(found["auc"]):
        assert one["auc"] == pytest.approx(roc_auc_score(truth[:, place], scores[:, place]))
        assert one["tracks"] == truth[:, place].sum()

    np.save(tmp_path / "scores.npy", np.concatenate([scores, scores[:1]]))
    (tmp_path / "again.csv").write_text("track,ballad\ntrack 0,1\ntrack 1,0\ntrack 2,1\ntrack 3,0\n")
    status, out, err = run(
        "label-auc", tmp_path / "scores.npy", *words, "--noise", tmp_path / "again.csv", "--out", tmp_path / "a.png",
        "--json", capsys=capsys,
    )  # fmt: skip
    assert status == 0, err
    found = json.loads(out)
    assert found["tracks"] == 5
    # Three of five tracks have the label: of two judged, one was wrong. One of the two others should have it.
    assert found["auc"][0]["tagability"] == pytest.approx(1.5 / (1.5 + 1.0))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 800


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("label-auc", "{tmp}/s.npy", "--ground-truth", "{tmp}/t.csv"), "has scores of 2 tracks"),
        (("label-auc", "{tmp}", "--ground-truth", "{tmp}/t.csv"), "No recording in"),
        (("label-noise", "{tmp}/none.csv"), "no such file"),
        (("label-noise", "{tmp}/t.csv", "--out", "{tmp}/n.csv"), "ends in .png, .svg, not"),
        (("kernels", "--out", "{tmp}/k.csv"), "ends in .png, .svg, not"),
    ],
)
def test_errors_of_label_noise_and_label_auc_are_one_line(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text("0,1,0\n")
    np.save(tmp_path / "s.npy", np.zeros((2, 3)))
    status, out, err = run(*(word.format(tmp=tmp_path) for word in words), capsys=capsys)
    assert status == 1
    assert out == ""
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("--noise", "t.csv"), "label-noise"),
        (("--auc", "songs", "--cooccurrence", "t.csv"), "label-auc"),
        (("--kernels",), "kernels"),
        (("--kernels", "songs"), "kernels"),
        (("--map", "songs", "more"), "map"),
    ],
)
def test_a_former_option_names_the_command_that_replaces_it(
    words: tuple[str, ...], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["labels", *words])
    assert end.value.code == 2
    assert f"{words[0]} is now a command of its own: auralscope {command} " in capsys.readouterr().err


# -- kernels and a map --------------------------------------------------------------------------------------------


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    (tmp_path / "songs").mkdir()
    for number in range(4):
        samples = 0.1 * np.random.default_rng(number).standard_normal(4 * 11_025)
        soundfile.write(tmp_path / "songs" / f"cost {number}$.wav", samples, 11_025)
    return tmp_path / "songs"


def test_kernels_writes_a_picture_with_and_without_recordings(
    songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run("kernels", "--json", "--device", "cpu", capsys=capsys)
    assert status == 0, err
    found = json.loads(out)
    assert len(found["kernels"]) == 64
    assert sum(found["words"].values()) == 64
    assert np.shape(found["kernels"][0]["weights"]) == (3, 3)
    words = ("kernels", songs, "--device", "cpu", "--out", tmp_path / "k.png")
    status, out, err = run(*words, capsys=capsys)
    assert status == 0, err
    assert "labels that go with it" in out
    with Image.open(tmp_path / "k.png") as picture:
        assert picture.width > 800


def test_map_writes_a_table_and_a_picture(songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("map", songs, "--device", "cpu")
    status, out, err = run(*words, "--out", tmp_path / "m.csv", "--json", capsys=capsys)
    assert status == 0, err
    found = json.loads(out)
    assert found["layer"] == "dense"
    assert [Path(one["file"]).name for one in found["recordings"]] == [f"cost {number}$.wav" for number in range(4)]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "m.csv").read_text(encoding="utf-8"))))
    assert [float(row["x"]) for row in rows] == pytest.approx([one["x"] for one in found["recordings"]], abs=1e-5)
    status, out, err = run(*words, "--out", tmp_path / "m.svg", capsys=capsys)
    assert status == 0, err
    assert "cost 0$" in (tmp_path / "m.svg").read_text(encoding="utf-8")
    (tmp_path / "empty").mkdir()
    status, out, err = run("map", tmp_path / "empty", tmp_path / "none.wav", capsys=capsys)
    assert (status, out) == (1, "")
    assert "three recordings at least, not 0" in err
    assert "none.wav" in err
