"""A model of one's own: an architecture by name, fitted to one's own recordings, ends in the app's list."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import DataLoader

from auralscope import trained
from auralscope.dsp.processed import ProcessedSpectrogram
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.errors import TrainingError
from auralscope.files import quoted, reason, sha256, user_folder, write_aside
from auralscope.nn.architectures import Architecture, Stack, architecture
from auralscope.nn.loaded import Model
from auralscope.nn.model import ModelSpec, Weights
from auralscope.nn.tagger import choose_device
from auralscope.registry import Registry
from auralscope.terminal import say, show_status
from auralscope.training.clips import DrawnClips, EvenClips, Sounds, band_statistics
from auralscope.training.collection import Collection, read_classes, read_tags, split
from auralscope.training.fit import Fitted, Loss, Settings, areas, export, fit, initialise
from auralscope.training.own_card import Measured, write_card
from auralscope.training.windows import FreshWindows, Split
from auralscope.weights import load_into

if TYPE_CHECKING:
    from auralscope.dsp.frontends import FrontEnd
    from auralscope.training.options import Options

UNFINISHED = "training"
"""The folder, inside a model's, that holds what an interrupted training goes on from."""

WINDOWS_PER_EPOCH = 8
"""Of a file, at most, unless it is said."""


@dataclass(frozen=True, eq=False)
class Made:
    """A model that was trained, as the app's list has it."""

    spec: ModelSpec
    folder: Path
    measured: Measured


def train(options: Options, *, restart: bool = False, models: Path | None = None, command: str = "") -> Made:
    """Train a model and put it into the folder of trained models.

    An interrupted training goes on where its last whole epoch ended, when it is called for again with the same options.

    Parameters
    ----------
    options : Options
    restart : bool
        Forget an unfinished training, or replace a model of the same name.
    models : Path, optional
        `user_folder("models")` unless given.
    command : str
        What was typed, for the card.

    Raises
    ------
    AuralScopeError
        What is wrong with recordings, tags or options, in one sentence.
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
    sounds = Sounds(collection.files, _rate(options, chosen), work / "sound")
    sounds.decode(lambda done, total: show_status(f"decoded {done}/{total}"))
    front_end = _front_end(options, chosen, sounds, splits["train"], collection)
    exclusive = loss == "categorical"
    drawn = DrawnClips(sounds, splits["train"], collection.truth, front_end, options.seed, exclusive)
    validation, test = (
        EvenClips(sounds, splits[name], collection.truth, front_end, exclusive) for name in ("validation", "test")
    )
    torch.manual_seed(options.seed)
    network = chosen.build(len(collection.labels), front_end.input_shape)
    if isinstance(chosen.network, Stack) and not chosen.network.norm:  # no batch norm keeps its units alive
        initialise(network, torch.stack([drawn[2**40 + number][0] for number in range(32)]))
    per_file = options.windows or _windows_per_file(sounds, front_end)
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
        f"{chosen.title}: {sum(p.numel() for p in network.parameters()):,} parameters; {front_end.describe()}; "
        f"{', '.join(f'{len(places)} for {name}' for name, places in splits.items())}; "
        f"{per_file} windows of each an epoch"
    )
    if state_file.is_file():
        say("going on after the last whole epoch")
    sampler = FreshWindows(len(drawn), per_file, options.seed)
    fitted = fit(network, drawn, validation, sampler=sampler, settings=settings, state_file=state_file)
    measured = _measure(network, test, collection, splits, fitted)
    summary = (
        f"{chosen.title} ({chosen.source}), trained on {len(splits['train'])} recordings of "
        f"{options.data.resolve().name}; mean AUC {measured.mean_auc:.3f} on {len(splits['test'])} held out."
    )
    spec = ModelSpec(
        id=options.id,
        title=options.title or options.id,
        labels=collection.labels,
        layers=chosen.layers(len(collection.labels), front_end.input_shape),
        front_end=front_end,
        build=lambda: chosen.build(len(collection.labels), front_end.input_shape),
        weights=Weights(path / trained.WEIGHTS, licence=options.licence, card=path / trained.CARD),
        output="softmax" if exclusive else "sigmoid",
        summary=summary,
        citation=chosen.source,
    )
    export(network, path / trained.WEIGHTS)
    write_card(path / trained.CARD, spec, chosen, sha256(path / trained.WEIGHTS), settings, measured, command)
    trained.write_description(path, spec, chosen.name)
    shutil.rmtree(work, ignore_errors=True)
    return Made(_loaded_back(path, collection.files[splits["test"][0]]), path, measured)


def default_id(data: Path, architecture_name: str) -> str:
    """A model's id made from what it is trained on and the architecture."""
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
    """Make the folder of an unfinished training, or see that the one there is of the same options."""
    file = work / "options.json"
    files = [[str(path), row.tolist()] for path, row in zip(collection.files, collection.truth, strict=True)]
    said = {**options.plain(), "files": files}
    if restart:
        shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True, exist_ok=True)
        before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else said
    except OSError as failure:
        raise TrainingError(f"{quoted(work)} cannot be written: {reason(failure)}.") from failure
    except ValueError:
        before = {}
    changed = sorted(key for key in said if before.get(key) != said[key])
    if changed:
        raise TrainingError(
            f"{quoted(work)} holds an unfinished training with other {', '.join(changed)}: give the same options to go "
            "on with it, another --id, or --restart to begin anew."
        )
    write_aside(file, json.dumps(said).encode())


def _rate(options: Options, chosen: Architecture) -> int:
    return options.rate or (22_050 if chosen.family == "waveform" else 12_000)


def _front_end(
    options: Options, chosen: Architecture, sounds: Sounds, training: list[int], collection: Collection
) -> FrontEnd:
    """What the options say; of bands that are to be standardised, with what they have over the training set."""
    rate, frames = _rate(options, chosen), chosen.input_shape[1]
    papers = frames if chosen.family == "waveform" else (frames - 1) * options.hop
    if options.window_s:
        window_samples = round(options.window_s * rate)
    else:
        window_samples = min(papers, int(np.median(sounds.durations_s()) * rate))
    if chosen.family == "waveform":
        return WaveformFrontEnd(rate, window_samples)
    if options.hop > options.n_fft:
        raise TrainingError(f"A hop of {options.hop} leaves gaps between windows of {options.n_fft}; make it smaller.")
    if options.transform == "mel" and options.bands > options.n_fft // 4:
        raise TrainingError(
            f"{options.bands} mel bands are too many for an FFT of {options.n_fft}: the lowest would be empty. "
            f"Take {options.n_fft // 4} or fewer, or a longer FFT."
        )
    plain = ProcessedSpectrogram(
        sample_rate=rate,
        n_fft=options.n_fft,
        hop=options.hop,
        window_samples=window_samples,
        n_mels=options.bands if options.transform == "mel" else None,
        compression=options.magnitude,
        weighting=options.weighting,
        standardise="none" if options.standardise == "bands" else options.standardise,
        factor=options.scale if options.standardise != "bands" else 1.0,
    )
    chosen.layers(1, plain.input_shape)  # raises where the input is too small
    if options.standardise != "bands":
        return plain
    means, deviations = band_statistics(DrawnClips(sounds, training, collection.truth, plain, options.seed, False))
    return replace(plain, standardise="bands", band_means=means, band_deviations=deviations, factor=options.scale)


def _windows_per_file(sounds: Sounds, front_end: FrontEnd) -> int:
    fit_in = float(np.median(sounds.durations_s())) / front_end.window_s
    return min(max(round(fit_in), 1), WINDOWS_PER_EPOCH)


@torch.no_grad()
def _measure(
    network: torch.nn.Module, test: EvenClips, collection: Collection, splits: dict[Split, list[int]], fitted: Fitted
) -> Measured:
    """On the recordings that were held out, each judged by the mean over its windows."""
    network.eval()
    logits = torch.cat([network(images) for images, _ in DataLoader(test, 16)])
    said = logits.softmax(dim=1) if test.exclusive else logits.sigmoid()
    places = torch.tensor([place for place, _ in test.windows])
    means = torch.stack([said[places == place].mean(dim=0) for place in splits["test"]])
    truth = torch.from_numpy(collection.truth[splits["test"]].astype(np.int64))
    right = float((means.argmax(dim=1) == truth.argmax(dim=1)).double().mean()) if test.exclusive else None
    counts = {name: collection.truth[where].sum(axis=0).tolist() for name, where in splits.items()}
    sizes = {name: len(where) for name, where in splits.items()}
    return Measured(fitted, areas(means, truth).tolist(), right, counts, sizes)


def _loaded_back(path: Path, file: Path) -> ModelSpec:
    """The model as the app's list has it, once it has tagged a recording."""
    from auralscope.audio.files import load_clip

    spec = Registry(trained_folder=path.parent).find(path.name)
    network = spec.build()
    load_into(network, spec)
    Model(spec, network, choose_device("cpu")).predict(load_clip(file, duration_s=2 * spec.front_end.window_s))
    return spec
