"""Walk at random through recordings, models, layers, units and settings: all that the window says belongs together."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from small_models import selection_steps, spec_of, take_step

from auralscope.nn.loaded import Model
from auralscope.session import faithfulness

RATE, STEPS = 8000, 120


@pytest.fixture
def walk(drive, tmp_path, monkeypatch):
    specs = {spec.id: spec for spec in (spec_of("slow-rate", 1, 4000), spec_of("full-rate", 2, RATE))}
    models = {name: Model(spec, spec.build(), torch.device("cpu")) for name, spec in specs.items()}
    monkeypatch.setattr("auralscope.registry.find_spec", specs.get)
    monkeypatch.setattr("auralscope.weights.state", lambda _spec: "bundled")
    driver = drive()
    monkeypatch.setattr("auralscope.catalogue.load_model", lambda name, device: models[name])
    recordings = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for number, path in enumerate(recordings):
        t = np.arange(round((1.2 - 0.3 * number) * RATE)) / RATE
        soundfile.write(path, 0.2 * np.sin(2 * np.pi * (300 + 400 * number) * t) + 0.02 * np.cos(9000 * t), RATE)
    driver.window.open_files(recordings[:1])
    driver.session.load_model("full-rate")
    driver.until(lambda: driver.session.model is not None and driver.session.clip is not None)
    return SimpleNamespace(driver=driver, recordings=recordings, models=list(models))


def check(driver):
    """Compare every text and mark about the feature with the session's selection and results."""
    QApplication.processEvents()
    window, session = driver.window, driver.session
    listening, transport, pane = session.listening, window.transport, window.feature
    unit, sound, finding = session.unit, listening.sound, session.faithfulness.result
    # The caption.
    assert pane.title.text() == (f"Feature {session.unit_title(unit)}" if unit is not None else "")
    if unit is not None and session.gallery.layer_result is not None:
        silent = session.gallery.layer_result.is_silent(unit)
        assert ("silent" if silent else session.gallery.layer_result.rank(unit)) in pane.about.text()
        assert session.layer in pane.about.text()
    # The button, the gain and the switches.
    assert transport.feature.text() == (f"Feature {session.unit_title(unit)}" if sound is not None else "Feature")
    assert transport.feature.isEnabled() == (sound is not None)
    gain = "" if sound is None else f"{sound.gain_db:+.1f} dB" if sound.peak else "silent"
    assert transport.gain.text() == gain
    assert transport.feature.isChecked() == (listening.player.heard_source == "feature")
    assert sound is not None or transport.original.isChecked()
    assert transport.match.isChecked() == listening.match_loudness
    assert transport.render_choice.currentData() == session.selection.render
    assert transport.model_rate.isChecked() == (session.selection.rate == "model")
    # The figures, here and beside the play button.
    words = faithfulness.sentences(finding) if finding is not None else ""
    assert pane.faithfulness.details.isEnabled() == bool(words)
    if words:
        assert pane.faithfulness.words.accessibleName() == words
    if transport.feature.isChecked() or sound is None:
        assert transport.faithfulness.text() == (faithfulness.short(finding) if finding is not None else "")
    # The picture over the spectrogram, the gallery and the loop.
    feature = session.gallery.features.get(unit) if session.window_result is not None and unit is not None else None
    assert window.views._shown is feature
    model = window.gallery.model
    assert model.rowCount() == (session.layer_spec.units if session.layer_spec is not None else 0)
    assert window.waveform.loop_s == window.spectrogram.loop_s == listening.player.loop


def test_all_that_the_window_says_belongs_to_the_selection(walk):
    driver, rng = walk.driver, np.random.default_rng(5)
    session, listening = driver.session, driver.session.listening
    steps = selection_steps(session, rng, lambda path: driver.window.open_files([path]), walk.recordings, walk.models)
    seen = dict.fromkeys(("sound", "figures", "picture"), 0)
    for _ in range(STEPS):
        take_step(steps, rng)
        check(driver)
        if rng.random() < 0.5:
            driver.idle()
        else:
            QTest.qWait(int(rng.integers(0, 20)))
        check(driver)
        seen["sound"] += listening.sound is not None
        seen["figures"] += session.faithfulness.result is not None
        seen["picture"] += driver.window.views._shown is not None
    assert driver.message() == ""
    assert all(count >= 10 for count in seen.values()), seen
