"""Plugin in the user's folder with a small network: fifty tags from windows of 29 seconds."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

LABELS = (*(f"tag {number:02d}" for number in range(48)), "female vocalists, loud", "<b>quiet & slow</b>")

_PLUGIN = f"""
from pathlib import Path

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Weights

def build():
    from torch import nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(4), nn.AdaptiveAvgPool2d((6, 1)), nn.Flatten(), nn.Linear(24, 50)
    )

@hookimpl
def auralscope_models():
    return [ModelSpec(
        id="fifty", title="Fifty tags", labels={LABELS!r},
        layers=(Layer("conv1", "2", 4), Layer("output", "5", 50)),
        front_end=SpectrogramFrontEnd(8000, 512, 256, 29 * 8000, n_mels=48, compression="db"), build=build,
        weights=Weights(Path(__file__).with_suffix(".safetensors"), "CC0-1.0"), output="sigmoid", summary="Of no use.",
    )]
"""


def write(folder):
    """Write the plugin and its weights into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    random = torch.Generator().manual_seed(3)
    shapes = {"0.weight": (4, 1, 3, 3), "0.bias": (4,), "5.weight": (50, 24), "5.bias": (50,)}
    weights = {name: 0.12 * torch.randn(shape, generator=random) for name, shape in shapes.items()}
    weights["5.bias"] -= 1.5
    save_file(weights, folder / "fifty.safetensors")
    (folder / "fifty.py").write_text(_PLUGIN, encoding="utf-8")
