"""Tests of the label state without a window: order, choice, ground truth, and tables."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile
from owner import Owner
from sklearn.metrics import roc_auc_score

from auralscope.files import resource
from auralscope.labels.table import matrix_csv
from auralscope.nn.analysis.label_vectors import LabelVectors
from auralscope.session.labels.state import arrange
from auralscope.wording import decimal, percent


class LabelsOwner(Owner):
    """Owner of a session with label vectors."""

    def __init__(self):
        super().__init__()
        self.labels = self.session.labels

    def begin(self):
        self.session.load_model("genre-convnet")
        self.until(lambda: self.labels.vectors is not None)
        return self


@pytest.fixture
def owner():
    owner = LabelsOwner()
    yield owner
    owner.session.close()


def four():
    """Make four labels in two groups, which two of three units distinguish."""
    matrix = np.array([[1.0, 0.9, 0.0, 0.1], [0.0, 0.2, 1.0, 0.8], [0.3, 0.3, 0.3, -0.4]])
    return LabelVectors(("rock", "metal", "sad", "Happy"), matrix, "dense")


def test_the_vectors_of_the_model_are_found_when_it_is_loaded(owner):
    owner.begin()
    weights = owner.session.model.network.get_submodule(owner.session.model.layer("output").module).weight
    np.testing.assert_allclose(owner.labels.vectors.matrix, weights.double().numpy().T, rtol=1e-5)
    assert owner.labels.labels == ("ballad", "dance", "hip-hop")


def test_a_model_without_a_dense_layer_is_reported_in_a_sentence(owner, monkeypatch):
    def refuse(_self):
        from auralscope.errors import AuralScopeError

        raise AuralScopeError("It has no dense layer.")

    monkeypatch.setattr("auralscope.nn.loaded.Model.label_vectors", refuse)
    owner.session.load_model("genre-convnet")
    owner.until(lambda: owner.labels.problem)
    assert owner.labels.problem == "It has no dense layer."
    assert owner.labels.labels == ()
    assert not owner.problems


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("model", ["rock", "metal", "sad", "Happy"]),
        ("alphabetical", ["Happy", "metal", "rock", "sad"]),
        ("category", ["rock", "metal", "sad", "Happy"]),
    ],
)
def test_each_order_arranges_the_labels_as_its_name_says(order, expected):
    vectors = four()
    assert [vectors.labels[place] for place in arrange(vectors, order, None).places] == expected


def test_the_tree_has_only_the_labels_that_are_shown():
    vectors, chosen = four(), frozenset({"rock", "sad", "Happy"})
    arrangement = arrange(vectors, "clustered", chosen)
    shown = [vectors.labels[place] for place in arrangement.places]
    assert set(shown) == chosen
    assert arrangement.linkage.shape == (2, 4)
    # Leaf k of the tree is the k-th of those chosen in the model's order.
    assert [shown[row] for row in arrangement.leaves] == ["rock", "sad", "Happy"]
    first = {int(leaf) for leaf in arrangement.linkage[0, :2]}
    assert first == {1, 2}, "sad and Happy are the most alike"


def test_fewer_than_two_labels_have_no_tree():
    vectors = four()
    assert arrange(vectors, "clustered", frozenset()).places == ()
    assert arrange(vectors, "clustered", frozenset({"sad"})).linkage is None


def test_choosing_labels_shows_them_and_choosing_all_shows_all(owner):
    labels = owner.begin().labels
    told = []
    labels.changed.connect(lambda: told.append(labels.labels))
    labels.choose(["hip-hop", "ballad"])
    assert labels.labels == ("ballad", "hip-hop")
    similarity = labels.vectors.similarity(metric="cosine")
    np.testing.assert_array_equal(labels.shown(similarity), similarity[np.ix_([0, 2], [0, 2])])
    labels.choose(["ballad", "dance", "hip-hop"])
    assert labels.chosen is None
    assert [len(shown) for shown in told] == [2, 3]


def test_clustering_is_background_work(owner):
    labels = owner.begin().labels
    labels.set_order("clustered")
    assert labels.arrangement.linkage is None
    owner.until(lambda: labels.arrangement.linkage is not None)
    assert sorted(labels.labels) == ["ballad", "dance", "hip-hop"]


def test_a_label_paired_with_itself_selects_the_label(owner):
    labels = owner.begin().labels
    labels.select("dance", "dance")
    assert labels.selected == ("dance",)


def test_one_call_plays_a_unit_of_a_label_vector(owner):
    labels = owner.begin().labels
    owner.session.open(resource("excerpt.ogg"))
    owner.until(lambda: owner.session.window_result is not None)
    unit = labels.vectors.votes("dance")[0].unit
    labels.choose_unit(unit)
    assert (owner.session.layer, owner.session.unit) == ("dense", unit)
    owner.until(lambda: owner.session.listening.sound is not None)
    assert owner.session.listening.title == labels.unit_name(unit) == f"6-{unit}"


def test_playing_without_a_recording_is_reported_in_one_sentence(owner):
    labels = owner.begin().labels
    labels.choose_unit(3)
    assert owner.problems == ["Open a recording to hear what this unit keeps of it."]


def test_a_pair_is_described_in_words(owner):
    labels = owner.begin().labels
    vectors = labels.vectors
    first, last = vectors.pairs(metric="cosine")[0], vectors.pairs(metric="cosine")[-1]
    assert labels.pair_sentence(first.a, first.b) == f"{first.a} – {first.b}: {decimal(first.value)}, number 1 of 3"
    assert labels.pair_sentence(last.b, last.a).endswith("number 3 of 3")


# Ground truth


@pytest.fixture
def truth_file(tmp_path):
    """Write ten tracks: every second one is a ballad, one of them is also dance, none is hip-hop."""
    rows = np.zeros((10, 3), dtype=np.uint8)
    rows[::2, 0] = 1
    rows[:1, 1] = 1
    np.save(tmp_path / "truth.npy", rows)
    return tmp_path / "truth.npy"


def test_the_cooccurrence_of_a_pair_is_reported(owner, truth_file):
    labels = owner.begin().labels
    labels.load_truth([truth_file])
    owner.until(lambda: labels.truth is not None)
    assert labels.truth.tracks == 10
    assert labels.together_sentence("ballad", "dance").startswith("20 % of ballad are dance, 100 % of dance are ballad")
    assert labels.together_sentence("dance", "hip-hop") == "hip-hop never occurs: co-occurrence undefined"


def test_too_few_values_to_correlate_are_reported_in_a_sentence(owner, truth_file):
    labels = owner.begin().labels
    labels.load_truth([truth_file])
    owner.until(lambda: labels.truth_problem)
    assert "nothing can be correlated" in labels.truth_problem
    assert labels.truth is not None


def test_a_bad_ground_truth_keeps_the_previous_one(owner, truth_file, tmp_path):
    labels = owner.begin().labels
    labels.load_truth([truth_file])
    owner.until(lambda: labels.truth is not None)
    owner.idle()
    before = labels.truth
    bad = tmp_path / "bad.csv"
    bad.write_text("1,0\n0,1\n")
    labels.load_truth([bad])
    owner.until(lambda: "bad.csv" in labels.truth_problem)
    assert "2 columns for the model's 3 labels" in labels.truth_problem
    assert labels.truth is before


def test_correlations_come_at_once_and_their_intervals_later(owner, tmp_path):
    labels = owner.begin().labels
    rng = np.random.default_rng(3)
    np.save(tmp_path / "truth.npy", (rng.random((200, 3)) < 0.4).astype(np.uint8))
    seen = []
    labels.truth_changed.connect(lambda: seen.append(labels.agreement))
    labels.load_truth([tmp_path / "truth.npy"])
    owner.until(lambda: labels.truth is not None)
    owner.idle()
    first, last = next(agreement for agreement in seen if agreement is not None), seen[-1]
    assert np.isnan(first.pearson.over_tracks.low)
    assert last.pearson.over_tracks.low <= last.pearson.value <= last.pearson.over_tracks.high
    assert first.pearson.value == last.pearson.value
    labels.forget_truth()
    assert (labels.truth, labels.agreement) == (None, None)


# Writing


def test_the_table_is_read_back(owner, tmp_path):
    labels = owner.begin().labels
    labels.set_order("alphabetical")
    labels.choose(["hip-hop", "ballad"])
    similarity = labels.vectors.similarity(metric="cosine")
    labels.save_table(tmp_path / "labels.csv", labels.labels, labels.shown(similarity))
    owner.until(lambda: owner.said)
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["", "ballad", "hip-hop"]
    values = np.array([row[1:] for row in rows[1:]], dtype=np.float64)
    np.testing.assert_array_equal(values, similarity[np.ix_([0, 2], [0, 2])])


def test_undefined_values_are_empty_in_a_table():
    assert matrix_csv(np.array([[1.0, np.nan], [np.nan, 0.5]]), ["a, b", "c"]) == b',"a, b",c\n"a, b",1.0,\nc,,0.5\n'


@pytest.mark.parametrize(
    ("value", "said"), [(0.8249, "0.82"), (-0.5, "−0.50"), (-0.001, "0.00"), (np.nan, "undefined")]
)
def test_numbers_are_written_with_two_decimals_or_as_undefined(value, said):
    assert decimal(value) == said


@pytest.mark.parametrize(("share", "said"), [(0.134, "13 %"), (0.001, "under 1 %"), (0.0, "0 %"), (np.nan, "–")])
def test_shares_are_written_as_percentages(share, said):
    assert percent(share) == said


def test_another_model_clears_the_choice_of_labels(owner):
    labels = owner.begin().labels
    labels.choose(["dance"])
    labels.select("dance")
    before = labels.vectors
    owner.session.load_model("genre-convnet")
    owner.until(lambda: labels.vectors not in (None, before))
    assert labels.chosen is None
    assert labels.selected == ()


def test_a_vector_of_zeros_is_reported_as_undefined(owner):
    labels = owner.labels
    labels.vectors = LabelVectors(("a", "b"), np.array([[1.0, 0.0]]), "")
    assert labels.pair_sentence("a", "b") == "a – b: undefined (a vector is all zeros)"
    assert not labels.has_units()


# Kernels and recordings


@pytest.fixture
def sounds(tmp_path):
    """Write four files of four seconds and more: tones, noise, clicks, and one without sound."""
    rate, rng = 11025, np.random.default_rng(0)
    times_s = np.arange(6 * rate) / rate
    clicks = np.zeros(times_s.size)
    clicks[:: rate // 4] = 0.9
    waves = {
        "low": 0.3 * np.sin(2 * np.pi * 220 * times_s),
        "high": 0.3 * np.sin(2 * np.pi * 2200 * times_s),
        "noise": 0.1 * rng.normal(size=times_s.size),
        "clicks": clicks,
    }
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name, samples in waves.items():
        soundfile.write(folder / f"{name}.wav", samples, rate)
    (folder / "no sound.txt").write_text("nothing")
    return folder


def test_kernels_are_described_once_and_their_labels_found_over_recordings(owner, sounds):
    kernels = owner.session.kernels
    kernels.describe()
    assert kernels.kernels == [], "there is no model yet"
    owner.begin()
    kernels.describe()
    owner.until(lambda: kernels.kernels)
    first = kernels.kernels
    kernels.describe()
    owner.idle()
    assert kernels.kernels is first
    assert len(first) == owner.session.model.spec.layers[0].units
    assert kernels.labels_of(0) == []
    kernels.correlate([sounds, sounds / "no sound.txt"])
    owner.until(lambda: kernels.affinity is not None)
    assert kernels.recordings == 4
    assert len(kernels.unreadable) == 1
    assert "no sound.txt" in kernels.unreadable[0]
    found = kernels.labels_of(3)
    assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)
    kernels.choose_unit(5)
    assert (owner.session.layer, owner.session.unit) == (owner.session.model.layers[0], 5)


def test_a_folder_becomes_a_map_and_a_point_of_it_is_played(speaker, owner, sounds):
    owner.begin()
    recordings = owner.session.recording_map
    recordings.lay_out([sounds])
    owner.until(lambda: recordings.points or recordings.problem)
    assert sorted(point.file.stem for point in recordings.points) == ["clicks", "high", "low", "noise"]
    file = recordings.points[0].file
    recordings.play_when_opened(file)
    owner.session.open(file)
    owner.until(lambda: owner.session.listening.player.state == "playing")
    assert owner.session.listening.player.source == "original"


def test_a_map_of_too_few_recordings_is_refused_and_the_previous_map_stays(owner, sounds):
    owner.begin()
    recordings = owner.session.recording_map
    recordings.lay_out([sounds])
    owner.until(lambda: recordings.points)
    before = recordings.points
    recordings.lay_out([sounds / "low.wav"])
    owner.until(lambda: recordings.problem)
    assert recordings.problem.startswith("A map takes three recordings at least")
    assert recordings.points is before


def test_analysing_recordings_can_be_cancelled(owner, sounds):
    owner.begin()
    recordings = owner.session.recording_map
    recordings.lay_out([sounds] * 20)
    (job,) = [job for job in owner.session.jobs.running if job.key == "map"]
    owner.until(lambda: job.progress)
    owner.session.jobs.stop(job)
    owner.until(lambda: job.finished)
    assert 0.0 < job.progress < 1.0
    assert recordings.points == []


# Label noise


def test_noise_and_auc_are_measured_for_the_loaded_ground_truth(owner, tmp_path):
    labels = owner.begin().labels
    noise = owner.session.noise
    rng = np.random.default_rng(0)
    rows = (rng.random((300, 3)) < (0.5, 0.4, 0.3)).astype(np.uint8)
    scores = rows + rng.normal(size=rows.shape)
    np.save(tmp_path / "truth.npy", rows)
    np.save(tmp_path / "scores.npy", scores.astype(np.float32))
    given = int(rows[:, 1].sum())
    header = "label,tracks,positives,positives_checked,positives_wrong,negatives_checked,negatives_missed"
    (tmp_path / "again.csv").write_text(f"{header}\ndance,300,{given},50,5,50,10\n")
    assert not noise.has_truth
    noise.rate(tmp_path / "scores.npy")
    owner.until(lambda: noise.problem)
    assert "ground truth" in noise.problem
    labels.load_truth([tmp_path / "truth.npy"])
    owner.until(lambda: labels.truth is not None)
    noise.load_judgements(tmp_path / "again.csv")
    owner.until(lambda: noise.qualities)
    (dance,) = noise.qualities
    should = given * 0.9 + (300 - given) * 0.2
    assert (noise.what, dance.value) == ("Precision", pytest.approx(0.9))
    assert dance.tagability == pytest.approx(given * 0.9 / should)
    assert f"{should:,.0f} should" in dance.sentence
    noise.rate(tmp_path / "scores.npy")
    owner.until(lambda: noise.what == "AUC")
    for place, one in enumerate(noise.qualities):
        assert one.value == pytest.approx(roc_auc_score(rows[:, place], scores[:, place]), abs=1e-6)
        assert one.low < one.value < one.high
        assert one.popularity == rows[:, place].sum()
    assert [np.isnan(one.tagability) for one in noise.qualities] == [True, False, True]
    noise.rate(tmp_path / "not there.npy")
    owner.until(lambda: noise.problem)
    assert "not there.npy" in noise.problem
    assert noise.what == "AUC", "what was there stays"
    owner.session.load_model("no-such-model")
    owner.until(lambda: owner.problems)
    assert noise.what == "AUC", "a model that cannot be loaded changes nothing"
    assert len(noise.qualities) == 3
