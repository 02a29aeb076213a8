"""Settings of the session's tests."""

from __future__ import annotations

import pytest
from kept import kept


@pytest.fixture(autouse=True)
def kept_model_and_excerpt():
    with kept():
        yield
