"""How long a window of the taggers takes on its way to probabilities, by how many go together, and how precisely.

Every model is measured whose weights are here, on the excerpt, with the sound already at the model's rate.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from auralscope.audio.files import load_clip
from auralscope.catalogue import load_model, models
from auralscope.files import resource
from auralscope.nn.tagger import choose_device
from auralscope.types import Clip

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model

SIZES = (1, 2, 4, 8, 16)
WINDOWS = 16


def main() -> None:
    """Print one line a model and precision: milliseconds a window for each size of the batch."""
    device = choose_device()
    print(f"{'on ' + str(device):<34}" + "".join(f"{size:>8}" for size in SIZES) + "   (windows together)")
    for info in models():
        if info.weights not in ("bundled", "installed"):
            continue
        model = load_model(info.id, device=str(device))
        front_end = model.front_end
        mono = np.resize(front_end.mono(load_clip(resource("excerpt.ogg"))), 2 * front_end.window_samples)
        clip = Clip(mono, front_end.sample_rate)
        for half in (False, True) if device.type == "cuda" else (False,):
            taken = [1e3 * _window_s(model, clip, size, half) for size in SIZES]
            name = f"{info.id}, {'half' if half else 'full'} precision"
            print(f"{name:<34}" + "".join(f"{ms:8.1f}" for ms in taken) + "   ms a window")


def _window_s(model: Model, clip: Clip, size: int, half: bool) -> float:
    """Seconds a window takes, after one round to warm up."""
    model._half, model._batch.size = half, size
    starts_s = np.linspace(0.0, model.front_end.window_s, WINDOWS)
    for _round in range(2):
        begin = time.perf_counter()
        for _scores in model.predict_at(clip, starts_s):
            pass
        if model.device.type == "cuda":
            torch.cuda.synchronize()
    return (time.perf_counter() - begin) / WINDOWS
