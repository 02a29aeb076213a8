"""Tests of the heatmap widget: colours, layout, numbers, tree, mouse and keys."""

from __future__ import annotations

import numpy as np
import pytest
from label_page import hover
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from auralscope.nn.analysis.label_vectors import LabelVectors
from auralscope.ui.graphs.diverging import colours_of
from auralscope.ui.graphs.heatmap import Heatmap
from auralscope.ui.graphs.heatmap_layout import NOWHERE, Matrix


def fifty(units=32):
    """Make fifty labels with names of all lengths."""
    rng = np.random.default_rng(0)
    labels = tuple(f"{'long name of a ' if k % 7 == 0 else ''}label {k}" for k in range(50))
    return LabelVectors(labels, rng.normal(size=(units, 50)), "")


@pytest.fixture
def heatmap(qtbot):
    widget = Heatmap("Test")
    qtbot.addWidget(widget)
    widget.resize(600, 500)
    widget.show()
    return widget


def test_every_cell_has_the_colour_of_its_value(heatmap):
    vectors = fifty()
    values = vectors.similarity(metric="cosine")
    heatmap.show_matrix(Matrix(values, vectors.labels, limit=0.7))
    image = heatmap.grab().toImage()
    expected = colours_of(values, "diverging", 0.7)
    for row, column in ((0, 1), (3, 40), (49, 0), (25, 24)):
        corner = heatmap.parts.rect(row, column).topLeft() + QPoint(1, 1)
        assert image.pixelColor(corner).getRgb()[:3] == tuple(expected[row, column].tolist())


def test_a_point_is_mapped_to_its_cell(heatmap):
    vectors = fifty()
    heatmap.show_matrix(Matrix(vectors.similarity(metric="cosine"), vectors.labels))
    for row, column in ((0, 0), (0, 49), (49, 49), (17, 31)):
        assert heatmap.cell_at(heatmap.parts.rect(row, column).center()) == (row, column)
    assert heatmap.cell_at(heatmap.parts.rect(7, -1).center()) == (7, -1)
    assert heatmap.cell_at(heatmap.parts.rect(-1, 9).center()) == (9, -1), "a column's name stands for its label"
    assert heatmap.cell_at(QPoint(heatmap.width() - 1, heatmap.height() - 1)) == NOWHERE


@pytest.mark.parametrize("size", [(300, 260), (600, 500), (1500, 900)])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_everything_fits_at_every_size(heatmap, size, count):
    vectors = fifty()
    heatmap.resize(*size)
    heatmap.show_matrix(Matrix(vectors.similarity(metric="cosine")[:count, :count], vectors.labels[:count]))
    cells, bar = heatmap.parts.cells, heatmap.parts.scale
    assert heatmap.rect().contains(cells)
    assert heatmap.rect().contains(bar.adjusted(0, 0, 20, 0))
    widths, heights = np.diff(heatmap.parts.columns), np.diff(heatmap.parts.rows)
    assert widths.min() >= 2
    assert heights.min() >= 2
    assert heights.max() <= 121, "cells of few labels have a largest size"


def test_an_undefined_cell_is_hatched_and_not_coloured_as_zero(heatmap):
    values = np.array([[1.0, np.nan, 0.0], [np.nan, 1.0, 0.5], [0.0, 0.5, 1.0]])
    heatmap.show_matrix(Matrix(values, ("a", "b", "c")))
    image = heatmap.grab().toImage()

    def colours(row, column):
        rect = heatmap.parts.rect(row, column).adjusted(3, 3, -3, -3)
        return {image.pixel(x, y) for x in range(rect.left(), rect.right()) for y in range(rect.top(), rect.bottom())}

    assert not colours(0, 1) & {QColor(*rgb).rgb() for rgb in colours_of(np.array([0.0]), "diverging", 1.0).tolist()}
    assert len(colours(0, 1)) > 1, "an undefined cell is hatched"


def test_the_upper_half_is_left_out(heatmap):
    vectors = fifty()
    heatmap.show_matrix(Matrix(vectors.similarity(metric="cosine"), vectors.labels, half=True))
    image = heatmap.grab().toImage()
    ground = image.pixelColor(heatmap.width() - 1, heatmap.height() - 1)
    assert image.pixelColor(heatmap.parts.rect(3, 30).center()) == ground
    assert image.pixelColor(heatmap.parts.rect(30, 3).center()) != ground
    seen = []
    heatmap.hovered.connect(lambda *cell: seen.append(cell))
    hover(heatmap, 3, 30)
    assert seen in ([], [NOWHERE])
    hover(heatmap, 30, 3)
    assert seen[-1] == (30, 3)


def test_numbers_are_drawn_only_where_they_fit(heatmap):
    vectors = fifty()
    ink = {}
    for count in (5, 50):
        heatmap.show_matrix(Matrix(vectors.similarity(metric="cosine")[:count, :count], vectors.labels[:count]))
        image = heatmap.grab().toImage()
        rect = heatmap.parts.rect(4, 1)
        ink[count] = len({image.pixel(x, y) for x in range(rect.left(), rect.right())
                          for y in range(rect.top(), rect.bottom())})  # fmt: skip
    assert ink[5] > 2
    assert ink[50] == 1


def test_the_tree_is_drawn_beside_the_rows(heatmap):
    vectors = fifty()
    order = vectors.order(by="clustered")
    values = vectors.similarity(metric="cosine")[np.ix_(order, order)]
    labels = [vectors.labels[place] for place in order]
    heatmap.show_matrix(Matrix(values, labels, linkage=vectors.linkage, leaves=tuple(np.argsort(order).tolist())))
    image = heatmap.grab().toImage()
    tree = heatmap.parts.tree
    ground = image.pixel(heatmap.width() - 1, heatmap.height() - 1)
    inked = [
        row
        for row in range(50)
        if any(
            image.pixel(tree.left() + 1, y) != ground
            for y in range(heatmap.parts.rect(row, 0).top(), heatmap.parts.rect(row, 0).bottom() + 1)
        )
    ]
    assert len(inked) >= 45, "nearly every row has a branch of the tree"


def test_arrow_keys_move_over_cells_and_names(heatmap):
    heatmap.show_matrix(Matrix(np.eye(3), ("a", "b", "c")))
    chosen = []
    heatmap.chosen.connect(lambda *cell: chosen.append(cell))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(heatmap, key)
    assert heatmap.cell == (1, 1)
    QTest.keyClick(heatmap, Qt.Key.Key_Up)
    QTest.keyClick(heatmap, Qt.Key.Key_Return)
    for _ in range(5):
        QTest.keyClick(heatmap, Qt.Key.Key_Left)
    QTest.keyClick(heatmap, Qt.Key.Key_Return)
    assert chosen == [(0, 1), (0, 0)]
