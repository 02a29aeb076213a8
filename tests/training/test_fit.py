"""Tests of small fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import Dataset

from auralscope.errors import FileError
from auralscope.registry import find_spec
from auralscope.training import checkpoint
from auralscope.training import fit as fitting
from auralscope.training.checkpoint import export
from auralscope.training.initialise import initialise
from auralscope.training.measure import confusion, dead_units
from auralscope.training.windows import FreshWindows


class Stripes(Dataset):
    """Images with horizontal or vertical stripes in noise: two classes that one convolution can distinguish."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        if number >= 10_000:
            raise IndexError(number)
        generator = torch.Generator().manual_seed(number)
        wave = torch.sin(torch.arange(32) * 0.9 + 6 * torch.rand(1, generator=generator))
        image = wave.expand(32, 32).clone()
        if number % 2:
            image = image.T.clone()
        return (image + 0.5 * torch.randn(32, 32, generator=generator)).unsqueeze(0), number % 2


class Held(Stripes):
    """Make other images of the same kind."""

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        if number >= self.n:
            raise IndexError(number)
        return super().__getitem__(5000 + number)


def small_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def test_initialisation_leaves_every_unit_alive_with_unit_spread() -> None:
    torch.manual_seed(1)
    network = small_network()
    images = torch.stack([Stripes(64)[number][0] for number in range(64)])
    initialise(network, images)
    first = network[0](images)
    assert first.mean((0, 2, 3)).abs().max() < 1e-3
    assert (first.std((0, 2, 3)) - 1).abs().max() < 1e-3
    second = network[:4](images)
    assert second.mean((0, 2, 3)).abs().max() < 1e-3
    assert (second.std((0, 2, 3)) - 1).abs().max() < 1e-3
    assert not any(module._forward_hooks for module in network.modules())


def test_a_fit_lowers_the_loss_keeps_the_best_and_exports(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = small_network()
    initialise(network, torch.stack([Stripes(32)[number][0] for number in range(32)]))
    settings = fitting.Settings(max_epochs=10, batch=16, learning_rate=1e-2, workers=0, half=False)
    fitted = fitting.fit(network, Stripes(96), Held(64), sampler=FreshWindows(96, 1), settings=settings)
    assert fitted.training_losses[-1] < 0.6 * fitted.training_losses[0]
    assert fitted.validation_score > 0.9
    assert 1 <= fitted.best_epoch <= fitted.epochs <= 10

    # The figures are those of the weights that were kept.
    counts = confusion(network, Held(64), 2)
    assert int(counts.sum()) == 64
    assert float(counts.diagonal().sum()) / 64 == pytest.approx(fitted.validation_score, abs=0.02)

    file = tmp_path / "small.safetensors"
    export(network, file)
    assert list(tmp_path.iterdir()) == [file]
    again = small_network()
    again.load_state_dict(load_file(file), strict=True)
    images = torch.stack([Held(8)[number][0] for number in range(8)])
    assert torch.equal(again.eval()(images), network.eval()(images))


def test_a_fit_can_be_repeated() -> None:
    losses = []
    for _ in range(2):
        torch.manual_seed(3)
        network = small_network()
        settings = fitting.Settings(max_epochs=1, batch=16, workers=0, half=False)
        fitted = fitting.fit(network, Stripes(32), Held(16), sampler=FreshWindows(32, 1), settings=settings)
        losses.append(fitted.training_losses)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_dead_units_are_found() -> None:
    network = small_network()
    initialise(network, torch.stack([Stripes(16)[number][0] for number in range(16)]))
    with torch.no_grad():
        network[0].bias[[2, 5]] = -1e6
    assert dead_units(network, ["1"], Held(16)) == {"1": [2, 5]}


def test_the_genre_convnet_takes_a_step_and_exports_loadable_weights(tmp_path: Path) -> None:
    spec = find_spec("genre-convnet")
    bins, frames = spec.front_end.input_shape
    torch.manual_seed(0)
    network = spec.build()
    labels = torch.tensor([0, 1, 2, 0])
    images = torch.rand(4, 1, bins, frames) * labels.view(-1, 1, 1, 1)
    initialise(network, images)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    network.eval()
    losses = []
    for _ in range(4):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    file = tmp_path / "weights.safetensors"
    export(network, file)
    spec.build().load_state_dict(load_file(file), strict=True)


class Tagged(Stripes):
    """The same images with tags (horizontal, vertical), for a binary loss."""

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        image, kind = super().__getitem__(number % self.n)
        return image, torch.nn.functional.one_hot(torch.tensor(kind), 2).float()


class KilledError(Exception):
    """Exception that ends a fit between two epochs, as if killed."""


def test_an_interrupted_fit_continues_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = fitting.Settings(max_epochs=4, batch=16, workers=0, half=False, loss="binary", learning_rate=1e-2)

    def run(state_file: Path | None) -> tuple[fitting.Fitted, dict[str, torch.Tensor]]:
        torch.manual_seed(3)
        network = nn.Sequential(*small_network()[:-1], nn.Dropout(0.2), nn.Linear(8, 2))
        fitted = fitting.fit(
            network,
            Tagged(48),
            Tagged(32),
            sampler=FreshWindows(48, 1),
            settings=settings,
            state_file=state_file,
        )
        return fitted, network.state_dict()

    whole, weights = run(None)
    state_file = tmp_path / "state.safetensors"
    write = checkpoint.Checkpoint.write

    def write_and_die(self: checkpoint.Checkpoint, file: Path) -> None:
        write(self, file)
        if self.figures.epochs == 2:
            raise KilledError

    monkeypatch.setattr(checkpoint.Checkpoint, "write", write_and_die)
    with pytest.raises(KilledError):
        run(state_file)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [state_file]
    assert checkpoint.read(state_file).figures.epochs == 2
    again, weights_again = run(state_file)
    assert again.epochs == whole.epochs == 4
    assert again.training_losses == pytest.approx(whole.training_losses, rel=1e-4)
    assert again.best_epoch == whole.best_epoch
    assert again.validation_auc == pytest.approx(whole.validation_auc, abs=1e-4)
    for name, value in weights.items():
        torch.testing.assert_close(weights_again[name], value, rtol=1e-3, atol=1e-5)
    # One that had ended is not run any further.
    done, _ = run(state_file)
    assert done.training_losses == again.training_losses


def test_a_file_that_is_not_a_saved_state_is_reported_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    file.write_bytes(b"none")
    with pytest.raises(FileError, match="delete it to start anew"):
        checkpoint.read(file)
