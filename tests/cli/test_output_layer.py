"""Test that `auralise` puts the most probable label of the output layer first, as `tag` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.cli import main as cli
from auralscope.registry import find_spec

if TYPE_CHECKING:
    import pytest


def test_piano_is_the_first_label_of_a_piano_recording(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = str(shared / "audio" / "piano_ragtime.ogg")
    assert cli.main(["tag", recording, "--model", "compact-convnet", "--top", "3", "--start", "0", "--json"]) == 0
    tags = [each["label"] for each in json.loads(capsys.readouterr().out)["tags"][:3]]
    words = ["auralise", recording, "--model", "compact-convnet", "--layer", "output", "--top", "3"]
    assert cli.main([*words, "--out", str(tmp_path / "out"), "--json"]) == 0
    labels = find_spec("compact-convnet").labels
    units = json.loads(capsys.readouterr().out)["units"]
    assert len(units) == 3
    assert labels[units[0]["unit"]] == tags[0] == "piano"
