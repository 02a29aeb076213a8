"""Fit a network, any `torch.nn.Module` from (batch, 1, bins, frames) to (batch, labels), to labelled windows."""

from __future__ import annotations

import logging
import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler

from auralscope.training import checkpoint
from auralscope.training.epochs import KeepBest, KeepState, Report
from auralscope.training.lightning_shim import lightning
from auralscope.training.measure import Windows, areas

Loss = Literal["categorical", "binary"]


@dataclass(frozen=True)
class Settings:
    """Settings of a fit.

    Attributes
    ----------
    max_epochs, batch : int
    learning_rate : float
        Maximum learning rate of AdamW. It rises over the first twentieth of the steps, then falls to 0 as a cosine.
    weight_decay, label_smoothing : float
    loss : {"categorical", "binary"}
        Categorical: cross-entropy over classes; the label of a window is the number of its class. Binary: binary
        cross-entropy of each tag; the label is a (labels,) vector of 0 and 1, or NaN for an unknown tag.
    keep : {"loss", "auc"}, optional
        Criterion of the best epoch: the lowest validation loss (default for classes), or the highest mean AUC over
        labels (default for tags).
    patience : int
        The fit ends after this many epochs without a better one.
    seed : int
    workers : int
        Processes that prepare windows; 0 prepares them in this process.
    half : bool
        Compute in bfloat16 where torch's autocast allows it.
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
        """Criterion of the best epoch."""
        return self.keep or ("loss" if self.loss == "categorical" else "auc")


@dataclass(frozen=True)
class Fitted:
    """Result of a fit: figures of the best epoch on the validation windows.

    The score is the accuracy for classes, the mean AUC for tags; the AUC is the mean over labels for both.
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
    """Fit `network` in place. It ends with the weights of its best epoch, in evaluation mode.

    Parameters
    ----------
    network : torch.nn.Module
        Initialised or trained.
    training, validation : Dataset of (image, label)
        Images are (1, bins, frames).
    sampler : Sampler
        Numbers of the training windows of each epoch. If it has an attribute `epoch`, a fit that continues sets it.
    settings : Settings, optional
    best_file : Path, optional
        File for the best weights so far, which remains after an interruption.
    state_file : Path, optional
        File for the whole state after each epoch. If it exists, the fit continues from it, and ends as it would have
        without the interruption.

    Raises
    ------
    FileError
        `state_file` exists but cannot be read.
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
        generator=torch.Generator(),  # a separate one: loaders must not shift the random numbers of dropout
    )
    validation_loader = DataLoader(validation, settings.batch, generator=torch.Generator())
    task = _Task(network, settings, len(train_loader) * settings.max_epochs)
    best = KeepBest(settings.kept, best_file)
    report = Report(settings.max_epochs)
    stopping = best.early_stopping(settings.patience)
    if start is not None:
        figures = start.figures
        network.load_state_dict(start.network)
        task.first_epoch = figures.epochs
        task.first_step = figures.epochs * len(train_loader)
        task.optimiser_state = start.optimiser
        best.restore(figures, start.best)
        report.losses = list(figures.training_losses)
        stopping.wait_count = figures.waited
        stopping.best_score = torch.tensor(best.sign * figures.best)
        if hasattr(sampler, "epoch"):
            sampler.epoch = figures.epochs
    started = time.monotonic()
    epochs_left = settings.max_epochs - len(report.losses)
    if epochs_left > 0 and stopping.wait_count < settings.patience:
        watchers = [best, report, stopping, KeepState(best, report, stopping, state_file)]
        _run(task, watchers, train_loader, validation_loader, settings, epochs_left)
    network.load_state_dict(best.state)
    network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.eval()
    return Fitted(
        len(report.losses),
        best.epoch,
        best.loss,
        best.score,
        time.monotonic() - started,
        tuple(report.losses),
        best.auc,
    )


def _run(task: _Task, watchers: list[Any], training: Any, validation: Any, settings: Settings, epochs: int) -> None:
    with warnings.catch_warnings():
        # Lightning recommends more loader processes than there are cores.
        warnings.filterwarnings("ignore", module="lightning")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            precision="bf16-mixed" if settings.half else "32-true",
            max_epochs=epochs,
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
            # Lightning turns Ctrl-C into SystemExit.
            raise KeyboardInterrupt from ended


class _Task(lightning.LightningModule):  # type: ignore[misc]
    def __init__(self, network: nn.Module, settings: Settings, total_steps: int) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.total_steps = total_steps
        self.first_epoch = 0
        self.first_step = 0
        self.optimiser_state: dict[int, checkpoint.Tensors] = {}
        self.logits: list[torch.Tensor] = []
        self.truth: list[torch.Tensor] = []

    def on_train_epoch_start(self) -> None:
        # Seed dropout for each epoch. The sampler and the data set draw the windows with seeds of their own.
        torch.manual_seed(1_000_003 * self.settings.seed + self.first_epoch + self.current_epoch)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _index: int) -> torch.Tensor:
        images, labels = batch
        loss = self._loss(self._forward(images), labels, self.settings.label_smoothing)
        self.log("training loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _index: int) -> None:
        images, labels = batch
        logits = self._forward(images)
        self.logits.append(logits)
        self.truth.append(labels)
        self.log("validation loss", self._loss(logits, labels, 0.0), on_epoch=True, batch_size=len(labels))

    def on_validation_epoch_end(self) -> None:
        logits, truth = torch.cat(self.logits), torch.cat(self.truth)
        if self.settings.loss == "categorical":
            auc = areas(logits.softmax(dim=1), functional.one_hot(truth, logits.shape[1])).nanmean()
            score = (logits.argmax(dim=1) == truth).float().mean()
        else:
            score = auc = areas(logits, truth).nanmean()
        self.log("validation score", score)
        self.log("validation auc", auc)
        self.logits, self.truth = [], []

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
        if self.optimiser_state:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": self.optimiser_state})
        warm_up = max(self.total_steps // 20, 1)

        def rate(step: int) -> float:
            step += self.first_step
            if step < warm_up:
                return (step + 1) / warm_up
            done = (step - warm_up) / max(self.total_steps - warm_up, 1)
            return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return logits.float()
