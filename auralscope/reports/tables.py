"""Tables for terminals, Markdown pages and CSV files, and values for JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines whose columns are aligned to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def piped(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells, the header first, as the lines of a Markdown table."""
    head, *body = rows
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]


def table_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows of cells as the content of a CSV file."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def signed(value: float) -> str:
    """Return a value with its sign and three decimals, or 'undefined' for NaN."""
    return f"{value:+.3f}" if math.isfinite(value) else "undefined"


def number(value: float) -> float | None:
    """Round a value for JSON; replace NaN and infinity by None."""
    return round(float(value), 6) if math.isfinite(value) else None


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Apply `number` to the floats among the values of a dictionary."""
    return {name: number(value) if isinstance(value, float) else value for name, value in values.items()}
