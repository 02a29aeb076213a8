"""Load published networks that are installed, and compare them with the programs that published them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import auralscope as asc
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.types import Clip

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class VoiceActivity(nn.Module):
    """The detector of voice of silero-vad at 16 kHz, as logits of one window."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return torch.logit(self.network(image[:, 0, 0], 16_000), eps=1e-6)


def test_silero_vad_from_its_scripted_file() -> None:
    package = find_spec("silero_vad")
    if package is None or package.origin is None:
        pytest.skip("silero-vad is not installed")
    file = Path(package.origin).with_name("data") / "silero_vad.jit"
    network = VoiceActivity(asc.load_network(file))
    model = asc.model_of(network, WaveformFrontEnd(16_000, 512), labels=("voice",), device="cpu")
    assert model.layer("network._model.encoder.0.activation").units == 128
    t = np.arange(16_000) / 16_000
    sound = 0.3 * np.sin(2 * np.pi * 220 * t) + 0.01 * np.random.default_rng(0).standard_normal(t.size)
    run = model.analyse(Clip(sound.astype(np.float32), 16_000), start_s=0.2)
    published = torch.jit.load(file)
    with torch.no_grad():
        expected = published(torch.from_numpy(run.input), 16_000)[0]
    np.testing.assert_allclose(model.predict_input(run.input), expected.numpy(), atol=1e-5)
    layer = "network._model.encoder.2.activation"
    leaf = torch.from_numpy(run.input)[None, None].requires_grad_()
    kept: list[Tensor] = []
    fresh = VoiceActivity(asc.load_network(file)).eval()
    hook = fresh.get_submodule(layer).register_forward_hook(lambda _module, _input, output: kept.append(output))
    fresh(leaf)
    hook.remove()
    unit = int(kept[0].detach().square().sum((0, 2)).argmax())
    (gradient,) = torch.autograd.grad(kept[0][0, unit].square().sum() / 2, leaf)
    found = asc.deconvolve(VoiceActivity(asc.load_network(file)), leaf.detach(), layer, [unit], method="gradient")
    torch.testing.assert_close(found[0], gradient[0, 0], rtol=0, atol=1e-4 * float(gradient.abs().max()))
    assert np.abs(run.deconvolve(layer, units=[unit])).max() > 0.0
