"""Tests of the sentences about faithfulness."""

from __future__ import annotations

import math

import pytest

from auralscope.nn.analysis.faithfulness import LabelFaithfulness, LabelMeasure, UnitFaithfulness, UnitMeasure, Ways
from auralscope.session import faithfulness


def both(measure):
    return Ways(measure, measure)


def a_unit(own, random, shuffled, silence=0.0, selectivity=(2.0, 1.0)):
    return UnitFaithfulness(
        "conv3",
        7,
        Ways(UnitMeasure(0.99, 9.0, -1.0), UnitMeasure(own, selectivity[0], -6.0)),
        both(UnitMeasure(random, selectivity[1], -12.0)),
        both(UnitMeasure(shuffled, 1.0, -math.inf)),
        silence,
    )


def a_label(p, *left, same=(1.0, 1.0, 1.0)):
    """Make the measures of a label from the probabilities with the three sounds."""
    measures = []
    for o, fid_in in zip(left, same, strict=True):
        drop, gain = 100 * max(0.0, p - o) / p, 100 * max(0.0, o - p) / (1 - p)
        measures.append(both(LabelMeasure(100.0 * (o > p), drop, gain, 0.25, fid_in)))
    return LabelFaithfulness("ballad", p, *measures)


def test_a_unit_is_described_with_both_controls():
    said = faithfulness.sentences(a_unit(0.63, 0.12, 0.4))
    assert "keeps 63 % of the unit's response" in said
    assert "a random mask keeps 12 %, shuffled weights 40 %" in said
    assert "It keeps 2 times what other units keep (random: 1 times)" in said
    assert faithfulness.short(a_unit(0.63, 0.12, 0.3)) == "Faithfulness: good"


@pytest.mark.parametrize(
    ("finding", "word"),
    [
        (a_unit(0.63, 0.12, 0.3), "good"),
        (a_unit(7.07, 2.73, 0.5), "good"),
        (a_unit(0.24, 0.05, 0.05), "weak"),  # less than a quarter of the response
        (a_unit(0.63, 0.12, 0.4), "weak"),  # less than twice a control
        (a_unit(0.63, 0.12, 0.1, selectivity=(0.9, 0.3)), "weak"),  # other units respond more
        (a_unit(0.3, 0.3, 0.1), "none"),
        (a_unit(0.3, 0.1, 0.3), "none"),
        (a_unit(1.2, 0.1, 0.1, silence=1.12), "none"),
        (a_unit(0.63, 0.12, 0.1, selectivity=(0.9, 0.9)), "none"),
        (a_label(0.6, 0.5, 0.1, 0.2), "good"),
        (a_label(0.6, 0.5, 0.1, 0.2, same=(0.0, 1.0, 1.0)), "weak"),
        (a_label(0.6, 0.25, 0.1, 0.1), "weak"),
        (a_label(0.6, 0.2, 0.2, 0.1), "none"),
    ],
)
def test_the_verdict_follows_the_figures_and_both_controls(finding, word):
    assert faithfulness.verdict(finding) == word
    assert faithfulness.sentences(finding).startswith(f"{word.capitalize()}. Played alone")


@pytest.mark.parametrize(
    ("finding", "warning"),
    [
        (a_unit(0.3, 0.3, 0.1), "A random mask does as well"),
        (a_unit(0.3, 0.1, 0.3), "Shuffled weights do as well"),
        (a_unit(0.3, 0.1, 0.1, silence=0.2), "Even silence keeps 20 %"),
        (a_unit(0.3, 0.1, 0.1, selectivity=(0.9, 0.9)), "other units respond to it as much as to a random mask"),
        (a_unit(0.3, 0.1, 0.1, selectivity=(0.5, 0.2)), "Other units keep more (selectivity 0.5, random 0.2)"),
        (a_label(0.6, 0.2, 0.2, 0.1), "A random mask does as well"),
        (a_label(0.6, 0.3, 0.2, 0.3), "Shuffled weights do as well"),
        (a_label(0.6, 0.3, 0.2, 0.1, same=(0.0, 1.0, 1.0)), "The network decides otherwise"),
    ],
)
def test_a_control_that_does_as_well_is_mentioned(finding, warning):
    assert warning in faithfulness.sentences(finding)


def test_a_label_is_described_by_the_remaining_probability():
    finding = a_label(0.6, 0.9, 0.15, 0.6)
    assert faithfulness.kept(finding) == pytest.approx(0.9)
    assert faithfulness.kept(finding, "random") == pytest.approx(0.15)
    said = faithfulness.sentences(finding)
    assert "gives ballad 90 % (the recording 60 %)" in said
    assert "a random mask leaves 15 %, shuffled weights 60 %" in said
    assert "decides as before" in said


def test_silent_units_have_no_description():
    finding = a_unit(math.nan, math.nan, math.nan)
    assert faithfulness.sentences(finding) == ""
    assert faithfulness.short(finding) == ""


def test_the_table_has_every_figure_of_both_ways():
    finding = a_unit(0.63, 0.12, 0.004)
    heard, masked = ({name: cells for name, *cells in faithfulness.table(finding, way)} for way in ("heard", "masked"))
    assert heard["Retention"] == ["63 %", "12 %", "under 1 %"]
    assert masked["Retention"] == ["99 %", "12 %", "under 1 %"]
    assert heard["Level"] == ["-6.0 dB", "-12.0 dB", "silent"]
    assert len(faithfulness.table(a_label(0.6, 0.3, 0.2, 0.1), "heard")) == 5
