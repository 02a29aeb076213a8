"""Tests of the documents: their code runs, and the targets of their links exist."""

from __future__ import annotations

import re
from pathlib import Path

import networks_page
import numpy as np
import pytest
import soundfile
from safetensors.torch import save_file

from auralscope import weights
from auralscope.nn.batches import choose_device
from auralscope.nn.loaded import Model
from auralscope.registry import Registry
from auralscope.types import Clip

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)


def code_of(page: Path) -> str:
    found = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_readmes_five_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rate = 22_050
    t = np.arange(40 * rate) / rate
    soundfile.write("song.flac", 0.3 * np.sin(2 * np.pi * 330 * t) * (1 + np.sin(2 * np.pi * 2 * t)) / 2, rate)
    exec(code_of(ROOT / "README.md"), {})
    assert soundfile.info("unit.wav").duration == 4.0


def test_the_plugin_of_the_guide_is_found_and_fits_its_network(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(code_of(ROOT / "docs" / "plugins.md"), encoding="utf-8")
    known = Registry(tmp_path)
    spec = known.find("my-convnet")
    network = spec.build()
    save_file(network.state_dict(), spec.weights.file)

    weights.load_into(network, spec)
    model = Model(spec, network, choose_device("cpu"))
    run = model.analyse(Clip(np.random.default_rng(0).standard_normal(48_000), 16_000))
    for layer in spec.layers:
        assert len(run.feature_maps(layer.name)) == layer.units
        assert run.deconvolve(layer.name).shape == (layer.units, *spec.front_end.input_shape)


def test_the_page_of_networks_has_a_line_for_each_marked_test(request: pytest.FixtureRequest) -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    rows = [row for item in request.session.items if (row := networks_page.row_of(item))]
    missing = [row for row in rows if f"| {row[1]} | {row[2]} |" not in page]
    assert not missing, "python -m pytest tests/nn -m network --write-networks"
