"""The CRNN of Choi, Fazekas, Sandler & Cho 2017 (ICASSP): convolutions, then two recurrent layers over time."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

POOLS = ((2, 2), (3, 3), (4, 4), (4, 4))
BINS = 96


class FrameNorm(nn.BatchNorm2d):
    """A batch norm over the time axis: every frame has statistics, a scale and a shift of its own."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, channels, bins, frames) to the same."""
        return super().forward(image.transpose(1, 3)).transpose(1, 3)


class GRU(nn.Module):
    """The gated recurrent unit as Keras 1 has it (Cho et al. 2014, eq. 5 to 8, with a hard sigmoid).

    With s(x) = clip(0.2 x + 0.5, 0, 1), for each step of the sequence x::

        z = s(Wz x + Uz h + bz)
        r = s(Wr x + Ur h + br)
        c = tanh(Wc x + Uc (r * h) + bc)
        h = z * h + (1 - z) * c

    torch's own `GRU` resets what the recurrent product gave, and not what it is given: another function.

    Parameters
    ----------
    inputs, units : int
    sequences : bool
        Whether the state of every step is given, (batch, steps, units), or the last alone, (batch, units).

    Attributes
    ----------
    input_weight : (3 units, inputs) parameter
        Wz, Wr, Wc.
    recurrent_weight : (3 units, units) parameter
        Uz, Ur, Uc.
    bias : (3 units,) parameter
    """

    def __init__(self, inputs: int, units: int, sequences: bool) -> None:
        super().__init__()
        self.units = units
        self.sequences = sequences
        self.input_weight = nn.Parameter(torch.empty(3 * units, inputs))
        self.recurrent_weight = nn.Parameter(torch.empty(3 * units, units))
        self.bias = nn.Parameter(torch.zeros(3 * units))
        for gate in range(3):
            rows = slice(gate * units, (gate + 1) * units)
            nn.init.xavier_uniform_(self.input_weight.data[rows])
            nn.init.orthogonal_(self.recurrent_weight.data[rows])
        # At first z = 0.8: a third of a state is left after five steps, and so of its gradient (Gers et al. 2000).
        nn.init.constant_(self.bias.data[:units], 1.5)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """(batch, steps, inputs) to (batch, steps, units) or (batch, units)."""
        n = self.units
        from_input = nn.functional.linear(sequence, self.input_weight, self.bias)
        to_gates, to_candidate = self.recurrent_weight[: 2 * n], self.recurrent_weight[2 * n :]
        state = sequence.new_zeros(sequence.shape[0], n)
        states = []
        for step in range(sequence.shape[1]):
            given = from_input[:, step]
            gates = (0.2 * (given[:, : 2 * n] + nn.functional.linear(state, to_gates)) + 0.5).clamp(0.0, 1.0)
            update, reset = gates[:, :n], gates[:, n:]
            candidate = torch.tanh(given[:, 2 * n :] + nn.functional.linear(reset * state, to_candidate))
            state = update * state + (1.0 - update) * candidate
            states.append(state)
        return torch.stack(states, dim=1) if self.sequences else state


class Crnn(nn.Module):
    """(batch, 1, 96, frames) to (batch, labels), before the sigmoid.

    Zeros before and behind the image up to a multiple of what the poolings divide time by (1440 frames); four blocks of
    3x3 convolution, batch norm, ELU and max pooling, which leave 15 steps of one bin; two GRUs, of which the second
    gives its last state; a dense layer.

    Parameters
    ----------
    n_labels : int
    channels : sequence of int
        Maps of the four blocks; the published network's unless given.
    gru : int
        Units of each recurrent layer.
    frames : int
        Of the image.
    pools : sequence of (int, int)
        Of each block, in bands and frames; the published network's unless given.
    frame_norm : bool
        Whether a batch norm over the time axis comes first, as in the published network.
    dropout : (float, float)
        After each block, and before the dense layer; the published network's unless given.
    """

    def __init__(
        self,
        n_labels: int = 50,
        channels: Sequence[int] = (64, 128, 128, 128),
        gru: int = 32,
        frames: int = 1366,
        pools: Sequence[tuple[int, int]] = POOLS,
        frame_norm: bool = True,
        dropout: tuple[float, float] = (0.1, 0.3),
    ) -> None:
        super().__init__()
        self.blocks = len(pools)
        step_frames = math.prod(pool[1] for pool in pools)
        zeros = -frames % step_frames
        self.pad = nn.ZeroPad2d((zeros // 2, zeros - zeros // 2, 0, 0))
        self.norm = FrameNorm(frames + zeros, eps=1e-3) if frame_norm else nn.Identity()
        given, bins = 1, BINS
        for number, (maps, pool) in enumerate(zip(channels, pools, strict=True), start=1):
            block = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(given, maps, 3, padding=1),
                    norm=nn.BatchNorm2d(maps, eps=1e-3),
                    elu=nn.ELU(),
                    pool=nn.MaxPool2d(pool),
                    dropout=nn.Dropout(dropout[0]),
                )
            )
            self.add_module(f"block{number}", block)
            given, bins = maps, bins // pool[0]
        self.gru1 = GRU(given * bins, gru, sequences=True)
        self.gru2 = GRU(gru, gru, sequences=False)
        self.dropout = nn.Dropout(dropout[1])
        self.output = nn.Linear(gru, n_labels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        image = self.norm(self.pad(image))
        for number in range(1, self.blocks + 1):
            image = self.get_submodule(f"block{number}")(image)
        sequence = image.flatten(1, 2).transpose(1, 2)  # (batch, steps, channels * bins)
        logits: torch.Tensor = self.output(self.dropout(self.gru2(self.gru1(sequence))))
        return logits
