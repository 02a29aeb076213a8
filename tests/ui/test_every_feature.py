"""Tests that every feature of every layer can be shown and played, for each of nine recordings."""

from __future__ import annotations

import numpy as np
import pytest

from auralscope.ui.panes.gallery_model import TileRole

RECORDINGS = (
    "drum_and_bass",
    "folk_vocals",
    "jazz_vibraphone",
    "orchestra_celesta",
    "piano_ragtime",
    "solo_trumpet",
    "speech",
    "string_orchestra",
    "waltz",
)
START_S = 10.0


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_feature_of_every_layer_can_be_shown_and_played(drive, shared, name):
    driver = drive()
    window, session = driver.window, driver.session
    window.begin([shared / "audio" / f"{name}.ogg"], "genre-convnet")
    driver.until(lambda: session.window_result is not None)
    driver.window.spectrogram.window_moved.emit(START_S)
    assert session.window_start_s > 0.0  # a short recording has less room
    driver.until(lambda: session.window_result is not None)
    assert session.window_result.run.start_s == session.window_start_s
    run, model = session.window_result.run, window.gallery.model
    assert session.window_result.scores.sum() == pytest.approx(1.0, abs=1e-5)
    for layer in session.model.spec.layers:
        driver.layer(layer.name)
        driver.filled()
        assert sorted(session.gallery.features) == list(range(layer.units))
        silent = 0
        for row in range(model.rowCount()):
            unit, tile = model.unit_at(model.index(row)), model.index(row).data(TileRole)
            image = session.gallery.features[unit].image
            assert np.isfinite(image).all()
            if session.gallery.layer_result.is_silent(unit):
                silent += 1
                assert tile.is_silent
                assert not image.any()
                continue
            assert tile.picture is not None
            sound = run.auralise_image(image)
            assert sound.n_samples == 4 * 11_025
            assert np.isfinite(sound.samples).all()
            assert sound.peak > 0.0 or not (image > 0.0).any(), f"{session.unit_title(unit)} cannot be heard"
        assert silent < layer.units
        driver.click_unit(model.unit_at(model.index(0)))
        assert session.listening.sound.peak > 0.0
        assert window.transport.feature.isEnabled()
