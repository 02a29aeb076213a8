"""Tests of the architectures against the printed sizes and shapes, and of their deconvolution."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from auralscope.errors import AuralScopeError, UnknownNameError
from auralscope.nn.architectures import ARCHITECTURES, architecture
from auralscope.nn.attribution.deconvolution import deconvolve_tape
from auralscope.nn.tape.capture import record
from auralscope.registry import find_spec
from auralscope.training.bundled.architectures import page, parameters

SIZED = [name for name in ARCHITECTURES if name.split("-")[0] in ("k2c1", "k2c2", "crnn")]
# Small inputs, so that the widest of them takes a second: poolings are cut to what is left.
SMALL = {"spectrogram": (32, 96), "waveform": (1, 3**10)}
LIGHT = [
    "dieleman-2014", "fcn-3", "fcn-4", "fcn-7", "k1c2-0.1m", "k2c1-0.1m", "k2c2-0.1m", "crnn-0.1m", "sample-cnn",
    "sample-rese-2", "compact-convnet", "genre-convnet",
]  # fmt: skip


def on_meta(name: str, n_labels: int = 50) -> nn.Module:
    with torch.device("meta"):
        return architecture(name).build(n_labels)


def test_all_of_the_papers_are_there() -> None:
    sizes = ("0.1m", "0.25m", "0.5m", "1m", "3m")
    expected = {f"fcn-{depth}" for depth in range(3, 8)}
    expected |= {f"{kind}-{size}" for kind in ("k1c2", "k2c1", "k2c2", "crnn") for size in sizes}
    expected |= {"compact-convnet", "genre-convnet", "dieleman-2014", "sample-cnn", "sample-rese-2"}
    assert set(ARCHITECTURES) == expected
    assert all(each.source and each.title for each in ARCHITECTURES.values())


@pytest.mark.parametrize("name", SIZED)
def test_sized_networks_have_the_parameters_that_their_names_say(name: str) -> None:
    """Choi et al. 2017: sizes 0.1, 0.25, 0.5, 1 and 3 million; `../shared/reference/README.md` allows 2 %."""
    nominal = float(name.rsplit("-", 1)[1].removesuffix("m")) * 1e6
    assert len(SIZED) == 15
    assert parameters(on_meta(name)) == pytest.approx(nominal, rel=0.02)


def test_widths_are_those_of_table_4a(shared: Path) -> None:
    table = json.loads((shared / "reference" / "golden" / "table_4a_widths.json").read_text())
    rows = {
        "k1c2": (table["k1c2"]["conv2d (1x4)"], table["k1c2"]["fc"]),
        "k2c1": (table["k2c1"]["conv (first 96x4, then 1x4)"], table["k2c1"]["fc"]),
        "k2c2": (table["k2c2"]["conv2d (3x3)"], []),
        "crnn": (table["crnn"]["conv2d (3x3)"], table["crnn"]["gru"]),
    }
    for kind, (conv, above) in rows.items():
        for place, millions in enumerate(table["sizes_millions"]):
            layers = architecture(f"{kind}-{millions:g}m").layers(50)
            assert [layer.units for layer in layers] == [*(row[place] for row in (*conv, *above)), 50]


def test_fcn_3_has_the_poolings_and_maps_that_are_printed() -> None:
    """Choi, Fazekas & Sandler 2016, sec. 4; they leave one cell."""
    stack = architecture("fcn-3").network
    assert [(block.maps, block.pool) for block in stack.blocks] == [(256, (3, 5)), (768, (4, 16)), (2048, (8, 17))]
    assert stack.placed((96, 1366))[-1].size == (1, 1)


def test_sample_cnn_has_the_kernels_and_biases_of_its_table() -> None:
    """Lee et al. 2017, table 1, whose rows add up to 1.9 million; batch norms are not counted there."""
    rows = [512, 49_280, 49_280, 98_560, *[196_864] * 5, 393_728, 262_656, 25_650]
    network = on_meta("sample-cnn")
    assert sum(p.numel() for name, p in network.named_parameters() if "norm" not in name) == sum(rows)
    assert round(sum(rows) / 1e6, 1) == 1.9


@pytest.mark.parametrize("model_id", ["genre-convnet", "compact-convnet", "crnn"])
def test_bundled_weights_fit_the_architecture_name_by_name(model_id: str) -> None:
    spec = find_spec(model_id)
    spec.build().load_state_dict(load_file(spec.weights.file), strict=True)


def test_the_thesis_networks_are_those_of_the_plugins() -> None:
    assert architecture("genre-convnet").layers(3) == find_spec("genre-convnet").layers
    assert architecture("compact-convnet").layers(50) == find_spec("compact-convnet-msd").layers


@pytest.mark.parametrize("name", LIGHT)
def test_layers_are_where_they_say_and_units_deconvolve(name: str) -> None:
    torch.manual_seed(0)
    chosen = architecture(name)
    shape = SMALL[chosen.family]
    network = chosen.build(4, shape).eval()
    image = torch.randn(1, 1, *shape)
    tape = record(network, image)
    assert tape.output.shape == (1, 4)
    for layer in chosen.layers(4, shape):
        value = tape.layer(layer.module)
        axis = 1 if value.ndim in (2, 4) else 2
        assert value.shape[axis] == layer.units
        assert bool(value.isfinite().all())
    for layer in chosen.layers(4, shape):
        deconvolved = deconvolve_tape(tape, layer.module, [0, layer.units - 1])
        assert deconvolved.shape == (2, *shape)
        assert bool(deconvolved.isfinite().all())
    assert bool(deconvolved.abs().amax(dim=(1, 2)).min() > 0)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_architecture_ends_in_its_labels(name: str) -> None:
    """Build the architecture for the input of its paper on the meta device."""
    chosen = architecture(name)
    network = on_meta(name, 7).eval()
    assert network(torch.zeros(2, 1, *chosen.input_shape, device="meta")).shape == (2, 7)


def test_a_few_steps_lower_the_loss() -> None:
    for name in ("k2c2-0.1m", "crnn-0.1m", "dieleman-2014", "sample-cnn"):
        torch.manual_seed(0)
        chosen = architecture(name)
        shape = SMALL[chosen.family]
        network = chosen.build(2, shape)
        labels = torch.tensor([0, 1, 0, 1])
        images = torch.randn(4, 1, *shape) * (1.0 + labels.view(-1, 1, 1, 1))
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        losses = []
        for _ in range(6):
            loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0], name


def test_too_small_an_input_is_one_sentence() -> None:
    with pytest.raises(AuralScopeError, match="Take a longer window"):
        architecture("dieleman-2014").build(3, (128, 20))
    with pytest.raises(AuralScopeError, match="Take a longer window"):
        architecture("sample-rese-2").build(3, (1, 10_000))


def test_an_unknown_architecture_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"fcn-5.*crnn-3m"):
        architecture("vgg")


def test_the_page_equals_the_output_of_the_command() -> None:
    assert (Path(__file__).parents[2] / "docs" / "architectures.md").read_text(encoding="utf-8") == page()
