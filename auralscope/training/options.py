"""Options of a training, with their defaults. Importing them is quick: it needs no torch."""

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
    """Recordings, architecture, input and procedure of a training.

    Attributes
    ----------
    data : Path
        The folder of recordings.
    architecture : str
        See `auralscope.nn.architectures`.
    id : str
        The model's id: lower case, digits and hyphens.
    tags : Path, optional
        CSV of tags; without it, each folder in `data` is a class.
    title : str
    loss : {"categorical", "binary"}, optional
        Unless given, categorical for folders of classes and binary for a table.
    transform : {"mel", "stft"}
        For networks on spectrograms; those on the waveform have none.
    rate, n_fft, hop, bands : int
        In Hz, samples, samples, mel bands.
    window_s : float, optional
        Length of the input in seconds; unless given, that of the network's paper, or less if half of the recordings
        are shorter.
    magnitude, weighting, standardise, scale
        The processing; see `auralscope.dsp.processed`.
    epochs, batch, patience, seed, workers : int
    learning_rate, weight_decay : float
        Parameters of Adam (AdamW if the decay is not zero).
    windows : int, optional
        Windows of each recording in an epoch.
    licence : str
        Licence of the weights, for the card.
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
        """Return the options that must not change when an unfinished training is continued."""
        said = {key: str(value.resolve()) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        return {key: value for key, value in said.items() if key not in ("title", "licence", "workers")}
