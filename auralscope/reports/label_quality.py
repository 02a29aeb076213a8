"""Report on the label noise of a ground truth, and on a model's AUC over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auralscope.labels.categories import CATEGORIES
from auralscope.labels.noise import Estimate, LabelNoise
from auralscope.reports.tables import aligned, number, plain
from auralscope.wording import estimate, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from auralscope.labels.auc import TagQuality
    from auralscope.labels.quality import LabelQuality


def document(found: LabelQuality, model_id: str) -> dict[str, Any]:
    """Return the report as a JSON document."""
    document: dict[str, Any] = {"model": model_id}
    if found.noise:
        document["noise"] = [
            {
                **asdict(one.checked),
                "p_plus": number(one.p_plus),
                "p_minus": number(one.p_minus),
                "precision": _estimate(one.precision),
                "tagability": _estimate(one.recall),
                "recall_in_subset": _estimate(one.recall_in_subset),
                "corrected_count": _estimate(one.corrected),
            }
            for one in found.noise
        ]
    if found.tags:
        document["tracks"] = found.tracks
        document["mean_auc"] = number(found.mean_auc)
        document["auc"] = [plain(asdict(one)) for one in found.tags]
    return document


def text(found: LabelQuality, model_id: str) -> str:
    """Return the report as tables for a terminal."""
    parts = []
    if found.noise:
        rows = [["label", "tracks with it", "p+", "p-", "precision", "tagability (recall)", "should have it"]]
        for one in found.noise:
            low, high = one.corrected.low, one.corrected.high
            rows.append(
                [
                    one.checked.label,
                    f"{one.checked.positives:,} of {one.checked.tracks:,}",
                    *(percent(value, rounded=True) for value in (one.p_plus, one.p_minus)),
                    *(estimate(*value) for value in (one.precision, one.recall)),
                    f"{one.corrected.value:,.2f} [{low:,.0f} {high:,.0f}]",
                ]
            )
        parts.append(aligned(rows))
    if found.tags:
        rows = [["label", "category", "tracks", "rank", "AUC"]]
        for tag in sorted(found.tags, key=_grouped):
            counts = (str(tag.tracks), str(tag.popularity_rank))
            rows.append([tag.label, tag.category, *counts, estimate(tag.auc, tag.low, tag.high)])
        parts.append(f"{model_id}: {found.tracks:,} tracks; mean AUC {found.mean_auc:.3f}\n\n{aligned(rows)}")
    return "\n\n".join(parts)


def write(found: LabelQuality, out: Path) -> None:
    """Write the report as a picture (.png, .svg)."""
    from auralscope.reports.pictures import write_figure

    write_figure(_quality_picture(found.tags) if found.tags else _noise_picture(found.noise), out)


def _grouped(one: TagQuality) -> tuple[int, int]:
    return CATEGORIES.index(one.category), one.popularity_rank


def _estimate(one: Estimate) -> dict[str, Any]:
    return {"value": number(one.value), "interval": [number(one.low), number(one.high)]}


# -- pictures -----------------------------------------------------------------------------------------------------


def _quality_picture(quality: Sequence[TagQuality]) -> Figure:
    """Draw AUC by category, as in Choi 2018, figs. 3.4 and 4.3, and over popularity and tagability."""
    from matplotlib.figure import Figure

    ordered = sorted((one for one in quality if np.isfinite(one.auc)), key=_grouped)
    known = any(np.isfinite(one.tagability) for one in ordered)
    figure = Figure(figsize=(max(9.0, 0.22 * len(ordered) + 2.0), 8.0), layout="constrained")
    axes = figure.subplot_mosaic([["all", "all"], ["tracks", "tagability"] if known else ["tracks", "tracks"]])
    for group, name in enumerate(CATEGORIES):
        there = [(at, one) for at, one in enumerate(ordered) if one.category == name]
        if not there:
            continue
        colour = f"C{group}"
        estimates = [Estimate(one.auc, one.low, one.high) for _, one in there]
        _points(axes["all"], [at for at, _ in there], estimates, name, colour)
        for panel in ("tracks", *(["tagability"] if known else [])):
            for _, one in there:
                where = (float(getattr(one, panel)), one.auc)
                if np.isfinite(where[0]):
                    axes[panel].scatter(*where, s=14, color=colour)
                    axes[panel].annotate(one.label, where, xytext=(3, 1), textcoords="offset points", fontsize=5)
    axes["all"].set_xticks(range(len(ordered)), [one.label for one in ordered], rotation=90, fontsize=7)
    axes["all"].axhline(0.5, color="0.7", linewidth=0.8)
    axes["all"].legend(fontsize=7, ncols=3, loc="lower left")
    axes["tracks"].set_xlabel("tracks that have the label", fontsize=8)
    axes["tracks"].set_xscale("log")
    if known:
        axes["tagability"].set_xlabel("tagability", fontsize=8)
    for place in axes.values():
        place.set_ylabel("AUC", fontsize=8)
        place.tick_params(axis="y", labelsize=7)
    return figure


def _noise_picture(noise: Sequence[LabelNoise]) -> Figure:
    """Draw precision and tagability of each label with their intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(5.0, 0.5 * len(noise) + 2.0), 4.0), layout="constrained")
    axes = figure.subplots()
    for shift, attribute, words in ((-0.12, "precision", "precision"), (0.12, "recall", "tagability (recall)")):
        places = [place + shift for place in range(len(noise))]
        _points(axes, places, [getattr(one, attribute) for one in noise], words)
    axes.set_xticks(range(len(noise)), [one.checked.label for one in noise], rotation=90, fontsize=8)
    axes.set_ylim(0.0, 1.05)
    axes.legend(fontsize=8)
    return figure


def _points(
    axes: Axes, x: Sequence[float], estimates: Sequence[Estimate], name: str, colour: str | None = None
) -> None:
    value, low, high = (np.array([getattr(one, field) for one in estimates]) for field in Estimate._fields)
    around = np.clip(np.nan_to_num(np.stack([value - low, high - value])), 0.0, None)
    axes.errorbar(x, value, around, fmt="o", markersize=4, elinewidth=1.0, label=name, color=colour)
