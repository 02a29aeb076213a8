"""Write an HTML page about one window of a recording: pictures and sounds of each layer of a model.

The page shows, layer by layer, what figures 7.3 to 7.8 of Choi 2018 show: the input, the first layer's kernels, and
deconvolved features with their sounds. It is one file that contains all pictures and sounds.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope import __version__
from auralscope.audio.files import wav_bytes
from auralscope.errors import AuralScopeError, FileError, printable
from auralscope.files import quoted, reason, write_aside
from auralscope.nn.activity import LEVELS
from auralscope.nn.analysis.first_layer import first_layer_kernels
from auralscope.reports import kernels, pictures
from auralscope.types import Progress, channel_name, no_progress, unit_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.nn.loaded import Model, Run
    from auralscope.types import Clip

BATCH = 8
"""Units that are deconvolved at once."""

LABELS = 10
"""Number of labels on the page, the most probable ones."""


def loudest_start_s(clip: Clip, window_s: float) -> float:
    """Return the start of the loudest window of a clip, a multiple of a quarter of a second.

    Parameters
    ----------
    clip : Clip
    window_s : float
        Length of the window, in seconds.
    """
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
        The HTML file. Its folder is created.
    top : int
        Number of units of each layer that are shown large, with their sounds.
    progress : callable
        Receives values from 0 to 1; an exception from it stops the work, and nothing is written.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    try:  # before the long work
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {quoted(file.parent)} cannot be made: {reason(error)}.") from error
    write_aside(file, _page(run, top, progress).encode())


def _page(run: Run, top: int, progress: Progress) -> str:
    from jinja2 import Environment, FileSystemLoader

    model, start_s = run.model, run.clip.start_s + run.start_s
    layers = []
    for number, layer in enumerate(model.layers, start=1):
        layers.append(_layer(run, layer, number, top))
        progress(number / len(model.layers))
    name = printable(run.clip.source.name) if run.clip.source else "a clip"
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    return environment.get_template("report.html").render(
        title=f"{name} in the layers of {model.spec.title}",
        version=__version__,
        spec=model.spec,
        front_end=model.front_end.describe(),
        channel=channel_name(run.clip.analysed_channel, run.clip.channels),
        start_s=start_s,
        end_s=start_s + model.front_end.window_s,
        input=_spectrogram(run, run.input, "Input of the model", (9.6, 3.6)),
        original=wav_bytes(run.original),
        labels=sorted(zip(model.labels, run.scores.tolist(), strict=True), key=lambda pair: -pair[1])[:LABELS],
        kernels=_kernels(model),
        layers=layers,
    )


def _kernels(model: Model) -> bytes | None:
    try:
        return pictures.png(kernels.picture(first_layer_kernels(model)))
    except AuralScopeError:  # the first layer has no kernels that can be drawn
        return None


def _layer(run: Run, layer: str, number: int, top: int) -> dict[str, Any]:
    order, maps, activity = run.most_active(layer), run.feature_maps(layer), run.activity(layer)
    images: list[NDArray[np.float32]] = []
    for first in range(0, len(order), BATCH):
        images.extend(run.deconvolve(layer, units=order[first : first + BATCH]))
    names = [unit_name(number, unit) for unit in order]
    shown = [run.model.front_end.shown(image) for image in images]
    return {
        "name": layer,
        "shape": " x ".join(str(size) for size in maps.shape),
        "silent": sum(not one.any() for one in maps),
        "measure": LEVELS[activity.measure],
        "sheet": pictures.contact_sheet(shown, names),
        "units": [
            {
                "name": name,
                "level": float(activity.levels[unit]),
                **_unit(run, layer, unit, image, name),
            }
            for unit, image, name in list(zip(order, images, names, strict=True))[:top]
        ],
    }


def _unit(run: Run, layer: str, unit: int, image: NDArray[np.float32], name: str) -> dict[str, Any]:
    sound = run.auralise_image(image)
    return {
        "picture": _spectrogram(run, image, f"{name}, deconvolved", (4.8, 2.9)),
        "map": pictures.feature_map(run.feature_maps(layer)[unit]) if run.is_map(layer) else None,
        "sound": wav_bytes(sound.loudness_matched()) if sound.peak > 0.0 else None,
        "gain_db": sound.gain_db,
    }


def _spectrogram(run: Run, image: NDArray[np.float32], title: str, size: tuple[float, float]) -> bytes:
    front_end = run.model.front_end
    start_s = run.clip.start_s + run.start_s
    return pictures.spectrogram(front_end.shown(image), front_end.plane, start_s, title, size)
