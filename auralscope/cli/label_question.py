"""What `auralscope labels` may be asked, and which report answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from auralscope.errors import AuralScopeError
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from auralscope.nn.analysis.label_vectors import Metric, Order
    from auralscope.nn.loaded import Model


class Report(Protocol):
    """An answer."""

    def document(self, n_pairs: int) -> dict[str, Any]:
        """Plain values for JSON, with so many pairs where it is about pairs."""
        ...

    def text(self, n_pairs: int) -> str:
        """Tables for a terminal."""
        ...

    def write(self, out: Path) -> None:
        """Write a picture or a table, by the ending of the file's name."""
        ...


@dataclass(frozen=True)
class Question:
    """What is asked about a model's labels; of several things only those that go together.

    Attributes
    ----------
    metric, order : str
        See `LabelVectors`.
    truth : sequence of Path
        A ground truth's files.
    compare : str, optional
        Another model's id.
    device : str
        Of that model.
    noise : Path, optional
        Tracks judged again.
    scored : Path, optional
        Scores, or a folder of recordings, to rate by the ground truth.
    kernels : sequence of Path, optional
        What the first layer's kernels answer to, with recordings or without.
    recordings : sequence of Path
        Of which a map is made.
    """

    metric: Metric = "cosine"
    order: Order = "model"
    truth: Sequence[Path] = ()
    compare: str | None = None
    device: str = "auto"
    noise: Path | None = None
    scored: Path | None = None
    kernels: Sequence[Path] | None = None
    recordings: Sequence[Path] = ()

    def check(self, out: Path | None) -> None:
        """Refuse, before any work, what cannot be answered or written in the end.

        Raises
        ------
        AuralScopeError
        """
        about_noise = self.noise is not None or self.scored is not None
        if about_noise and (self.compare or self.recordings or self.kernels is not None):
            raise AuralScopeError(
                "--noise and --auc go together, and with --cooccurrence; ask for the rest on its own."
            )
        endings = (".png", ".svg") if about_noise or self.kernels is not None else (".png", ".svg", ".csv")
        if out is not None and out.suffix.lower() not in endings:
            raise AuralScopeError(f"--out takes a name that ends in {', '.join(endings)}, not '{out.name}'.")

    def answer(self, model: Model, progress: Progress = no_progress) -> Report:
        """Make the report; `progress` is called with 0 to 1, and what it raises ends the work."""
        if self.recordings or self.kernels is not None:
            from auralscope.reports.layers import KernelReport, MapReport

            if self.recordings:
                return MapReport(model, self.recordings, progress)
            return KernelReport(model, self.kernels or (), progress)
        if self.noise is not None or self.scored is not None:
            from auralscope.reports.label_quality import QualityReport

            return QualityReport(
                model, noise_file=self.noise, scored=self.scored, truth_files=self.truth, progress=progress
            )
        from auralscope.reports.labels import ComparisonReport, LabelReport

        if self.compare:
            from auralscope.catalogue import load_model

            other = load_model(self.compare, self.device)
            return ComparisonReport(model, other, metric=self.metric, order=self.order)
        return LabelReport(model, metric=self.metric, order=self.order, truth_files=self.truth, progress=progress)
