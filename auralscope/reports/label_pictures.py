"""Draw label vectors: heatmaps of similarity and co-occurrence, and the scatter of one over the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from auralscope.labels.cooccurrence import Agreement

DIVERGING = "RdBu_r"
UNDEFINED = "0.75"
"""Grey, which is not in the diverging colour map."""


def heatmaps(
    panels: Sequence[tuple[str, NDArray[np.float64]]],
    labels: Sequence[str],
    order: Sequence[int],
    linkage: NDArray[np.float64] | None = None,
    agreement: Agreement | None = None,
    difference: bool = False,
) -> Figure:
    """Draw matrices over labels side by side, in one order.

    Parameters
    ----------
    panels : sequence of (title, (labels, labels) array)
        The colour map is centred on zero; NaN is grey.
    labels : sequence of str
    order : sequence of int
        Positions of the labels, from the top down.
    linkage : array, optional
        Adds the dendrogram. Its leaves must have the order `order`.
    agreement : Agreement, optional
        Adds the scatter of similarity over co-occurrence, with the names of outliers.
    difference : bool
        Scale the colours of the last panel to its own largest value.

    Returns
    -------
    Figure
    """
    n = len(order)
    side = max(3.2, 0.19 * n + 1.4)
    font = 7.0 if n <= 60 else 4.0
    ratios = [*([0.18] if linkage is not None else []), *(1.0 for _ in panels), *([0.9] if agreement else [])]
    figure = Figure(figsize=(side * sum(ratios) + 0.8 * len(ratios), side + 0.6), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, len(ratios), width_ratios=ratios)))
    if linkage is not None:
        _dendrogram(axes.pop(0), linkage, n)
    for number, (title, matrix) in enumerate(panels):
        values = matrix[np.ix_(order, order)]
        off_diagonal = values[~np.eye(n, dtype=bool)]
        own_limit = difference and number == len(panels) - 1
        finite = np.abs(off_diagonal[np.isfinite(off_diagonal)])
        limit = max(float(finite.max(initial=0.0)), 1e-9) if own_limit or finite.max(initial=0.0) > 1.0 else 1.0
        place = axes[number]
        place.set_facecolor(UNDEFINED)
        picture = place.imshow(values, cmap=DIVERGING, norm=Normalize(-limit, limit), interpolation="nearest")
        names = [labels[place] for place in order]
        place.set_xticks(range(n), names, rotation=90, fontsize=font)
        place.set_yticks(range(n), names if number == 0 else [""] * n, fontsize=font)
        place.set_title(title, fontsize=9, loc="left")
        if n <= 24:
            _write_values(place, values, limit)
        figure.colorbar(picture, ax=place, shrink=0.5, pad=0.01).ax.tick_params(labelsize=6)
    if agreement is not None:
        _scatter(axes[-1], agreement)
    return figure


def _write_values(axes: Axes, values: NDArray[np.float64], limit: float) -> None:
    for (row, column), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.2f}"
        colour = "white" if abs(value) > 0.65 * limit else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=6, color=colour)


def _dendrogram(axes: Axes, linkage: NDArray[np.float64], n: int) -> None:
    from scipy.cluster.hierarchy import dendrogram

    tree = dendrogram(linkage, no_plot=True)
    for across, along in zip(tree["dcoord"], tree["icoord"], strict=True):
        axes.plot(across, [(place - 5.0) / 10.0 for place in along], color="0.3", linewidth=0.8)
    axes.set_ylim(n - 0.5, -0.5)  # from the top down, like the heatmap
    axes.invert_xaxis()
    axes.set_axis_off()


def _scatter(axes: Axes, agreement: Agreement) -> None:
    x = [point.together for point in agreement.points]
    y = [point.similarity for point in agreement.points]
    axes.scatter(x, y, s=7, alpha=0.5, linewidths=0)
    slope, intercept = agreement.line
    ends = [0.0, max(x)]
    axes.plot(ends, [slope * end + intercept for end in ends], color="0.4", linewidth=0.8)
    height = -np.inf
    for point in sorted(
        (point for side in agreement.outliers(6) for point in side), key=lambda point: point.similarity
    ):
        height = max(point.similarity, height + 0.03 * (max(y) - min(y)))  # keeps the names apart
        axes.annotate(
            f"{point.a} / {point.b}",
            (point.together, point.similarity),
            xytext=(point.together + 0.02 * ends[1], height),
            fontsize=6,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.5"},
        )
    axes.set_xlabel("co-occurrence, max(C(i, j), C(j, i))", fontsize=8)
    axes.set_ylabel("similarity to the model", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_title(
        f"Spearman {agreement.spearman.value:.3f}, Pearson {agreement.pearson.value:.3f}", fontsize=9, loc="left"
    )
