"""Keep the model and the recording that most tests use, so that not every test reads and proves them again."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from auralscope import catalogue
from auralscope.audio.files import load_clip
from auralscope.files import resource

EXCERPT = resource("excerpt.ogg")
MODEL = "genre-convnet"
_kept = {}


@contextmanager
def kept():
    """Give each test the model and the excerpt of the tests before, and another object when it asks again."""
    given = set()
    load_model = catalogue.load_model

    def once(key, load):
        if key in given:
            return load()
        given.add(key)
        if key not in _kept:
            _kept[key] = load()
        return _kept[key]

    def model(model_id, device="auto"):
        def load():
            return load_model(model_id, device=device)

        return once((model_id, device), load) if model_id == MODEL else load()

    def clip(path, **options):
        def load():
            return load_clip(path, **options)

        return once(path, load) if path == EXCERPT else load()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "load_model", model)
        patch.setattr("auralscope.session.session.load_clip", clip)
        yield
