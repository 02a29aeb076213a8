"""Report on how two models differ in the similarity of the labels that both have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auralscope.files import write_aside
from auralscope.labels.comparison import Comparison, compare
from auralscope.labels.table import matrix_csv
from auralscope.reports.tables import aligned, number, plain, signed

if TYPE_CHECKING:
    from auralscope.nn.analysis.label_vectors import Metric, Order
    from auralscope.nn.loaded import Model


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """The labels of two models.

    Attributes
    ----------
    first, second : Model
    metric : {"cosine", "dot"}
    by : {"model", "alphabetical", "clustered", "category"}
        The order of the first model's labels.
    labels : Comparison
    order : list of int
        Positions in `labels`, in that order.
    """

    first: Model
    second: Model
    metric: Metric
    by: Order
    labels: Comparison
    order: list[int]


def measure(first: Model, second: Model, metric: Metric = "cosine", order: Order = "model") -> ModelComparison:
    """Compare the similarities that two models give to the labels of both."""
    ours, theirs = first.label_vectors(), second.label_vectors()
    found = compare(ours.labels, ours.similarity(metric=metric), theirs.labels, theirs.similarity(metric=metric))
    common = {label: place for place, label in enumerate(found.labels)}
    names = (ours.labels[place] for place in ours.order(by=order))
    return ModelComparison(first, second, metric, order, found, [common[name] for name in names if name in common])


def document(found: ModelComparison, n_pairs: int) -> dict[str, Any]:
    """Return the report as a JSON document with at most `n_pairs` pairs of labels."""
    labels = found.labels
    return {
        "model": found.first.spec.id,
        "compared_with": found.second.spec.id,
        "metric": found.metric,
        "order": found.by,
        "labels": [labels.labels[place] for place in found.order],
        "spearman": number(labels.spearman),
        "pearson": number(labels.pearson),
        "disagreements": [plain(pair._asdict()) for pair in labels.disagreements()[:n_pairs]],
    }


def text(found: ModelComparison, n_pairs: int) -> str:
    """Return the report as a table for a terminal with at most `n_pairs` pairs of labels."""
    labels = found.labels
    rows = [["difference", found.first.spec.id, found.second.spec.id, "pair"]]
    for pair in labels.disagreements()[:n_pairs]:
        rows.append([signed(pair.difference), signed(pair.first), signed(pair.second), f"{pair.a} / {pair.b}"])
    return (
        f"{len(labels.labels)} labels in common; over their pairs, Spearman {labels.spearman:.3f}, "
        f"Pearson {labels.pearson:.3f} ({found.metric})\n\n{aligned(rows)}"
    )


def write(found: ModelComparison, out: Path) -> None:
    """Write both similarities and their difference as heatmaps (.png, .svg), or the difference as a table (.csv)."""
    labels = found.labels
    if out.suffix.lower() == ".csv":
        write_aside(out, matrix_csv(labels.difference, labels.labels, found.order))
        return
    from auralscope.reports.label_pictures import heatmaps
    from auralscope.reports.pictures import write_figure

    panels = [
        (found.first.spec.title, labels.first),
        (found.second.spec.title, labels.second),
        ("The first minus the second", labels.difference),
    ]
    write_figure(heatmaps(panels, labels.labels, found.order, difference=True), out)
