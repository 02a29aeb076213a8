"""What `auralscope labels` says: documents for programs, tables to read, files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.errors import AuralScopeError
from auralscope.files import write_aside
from auralscope.labels.comparison import Comparison, compare
from auralscope.labels.cooccurrence import Agreement, Correlation, agreement
from auralscope.labels.ground_truth import GroundTruth, load_ground_truth
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.nn.analysis.label_vectors import LabelVectors, Metric, Order
    from auralscope.nn.loaded import Model


class LabelReport:
    """A model's labels: how alike they are to it, and, where there is one, a ground truth beside it.

    Parameters
    ----------
    model : Model
    metric : {"cosine", "dot"}
    order : {"model", "alphabetical", "clustered", "category"}
    truth_files : sequence of Path
        See `labels.ground_truth`.
    progress : callable
        Of reading them, 0 to 1.
    """

    def __init__(
        self,
        model: Model,
        *,
        metric: Metric = "cosine",
        order: Order = "model",
        truth_files: Sequence[Path] = (),
        progress: Progress = no_progress,
    ) -> None:
        self.model = model
        self.metric: Metric = metric
        self.by: Order = order
        self.vectors: LabelVectors = model.label_vectors()
        self.truth: GroundTruth | None = None
        self.agreement: Agreement | None = None
        self.uncorrelated = ""
        if truth_files:
            self.truth = load_ground_truth(truth_files, self.vectors.labels, progress)
            try:
                self.agreement = agreement(self.vectors.similarity(metric), self.truth)
            except AuralScopeError as failure:
                self.uncorrelated = str(failure)
            self._conditional = self.truth.cooccurrence()

    def document(self, n_pairs: int) -> dict[str, Any]:
        """Plain values for JSON."""
        vectors = self.vectors
        pairs = vectors.pairs(self.metric)
        labels = vectors.labels
        document: dict[str, Any] = {
            "model": self.model.spec.id,
            "metric": self.metric,
            "order": self.by,
            "labels": [labels[place] for place in vectors.order(self.by)],
            "units": len(vectors.matrix),
            "layer": vectors.layer or None,
            "all_pairs": len(pairs),
            "negative_pairs": sum(pair.value < 0.0 for pair in pairs),
            "negative_pairs_by_label": {
                label: int(count)
                for label, count in zip(labels, (vectors.similarity(self.metric) < 0.0).sum(axis=1), strict=True)
            },
            "pairs": [
                {"rank": rank, "a": pair.a, "b": pair.b, "value": number(pair.value), **self._together(pair.a, pair.b)}
                for rank, pair in enumerate(pairs[:n_pairs], start=1)
            ],
        }
        if self.truth is not None:
            document["ground_truth"] = {
                "tracks": self.truth.tracks,
                "occurrences": dict(zip(labels, self.truth.occurrences.tolist(), strict=True)),
                "never": list(self.truth.never),
                "ignored_columns": list(self.truth.ignored),
                **self._agreement_document(n_pairs),
            }
        return document

    def _agreement_document(self, n_pairs: int) -> dict[str, Any]:
        if self.agreement is None:
            return {"spearman": None, "pearson": None, "problem": self.uncorrelated}
        apart, unlike = self.agreement.outliers(n_pairs)
        return {
            "correlated_pairs": len(self.agreement.points),
            "spearman": _correlation(self.agreement.spearman),
            "pearson": _correlation(self.agreement.pearson),
            "similar_but_apart": [plain(point._asdict()) for point in apart],
            "together_but_unlike": [plain(point._asdict()) for point in unlike],
        }

    def text(self, n_pairs: int) -> str:
        """Tables for a terminal."""
        vectors = self.vectors
        pairs = vectors.pairs(self.metric)
        heard = f" of {vectors.layer}" if vectors.layer else ""
        negative = sum(pair.value < 0.0 for pair in pairs)
        lines = [
            f"{self.model.spec.id}: {len(vectors.labels)} labels over {len(vectors.matrix)} units{heard}; "
            f"{len(pairs)} pairs, {negative} of them negative ({self.metric})"
        ]
        rows = [["rank", "similarity", "pair", *(["C(i, j)", "C(j, i)"] if self.truth else [])]]
        for rank, pair in enumerate(pairs[:n_pairs], start=1):
            beside = self._together(pair.a, pair.b).values()
            shown = ["-" if value is None else f"{value:.3f}" for value in beside]
            rows.append([str(rank), _signed(pair.value), f"{pair.a} / {pair.b}", *shown])
        lines += ["", aligned(rows)]
        if self.truth is not None:
            never = f"; never: {', '.join(self.truth.never)}, so undefined" if self.truth.never else ""
            lines += ["", f"{self.truth.tracks:,} tracks{never}.", *self._agreement_lines()]
        return "\n".join(lines)

    def _agreement_lines(self) -> list[str]:
        if self.agreement is None:
            return [self.uncorrelated]
        lines = ["Similarity against max(C(i, j), C(j, i)):"]
        for name, found in (("Spearman", self.agreement.spearman), ("Pearson", self.agreement.pearson)):
            lines.append(
                f"  {name:<9}{found.value:.3f}   other tracks {_range(found.over_tracks)}   "
                f"other labels {_range(found.over_labels)}"
            )
        for title, points in zip(
            ("Similar to the network, seldom together", "Together, unlike to the network"),
            self.agreement.outliers(8),
            strict=True,
        ):
            lines += ["", f"{title}:"]
            lines += [f"  {point.similarity:+.2f}  {point.together:5.1%}  {point.a} / {point.b}" for point in points]
        return lines

    def write(self, out: Path) -> None:
        """Write the heatmap, as a picture or as a table, by the ending of the file's name."""
        order = self.vectors.order(self.by)
        similarity = self.vectors.similarity(self.metric)
        if out.suffix.lower() == ".csv":
            write_aside(out, matrix_csv(similarity, self.vectors.labels, order))
            return
        from auralscope.reports.label_pictures import drawn, heatmaps

        panels = [(f"{self.model.spec.title}: label vectors, {self.metric}", similarity)]
        if self.truth is not None:
            panels.append(("Co-occurrence C(row, column); grey: undefined", self.truth.cooccurrence()))
        clustered = self.by == "clustered" and len(order) > 1
        linkage = self.vectors.linkage if clustered else None
        figure = heatmaps(panels, self.vectors.labels, order, linkage, self.agreement)
        write_aside(out, drawn(figure, out.suffix.lower()))

    def _together(self, a: str, b: str) -> dict[str, float | None]:
        """Both directions of a pair's co-occurrence, where there is a ground truth."""
        if self.truth is None:
            return {}
        i, j = self.vectors.labels.index(a), self.vectors.labels.index(b)
        return {"b_given_a": number(self._conditional[i, j]), "a_given_b": number(self._conditional[j, i])}


class ComparisonReport:
    """Two models' labels side by side.

    Parameters
    ----------
    first, second : Model
    metric : {"cosine", "dot"}
    order : str
        Of the first model's labels; see `LabelVectors.order`.
    """

    def __init__(self, first: Model, second: Model, *, metric: Metric = "cosine", order: Order = "model") -> None:
        self.first, self.second, self.metric, self.by = first, second, metric, order
        ours, theirs = first.label_vectors(), second.label_vectors()
        self.comparison: Comparison = compare(
            ours.labels, ours.similarity(metric), theirs.labels, theirs.similarity(metric)
        )
        kept = {label: place for place, label in enumerate(self.comparison.labels)}
        self.order = [kept[ours.labels[place]] for place in ours.order(order) if ours.labels[place] in kept]

    def document(self, n_pairs: int) -> dict[str, Any]:
        """Plain values for JSON."""
        found = self.comparison
        return {
            "model": self.first.spec.id,
            "compared_with": self.second.spec.id,
            "metric": self.metric,
            "order": self.by,
            "labels": [found.labels[place] for place in self.order],
            "spearman": number(found.spearman),
            "pearson": number(found.pearson),
            "disagreements": [plain(pair._asdict()) for pair in found.disagreements()[:n_pairs]],
        }

    def text(self, n_pairs: int) -> str:
        """A table for a terminal."""
        found = self.comparison
        rows = [["difference", self.first.spec.id, self.second.spec.id, "pair"]]
        for pair in found.disagreements()[:n_pairs]:
            values = (pair.difference, pair.first, pair.second)
            rows.append([*(_signed(value) for value in values), f"{pair.a} / {pair.b}"])
        return (
            f"{len(found.labels)} labels in common; over their pairs, Spearman {found.spearman:.3f}, "
            f"Pearson {found.pearson:.3f} ({self.metric})\n\n{aligned(rows)}"
        )

    def write(self, out: Path) -> None:
        """Write both heatmaps and their difference as a picture, or the difference as a table."""
        found = self.comparison
        if out.suffix.lower() == ".csv":
            write_aside(out, matrix_csv(found.difference, found.labels, self.order))
            return
        from auralscope.reports.label_pictures import drawn, heatmaps

        panels = [
            (self.first.spec.title, found.first),
            (self.second.spec.title, found.second),
            ("The first minus the second", found.difference),
        ]
        figure = heatmaps(panels, found.labels, self.order, difference=True)
        write_aside(out, drawn(figure, out.suffix.lower()))


def matrix_csv(matrix: NDArray[np.float64], labels: Sequence[str], order: Sequence[int]) -> bytes:
    """A matrix of labels as CSV with their names in the first line and the first column; undefined cells are empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["", *(labels[place] for place in order)])
    for row in order:
        cells = ["" if np.isnan(matrix[row, column]) else f"{matrix[row, column]:.6f}" for column in order]
        writer.writerow([labels[row], *cells])
    return stream.getvalue().encode()


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """A table for a terminal."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}" if math.isfinite(value) else "undefined"


def number(value: float) -> float | None:
    """A value for JSON; None where there is none."""
    return round(float(value), 6) if math.isfinite(value) else None


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values for JSON."""
    return {name: number(value) if isinstance(value, float) else value for name, value in values.items()}


def _correlation(found: Correlation) -> dict[str, Any]:
    return {
        "value": number(found.value),
        "over_tracks": [number(end) for end in found.over_tracks],
        "over_labels": [number(end) for end in found.over_labels],
    }


def _range(interval: tuple[float, float]) -> str:
    return f"[{interval[0]:.3f} {interval[1]:.3f}]"
