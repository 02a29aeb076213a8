"""Report on the similarity of a model's labels, beside the labels' co-occurrence in a ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auralscope.errors import AuralScopeError
from auralscope.files import write_aside
from auralscope.labels.cooccurrence import Agreement, Correlation, agreement
from auralscope.labels.ground_truth import GroundTruth, load_ground_truth
from auralscope.labels.table import matrix_csv
from auralscope.reports.tables import aligned, number, plain, signed
from auralscope.types import Progress, no_progress
from auralscope.wording import percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.nn.analysis.label_vectors import LabelVectors, Metric, Order
    from auralscope.nn.loaded import Model


@dataclass(frozen=True, eq=False)
class Similarity:
    """The similarity of a model's labels, and a ground truth if one was given.

    Attributes
    ----------
    model : Model
    metric : {"cosine", "dot"}
    by : {"model", "alphabetical", "clustered", "category"}
        The order of the labels.
    truth : GroundTruth, optional
    agreement : Agreement, optional
        Correlation of similarity and co-occurrence.
    problem : str
        Why there is a ground truth and no correlation.
    """

    model: Model
    metric: Metric
    by: Order
    truth: GroundTruth | None = None
    agreement: Agreement | None = None
    problem: str = ""

    @property
    def vectors(self) -> LabelVectors:
        """The label vectors of the model."""
        return self.model.label_vectors()

    @property
    def values(self) -> NDArray[Any]:
        """The similarity of the labels, (labels, labels)."""
        return self.vectors.similarity(metric=self.metric)

    def cooccurrence(self, a: str, b: str) -> list[float | None]:
        """Return C(a, b) and C(b, a) of two labels; an empty list without a ground truth."""
        if self.truth is None:
            return []
        i, j = self.vectors.labels.index(a), self.vectors.labels.index(b)
        conditional = self.truth.cooccurrence()
        return [number(conditional[i, j]), number(conditional[j, i])]


def measure(
    model: Model,
    metric: Metric = "cosine",
    order: Order = "model",
    truth_files: Sequence[Path] = (),
    progress: Progress = no_progress,
) -> Similarity:
    """Compute the similarity of a model's labels, and its correlation with co-occurrence in a ground truth.

    Parameters
    ----------
    model : Model
    metric : {"cosine", "dot"}
    order : {"model", "alphabetical", "clustered", "category"}
    truth_files : sequence of Path
        The files of the ground truth; see `labels.ground_truth`.
    progress : callable
        Receives the share of the files that has been read.
    """
    if not truth_files:
        return Similarity(model, metric, order)
    vectors = model.label_vectors()
    truth = load_ground_truth(truth_files, vectors.labels, progress)
    try:
        return Similarity(model, metric, order, truth, agreement(vectors.similarity(metric=metric), truth))
    except AuralScopeError as failure:
        return Similarity(model, metric, order, truth, problem=str(failure))


def document(found: Similarity, n_pairs: int) -> dict[str, Any]:
    """Return the report as a JSON document with at most `n_pairs` pairs of labels in each list."""
    vectors, truth = found.vectors, found.truth
    pairs = vectors.pairs(metric=found.metric)
    negative = (found.values < 0.0).sum(axis=1).tolist()
    directions = ("b_given_a", "a_given_b")
    result: dict[str, Any] = {
        "model": found.model.spec.id,
        "metric": found.metric,
        "order": found.by,
        "labels": [vectors.labels[place] for place in vectors.order(by=found.by)],
        "units": len(vectors.matrix),
        "layer": vectors.layer or None,
        "all_pairs": len(pairs),
        "negative_pairs": sum(pair.value < 0.0 for pair in pairs),
        "negative_pairs_by_label": dict(zip(vectors.labels, negative, strict=True)),
        "pairs": [
            {"rank": rank, "a": pair.a, "b": pair.b, "value": number(pair.value)}
            | dict(zip(directions, found.cooccurrence(pair.a, pair.b), strict=False))
            for rank, pair in enumerate(pairs[:n_pairs], start=1)
        ],
    }
    if truth is not None:
        result["ground_truth"] = {
            "tracks": truth.tracks,
            "occurrences": dict(zip(vectors.labels, truth.occurrences.tolist(), strict=True)),
            "never": list(truth.never),
            "ignored_columns": list(truth.ignored),
        }
        if found.agreement is None:
            result["ground_truth"] |= {"spearman": None, "pearson": None, "problem": found.problem}
        else:
            apart, unlike = found.agreement.outliers(n_pairs)
            result["ground_truth"] |= {
                "correlated_pairs": len(found.agreement.points),
                "spearman": _correlation(found.agreement.spearman),
                "pearson": _correlation(found.agreement.pearson),
                "similar_but_apart": [plain(point._asdict()) for point in apart],
                "together_but_unlike": [plain(point._asdict()) for point in unlike],
            }
    return result


def _correlation(found: Correlation) -> dict[str, Any]:
    return {
        "value": number(found.value),
        "over_tracks": [number(end) for end in found.over_tracks],
        "over_labels": [number(end) for end in found.over_labels],
    }


def text(found: Similarity, n_pairs: int) -> str:
    """Return the report as tables for a terminal with at most `n_pairs` pairs of labels."""
    vectors = found.vectors
    pairs = vectors.pairs(metric=found.metric)
    of_layer = f" of {vectors.layer}" if vectors.layer else ""
    lines = [
        f"{found.model.spec.id}: {len(vectors.labels)} labels over {len(vectors.matrix)} units{of_layer}; "
        f"{len(pairs)} pairs, {sum(pair.value < 0.0 for pair in pairs)} of them negative ({found.metric})",
        "",
    ]
    rows = [["rank", "similarity", "pair", *(["C(i, j)", "C(j, i)"] if found.truth else [])]]
    for rank, pair in enumerate(pairs[:n_pairs], start=1):
        cells = ["-" if value is None else f"{value:.3f}" for value in found.cooccurrence(pair.a, pair.b)]
        rows.append([str(rank), signed(pair.value), f"{pair.a} / {pair.b}", *cells])
    lines.append(aligned(rows))
    if found.truth is not None:
        never = f"; never: {', '.join(found.truth.never)}, so undefined" if found.truth.never else ""
        lines += ["", f"{found.truth.tracks:,} tracks{never}."]
        lines += _agreement_lines(found.agreement) if found.agreement else [found.problem]
    return "\n".join(lines)


def _agreement_lines(found: Agreement) -> list[str]:
    lines = ["Similarity against max(C(i, j), C(j, i)), with 95 % intervals:"]
    for name, one in (("Spearman", found.spearman), ("Pearson", found.pearson)):
        tracks, labels = (f"[{low:.3f} {high:.3f}]" for low, high in (one.over_tracks, one.over_labels))
        lines.append(f"  {name:<9}{one.value:.3f}   over other tracks {tracks}   over other labels {labels}")
    titles = ("Similar to the model, seldom on the same track", "Often on the same track, not similar to the model")
    for title, points in zip(titles, found.outliers(8), strict=True):
        lines += ["", f"{title}:"]
        for point in points:
            together = percent(point.together, 1, rounded=True)
            lines.append(f"  {point.similarity:+.2f}  {together:>6}  {point.a} / {point.b}")
    return lines


def write(found: Similarity, out: Path) -> None:
    """Write the similarity as a heatmap (.png, .svg) with the co-occurrence beside it, or as a table (.csv)."""
    vectors, order = found.vectors, found.vectors.order(by=found.by)
    if out.suffix.lower() == ".csv":
        write_aside(out, matrix_csv(found.values, vectors.labels, order))
        return
    from auralscope.reports.label_pictures import heatmaps
    from auralscope.reports.pictures import write_figure

    panels = [(f"{found.model.spec.title}: label vectors, {found.metric}", found.values)]
    if found.truth is not None:
        panels.append(("Co-occurrence C(row, column); grey: undefined", found.truth.cooccurrence()))
    linkage = vectors.linkage if found.by == "clustered" and len(order) > 1 else None
    write_figure(heatmaps(panels, vectors.labels, order, linkage, found.agreement), out)
