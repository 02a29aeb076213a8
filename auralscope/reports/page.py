"""A page about one window of a recording: what each layer of a model hears in it, to see and to listen to.

Layer by layer it shows what figures 7.3 to 7.8 of Choi 2018 show: the input, the first layer's kernels, and
deconvolved spectrograms of features, each with its sound. The page is one HTML file with everything inside.
"""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auralscope import __version__
from auralscope.audio.files import wav_bytes
from auralscope.errors import FileError
from auralscope.files import quoted, reason, write_aside
from auralscope.reports import pictures
from auralscope.types import Progress, no_progress, unit_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd
    from auralscope.nn.loaded import Run
    from auralscope.types import Clip

TOGETHER = 8
EXPLANATIONS = {
    "input": (
        "The window as the network receives it. Everything below is computed from this picture alone; "
        "the sound keeps the phase of the original."
    ),
    "kernels": (
        "The weights that the first layer learned, time to the right, frequency upwards; red adds, blue takes away. "
        "Rows that differ from left to right answer to onsets and offsets; columns that differ from bottom to top "
        "answer to steady, harmonic lines; blobs blur or sharpen."
    ),
    "map": (
        "All units of the layer, the most active first, each deconvolved back to the plane of the input: bright is "
        "what excites the unit. Below, the most active ones large, with their sound played as loud as the original."
    ),
}


def loudest_start_s(clip: Clip, window_s: float) -> float:
    """Where the loudest window of a clip begins, in seconds, on a grid of a quarter of a second."""
    step = max(1, clip.sample_rate // 4)
    power = np.square(clip.mono(), dtype=np.float64)
    blocks = np.add.reduceat(power, np.arange(0, power.size, step))
    width = max(1, round(window_s * clip.sample_rate / step))
    if blocks.size <= width:
        return 0.0
    energies = np.convolve(blocks, np.ones(width), mode="valid")
    return int(np.argmax(energies)) * step / clip.sample_rate


def write_report(run: Run, file: Path, *, top: int = 6, progress: Progress = no_progress) -> None:
    """Write the page of one window.

    Parameters
    ----------
    run : Run
    file : Path
        The HTML file; written aside and renamed.
    top : int
        Units of each layer that are shown large, with sound.
    progress : callable
        Called with 0 to 1; what it raises ends the work with nothing written.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    try:  # before the long work, not after it
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {quoted(file.parent)} cannot be made: {reason(error)}.") from error
    write_aside(file, _page(run, top, progress).encode())


def _page(run: Run, top: int, progress: Progress) -> str:
    model = run.model
    name = html.escape(quoted(run.clip.source.name)[1:-1]) if run.clip.source else "a clip"
    start_s = run.clip.start_s + run.start_s
    sections = [_input_section(run, start_s)]
    layers = model.layers
    for number, layer in enumerate(layers, start=1):
        sections.append(_layer_section(run, layer, number, top, start_s))
        progress(number / len(layers))
    title = f"{name}: what {html.escape(model.spec.title)} hears"
    links = " ".join(f'<a href="#{layer}">{layer}</a>' for layer in layers)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{_STYLE}</style></head><body>
<header><h1>{title}</h1>
<p>{start_s:.2f} to {start_s + model.front_end.window_s:.2f} s. {html.escape(model.spec.summary)}</p>
<nav><a href="#input">input</a> {links}</nav></header>
{"".join(sections)}
<footer>AuralScope {__version__}, model <code>{model.spec.id}</code>, {html.escape(model.front_end.describe())}.
Deconvolution after Zeiler &amp; Fergus 2014; auralisation after Choi et al. 2015 and Choi 2018, chapter 7.</footer>
</body></html>
"""


def _input_section(run: Run, start_s: float) -> str:
    model = run.model
    ranked = sorted(zip(model.labels, run.scores.tolist(), strict=True), key=lambda pair: -pair[1])
    bars = "".join(
        f'<tr><th>{html.escape(label)}</th><td><meter value="{value:.4f}"></meter></td><td>{value:.1%}</td></tr>'
        for label, value in ranked[:10]
    )
    front_end = model.front_end
    seen = front_end.shown(run.input)
    picture = pictures.spectrogram(seen, front_end.plane, start_s, "What the model sees", (9.6, 3.6))
    parts = [
        f'<section id="input"><h2>Input</h2><p>{EXPLANATIONS["input"]}</p>{_image(picture, "the input")}'
        f"{_player(run.original)}<h3>What the model says</h3><table>{bars}</table>"
    ]
    weights = _first_kernels(run)
    if weights is not None:
        parts.append(
            f"<h3>The first layer's kernels</h3><p>{EXPLANATIONS['kernels']}</p>"
            f"{_image(pictures.kernels(weights), 'kernels of the first layer')}"
        )
    return "".join(parts) + "</section>"


def _layer_section(run: Run, layer: str, number: int, top: int, start_s: float) -> str:
    front_end = run.model.front_end
    order = run.most_active(layer)
    activity = run.activity(layer)
    total = float(activity.sum()) or 1.0
    large = []
    images: list[NDArray[np.float32]] = []
    for first in range(0, len(order), TOGETHER):
        images.extend(run.deconvolve(layer, units=order[first : first + TOGETHER]))
    for unit, image in list(zip(order, images, strict=True))[:top]:
        caption = f"{unit_name(number, unit)}, {activity[unit] / total:.1%} of the layer's energy"
        large.append(_feature(run, layer, unit, image, unit_name(number, unit), caption, front_end, start_s))
    names = [unit_name(number, unit) for unit in order]
    sheet = pictures.contact_sheet([front_end.shown(image) for image in images], names)
    silent = int((activity == 0.0).sum())
    shape = " x ".join(str(size) for size in run.feature_maps(layer).shape)
    note = f" {silent} of them are silent here." if silent else ""
    return (
        f'<section id="{layer}"><h2>{layer} <small>{shape}</small></h2><p>{EXPLANATIONS["map"]}{note}</p>'
        f'{_image(sheet, f"all units of {layer}")}<div class="features">{"".join(large)}</div></section>'
    )


def _feature(
    run: Run,
    layer: str,
    unit: int,
    image: NDArray[np.float32],
    name: str,
    caption: str,
    front_end: FrontEnd,
    start_s: float,
) -> str:
    sound = run.auralise_image(image)
    shown_image = front_end.shown(image)
    picture = pictures.spectrogram(shown_image, front_end.plane, start_s, f"{name}, deconvolved", (4.8, 2.9))
    shown = ""
    if run.is_map(layer):
        shown = _image(pictures.feature_map(run.feature_maps(layer)[unit]), f"feature map of {name}", "map")
    player = "<p>silent</p>" if sound.peak == 0.0 else _player(sound.loudness_matched())
    return (
        f"<figure>{_image(picture, f'deconvolution of {name}')}{player}"
        f"<figcaption>{shown}{caption}; {sound.gain_db:+.1f} dB to match the original's loudness</figcaption></figure>"
    )


def _first_kernels(run: Run) -> NDArray[np.float32] | None:
    """(units, height, width) of the first convolution, where it looks at a single plane."""
    for name, value in run.model.network.state_dict().items():
        if name.endswith("weight"):
            fits = value.ndim == 4 and value.shape[1] == 1 and max(value.shape[2:]) <= 9
            return value[:, 0].cpu().numpy() if fits else None
    return None


def _image(png: bytes, description: str, style: str = "") -> str:
    data = base64.b64encode(png).decode("ascii")
    return f'<img class="{style}" alt="{html.escape(description)}" src="data:image/png;base64,{data}">'


def _player(clip: Clip) -> str:
    data = base64.b64encode(wav_bytes(clip)).decode("ascii")
    return f'<audio controls preload="metadata" src="data:audio/wav;base64,{data}"></audio>'


_STYLE = """
:root { color-scheme: light dark; --edge: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { border-top: 1px solid var(--edge); padding-top: 1.4rem; }
h2 small { font-weight: normal; opacity: .6; font-size: .9rem; }
nav a { margin-right: .8rem; } img { max-width: 100%; border-radius: 6px; background: #fff; }
audio { width: 100%; height: 2.2rem; margin: .3rem 0; } meter { width: 16rem; }
th { text-align: left; padding-right: 1rem; font-weight: 600; }
.features { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1rem; margin-top: 1rem; }
figure { margin: 0; padding: .7rem; background: var(--soft); border-radius: 8px; }
figcaption { font-size: .85rem; display: flex; gap: .7rem; align-items: center; }
img.map { width: 5.5rem; border-radius: 3px; image-rendering: pixelated; }
footer { border-top: 1px solid var(--edge); margin-top: 2rem; padding: 1rem 0 3rem; font-size: .85rem; opacity: .8; }
"""
