"""Compare the compact-convnet with published answers, and with a slow implementation."""

from __future__ import annotations

import hashlib
import json
from itertools import combinations

import h5py
import numpy as np
import published
import pytest
import torch
import twins
from compact_convnet import convert
from compact_convnet.plugin import NETWORK

import auralscope as asc
from auralscope.errors import WeightsError
from auralscope.nn.architectures.tags import MSD_TAGS
from auralscope.registry import Registry


@pytest.fixture(scope="module")
def msd(shared):
    return published.load(shared, "compact-convnet-msd")


@pytest.fixture(scope="module")
def thesis(shared):
    return published.load(shared, "compact-convnet-thesis")


@pytest.mark.parametrize("model_id", published.FILES)
def test_the_published_file_is_the_one_that_is_named(shared, model_id) -> None:
    weights = Registry().find(model_id).weights.published
    content = published.file_of(shared, model_id).read_bytes()
    assert hashlib.sha256(content).hexdigest() == weights.sha256
    assert len(content) == weights.size_bytes
    assert weights.url.startswith("https://")


def test_it_has_as_many_parameters_as_published() -> None:
    # 'Trainable params', as Keras prints them in the notebook beside the weights.
    assert sum(parameter.numel() for parameter in NETWORK.build(50).parameters()) == 39_282


def test_tags_are_those_of_the_published_network(shared, msd) -> None:
    """The tags are computed from the audio file itself."""
    golden = json.loads((shared / "reference" / "golden" / "compact_convnet_tags.json").read_text())
    assert len(golden) == 5
    for name, tags in golden.items():
        scores = msd.predict(asc.load_clip(shared / "reference" / name, duration_s=29.0))
        given = dict(scores.ranked())
        assert {tag: given[tag] for tag in tags} == pytest.approx(tags, abs=0.001), name
        assert [tag for tag, _ in scores.ranked()[:5]] == list(tags)


def test_nine_recordings_equal_the_slow_implementation(shared, msd) -> None:
    recordings = sorted((shared / "audio").glob("*.ogg"))
    assert len(recordings) == 9
    for recording in recordings:
        clip = asc.load_clip(recording, duration_s=29.0)
        samples = np.resize(msd.front_end.mono(clip), 348_000)
        slow = twins.compact_convnet_msd(published.file_of(shared, "compact-convnet-msd"), samples)
        np.testing.assert_allclose(msd.predict(clip).mean, slow, atol=1e-4, err_msg=recording.name)


def test_the_stored_front_end_equals_the_computed_one(shared) -> None:
    """Neither the Fourier kernels nor the mel bands are taken from the file."""
    from librosa.filters import mel

    t, k = np.arange(512), np.arange(257)
    window, angles = 0.5 - 0.5 * np.cos(2 * np.pi * t / 512), 2 * np.pi * np.outer(t, k) / 512
    bank = mel(sr=12_000, n_fft=512, n_mels=96, dtype=np.float64).T
    with h5py.File(published.file_of(shared, "compact-convnet-msd")) as file:
        front = file["model_weights/melgram/melgram"]
        kernels = [front[f"{part}_kernels:0"][()][:, 0, 0] for part in ("real", "imag")]
        np.testing.assert_allclose(front["Variable:0"][()], bank, atol=5e-8)
    np.testing.assert_allclose(kernels[0], window[:, None] * np.cos(angles), atol=1e-7)
    np.testing.assert_allclose(kernels[1], window[:, None] * np.sin(angles), atol=1e-7)


def test_label_vectors_of_the_thesis_are_most_alike_in_the_thesis_order(shared, thesis) -> None:
    """Choi 2018, table 7-C: twenty pairs, and cosines of 0.88, 0.86 and 0.82 for three of them."""
    matrix = thesis.network.output.weight.numpy().T.astype(np.float64)  # (32, 50)
    unit = matrix / np.linalg.norm(matrix, axis=0)
    cosine = {pair: float(unit[:, pair[0]] @ unit[:, pair[1]]) for pair in combinations(range(50), 2)}
    ranked = sorted(cosine, key=lambda pair: -cosine[pair])[:20]
    table = json.loads((shared / "reference" / "golden" / "table_7c_label_vector_pairs.json").read_text())
    assert [{thesis.labels[i] for i in pair} for pair in ranked] == [set(pair) for pair in table]


def test_the_thesis_network_tells_clips_apart(shared, thesis, msd) -> None:
    """Fixed statistics give tags that are close to those of the other published network."""
    ranks = []
    given = []
    for name in ("folk_vocals", "speech", "solo_trumpet", "drum_and_bass"):
        clip = asc.load_clip(shared / "audio" / f"{name}.ogg", duration_s=29.0)
        given.append(thesis.predict(clip).mean)
        ranks.append(np.corrcoef(given[-1].argsort().argsort(), msd.predict(clip).mean.argsort().argsort())[0, 1])
    assert np.mean(ranks) > 0.5
    for one, other in combinations(given, 2):
        assert np.abs(one - other).max() > 0.1


def test_a_clip_is_the_same_in_any_batch(shared, thesis) -> None:
    """The statistics are frozen: 'mode 2' would make a clip's tags depend on its neighbours."""
    images = torch.stack(
        [
            thesis.front_end.analyse(thesis.tensor(thesis.front_end.window(thesis.front_end.mono(clip)))).image
            for clip in (asc.load_clip(path, duration_s=29.0) for path in sorted((shared / "audio").glob("s*.ogg")))
        ]
    )
    with torch.no_grad():
        together = thesis.network(images[:, None])
        alone = torch.cat([thesis.network(image[None, None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_another_file_is_reported(tmp_path) -> None:
    file = tmp_path / "weights.hdf5"
    file.write_bytes(b"not HDF5")
    for read in (convert.model_best, convert.thesis):
        with pytest.raises(WeightsError, match=r"weights\.hdf5 is no HDF5 file"):
            read(file)
    with h5py.File(file, "w") as other:
        other["something"] = 1.0
    for read in (convert.model_best, convert.thesis):
        with pytest.raises(WeightsError, match=r"weights\.hdf5 does not hold a compact-convnet"):
            read(file)


def test_there_are_fifty_tags() -> None:
    assert len(MSD_TAGS) == len(set(MSD_TAGS)) == 50


def test_the_tags_are_in_the_published_order(shared) -> None:
    assert json.loads((shared / "reference" / "golden" / "msd_tags.json").read_text()) == list(MSD_TAGS)
