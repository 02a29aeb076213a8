"""Activations of the twins that deconvolution is compared with: their backward pass rectifies the signal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class _Rectifier(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, activated: Tensor) -> Tensor:
        return activated.clone()

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None]:
        return signals[0].clamp(min=0.0), None


def rectified(values: Tensor, activation: Callable[[Tensor], Tensor] = torch.relu) -> Tensor:
    """Apply an activation whose backward pass is a ReLU of the signal (Zeiler & Fergus 2014, sec. 2.1)."""
    return _Rectifier.apply(values, activation(values.detach()))
