"""Recurrent layers: torch's gated recurrent unit, and that of Keras 1."""

from __future__ import annotations

import torch
from torch import nn


class TorchGRU(nn.GRU):
    """torch's gated recurrent unit, which returns the states of all steps and nothing else."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units, batch_first=True)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Compute the states, (batch, steps, units), of (batch, steps, inputs)."""
        states: torch.Tensor = super().forward(sequence)[0]
        return states


class KerasGRU(nn.Module):
    """Gated recurrent unit of Keras 1 (Cho et al. 2014, eq. 5 to 8, with a hard sigmoid).

    With s(x) = clip(0.2 x + 0.5, 0, 1), for each step of the sequence x::

        z = s(Wz x + Uz h + bz)
        r = s(Wr x + Ur h + br)
        c = tanh(Wc x + Uc (r * h) + bc)
        h = z * h + (1 - z) * c

    torch's `GRU` applies the reset r after the product with Uc, not before it, which is another function.

    Parameters
    ----------
    inputs, units : int
    sequences : bool
        Whether to return the states of all steps, (batch, steps, units), or the last state, (batch, units).

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
        # Initially z = 0.8: a third of a state and of its gradient is left after five steps (Gers et al. 2000).
        nn.init.constant_(self.bias.data[:units], 1.5)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """Compute the states of (batch, steps, inputs)."""
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
