"""Train a model on one's own recordings: an architecture by name, written to the folder of trained models."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from auralscope import trained
from auralscope.audio.files import load_clip
from auralscope.dsp.processed import ProcessedSpectrogram
from auralscope.errors import TrainingError
from auralscope.files import quoted, reason, user_folder, write_aside
from auralscope.nn.architectures import Stack, architecture
from auralscope.nn.batches import choose_device
from auralscope.nn.loaded import Model
from auralscope.nn.model import ModelSpec, Weights
from auralscope.registry import Registry
from auralscope.terminal import say, show_status
from auralscope.training.card import TEMPLATES, write_card
from auralscope.training.checkpoint import export
from auralscope.training.clips import DrawnClips, EvenClips, Sounds, band_statistics
from auralscope.training.collection import Collection, read_classes, read_tags, split
from auralscope.training.fit import Fitted, Loss, Settings, fit
from auralscope.training.front_end import make_front_end, sample_rate
from auralscope.training.initialise import initialise
from auralscope.training.measure import areas, outputs
from auralscope.training.windows import FreshWindows, Split
from auralscope.weights import load_into
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.dsp.frontends import FrontEnd
    from auralscope.training.options import Options

UNFINISHED = "training"
"""Folder, inside a model's, of the state of an unfinished training."""

WINDOWS_PER_EPOCH = 8
"""Maximum number of windows of a recording in an epoch, unless an option says otherwise."""


@dataclass(frozen=True)
class Measured:
    """Result of a training.

    Attributes
    ----------
    fitted : Fitted
    auc : sequence of float
        (labels,): on the test recordings, each with the mean over its windows; NaN for a label that all or none have.
    accuracy : float, optional
        For classes, on the same.
    counts : mapping of str to sequence of int
        For each split, the number of recordings with each label.
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
        """Mean over the labels that have an AUC; NaN if none has."""
        known = [value for value in self.auc if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan


@dataclass(frozen=True, eq=False)
class Made:
    """A trained model as the registry lists it, and the result of its training."""

    spec: ModelSpec
    folder: Path
    measured: Measured


def train(
    options: Options,
    *,
    restart: bool = False,
    models: Path | None = None,
    command: str = "auralscope train",
) -> Made:
    """Train a model and write it to the folder of trained models.

    An interrupted training continues after its last whole epoch when the function is called with the same options.
    Each epoch's figures are printed on standard error.

    Parameters
    ----------
    options : Options
    restart : bool
        Discard an unfinished training, or replace the model of the same id.
    models : Path, optional
        Default: the user's folder of models.
    command : str
        The command line, for the model card.

    Raises
    ------
    AuralScopeError
        Recordings, tags or options are wrong.
    """
    path = (models or user_folder("models")) / options.id
    chosen = architecture(options.architecture)
    _check_id(options.id, path, restart)
    collection = read_tags(options.data, options.tags) if options.tags else read_classes(options.data)
    loss: Loss = options.loss or ("binary" if options.tags else "categorical")
    if loss == "categorical" and not collection.exclusive:
        raise TrainingError(
            "Categorical cross-entropy is for classes that exclude one another, but there are recordings with no tag "
            "or with several; leave --loss out, or make it binary."
        )
    splits = split(collection.truth, options.seed)
    work = path / UNFINISHED
    _start(work, options, collection, restart)
    state_file = work / "state.safetensors"
    sounds = Sounds(collection.files, sample_rate(options, chosen), work / "sound")
    sounds.decode(lambda share: show_status(f"decoding: {percent(share, rounded=True)}"))
    typical_s = float(np.median(sounds.durations_s()))
    exclusive = loss == "categorical"

    def drawn(front_end: FrontEnd) -> DrawnClips:
        return DrawnClips(sounds, splits["train"], collection.truth, front_end, exclusive, options.seed)

    front_end = make_front_end(options, chosen, typical_s)
    if isinstance(front_end, ProcessedSpectrogram) and options.standardise == "bands":
        means, deviations = band_statistics(drawn(front_end))
        front_end = replace(
            front_end, standardise="bands", band_means=means, band_deviations=deviations, factor=options.scale
        )
    training = drawn(front_end)
    validation, test = (
        EvenClips(sounds, splits[name], collection.truth, front_end, exclusive) for name in ("validation", "test")
    )
    torch.manual_seed(options.seed)
    network = chosen.build(len(collection.labels), front_end.input_shape)
    if isinstance(chosen.network, Stack) and not chosen.network.norm:  # batch norms would keep units alive
        initialise(network, torch.stack([training.unused(number)[0] for number in range(32)]))
    per_file = options.windows or min(max(round(typical_s / front_end.window_s), 1), WINDOWS_PER_EPOCH)
    settings = Settings(
        max_epochs=options.epochs,
        batch=options.batch,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        label_smoothing=0.0,
        loss=loss,
        keep="auc",
        patience=options.patience,
        seed=options.seed,
        workers=options.workers,
        half=torch.cuda.is_available(),
    )
    say(
        f"{chosen.title}: {sum(parameter.numel() for parameter in network.parameters()):,} parameters; "
        f"{front_end.describe()}; recordings: {', '.join(f'{len(where)} {name}' for name, where in splits.items())}; "
        f"{per_file} windows of each in an epoch"
    )
    if state_file.is_file():
        say("continuing after the last whole epoch")
    fitted = fit(
        network,
        training,
        validation,
        sampler=FreshWindows(len(training), per_file, options.seed),
        settings=settings,
        state_file=state_file,
    )
    measured = _measure(network, test, collection, splits, fitted)
    weights = path / trained.WEIGHTS
    spec = ModelSpec(
        id=options.id,
        title=options.title or options.id,
        labels=collection.labels,
        layers=chosen.layers(len(collection.labels), front_end.input_shape),
        front_end=front_end,
        build=lambda: chosen.build(len(collection.labels), front_end.input_shape),
        weights=Weights(weights, licence=options.licence, card=path / trained.CARD),
        output="softmax" if exclusive else "sigmoid",
        summary=f"{chosen.title} ({chosen.source}), trained on {len(splits['train'])} recordings of "
        f"{options.data.resolve().name}; mean AUC {measured.mean_auc:.3f} on {len(splits['test'])} held out.",
        citation=chosen.source,
        trained_on=f"{len(splits['train'])} recordings of {options.data.resolve().name}",
    )
    export(network, weights)
    write_card(
        path / trained.CARD,
        TEMPLATES / "own.md.j2",
        spec=spec,
        weights=weights,
        settings=settings,
        fitted=fitted,
        command=command,
        architecture=chosen,
        measured=measured,
    )
    trained.write_description(path, spec, chosen.name)
    shutil.rmtree(work, ignore_errors=True)
    return Made(_loaded_back(path, collection.files[splits["test"][0]]), path, measured)


def default_id(data: Path, architecture_name: str) -> str:
    """Make a model's id from the names of its folder of recordings and its architecture."""
    words = re.findall(r"[a-z0-9]+", f"{data.resolve().name} {architecture_name}".lower())
    return "-".join(words)


def _check_id(model_id: str, path: Path, restart: bool) -> None:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", model_id):
        raise TrainingError(f"A model's id is lower case, digits and hyphens; '{model_id}' is not: give another --id.")
    if (path / trained.DESCRIPTION).is_file():
        if not restart:
            raise TrainingError(
                f"There is a trained model '{model_id}' already, in {quoted(path)}: give another --id, or --restart."
            )
    elif any(spec.id == model_id for spec in Registry(trained_folder=path.parent).models):
        raise TrainingError(f"There is a model '{model_id}' already; give another --id.")


def _start(work: Path, options: Options, collection: Collection, restart: bool) -> None:
    """Make the folder of an unfinished training, or check that the existing one has the same options."""
    file = work / "options.json"
    files = [[str(path), row.tolist()] for path, row in zip(collection.files, collection.truth, strict=True)]
    values = {**options.plain(), "files": files}
    if restart:
        shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True, exist_ok=True)
        before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else values
    except OSError as failure:
        raise TrainingError(f"{quoted(work)} cannot be written: {reason(failure)}.") from failure
    except ValueError:
        before = {}
    changed = sorted(key for key in values if before.get(key) != values[key])
    if changed:
        raise TrainingError(
            f"{quoted(work)} holds an unfinished training with other {', '.join(changed)}: give the same options to go "
            "on with it, another --id, or --restart to begin anew."
        )
    write_aside(file, json.dumps(values).encode())


def _measure(
    network: torch.nn.Module, test: EvenClips, collection: Collection, splits: dict[Split, list[int]], fitted: Fitted
) -> Measured:
    logits, _ = outputs(network, test)
    probabilities = logits.softmax(dim=1) if test.exclusive else logits.sigmoid()
    places = torch.tensor([place for place, _ in test.windows])
    means = torch.stack([probabilities[places == place].mean(dim=0) for place in splits["test"]])
    truth = torch.from_numpy(collection.truth[splits["test"]].astype(np.int64))
    accuracy = float((means.argmax(dim=1) == truth.argmax(dim=1)).double().mean()) if test.exclusive else None
    counts = {name: collection.truth[where].sum(axis=0).tolist() for name, where in splits.items()}
    sizes = {name: len(where) for name, where in splits.items()}
    return Measured(fitted, areas(means, truth).tolist(), accuracy, counts, sizes)


def _loaded_back(path: Path, file: Path) -> ModelSpec:
    """Return the model as the registry lists it, after it has tagged a recording."""
    spec = Registry(trained_folder=path.parent).find(path.name)
    network = spec.build()
    load_into(network, spec)
    Model(spec, network, choose_device("cpu")).predict(load_clip(file, duration_s=2 * spec.front_end.window_s))
    return spec
