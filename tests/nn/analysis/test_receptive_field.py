"""Tests of receptive fields against brute force: each input cell is changed, and the outputs are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.errors import UnknownNameError
from auralscope.nn.analysis.receptive_field import nominal_of, nominal_size, reach
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights
from auralscope.nn.tape.capture import record
from auralscope.types import Clip

SHAPE = (9, 11)


def seen_by_brute_force(network: nn.Module, cell: tuple[int, ...], unit: int | None, draws: int = 40) -> np.ndarray:
    """Find the input cells whose large change alters a cell of the output."""
    found = np.zeros(SHAPE, dtype=bool)
    n_cells = int(np.prod(SHAPE))
    where = (slice(None), slice(None) if unit is None else slice(unit, unit + 1), *cell)
    for _ in range(draws):
        for parameter in network.parameters():
            nn.init.normal_(parameter)
        image = torch.randn(1, 1, *SHAPE, dtype=torch.float64)
        changed = image.repeat(n_cells, 1, 1, 1)
        changed.view(n_cells, -1)[range(n_cells), range(n_cells)] += 1e4 * torch.randn(n_cells, dtype=torch.float64)
        with torch.no_grad():
            before, after = network(image)[where], network(changed)[where]
        # Batches of unlike size round otherwise; a change that is seen is far larger.
        found |= ((after - before).abs() > 1e-7).flatten(1).any(dim=1).numpy().reshape(SHAPE)
    return found


class Branches(nn.Module):
    """Concatenated branches of unlike width, a slice, and a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, (5, 3), padding=(2, 1))

    def forward(self, image: Tensor) -> Tensor:
        narrow = functional.leaky_relu(self.narrow(image))
        wide = functional.elu(self.wide(image)) + narrow
        return torch.cat([narrow, wide], dim=1)[:, :, 1:]


class Gated(nn.Module):
    """Through its gate, every cell depends on the whole image (squeeze and excitation)."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.gate = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(3, 3)

    def forward(self, image: Tensor) -> Tensor:
        maps = self.maps(image)
        return maps * (self.gate(maps.mean(dim=(2, 3)) * 1e-4).sigmoid() + 0.5)[:, :, None, None]


class Folded(nn.Module):
    """A dense layer over the bins of each frame, as before a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.dense = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(2 * SHAPE[0], 4)

    def forward(self, image: Tensor) -> Tensor:
        frames = self.maps(image).permute(0, 3, 1, 2).flatten(2)
        return self.dense(frames).transpose(1, 2)[:, :, None]


class Cut(nn.Module):
    """Steps with several outputs, of which some are used."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.after = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(2, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        low, high = self.maps(image).chunk(2, dim=1)
        return self.after(functional.leaky_relu(low[:, :, ::2]).flip(2) - high[:, :, 1::2][:, :, :1])


NETWORKS: dict[str, nn.Module] = {
    "strides": nn.Sequential(nn.Conv2d(1, 3, 3, 2, 1), nn.LeakyReLU(), nn.Conv2d(3, 2, (3, 2), stride=(1, 2))),
    "dilation": nn.Sequential(nn.Conv2d(1, 3, 3, dilation=2, padding=2), nn.ELU(), nn.Conv2d(3, 2, (2, 3))),
    "groups": nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.PReLU(), nn.Conv2d(4, 4, 3, groups=2)),
    "even kernel, same": nn.Sequential(nn.Conv2d(1, 3, (2, 4), padding="same"), nn.Conv2d(3, 2, 2, padding="same")),
    "pools": nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d((2, 3)), nn.Conv2d(3, 2, 3, padding=1)),
    "overlapping": nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, 1)),
    "dilated pool": nn.Sequential(nn.MaxPool2d(2, 1, dilation=(2, 3)), nn.Conv2d(1, 2, 2)),
    "pool to the end": nn.Sequential(nn.MaxPool2d(2, 2, ceil_mode=True), nn.Conv2d(1, 2, 1)),
    "adaptive": nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveMaxPool2d((3, 4)), nn.Conv2d(2, 2, 1)),
    "reflected": nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, padding_mode="reflect"), nn.Conv2d(3, 2, 1)),
    "batch norm": nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Softsign(), nn.Dropout(0.5)),
    "branches": Branches(),
    "gate": Gated(),
    "folded": Folded(),
    "several outputs": Cut(),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch's note on its own speed
@pytest.mark.parametrize("name", NETWORKS)
def test_the_receptive_field_equals_brute_force(name: str) -> None:
    torch.manual_seed(1)
    network = NETWORKS[name].double().eval()
    tape = record(network, torch.randn(1, 1, *SHAPE, dtype=torch.float64))
    bins, frames = tape.output.shape[2:]
    for cell in {(0, 0), (bins // 2, frames // 2), (bins - 1, frames - 1)}:
        for unit in (None, 0, tape.output.shape[1] - 1):
            found = reach(tape, "", cell, unit).numpy()
            np.testing.assert_array_equal(found, seen_by_brute_force(network, cell, unit), err_msg=f"{cell} {unit}")
    np.testing.assert_array_equal(reach(tape, ""), reach(tape, "", (bins // 2, frames // 2)))


def test_the_units_of_branches_differ() -> None:
    tape = record(Branches(), torch.randn(1, 1, *SHAPE))
    assert int(reach(tape, "", (3, 5), 0).sum()) == 1
    assert int(reach(tape, "", (3, 5), 3).sum()) == 15


def test_weights_of_zero_hide_nothing() -> None:
    network = nn.Conv2d(1, 1, 3, padding=1)
    nn.init.zeros_(network.weight)
    assert int(reach(record(network, torch.zeros(1, 1, *SHAPE)), "", (4, 4)).sum()) == 9


def test_dense_and_recurrent_layers_depend_on_all_their_inputs() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ELU(), nn.MaxPool2d((9, 2)))
            self.gru = nn.GRU(4, 5, batch_first=True)
            self.output = nn.Linear(5, 2)

        def forward(self, image: Tensor) -> Tensor:
            return self.output(self.gru(self.maps(image).squeeze(2).transpose(1, 2))[0][:, -1])

    tape = record(Recurrent(), torch.randn(1, 1, *SHAPE))
    # The pooling leaves out the eleventh frame; the kernels above the tenth still see it.
    assert bool(reach(tape, "gru").all())
    assert bool(reach(tape, "output", unit=1).all())
    assert int(reach(tape, "maps", (0, 0)).sum()) == 9 * 3


def test_a_network_on_the_waveform() -> None:
    network = nn.Sequential(nn.Conv1d(1, 3, 5, stride=2), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(3, 2, 3))
    seen = reach(record(network, torch.randn(1, 1, 60)), "3", (1,))
    assert seen.nonzero()[:, 0].tolist() == list(range(4, 4 + 5 + 2 + 2 * 4))


def test_missing_cells_and_units_are_named() -> None:
    tape = record(nn.Conv2d(1, 2, 3), torch.randn(1, 1, *SHAPE))
    with pytest.raises(UnknownNameError, match=r"7 x 9 cells; there is no cell \(7, 0\)"):
        reach(tape, "", (7, 0))
    with pytest.raises(UnknownNameError, match="no unit 2"):
        reach(tape, "", (0, 0), 2)


# -- in the world's units -----------------------------------------------------------------------------------------

TABLE_7A = {1: (93, 86), 2: (162, 151), 3: (302, 280), 4: (580, 538), 5: (1137, 1055)}
"""Choi 2018, table 7-A: ms and Hz. Of layer 5 it prints 1270 Hz, where its own rule gives 1055."""


def test_nominal_sizes_are_those_of_the_thesis() -> None:
    for number, (width_ms, height_hz) in TABLE_7A.items():
        size = nominal_size(number, sample_rate=11_025, n_fft=512, hop=256)
        assert (round(size.width_ms), round(size.height_hz)) == (width_ms, height_hz)
        assert size.cells == 3 * 2 ** (number - 1)


def blocks(count: int) -> nn.Sequential:
    """Convolutions of 3 x 3, ReLU and poolings of 2 x 2, as in the genre convnet."""
    return nn.Sequential(
        *(
            nn.Sequential(nn.Conv2d(1 if number == 0 else 2, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
            for number in range(count)
        )
    )


def tagger(count: int) -> nn.Sequential:
    """Blocks whose two maps are pooled to two labels."""
    return nn.Sequential(*blocks(count), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.fixture(scope="module")
def model() -> Model:
    spec = ModelSpec(
        id="blocks",
        title="Blocks",
        labels=("a", "b"),
        layers=tuple(Layer(f"conv{number}", f"{number - 1}.2", 2) for number in range(1, 6)),
        front_end=SpectrogramFrontEnd(11_025, n_fft=512, hop=256, window_samples=4 * 11_025),
        build=lambda: tagger(5),
        weights=Weights(Path("nowhere"), "MIT"),
        output="softmax",
        summary="For tests.",
    )
    return Model(spec, spec.build(), torch.device("cpu"))


def test_exact_sizes_follow_the_recurrence_of_kernels_and_strides(model: Model) -> None:
    # A kernel of k adds (k - 1) j cells, j the product of the strides below (Araujo et al. 2019, eq. 2).
    run = model.analyse(Clip(np.zeros((1, 5 * 11_025)), 11_025))
    size, step = 1, 1
    for number in range(1, 6):
        size += 2 * step
        size += step
        step *= 2
        field = run.receptive_field(f"conv{number}")
        assert (field.bins, field.frames) == (size, size)
        assert field.width_ms == pytest.approx(1000 * ((size - 1) * 256 + 512) / 11_025)
        assert field.height_hz == pytest.approx((size + 1) * 11_025 / 512)


def test_the_thesis_formula_is_given_for_its_networks_only(model: Model) -> None:
    run = model.analyse(Clip(np.zeros((1, 5 * 11_025)), 11_025))
    for number in range(1, 6):
        assert run.nominal_size(f"conv{number}") == nominal_size(number, sample_rate=11_025, n_fft=512, hop=256)
    front_end = model.front_end
    image = torch.rand(1, 1, 64, 64)
    for layers in (
        [nn.Conv2d(1, 2, 3, padding=1, stride=2)],
        [nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d((2, 4))],
        [nn.Conv2d(1, 2, (3, 5), padding=1)],
        [nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3), nn.MaxPool2d(2)],
    ):
        assert nominal_of(record(nn.Sequential(*layers), image), str(len(layers) - 1), front_end) is None


def test_a_cell_saw_the_sound_around_its_place(model: Model) -> None:
    run = model.analyse(Clip(np.zeros((1, 5 * 11_025)), 11_025))
    field = run.receptive_field("conv2", cell=(10, 7))
    # Frames 4 f' - 3 to 4 f' + 6, and the same of bins.
    assert (field.first_frame, field.last_frame) == (25, 34)
    assert (field.first_bin, field.last_bin) == (37, 46)
    assert field.span_s == pytest.approx(((25 * 256 - 256) / 11_025, (34 * 256 + 256) / 11_025))
    assert (field.low_hz, field.high_hz) == pytest.approx((36 * 11_025 / 512, 47 * 11_025 / 512))
    corner = run.receptive_field("conv5", cell=(0, 0))
    assert (corner.first_frame, corner.start_s, corner.low_hz) == (0, 0.0, 0.0)
    last = run.receptive_field("conv5", cell=(7, 4))
    assert last.end_s == pytest.approx(4.0)
    assert last.high_hz == pytest.approx(11_025 / 2)


def test_sound_outside_of_the_span_changes_nothing_in_the_cell(model: Model) -> None:
    rng = np.random.default_rng(2)
    samples = 0.1 * rng.standard_normal(5 * 11_025).astype(np.float32)
    before = model.analyse(Clip(samples, 11_025))
    start_s, end_s = before.receptive_field("conv2", cell=(10, 7)).span_s
    first, last = round(start_s * 11_025), round(end_s * 11_025)
    elsewhere, inside = samples.copy(), samples.copy()
    elsewhere[:first] = elsewhere[last:] = 0.0
    inside[first:last] = 0.0
    maps = before.feature_maps("conv2")[:, 10, 7]
    # Not to the last bit: the transform of other frames may round otherwise in the same batch.
    np.testing.assert_allclose(model.analyse(Clip(elsewhere, 11_025)).feature_maps("conv2")[:, 10, 7], maps, atol=1e-6)
    assert np.abs(model.analyse(Clip(inside, 11_025)).feature_maps("conv2")[:, 10, 7] - maps).max() > 1e-3


def test_mel_bands_reach_to_their_neighbours_centres() -> None:
    front_end = SpectrogramFrontEnd(12_000, n_fft=512, hop=256, window_samples=24_000, n_mels=96)
    spec = ModelSpec("m", "M", ("a", "b"), (Layer("conv1", "0.2", 2),), front_end, lambda: tagger(1),
                     Weights(Path("nowhere"), "MIT"), "softmax", "For tests.")  # fmt: skip
    field = (
        Model(spec, spec.build(), torch.device("cpu"))
        .analyse(Clip(np.zeros((1, 24_000)), 12_000))
        .receptive_field("conv1", cell=(20, 3))
    )
    assert (field.first_bin, field.last_bin) == (39, 42)
    assert (field.low_hz, field.high_hz) == pytest.approx(tuple(front_end.frequencies_hz[[38, 43]]))


@pytest.mark.parametrize("unit", [None, 1])
@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ELU(), nn.MaxPool2d(2)],
        [nn.Conv2d(1, 4, (3, 5), stride=2), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=2), nn.MaxPool2d(3, 2, 1)],
        [nn.Conv2d(1, 2, 3, dilation=2), nn.MaxPool2d(2, ceil_mode=True), nn.AvgPool2d(2), nn.Conv2d(2, 3, 1)],
        [nn.Conv2d(1, 2, 3), nn.AdaptiveMaxPool2d(5), nn.Conv2d(2, 3, 3, padding=1)],
    ],
)
def test_plane_by_plane_is_as_channel_by_channel(monkeypatch, layers, unit) -> None:
    tape = record(nn.Sequential(*layers).eval(), torch.rand(1, 1, 33, 29))
    module = str(len(layers) - 1)
    bins, frames = tape.layer(module).shape[2:]
    cells = [(0, 0), (bins - 1, frames - 1), (bins // 2, frames // 3)]
    quick = [reach(tape, module, cell, unit) for cell in cells]
    monkeypatch.setattr("auralscope.nn.analysis.receptive_field._back_by_channels", lambda *_: None)
    for cell, found in zip(cells, quick, strict=True):
        assert torch.equal(found, reach(tape, module, cell, unit))
        assert found.any()
