"""Pictures for files and pages: spectrograms with axes, contact sheets, kernels. Drawn without any display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd

COLOURS = "magma"
DPI = 110


def spectrogram(
    image: NDArray[np.float32], front_end: FrontEnd, start_s: float, title: str, size: tuple[float, float] = (6.4, 3.6)
) -> bytes:
    """Draw an image in the plane of a front end, with time in seconds and frequency in Hz.

    Parameters
    ----------
    image : (bins, frames) array
        From black, at 0 and below, to the image's own largest value.
    front_end : FrontEnd
    start_s : float
        Time of the first frame.
    title : str
    size : (width, height)
        In inches at 110 dots each.

    Returns
    -------
    bytes
        PNG.
    """
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, image)
    _label(axes, front_end, start_s, image.shape[1])
    axes.set_title(title, fontsize=10, loc="left")
    return _png(figure)


def feature(
    image: NDArray[np.float32], original: NDArray[np.float32], front_end: FrontEnd, start_s: float, title: str
) -> bytes:
    """Draw a deconvolution beside the input it came from, on shared axes; both (bins, frames)."""
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, picture, name in ((left, original, "What the model sees"), (right, image, title)):
        _draw(axes, picture)
        _label(axes, front_end, start_s, picture.shape[1])
        axes.set_title(name, fontsize=10, loc="left")
    right.set_ylabel("")
    return _png(figure)


def contact_sheet(images: Sequence[NDArray[np.float32]], names: Sequence[str], columns: int = 16) -> bytes:
    """Draw many images (bins, frames) in a grid, each to its own largest value, with their names."""
    bins, frames = (-(-size // 2) for size in images[0].shape)
    gap, title = 4, 20
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (bins + gap + title), columns * (frames + gap)), np.nan, dtype=np.float32)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        top, left = row * (bins + gap + title) + title, column * (frames + gap)
        largest = float(image.max())
        # Half the size by the maximum, so that no click and no thin line is lost.
        small = np.maximum.reduceat(
            np.maximum.reduceat(image, np.arange(0, image.shape[0], 2), axis=0), np.arange(0, image.shape[1], 2), axis=1
        )
        sheet[top : top + bins, left : left + frames] = small[::-1].clip(0.0) / (largest if largest > 0.0 else 1.0)
    height, width = sheet.shape
    figure = Figure(figsize=(width / DPI, height / DPI))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(sheet, cmap=COLOURS, vmin=0.0, vmax=1.0, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        axes.text(column * (frames + gap) + 1, row * (bins + gap + title) + title - 5, name, fontsize=8)
    return _png(figure)


def kernels(weights: NDArray[np.float32], columns: int = 16) -> bytes:
    """Draw the kernels of a first layer, (units, height, width), with their weights written in.

    Time runs to the right and frequency upwards, as in a spectrogram; red is positive, blue negative
    (Choi 2018, fig. 7.4).
    """
    rows = -(-len(weights) // columns)
    figure = Figure(figsize=(columns * 0.72, rows * 0.86), layout="constrained")
    limit = float(np.abs(weights).max()) or 1.0
    for unit, kernel in enumerate(weights):
        axes = figure.add_subplot(rows, columns, unit + 1)
        axes.imshow(kernel, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        for (row, column), weight in np.ndenumerate(kernel):
            strong = abs(weight) > 0.6 * limit
            axes.text(
                column,
                row,
                f"{weight:.1f}",
                ha="center",
                va="center",
                fontsize=4.5,
                color="white" if strong else "black",
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"1-{unit}", fontsize=6, pad=1.5)
    return _png(figure)


def feature_map(values: NDArray[np.float32]) -> bytes:
    """Draw a unit's feature map (bins', frames'), each cell a block, without axes."""
    figure = Figure(figsize=(2.4, 1.6))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _draw(axes, values)
    axes.set_axis_off()
    return _png(figure)


def _draw(axes: Axes, image: NDArray[np.float32]) -> None:
    largest = float(image.max())
    axes.imshow(
        np.clip(image, 0.0, None),
        origin="lower",
        aspect="auto",
        cmap=colormaps[COLOURS],
        vmin=0.0,
        vmax=largest if largest > 0.0 else 1.0,
        interpolation="nearest",
    )


def _label(axes: Axes, front_end: FrontEnd, start_s: float, n_frames: int) -> None:
    frequencies_hz = front_end.frequencies_hz
    axes.xaxis.set_major_formatter(FuncFormatter(lambda frame, _place: f"{start_s + frame * front_end.hop_s:g}"))
    second = round(1.0 / front_end.hop_s, 6)
    first = np.ceil(start_s)
    ticks = np.arange(first, start_s + n_frames * front_end.hop_s + 1e-9)
    axes.set_xticks((ticks - start_s) * second, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("time (s)", fontsize=8)
    round_hz = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(0.0, frequencies_hz[-1])
    round_hz = round_hz[(round_hz >= frequencies_hz[0]) & (round_hz <= frequencies_hz[-1])]
    axes.set_yticks(np.interp(round_hz, frequencies_hz, np.arange(len(frequencies_hz))), [f"{hz:g}" for hz in round_hz])
    axes.set_ylabel("frequency (Hz)", fontsize=8)
    axes.tick_params(labelsize=7)


def _png(figure: Figure) -> bytes:
    """Draw, with at most 256 colours: a third of the size, and as many as the colour map has."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
    stream = io.BytesIO()
    pixels.quantize(256, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return stream.getvalue()
