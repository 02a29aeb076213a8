"""Walk at random through recordings, models, layers, units and settings: shown and played must belong together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from owner import Owner
from small_models import selection_steps, spec_of, take_step

from auralscope.audio import devices
from auralscope.dsp.resampling import resample
from auralscope.nn.loaded import Model

RATE = 8000
STEPS = 500
BLOCK = 400
FADES = 170
"""Frames at the beginning of a block that a fade may alter: two fades of 10 ms and the block's gain."""


@dataclass
class Stage:
    """Session with two models and two recordings, on a device that nothing drives but the test."""

    owner: Owner
    recordings: tuple
    models: dict


@pytest.fixture
def stage(tmp_path, monkeypatch):
    specs = {spec.id: spec for spec in (spec_of("slow-rate", 1, 4000), spec_of("full-rate", 2, RATE))}
    models = {name: Model(spec, spec.build(), torch.device("cpu")) for name, spec in specs.items()}
    monkeypatch.setattr("auralscope.registry.find_spec", specs.get)
    monkeypatch.setattr("auralscope.weights.state", lambda _spec: "bundled")
    monkeypatch.setattr("auralscope.catalogue.load_model", lambda name, device: models[name])
    stream = SimpleNamespace(active=True, abort=lambda **_: None)
    monkeypatch.setattr(devices, "output_settings", lambda _rate: (RATE, 2))
    monkeypatch.setattr(devices, "open_output", lambda *_: stream)
    monkeypatch.setattr(devices, "start_stream", lambda _stream: None)
    monkeypatch.setattr(devices, "close_stream", lambda _stream: None)
    monkeypatch.setattr("auralscope.audio.playback._STALLED_S", 1e9)
    recordings = []
    for number, seconds in enumerate((1.2, 0.9)):
        t = np.arange(round(seconds * RATE)) / RATE
        noise = np.random.default_rng(number).standard_normal((2, t.size))
        samples = 0.1 * noise + 0.2 * np.sin(2 * np.pi * (300 + 400 * number) * t)
        recordings.append(tmp_path / f"{number}.wav")
        soundfile.write(recordings[-1], samples.T, RATE, subtype="FLOAT")
    owner = Owner()
    yield Stage(owner, tuple(recordings), models)
    owner.session.close()


class Walk:
    """Random steps, and the check after each of them."""

    def __init__(self, stage, seed):
        self.owner, self.session = stage.owner, stage.owner.session
        self.listening, self.player = self.session.listening, self.session.listening.player
        self.recordings, self.models = stage.recordings, stage.models
        self.rng = np.random.default_rng(seed)
        self.expected = {}
        self.user_loop = None
        self.seen = dict.fromkeys(("feature", "original", "figures", "images", "loops"), 0)

    # What must be there, from the public API alone.

    def sound(self):
        """Return the two channels that the caption promises, at the device's rate."""
        session, listening = self.session, self.listening
        key = (
            *(session.clip.source, session.model.spec.id, session.window_start_s, session.layer, session.unit),
            *(session.methods.chosen, listening.render, listening.rate),
        )
        if key not in self.expected:
            run = session.model.analyse(session.clip, start_s=session.window_start_s)
            self.expected[key] = run.auralise(
                session.layer, session.unit, render=listening.render, rate=listening.rate, method=session.methods.chosen
            )
        sound = self.expected[key]
        samples = sound.samples * 10.0 ** (sound.gain_db / 20.0) if listening.match_loudness else sound.samples
        return resample(np.broadcast_to(samples, (2, samples.shape[1])), sound.sample_rate, RATE)

    def figures(self):
        session = self.session
        key = ("figures", session.clip.source, session.model.spec.id, session.window_start_s)
        key += (session.layer, session.unit, session.methods.chosen)
        if key not in self.expected:
            run = session.model.analyse(session.clip, start_s=session.window_start_s)
            self.expected[key] = run.faithfulness(session.layer, session.unit, method=session.methods.chosen)
        return self.expected[key]

    def check(self):
        self.check_results()
        self.check_sound()

    def check_results(self):
        session, listening = self.session, self.listening
        result = session.window_result
        if result is not None:
            assert result.run.model is session.model
            assert result.run.clip is session.clip
            assert result.run.start_s == session.window_start_s
        if session.gallery.layer_result is not None:
            assert len(session.gallery.layer_result.maps) == session.layer_spec.units
            np.testing.assert_array_equal(session.gallery.layer_result.maps, result.run.feature_maps(session.layer))
        if session.unit in session.gallery.features:
            image = result.run.deconvolve(session.layer, units=[session.unit], method=session.methods.chosen)[0]
            np.testing.assert_allclose(
                session.gallery.features[session.unit].image, image, atol=1e-5 * abs(image).max() + 1e-12
            )
            self.seen["images"] += 1
        finding = session.faithfulness.result
        if finding is not None:
            expected = self.figures()
            for name in ("own", "random", "shuffled"):
                got, want = getattr(finding, name).heard, getattr(expected, name).heard
                np.testing.assert_allclose(list(vars(got).values()), list(vars(want).values()), rtol=1e-4)
            self.seen["figures"] += 1
        assert (listening.sound is None) == (listening.title == "")
        if listening.sound is not None:
            assert listening.title == session.unit_title(session.unit)
        else:
            assert self.player.source == "original", "without a sound, the transport is on the original"
        loop = self.player.loop
        if loop is not None and loop != self.user_loop:
            end_s = min(session.window_start_s + session.window_s, session.clip.duration_s)
            assert session.window_start_s - 1e-6 <= loop[0] < loop[1] <= end_s + 1e-6
            self.seen["loops"] += 1

    def check_sound(self):
        """Render a block as the device would, and compare it with what the transport shows."""
        mixer = self.player._mixer
        before, out, now_s = mixer._cursor, np.zeros((BLOCK, 2), np.float32), time.perf_counter()
        mixer.render(out, now_s)
        if mixer.programme is None or not mixer._sounding or mixer._cursor != before + BLOCK:
            return  # nothing is played, or the block holds a seek, the loop's end or the recording's
        heard, places = out.T[:, FADES:], np.arange(before + FADES, before + BLOCK)
        if now_s < mixer.silent_until_s:
            held = max(int((mixer.silent_until_s - now_s) * RATE) - FADES, 0)
            assert not heard[:, :held].any()
            return
        if self.player.source == "feature":
            first = round(self.session.window_start_s * RATE)
            feature = self.sound()
            inside = (places >= first + FADES) & (places < first + feature.shape[1] - FADES)
            want = feature[:, places[inside] - first]
            if not heard[:, inside].any():
                return  # the player's thread has not prepared it yet
            np.testing.assert_allclose(heard[:, inside], want, atol=2e-3 * abs(feature).max() + 1e-6)
            self.seen["feature"] += bool(inside.any() and want.any())
        else:
            np.testing.assert_allclose(heard, self.session.clip.samples[:, places], atol=1e-6)
            self.seen["original"] += 1

    # Steps.

    def step(self):
        session, listening, rng = self.session, self.listening, self.rng
        steps = selection_steps(session, rng, session.open, self.recordings, list(self.models)) | {
            "play": (2, listening.play_or_pause),
            "seek": (2, lambda: listening.seek(float(rng.uniform(0.0, session.clip.duration_s)))),
            "loop": (1, self.loop),
        }
        take_step(steps, rng)
        self.check()
        for _ in range(rng.integers(0, 6)):
            self.deliver()
        if rng.random() < 0.4:
            self.owner.idle()
            self.check()
            self.check()  # the player may have prepared the sound by now

    def loop(self):
        first_s = float(self.rng.uniform(0.0, 0.5))
        self.listening.set_loop((first_s, first_s + 0.2) if self.rng.integers(2) else None)
        self.user_loop = self.player.loop

    def deliver(self):
        """Deliver one message of a job, if there is one, and check."""
        waiting = self.owner.inbox._queue
        if not waiting.empty():
            waiting.get()()
            self.check()


def test_what_is_shown_and_played_belongs_to_the_selection(stage):
    walk = Walk(stage, seed=7)
    walk.owner.open(stage.recordings[0])
    walk.session.load_model("full-rate")
    walk.owner.until(lambda: walk.session.model is not None)
    for _ in range(STEPS):
        walk.step()
    assert not walk.owner.problems
    assert all(count >= 20 for count in walk.seen.values()), walk.seen
