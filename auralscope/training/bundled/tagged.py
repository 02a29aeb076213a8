"""Corpus of the taggers: pieces by the arranger, and their mel images with tags, augmented as images.

No piece and no sound font is in two splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch
from torch.utils.data import Dataset

from auralscope.dsp.mel import filter_bank
from auralscope.nn.architectures.tags import SYNTHESISED_TAGS
from auralscope.training.synthesis.arranger import PIECE_S, arrange
from auralscope.training.synthesis.render import A320U, CSOUND, FLUID_R3, GENERAL_USER, MUSESCORE_FULL, TIM, SoundFont
from auralscope.training.synthesis.rendered import RenderedPieces
from auralscope.training.synthesis.tags import INSTRUMENT_TAGS, tags_of, vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.dsp.melgrams import StandardisedMelgram
    from auralscope.training.synthesis.score import Score
    from auralscope.training.windows import Split

# The sound fonts take turns. `font_samples` finds which share samples: FluidR3 with MuseScore's, CSOUND with TIM, and
# A320U a little with these two. TIM (validation) only chooses the epoch. GeneralUser (test) shares none with the
# training set, except a bongo, a triangle, and the programs in `SHARED`, which are avoided.
FONTS: dict[Split, tuple[SoundFont, ...]] = {
    "train": (FLUID_R3, MUSESCORE_FULL, A320U, CSOUND, FLUID_R3, MUSESCORE_FULL, A320U),
    "validation": (TIM,),
    "test": (GENERAL_USER,),
}
SHARED = {MUSESCORE_FULL: frozenset({5, 10, 39, 42})}
"""Programs that a font has in common with the test font: the first font plays pieces with these."""

# Far apart, so that splits of a larger corpus do not overlap.
FIRST_SEED: dict[Split, int] = {"train": 0, "validation": 1_000_000, "test": 2_000_000}
RECIPE = "3"


@dataclass(frozen=True)
class TaggedItem:
    """Piece of the corpus: its split, seed and sound font."""

    split: Split
    seed: int
    font: SoundFont

    @property
    def name(self) -> str:
        return f"{self.seed:07d}-{self.font.name}"


def plan(counts: dict[Split, int]) -> list[TaggedItem]:
    """List `counts` pieces of each split, its sound fonts taking turns."""
    return [
        TaggedItem(split, FIRST_SEED[split] + number, _font(FIRST_SEED[split] + number, FONTS[split]))
        for split, count in counts.items()
        for number in range(count)
    ]


def _font(seed: int, fonts: Sequence[SoundFont]) -> SoundFont:
    font = fonts[seed % len(fonts)]
    shared = SHARED.get(font)
    return fonts[0] if shared and any(part.program in shared for part in arrange(seed).score.parts) else font


class TaggedCorpus(RenderedPieces[TaggedItem]):
    """Rendered pieces of all styles; see `RenderedPieces` for the parameters."""

    PLAYED_AT_HZ = 24_000  # twice the taggers' sample rate; half of 44.1 kHz renders in half the time

    def __init__(
        self, items: Sequence[TaggedItem], folder: Path, sample_rate: int, font_folders: Sequence[Path] = ()
    ) -> None:
        super().__init__(items, folder / f"tagged-{RECIPE}-{sample_rate}", sample_rate, PIECE_S, font_folders)

    def _score(self, item: TaggedItem) -> Score:
        return arrange(item.seed).score

    def load(self, item: TaggedItem) -> NDArray[np.float32]:
        """Return the (n,) samples of a piece."""
        samples: NDArray[np.float32] = soundfile.read(self.path(item), dtype="float32")[0]
        return samples


class TaggedImages(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Mel images of windows with the tags of each; all pieces are in memory, in steps of half a decibel.

    Parameters
    ----------
    corpus : TaggedCorpus
    split : str
    front_end : StandardisedMelgram
    seed : int, optional
        Cut windows at random positions and augment them: window `k` is of piece `k` modulo their number. Some are mixed
        with a second window; of these only the instrument tags are known, the others are NaN. Without a seed: all
        windows of the pieces in order, unaltered.
    """

    STEP_DB = 0.5
    MIXED = 0.3
    SPEED = (0.92, 1.08)
    SEMITONES = 2.0

    def __init__(
        self, corpus: TaggedCorpus, split: Split, front_end: StandardisedMelgram, seed: int | None = None
    ) -> None:
        self.items = [item for item in corpus.items if item.split == split]
        self.front_end = front_end
        self.seed = seed
        self.frames = front_end.input_shape[1]
        self._centres_hz = front_end.frequencies_hz
        self._instruments = torch.tensor([tag in INSTRUMENT_TAGS for tag in SYNTHESISED_TAGS])
        self.pieces = [arrange(item.seed) for item in self.items]
        self._levels = torch.stack([self._level(corpus.load(item)) for item in self.items])
        self.per_piece = self._levels.shape[2] // self.frames

    def __len__(self) -> int:
        return len(self.items) * (self.per_piece if self.seed is None else 1)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        if self.seed is None:
            if number >= len(self):
                raise IndexError(number)
            place, which = divmod(number, self.per_piece)
            power, truth = self._cut(place, which * self.frames)
            return self.front_end.scaled(power)[None], truth
        rng = np.random.default_rng([self.seed, number])
        power, truth = self._altered(rng, number % len(self.items))
        if rng.random() < self.MIXED:
            other, others = self._altered(rng, int(rng.integers(len(self.items))))
            gain_db = float(rng.uniform(-8.0, 8.0))
            power = power / power.mean() + other / other.mean() * 10.0 ** (gain_db / 10.0)
            truth = torch.where(self._instruments, truth.maximum(others), torch.nan)
        return self.front_end.scaled(power)[None], truth

    def _altered(self, rng: np.random.Generator, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cut an augmented window at a random position; half of them at another tempo, half at another pitch."""
        speed = float(rng.uniform(*self.SPEED)) if rng.random() < 0.5 else 1.0
        room = self._levels.shape[2] - int(np.ceil(self.frames * speed))
        power, truth = self._cut(place, int(rng.integers(room + 1)), speed)
        if rng.random() < 0.5:
            power = transposed(power, float(rng.uniform(-self.SEMITONES, self.SEMITONES)), self._centres_hz)
        return augment(rng, power, self.front_end.hop_s), truth

    def _cut(self, place: int, first: int, speed: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the (bands, frames) power of a window, and its tags."""
        at = first + (torch.arange(self.frames) * speed).long()
        power = 10.0 ** (self._levels[place][:, at].float() * (-self.STEP_DB / 10.0))
        hop_s = self.front_end.hop_s
        tags = tags_of(self.pieces[place], first * hop_s, (first + self.frames * speed) * hop_s)
        return power, torch.from_numpy(vector(tags))

    def _level(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """Return the (bands, frames) uint8 image of a whole piece, in steps below its loudest cell."""
        front_end = self.front_end
        n = round(PIECE_S * front_end.sample_rate)
        stft = front_end.analyse(torch.from_numpy(np.resize(samples, n))).stft
        bank = filter_bank(front_end.n_fft, front_end.n_mels, front_end.sample_rate, stft.device, torch.float32)
        power = bank @ stft.abs().square()
        below_db = -10.0 * (power / power.max()).clamp(min=1e-12).log10()
        return (below_db / self.STEP_DB).round().to(torch.uint8)  # 120 dB is 240 steps


def transposed(power: torch.Tensor, semitones: float, centres_hz: NDArray[np.float64]) -> torch.Tensor:
    """Shift a (bands, frames) power image along frequency; `centres_hz` are the centres of the bands."""
    bands = centres_hz.size
    source = np.interp(centres_hz * 2.0 ** (-semitones / 12.0), centres_hz, np.arange(bands), right=-1.0)
    below = torch.from_numpy(np.clip(np.floor(source), 0, bands - 2)).long()
    share = torch.from_numpy(source).float().sub(below).clamp(0.0, 1.0)[:, None]
    moved = power[below] * (1.0 - share) + power[below + 1] * share
    return moved * torch.from_numpy(source >= 0.0)[:, None]


def augment(rng: np.random.Generator, power: torch.Tensor, frame_s: float) -> torch.Tensor:
    """Augment a mel power spectrogram.

    Recordings differ from a synthesiser's sound in balance, noise, room, dynamics and tempo; tags must not depend on
    these. A smooth equaliser, sometimes without lows or highs; reverberation as a decay along each band; noise between
    white and brown; expansion or compression of the level in dB.

    Parameters
    ----------
    rng : numpy.random.Generator
    power : (bands, frames) tensor
        Largest value about 1.
    frame_s : float
        Time from one frame to the next.

    Returns
    -------
    (bands, frames) tensor
    """
    bands, frames = power.shape
    place = torch.linspace(0.0, 1.0, bands)
    knots = torch.from_numpy(rng.normal(0.0, 5.0, 7)).float()
    gain_db = torch.nn.functional.interpolate(knots[None, None], size=bands, mode="linear", align_corners=True)[0, 0]
    if rng.random() < 0.25:
        gain_db = gain_db - 60.0 * (place - float(rng.uniform(0.5, 0.95))).clamp(min=0.0)
    if rng.random() < 0.2:
        gain_db = gain_db - 150.0 * (float(rng.uniform(0.03, 0.15)) - place).clamp(min=0.0)
    power = power * 10.0 ** (gain_db[:, None] / 10.0)
    if rng.random() < 0.4:
        power = _reverberate(power, frame_s, float(rng.uniform(0.3, 2.5)), float(rng.uniform(0.01, 0.3)))
    if rng.random() < 0.5:
        slope = float(rng.uniform(0.0, 40.0))
        floor_db = float(rng.uniform(-80.0, -35.0)) - slope * place
        shimmer = torch.from_numpy(rng.chisquare(4.0, (bands, frames)).astype(np.float32) / 4.0)
        power = power + power.max() * 10.0 ** (floor_db[:, None] / 10.0) * shimmer
    if rng.random() < 0.4:
        power = power ** float(rng.uniform(0.75, 1.15))
    return power


def _reverberate(power: torch.Tensor, frame_s: float, decay_s: float, level: float) -> torch.Tensor:
    """Let the energy of each band decay by 60 dB in about `decay_s`, faster in high bands."""
    bands = power.shape[0]
    decay = decay_s * torch.linspace(1.2, 0.4, bands)
    length = min(int(decay_s / frame_s) + 1, 128)
    tail = 10.0 ** (-6.0 * torch.arange(length) * frame_s / decay[:, None])
    tail = level * tail / tail.sum(dim=1, keepdim=True)
    tail[:, 0] += 1.0 - level
    padded = torch.nn.functional.pad(power, (length - 1, 0))
    wet = torch.nn.functional.conv1d(padded[None], tail.flip(1)[:, None], groups=bands)
    return wet[0]
