"""Tests of the session without a window: recordings, model, window, layers, units, and their sounds."""

from __future__ import annotations

import threading
import weakref

import bad_files
import numpy as np
import pytest
import soundfile
from owner import Owner

from auralscope.audio.files import load_clip
from auralscope.catalogue import load_model
from auralscope.files import resource
from auralscope.session import gallery

EXCERPT = resource("excerpt.ogg")


@pytest.fixture
def owner():
    owner = Owner()
    yield owner
    owner.session.close()
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith(("auralscope-", "player"))]
    assert not left


@pytest.fixture
def looking(owner):
    """Open the excerpt with the genre convnet at the first layer, and wait until idle."""
    owner.open(EXCERPT)
    owner.load()
    owner.until(lambda: owner.session.gallery.layer_result is not None)
    owner.idle()
    return owner


def filled(owner):
    session = owner.session
    owner.until(
        lambda: (
            session.gallery.layer_result is not None
            and len(session.gallery.features) == len(session.gallery.layer_result.order)
        )
    )


# Recordings


def test_opening_decodes_in_the_background(owner):
    session, told = owner.session, []
    session.recording_changed.connect(lambda: told.append(threading.current_thread()))
    session.open(EXCERPT)
    assert session.clip is None
    assert [job.title for job in session.jobs.running] == ['Opening "excerpt.ogg"']
    owner.until(lambda: session.clip is not None)
    assert told == [threading.current_thread()]
    np.testing.assert_array_equal(session.clip.samples, load_clip(EXCERPT).samples)
    assert session.listening.player.duration_s == session.clip.duration_s


@pytest.mark.parametrize("name", bad_files.SAYS)
def test_a_bad_file_is_reported_in_one_sentence_and_the_open_recording_stays(owner, tmp_path, name):
    session = owner.session
    owner.open(EXCERPT)
    clip = session.clip
    path = bad_files.make(name, tmp_path)
    session.open(path)
    owner.until(lambda: owner.failed)
    assert owner.failed == [path]
    (sentence,) = owner.problems
    assert bad_files.SAYS[name] in sentence
    assert name in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert session.clip is clip
    assert session.listening.player.duration_s == clip.duration_s


@pytest.mark.parametrize("name", bad_files.LACKS)
def test_a_file_that_lacks_something_opens_with_a_notice(owner, tmp_path, name):
    owner.session.open(bad_files.make(name, tmp_path))
    owner.until(lambda: owner.session.clip is not None)
    assert not owner.failed
    (sentence,) = owner.problems
    assert bad_files.LACKS[name] in sentence
    assert (sentence,) == owner.session.clip.notices


def test_the_last_of_several_recordings_asked_for_is_opened(owner, tmp_path):
    session, opened = owner.session, []
    session.recording_changed.connect(lambda: opened.append(session.clip.source))
    other = tmp_path / "other.wav"
    soundfile.write(other, np.zeros(44100), 44100)
    session.open(EXCERPT)
    session.open(other)
    owner.until(lambda: opened)
    owner.idle()
    assert opened == [other]


def test_opening_can_be_cancelled(owner, tmp_path):
    session = owner.session
    owner.open(EXCERPT)
    clip = session.clip
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(44100 * 600, np.int16), 44100)
    session.open(long)
    (job,) = session.jobs.running
    owner.until(lambda: job.progress is not None)
    session.jobs.stop(job)
    owner.until(lambda: job.finished)
    assert session.clip is clip
    assert not owner.problems


# The model


def test_a_model_that_does_not_load_leaves_the_one_before(looking):
    session, told = looking.session, []
    model, look = session.model, session.window_result
    session.model_changed.connect(lambda: told.append(session.model))
    session.load_model("no-such-model")
    looking.until(lambda: looking.problems)
    looking.idle()
    assert "no-such-model" in looking.problems[0]
    assert session.model is model
    assert session.window_result is look
    assert told == [model]  # whoever shows the choice goes back


def test_plugins_are_found_in_the_background(owner):
    session = owner.session
    session.find_plugins()
    assert session.plugins == ()
    owner.until(lambda: session.plugins)
    assert "genre-convnet" in [spec.id for spec in session.specs]


def test_the_result_equals_the_prediction_of_the_window(looking):
    session = looking.session
    run = load_model("genre-convnet", device="cpu").analyse(load_clip(EXCERPT))
    np.testing.assert_array_equal(session.window_result.input, run.input)
    np.testing.assert_allclose(session.window_result.scores, run.scores, rtol=1e-5)
    assert session.window_s == pytest.approx(4.0)


# The window


def test_moving_the_window_supersedes_running_work(looking):
    session, looks = looking.session, []
    session.window_result_changed.connect(lambda: looks.append(session.window_result))
    for start_s in (3.0, 6.0, 9.0, 12.0):
        session.move_window(start_s)
    assert looks == [None] * 4, "each move drops the results of the window before"
    looking.until(lambda: looks[-1] is not None)
    filled(looking)
    assert [look.run.start_s for look in looks if look is not None] == [12.0]
    run = session.model.analyse(session.clip, start_s=12.0)
    np.testing.assert_array_equal(session.gallery.features[0].image, run.deconvolve("conv1", units=[0])[0])


def test_the_window_stays_inside_the_recording(looking):
    session = looking.session
    session.move_window(1000.0)
    assert session.window_start_s == pytest.approx(session.clip.duration_s - session.window_s)
    session.move_window(-5.0)
    assert session.window_start_s == 0.0


def test_a_recording_shorter_than_the_window_is_analysed_from_its_start(looking, tmp_path):
    session = looking.session
    short = tmp_path / "short.wav"
    soundfile.write(short, 0.1 * np.random.default_rng(0).standard_normal(22050), 22050)
    looking.open(short)
    session.move_window(0.5)
    assert session.window_start_s == 0.0
    looking.until(lambda: session.window_result is not None)
    filled(looking)
    session.choose_unit(session.gallery.layer_result.order[0])
    looking.until(lambda: session.listening.sound is not None)
    assert session.listening.player.loop == (0.0, pytest.approx(1.0))


# Layers and units


def test_the_gallery_fills_with_the_most_active_first(looking):
    session, arrived = looking.session, []
    session.gallery.features_arrived.connect(lambda units: arrived.extend(units))
    session.choose_layer("conv3")
    filled(looking)
    run = session.window_result.run
    assert arrived == session.gallery.layer_result.order == run.most_active("conv3")
    energy = np.square(run.feature_maps("conv3")).mean(axis=(1, 2))
    assert (np.diff(energy[arrived]) <= 0.0).all()
    images = run.deconvolve("conv3")
    for unit, feature in session.gallery.features.items():
        np.testing.assert_allclose(feature.image, images[unit], atol=1e-5 * np.abs(images).max())


def test_results_of_a_layer_are_kept_for_the_window(looking):
    session = looking.session
    session.choose_layer("conv2")
    filled(looking)
    kept = dict(session.gallery.features)
    session.choose_layer("conv3")
    assert session.unit is None
    assert session.gallery.features == {}
    session.choose_layer("conv2")
    assert session.gallery.features == kept
    session.move_window(5.0)
    looking.until(lambda: session.window_result is not None and session.window_result.run.start_s == 5.0)
    assert all(session.gallery.features.get(unit) is not feature for unit, feature in kept.items())


def test_features_of_the_layers_shown_last_are_kept_as_far_as_they_fit(looking, monkeypatch):
    session = looking.session

    def show(layer):
        session.choose_layer(layer)
        filled(looking)
        return dict(session.gallery.features)

    conv1, _, conv3 = show("conv1"), show("conv2"), show("conv3")
    layer_bytes = sum(feature.image.nbytes for feature in conv1.values())
    monkeypatch.setattr(gallery, "KEPT_BYTES", 2 * layer_bytes)
    session.choose_layer("conv1")
    assert session.gallery.features == conv1, "the layer that is shown is kept"
    session.choose_layer("conv3")
    assert session.gallery.features == conv3, "two layers fit"
    session.choose_layer("conv2")
    assert session.gallery.features == {}, "the third does not"


def test_a_cancelled_gallery_is_filled_up_later(looking):
    session = looking.session
    session.choose_layer("conv5")
    looking.until(lambda: session.gallery.features)
    for job in session.jobs.running:
        session.jobs.stop(job)
    looking.idle()
    have = dict(session.gallery.features)
    assert 0 < len(have) < 64
    session.fill_gallery()
    filled(looking)
    assert all(session.gallery.features[unit] is feature for unit, feature in have.items())


def test_a_cancelled_analysis_is_started_again(looking):
    session = looking.session
    session.move_window(7.0)
    for job in session.jobs.running:
        session.jobs.stop(job)
    looking.idle()
    assert session.window_result is None, "results of the window before are dropped"
    session.fill_gallery()
    looking.until(lambda: session.window_result is not None)
    assert session.window_result.run.start_s == 7.0
    filled(looking)


def test_a_click_is_answered_before_the_gallery_is_full(looking):
    session = looking.session
    session.choose_layer("conv5")
    looking.until(lambda: session.gallery.layer_result is not None)
    last = session.gallery.layer_result.order[-5]
    session.choose_unit(last)
    looking.until(lambda: session.listening.sound is not None)
    assert len(session.gallery.features) < 64
    assert last in session.gallery.features


@pytest.mark.parametrize(("layer", "render"), [("conv2", "mask"), ("conv4", "phase"), ("dense", "mask")])
def test_the_sound_of_a_unit_equals_that_of_the_model(looking, layer, render):
    session, player = looking.session, looking.session.listening.player
    session.move_window(10.0)
    looking.until(lambda: session.window_result is not None and session.window_result.run.start_s == 10.0)
    session.set_render(render)
    session.choose_layer(layer)
    looking.until(lambda: session.gallery.layer_result is not None)
    unit = session.gallery.layer_result.order[0]
    session.choose_unit(unit)
    looking.until(lambda: session.listening.sound is not None)
    sound = session.listening.sound
    expected = session.model.analyse(session.clip, start_s=10.0).auralise(layer, unit, render=render, rate="recording")
    assert sound.peak > 0.0
    assert (sound.sample_rate, sound.channels, sound.start_s) == (44100, 2, 10.0), "as the recording"
    np.testing.assert_allclose(sound.samples, expected.samples, atol=1e-4 * expected.peak)
    assert sound.gain_db == pytest.approx(expected.gain_db, abs=1e-3)
    assert session.listening.title == session.unit_title(unit)
    assert player.source == "feature"
    assert player.loop == (10.0, 14.0)


def test_the_render_and_the_loudness_can_be_switched(looking):
    session, listening = looking.session, looking.session.listening
    session.choose_layer("conv3")
    looking.until(lambda: session.gallery.layer_result is not None)
    unit = session.gallery.layer_result.order[0]
    session.choose_unit(unit)
    looking.until(lambda: listening.sound is not None)
    masked = listening.sound
    loud = listening.feature_clip
    assert loud.rms_db == pytest.approx(masked.rms_db + masked.gain_db, abs=0.01)
    listening.set_match_loudness(False)
    assert listening.feature_clip is masked
    session.set_render("phase")
    looking.until(lambda: listening.sound not in (None, masked))
    expected = session.window_result.run.auralise("conv3", unit, render="phase", rate="recording")
    np.testing.assert_allclose(listening.sound.samples, expected.samples, atol=1e-4 * expected.peak)
    assert listening.feature_clip is listening.sound


def test_at_the_rate_of_the_model_the_sound_is_its_input(looking, tmp_path):
    session, listening = looking.session, looking.session.listening
    unit = session.gallery.layer_result.order[0]
    session.choose_unit(unit)
    looking.until(lambda: listening.sound is not None)
    fine = listening.sound
    session.set_rate("model")
    looking.until(lambda: listening.sound not in (None, fine))
    expected = session.window_result.run.auralise("conv1", unit)
    assert (listening.sound.sample_rate, listening.sound.channels) == (11025, 1)
    np.testing.assert_allclose(listening.sound.samples, expected.samples, atol=1e-4 * expected.peak)
    assert listening.player.source == "feature"
    session.gallery.save_sound(tmp_path / "model.wav")
    looking.until(lambda: looking.said)
    assert load_clip(tmp_path / "model.wav").sample_rate == 11025


def test_when_the_window_moves_the_unit_stays_chosen_and_sounds_there(looking):
    session, listening = looking.session, looking.session.listening
    unit = session.gallery.layer_result.order[0]
    session.choose_unit(unit)
    looking.until(lambda: listening.sound is not None)
    before = listening.sound
    session.move_window(6.0)
    looking.until(lambda: listening.sound not in (None, before))
    assert session.unit == unit
    assert listening.sound.start_s == 6.0
    assert listening.player.loop == (6.0, 10.0), "the loop was on the window, so it follows"


def test_a_loop_that_the_user_made_stays(looking):
    session, listening = looking.session, looking.session.listening
    listening.set_loop((1.0, 2.0))
    session.choose_unit(session.gallery.layer_result.order[0])
    looking.until(lambda: listening.sound is not None)
    assert listening.player.loop == (1.0, 2.0)


def test_units_of_the_output_are_called_by_their_labels(looking):
    session = looking.session
    session.choose_layer("output")
    assert [session.unit_title(unit) for unit in range(3)] == ["7-0 ballad", "7-1 dance", "7-2 hip-hop"]
    session.choose_layer("conv3")
    assert session.unit_title(38) == "3-38"


def test_sound_and_picture_are_written(looking, tmp_path):
    session = looking.session
    session.choose_unit(session.gallery.layer_result.order[0])
    looking.until(lambda: session.listening.sound is not None)
    sound, picture = tmp_path / "a.wav", tmp_path / "a.png"
    session.gallery.save_sound(sound)
    session.gallery.save_picture(picture)
    looking.until(lambda: len(looking.said) == 2)
    np.testing.assert_array_equal(load_clip(sound).samples, session.listening.feature_clip.samples)
    assert picture.read_bytes().startswith(b"\x89PNG")
    session.gallery.save_sound(tmp_path / "not there" / "a.wav")
    looking.until(lambda: looking.problems)
    assert "cannot be written" in looking.problems[0]


# Memory


def test_the_previous_model_is_freed_when_another_is_loaded(looking):
    session = looking.session
    looking.load()  # the first one is kept for other tests
    looking.idle()
    filled(looking)
    session.choose_unit(session.gallery.layer_result.order[0])
    looking.until(lambda: session.listening.sound is not None)
    filled(looking)
    before = weakref.ref(session.model)
    session.load_model("genre-convnet")
    looking.until(lambda: session.model is not before())
    looking.idle()
    filled(looking)
    assert before() is None


def test_changes_of_the_model_are_reported(looking):
    def lack(_job):
        from auralscope.nn.batches import log

        log.warning("The memory of '%s' ran out.", "cuda")
        log.debug("Nothing for people.")

    looking.session.jobs.start("model", lack)
    looking.until(lambda: looking.said)
    assert looking.said == ["The memory of 'cuda' ran out."]


# How far it can be trusted


def test_faithfulness_is_measured_after_the_sound(looking):
    session = looking.session
    session.choose_layer("conv3")
    filled(looking)
    first, second = session.gallery.layer_result.order[:2]
    session.choose_unit(first)
    assert session.faithfulness.result is None
    session.choose_unit(second)
    looking.until(lambda: session.faithfulness.result is not None)
    looking.idle()
    assert session.faithfulness.result.unit == second, "the first was overtaken"
    expected = session.window_result.run.faithfulness("conv3", second)
    assert session.faithfulness.result.retention == pytest.approx(expected.retention, rel=1e-4)
    session.choose_unit(first)
    assert session.faithfulness.result is None
    looking.until(lambda: session.faithfulness.result is not None)
    known = session.faithfulness.result
    assert known.unit == first
    session.choose_unit(second)
    looking.until(lambda: session.faithfulness.result is not None)
    session.choose_unit(first)
    looking.until(lambda: session.faithfulness.result is not None)
    assert session.faithfulness.result is known, "not measured again"
    session.choose_layer("output")
    assert session.faithfulness.result is None
    looking.until(lambda: session.gallery.layer_result is not None)
    session.choose_unit(1)
    looking.until(lambda: session.faithfulness.result is not None)
    assert session.faithfulness.result.label == "dance"
    session.move_window(9.0)
    looking.until(lambda: session.faithfulness.result is None)
