"""`auralscope train`: its words, and what they do. Importing this costs nothing."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import Any

from auralscope.errors import AuralScopeError

NEEDED = ("lightning", "torchmetrics")


def add_arguments(parser: argparse.ArgumentParser, words: list[str]) -> None:
    """The words of the subcommand; `words` is what was typed, for the card."""
    parser.set_defaults(words=words)
    parser.add_argument(
        "data", metavar="FOLDER", type=Path, nargs="?", help="recordings; without --tags a folder a class"
    )
    what = parser.add_argument_group("what to train")
    what.add_argument("--architecture", metavar="NAME", default="k2c2-0.1m", help="see --list (default %(default)s)")
    what.add_argument("--list", action="store_true", help="list the architectures, and train nothing")
    what.add_argument(
        "--smoke", action="store_true", help="train a small model on sounds made here, in a minute or two"
    )
    what.add_argument("--id", help="of the model (default: from folder and architecture)")
    what.add_argument("--title", default="", help="what the app shows")
    what.add_argument("--licence", default="not stated", help="of the weights, for the card")
    what.add_argument(
        "--tags", metavar="CSV", type=Path, help="file,tag a line; or a column of files and one of 0 and 1 for each tag"
    )
    seen = parser.add_argument_group("what the network sees")
    seen.add_argument("--transform", choices=("mel", "stft"), default="mel", help="(default %(default)s)")
    seen.add_argument("--rate", type=positive, metavar="HZ", help="default 12000, on the waveform 22050")
    seen.add_argument("--n-fft", type=positive, default=512, help="(default %(default)s)")
    seen.add_argument("--hop", type=positive, default=256, help="(default %(default)s)")
    seen.add_argument("--bands", type=positive, default=96, help="mel bands (default %(default)s)")
    seen.add_argument(
        "--window", type=_some, metavar="S", help="seconds (default: the paper's, or what recordings last)"
    )
    seen.add_argument("--magnitude", choices=("db", "log", "linear"), default="db", help="(default %(default)s)")
    seen.add_argument("--weighting", choices=("none", "A"), default="none", help="of frequencies (default %(default)s)")
    seen.add_argument(
        "--standardise",
        choices=("none", "bands", "clip"),
        default="bands",
        help="each band over the training set, each window by itself, or not (default %(default)s)",
    )
    seen.add_argument("--scale", type=_some, default=1.0, help="multiply what is seen (default %(default)s)")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--loss", choices=("categorical", "binary"), help="default: of classes categorical, of tags binary"
    )
    how.add_argument("--epochs", type=positive, default=30, help="at most so many (default %(default)s)")
    how.add_argument("--patience", type=positive, default=6, help="epochs without a better AUC (default %(default)s)")
    how.add_argument("--batch", type=positive, default=16, help="windows (default %(default)s)")
    how.add_argument(
        "--windows", type=positive, help="of each recording in an epoch (default: what it holds, at most 8)"
    )
    how.add_argument("--learning-rate", type=_some, default=1e-3, help="the highest (default %(default)s)")
    how.add_argument("--weight-decay", type=float, default=0.0, help="(default %(default)s)")
    how.add_argument("--seed", type=int, default=0, help="of everything drawn (default %(default)s)")
    how.add_argument("--workers", type=int, default=0, help="processes that prepare windows (default %(default)s)")
    how.add_argument("--restart", action="store_true", help="begin anew, not where an interrupted training ended")
    how.add_argument(
        "--models", metavar="DIR", type=Path, help="where models go (default: where the app looks for them)"
    )


def train(options: argparse.Namespace) -> int:
    """Train a model on your own recordings; it shows up in the app."""
    made = run(options)
    if options.json:
        text = json.dumps(made, indent=2)
    elif options.list:
        text = "\n".join(f"{each['name']:<18}{each['family']:<13}{each['source']}" for each in made["architectures"])
    else:
        auc = "-" if made["mean_auc"] is None else f"{made['mean_auc']:.3f}"
        listed = (
            f"The app lists it where AURALSCOPE_MODELS is {options.models}"
            if options.models
            else "The app lists it from its next start on"
        )
        tagging = f"auralscope tag FILE --model {made['id']}"
        text = f"{made['id']}  mean AUC {auc}  {made['folder']}\n{listed}; on the command line: {tagging}"
    sys.stdout.write(f"{text}\n")
    return 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Do it; returns what came of it, as plain values.

    Raises
    ------
    AuralScopeError
        In one sentence.
    """
    if options.list:
        return {"architectures": _listed()}
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise AuralScopeError(f"Training needs {', '.join(missing)}; install it with: pip install 'auralscope[train]'.")
    if options.smoke:
        from auralscope.training.smoke import smoke

        made = smoke(options.models)
    elif options.data is None:
        raise AuralScopeError(
            "Say what to train on: auralscope train FOLDER (or --smoke, to see whether it works here)."
        )
    else:
        made = _train(options)
    # NaN is no JSON.
    auc = {
        label: None if isnan(value) else value for label, value in zip(made.spec.labels, made.measured.auc, strict=True)
    }
    return {
        "id": made.spec.id,
        "folder": str(made.folder),
        "labels": list(made.spec.labels),
        "mean_auc": None if isnan(made.measured.mean_auc) else made.measured.mean_auc,
        "auc": auc,
        "epochs": made.measured.fitted.epochs,
        "best_epoch": made.measured.fitted.best_epoch,
    }


def _train(options: argparse.Namespace) -> Any:
    from auralscope.training import own

    chosen = own.Options(
        data=options.data,
        architecture=options.architecture,
        id=options.id or own.default_id(options.data, options.architecture),
        tags=options.tags,
        title=options.title,
        loss=options.loss,
        transform=options.transform,
        rate=options.rate,
        n_fft=options.n_fft,
        hop=options.hop,
        bands=options.bands,
        window_s=options.window,
        magnitude="magnitude" if options.magnitude == "linear" else options.magnitude,
        weighting=options.weighting,
        standardise=options.standardise,
        scale=options.scale,
        epochs=options.epochs,
        batch=options.batch,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        patience=options.patience,
        seed=options.seed,
        windows=options.windows,
        workers=options.workers,
        licence=options.licence,
    )
    try:
        command = shlex.join(["auralscope", *options.words])
        return own.train(chosen, restart=options.restart, models=options.models, command=command)
    except KeyboardInterrupt:
        sys.stderr.write("\nThe same command goes on after the last whole epoch.\n")
        raise


def _listed() -> list[dict[str, Any]]:
    from auralscope.nn.architectures import ARCHITECTURES

    return [
        {"name": each.name, "family": each.family, "input": list(each.input_shape), "source": each.source}
        for each in ARCHITECTURES.values()
    ]


def positive(text: str) -> int:
    """A whole number from 1 on, as argparse wants to be told."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _some(text: str) -> float:
    number = float(text)
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
