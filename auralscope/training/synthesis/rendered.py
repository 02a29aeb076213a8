"""Render composed pieces into a cache folder."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
import soundfile

from auralscope.dsp.resampling import resample
from auralscope.errors import TrainingError
from auralscope.training.synthesis.render import Room, SoundFont, find_fluidsynth, find_font, render
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from auralscope.training.synthesis.score import Score


class Item(Protocol):
    """Piece of a corpus: its name in the folder, its seed and its sound font."""

    @property
    def name(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def font(self) -> SoundFont: ...


ItemType = TypeVar("ItemType", bound=Item)


class RenderedPieces(ABC, Generic[ItemType]):
    """Pieces rendered into a folder, mono at one rate; existing ones are not rendered again.

    Parameters
    ----------
    items : sequence of Item
    folder : Path
        The cache: a FLAC file for each piece.
    sample_rate : int
        In Hz.
    piece_s : float
        Maximum duration; the rest of a piece is cut off.
    font_folders : sequence of Path
        Folders of sound fonts, searched before the system's.
    """

    PLAYED_AT_HZ = 44_100

    def __init__(
        self,
        items: Sequence[ItemType],
        folder: Path,
        sample_rate: int,
        piece_s: float,
        font_folders: Sequence[Path] = (),
    ) -> None:
        self.items = list(items)
        self.folder = folder
        self.sample_rate = sample_rate
        self.piece_s = piece_s
        self.fonts = {item.font: find_font(item.font, font_folders) for item in self.items}

    @abstractmethod
    def _score(self, item: ItemType) -> Score:
        """Compose a piece."""

    def path(self, item: ItemType) -> Path:
        """Return the path of an item's sound, which may not exist yet."""
        return self.folder / f"{item.name}.flac"

    def render(self, progress: Progress = no_progress) -> None:
        """Compose and render the pieces that the cache lacks. An interruption leaves whole files only."""
        missing = [item for item in self.items if not self.path(item).is_file()]
        if not missing:
            return
        find_fluidsynth()
        self.folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            jobs = [pool.submit(self._render, item) for item in missing]
            try:
                for done, job in enumerate(jobs, 1):
                    job.result()
                    progress(done / len(missing))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _render(self, item: ItemType) -> None:
        font = self.fonts[item.font]
        clip = render(self._score(item), font, room=room_for(item.seed), sample_rate=self.PLAYED_AT_HZ)
        mono = resample(clip.excerpt(0.0, duration_s=self.piece_s).mono(), clip.sample_rate, self.sample_rate)
        # The level is arbitrary: augmentation draws a new one, or the front end normalises it.
        rms = float(np.sqrt(np.mean(mono**2)))
        if rms < 1e-5:
            raise TrainingError(f"The sound font {item.font.file_name} plays {item.name} as silence.")
        mono = np.clip(mono * (0.05 / rms), -1.0, 1.0)
        aside = self.path(item).with_suffix(".part")
        soundfile.write(aside, mono, self.sample_rate, format="FLAC", subtype="PCM_16")
        aside.replace(self.path(item))


def room_for(seed: int) -> Room:
    """Draw reverb and chorus for a piece."""
    rng = np.random.default_rng([seed, 1])
    level = float(rng.uniform(0.1, 0.9)) if rng.random() < 0.75 else 0.0
    chorus = float(rng.uniform(0.5, 2.5)) if rng.random() < 0.4 else 0.0
    return Room(float(rng.uniform(0.1, 0.9)), level, float(rng.uniform(0.0, 0.7)), chorus, gain=0.2)
