"""Compute the spectrogram of a recording of any length at any zoom, in tiles.

A `Pyramid` lists the tiles that cover a time range at a width in pixels, and computes each tile separately, in any
thread. The columns of a level are 2**level hops apart. A column of a level above 0 shows, bin by bin, the *maximum*
over the frames that it covers, so that a sine and an onset keep their level and colour at every zoom. A mean of power
would lower an onset by 3 dB for each factor of two.

Levels are in dB re a full-scale sine (0 dB).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from auralscope.display.scales import hz_to_mel, mel_to_hz

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from auralscope.types import Clip

Transform = Literal["stft", "mel", "cqt", "chroma"]
TRANSFORMS: tuple[Transform, ...] = ("stft", "mel", "cqt", "chroma")
Window = Literal["hann", "hamming", "blackman"]
WINDOWS: tuple[Window, ...] = ("hann", "hamming", "blackman")

FLOOR_DB = -140.0
"""Lowest level in dB; lower values are raised to it."""

# A tile for the screen has one byte a value: half a decibel a step, down from +7.5 dB.
STEP_DB = 0.5
LOWEST_DB = 7.5 - 255 * STEP_DB


class OvertakenError(Exception):
    """The computation of a tile that is no longer needed was stopped."""


@dataclass(frozen=True)
class View:
    """Settings of a spectrogram.

    Attributes
    ----------
    transform : {"stft", "mel", "cqt", "chroma"}
        "mel" has `n_mels` triangles on Slaney's scale up to the Nyquist frequency; "cqt" 24 bins an octave from C1;
        "chroma" folds a semitone CQT onto the twelve pitch classes.
    n_fft : int
        A power of two between 256 and 16384; not used by "cqt" and "chroma".
    hop : int
        Of level 0, in samples; a power of two between 32 and `n_fft`.
    n_mels : int
    window : {"hann", "hamming", "blackman"}
        Of the STFT, periodic.
    """

    transform: Transform = "stft"
    n_fft: int = 2048
    hop: int = 512
    n_mels: int = 128
    window: Window = "hann"

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS or self.window not in WINDOWS:
            raise ValueError(f"there is no transform {self.transform!r} with window {self.window!r}")
        if not 256 <= self.n_fft <= 16384 or self.n_fft & (self.n_fft - 1):
            raise ValueError(f"n_fft must be a power of two between 256 and 16384, not {self.n_fft}")
        if not 32 <= self.hop <= self.n_fft or self.hop & (self.hop - 1):
            raise ValueError(f"hop must be a power of two between 32 and n_fft, not {self.hop}")
        if not 1 <= self.n_mels <= 1024:
            raise ValueError(f"n_mels must be between 1 and 1024, not {self.n_mels}")


@dataclass(frozen=True)
class TileKey:
    """One tile of a pyramid: columns `index` * 256 and on of a level.

    A draft has a single frame for each column, so that something is visible while the tile itself is computed.
    """

    level: int
    index: int
    draft: bool = False


class Pyramid:
    """The spectrogram of a clip at every zoom.

    Frame f of level 0 is centred on sample f * hop, as in librosa with `center=True`, zeros beyond the edges; the
    channels are averaged, unless the clip names one to analyse. Making one is cheap for the STFT; "cqt" and "chroma"
    import librosa. All methods may be called from any thread.

    Parameters
    ----------
    clip : Clip
    view : View
    cache_bytes : int
        Size of the cache of computed tiles; the least recently used are dropped first.
    """

    COLUMNS = 256
    MAX_DIRECT_LEVEL = 2  # above it a tile is made of the two below it, which a later zoom finds in the cache

    def __init__(self, clip: Clip, view: View, cache_bytes: int = 192 << 20) -> None:
        self.clip = clip
        self.view = view
        self._transform: _Stft | _Cqt
        if view.transform in ("stft", "mel"):
            self._transform = _Stft(clip, view)
        else:
            self._transform = _Cqt(clip, view)
        self.frequencies_hz: NDArray[np.float64] = self._transform.frequencies_hz
        """(bins,): the centre of each row; for chroma, the pitch classes in the octave of middle C."""
        self.n_frames = 1 + clip.n_samples // view.hop
        self.finest_level = -max((view.hop // self._transform.finest_hop).bit_length() - 1, 0)
        self.coarsest_level = max((self.n_frames // 64).bit_length(), 0)
        self._cache: OrderedDict[TileKey, NDArray[np.float32]] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._cached_bytes = 0
        self._lock = threading.Lock()

    @property
    def duration_s(self) -> float:
        return self.clip.duration_s

    def column_s(self, level: int) -> float:
        """Return the time from one column of a level to the next, in seconds."""
        return float(self.view.hop * 2.0**level / self.clip.sample_rate)

    def n_columns(self, level: int) -> int:
        """Return the number of columns of a level over the whole clip."""
        if level >= 0:
            return -(-self.n_frames // (1 << level))
        return 1 + self.clip.n_samples // (self.view.hop >> -level)

    def span_s(self, key: TileKey) -> tuple[float, float]:
        """Return the start of a tile's first column and the end of its last one, in seconds.

        A frame extends half-way to its neighbours, so a picture begins half a frame before 0.
        """
        column_s = self.column_s(key.level)
        half_s = min(column_s, self.column_s(0)) / 2
        first, last = self._columns(key)
        return first * column_s - half_s, last * column_s - half_s

    def level_for(self, span_s: float, width_px: int) -> int:
        """Return the level with about one column per pixel, and never more, so that every column is visible."""
        columns_per_hop = self.column_s(0) * max(width_px, 1) / max(span_s, 1e-9)
        level = int(np.ceil(-np.log2(columns_per_hop) - 1e-9))
        return min(max(level, self.finest_level), self.coarsest_level)

    def tiles_for(self, start_s: float, end_s: float, width_px: int) -> list[TileKey]:
        """List the tiles that show a time range at a width, in the order in which to compute them.

        Drafts are first, then the tiles themselves, each from the middle of the range outwards.

        Parameters
        ----------
        start_s, end_s : float
            May reach beyond the clip.
        width_px : int
            Device pixels.

        Returns
        -------
        list of TileKey
            Empty if the range lies outside the clip.
        """
        level = self.level_for(end_s - start_s, width_px)
        tile_s = self.COLUMNS * self.column_s(level)
        last_tile = (self.n_columns(level) - 1) // self.COLUMNS
        if end_s <= start_s or end_s < 0 or start_s > self.duration_s:
            return []
        first = min(max(int(start_s // tile_s), 0), last_tile)
        last = min(max(int(end_s // tile_s), 0), last_tile)
        middle = ((start_s + end_s) / 2) / tile_s - 0.5
        order = sorted(range(first, last + 1), key=lambda index: abs(index - middle))
        drafts = [TileKey(level, index, draft=True) for index in order] if level > self.MAX_DIRECT_LEVEL else []
        return drafts + [TileKey(level, index) for index in order]

    def tile(self, key: TileKey, stop: Callable[[], bool] | None = None) -> NDArray[np.float32]:
        """Return one tile, from the cache or computed.

        Parameters
        ----------
        key : TileKey
        stop : callable, optional
            Called every few milliseconds; the computation stops once it returns True.

        Returns
        -------
        (bins, columns) float32 array
            In dB re a full-scale sine; 256 columns, fewer at the end of the clip. Not to be written to.

        Raises
        ------
        OvertakenError
            `stop` returned True.
        """
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        tile = self._compute(key, stop)
        tile.flags.writeable = False
        with self._lock:
            if key not in self._cache:
                self._cache[key] = tile
                self._cached_bytes += tile.nbytes
            while self._cached_bytes > self._cache_bytes and len(self._cache) > 1:
                self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return tile

    def picture(self, key: TileKey, stop: Callable[[], bool] | None = None) -> NDArray[np.uint8]:
        """Return one tile as bytes for the screen, (bins, columns), see `quantise`."""
        return quantise(self.tile(key, stop))

    def _columns(self, key: TileKey) -> tuple[int, int]:
        first = key.index * self.COLUMNS
        last = min(first + self.COLUMNS, self.n_columns(key.level))
        if not 0 <= first < last or not self.finest_level <= key.level <= self.coarsest_level:
            raise ValueError(f"this recording has no {key}")
        return first, last

    def _compute(self, key: TileKey, stop: Callable[[], bool] | None) -> NDArray[np.float32]:
        first, last = self._columns(key)
        hop = self.view.hop
        if key.draft:
            step = hop * 2**key.level
            power = self._transform.draft(np.arange(first, last) * step + step // 2)
        elif key.level <= 0:
            power = self._transform.power(first, last, hop >> -key.level, 1, stop)
        elif key.level <= self.MAX_DIRECT_LEVEL:
            n = 2**key.level
            power = self._transform.power(first * n, min(last * n, self.n_frames), hop, n, stop)
        else:
            below = [TileKey(key.level - 1, 2 * key.index), TileKey(key.level - 1, 2 * key.index + 1)]
            n_below = self.n_columns(key.level - 1)
            halves = [self.tile(half, stop) for half in below if half.index * self.COLUMNS < n_below]
            return _pairwise_max(np.concatenate(halves, axis=1))
        level_db = 10.0 * np.log10(np.maximum(power.T, 1e-20))
        return np.ascontiguousarray(np.maximum(level_db, FLOOR_DB), dtype=np.float32)


def _pairwise_max(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(bins, columns) to (bins, half as many), an odd last column alone."""
    if image.shape[1] % 2:
        image = np.concatenate([image, image[:, -1:]], axis=1)
    return np.maximum(image[:, ::2], image[:, 1::2])


def quantise(level_db: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Levels in dB as bytes: 0 is `LOWEST_DB` or less, each step `STEP_DB` more."""
    steps = (level_db - np.float32(LOWEST_DB)) * np.float32(1.0 / STEP_DB)
    quantised: NDArray[np.uint8] = np.clip(np.rint(steps), 0, 255).astype(np.uint8)
    return quantised


def _excerpt(clip: Clip, first: int, last: int) -> NDArray[np.float32]:
    """Return the samples `first` to `last` of `Clip.mono`, zeros where it has none: (last - first,)."""
    mono = clip.mono_part(max(first, 0), max(last, 0))
    before = min(max(-first, 0), last - first)
    return np.pad(mono, (before, last - first - before - mono.size))


class _Stft:
    """STFT or mel."""

    BATCH = 1 << 21  # windowed samples at once: 8 MB, and tens of milliseconds between two calls of `stop`

    def __init__(self, clip: Clip, view: View) -> None:
        self._clip = clip
        self._n_fft = n_fft = view.n_fft
        shape = {"hann": np.hanning, "hamming": np.hamming, "blackman": np.blackman}[view.window](n_fft + 1)[:-1]
        # A full-scale sine puts half of the window's sum into its bin.
        self._window = (shape * (2.0 / shape.sum())).astype(np.float32)
        self._bank: NDArray[np.float32] | None = None
        self.finest_hop = max(n_fft // 128, 8)
        self.frequencies_hz = np.arange(n_fft // 2 + 1, dtype=np.float64) * (clip.sample_rate / n_fft)
        if view.transform == "mel":
            edges = mel_to_hz(np.linspace(0.0, float(hz_to_mel(clip.sample_rate / 2)), view.n_mels + 2))
            self._bank = self._calibrated_bank(edges)
            self.frequencies_hz = edges[1:-1]

    def _calibrated_bank(self, edges_hz: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return triangles (bands, bins), scaled so that a full-scale sine at a band's centre reads 0 dB.

        A band without any bin gets a triangle that extends one bin to each side.
        """
        bin_hz = self._clip.sample_rate / self._n_fft
        bins_hz = self.frequencies_hz[None, :]
        low, centre, high = (edge[:, None] for edge in (edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]))
        triangles = np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre))
        hats = 1.0 - np.abs(bins_hz - centre) / bin_hz
        empty = (triangles <= 0).all(axis=1, keepdims=True)
        weights = np.maximum(np.where(empty, hats, triangles), 0.0)
        radians = 2.0 * np.pi / self._clip.sample_rate * (np.arange(self._n_fft) - self._n_fft // 2)
        for band, hz in zip(weights, centre, strict=True):
            sine = np.cos(hz * radians).astype(np.float32)
            band /= band @ self._spectra(sine[None, :])[0]
        return weights.astype(np.float32)

    def _spectra(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute power (frames, n_fft // 2 + 1) from samples (frames, n_fft)."""
        from scipy.fft import rfft

        spectra = rfft(frames * self._window, axis=1)
        power: NDArray[np.float32] = np.square(spectra.real) + np.square(spectra.imag)
        return power

    def _bands(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        return power if self._bank is None else power @ self._bank.T

    def power(self, first: int, last: int, hop: int, pool: int, stop: Callable[[], bool] | None) -> NDArray[np.float32]:
        """Compute frames `first` to `last` at `hop`, and the maximum over each `pool` of them, (columns, bins)."""
        batch = max(self.BATCH // self._n_fft // pool * pool, pool)
        columns = []
        for start in range(first, last, batch):
            if stop is not None and stop():
                raise OvertakenError
            end = min(start + batch, last)
            begin = start * hop - self._n_fft // 2
            samples = _excerpt(self._clip, begin, begin + (end - start - 1) * hop + self._n_fft)
            frames = np.lib.stride_tricks.sliding_window_view(samples, self._n_fft)[::hop]
            columns.append(_max_over(self._bands(self._spectra(frames)), pool))
        return np.concatenate(columns)

    def draft(self, centres: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compute one frame at each of these samples, (columns, bins)."""
        half = self._n_fft // 2
        rows = max(self.BATCH // self._n_fft, 1)
        columns = []
        for start in range(0, centres.size, rows):
            part = centres[start : start + rows].tolist()
            frames = np.stack([_excerpt(self._clip, centre - half, centre + half) for centre in part])
            columns.append(self._bands(self._spectra(frames)))
        return np.concatenate(columns)


class _Cqt:
    """Constant-Q transform by librosa, or chroma folded from it, in chunks that overlap by the filters' reach."""

    LOWEST_HZ = 32.70319566257483  # C1
    OCTAVES = 9

    def __init__(self, clip: Clip, view: View) -> None:
        from librosa.filters import cq_to_chroma, wavelet_lengths

        self._clip = clip
        self._chroma = view.transform == "chroma"
        self._bins_per_octave = 12 if self._chroma else 24
        frequencies_hz = self.LOWEST_HZ * 2.0 ** (
            np.arange(self.OCTAVES * self._bins_per_octave) / self._bins_per_octave
        )
        # librosa needs the whole pass-band of the highest filter below the Nyquist frequency.
        frequencies_hz = frequencies_hz[frequencies_hz * 1.1 < clip.sample_rate / 2]
        if not frequencies_hz.size:
            raise ValueError(f"a sample rate of {clip.sample_rate} Hz is too low for a constant-Q transform")
        self._cqt_hz = frequencies_hz
        self._lengths, _ = wavelet_lengths(freqs=frequencies_hz, sr=clip.sample_rate, alpha=None)
        self.frequencies_hz: NDArray[np.float64] = frequencies_hz
        self.finest_hop = 128
        if self._chroma:
            self._fold = cq_to_chroma(
                frequencies_hz.size, bins_per_octave=self._bins_per_octave, n_chroma=12, fmin=self.LOWEST_HZ
            )
            self.frequencies_hz = self.LOWEST_HZ * 2.0 ** (3 + np.arange(12) / 12)
        # 16384 samples hold a few periods of C1 at any usual rate.
        self._draft = _Stft(clip, View(n_fft=16384, hop=32))

    def power(self, first: int, last: int, hop: int, pool: int, stop: Callable[[], bool] | None) -> NDArray[np.float32]:
        """Compute the same as `_Stft.power`."""
        import librosa

        if stop is not None and stop():
            raise OvertakenError
        # The longest filter reaches half its length to each side, and librosa's decimation a little further.
        overlap_frames = -(-int(0.75 * self._lengths[0]) // hop)
        begin = (first - overlap_frames) * hop
        samples = _excerpt(self._clip, begin, (last + overlap_frames) * hop)
        cqt = librosa.cqt(
            samples,
            sr=self._clip.sample_rate,
            hop_length=hop,
            fmin=self.LOWEST_HZ,
            n_bins=self._cqt_hz.size,
            bins_per_octave=self._bins_per_octave,
            tuning=0.0,
        )
        # librosa divides by the root of a filter's length; a sine puts half of its amplitude on each side.
        amplitude = np.abs(cqt[:, overlap_frames : overlap_frames + last - first]).T * (2.0 / np.sqrt(self._lengths))
        return _max_over(np.square(self._rows(amplitude)), pool)

    def draft(self, centres: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compute drafts from an STFT: the strongest of the STFT bins in each bin of this transform."""
        half_bin = 2.0 ** (0.5 / self._bins_per_octave)
        edges_hz = np.append(self._cqt_hz / half_bin, self._cqt_hz[-1] * half_bin)
        edges = np.rint(edges_hz * (16384 / self._clip.sample_rate)).astype(np.intp)
        strongest = np.maximum.reduceat(self._draft.draft(centres), edges, axis=1)[:, :-1]
        return np.square(self._rows(np.sqrt(strongest)))

    def _rows(self, amplitude: NDArray[np.float32]) -> NDArray[np.float32]:
        return amplitude @ self._fold.T if self._chroma else amplitude


def _max_over(power: NDArray[np.float32], pool: int) -> NDArray[np.float32]:
    """Compute the maximum over each `pool` rows, over fewer at the end."""
    if pool == 1:
        return power
    missing = -power.shape[0] % pool
    if missing:
        power = np.concatenate([power, np.repeat(power[-1:], missing, axis=0)])
    pooled: NDArray[np.float32] = power.reshape(-1, pool, power.shape[1]).max(axis=1)
    return pooled
