"""Compare the CRNN and its recurrent unit with slow implementations in double precision, and with published answers."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import numpy as np
import published
import pytest
import torch
import twins
from crnn.convert import theano
from crnn.plugin import MSD_NETWORK, OWN_NETWORK

import auralscope as asc
from auralscope.errors import WeightsError
from auralscope.nn.architectures import Block
from auralscope.nn.architectures.networks import FrameNorm
from auralscope.nn.architectures.recurrent import KerasGRU
from auralscope.nn.architectures.tags import MSD_TAGS
from auralscope.nn.attribution.backward import Deconvolution, gradient_at, last_map


def slow_gru(sequence, weights, biases) -> np.ndarray:
    """Compute the gated recurrent unit of Keras 1 in loops: (steps, inputs) to (steps, units)."""
    (wz, wr, wc), (uz, ur, uc) = weights
    bz, br, bc = biases
    n = len(bz)
    states = [np.zeros(n)]
    for x in sequence:
        before, after = states[-1], np.zeros(n)
        z, r = (
            [min(max(0.2 * (sum(w[k] * x) + sum(u[k] * before) + b[k]) + 0.5, 0.0), 1.0) for k in range(n)]
            for w, u, b in ((wz, uz, bz), (wr, ur, br))
        )
        for k in range(n):
            candidate = np.tanh(sum(wc[k] * x) + sum(uc[k] * np.array(r) * before) + bc[k])
            after[k] = z[k] * before[k] + (1.0 - z[k]) * candidate
        states.append(after)
    return np.array(states[1:])


@pytest.mark.parametrize("sequences", [True, False])
def test_the_gru_is_keras_ones(sequences) -> None:
    torch.manual_seed(0)
    gru = KerasGRU(5, 4, sequences).double()
    for parameter in gru.parameters():  # large enough for the hard sigmoid to be cut at both ends
        torch.nn.init.normal_(parameter, std=2.0)
    batch = torch.randn(3, 7, 5, dtype=torch.float64)
    weights = [w.detach().numpy().reshape(3, 4, -1) for w in (gru.input_weight, gru.recurrent_weight)]
    biases = gru.bias.detach().numpy().reshape(3, 4)
    expected = np.stack([slow_gru(sequence.numpy(), weights, biases) for sequence in batch])
    given = gru(batch).detach().numpy()
    np.testing.assert_allclose(given, expected if sequences else expected[:, -1], atol=1e-12)


def test_it_differs_from_torchs_own() -> None:
    """The recurrent unit of Keras differs from torch's."""
    torch.manual_seed(1)
    ours, theirs = KerasGRU(3, 4, sequences=True), torch.nn.GRU(3, 4, batch_first=True)
    order = torch.tensor([*range(4, 8), *range(4), *range(8, 12)])  # torch has r, z, n
    with torch.no_grad():
        ours.input_weight.copy_(theirs.weight_ih_l0[order])
        ours.recurrent_weight.copy_(theirs.weight_hh_l0[order])
        ours.bias.copy_((theirs.bias_ih_l0 + theirs.bias_hh_l0)[order])
    sequence = torch.randn(1, 6, 3)
    assert float((ours(sequence) - theirs(sequence)[0]).abs().max().detach()) > 1e-3


def test_the_norm_over_time_has_statistics_of_every_frame() -> None:
    norm = FrameNorm(6, eps=1e-3).eval()
    norm.running_mean, norm.running_var = torch.arange(6.0), torch.arange(1.0, 7.0)
    image = torch.randn(2, 1, 4, 6)
    expected = (image - torch.arange(6.0)) / (torch.arange(1.0, 7.0) + 1e-3).sqrt()
    torch.testing.assert_close(norm(image).detach(), expected)


def narrow(maps, gru):
    """Build the published network with other widths."""
    pools = [block.pool for block in MSD_NETWORK.network.blocks]
    blocks = tuple(Block(n, pool) for n, pool in zip(maps, pools, strict=True))
    return replace(MSD_NETWORK, network=replace(MSD_NETWORK.network, blocks=blocks, gru=(gru, gru)))


def test_it_has_as_many_parameters_as_published() -> None:
    # README of keunwoochoi/music-auto_tagging-keras; running statistics do not count.
    assert sum(parameter.numel() for parameter in MSD_NETWORK.build(50).parameters()) == 396_786


def test_deconvolution_passes_the_norm_over_time_as_a_scale_a_frame() -> None:
    """The zeros around the image are removed, too."""
    torch.manual_seed(2)
    network = narrow((4, 4, 4, 4), gru=3).build(5).double().eval()
    torch.nn.init.uniform_(network.norm.weight, 0.5, 2.0)
    torch.nn.init.normal_(network.norm.running_mean)
    torch.nn.init.uniform_(network.norm.running_var, 0.5, 2.0)
    image = torch.randn(1, 1, 96, 1366, dtype=torch.float64)
    blocks = torch.nn.Sequential(network.block1, network.block2)
    normalised = network.norm(network.pad(image)).detach()
    scale = (network.norm.weight / (network.norm.running_var + 1e-3).sqrt()).detach()
    below = asc.deconvolve(blocks, normalised, "1.pool")
    expected = (below * scale)[:, :, 37 : 37 + 1366]
    torch.testing.assert_close(asc.deconvolve(network, image, "block2.pool"), expected)


def test_the_smaller_one_of_the_thesis_has_its_nominal_size() -> None:
    # Choi 2018, table 4-A: 0.1 million, within 2 %.
    network = narrow((30, 60, 60, 60), gru=30).build(50)
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(100_000, rel=0.02)
    with torch.no_grad():
        assert network.eval()(torch.zeros(2, 1, 96, 1366)).shape == (2, 50)
        assert OWN_NETWORK.build(7, (96, 1360)).eval()(torch.zeros(1, 1, 96, 1360)).shape == (1, 7)


# -- with the published weights --------------------------------------------------------------------------------------

# What its authors print for each of their four images: README of keunwoochoi/music-auto_tagging-keras, 'theano,
# MusicTaggerCRNN'. Two of them are in ../shared/reference/golden, too; these are the other two.
PRINTED = {
    "bensound-actionable.npy": {
        "jazz": 0.416, "instrumental": 0.181, "Hip-Hop": 0.085, "folk": 0.085, "rock": 0.081,
        "ambient": 0.068, "guitar": 0.062, "Progressive rock": 0.048, "experimental": 0.046, "acoustic": 0.046,
    },
    "bensound-thejazzpiano.npy": {
        "jazz": 0.299, "instrumental": 0.174, "electronic": 0.089, "ambient": 0.061, "chillout": 0.052,
        "rock": 0.044, "guitar": 0.044, "funk": 0.033, "chill": 0.032, "Progressive rock": 0.029,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def msd(shared):
    return published.load(shared, "crnn-msd")


def test_four_published_images_give_the_published_probabilities(shared, msd) -> None:
    golden = json.loads((shared / "reference" / "golden" / "crnn_tags.json").read_text()) | PRINTED
    assert len(golden) == 4
    for name, tags in golden.items():
        image = np.load(shared / "reference" / "crnn" / name)[0, 0]
        given = dict(zip(msd.labels, msd.predict_input(image).tolist(), strict=True))
        assert {tag: given[tag] for tag in tags} == pytest.approx(tags, abs=0.0006), name


def test_images_and_recordings_equal_the_slow_implementation(shared, msd) -> None:
    file = published.file_of(shared, "crnn-msd")
    for name in ("cute", "dubstep", "actionable", "thejazzpiano"):
        image = np.load(shared / "reference" / "crnn" / f"bensound-{name}.npy")[0, 0]
        np.testing.assert_allclose(msd.predict_input(image), twins.crnn_msd(file, image), atol=2e-4)
    for name in ("folk_vocals", "waltz", "solo_trumpet"):
        clip = asc.load_clip(shared / "audio" / f"{name}.ogg", duration_s=29.12)
        window = msd.front_end.window(msd.front_end.mono(clip))
        slow = twins.crnn_msd(file, twins.crnn_image(window))
        np.testing.assert_allclose(msd.predict(clip).mean, slow, atol=1e-3, err_msg=name)


def test_an_image_with_leading_axes_of_one_is_that_image(shared, msd) -> None:
    """The authors publish images of (1, 1, 96, 1366)."""
    stored = np.load(shared / "reference" / "crnn" / "bensound-cute.npy")
    np.testing.assert_array_equal(msd.predict_input(stored), msd.predict_input(stored[0, 0]))
    with pytest.raises(ValueError, match=r"\(bins, frames\) \(96, 1366\), not \(96, 1000\)"):
        msd.predict_input(stored[..., :1000])


def test_another_file_is_reported(tmp_path) -> None:
    file = tmp_path / "weights.h5"
    file.write_bytes(b"not HDF5")
    with pytest.raises(WeightsError, match=r"weights\.h5 is no HDF5 file"):
        theano(file)
    with h5py.File(file, "w") as other:
        other["something"] = 1.0
    with pytest.raises(WeightsError, match=r"weights\.h5 does not hold the CRNN"):
        theano(file)


def test_the_tags_are_in_the_published_order(shared) -> None:
    assert json.loads((shared / "reference" / "golden" / "msd_tags.json").read_text()) == list(MSD_TAGS)


def test_saturated_recurrent_units_have_features(shared, msd) -> None:
    """Integrated gradients of the units differ, and their sum is the output of the unit."""
    run = msd.analyse(asc.load_clip(shared / "reference" / "crnn" / "bensound-cute.mp3"))
    for layer in ("gru1", "gru2", "output"):
        units = run.most_active(layer, top=4)
        module = msd.layer(layer).module
        top = run.tape.layer(module)
        maps = last_map(run.tape, top)
        assert not gradient_at(run.tape, maps, top, units).any()
        _, signal = Deconvolution().start(run.tape, top, units)
        with torch.no_grad():
            empty = run.tape.replay(maps, torch.zeros_like(maps), top)
        answers = (top - empty).reshape(-1, top.shape[-1]).sum(dim=0)[units]
        torch.testing.assert_close(signal.values.flatten(1).sum(dim=1), answers, rtol=0.15, atol=0.15)
        images = run.deconvolve(layer, units=units).reshape(4, -1)
        assert (np.corrcoef(images)[np.triu_indices(4, 1)] < 0.9999).all()
    assert run.feature_maps("gru1").shape == (32, 15)
    assert run.feature_maps("gru2").shape == (32,)
