"""Render a corpus, fit a network and write its weights: the steps that the trainings of bundled models share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auralscope import registry
from auralscope.terminal import show_status
from auralscope.training.checkpoint import export
from auralscope.training.fit import Fitted, Settings, fit
from auralscope.training.windows import FreshWindows
from auralscope.wording import percent

if TYPE_CHECKING:
    from torch import nn

    from auralscope.nn.model import ModelSpec
    from auralscope.training.synthesis.rendered import RenderedPieces


@dataclass(frozen=True)
class Training:
    """Training of a bundled model.

    Attributes
    ----------
    model_id : str
        A model of the registry.
    out : Path
        Folder for weights and card; made if it does not exist.
    n_pieces : int
        Pieces to compose.
    cache : Path
        Folder of rendered sound.
    settings : Settings
    command : str
        The command line, for the card.
    font_folders : tuple of Path
        Folders of sound fonts, searched before the system's.
    start_from : Path, optional
        Weights (safetensors) to continue from. Default: a new initialisation.
    """

    model_id: str
    out: Path
    n_pieces: int
    cache: Path
    settings: Settings
    command: str
    font_folders: tuple[Path, ...] = ()
    start_from: Path | None = None

    @cached_property
    def spec(self) -> ModelSpec:
        return registry.find_spec(self.model_id)

    def render(self, corpus: RenderedPieces[Any]) -> None:
        """Render the pieces that are not in the cache yet, and make the folder of the results."""
        corpus.render(lambda share: show_status(f"rendering: {percent(share, rounded=True)}"))
        self.out.mkdir(parents=True, exist_ok=True)

    def fit(self, network: nn.Module, training: Any, validation: Any, repeats: int) -> tuple[Fitted, Path]:
        """Fit a network, with some windows of each piece in an epoch; write the best weights and return their file."""
        best_file = self.out / f"{self.spec.id}.best.safetensors"
        fitted = fit(
            network,
            training,
            validation,
            sampler=FreshWindows(len(training), repeats, self.settings.seed),
            settings=self.settings,
            best_file=best_file,
        )
        weights = self.out / f"{self.spec.id}.safetensors"
        export(network, weights)
        best_file.unlink()
        return fitted, weights
