"""Data sets of windows of one's own recordings."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from auralscope.audio.files import load_clip
from auralscope.dsp.resampling import resample
from auralscope.files import write_aside
from auralscope.training.windows import network_input
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd

MAX_EVEN_WINDOWS = 8
"""Maximum number of windows of a recording in validation and test."""

UNUSED = 2**40
"""First of the window numbers that no epoch reaches."""

Labelled = tuple[torch.Tensor, Any]
"""An image, and the number of its class or the vector of its tags."""


class Sounds:
    """Recordings as mono samples at one rate, decoded once into a folder.

    Parameters
    ----------
    files : sequence of Path
    sample_rate : int
        In Hz.
    folder : Path
        Cache of (n,) int16 arrays. A recording whose array exists is not decoded again.
    """

    def __init__(self, files: Sequence[Path], sample_rate: int, folder: Path) -> None:
        self.files = files
        self.sample_rate = sample_rate
        self.folder = folder
        self._paths: list[Path] = []

    def decode(self, progress: Progress = no_progress) -> None:
        """Decode the recordings that the cache lacks.

        Raises
        ------
        AudioFileError
            Names the first file that cannot be read.
        FileError
            The folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for done, file in enumerate(self.files, start=1):
            stat = file.stat()
            key = f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns} {self.sample_rate}"
            path = self.folder / f"{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}.npy"
            if not path.is_file():
                clip = load_clip(file)
                mono = resample(clip.mono(), clip.sample_rate, self.sample_rate)
                stream = io.BytesIO()
                samples = np.clip(np.rint(mono * 32768.0), -32768, 32767).astype(np.int16)
                np.save(stream, samples, allow_pickle=False)
                write_aside(path, stream.getvalue())
            self._paths.append(path)
            progress(done / len(self.files))

    def samples(self, number: int) -> NDArray[np.int16]:
        """Return the (n,) samples of a recording, memory-mapped."""
        mapped: NDArray[np.int16] = np.load(self._paths[number], mmap_mode="r", allow_pickle=False)
        return mapped

    def durations_s(self) -> NDArray[np.float64]:
        """Return the duration of each recording: (files,)."""
        return np.array([self.samples(number).size for number in range(len(self._paths))]) / self.sample_rate

    def window(self, number: int, first: int, front_end: FrontEnd) -> torch.Tensor:
        """Return the network's (1, bins, frames) input for the window that begins at sample `first`."""
        part = self.samples(number)[first : first + front_end.window_samples].astype(np.float32) / 32768.0
        return network_input(front_end, front_end.window(part))


class _Clips(Dataset[Labelled]):
    """Windows of the recordings at `places`; with `exclusive`, the label is the number of a class."""

    def __init__(
        self, sounds: Sounds, places: Sequence[int], truth: NDArray[np.uint8], front_end: FrontEnd, exclusive: bool
    ) -> None:
        self.sounds = sounds
        self.places = list(places)
        self.truth = truth
        self.front_end = front_end
        self.exclusive = exclusive

    def _labelled(self, place: int, first: int) -> Labelled:
        truth = self.truth[place]
        label = int(truth.argmax()) if self.exclusive else torch.from_numpy(truth.astype(np.float32))
        return self.sounds.window(place, first, self.front_end), label

    def _last_start(self, place: int) -> int:
        return max(self.sounds.samples(place).size - self.front_end.window_samples, 0)


class DrawnClips(_Clips):
    """Windows at random positions: window `k` is of recording `k` modulo their number, and always the same."""

    def __init__(
        self,
        sounds: Sounds,
        places: Sequence[int],
        truth: NDArray[np.uint8],
        front_end: FrontEnd,
        exclusive: bool,
        seed: int,
    ) -> None:
        super().__init__(sounds, places, truth, front_end, exclusive)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> Labelled:
        place = self.places[number % len(self.places)]
        rng = np.random.default_rng([self.seed, number])
        return self._labelled(place, int(rng.integers(0, self._last_start(place) + 1)))

    def unused(self, number: int) -> Labelled:
        """Return a window that no epoch contains."""
        return self[UNUSED + number]


class EvenClips(_Clips):
    """Windows evenly spaced over each recording: as many as fit, at most `MAX_EVEN_WINDOWS`."""

    def __init__(
        self, sounds: Sounds, places: Sequence[int], truth: NDArray[np.uint8], front_end: FrontEnd, exclusive: bool
    ) -> None:
        super().__init__(sounds, places, truth, front_end, exclusive)
        self.windows: list[tuple[int, int]] = []
        for place in self.places:
            last = self._last_start(place)
            n = min(1 + round(last / front_end.window_samples), MAX_EVEN_WINDOWS)
            self.windows += [(place, int(first)) for first in np.linspace(0, last, n)]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, number: int) -> Labelled:
        return self._labelled(*self.windows[number])


def band_statistics(clips: DrawnClips, n_windows: int = 256) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Compute mean and standard deviation of each band over windows of the training set.

    The deviation is at least a tenth of the bands' mean deviation. Otherwise the first sound in a band that hardly
    changes in training (above a codec's cut-off, for example) would outweigh all other bands.

    Returns
    -------
    (bins,), (bins,) tuples of float
    """
    bins = clips.front_end.input_shape[0]
    total, squares, cells = torch.zeros(bins).double(), torch.zeros(bins).double(), 0
    for number in range(n_windows):
        image = clips.unused(number)[0][0].double()
        total, squares, cells = total + image.sum(dim=1), squares + image.square().sum(dim=1), cells + image.shape[1]
    mean = total / cells
    deviation = (squares / cells - mean.square()).clamp(min=0.0).sqrt()
    deviation = deviation.clamp(min=0.1 * float(deviation.mean()) or 1.0)
    return tuple(mean.tolist()), tuple(deviation.tolist())
