"""Tests of many recordings in a model: windows, a map that keeps neighbours, labels correlated with units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import stats

import auralscope as asc
from auralscope.errors import AudioFileError, AuralScopeError
from auralscope.nn.analysis.recordings import (
    RecordingResponses,
    label_affinity,
    recording_responses,
    recordings_map,
    window_responses,
)

RATE = 11_025


@pytest.fixture(scope="module")
def model():
    return asc.load_model("genre-convnet", device="cpu")


def write(path: Path, seed: int, duration_s: float = 4.0) -> Path:
    random = np.random.default_rng(seed)
    soundfile.write(path, 0.1 * random.standard_normal(round(duration_s * RATE)), RATE)
    return path


def test_responses_equal_those_of_each_window(model, tmp_path: Path) -> None:
    clip = asc.load_clip(write(tmp_path / "a.wav", 0, 25.0))
    activity, scores = window_responses(model, clip, "conv1")
    starts_s = model.window_starts_s(clip)
    assert activity.shape == (len(starts_s), 64)
    np.testing.assert_allclose(scores, model.predict(clip).values, atol=1e-5)
    for number in (0, len(starts_s) - 1):
        maps = model.analyse(clip, start_s=float(starts_s[number])).feature_maps("conv1")
        np.testing.assert_allclose(activity[number], maps.mean(axis=(1, 2)), rtol=2e-3, atol=1e-3)


def test_folders_are_searched_and_unreadable_files_are_named(model, tmp_path: Path) -> None:
    (tmp_path / "songs" / "more").mkdir(parents=True)
    write(tmp_path / "songs" / "b.wav", 1)
    write(tmp_path / "songs" / "more" / "c.wav", 2)
    (tmp_path / "songs" / "notes.txt").write_text("no sound")
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    unreadable: list[str] = []
    done: list[float] = []
    found = list(recording_responses(model, [tmp_path / "songs", broken], "dense", done.append, unreadable))
    assert [one.file.name for one in found] == ["b.wav", "c.wav"]
    assert len(unreadable) == 1
    assert "broken.wav" in unreadable[0]
    assert done[-1] == 1.0
    with pytest.raises(AudioFileError):
        list(recording_responses(model, [broken], "dense"))


def groups(n: int, of: int) -> list[RecordingResponses]:
    """Make `n` recordings in `of` groups; those of a group are similar."""
    random = np.random.default_rng(0)
    centres = 10 * random.standard_normal((of, 16))
    return [
        RecordingResponses(
            Path(f"{number % of}-{number}.wav"),
            centres[number % of] + random.standard_normal((3, 16)),
            np.tile(np.eye(3)[number % of % 3], (3, 1)) * 0.8 + 0.1,
        )
        for number in range(n)
    ]


def test_a_map_keeps_neighbours(model) -> None:
    heard = groups(36, 3)
    points = recordings_map(model, heard)
    assert [point.file for point in points] == [one.file for one in heard]
    places = np.array([(point.x, point.y) for point in points])
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(36)
    assert all(nearest % 3 == number % 3 for number, nearest in enumerate(distance.argmin(axis=1).tolist()))
    assert [point.label for point in points[:3]] == list(model.labels)
    assert points[0].probability == pytest.approx(0.9)
    assert recordings_map(model, heard) == points


@pytest.mark.parametrize("n", [3, 4, 7])
def test_few_recordings_have_distinct_places_on_the_map(model, n: int) -> None:
    points = recordings_map(model, groups(n, n))
    assert np.isfinite([(point.x, point.y) for point in points]).all()
    assert len({(point.x, point.y) for point in points}) == n


def test_equal_recordings_share_a_place_and_fewer_than_three_are_refused(model) -> None:
    same = groups(1, 1) * 5
    assert {(point.x, point.y) for point in recordings_map(model, same)} == {(0.0, 0.0)}
    with pytest.raises(AuralScopeError, match="three recordings at least, not 2"):
        recordings_map(model, groups(2, 2))


def test_features_are_those_below_the_output(model) -> None:
    assert model.feature_layer == "dense"


def test_affinity_is_spearmans_over_all_windows() -> None:
    random = np.random.default_rng(0)
    heard = [RecordingResponses(Path("a"), random.random((5, 4)), random.random((5, 3))) for _ in range(6)]
    for one in heard:
        one.activity[:, 3] = 1.0  # a unit that never changes
    found = label_affinity(heard)
    units, labels = (np.concatenate([getattr(one, name) for one in heard]) for name in ("activity", "scores"))
    for unit in range(3):
        for label in range(3):
            expected = stats.spearmanr(units[:, unit], labels[:, label]).statistic
            assert found[unit, label] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found[3]).all()
    with pytest.raises(AuralScopeError, match="three windows of sound at least"):
        label_affinity(heard[:0])
