"""Tests of attribution methods in a session."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
from test_session import filled, looking, owner

from auralscope.nn.attribution import methods as attribution
from auralscope.nn.attribution.base import AttributionMethod
from auralscope.session.methods import DEFAULT, SLOW, methods
from auralscope.session.results import LayerResult, fill

__all__ = ["looking", "owner"]


def test_every_method_has_a_title_and_a_sentence():
    found = {method.name: method for method in methods()}
    assert set(found) == set(attribution.METHODS)
    assert next(iter(found)) == DEFAULT
    for method in found.values():
        assert method.about.endswith(".")
        assert len(method.about) < 70
    assert len({method.title for method in found.values()}) == len(found)


class Loud(AttributionMethod):
    """Return the loud cells of the input for every unit.

    Of no use.
    """

    name = "loud"

    def attribute(self, tape, layer, units):
        return tape.image.expand(len(units), *tape.image.shape[1:])


def test_a_method_of_a_plugin_is_described_and_can_be_chosen(looking, monkeypatch):
    monkeypatch.setitem(attribution.METHODS, "loud", Loud())
    (found,) = [method for method in methods() if method.name == "loud"]
    assert found.about == inspect.getdoc(Loud).splitlines()[0]
    session = looking.session
    session.choose_method("loud")
    filled(looking)
    np.testing.assert_array_equal(session.gallery.features[3].image, session.window_result.input)


def test_the_gallery_and_the_sound_follow_the_method(looking):
    session = looking.session
    session.choose_layer("conv2")
    filled(looking)
    unit = session.gallery.layer_result.order[0]
    session.choose_unit(unit)
    looking.until(lambda: session.faithfulness.result is not None)
    deconvolved, sound, figures = session.gallery.features, session.listening.sound, session.faithfulness.result
    session.choose_method("guided")
    assert session.unit == unit
    assert session.faithfulness.result is None
    filled(looking)
    looking.until(lambda: session.listening.sound not in (None, sound) and session.faithfulness.result is not None)
    run = session.window_result.run
    expected = run.deconvolve("conv2", method="guided")
    for each in range(64):
        np.testing.assert_allclose(
            session.gallery.features[each].image, expected[each], atol=1e-5 * np.abs(expected).max()
        )
    heard = run.auralise("conv2", unit, method="guided", rate="recording")
    np.testing.assert_allclose(session.listening.sound.samples, heard.samples, atol=1e-4 * heard.peak)
    expected = run.faithfulness("conv2", unit, method="guided").retention
    assert session.faithfulness.result.retention == pytest.approx(expected, rel=1e-4)
    assert figures.retention != pytest.approx(expected, rel=1e-3)
    session.choose_method(DEFAULT)
    assert session.gallery.features is deconvolved, "kept"


def test_unsupported_methods_are_marked_and_not_kept(looking):
    session = looking.session
    looking.until(lambda: not session.methods.supports("conv1", "grad-cam"))
    assert "for labels and dense units" in session.methods.unsupported["conv1", "grad-cam"]
    assert session.methods.supports("conv1", "lrp-zplus")
    session.choose_layer("output")
    filled(looking)
    looking.idle()
    assert session.methods.supports("output", "grad-cam")
    session.choose_method("grad-cam")
    filled(looking)
    session.choose_layer("conv1")
    assert session.methods.chosen == DEFAULT
    filled(looking)
    assert not looking.problems


def test_a_failing_method_is_reported_and_the_default_returns(looking):
    session = looking.session
    session.choose_layer("conv3")
    session.choose_method("grad-cam")  # nothing is known against it yet
    looking.until(lambda: looking.problems)
    assert "for labels and dense units" in looking.problems[0]
    assert session.methods.chosen == DEFAULT
    assert not session.methods.supports("conv3", "grad-cam")
    filled(looking)


def test_occlusion_gives_way_and_can_be_cancelled(looking):
    session = looking.session
    session.choose_layer("output")
    filled(looking)
    looking.idle()
    assert SLOW == ("occlusion",)
    session.choose_method("occlusion")
    (job,) = (job for job in session.jobs.running if job.key == "gallery")
    looking.until(lambda: (job.progress or 0.0) > 0.01)
    sound = session.listening.sound
    session.choose_unit(0)
    assert session.listening.sound is sound, "it is not computed twice"
    answered = []
    session.jobs.start("model", lambda _job: True, urgency=3, done=answered.append)
    looking.until(lambda: answered)
    assert job.progress < 0.9, "it gave way"
    session.jobs.stop(job)
    looking.idle()
    assert not session.gallery.features


def test_with_occlusion_the_chosen_unit_sounds_when_it_is_there(looking, monkeypatch):
    quick = attribution.Occlusion(patch=96, stride=96)
    monkeypatch.setitem(attribution.METHODS, "occlusion", quick)
    session = looking.session
    session.choose_layer("output")
    filled(looking)
    session.choose_method("occlusion")
    session.choose_unit(1)
    looking.until(lambda: session.listening.sound is not None)
    expected = session.window_result.run.deconvolve("output", units=[1], method="occlusion")[0]
    np.testing.assert_allclose(session.gallery.features[1].image, expected, atol=1e-5)
    assert session.listening.player.source == "feature"
    looking.idle()
    assert session.faithfulness.result is None


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_filling_in_parts_equals_filling_at_once(looking, monkeypatch, method):
    monkeypatch.setitem(attribution.METHODS, "occlusion", attribution.Occlusion(patch=64, stride=64))
    run = looking.session.window_result.run
    told, found = [], {}
    selection = replace(looking.session.selection, layer="dense", method=method)
    for part in fill(run, selection, {5, 7}, told.append):
        if not isinstance(part, LayerResult):
            found.update({feature.unit: feature.image for feature in part})
    assert sorted(found) == [unit for unit in range(128) if unit not in (5, 7)]
    assert told == sorted(told)
    assert told[-1] == 1.0
    expected = run.deconvolve("dense", units=[0, 9], method=method)
    np.testing.assert_allclose(np.stack([found[0], found[9]]), expected, atol=1e-5)
