"""Windows of a user's own recordings, as a network sees them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from auralscope.audio.files import load_clip
from auralscope.dsp.resampling import resample
from auralscope.files import write_aside
from auralscope.training.windows import network_input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd

WINDOWS_AT_MOST = 8
"""Of a file, in evaluation."""

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
        Holds (n,) int16 arrays; those that are there already are not decoded again.
    """

    def __init__(self, files: Sequence[Path], sample_rate: int, folder: Path) -> None:
        self.files = files
        self.sample_rate = sample_rate
        self.folder = folder
        self._paths: list[Path] = []

    def decode(self, report: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        """Decode what is not there yet.

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
            report(done, len(self.files))

    def samples(self, number: int) -> NDArray[np.int16]:
        """(n,): mapped, not read."""
        mapped: NDArray[np.int16] = np.load(self._paths[number], mmap_mode="r", allow_pickle=False)
        return mapped

    def durations_s(self) -> NDArray[np.float64]:
        """(files,)."""
        return np.array([self.samples(number).size for number in range(len(self._paths))]) / self.sample_rate

    def window(self, number: int, first: int, front_end: FrontEnd) -> torch.Tensor:
        """The network's (1, bins, frames) of a window from sample `first` on."""
        part = self.samples(number)[first : first + front_end.window_samples].astype(np.float32) / 32768.0
        return network_input(front_end, front_end.window(part))


class _Clips(Dataset[Labelled]):
    def __init__(self, sounds: Sounds, places: Sequence[int], truth: NDArray[np.uint8], front_end: FrontEnd) -> None:
        self.sounds = sounds
        self.places = list(places)
        self.truth = truth
        self.front_end = front_end
        self.exclusive = False

    def _label(self, place: int) -> int | torch.Tensor:
        if self.exclusive:
            return int(self.truth[place].argmax())
        return torch.from_numpy(self.truth[place].astype(np.float32))

    def _room(self, place: int) -> int:
        return max(self.sounds.samples(place).size - self.front_end.window_samples, 0)


class DrawnClips(_Clips):
    """Windows from anywhere, drawn anew each time: number `k` is of file k modulo the number of files."""

    def __init__(
        self,
        sounds: Sounds,
        places: Sequence[int],
        truth: NDArray[np.uint8],
        front_end: FrontEnd,
        seed: int,
        exclusive: bool,
    ) -> None:
        super().__init__(sounds, places, truth, front_end)
        self.seed = seed
        self.exclusive = exclusive

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> Labelled:
        place = self.places[number % len(self.places)]
        rng = np.random.default_rng([self.seed, number])
        first = int(rng.integers(0, self._room(place) + 1))
        return self.sounds.window(place, first, self.front_end), self._label(place)


class EvenClips(_Clips):
    """Windows evenly over each file, always the same: as many as it has, but `WINDOWS_AT_MOST`."""

    def __init__(
        self, sounds: Sounds, places: Sequence[int], truth: NDArray[np.uint8], front_end: FrontEnd, exclusive: bool
    ) -> None:
        super().__init__(sounds, places, truth, front_end)
        self.exclusive = exclusive
        self.windows: list[tuple[int, int]] = []
        for place in self.places:
            room = self._room(place)
            n = min(1 + round(room / front_end.window_samples), WINDOWS_AT_MOST)
            self.windows += [(place, int(first)) for first in np.linspace(0, room, n)]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, number: int) -> Labelled:
        place, first = self.windows[number]
        return self.sounds.window(place, first, self.front_end), self._label(place)


def band_statistics(clips: DrawnClips, n_windows: int = 256) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each band of the image over windows of the training set: (bins,) each.

    A band that hardly changes there (above what a codec left, say) gets a tenth of the others' deviation: divided by
    its own, the first sound in it would be louder than all else.
    """
    bins = clips.front_end.input_shape[0]
    total, squares, cells = torch.zeros(bins).double(), torch.zeros(bins).double(), 0
    far = 2**40  # numbers that no epoch reaches
    for number in range(n_windows):
        image = clips[far + number][0][0].double()
        total, squares, cells = total + image.sum(dim=1), squares + image.square().sum(dim=1), cells + image.shape[1]
    mean = total / cells
    deviation = (squares / cells - mean.square()).clamp(min=0.0).sqrt()
    deviation = deviation.clamp(min=0.1 * float(deviation.mean()) or 1.0)
    return tuple(mean.tolist()), tuple(deviation.tolist())
