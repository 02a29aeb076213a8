"""The CRNN: its recurrent unit and the whole network against slow programs in double precision, and as published."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crnn.network import GRU, Crnn, FrameNorm


def slow_gru(sequence, weights, biases) -> np.ndarray:
    """Keras 1's gated recurrent unit, number by number: (steps, inputs) to (steps, units)."""
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
    gru = GRU(5, 4, sequences).double()
    for parameter in gru.parameters():  # large enough for the hard sigmoid to be cut at both ends
        torch.nn.init.normal_(parameter, std=2.0)
    batch = torch.randn(3, 7, 5, dtype=torch.float64)
    weights = [w.detach().numpy().reshape(3, 4, -1) for w in (gru.input_weight, gru.recurrent_weight)]
    biases = gru.bias.detach().numpy().reshape(3, 4)
    expected = np.stack([slow_gru(sequence.numpy(), weights, biases) for sequence in batch])
    given = gru(batch).detach().numpy()
    np.testing.assert_allclose(given, expected if sequences else expected[:, -1], atol=1e-12)


def test_it_differs_from_torchs_own() -> None:
    """Were it the same function, there would be no need of it."""
    torch.manual_seed(1)
    ours, theirs = GRU(3, 4, sequences=True), torch.nn.GRU(3, 4, batch_first=True)
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


def test_it_has_as_many_parameters_as_published() -> None:
    # README of keunwoochoi/music-auto_tagging-keras; running statistics do not count.
    assert sum(parameter.numel() for parameter in Crnn().parameters()) == 396_786
