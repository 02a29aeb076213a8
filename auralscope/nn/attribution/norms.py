"""Compute the factor of a normalisation from its input and its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from auralscope.nn.tape.steps import Step


def norm_scale(step: Step) -> Tensor:
    """Return the factor between the input and the output of a normalisation, offsets left out: shaped as the input."""
    names = {
        "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
        "rms_norm": ("input", "normalized_shape", "weight", "eps"),
        "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
        "instance_norm": ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "m", "eps"),
        "normalize": ("input", "p", "dim", "eps"),
        "local_response_norm": ("input",),
    }[step.name]
    given = step.arguments(names)
    source: Tensor = given["input"]
    scale: Tensor
    if step.name == "local_response_norm":
        return torch.where(source == 0.0, 1.0, step.output / source)
    weight, eps = given.get("weight"), given.get("eps", 1e-12 if step.name == "normalize" else 1e-5)
    if step.name == "normalize":
        scale = source.norm(given.get("p", 2.0), given.get("dim", 1), keepdim=True).clamp(min=eps).reciprocal()
        return scale.expand(source.shape)
    if step.name in ("layer_norm", "rms_norm"):
        axes = tuple(range(-len(given["normalized_shape"]), 0))
        if step.name == "layer_norm":
            power = source.var(axes, correction=0, keepdim=True)
        else:
            eps = torch.finfo(source.dtype).eps if given.get("eps") is None else eps
            power = source.square().mean(axes, keepdim=True)
        scale = (power + eps).rsqrt()
        scale = scale if weight is None else scale * weight
        return scale.expand(source.shape)
    channels = source.shape[1]
    if given.get("use_input_stats") is False:
        scale = (given["running_var"] + eps).rsqrt().view(1, -1, *(1,) * (source.ndim - 2))
    else:
        groups = source.reshape(len(source), given.get("num_groups", channels), -1)
        scale = (groups.var(2, correction=0, keepdim=True) + eps).rsqrt().expand(groups.shape).reshape(source.shape)
    if weight is not None:
        scale = scale * weight.view(1, -1, *(1,) * (source.ndim - 2))
    return scale.expand(source.shape)
