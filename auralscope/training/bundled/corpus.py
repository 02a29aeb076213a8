"""Corpus of the genre convnet: pieces with their sound fonts and splits, and windows of their sound.

No piece and no sound font is in two splits. But TimGM6mb (test) shares most of its samples with sf_GMbank (training);
only OPL-3 (validation) shares none. The tagged corpus separates its sound fonts better.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch
from torch.utils.data import Dataset

from auralscope.errors import TrainingError
from auralscope.training.bundled.augment import augment, cut
from auralscope.training.synthesis import composer
from auralscope.training.synthesis.composer import PIECE_S, Material, compose
from auralscope.training.synthesis.render import CSOUND, FLUID_R3, MUSESCORE, OPL3, TIM, SoundFont
from auralscope.training.synthesis.rendered import RenderedPieces
from auralscope.training.windows import Split, network_input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd
    from auralscope.training.synthesis.score import Score

SPLIT_FONTS: dict[Split, tuple[SoundFont, ...]] = {
    "train": (FLUID_R3, MUSESCORE, CSOUND),
    "validation": (OPL3,),
    "test": (TIM,),
}
SPLIT_SHARES: dict[Split, float] = {"train": 0.76, "validation": 0.1, "test": 0.14}
RECIPE = "1"
"""Version of composer and rendering; another one makes another cache."""


@dataclass(frozen=True)
class Item:
    """Piece of the corpus: its split, genre, seed and sound font."""

    split: Split
    genre: str
    seed: int
    font: SoundFont

    @property
    def name(self) -> str:
        return f"{self.genre}-{self.seed:05d}-{self.font.name}"


def plan(n_pieces: int, genres: Sequence[str]) -> list[Item]:
    """Distribute `n_pieces` over splits, genres and sound fonts, equally over genres.

    Raises
    ------
    TrainingError
        The composer does not know a genre, or the pieces are too few for three splits.
    """
    unknown = [genre for genre in genres if genre not in composer.GENRES]
    if unknown:
        raise TrainingError(
            f"The composer does not know the genres {', '.join(unknown)}; it knows {', '.join(composer.GENRES)}."
        )
    each = n_pieces // len(genres)
    counts = {split: max(round(each * share), 1) for split, share in SPLIT_SHARES.items()}
    if each < len(counts):
        raise TrainingError(
            f"{n_pieces} pieces are too few: at least {len(counts) * len(genres)} are needed for {len(genres)} genres."
        )
    items = []
    for genre in genres:
        seed = 0
        for split, count in counts.items():
            fonts = SPLIT_FONTS[split]
            for place in range(count):
                items.append(Item(split, genre, seed, fonts[place % len(fonts)]))
                seed += 1
    return items


class Corpus(RenderedPieces[Item]):
    """Rendered pieces of the three genres.

    Parameters
    ----------
    items, folder, sample_rate, font_folders
        See `RenderedPieces`.
    materials : sequence of Material
        Harmonies and melodies to arrange, in every second piece; the others are invented.
    """

    def __init__(
        self,
        items: Sequence[Item],
        folder: Path,
        sample_rate: int,
        font_folders: Sequence[Path] = (),
        materials: Sequence[Material] = (),
    ) -> None:
        self.materials = materials
        tag = hashlib.sha256(f"{RECIPE} {len(materials)} {sample_rate}".encode()).hexdigest()[:8]
        super().__init__(items, folder / f"audio-{tag}", sample_rate, PIECE_S, font_folders)

    def material(self, item: Item) -> Material | None:
        """Return the song that a piece arranges. An odd seed has the song of its number: no song is in two splits."""
        return self.materials[item.seed] if item.seed % 2 and item.seed < len(self.materials) else None

    def _score(self, item: Item) -> Score:
        return compose(item.genre, item.seed, self.material(item))

    def load(self, split: Split) -> list[tuple[Item, NDArray[np.int16]]]:
        """Return the pieces of a split with their (n,) int16 samples."""
        return [(item, soundfile.read(self.path(item), dtype="int16")[0]) for item in self.items if item.split == split]


class TrainingWindows(Dataset[tuple[torch.Tensor, int]]):
    """Augmented windows at random positions: window `k` is of piece `k` modulo their number, and always the same."""

    def __init__(
        self,
        pieces: Sequence[tuple[Item, NDArray[np.int16]]],
        genres: Sequence[str],
        front_end: FrontEnd,
        seed: int = 0,
    ) -> None:
        self.pieces = pieces
        self.genres = tuple(genres)
        self.front_end = front_end
        self.seed = seed

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        rng = np.random.default_rng([self.seed, number])
        item, stored = self.pieces[number % len(self.pieces)]
        sound = stored.astype(np.float32) / 32768.0
        window = augment(rng, cut(rng, sound, self.front_end.window_samples), self.front_end.sample_rate)
        return network_input(self.front_end, window), self.genres.index(item.genre)


class EvaluationWindows(Dataset[tuple[torch.Tensor, int]]):
    """All windows of the pieces in order, unaltered, without silent ones."""

    def __init__(
        self, pieces: Sequence[tuple[Item, NDArray[np.int16]]], genres: Sequence[str], front_end: FrontEnd
    ) -> None:
        size = front_end.window_samples
        self.images: list[torch.Tensor] = []
        self.labels: list[int] = []
        self.items: list[Item] = []
        for item, stored in pieces:
            for first in range(0, stored.size - size + 1, size):
                window = stored[first : first + size].astype(np.float32) / 32768.0
                if float(np.sqrt(np.mean(window**2))) < 1e-3:
                    continue
                # Half precision is exact to 0.05 % and needs half the memory.
                self.images.append(network_input(front_end, window).half())
                self.labels.append(genres.index(item.genre))
                self.items.append(item)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return self.images[number].float(), self.labels[number]
