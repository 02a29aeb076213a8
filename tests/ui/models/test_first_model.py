"""Test with which model the window opens, and the offer to get a better one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from auralscope import download as store
from auralscope.catalogue import first_model


@pytest.fixture
def recommended(server, far_tagger):
    """Make the far tagger the only recommended model; its weights are on a server."""
    far_tagger.plugins = tuple(
        replace(plugin, models=tuple(replace(spec, recommended=spec.id == "far-tagger") for spec in plugin.models))
        for plugin in far_tagger.plugins
    )
    return far_tagger.find("far-tagger")


def opened(driver, model_id):
    driver.window.begin([])
    driver.until(lambda: driver.session.model is not None and driver.session.fetching.states)
    driver.idle()
    assert driver.session.model.spec.id == model_id
    return driver.window.model_pane


def test_the_first_model_is_the_last_used_or_recommended_or_the_default(recommended):
    assert first_model() == "genre-convnet"
    assert first_model("crnn") == "crnn"
    assert first_model("far-tagger") == "genre-convnet", "its weights are not here"
    assert first_model("no-such-model") == "genre-convnet"
    store.get(recommended)
    assert first_model() == "far-tagger"
    assert first_model("crnn") == "crnn"


def test_the_first_start_offers_a_recommended_model_until_it_is_answered(recommended, server, drive):
    pane = opened(drive(), "genre-convnet")
    assert pane.weights.isVisible()
    text = pane.weights.title.text()
    assert text.startswith("Genre convnet knows 3 classes, trained on synthesised music.")
    assert text.endswith("For real music, get 'Far tagger': it knows 2 tags.")
    pane.window().close()

    driver = drive()
    pane = opened(driver, "genre-convnet")
    assert pane.weights.isVisible(), "a closed window is no answer"
    driver.click(pane.weights.not_now)
    assert not pane.weights.isVisible()
    driver.window.close()

    assert not opened(drive(), "genre-convnet").weights.isVisible(), "the answer is remembered"
    assert not server.asked, "nothing is downloaded without a click"


def test_an_accepted_offer_opens_the_model_now_and_at_the_next_start(recommended, server, drive):
    driver = drive()
    pane = opened(driver, "genre-convnet")
    driver.click(pane.weights.get)
    driver.until(lambda: driver.session.model.spec.id == "far-tagger")
    driver.idle()
    assert not pane.weights.isVisible()
    assert len(server.asked) == 1
    assert pane.scope.text() == "The model knows 2 tags."
    driver.window.close()
    assert not opened(drive(), "far-tagger").weights.isVisible()


def test_an_installed_recommended_model_is_first_until_another_is_chosen(recommended, drive):
    driver = drive()
    opened(driver, "genre-convnet")
    driver.window.close()
    store.get(recommended)
    driver = drive()
    pane = opened(driver, "far-tagger")
    assert not pane.weights.isVisible()
    driver.key(Qt.Key.Key_Up, widget=pane.choice)  # the genre convnet is the one before
    driver.until(lambda: driver.session.model.spec.id == "genre-convnet")
    driver.idle()
    assert pane.scope.text() == "The model knows 3 classes, trained on synthesised music."
    driver.window.close()
    opened(drive(), "genre-convnet")


def test_a_named_model_opens_without_an_offer(recommended, drive):
    driver = drive()
    driver.window.begin([], "genre-convnet")
    driver.until(lambda: driver.session.model is not None and driver.session.fetching.states)
    driver.idle()
    assert not driver.window.model_pane.weights.isVisible()
