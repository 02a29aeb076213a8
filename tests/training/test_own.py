"""Tests of `auralscope train` with small trainings, from a folder to the list of models."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auralscope import trained
from auralscope.cli.main import main, parse
from auralscope.dsp.processed import ProcessedSpectrogram
from auralscope.nn.batches import choose_device
from auralscope.nn.loaded import Model
from auralscope.registry import Registry
from auralscope.training.clips import DrawnClips, Sounds, band_statistics
from auralscope.training.smoke import RATE, clicks, noise, tone, write_clips
from auralscope.types import Clip
from auralscope.weights import load_into

SMALL = ["--rate", "8000", "--n-fft", "256", "--hop", "128", "--bands", "32", "--window", "1", "--batch", "8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "sounds"
    write_clips(folder, clips=8)
    return folder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURALSCOPE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def loaded(models: Path, model_id: str) -> Model:
    spec = Registry(trained_folder=models).find(model_id)
    network = spec.build()
    load_into(network, spec)
    return Model(spec, network, choose_device("cpu"))


def test_the_smoke_training_makes_a_model(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--smoke", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["id"] == "smoke"
    assert made["mean_auc"] > 0.9
    assert sorted(path.name for path in (models / "smoke").iterdir()) == [
        trained.CARD,
        trained.DESCRIPTION,
        trained.WEIGHTS,
    ]
    model = loaded(models, "smoke")
    # Sounds that it was neither trained nor tested on.
    rng = np.random.default_rng(99)
    right = 0
    for label, make in (("tones", tone), ("noise", noise), ("clicks", clicks)):
        for _ in range(4):
            right += model.predict(Clip(make(rng), RATE)).ranked()[0][0] == label
    assert right >= 10
    run = model.analyse(Clip(tone(rng), RATE))
    assert run.auralise("conv2", run.most_active("conv2")[0]).peak > 0.0
    card = (models / "smoke" / trained.CARD).read_text(encoding="utf-8")
    assert "| clicks | 19 |" in card
    assert f"{made['mean_auc']:.3f}" in card


def test_a_table_of_tags_is_fitted_with_every_step_of_processing(folder: Path, models: Path, tmp_path: Path) -> None:
    """Train a recurrent network on two tags that do not exclude each other."""
    files = sorted(folder.rglob("*.flac"))
    table = tmp_path / "tags.csv"
    rows = [f"{f.relative_to(folder)},{int('tones' in f.name)},{int('clicks' not in f.name)}" for f in files]
    table.write_text("\n".join(["file,tonal,steady", *rows]))
    words = ["train", str(folder), "--tags", str(table), "--architecture", "crnn-0.1m", "--id", "tagged", *SMALL]
    words += ["--weighting", "A", "--standardise", "clip", "--scale", "10", "--magnitude", "db"]
    assert main([*words, "--epochs", "2", "--windows", "2"]) == 0
    spec = Registry(trained_folder=models).find("tagged")
    assert spec.labels == ("tonal", "steady")
    assert spec.output == "sigmoid"
    front_end = spec.front_end
    assert isinstance(front_end, ProcessedSpectrogram)
    assert (front_end.weighting, front_end.standardise, front_end.factor) == ("A", "clip", 10.0)
    assert (front_end.sample_rate, front_end.n_mels, front_end.window_samples) == (8000, 32, 8000)
    model = loaded(models, "tagged")
    assert model.layers == ("conv1", "conv2", "conv3", "conv4", "gru1", "gru2", "output")
    run = model.analyse(Clip(tone(np.random.default_rng(1)), RATE))
    for layer in model.spec.layers:
        assert run.feature_maps(layer.name).shape[0] == layer.units
        assert run.deconvolve(layer.name, units=[0]).shape == (1, *front_end.input_shape)
    # Once more under that name is refused, and nothing of it has changed.
    before = (models / "tagged" / trained.DESCRIPTION).read_bytes()
    assert main(words) == 1
    assert (models / "tagged" / trained.DESCRIPTION).read_bytes() == before


@pytest.mark.parametrize("name", ["dieleman-2014", "sample-cnn"])
def test_networks_without_norms_and_on_the_waveform_can_be_fitted(folder: Path, models: Path, name: str) -> None:
    window = "2" if name == "sample-cnn" else "1"
    words = [
        "train",
        str(folder),
        "--architecture",
        name,
        *SMALL,
        "--window",
        window,
        "--epochs",
        "1",
        "--windows",
        "1",
    ]
    assert main([*words, "--transform", "stft"]) == 0
    model = loaded(models, f"sounds-{name}")
    scores = model.predict(Clip(tone(np.random.default_rng(1)), RATE))
    assert np.isfinite(scores.values).all()
    assert model.front_end.is_waveform == (name == "sample-cnn")


def test_a_killed_training_continues(folder: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(folder), "--id", "killed", *SMALL, "--epochs", "4", "--patience", "4", "--windows", "8"]
    state = models / "killed" / "training" / "state.safetensors"
    process = subprocess.Popen(
        [sys.executable, "-m", "auralscope", *words],
        env=os.environ,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not state.is_file() and process.poll() is None:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert state.is_file()
    assert "killed" not in [plugin.name for plugin in Registry(trained_folder=models).plugins]
    # With other options it is not the same training.
    assert main([*words, "--batch", "4"]) == 1
    assert "unfinished training with other batch" in capsys.readouterr().err
    # Nothing is decoded again, and what was done is not done again.
    sounds = {file: file.stat().st_mtime_ns for file in (models / "killed" / "training" / "sound").iterdir()}
    assert len(sounds) == 24
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "continuing after the last whole epoch" in said
    assert "epoch 1/4" not in said
    assert "epoch 4/4" in said
    assert not (models / "killed" / "training").exists()
    assert not list(models.rglob(".auralscope-*"))
    assert len(loaded(models, "killed").predict(Clip(tone(np.random.default_rng(1)), RATE)).labels) == 3


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say what to train on"),
        (["{}", "--architecture", "vgg"], "no architecture 'vgg'"),
        (["{}", "--id", "My Model"], "lower case"),
        (["{}", "--id", "genre-convnet"], "already"),
        (["{}/nowhere"], "cannot be read"),
        (["{}/tones"], "in no folder of a class"),
        (["{}", "--bands", "300"], "too many for an FFT of 512"),
        (["{}", "--hop", "1024"], "leaves gaps"),
        (["{}", "--architecture", "dieleman-2014", "--window", "0.1"], "longer window"),
        (["{}", "--architecture", "sample-rese-2", "--window", "0.1"], "longer window"),
    ],
)
def test_bad_options_are_one_sentence(
    folder: Path, models: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["train", *(word.format(folder) for word in words)]) == 1
    assert said in one_line(capsys)
    assert not list(models.rglob("model.json"))


def test_unreadable_audio_is_named(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    write_clips(data, clips=3)
    (data / "noise" / "noise-01.flac").write_bytes(b"not audio")
    assert main(["train", str(data), *SMALL]) == 1
    assert "noise-01.flac" in one_line(capsys)


def test_tags_that_overlap_have_no_categorical_loss(
    folder: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "tags.csv"
    rows = [f"{f.relative_to(folder)},1,{int('tones' in f.name)}" for f in sorted(folder.rglob("[nt]*.flac"))]
    rows += [f"{f.relative_to(folder)},0,0" for f in sorted(folder.rglob("c*.flac"))]
    table.write_text("\n".join(["file,a,b", *rows]))
    assert main(["train", str(folder), "--tags", str(table), "--loss", "categorical"]) == 1
    assert "exclude one another" in one_line(capsys)


def test_short_recordings_are_filled_up_and_long_ones_drawn_from(models: Path, tmp_path: Path) -> None:
    """Recordings of 0.3 s for a window of 1 s, in stereo at another rate."""
    rng = np.random.default_rng(0)
    data = tmp_path / "data"
    for label, gain in (("loud", 0.5), ("soft", 0.01)):
        (data / label).mkdir(parents=True)
        for number in range(4):
            sound = gain * rng.standard_normal((int(11_025 * (0.3 + number)), 2)).clip(-1, 1)
            soundfile.write(data / label / f"{number}.wav", sound, 11_025)
    assert main(["train", str(data), "--id", "short", *SMALL, "--epochs", "1"]) == 0
    assert Registry(trained_folder=models).find("short").labels == ("loud", "soft")


def test_a_band_that_is_silent_in_training_is_not_blown_up(tmp_path: Path) -> None:
    """Train on low tones up to 1 kHz of 4 kHz; the higher bands do not vary."""
    time = np.arange(RATE) / RATE
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.wav")
        soundfile.write(files[-1], 0.3 * np.sin(2 * np.pi * (300 + 200 * number) * time), RATE)
    sounds = Sounds(files, RATE, tmp_path / "sound")
    sounds.decode()
    front_end = ProcessedSpectrogram(RATE, 256, 128, RATE // 2, n_mels=24, compression="db")
    truth = np.ones((3, 1), np.uint8)
    means, deviations = band_statistics(DrawnClips(sounds, [0, 1, 2], truth, front_end, False, 0), 32)
    assert len(means) == len(deviations) == 24
    assert min(deviations) >= 0.09 * np.mean(deviations)
    assert front_end.FLOOR_DB / min(deviations) < 200.0


def test_the_architectures_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--list"]) == 0
    assert "crnn-3m" in capsys.readouterr().out


def test_an_interruption_is_reported_with_the_way_to_continue(
    folder: Path, models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("auralscope.training.own.fit", interrupted)
    assert main(["train", str(folder), *SMALL]) == 130
    assert "The same command goes on" in capsys.readouterr().err


def test_the_commands_of_the_guide_are_understood() -> None:
    text = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("auralscope train")]
    assert len(lines) == 6
    for line in lines:
        options = parse(shlex.split(line)[1:])
        assert options.smoke or options.list or options.data == Path("recordings")
