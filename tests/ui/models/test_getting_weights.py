"""Tests of missing weights: offered, fetched from a local server, cancelled, read from a file."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from auralscope import download as store


@pytest.fixture
def kept(tmp_path):
    """Return a function that lists the user's data folder."""
    return lambda: sorted(path.name for path in (tmp_path / "store").rglob("*"))


@pytest.fixture
def wanting(server, far_tagger, ready):
    """Open a window with the genre convnet, then choose a model without weights."""
    pane = ready.window.model_pane
    pane.choice.setFocus()
    ready.key(Qt.Key.Key_Down, widget=pane.choice)
    ready.until(pane.weights.isVisible)
    return ready


def titles(driver):
    choice = driver.window.model_pane.choice
    return {choice.itemData(row): choice.itemText(row) for row in range(choice.count())}


def test_choosing_a_model_without_weights_offers_them_and_keeps_the_open_model(wanting, server):
    window, pane = wanting.window, wanting.window.model_pane.weights
    assert wanting.session.model.spec.id == "genre-convnet"
    assert window.model_pane.choice.currentData() == "genre-convnet"
    assert pane.title.text() == "The weights of 'Far tagger' are not on this computer yet"
    assert pane.about.text() == "A test, made of noise. Licence: CC0-1.0."
    assert pane.get.text() == "Get weights (1.2 MB)"
    assert server.url in pane.get.toolTip()
    assert not pane.bar.isVisible()
    assert not pane.cancel.isVisible()
    assert titles(wanting)["far-tagger"] == "Far tagger – get weights"
    assert titles(wanting)["genre-convnet"] == "Genre convnet"
    assert not wanting.message()
    assert not server.asked
    wanting.click(pane.not_now)
    assert not pane.isVisible()
    assert not server.asked


def test_fetched_weights_open_the_model(wanting, kept):
    pane = wanting.window.model_pane
    wanting.click(pane.weights.get)
    wanting.until(lambda: wanting.session.model.spec.id == "far-tagger")
    assert not pane.weights.isVisible()
    assert pane.choice.currentData() == "far-tagger"
    assert titles(wanting)["far-tagger"] == "Far tagger"
    assert kept() == ["far-tagger.json", "far-tagger.safetensors"]
    wanting.filled()
    assert len(wanting.session.gallery.features) == 4
    wanting.idle()


def test_weights_fetched_by_another_process_are_used(wanting, far_tagger):
    store.get(far_tagger.find("far-tagger"))
    wanting.session.load_model("far-tagger")
    wanting.until(lambda: wanting.session.model.spec.id == "far-tagger")
    assert not wanting.window.model_pane.weights.isVisible()
    assert titles(wanting)["far-tagger"] == "Far tagger"
    wanting.filled()
    wanting.idle()


def test_a_cancelled_download_leaves_no_file(wanting, server, kept):
    server.answer = "slow"
    pane = wanting.window.model_pane.weights
    wanting.click(pane.get)
    wanting.until(lambda: pane.bar.isVisible() and 0 < pane.bar.value() < 100)
    assert not pane.get.isVisible()
    assert wanting.window.jobs.label.text().startswith("Getting the weights of Far tagger")
    wanting.click_unit(wanting.session.gallery.layer_result.order[0])  # nothing waits for the server
    wanting.click(pane.cancel)
    assert pane.get.isVisible()
    assert not pane.bar.isVisible()
    wanting.until(lambda: kept() == [])
    assert not wanting.message()
    assert wanting.session.model.spec.id == "genre-convnet"
    server.answer = "file"
    wanting.click(pane.get)
    wanting.until(lambda: wanting.session.model.spec.id == "far-tagger")
    wanting.filled()
    wanting.idle()


def test_a_failed_download_is_reported_and_a_local_file_is_accepted(wanting, server, kept, tmp_path, file_dialog):
    server.answer = "gone"
    pane = wanting.window.model_pane.weights
    wanting.click(pane.get)
    wanting.until(wanting.message)
    assert "404 Not Found" in wanting.message()
    assert pane.get.isVisible()
    assert kept() == []
    wanting.click(pane.from_file)
    assert file_dialog.titles == ["The published file of Far tagger"]
    assert file_dialog.kinds == [["weights.h5 (*.h5)", "All files (*)"]]
    assert pane.get.isVisible(), "no file was chosen"
    file_dialog.path = tmp_path / "weights.h5"
    wanting.click(pane.from_file)
    wanting.until(lambda: wanting.session.model.spec.id == "far-tagger")
    assert not wanting.message(), "what went wrong is overtaken"
    assert len(server.asked) == 1
    wanting.filled()
    wanting.idle()


def test_another_choice_cancels_the_download(wanting, server, kept):
    server.answer = "slow"
    pane = wanting.window.model_pane.weights
    wanting.click(pane.get)
    wanting.until(lambda: pane.bar.value() > 0)
    wanting.session.load_model("genre-convnet")
    wanting.until(lambda: not pane.isVisible())
    wanting.until(lambda: kept() == [])
    wanting.filled()
    wanting.idle()
    assert wanting.session.model.spec.id == "genre-convnet"


def test_the_window_can_begin_with_a_model_without_weights(server, far_tagger, drive):
    driver = drive()
    driver.window.begin([], "far-tagger")
    pane = driver.window.model_pane.weights
    driver.until(pane.isVisible)
    driver.idle()
    assert driver.session.model is None
    assert not driver.message()
    driver.click(pane.get)
    driver.until(lambda: driver.session.model is not None)
    driver.idle()


def test_the_window_closes_while_the_server_is_silent(wanting, server, kept):
    server.answer = "slow"
    pane = wanting.window.model_pane.weights
    wanting.click(pane.get)
    wanting.until(lambda: pane.bar.value() > 0)
    wanting.window.close()
    assert kept() == []
