"""Write a matrix over labels as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def matrix_csv(matrix: NDArray[np.float64], labels: Sequence[str], order: Sequence[int] | None = None) -> bytes:
    """Return a matrix over labels as the content of a CSV file.

    Parameters
    ----------
    matrix : (labels, labels) array
        Written with all digits; cells that are NaN stay empty.
    labels : sequence of str
        Written in the first line and the first column.
    order : sequence of int, optional
        Positions of the labels, from the top down and from left to right; all in their order unless given.
    """
    places = list(range(len(labels)) if order is None else order)
    names = [labels[place] for place in places]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["", *names])
    for name, row in zip(names, matrix[np.ix_(places, places)].tolist(), strict=True):
        writer.writerow([name, *("" if math.isnan(value) else value for value in row)])
    return stream.getvalue().encode("utf-8", "backslashreplace")
