"""Tests that the table of torch functions is complete and consistent."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from auralscope.nn.attribution.backward import BackwardMethod
from auralscope.nn.attribution.methods import METHODS
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.functions import FUNCTIONS, KINDS, OUT_OF_PLACE, Kind


def test_every_function_with_a_rule_has_an_entry() -> None:
    tables = [method._rules for method in METHODS.values() if isinstance(method, BackwardMethod)]
    assert len(tables) >= 6
    missing = {function for table in tables for function in table if function not in KINDS}
    assert not missing


def test_every_function_has_one_kind() -> None:
    assert set(FUNCTIONS) == set(Kind)
    for kind, functions in FUNCTIONS.items():
        assert {KINDS[function] for function in functions} == {kind}


def test_in_place_functions_become_functions_of_the_table() -> None:
    assert set(OUT_OF_PLACE.values()) <= set(KINDS)
    assert not set(OUT_OF_PLACE) & set(KINDS)


@pytest.mark.parametrize("pool", [torch.adaptive_max_pool1d, nn.functional.adaptive_max_pool1d])
def test_adaptive_max_pooling_of_a_waveform_keeps_its_switches(pool) -> None:
    class Network(nn.Module):
        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            pooled = pool(samples, 2)
            return pooled[0] if isinstance(pooled, tuple) else pooled

    samples = torch.tensor([[[0.0, 3.0, 1.0, 5.0]]])
    tape = record(Network(), samples)
    assert tape.output.tolist() == [[[3.0, 5.0]]]
    assert tape.steps[0].unpooling.switches.tolist() == [[[1, 3]]]
