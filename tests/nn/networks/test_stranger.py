"""Deconvolve and auralise the network of another author's plugin with the calls of the README."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

import auralscope as asc
from auralscope import registry
from auralscope.types import Clip

PLUGIN = """
from pathlib import Path

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.hookspecs import hookimpl
from auralscope.nn.model import Layer, ModelSpec, Weights

def build():
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Stranger(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(1, 6, 5, padding=2)
            self.again = nn.Conv2d(6, 6, 3, padding=1, groups=2)
            self.squeeze, self.excite = nn.Linear(6, 3), nn.Linear(3, 6)
            self.block = nn.Identity()
            self.head = nn.Linear(6, 3)

        def forward(self, image):
            x = F.max_pool2d(F.relu(self.stem(image)), (2, 3))
            y = self.again(x)
            y = y * torch.sigmoid(self.excite(F.relu(self.squeeze(y.mean((2, 3))))))[..., None, None]
            x = self.block(F.relu(x + y))
            return self.head(F.adaptive_max_pool2d(x, 1).flatten(1))

    return Stranger()

@hookimpl
def auralscope_models():
    return [ModelSpec(
        id="stranger", title="Stranger", labels=("a", "b", "c"),
        layers=(Layer("sum", "block", 6), Layer("output", "head", 3)),
        front_end=SpectrogramFrontEnd(8000, 256, 128, 16000), build=build,
        weights=Weights(Path(__file__).with_suffix(".safetensors"), "CC0-1.0"), output="softmax", summary="For tests.",
    )]
"""

SHAPES = {
    "stem": (6, 1, 5, 5),
    "again": (6, 3, 3, 3),
    "squeeze": (3, 6),
    "excite": (6, 3),
    "head": (3, 6),
}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Install the plugin in the user's folder; return it with its training data."""
    random = torch.Generator().manual_seed(9)
    values = {}
    for name, shape in SHAPES.items():
        values[f"{name}.weight"] = 0.3 * torch.randn(shape, generator=random)
        values[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=random)
    save_file(values, tmp_path / "stranger.safetensors")
    (tmp_path / "stranger.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.setenv("AURALSCOPE_PLUGINS", str(tmp_path))
    monkeypatch.setattr(registry, "_default", None)
    return values


def test_a_unit_is_auralised_with_the_two_calls_of_the_readme(weights: dict[str, torch.Tensor]) -> None:
    t = np.arange(24_000) / 8000
    # With noise: in silence all cells of a pooling's window are the same, and rounding alone says which is the largest.
    noise = 0.02 * np.random.default_rng(1).standard_normal(t.size)
    clip = Clip(0.2 * np.sin(2 * np.pi * 440 * t) * (t % 0.5 < 0.2) + noise, 8000)
    run = asc.load_model("stranger", device="cpu").analyse(clip)
    sound = run.auralise("sum", unit=4)
    assert (sound.n_samples, sound.sample_rate) == (16_000, 8000)
    assert sound.peak > 1e-3
    # By hand, in double precision.
    w = {name: value.double() for name, value in weights.items()}
    image = torch.from_numpy(run.input)[None, None].double()
    rectified = functional.conv2d(image, w["stem.weight"], w["stem.bias"], padding=2).relu()
    x, switches = functional.max_pool2d(rectified, (2, 3), return_indices=True)
    y = functional.conv2d(x, w["again.weight"], w["again.bias"], padding=1, groups=2)
    hidden = functional.linear(y.mean((2, 3)), w["squeeze.weight"], w["squeeze.bias"]).relu()
    gate = torch.sigmoid(functional.linear(hidden, w["excite.weight"], w["excite.bias"]))[..., None, None]
    maps = (x + y * gate).relu()
    np.testing.assert_allclose(run.feature_maps("sum"), maps[0].numpy(), atol=1e-5)
    down = torch.zeros_like(maps)
    down[0, 4] = maps[0, 4]
    down = down + functional.conv_transpose2d(down * gate, w["again.weight"], padding=1, groups=2)
    spread = functional.max_unpool2d(down, switches, (2, 3), output_size=rectified.shape[2:]).relu()
    expected = functional.conv_transpose2d(spread, w["stem.weight"], padding=2)[0, 0]
    found = run.deconvolve("sum", units=[4])[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5 * float(expected.abs().max()))
    assert all(run.auralise("output", unit=label).peak > 0.0 for label in range(3))
