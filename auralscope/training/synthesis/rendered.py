"""Composed pieces as sound in a folder: what every corpus shares."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
import soundfile

from auralscope.dsp.resampling import resample
from auralscope.errors import TrainingError
from auralscope.terminal import say, show_status
from auralscope.training.synthesis.render import Room, SoundFont, find_fluidsynth, find_font, render

if TYPE_CHECKING:
    from auralscope.training.synthesis.score import Score


class Item(Protocol):
    """One piece: its name in the folder, its seed, and the sound font that plays it."""

    @property
    def name(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def font(self) -> SoundFont: ...


ItemType = TypeVar("ItemType", bound=Item)


class RenderedPieces(ABC, Generic[ItemType]):
    """Rendered pieces in a folder, mono at one rate; what is there already is not rendered again.

    Parameters
    ----------
    items : sequence of Item
    folder : Path
    sample_rate : int
        In Hz.
    piece_s : float
        What is kept of each.
    font_folders : sequence of Path
        Looked at for sound fonts before the system's folders.
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
        """Where an item's sound is, or will be."""
        return self.folder / f"{item.name}.flac"

    def render(self, report: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        """Compose and render what the cache lacks; an interruption leaves whole files only."""
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
                    report(done, len(missing))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _render(self, item: ItemType) -> None:
        font = self.fonts[item.font]
        clip = render(self._score(item), font, room=room_for(item.seed), sample_rate=self.PLAYED_AT_HZ)
        mono = resample(clip.excerpt(0.0, duration_s=self.piece_s).mono(), clip.sample_rate, self.sample_rate)
        # Level carries nothing: it is drawn anew for each window, or taken out by the front end.
        rms = float(np.sqrt(np.mean(mono**2)))
        if rms < 1e-5:
            raise TrainingError(f"The sound font {item.font.file_name} plays {item.name} as silence.")
        mono = np.clip(mono * (0.05 / rms), -1.0, 1.0)
        aside = self.path(item).with_suffix(".part")
        soundfile.write(aside, mono, self.sample_rate, format="FLAC", subtype="PCM_16")
        aside.replace(self.path(item))


def room_for(seed: int) -> Room:
    """Reverb and chorus that belong to a piece."""
    rng = np.random.default_rng([seed, 1])
    level = float(rng.uniform(0.1, 0.9)) if rng.random() < 0.75 else 0.0
    chorus = float(rng.uniform(0.5, 2.5)) if rng.random() < 0.4 else 0.0
    return Room(float(rng.uniform(0.1, 0.9)), level, float(rng.uniform(0.0, 0.7)), chorus, gain=0.2)


def show_progress(done: int, total: int) -> None:
    """Show how many pieces are rendered: a status on a terminal, and a line for every fifty."""
    (say if done % 50 == 0 or done == total else show_status)(f"rendered {done}/{total}")
