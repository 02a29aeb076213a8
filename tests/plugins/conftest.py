"""Fixtures for the tests of the bundled plugins."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module", autouse=True)
def store(store_folder):
    """Keep fetched weights in a folder of the tests, not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AURALSCOPE_WEIGHTS", str(store_folder))
        yield store_folder
