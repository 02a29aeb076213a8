"""Options of a training on one's own recordings, with their defaults. Importing them is quick: it needs no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from auralscope.dsp.frontends import Compression
    from auralscope.dsp.processed import Standardise, Weighting
    from auralscope.training.fit import Loss


@dataclass(frozen=True)
class Options:
    """Options of a training; `auralscope train` has one for each.

    Attributes
    ----------
    data : Path
        Folder of recordings.
    id : str
        Id of the model: lower case, digits and hyphens.
    architecture : str
        Name of one of `auralscope.nn.architectures`.
    tags : Path, optional
        Table of tags. Without it, each folder in `data` is a class.
    title : str
    loss : {"categorical", "binary"}, optional
        Default: categorical for classes, binary for a table.
    transform : {"mel", "stft"}
        Ignored by networks on the waveform.
    rate : int, optional
        Sample rate in Hz. Default: 12000, or 22050 for networks on the waveform.
    n_fft, hop : int
        In samples.
    bands : int
        Mel bands.
    window_s : float, optional
        Length of the network's input. Default: that of its paper, or the median of the recordings if that is shorter.
    magnitude, weighting, standardise, scale
        Processing of the spectrogram; see `auralscope.dsp.processed`.
    epochs, batch, patience, seed, workers
        See `auralscope.training.fit.Settings`.
    learning_rate, weight_decay : float
        Of Adam, or of AdamW if the weight decay is not 0.
    windows : int, optional
        Windows of each recording in an epoch. Default: as many as it holds, at most 8.
    licence : str
        Licence of the weights, for the model card.
    """

    data: Path
    id: str
    architecture: str = "k2c2-0.1m"
    tags: Path | None = None
    title: str = ""
    loss: Loss | None = None
    transform: Literal["mel", "stft"] = "mel"
    rate: int | None = None
    n_fft: int = 512
    hop: int = 256
    bands: int = 96
    window_s: float | None = None
    magnitude: Compression = "db"
    weighting: Weighting = "none"
    standardise: Standardise = "bands"
    scale: float = 1.0
    epochs: int = 30
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    patience: int = 6
    seed: int = 0
    windows: int | None = None
    workers: int = 0
    licence: str = "not stated"

    def plain(self) -> dict[str, Any]:
        """Return the options that an interrupted training and its continuation must share, as JSON values."""
        values = asdict(self).items()
        plain = {key: str(value.resolve()) if isinstance(value, Path) else value for key, value in values}
        return {key: value for key, value in plain.items() if key not in ("title", "licence", "workers")}
