"""Measure the time of one window through each tagger, by batch size and precision.

All models with installed weights are measured on the excerpt, already at the model's sample rate.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from auralscope.audio.files import load_clip
from auralscope.catalogue import load_model, models
from auralscope.files import resource
from auralscope.nn.batches import choose_device
from auralscope.types import Clip

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model

SIZES = (1, 2, 4, 8, 16)
WINDOWS = 16


def main() -> None:
    """Print one line for each model and precision: milliseconds per window for each batch size."""
    device = choose_device()
    print(f"{'on ' + str(device):<34}" + "".join(f"{size:>8}" for size in SIZES) + "   (batch size)")
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
    """Return the seconds per window, after one round to warm up."""
    model._half, model._batch.size = half, size
    starts_s = np.linspace(0.0, model.front_end.window_s, WINDOWS)
    for _round in range(2):
        begin = time.perf_counter()
        for _scores in model.predict_at(clip, starts_s):
            pass
        if model.device.type == "cuda":
            torch.cuda.synchronize()
    return (time.perf_counter() - begin) / WINDOWS
