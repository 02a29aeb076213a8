"""Tests of receptive fields of feature map cells in a session."""

from __future__ import annotations

import numpy as np
import pytest
from test_session import filled, looking, owner

from auralscope.session.receptive_field import sentence, strongest_cell

__all__ = ["looking", "owner"]


def test_the_last_requested_cell_is_reported_in_recording_time(looking):
    session = looking.session
    session.move_window(6.0)
    session.choose_layer("conv3")
    looking.until(lambda: session.window_result is not None and session.window_result.run.start_s == 6.0)
    filled(looking)
    told = []
    fields = session.receptive_fields
    fields.changed.connect(lambda: told.append(fields.result and fields.result.cell))
    session.choose_cell((3, 4))
    looking.idle()
    assert session.receptive_fields.result is None, "no unit is chosen"
    unit = session.gallery.layer_result.order[0]
    session.choose_unit(unit)
    for column in range(6):
        session.choose_cell((3, column))
    looking.until(lambda: session.receptive_fields.result is not None)
    looking.idle()
    assert told[-1] == (3, 5)
    seen, field = (
        session.receptive_fields.result,
        session.window_result.run.receptive_field("conv3", cell=(3, 5), unit=unit),
    )
    assert seen.field == field
    assert seen.span_s == pytest.approx((6.0 + field.start_s, 6.0 + field.end_s))
    said = sentence(seen)
    assert f"{field.width_ms:,.0f} ms" in said
    assert f"{field.low_hz:,.0f}–{field.high_hz:,.0f} Hz" in said
    # Choi 2018, table 7-A: 301.6 ms and 280 Hz for layer 3 (to the thesis's own rounding).
    assert "by the thesis's rule 302 ms and 280 Hz" in said
    session.choose_cell((0, 0))
    session.choose_cell((3, 5))
    assert session.receptive_fields.result is seen, "kept for this window"
    session.choose_unit(session.gallery.layer_result.order[1])
    assert session.receptive_fields.result is None


def test_the_strongest_cell_is_where_the_largest_value_is():
    values = np.zeros((4, 6), np.float32)
    values[2, 5] = 1.0
    assert strongest_cell(values) == (2, 5)


def test_a_cell_without_a_receptive_field_gives_the_reason(looking):
    session = looking.session
    session.choose_unit(session.gallery.layer_result.order[0])
    session.choose_cell((500, 0))
    looking.until(lambda: session.receptive_fields.problem)
    assert "there is no cell (500, 0)" in session.receptive_fields.problem
    assert session.receptive_fields.result is None
    session.choose_cell((5, 0))
    looking.until(lambda: session.receptive_fields.result is not None)
    assert session.receptive_fields.problem == ""
