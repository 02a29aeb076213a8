"""Test the choice of the analysed channel in a session."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from owner import Owner

from auralscope.audio.files import load_clip
from auralscope.files import resource


@pytest.fixture
def antiphase(tmp_path):
    """Write a stereo file whose right channel is the inverted left one."""
    clip = load_clip(resource("excerpt.ogg"), duration_s=6.0)
    path = tmp_path / "antiphase.wav"
    soundfile.write(path, np.stack([clip.mono(), -clip.mono()], axis=1), clip.sample_rate, subtype="FLOAT")
    return path


def test_results_belong_to_the_chosen_channel(antiphase):
    owner = Owner()
    session = owner.session
    try:
        owner.load()
        owner.open(antiphase)
        owner.until(lambda: session.window_result is not None)
        assert len(owner.problems) == 1
        assert "choose one channel" in owner.problems[0]
        np.testing.assert_array_equal(session.window_result.run.original.samples, 0.0)
        silent = session.window_result.scores
        changes = []
        session.channel_changed.connect(lambda: changes.append(session.clip.analysed_channel))

        session.choose_unit(3)
        session.choose_channel(0)
        session.choose_channel(1)
        assert (session.window_result, session.gallery.layer_result, session.gallery.features) == (None, None, {})
        owner.until(lambda: session.window_result is not None)
        run = session.window_result.run
        assert run.clip.analysed_channel == 1
        expected = session.model.analyse(load_clip(antiphase, channel=1))
        np.testing.assert_allclose(run.scores, expected.scores, atol=1e-6)
        assert np.abs(run.scores - silent).max() > 0.05
        owner.until(lambda: session.listening.sound is not None and session.listening.sound.peak > 0.0)
        assert session.listening.sound.channels == 2, "the recording's channels are kept"

        session.choose_channel(1)
        assert changes == [0, 1]
        session.choose_channel(None)
        owner.until(lambda: session.window_result is not None)
        np.testing.assert_allclose(session.window_result.scores, silent, atol=1e-6)
        owner.open(antiphase)
        assert session.clip.analysed_channel is None, "another recording begins with its mix"
    finally:
        session.close()
