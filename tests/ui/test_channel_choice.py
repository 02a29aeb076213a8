"""Test the choice of the analysed channel in the window."""

from __future__ import annotations

import numpy as np
import soundfile

from auralscope.audio.files import load_clip
from auralscope.files import resource


def contents(box):
    return [(box.itemText(row), box.itemData(row)) for row in range(box.count())]


def test_a_channel_is_chosen_beside_the_recording(drive, tmp_path):
    excerpt = load_clip(resource("excerpt.ogg"), duration_s=5.0)
    mono, rate = excerpt.mono(), excerpt.sample_rate
    soundfile.write(tmp_path / "antiphase.wav", np.stack([mono, -mono], axis=1), rate)
    soundfile.write(tmp_path / "mono.wav", mono, rate)
    soundfile.write(tmp_path / "three.wav", np.stack([mono] * 3, axis=1), rate)
    driver = drive().begin(tmp_path / "antiphase.wav")
    box, scores = driver.window.recording.channel, driver.window.model_pane.scores
    assert "choose one channel" in driver.message()
    assert contents(box) == [("Mix", None), ("Left", 0), ("Right", 1)]
    assert (box.isVisible(), box.currentText()) == (True, "Mix")
    of_silence = scores.toolTip()
    driver.choose(box, 1)
    driver.until(lambda: driver.session.clip.analysed_channel == 1)
    driver.filled()
    driver.idle()
    assert box.currentText() == "Right"
    assert driver.message() == "", "the advice was followed"
    assert scores.toolTip() != of_silence
    np.testing.assert_allclose(driver.session.window_result.run.clip.mono(), -mono, atol=1e-4)
    pyramid = driver.window.spectrogram._pyramid
    assert pyramid.clip.analysed_channel == 1, "the spectrogram shows the same channel"
    driver.open(tmp_path / "antiphase.wav")
    assert "choose one channel" in driver.message()
    driver.session.open(tmp_path / "three.wav")
    driver.until(lambda: driver.session.clip.channels == 3)
    assert driver.message() == "", "the message was about another recording"
    assert contents(box) == [("Mix", None), ("Channel 1", 0), ("Channel 2", 1), ("Channel 3", 2)]
    assert box.currentText() == "Mix"
    driver.open(tmp_path / "mono.wav")
    assert not box.isVisible()
    driver.idle()
