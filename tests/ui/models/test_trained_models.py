"""Tests of trained models in the window: one on the waveform is shown and played as any other."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

from auralscope import registry, trained
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.nn.architectures import architecture
from auralscope.nn.model import ModelSpec, Weights
from auralscope.ui.panes.model import INPUT

N = 3**8


def put_waveform_model(models):
    """Write a small untrained model on the waveform."""
    folder = models / "wave"
    folder.mkdir(parents=True)
    chosen, front_end = architecture("sample-cnn"), WaveformFrontEnd(8000, N)
    torch.manual_seed(0)
    network = chosen.build(2, (1, N))
    save_file(network.state_dict(), folder / trained.WEIGHTS)
    (folder / trained.CARD).write_text("# Wave\n")
    spec = ModelSpec(
        id="wave",
        title="Wave",
        labels=("a", "b"),
        layers=chosen.layers(2, (1, N)),
        front_end=front_end,
        build=lambda: network,
        weights=Weights(folder / trained.WEIGHTS, licence="unknown"),
        output="sigmoid",
        summary="On the waveform.",
    )
    trained.write_description(folder, spec, "sample-cnn")


def test_a_trained_network_on_the_waveform_is_shown_and_played(drive, tmp_path, monkeypatch):
    put_waveform_model(tmp_path / "models")
    monkeypatch.setenv("AURALSCOPE_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(registry, "_default", None)
    driver = drive().begin()
    window, session = driver.window, driver.session
    assert window.model_pane.choice.findData("wave") >= 0
    session.load_model("wave")
    driver.until(lambda: session.model is not None and session.model.spec.id == "wave")
    driver.idle()
    assert window.model_pane.choice.currentText() == "Wave"
    assert "6,561" in window.model_pane.layers.buttons[INPUT].text()
    driver.layer("conv2")
    driver.filled()
    driver.idle()
    feature = session.gallery.features[session.gallery.layer_result.order[0]]
    assert feature.image.shape == (1, N)
    assert feature.picture.shape == session.model.front_end.plane.input_shape
    sound = driver.click_unit(session.gallery.layer_result.order[0])
    assert sound.peak > 0.0
    assert sound.sample_rate == session.clip.sample_rate
    driver.idle()
    assert not driver.message()
    # Its feature maps are curves, and what a cell saw is framed.
    window.gallery.toggle_kind()
    driver.until(lambda: session.receptive_fields.result is not None)
    driver.idle()
    window.model_pane.layers.buttons[INPUT].click()
    picture = tmp_path / "unit.png"
    session.gallery.save_picture(picture)
    driver.until(picture.is_file)
    driver.idle()
    assert not window.messages.isVisible() or "unit.png" in driver.message()
