"""Fitting a network to labelled windows: any `torch.nn.Module` from (batch, 1, bins, frames) to (batch, labels)."""

from __future__ import annotations

import copy
import logging
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Sampler

from auralscope.files import write_aside
from auralscope.terminal import say, show_status
from auralscope.training import checkpoint
from auralscope.training.lightning_shim import callbacks, lightning, torchmetrics

Windows = Dataset[tuple[torch.Tensor, int]] | Dataset[tuple[torch.Tensor, torch.Tensor]]
Loss = Literal["categorical", "binary"]


@dataclass(frozen=True)
class Settings:
    """How to fit.

    Attributes
    ----------
    max_epochs, batch : int
    learning_rate : float
        AdamW's, after a warm-up over the first twentieth of the steps; then it falls to zero as a cosine does.
    weight_decay, label_smoothing : float
    loss : {"categorical", "binary"}
        Cross-entropy over classes that exclude one another, each window's label a number; or tag by tag, its label a
        vector of zeros and ones (labels,), NaN where it is not known.
    keep : {"loss", "auc"}, optional
        Which epoch is the best: that with the lowest validation loss, or with the highest mean AUC over labels; unless
        given, the loss for classes and the AUC for tags.
    patience : int
        Epochs without a better one before it ends.
    seed : int
    workers : int
        Processes that prepare windows; 0 prepares them in this one.
    half : bool
        Compute in bfloat16 where that is safe (autocast).
    """

    max_epochs: int = 7
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    loss: Loss = "categorical"
    keep: Literal["loss", "auc"] | None = None
    patience: int = 8
    seed: int = 0
    workers: int = 1
    half: bool = True

    @property
    def kept(self) -> Literal["loss", "auc"]:
        """What the best epoch is best at."""
        return self.keep or ("loss" if self.loss == "categorical" else "auc")


@dataclass(frozen=True)
class Fitted:
    """How a fit went: the epoch whose weights were kept, and that epoch's figures on the validation windows.

    The score is the accuracy over classes, or the mean AUC over tags; the AUC is the mean over labels of either.
    """

    epochs: int
    best_epoch: int
    validation_loss: float
    validation_score: float
    seconds: float
    training_losses: tuple[float, ...]
    validation_auc: float = math.nan


def fit(
    network: nn.Module,
    training: Windows,
    validation: Windows,
    *,
    sampler: Sampler[int],
    settings: Settings | None = None,
    best_file: Path | None = None,
    state_file: Path | None = None,
) -> Fitted:
    """Fit `network` in place; it ends with the weights of its best epoch (see `Settings.keep`).

    Parameters
    ----------
    network : torch.nn.Module
        Initialised or trained already.
    training, validation : Dataset of (image, label)
        Images are (1, bins, frames).
    sampler : Sampler
        Which training windows an epoch has; one with an `epoch` is told where to go on.
    settings : Settings, optional
    best_file : Path, optional
        Holds the best weights so far while it runs, for whoever interrupts it.
    state_file : Path, optional
        Holds the whole state after each epoch. Where it is there already, the fit goes on from it, and ends as it
        would have without the interruption.

    Raises
    ------
    FileError
        `state_file` is there but cannot be read.
    """
    settings = settings or Settings()
    start = checkpoint.read(state_file) if state_file is not None and state_file.is_file() else None
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    train_loader = DataLoader(
        training,
        settings.batch,
        sampler=sampler,
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        drop_last=len(sampler) > settings.batch,  # type: ignore[arg-type]
        generator=torch.Generator(),  # of its own: what loaders draw must not shift what dropout draws
    )
    validation_loader = DataLoader(validation, settings.batch, generator=torch.Generator())
    task = _Task(network, settings, len(train_loader) * settings.max_epochs)
    keeper = _KeepBest(settings.kept, best_file)
    progress = _Progress(settings.max_epochs)
    stopping = keeper.early_stopping(settings.patience)
    if start is not None:
        _go_on(start, network, task, keeper, progress, stopping, sampler, len(train_loader))
    started = time.monotonic()
    if len(progress.losses) < settings.max_epochs and stopping.wait_count < settings.patience:
        _run(
            task,
            [keeper, progress, stopping, _KeepState(keeper, progress, stopping, state_file)],
            train_loader,
            validation_loader,
            settings,
            len(progress.losses),
        )
    network.load_state_dict(keeper.state)
    network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.eval()
    return Fitted(
        len(progress.losses),
        keeper.epoch,
        keeper.loss,
        keeper.score,
        time.monotonic() - started,
        tuple(progress.losses),
        keeper.auc,
    )


def _run(task: _Task, watchers: list[Any], training: Any, validation: Any, settings: Settings, done: int) -> None:
    """The epochs that are left."""
    with warnings.catch_warnings():
        # Lightning advises more loader processes than there are cores to run them.
        warnings.filterwarnings("ignore", module="lightning")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            precision="bf16-mixed" if settings.half else "32-true",
            max_epochs=settings.max_epochs - done,
            callbacks=watchers,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
            num_sanity_val_steps=0,
        )
        try:
            trainer.fit(task, training, validation)
        except SystemExit as ended:
            # What Lightning makes of Ctrl-C.
            raise KeyboardInterrupt from ended


def _go_on(
    start: checkpoint.Checkpoint,
    network: nn.Module,
    task: _Task,
    keeper: _KeepBest,
    progress: _Progress,
    stopping: Any,
    sampler: Sampler[int],
    batches: int,
) -> None:
    """Put everything where the interruption left it."""
    figures = start.figures
    network.load_state_dict(start.network)
    task.first_epoch = figures.epochs
    task.first_step = figures.epochs * batches
    task.held = start.optimiser
    keeper.go_on(figures, start.best)
    progress.losses = list(figures.training_losses)
    stopping.wait_count = figures.waited
    stopping.best_score = torch.tensor(keeper.sign * figures.best)
    if hasattr(sampler, "epoch"):
        sampler.epoch = figures.epochs


class _Task(lightning.LightningModule):  # type: ignore[misc]
    def __init__(self, network: nn.Module, settings: Settings, total_steps: int) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.total_steps = total_steps
        self.first_epoch = 0
        self.first_step = 0
        self.held: dict[int, dict[str, torch.Tensor]] = {}
        self.said: list[torch.Tensor] = []
        self.truth: list[torch.Tensor] = []

    def on_train_epoch_start(self) -> None:
        # Seeds dropout, for each epoch by itself; what windows are drawn is the sampler's and the dataset's business.
        torch.manual_seed(1_000_003 * self.settings.seed + self.first_epoch + self.current_epoch)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _index: int) -> torch.Tensor:
        images, labels = batch
        loss = self._loss(self._logits(images), labels, self.settings.label_smoothing)
        self.log("training loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _index: int) -> None:
        images, labels = batch
        logits = self._logits(images)
        self.said.append(logits)
        self.truth.append(labels)
        self.log("validation loss", self._loss(logits, labels, 0.0), on_epoch=True, batch_size=len(labels))

    def on_validation_epoch_end(self) -> None:
        said, truth = torch.cat(self.said), torch.cat(self.truth)
        if self.settings.loss == "categorical":
            auc = areas(said.softmax(dim=1), functional.one_hot(truth, said.shape[1])).nanmean()
            score = torchmetrics.functional.accuracy(
                said, truth, "multiclass", num_classes=said.shape[1], average="micro"
            )
        else:
            score = auc = areas(said, truth).nanmean()
        self.log("validation score", score)
        self.log("validation auc", auc)
        self.said, self.truth = [], []

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
        if self.settings.loss == "categorical":
            return functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        known = ~labels.isnan()
        smoothed = labels * (1.0 - smoothing) + 0.5 * smoothing
        return functional.binary_cross_entropy_with_logits(logits[known], smoothed[known])

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = torch.optim.AdamW(
            self.network.parameters(), self.settings.learning_rate, weight_decay=self.settings.weight_decay
        )
        if self.held:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": self.held})
        warm_up = max(self.total_steps // 20, 1)

        def rate(step: int) -> float:
            step += self.first_step
            if step < warm_up:
                return (step + 1) / warm_up
            done = (step - warm_up) / max(self.total_steps - warm_up, 1)
            return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return logits.float()


class _KeepBest(callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the best epoch; Lightning's own checkpoints are pickles."""

    def __init__(self, kept: Literal["loss", "auc"], file: Path | None) -> None:
        self.figure = f"validation {kept}"
        self.sign = -1.0 if kept == "loss" else 1.0
        self.file = file
        self.state: dict[str, torch.Tensor] = {}
        self.best = -math.inf
        self.loss = math.inf
        self.score = 0.0
        self.auc = math.nan
        self.epoch = 0

    def early_stopping(self, patience: int) -> Any:
        """What ends the fit after `patience` epochs that are no better."""
        return callbacks.EarlyStopping(self.figure, mode="max" if self.sign > 0.0 else "min", patience=patience)

    def go_on(self, figures: checkpoint.Figures, state: dict[str, torch.Tensor]) -> None:
        """Take over what was the best before an interruption."""
        self.state, self.best, self.epoch = state, figures.best, figures.best_epoch
        self.loss, self.score, self.auc = figures.loss, figures.score, figures.auc

    def on_validation_end(self, trainer: Any, task: Any) -> None:
        figures = trainer.callback_metrics
        best, loss = self.sign * float(figures[self.figure]), float(figures["validation loss"])
        # Of epochs with the same AUC (often 1 of few recordings), the one that is surest of it.
        if best > self.best or (best == self.best and loss < self.loss) or not self.state:
            self.best, self.loss = best, loss
            self.score = float(figures["validation score"])
            self.auc = float(figures["validation auc"])
            self.epoch = task.first_epoch + trainer.current_epoch + 1
            self.state = copy.deepcopy(task.network.state_dict())
            if self.file is not None:
                export(task.network, self.file)


class _KeepState(callbacks.Callback):  # type: ignore[misc]
    """Writes down, after each epoch, all that going on needs."""

    def __init__(self, keeper: _KeepBest, progress: _Progress, stopping: Any, file: Path | None) -> None:
        self.keeper, self.progress, self.stopping, self.file = keeper, progress, stopping, file

    def on_train_epoch_end(self, trainer: Any, task: Any) -> None:
        if self.file is None:
            return
        keeper = self.keeper
        figures = checkpoint.Figures(
            epochs=len(self.progress.losses),
            best_epoch=keeper.epoch,
            best=keeper.best,
            loss=keeper.loss,
            score=keeper.score,
            auc=keeper.auc,
            waited=self.stopping.wait_count,
            training_losses=tuple(self.progress.losses),
        )
        held = trainer.optimizers[0].state_dict()["state"]
        checkpoint.Checkpoint(figures, task.network.state_dict(), keeper.state, held).write(self.file)


class _Progress(callbacks.Callback):  # type: ignore[misc]
    """Print a line for each finished epoch, and show the progress of the running one on a terminal."""

    def __init__(self, max_epochs: int) -> None:
        self.max_epochs = max_epochs
        self.losses: list[float] = []
        self.started = 0.0

    def on_train_epoch_start(self, _trainer: Any, _task: Any) -> None:
        self.started = time.monotonic()

    def on_train_batch_end(self, trainer: Any, _task: Any, _outputs: Any, _batch: Any, index: int) -> None:
        done, total = index + 1, int(trainer.num_training_batches)
        left_s = (time.monotonic() - self.started) * (total - done) / done
        show_status(f"epoch {len(self.losses) + 1}/{self.max_epochs}: {done}/{total}, {left_s:.0f} s left")

    def on_train_epoch_end(self, trainer: Any, _task: Any) -> None:
        figures = trainer.callback_metrics
        self.losses.append(float(figures["training loss"]))
        say(
            f"epoch {len(self.losses)}/{self.max_epochs}: loss {self.losses[-1]:.3f}, "
            f"validation loss {float(figures['validation loss']):.3f}, "
            f"validation score {float(figures['validation score']):.3f}, "
            f"validation AUC {float(figures['validation auc']):.3f}"
        )


@torch.no_grad()
def initialise(network: nn.Module, images: torch.Tensor) -> None:
    """Start every unit alive, from data (after Kraehenbuehl et al. 2016, arXiv:1511.06856).

    He's initialisation, then layer after layer each unit's weights are scaled and its bias set so that over `images`
    its response before the ReLU has mean 0 and variance 1: about half of what it sees makes it answer.

    Parameters
    ----------
    network : torch.nn.Module
    images : (batch, 1, bins, frames) tensor
        A few dozen are enough.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    # A small last layer: the first guesses are even, and the first steps do not tear the layers below.
    nn.init.normal_(layers[-1].weight, std=0.01)
    training = network.training
    network.eval()

    def standardise(layer: nn.Conv2d | nn.Linear, _inputs: object, response: torch.Tensor) -> torch.Tensor:
        over = (0, 2, 3) if response.ndim == 4 else (0,)
        shape = (1, -1, 1, 1) if response.ndim == 4 else (1, -1)
        mean, spread = response.mean(over), response.std(over).clamp(min=1e-6)
        layer.weight /= spread.view(-1, *[1] * (layer.weight.ndim - 1))
        if layer.bias is not None:
            layer.bias.copy_(-mean / spread)
        return (response - mean.view(shape)) / spread.view(shape)

    # Each hook corrects its layer and hands the corrected response on, so one pass sets them all, in order.
    hooks = [layer.register_forward_hook(standardise) for layer in layers[:-1]]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    network.train(training)


@torch.no_grad()
def confusion(network: nn.Module, windows: Windows, n_labels: int, *, batch: int = 64) -> torch.Tensor:
    """(labels, labels) counts: rows are what a window is, columns what the network says."""
    network.eval()
    matrix = torchmetrics.ConfusionMatrix("multiclass", num_classes=n_labels)
    for images, labels in DataLoader(windows, batch):
        matrix.update(network(images), labels)
    counts: torch.Tensor = matrix.compute()
    return counts


@torch.no_grad()
def tag_probabilities(network: nn.Module, windows: Windows, *, batch: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """What a tagger says of windows and what is true: (windows, labels) probabilities, and zeros and ones."""
    network.eval()
    said, truth = zip(*((network(images), labels) for images, labels in DataLoader(windows, batch)), strict=True)
    return torch.cat(said).sigmoid(), torch.cat(truth)


def areas(scores: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The area under each tag's ROC curve.

    Parameters
    ----------
    scores, truth : (windows, labels) tensors
        Anything that orders the windows, and zeros and ones.

    Returns
    -------
    (labels,) tensor
        NaN for a tag that all windows have, or none.
    """
    found = torch.full((truth.shape[1],), torch.nan)
    for tag, (said, holds) in enumerate(zip(scores.T, truth.int().T, strict=True)):
        if holds.min() != holds.max():
            found[tag] = torchmetrics.functional.auroc(said, holds, "binary")
    return found


@torch.no_grad()
def dead_units(
    network: nn.Module, modules: Sequence[str], windows: Windows, *, batch: int = 64
) -> Mapping[str, list[int]]:
    """Units that no window makes answer (their output is nowhere above zero), for each of `modules` (dotted names)."""
    highest: dict[str, torch.Tensor] = {}

    def watch(name: str) -> Any:
        def note(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            peaks = output.amax(tuple(axis for axis in range(output.ndim) if axis != 1))
            highest[name] = torch.maximum(highest[name], peaks) if name in highest else peaks

        return note

    hooks = [network.get_submodule(name).register_forward_hook(watch(name)) for name in modules]
    network.eval()
    try:
        for images, _ in DataLoader(windows, batch):
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: torch.nonzero(peaks <= 0).flatten().tolist() for name, peaks in highest.items()}


def export(network: nn.Module, file: Path) -> None:
    """Write the weights as safetensors, names as in `state_dict`; the file is written aside, then renamed."""
    # Not `save_file`: it makes files that their owner alone can read.
    write_aside(file, save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}))
