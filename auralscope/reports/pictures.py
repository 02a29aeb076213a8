"""Draw spectrograms, contact sheets and feature maps for files and pages. No display is needed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from auralscope.errors import AuralScopeError
from auralscope.files import quoted, write_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd

COLOURS = "magma"
DPI, FILE_DPI = 110, 130


def spectrogram(
    image: NDArray[np.float32], front_end: FrontEnd, start_s: float, title: str, size: tuple[float, float] = (6.4, 3.6)
) -> bytes:
    """Draw an image in the plane of a front end, with time in seconds and frequency in Hz.

    Parameters
    ----------
    image : (bins, frames) array
        The colour map runs from 0, black, to the image's maximum; negative values are black.
    front_end : FrontEnd
    start_s : float
        Time of the first frame, in seconds.
    title : str
    size : (width, height)
        In inches of 110 pixels.

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, image)
    _label(axes, front_end, start_s, image.shape[1])
    axes.set_title(title, fontsize=10, loc="left")
    return png(figure)


def feature(
    image: NDArray[np.float32],
    original: NDArray[np.float32],
    front_end: FrontEnd,
    start_s: float,
    title: str,
    *,
    heading: str = "",
    colours: str = COLOURS,
) -> bytes:
    """Draw a deconvolution beside the input of the model, both (bins, frames), on shared axes.

    Parameters
    ----------
    image, original : (bins, frames) array
        The deconvolution and the input.
    front_end : FrontEnd
    start_s : float
        Time of the first frame, in seconds.
    title : str
        Name of the deconvolution.
    heading : str, optional
        Line above both pictures.
    colours : str
        A colour map of matplotlib.

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    if heading:
        figure.suptitle(heading, fontsize=9, x=0.01, ha="left")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, picture, name in ((left, original, "Input of the model"), (right, image, title)):
        _draw(axes, picture, colours)
        _label(axes, front_end, start_s, picture.shape[1])
        axes.set_title(name, fontsize=10, loc="left")
    right.set_ylabel("")
    return png(figure, {"Title": title, "Description": heading} if heading else {})


def contact_sheet(images: Sequence[NDArray[np.float32]], names: Sequence[str], columns: int = 16) -> bytes:
    """Draw images (bins, frames) with their names in a grid, each scaled to its own maximum."""
    bins, frames = (-(-size // 2) for size in images[0].shape)
    gap, title = 4, 20
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (bins + gap + title), columns * (frames + gap)), np.nan, dtype=np.float32)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        top, left = row * (bins + gap + title) + title, column * (frames + gap)
        largest = float(image.max())
        # The maximum over 2 x 2 cells keeps clicks and thin lines.
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
    return png(figure)


def feature_map(values: NDArray[np.float32]) -> bytes:
    """Draw a unit's feature map (bins', frames') without axes."""
    figure = Figure(figsize=(2.4, 1.6))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _draw(axes, values)
    axes.set_axis_off()
    return png(figure)


def _draw(axes: Axes, image: NDArray[np.float32], colours: str = COLOURS) -> None:
    largest = float(image.max())
    axes.imshow(
        np.clip(image, 0.0, None),
        origin="lower",
        aspect="auto",
        cmap=colormaps[colours],
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


def png(figure: Figure, texts: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Return a figure as a PNG image of 256 colours, a third of the size of one with all colours.

    Parameters
    ----------
    figure : Figure
    texts : mapping of str to str
        Texts that are kept in the file, by keyword of the PNG specification.
    """
    about = PngInfo()
    for keyword, text in texts.items():
        about.add_itxt(keyword, text)
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
    stream = io.BytesIO()
    pixels.quantize(256, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True, pnginfo=about)
    return stream.getvalue()


def write_figure(figure: Figure, file: Path) -> None:
    """Write a figure to a file whose name ends in `.png` or `.svg`.

    Raises
    ------
    AuralScopeError
        The name has another ending.
    FileError
        The file cannot be written.
    """
    stream, ending = io.BytesIO(), file.suffix.lower()
    if ending == ".png":
        figure.savefig(stream, format="png", dpi=FILE_DPI, bbox_inches="tight")
    elif ending == ".svg":
        # Text stays text, and the same figure gives the same file.
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "auralscope"}):
            figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None})
    else:
        raise AuralScopeError(f"The picture {quoted(file)} must have a name that ends in .png or .svg.")
    write_aside(file, stream.getvalue())
