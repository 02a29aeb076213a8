"""Test the commands on real files and weights: results, exit statuses, and one line for each error."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auralscope.cli import main as cli
from auralscope.files import quoted, resource

COMMANDS = """app tag auralise report faithfulness labels label-noise label-auc kernels map models weights plugins
train doctor"""
MINIMAL = {
    "tag": ["a.wav"],
    "auralise": ["a.wav", "--layer", "conv1"],
    "report": ["a.wav"],
    "faithfulness": ["a.wav"],
    "label-noise": ["a.csv"],
    "label-auc": ["a.csv", "--ground-truth", "b.csv"],
    "map": ["a.wav"],
}
"""Required arguments of each command."""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Write six seconds of chords and clicks, in stereo at 22,050 Hz."""
    rate = 22_050
    t = np.arange(6 * rate) / rate
    chord = sum(np.sin(2 * np.pi * hz * t) for hz in (220.0, 277.2, 329.6)) * (0.2 + 0.1 * np.sin(2 * np.pi * t))
    clicks = np.random.default_rng(0).standard_normal(t.size) * (t % 0.5 < 0.02)
    path = tmp_path / "Café № 5 – 'mix'.wav"
    soundfile.write(path, np.stack([0.2 * chord + 0.2 * clicks, 0.2 * chord], axis=1), rate)
    return path


def run(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = cli.main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_models_lists_labels_layers_and_the_state_of_weights(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AURALSCOPE_WEIGHTS", str(tmp_path))
    status, out, _ = run("models", "--json", capsys=capsys)
    assert status == 0
    models = {model["id"]: model for model in json.loads(out)}
    model = models["genre-convnet"]
    assert (model["plugin"], model["weights"], model["url"]) == ("genre_convnet", "bundled", "")
    assert [layer["name"] for layer in model["layers"]][:5] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert {layer["units"] for layer in model["layers"][:5]} == {64}
    far = models["crnn-msd"]
    assert far["weights"] == "available"
    assert far["parameters"] == 396_786  # Choi et al. 2017 on the network that they published
    assert (far["sample_rate"], far["window_s"]) == (12_000, pytest.approx(29.12))
    assert len(far["labels"]) == far["layers"][-1]["units"] == 50
    assert far["url"].startswith("https://")
    for model in models.values():
        assert all(model[name] for name in ("title", "summary", "source", "licence", "citation", "parameters"))
    assert model["trained_on"] == "synthesised music"
    assert model["scope"] == "knows 3 classes, trained on synthesised music"
    assert far["scope"] == "knows 50 tags, trained on the Million Song Dataset"
    assert {name for name, known in models.items() if known["recommended"]} == {"compact-convnet-msd", "crnn-msd"}
    status, out, _ = run("models", capsys=capsys)
    assert "scope    knows 3 classes, trained on synthesised music" in out
    assert status == 0
    assert "weights  bundled" in out
    assert "weights  available: 'auralscope weights get crnn-msd' fetches them (1.6 MB)" in out


def test_weights_are_listed_and_fetched(server, far_tagger, tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    def listed() -> dict[str, dict[str, object]]:
        return {entry["id"]: entry for entry in json.loads(run("weights", "--json", capsys=capsys)[1])}

    assert listed()["far-tagger"]["weights"] == "available"
    assert "far-tagger              available    1.2 MB" in run("weights", "list", capsys=capsys)[1]
    status, out, err = run("weights", "get", "far-tagger", "--json", capsys=capsys)
    assert (status, err) == (0, "")
    got = json.loads(out)
    assert got["fetched"] is True
    assert got["fetched_from"] == server.url
    assert listed()["far-tagger"] | {"weights": "installed", "file": got["file"]} == listed()["far-tagger"]
    assert json.loads(run("weights", "get", "far-tagger", "--json", capsys=capsys)[1]) == {**got, "fetched": False}
    Path(got["file"]).unlink()
    status, out, _ = run("weights", "get", "far-tagger", "--from", tmp_path / "weights.h5", capsys=capsys)
    assert (status, out) == (0, f"The weights of far-tagger are here now: {got['file']}\n")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("far-tagger", "--from", "gone.h5"), "cannot be read: no such file or directory"),
        (("far-tagger", "--from", "gopher://x/weights.h5"), "give a file, or an http or https address"),
        (("genre-convnet",), "come with it"),
        (("no-tagger",), "no model called 'no-tagger'; there is: compact-convnet, "),
        (("far-tagger",), "answers '404 Not Found'"),
    ],
)
def test_weights_that_cannot_be_fetched_are_one_line(server, far_tagger, tmp_path, words, says, capsys) -> None:
    server.answer = "gone"
    status, out, err = run("weights", "get", *words, capsys=capsys)
    assert (status, out) == (1, "")
    assert err.startswith("auralscope: ")
    assert says in err
    assert len(err.splitlines()) == 1
    assert list((tmp_path / "store").rglob("*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_an_interrupted_fetch_leaves_no_files(server, far_tagger, tmp_path) -> None:
    server.answer = "slow"
    fetch = subprocess.Popen(
        [sys.executable, "-m", "auralscope", "weights", "get", "far-tagger"], stderr=subprocess.PIPE, text=True
    )
    while not list((tmp_path / "store").rglob("original.h5")):
        assert fetch.poll() is None
    fetch.send_signal(signal.SIGINT)
    assert "interrupted; nothing was left half-written" in fetch.communicate(timeout=60)[1]
    assert fetch.returncode == 130
    assert list((tmp_path / "store").iterdir()) == []


def test_tag_prints_the_mean_probabilities(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run("tag", recording, "--json", "--over-time", capsys=capsys)
    assert status == 0
    document = json.loads(out)
    assert {tag["label"] for tag in document["tags"]} == {"ballad", "dance", "hip-hop"}
    assert sum(tag["probability"] for tag in document["tags"]) == pytest.approx(1.0, abs=1e-4)
    assert [window["start_s"] for window in document["over_time"]] == [0.0, 2.0]
    means = np.mean([window["probabilities"] for window in document["over_time"]], axis=0)
    means_of = {tag["label"]: tag["probability"] for tag in document["tags"]}
    np.testing.assert_allclose([means_of[label] for label in document["labels"]], means, atol=1e-5)
    assert document["trained_on"] == "synthesised music"
    status, out, err = run("tag", recording, "--top", 1, capsys=capsys)
    assert status == 0
    assert err == "Genre convnet knows 3 classes, trained on synthesised music.\n"
    assert len(out.splitlines()) == 1


def test_what_a_file_lacks_is_a_line_on_standard_error(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = recording.read_bytes()
    short = tmp_path / "short.wav"
    short.write_bytes(content[: len(content) * 9 // 10])
    status, out, err = run("tag", short, "--json", capsys=capsys)
    assert status == 0
    assert json.loads(out)["tags"]
    (line,) = err.splitlines()
    assert line.startswith("auralscope: ")
    assert "short.wav" in line
    assert "is damaged or cut short" in line


def test_tag_over_time_window_by_window(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("tag", recording, "--over-time", "--hop", 0.5)
    document = json.loads(run(*words, "--json", capsys=capsys)[1])
    assert [window["start_s"] for window in document["over_time"]] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert document["window_s"] == pytest.approx(4.0)
    # Each row equals that of the window alone, and its time counts from the beginning of the recording.
    alone = json.loads(run("tag", recording, "--start", 1, "--duration", 4, "--over-time", "--json", capsys=capsys)[1])
    assert [window["start_s"] for window in alone["over_time"]] == [1.0]
    np.testing.assert_allclose(
        alone["over_time"][0]["probabilities"], document["over_time"][2]["probabilities"], atol=2e-3
    )
    # The table has the most probable labels, in full, in the order of the list above it.
    lines = run(*words, "--top", 2, capsys=capsys)[1].splitlines()
    best = [tag["label"] for tag in document["tags"]][:2]
    assert [line.split()[0] for line in lines[:2]] == best
    assert lines[3].split() == ["start", "(s)", *best]
    columns = [document["labels"].index(label) for label in best]
    for line, window in zip(lines[4:], document["over_time"], strict=True):
        start, *cells = line.replace(" %", "%").split()
        assert float(start) == window["start_s"]
        shown = [float(cell.rstrip("%")) / 100 for cell in cells]
        np.testing.assert_allclose(shown, [window["probabilities"][column] for column in columns], atol=6e-4)
    assert run("tag", recording, "--over-time", "--hop", 60, capsys=capsys)[0] == 0


def test_a_hop_of_zero_is_a_usage_error(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["tag", str(recording), "--hop", "0"])
    assert end.value.code == 2
    assert "'0' must be greater than 0" in capsys.readouterr().err


def test_a_notice_about_too_little_memory_goes_to_standard_error(
    recording: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from auralscope.nn import tagger
    from auralscope.nn.loaded import Model

    whole = json.loads(run("tag", recording, "--hop", 0.5, "--json", capsys=capsys)[1])
    probabilities = Model._probabilities

    def narrow(self: Model, images: torch.Tensor, half: bool = False) -> object:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return probabilities(self, images, half)

    monkeypatch.setattr(Model, "_probabilities", narrow)
    monkeypatch.setattr(tagger, "CPU_BATCH", 8)
    status, out, err = run("tag", recording, "--hop", 0.5, "--json", capsys=capsys)
    assert status == 0
    assert err == "auralscope: The memory of 'cpu' does not hold 5 windows at once; going on with 2.\n"
    for tag, before in zip(json.loads(out)["tags"], whole["tags"], strict=True):
        assert tag["probability"] == pytest.approx(before["probability"], abs=1e-5)


def test_auralise_writes_sounds_pictures_and_a_manifest(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_folder = tmp_path / "out"
    words = ("--model", "genre-convnet", "--layer", "conv3", "--top", 4, "--start", 1, "--duration", 4)
    status, out, _ = run("auralise", recording, *words, "--out", out_folder, "--json", capsys=capsys)
    assert status == 0
    manifest = json.loads((out_folder / "manifest.json").read_text())
    assert json.loads(out)["units"] == manifest["units"]
    assert manifest["source"]["sha256"] == hashlib.sha256(recording.read_bytes()).hexdigest()
    assert manifest["source"]["start_s"] == pytest.approx(1.0)
    assert (manifest["layer"], manifest["render"], manifest["sample_rate"]) == ("conv3", "mask", 11_025)
    sounds = []
    for entry in manifest["units"]:
        samples, rate = soundfile.read(out_folder / entry["wav"])
        assert (rate, samples.shape) == (11_025, (44_100,))
        assert np.abs(samples).max() > 1e-4
        assert (out_folder / entry["png"]).read_bytes().startswith(b"\x89PNG")
        sounds.append(samples)
    assert len(sounds) == 4
    for one in range(4):
        for other in range(one):
            assert np.abs(sounds[one] - sounds[other]).max() > 1e-4
    assert len(list(out_folder.iterdir())) == 9


def test_auralise_chosen_units_and_part_of_a_window(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--layer", "conv1", "--unit", 7, 3, "--duration", 1.5, "--render", "phase", "--out", tmp_path / "o")
    status, out, _ = run("auralise", recording, *words, capsys=capsys)
    assert status == 0
    assert [line.split("  ")[1] for line in out.splitlines()] == ["1-7", "1-3"]
    assert soundfile.info(tmp_path / "o" / "conv1-07.wav").frames == round(1.5 * 11_025)


def test_auralise_a_long_section_at_the_rate_of_the_recording(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--layer", "conv1", "--unit", 7, "--duration", 5.5, "--rate", "recording", "--out", tmp_path / "o")
    status, out, _ = run("auralise", recording, *words, "--json", capsys=capsys)
    assert status == 0
    assert json.loads(out)["sample_rate"] == 22_050
    assert json.loads(out)["source"]["duration_s"] == pytest.approx(5.5, abs=1e-3)
    samples, rate = soundfile.read(tmp_path / "o" / "conv1-07.wav")
    assert (rate, samples.shape) == (22_050, (round(5.5 * 22_050), 2))
    assert np.abs(samples[-22_050:]).max() > 1e-4


def test_report_is_one_page_with_a_sound_for_each_layer(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run("report", recording, "--top", 1, "--out", tmp_path / "r", capsys=capsys)
    assert status == 0
    page = Path(out.strip())
    text = page.read_text(encoding="utf-8")
    assert page.parent == tmp_path / "r"
    for layer in ("input", "conv1", "conv5", "dense", "output"):
        assert f'<section id="{layer}">' in text
    assert text.count("<audio") == 1 + 7  # the original, and one unit of each layer
    assert "http" not in text  # the page needs no other file
    assert "Café № 5" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("tag", "{tmp}/gone.wav"), "gone.wav"),
        (("tag", "{tmp}"), "is a folder"),
        (("tag", "{tmp}/empty.wav"), "empty.wav"),
        (("tag", "{tmp}/text.wav"), "text.wav"),
        (("tag", "{tmp}/short.wav"), "short.wav"),
        (("tag", "{tmp}/nan.wav"), "nan.wav"),
        (("tag", "{rec}", "--model", "nothing"), "no model called 'nothing'"),
        (("tag", "{rec}", "--device", "abacus"), "no compute device 'abacus'"),
        (("tag", "{rec}", "--start", "60"), "6.0"),
        (("auralise", "{rec}", "--layer", "conv9"), "no layer 'conv9'"),
        (("auralise", "{rec}", "--layer", "conv1", "--unit", "64"), "units 0 to 63; there is no unit 64"),
        (("auralise", "{rec}", "--layer", "conv1", "--out", "{tmp}/text.wav/x"), "not a directory"),
        (("report", "{rec}", "--top", "1", "--out", "{tmp}/text.wav/x"), "not a directory"),
    ],
)
def test_errors_are_one_line_and_leave_no_files(
    recording: Path, tmp_path: Path, words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is a text")
    soundfile.write(tmp_path / "short.wav", np.full(80, 0.1), 8000)
    soundfile.write(tmp_path / "nan.wav", np.full(8000, np.nan, dtype=np.float32), 8000, subtype="FLOAT")
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run(*(word.format(tmp=tmp_path, rec=recording) for word in words), capsys=capsys)
    assert status == 1
    assert out == ""
    assert err.startswith("auralscope: ")
    assert says in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ("tag",),
        ("auralise", "x.wav"),
        ("tag", "x.wav", "--start", "-1"),
        ("models", "x"),
        ("weights", "get"),
        ("weights", "list", "x"),
        ("label-auc", "scores.npy"),
        ("tag", "x.wav", "--top", "0"),
        ("tag", "x.wav", "--top", "many"),
    ],
)
def test_wrong_usage_exits_with_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main(list(words))
    assert leaving.value.code == 2
    assert "usage: auralscope" in capsys.readouterr().err


def test_an_interrupted_auralise_leaves_no_files(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from auralscope.reports import auralisations as export

    def interrupted(*_args: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(export.pictures, "feature", interrupted)
    status, _, err = run("auralise", recording, "--layer", "conv1", "--out", tmp_path / "o", capsys=capsys)
    assert status == 130
    assert "interrupted" in err
    assert list((tmp_path / "o").iterdir()) == []


def test_doctor_reports_packages_models_and_the_speaker(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run("doctor", "--json", capsys=capsys)
    findings = {finding["subject"]: finding for finding in json.loads(out)}
    assert findings["torch"]["state"] == "ok"
    assert findings["model"]["text"] == "genre-convnet: weights bundled"
    assert findings["speaker"]["state"] in ("ok", "note")


def bare(**variables: str) -> dict[str, str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return {**{name: value for name, value in os.environ.items() if name not in hidden}, **variables}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs without a display")
def test_without_a_display_a_report_is_written(tmp_path: Path) -> None:
    # The content of a page has its own tests, and takes a minute.
    short = "from auralscope.reports import page; page._page = lambda *_: '<html></html>'; "
    done = subprocess.run(
        [sys.executable, "-c", f"{short}import sys; from auralscope.cli.main import main; sys.exit(main([]))"],
        cwd=tmp_path,
        env=bare(DISPLAY=":987"),  # no server has this number
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no display" in done.stdout
    page = Path(done.stdout.splitlines()[-1].removeprefix("Open it in a browser: "))
    assert page.is_file()
    assert page.parent == tmp_path / "auralscope-report"


@pytest.mark.parametrize("module", ["auralscope", "auralscope.cli.main"])
def test_importing_loads_no_heavy_package(module: str) -> None:
    code = f"import {module}, sys; print(sorted({{'torch', 'numpy', 'PySide6', 'librosa'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("call", ["auralscope.models()", "auralscope.cli.main.main(['models'])"])
def test_listing_models_needs_no_torch(call: str) -> None:
    code = f"import auralscope.cli.main, sys; {call}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_help_of_every_command_has_a_purpose_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    names = COMMANDS.split()
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if re.match(r"    [a-z]", line)]
    assert listed == names
    for name in names:
        with pytest.raises(SystemExit) as end:
            cli.main([name, "--help"])
        assert end.value.code == 0
        paragraphs = [" ".join(part.split()) for part in capsys.readouterr().out.split("\n\n")]
        assert paragraphs[0].startswith(f"usage: auralscope {name} ")
        assert re.fullmatch(r"[A-Z].{30,}\.", paragraphs[1])
        example = paragraphs[-1].removeprefix(f"Example: auralscope {name} ")
        assert cli.parse([name, *shlex.split(example)]).command is cli.parse([name, *MINIMAL.get(name, [])]).command
        assert example != paragraphs[-1]
        for paragraph in paragraphs[2:-1]:
            assert not re.search(r"--\w+( [A-Z]\S*)?(, --\w+)? *$", paragraph), f"an option of {name} has no help"


def test_the_bundled_excerpt_is_readable() -> None:
    assert soundfile.info(resource("excerpt.ogg")).duration > 10.0


def test_one_channel_of_an_antiphase_recording_is_analysed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples, rate = soundfile.read(resource("excerpt.ogg"))
    mono = samples.mean(axis=1) if samples.ndim > 1 else samples
    path, alone = tmp_path / "antiphase.wav", tmp_path / "alone.wav"
    soundfile.write(path, np.stack([mono, -mono], axis=1), rate, subtype="FLOAT")
    soundfile.write(alone, mono, rate, subtype="FLOAT")

    def tags(*words: object) -> tuple[dict[str, float], str]:
        status, out, err = run("tag", *words, "--json", capsys=capsys)
        assert status == 0
        return {tag["label"]: tag["probability"] for tag in json.loads(out)["tags"]}, err

    expected, err = tags(alone)
    assert err == ""
    mixed, err = tags(path)
    assert err.startswith(f"auralscope: {quoted(path)} has channels that cancel each other")
    assert len(err.splitlines()) == 1
    assert max(abs(mixed[label] - expected[label]) for label in expected) > 0.05
    for name in ("left", "1", "first"):
        found, err = tags(path, "--channel", name)
        assert (found, err) == (pytest.approx(expected, abs=1e-5), "")
    status, out, err = run("tag", alone, "--channel", "right", capsys=capsys)
    assert (status, out) == (1, "")
    assert err == f"auralscope: {quoted(alone)} has 1 channel and no channel 2: choose another, or the mix.\n"

    for rate_name, channels in (("model", 1), ("recording", 2)):
        out_folder = tmp_path / rate_name
        words = ("auralise", path, "--layer", "conv3", "--unit", 3, "--channel", "right", "--rate", rate_name)
        assert run(*words, "--out", out_folder, capsys=capsys)[0] == 0
        manifest = json.loads((out_folder / "manifest.json").read_text())
        assert manifest["source"]["channel"] == "right"
        assert manifest["channels"] == channels
        sound, _ = soundfile.read(out_folder / manifest["units"][0]["wav"], always_2d=True)
        assert sound.shape[1] == channels
        assert np.abs(sound).max() > 1e-3
    np.testing.assert_allclose(sound[:, 0], -sound[:, 1], atol=1e-6)


@pytest.mark.parametrize("word", ["0", "-1", "middle", ""])
def test_a_channel_without_a_meaning_is_a_usage_error(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["tag", "x.wav", f"--channel={word}"])
    assert end.value.code == 2
    assert f"'{word}' must be mix, left, right, or a number from 1" in capsys.readouterr().err
