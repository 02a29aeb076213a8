"""The model card of a model of one's own: written from what was measured, never by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.files import write_aside

if TYPE_CHECKING:
    from auralscope.nn.architectures import Architecture
    from auralscope.nn.model import ModelSpec
    from auralscope.training.fit import Fitted, Settings
    from auralscope.training.windows import Split


@dataclass(frozen=True)
class Measured:
    """What a training found out.

    Attributes
    ----------
    fitted : Fitted
    auc : sequence of float
        (labels,): over the recordings held out, each with the mean over its windows; NaN where a label is on all of
        them or on none.
    accuracy : float, optional
        Of classes, over the same.
    counts : mapping of str to sequence of int
        By split, on how many recordings each label is.
    sizes : mapping of str to int
        Recordings of each split.
    """

    fitted: Fitted
    auc: Sequence[float]
    accuracy: float | None
    counts: Mapping[Split, Sequence[int]]
    sizes: Mapping[Split, int]

    @property
    def mean_auc(self) -> float:
        known = [value for value in self.auc if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan


def write_card(
    file: Path,
    spec: ModelSpec,
    chosen: Architecture,
    digest: str,
    settings: Settings,
    measured: Measured,
    command: str,
) -> None:
    """Write the card as Markdown, whole or not at all."""
    write_aside(file, _card(spec, chosen, digest, settings, measured, command).encode())


def _card(
    spec: ModelSpec, chosen: Architecture, digest: str, settings: Settings, measured: Measured, command: str
) -> str:
    fitted, sizes = measured.fitted, measured.sizes
    bins, frames = spec.front_end.input_shape
    rows = "\n".join(
        f"| {label} | {measured.counts['train'][place]} | {measured.counts['validation'][place]} "
        f"| {measured.counts['test'][place]} | {_number(measured.auc[place])} |"
        for place, label in enumerate(spec.labels)
    )
    accuracy = f" Of classes, {measured.accuracy:.1%} are named right." if measured.accuracy is not None else ""
    loss = "Categorical" if settings.loss == "categorical" else "Binary"
    decay = f"AdamW (weight decay {settings.weight_decay:g})" if settings.weight_decay else "Adam"
    return f"""# {spec.title}: model card

## The network
{chosen.title}. Source of the architecture: {chosen.source}.
Input: {spec.front_end.describe()}; {bins} by {frames}.
Weights: `weights.safetensors`, licence: {spec.weights.licence}, SHA-256 `{digest}`.

## Data
{sum(sizes.values())} recordings, split by file so that each label has its part in every split: {sizes["train"]} to
train on, {sizes["validation"]} for validation, {sizes["test"]} for the test.
Recordings of one piece or one artist may be in several splits: the program cannot know.

## Procedure
`{command or "auralscope train"}`

{loss} cross-entropy, {decay}, learning rate {settings.learning_rate:g} with warm-up and cosine decay, batch
{settings.batch}, seed {settings.seed}; ended after {settings.patience} epochs without a better mean AUC on validation,
or {settings.max_epochs}. The weights are those of epoch {fitted.best_epoch} of {fitted.epochs}: validation AUC
{_number(fitted.validation_auc)}, loss {fitted.validation_loss:.3f}.

## Accuracy
On the recordings held out, which nothing was chosen by; a recording's probabilities are the mean over its windows.
Mean AUC **{_number(measured.mean_auc)}**.{accuracy}

| label | training | validation | test | AUC |
|---|---:|---:|---:|---:|
{rows}

## Limits
- The figures say how well it does on recordings like those that it was trained on, and on no others.
- An AUC over few recordings is a rough one: see the column 'test'.
"""


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
