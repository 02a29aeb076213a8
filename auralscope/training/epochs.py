"""Lightning callbacks: keep the best weights, write the state after each epoch; report the epochs."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any, Literal

from auralscope.terminal import say, show_status
from auralscope.training import checkpoint
from auralscope.training.lightning_shim import callbacks


class KeepBest(callbacks.Callback):  # type: ignore[misc]
    """Keep the weights and figures of the best epoch. Lightning's own checkpoints are pickles."""

    def __init__(self, kept: Literal["loss", "auc"], file: Path | None) -> None:
        self.figure = f"validation {kept}"
        self.sign = -1.0 if kept == "loss" else 1.0
        self.file = file
        self.state: checkpoint.Tensors = {}
        self.best = -math.inf
        self.loss = math.inf
        self.score = 0.0
        self.auc = math.nan
        self.epoch = 0

    def early_stopping(self, patience: int) -> Any:
        """Return a callback that ends the fit after `patience` epochs without a better one."""
        return callbacks.EarlyStopping(self.figure, mode="max" if self.sign > 0.0 else "min", patience=patience)

    def restore(self, figures: checkpoint.Figures, state: checkpoint.Tensors) -> None:
        """Take over the best epoch before an interruption."""
        self.state, self.best, self.epoch = state, figures.best, figures.best_epoch
        self.loss, self.score, self.auc = figures.loss, figures.score, figures.auc

    def on_validation_end(self, trainer: Any, task: Any) -> None:
        figures = trainer.callback_metrics
        best, loss = self.sign * float(figures[self.figure]), float(figures["validation loss"])
        # Among epochs of the same AUC (often 1 for few recordings), the lowest loss is the best.
        if best > self.best or (best == self.best and loss < self.loss) or not self.state:
            self.best, self.loss = best, loss
            self.score = float(figures["validation score"])
            self.auc = float(figures["validation auc"])
            self.epoch = task.first_epoch + trainer.current_epoch + 1
            self.state = copy.deepcopy(task.network.state_dict())
            if self.file is not None:
                checkpoint.export(task.network, self.file)


class KeepState(callbacks.Callback):  # type: ignore[misc]
    """Write the state after each epoch, so that an interrupted fit can continue."""

    def __init__(self, best: KeepBest, report: Report, stopping: Any, file: Path | None) -> None:
        self.best, self.report, self.stopping, self.file = best, report, stopping, file

    def on_train_epoch_end(self, trainer: Any, task: Any) -> None:
        if self.file is None:
            return
        best = self.best
        figures = checkpoint.Figures(
            epochs=len(self.report.losses),
            best_epoch=best.epoch,
            best=best.best,
            loss=best.loss,
            score=best.score,
            auc=best.auc,
            waited=self.stopping.wait_count,
            training_losses=tuple(self.report.losses),
        )
        held = trainer.optimizers[0].state_dict()["state"]
        checkpoint.Checkpoint(figures, task.network.state_dict(), best.state, held).write(self.file)


class Report(callbacks.Callback):  # type: ignore[misc]
    """Collect the training losses, print each epoch's figures, and show the progress of the running epoch."""

    def __init__(self, max_epochs: int) -> None:
        self.max_epochs = max_epochs
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Any, _task: Any, _outputs: Any, _batch: Any, index: int) -> None:
        done, total = index + 1, int(trainer.num_training_batches)
        show_status(f"epoch {len(self.losses) + 1}/{self.max_epochs}: {done}/{total}")

    def on_train_epoch_end(self, trainer: Any, _task: Any) -> None:
        figures = trainer.callback_metrics
        self.losses.append(float(figures["training loss"]))
        validation = ", ".join(
            f"validation {name} {figures[f'validation {name.lower()}']:.3f}" for name in ("loss", "score", "AUC")
        )
        say(f"epoch {len(self.losses)}/{self.max_epochs}: loss {self.losses[-1]:.3f}, {validation}")
