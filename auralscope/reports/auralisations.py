"""Write auralisations to files: a WAV file and a picture for each unit, and a manifest that describes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auralscope import __version__, weights
from auralscope.audio.files import write_wav
from auralscope.errors import UnknownNameError
from auralscope.files import json_text, sha256, staged
from auralscope.reports import pictures
from auralscope.types import Progress, channel_name, no_progress, unit_name

if TYPE_CHECKING:
    from auralscope.dsp.inversion import Render
    from auralscope.nn.excerpts import Excerpt, Rate

TOGETHER = 8
"""Units that are deconvolved at once; progress is reported after each."""


def write_auralisations(
    excerpt: Excerpt,
    layer: str,
    units: Sequence[int],
    out: Path,
    *,
    render: Render = "mask",
    rate: Rate = "model",
    duration_s: float | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write the sounds and pictures of units.

    Parameters
    ----------
    excerpt : Excerpt
        A window, or a passage of any length.
    layer : str
    units : sequence of int
    out : Path
        The folder for `<layer>-<unit>.wav` (32-bit float, at its true level), a `.png` of the same name, and
        `manifest.json`. Either all files are written or none.
    render : {"mask", "phase"}
    rate : {"model", "recording"}
        Mono at the model's rate, or all channels at the recording's.
    duration_s : float, optional
        Length of the sounds, in seconds; that of the excerpt unless given.
    progress : callable
        Receives values from 0 to 1; an exception from it stops the work, and nothing is written.

    Returns
    -------
    dict
        The manifest. The `channel` of its `source` is the one that the model analysed ("mix", "left", "right", or a
        number from 1), and `channels` is the number of channels of the WAV files: at the recording's rate they keep all
        of them, whichever was analysed.
    """
    model = excerpt.model
    front_end = model.front_end
    number = model.layer_number(layer)
    n_units = model.layer(layer).units
    for unit in units:
        if not 0 <= unit < n_units:
            raise UnknownNameError(f"Layer '{layer}' has units 0 to {n_units - 1}; there is no unit {unit}.")
    digits = len(str(n_units - 1))
    activity = excerpt.activity(layer)
    entries = []
    with staged(out) as aside:
        for first in range(0, len(units), TOGETHER):
            batch = units[first : first + TOGETHER]
            for unit, image in zip(batch, excerpt.deconvolve(layer, units=batch), strict=True):
                sound = excerpt.auralise_image(image, render=render, rate=rate)
                name = f"{layer}-{unit:0{digits}d}"
                write_wav(aside / f"{name}.wav", sound.excerpt(0.0, duration_s=duration_s))
                title = f"{unit_name(number, unit)}  ({layer}, unit {unit})"
                drawn, original = front_end.shown(image), front_end.shown(excerpt.input)
                picture = pictures.feature(drawn, original, front_end.plane, sound.start_s, title)
                (aside / f"{name}.png").write_bytes(picture)
                entries.append(
                    {
                        "unit": unit,
                        "name": unit_name(number, unit),
                        "wav": f"{name}.wav",
                        "png": f"{name}.png",
                        "gain_db": round(sound.gain_db, 3),
                        "negative_share": round(sound.negative_share, 6),
                        "activity": float(activity.values[unit]),
                        "silent": sound.peak == 0.0,
                    }
                )
                progress(len(entries) / len(units))
        manifest = {
            **describe(excerpt, duration_s),
            "sample_rate": model.front_end.sample_rate if rate == "model" else excerpt.clip.sample_rate,
            "channels": 1 if rate == "model" else excerpt.clip.channels,
            "layer": layer,
            "activity_measure": activity.measure,
            "render": render,
            "units": entries,
        }
        (aside / "manifest.json").write_text(json_text(manifest), encoding="utf-8")
    return manifest


def describe(excerpt: Excerpt, duration_s: float | None = None) -> dict[str, Any]:
    """Describe the origin of sounds: source, model, weights and version."""
    model, source = excerpt.model, excerpt.clip.source
    return {
        "auralscope": __version__,
        "source": {
            "file": str(source) if source else None,
            "sha256": sha256(source) if source else None,
            "start_s": excerpt.clip.start_s + excerpt.start_s,
            "channel": channel_name(excerpt.clip.analysed_channel, excerpt.clip.channels),
            "duration_s": min(duration_s or excerpt.duration_s, excerpt.duration_s),
        },
        "model": model.spec.id,
        "weights_sha256": sha256(weights.file_of(model.spec)),
        "device": str(model.device),
    }
