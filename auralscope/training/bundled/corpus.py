"""The synthesised corpus: which piece is played by which sound font, the cache of sound, windows for a network.

Pieces are kept apart: what a network is tested on is composed from seeds that were in neither training nor validation.
So are sound fonts, but TimGM6mb shares most of its samples with sf_GMbank, which is trained on: validation's OPL-3 is
the one of which nothing was heard. The tagged corpus keeps them apart better.
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
# Rendering's version: a change to what a seed sounds like must not meet an old cache.
RECIPE = "1"


@dataclass(frozen=True)
class Item:
    """One piece of the corpus: its genre, its seed, and the sound font that plays it."""

    split: Split
    genre: str
    seed: int
    font: SoundFont

    @property
    def name(self) -> str:
        return f"{self.genre}-{self.seed:05d}-{self.font.name}"


def plan(n_pieces: int, genres: Sequence[str]) -> list[Item]:
    """Share `n_pieces` out over splits, genres and sound fonts, equally over genres.

    Raises
    ------
    TrainingError
        For a genre that nobody here composes, or too few pieces for three splits.
    """
    unknown = [genre for genre in genres if genre not in composer.GENRES]
    if unknown:
        raise TrainingError(
            f"No music is composed here for {', '.join(unknown)}; there is {', '.join(composer.GENRES)}."
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
    """Rendered pieces in a folder, mono at one rate; what is there already is not rendered again.

    Parameters
    ----------
    items : sequence of Item
    folder : Path
        The cache: a FLAC file for each piece.
    sample_rate : int
        In Hz.
    font_folders : sequence of Path
        Looked at for sound fonts before the system's folders.
    materials : sequence of Material
        Harmonies and tunes to arrange, in every second piece; the others are invented.
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
        """The song that a piece arranges: for odd seeds number `seed`, so that none is in two splits."""
        return self.materials[item.seed] if item.seed % 2 and item.seed < len(self.materials) else None

    def _score(self, item: Item) -> Score:
        return compose(item.genre, item.seed, self.material(item))

    def load(self, split: Split) -> list[tuple[Item, NDArray[np.int16]]]:
        """All sound of a split, (n,) int16 each."""
        return [(item, soundfile.read(self.path(item), dtype="int16")[0]) for item in self.items if item.split == split]


class TrainingWindows(Dataset[tuple[torch.Tensor, int]]):
    """Windows drawn and augmented anew each time: number `k` is of piece k modulo the number of pieces."""

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
    """All windows of the pieces, one after another, as they are; silent ones are left out."""

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
                # Half precision holds the image to 0.05 %, in half of the memory.
                self.images.append(network_input(front_end, window).half())
                self.labels.append(genres.index(item.genre))
                self.items.append(item)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return self.images[number].float(), self.labels[number]
