"""Tests of tags over time: the window of each time, and the computation in the background."""

from __future__ import annotations

import csv
import threading

import fake_tagger
import numpy as np
import pytest
import soundfile
from owner import Owner

from auralscope import registry
from auralscope.catalogue import load_model
from auralscope.files import resource
from auralscope.session.taggram import TagsOverTime
from auralscope.types import Scores

EXCERPT = resource("excerpt.ogg")


def tags(values, starts_s, window_s, duration_s, labels=("a", "b")):
    values = np.asarray(values, np.float32)
    starts_s = np.asarray(starts_s, np.float64)
    return TagsOverTime(Scores(values, starts_s[: len(values)], labels), starts_s, window_s, duration_s)


# The value


def test_a_time_belongs_to_the_window_with_the_nearest_centre():
    random = np.random.default_rng(0)
    starts_s = np.array([0.0, 1.0, 2.0, 3.0, 3.7])
    made = tags(random.random((5, 2)), starts_s, 4.0, 7.7)
    times_s = np.sort(np.append(random.uniform(0.0, 7.7, 300), [0.0, 7.7]))
    nearest = [int(np.argmin(np.abs(starts_s + 2.0 - time_s))) for time_s in times_s]
    np.testing.assert_array_equal(made.windows_at(times_s), nearest)
    np.testing.assert_array_equal(made.windows_at(np.array([-0.1, 7.8])), [-1, -1])
    assert made.complete


def test_times_without_a_result_have_no_window():
    made = tags([[0.1, 0.9]] * 2, [0.0, 1.0, 2.0, 3.0], 4.0, 7.0)
    assert not made.complete
    np.testing.assert_array_equal(made.windows_at(np.array([0.0, 2.4, 2.6, 3.4, 3.6, 7.0])), [0, 0, 1, 1, -1, -1])
    times_s, values = made.curve(1)
    assert times_s[-1] == 3.5
    assert len(values) == len(times_s) == 4


def test_a_window_longer_than_the_recording_stands_for_all_of_it():
    made = tags([[0.2, 0.4]], [0.0], 29.0, 24.0)
    np.testing.assert_array_equal(made.windows_at(np.array([0.0, 12.0, 24.0])), [0, 0, 0])
    times_s, values = made.curve(0)
    assert (times_s[0], times_s[-1]) == (0.0, 24.0)
    assert (np.diff(times_s) >= 0.0).all()
    np.testing.assert_allclose(values, 0.2)
    assert made.csv().decode().splitlines()[1] == "0.0000,24.0000,0.200000,0.400000"


def test_a_curve_goes_through_the_middles_of_the_windows():
    made = tags([[0.1, 0.0], [0.5, 0.0], [0.3, 0.0]], [0.0, 2.0, 4.0], 4.0, 8.0)
    times_s, values = made.curve(0)
    np.testing.assert_allclose(times_s, [0.0, 2.0, 4.0, 6.0, 8.0])
    np.testing.assert_allclose(values, [0.1, 0.1, 0.5, 0.3, 0.3])


def test_labels_are_ranked_by_their_mean_or_their_highest():
    made = tags([[0.5, 0.0], [0.5, 0.9], [0.5, 0.0]], [0.0, 2.0, 4.0], 4.0, 8.0)
    assert made.ranked("mean") == [0, 1]
    assert made.ranked("highest") == [1, 0]


@pytest.mark.parametrize(("highest", "top"), [(0.04, 0.1), (0.1000001, 0.2), (0.31, 0.5), (0.97, 1.0)])
def test_colours_end_at_a_round_probability(highest, top):
    assert tags([[highest, 0.0]], [0.0], 4.0, 8.0).top == top


def test_the_table_can_be_read_back():
    names = ('rock, "hard"', "été")
    made = tags([[0.25, 0.75], [0.5, 0.125]], [0.0, 2.5], 4.0, 6.5, names)
    lines = list(csv.reader(made.csv().decode().splitlines()))
    assert lines[0] == ["start_s", "end_s", *names]
    np.testing.assert_allclose(np.array(lines[1:], float), [[0, 4, 0.25, 0.75], [2.5, 6.5, 0.5, 0.125]])


# In the background


class TaggramOwner(Owner):
    """Owner of a session with tags over time."""

    @property
    def taggram(self):
        return self.session.taggram

    def complete(self):
        self.until(lambda: self.taggram.tags is not None and self.taggram.tags.complete and not self.taggram.busy)
        return self.taggram.tags


@pytest.fixture
def owner(tmp_path, monkeypatch):
    fake_tagger.write(tmp_path / "plugins")
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.setattr(registry, "_default", None)
    owner = TaggramOwner()
    yield owner
    owner.session.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("auralscope-", "player"))]


def noise(path, seconds, rate=8000):
    soundfile.write(path, 0.1 * np.random.default_rng(1).standard_normal(round(seconds * rate)), rate)
    return path


def test_nothing_is_computed_until_it_is_requested(owner):
    owner.open(EXCERPT)
    owner.load("genre-convnet")
    owner.idle()
    assert owner.taggram.tags is None
    owner.taggram.set_active(True)
    assert [job.title for job in owner.session.jobs.running] == ["Tags over time"]
    made = owner.complete()
    expected = load_model("genre-convnet", device="cpu").predict(owner.session.clip, hop_s=1.0)
    np.testing.assert_allclose(made.scores.values, expected.values, atol=1e-6)
    np.testing.assert_array_equal(made.scores.times_s, expected.times_s)
    assert len(made.starts_s) == 21


def test_windows_arrive_one_after_the_other_with_progress(owner):
    owner.open(EXCERPT)
    owner.load("genre-convnet")
    counts, progress = [], []
    owner.taggram.changed.connect(lambda: counts.append(owner.taggram.tags.n_there if owner.taggram.tags else 0))
    owner.session.jobs.changed.connect(
        lambda: progress.extend(job.progress for job in owner.session.jobs.running if job.key == owner.taggram.KEY)
    )
    owner.taggram.set_active(True)
    owner.complete()
    assert counts == sorted(counts)
    assert len(set(counts)) > 5
    said = [done for done in progress if done is not None]
    assert said == sorted(said)
    assert 0.0 < said[0] < 0.5


def test_urgent_jobs_run_first(owner):
    """A click interrupts the computation, and a gallery is filled before it continues."""
    owner.open(EXCERPT)
    owner.load("genre-convnet")
    owner.idle()
    owner.taggram.set_overlap(0.9)
    owner.taggram.set_active(True)
    owner.until(lambda: owner.taggram.tags is not None)
    session = owner.session
    session.choose_unit(session.gallery.layer_result.order[0])
    owner.until(lambda: session.listening.sound is not None)
    assert owner.taggram.busy
    before = owner.taggram.tags.n_there
    session.choose_layer("conv5")
    owner.until(lambda: len(session.gallery.features) == 64)
    assert owner.taggram.tags.n_there <= before + 6
    owner.complete()


def test_cancelled_work_is_kept_and_goes_on_where_it_stopped(owner):
    owner.open(EXCERPT)
    owner.load("genre-convnet")
    owner.taggram.set_active(True)
    owner.until(lambda: owner.taggram.tags is not None)
    told = []
    owner.taggram.changed.connect(lambda: told.append(owner.taggram.busy))
    for job in owner.session.jobs.running:
        owner.session.jobs.stop(job)
    assert told == [False]
    owner.idle()
    there = owner.taggram.tags.n_there
    assert 0 < there < 21
    assert owner.taggram.unfinished
    have = owner.taggram.tags.scores.values
    owner.taggram.go_on()
    made = owner.complete()
    np.testing.assert_array_equal(made.scores.values[:there], have)
    expected = owner.session.model.predict(owner.session.clip, hop_s=1.0)
    np.testing.assert_allclose(made.scores.values, expected.values, atol=1e-6)
    assert not owner.taggram.unfinished


def test_another_recording_or_model_replaces_the_tags_being_computed(owner, tmp_path):
    owner.open(EXCERPT)
    owner.load("genre-convnet")
    owner.taggram.toggle_curve(1)
    owner.taggram.set_active(True)
    owner.until(lambda: owner.taggram.tags is not None)
    durations = []
    owner.taggram.changed.connect(
        lambda: durations.append(owner.taggram.tags.duration_s if owner.taggram.tags else None)
    )
    owner.session.open(noise(tmp_path / "noise.wav", 70.0))
    owner.until(lambda: owner.session.clip.duration_s == 70.0)
    gone = durations.index(None)
    assert owner.taggram.curves == {1: 0}, "the labels are the same"
    owner.until(lambda: owner.taggram.tags is not None)
    owner.load("fifty")
    assert owner.taggram.tags is None
    assert owner.taggram.curves == {}
    made = owner.complete()
    assert made.labels == fake_tagger.LABELS
    assert len(made.starts_s) == 1 + 6  # every 7.25 s, and the last ends with the recording
    assert made.starts_s[-1] == 70.0 - 29.0
    assert set(durations[gone:]) == {None, 70.0}
    np.testing.assert_allclose(made.scores.values, owner.session.model.predict(owner.session.clip, hop_s=7.25).values)


def test_a_recording_shorter_than_the_window_has_one(owner):
    owner.open(EXCERPT)
    owner.load("fifty")
    owner.taggram.set_active(True)
    made = owner.complete()
    assert made.scores.values.shape == (1, 50)
    np.testing.assert_allclose(made.edges_s, [0.0, owner.session.clip.duration_s])


def test_a_model_that_does_not_load_keeps_the_current_one(owner):
    owner.open(EXCERPT)
    owner.load("fifty")
    owner.taggram.set_active(True)
    made = owner.complete()
    owner.taggram.toggle_curve(3)
    owner.session.load_model("no-such-model")
    owner.until(lambda: owner.problems)
    owner.idle()
    assert owner.taggram.tags is made
    assert owner.taggram.curves == {3: 0}


def test_tags_that_are_switched_off_are_not_computed(owner):
    owner.open(EXCERPT)
    owner.load("genre-convnet")
    owner.taggram.set_active(True)
    owner.until(lambda: owner.taggram.tags is not None)
    owner.taggram.set_active(False)
    owner.idle()
    assert not owner.taggram.tags.complete
    owner.taggram.set_active(True)
    owner.complete()
    owner.taggram.set_overlap(0.5)
    assert owner.taggram.tags is None
    assert len(owner.complete().starts_s) == 11


def test_curves_keep_their_numbers_while_they_are_shown(owner):
    for label in (4, 2, 9):
        owner.taggram.toggle_curve(label)
    owner.taggram.toggle_curve(2)
    owner.taggram.toggle_curve(7)
    assert owner.taggram.curves == {4: 0, 9: 2, 7: 1}
    for label in (4, 9, 7):
        owner.taggram.toggle_curve(label)
    assert owner.taggram.curves == {}


def test_the_table_is_written_whole_or_not_at_all(owner, tmp_path):
    owner.open(EXCERPT)
    owner.load("fifty")
    owner.taggram.save(tmp_path / "nothing there yet.csv")
    owner.taggram.set_active(True)
    made = owner.complete()
    owner.taggram.save(tmp_path / "tags.csv")
    owner.until(lambda: owner.said)
    assert (tmp_path / "tags.csv").read_bytes() == made.csv()
    owner.taggram.save(tmp_path / "no such folder" / "tags.csv")
    owner.until(lambda: owner.problems)
    assert "cannot be written" in owner.problems[0]
    assert not list(tmp_path.glob("nothing*"))
    assert not list(tmp_path.glob("*.part"))


def test_out_of_memory_is_reported(owner, monkeypatch):
    import torch

    from auralscope.nn.batches import Batch
    from auralscope.nn.loaded import Model

    probabilities = Model._probabilities

    def narrow(self, images, half=False):
        if len(images) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return probabilities(self, images, half)

    monkeypatch.setattr(Model, "_probabilities", narrow)
    owner.open(EXCERPT)
    owner.load("genre-convnet")
    model = owner.session.model
    monkeypatch.setattr(model, "_batch", Batch(2, "windows", model.device))
    owner.taggram.set_active(True)
    assert len(owner.complete().scores.values) == 21
    assert owner.said == ["The memory of 'cpu' does not hold 2 windows at once; going on with 1."]
    assert not owner.problems
