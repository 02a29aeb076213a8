"""Tests of the plan of the corpus, of rendering with FluidSynth, and of the augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.errors import AuralScopeError, TrainingError
from auralscope.training.bundled.augment import LEVEL_DB, augment, cut
from auralscope.training.bundled.corpus import Corpus, EvaluationWindows, Item, TrainingWindows, plan
from auralscope.training.bundled.excerpt import write_excerpt
from auralscope.training.synthesis.composer import GENRES, Material, compose
from auralscope.training.synthesis.harmony import diatonic
from auralscope.training.synthesis.render import FLUID_R3, TIM, find_font, render
from auralscope.training.windows import FreshWindows

FRONT_END = SpectrogramFrontEnd(11_025, 512, 256, 4 * 11_025)
LABELS = ("ballad", "dance", "hip-hop")


def test_no_piece_and_no_sound_font_is_in_two_splits() -> None:
    items = plan(300, LABELS)
    for kind in (lambda item: (item.genre, item.seed), lambda item: item.font):
        of = {split: {kind(item) for item in items if item.split == split} for split in ("train", "validation", "test")}
        assert all(of.values())
        assert not of["train"] & of["validation"]
        assert not of["train"] & of["test"]
        assert not of["validation"] & of["test"]


def test_no_song_is_in_two_splits(tmp_path: Path, tim: Path) -> None:
    songs = [Material(diatonic(seed % 12, "major", [1], [3]), ((0.0, 1.0, 60),)) for seed in range(20)]
    items = [replace(item, font=TIM) for item in plan(150, LABELS)]
    corpus = Corpus(items, tmp_path, 11_025, materials=songs)
    arranged = {(item.split, id(song)) for item in items if (song := corpus.material(item)) is not None}
    assert len(arranged) == len({song for _, song in arranged}) == 10


def test_genres_and_sound_fonts_are_balanced() -> None:
    items = [item for item in plan(300, LABELS) if item.split == "train"]
    counts = {(item.genre, item.font): 0 for item in items}
    for item in items:
        counts[item.genre, item.font] += 1
    assert len(counts) == 9
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize(("n", "labels", "said"), [(300, ("ballad", "polka"), "polka"), (5, LABELS, "too few")])
def test_an_impossible_plan_is_refused(n: int, labels: tuple[str, ...], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        plan(n, labels)


def test_missing_sound_font_names_its_package(tmp_path: Path) -> None:
    from auralscope.training.synthesis.render import SoundFont

    with pytest.raises(AuralScopeError, match=r"apt-get install no-such-package"):
        find_font(SoundFont("NoSuchFont.sf2", "no-such-package", "none"), [tmp_path])


def test_missing_fluidsynth_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AuralScopeError, match="fluidsynth is not installed; install it"):
        render(compose("ballad", 0), tmp_path / "font.sf2")


def test_damaged_sound_font_is_named(tmp_path: Path, tim: Path) -> None:
    damaged = tmp_path / "damaged.sf2"
    damaged.write_bytes(tim.read_bytes()[:20_000])
    with pytest.raises(AuralScopeError, match=r"damaged\.sf2"):
        render(compose("ballad", 0), damaged)


def test_pieces_are_rendered_once_and_kept_in_the_cache(tmp_path: Path, tim: Path) -> None:
    items = [Item("test", genre, 3, TIM) for genre in GENRES]
    corpus = Corpus(items, tmp_path, 11_025)
    corpus.render()
    written = {item: corpus.path(item).stat().st_mtime_ns for item in items}
    for item in items:
        sound, rate = soundfile.read(corpus.path(item))
        assert rate == 11_025
        assert 20 < len(sound) / rate <= 28.01
        assert 0.01 < np.sqrt(np.mean(sound**2)) < 0.06
    corpus.path(items[0]).unlink()
    corpus.render()
    assert corpus.path(items[0]).is_file()
    assert all(corpus.path(item).stat().st_mtime_ns == written[item] for item in items[1:])
    assert not list(tmp_path.rglob("*.part"))


def test_rendered_kick_comes_at_the_composed_tempo(tmp_path: Path, tim: Path) -> None:
    """The autocorrelation of the bass band of a dance piece peaks at 60 / bpm."""
    score = compose("dance", 3)
    drums = type(score)(score.genre, 3, score.tempo_bpm, 4, tuple(part for part in score.parts if part.drums))
    clip = render(drums, tim)
    envelope = np.abs(clip.mono()[: 441 * 2000]).reshape(-1, 441).mean(axis=1)
    envelope -= envelope.mean()
    likeness = np.correlate(envelope, envelope, "full")[envelope.size - 1 :]
    beat_s = 60 / score.tempo_bpm
    near = range(int(beat_s * 100 * 0.9), int(beat_s * 100 * 1.1) + 1)
    best = max(near, key=lambda lag: likeness[lag])
    assert best / 100 == pytest.approx(beat_s, abs=0.011)


def pieces() -> list[tuple[Item, np.ndarray]]:
    rng = np.random.default_rng(0)
    noise = (rng.normal(0, 1000, 11_025 * 9)).astype(np.int16)
    return [(Item("train", genre, seed, TIM), np.roll(noise, seed)) for seed, genre in enumerate(LABELS)]


def test_training_windows_are_fresh_and_repeatable() -> None:
    windows = TrainingWindows(pieces(), LABELS, FRONT_END, seed=4)
    image, label = windows[4]
    assert tuple(image.shape) == (1, 257, 173)
    assert label == 1
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert (TrainingWindows(pieces(), LABELS, FRONT_END, seed=4)[4][0] == image).all()
    assert not (windows[7][0] == image).all()


def test_epochs_never_draw_a_window_twice() -> None:
    sampler = FreshWindows(10, 3)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == list(range(30))
    assert sorted(second) == list(range(30, 60))
    assert first != [number - 30 for number in second]


def test_silent_windows_are_not_evaluated() -> None:
    (item, sound), *rest = pieces()
    silent_end = sound.copy()
    silent_end[44_100:] = 0
    assert len(EvaluationWindows([(item, silent_end)], LABELS, FRONT_END)) == 1
    assert len(EvaluationWindows(rest, LABELS, FRONT_END)) == 4


def test_augmentation_sets_level_and_keeps_length() -> None:
    """The level carries no information: the output is within the documented range for every input."""
    time = np.arange(44_100) / 11_025
    for seed in range(30):
        rng = np.random.default_rng(seed)
        loud = (10.0 ** rng.uniform(-3, 0) * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
        sound = augment(rng, loud, 11_025)
        assert sound.shape == loud.shape
        assert np.isfinite(sound).all()
        level_db = 10 * np.log10(np.mean(sound**2))
        assert LEVEL_DB[0] - 0.1 <= level_db <= LEVEL_DB[1] + 0.1


def test_silence_stays_finite() -> None:
    for seed in range(10):
        assert np.isfinite(augment(np.random.default_rng(seed), np.zeros(44_100, np.float32), 11_025)).all()


def test_cut_pads_short_pieces() -> None:
    assert cut(np.random.default_rng(0), np.ones(500, np.float32), 44_100).shape == (44_100,)


def test_excerpt_is_as_documented(tmp_path: Path, tim: Path) -> None:
    try:
        find_font(FLUID_R3)
    except TrainingError:
        pytest.skip(f"{FLUID_R3.file_name} is not installed (package {FLUID_R3.package})")
    file = tmp_path / "excerpt.ogg"
    write_excerpt(file)
    bundled = Path(__file__).parents[2] / "resources" / "excerpt.ogg"
    for one in (file, bundled):
        samples, rate = soundfile.read(one)
        assert samples.shape == (24 * 44_100, 2)
        assert rate == 44_100
        assert -1.5 < 20 * np.log10(np.abs(samples).max()) < -0.5
        assert np.abs(samples[-441:]).max() < 0.001
        assert one.stat().st_size < 500_000
