"""The command that trains a model on one's own recordings."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import MISSING, fields
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auralscope.cli.arguments import above_zero, command, natural, positive
from auralscope.errors import AuralScopeError
from auralscope.terminal import print_json, put, say
from auralscope.training.options import Options

if TYPE_CHECKING:
    from auralscope.training.own import Made

NEEDED = ("lightning", "torchmetrics")


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    parser = command(commands, "train", train, example="recordings --architecture k2c2-0.1m")
    default = "(default %(default)s)"
    parser.add_argument(
        "data", metavar="FOLDER", type=Path, nargs="?", help="recordings: one folder for each class, or with --tags any"
    )
    add = parser.add_argument_group("model and data").add_argument
    add("--architecture", metavar="NAME", help=f"one of --list {default}")
    add("--list", action="store_true", help="list the architectures and exit")
    add("--smoke", action="store_true", help="train a small model on synthetic sounds; takes a minute or two")
    add("--id", help="id of the model (default: from folder and architecture)")
    add("--title", help="name of the model in the window")
    add("--licence", help=f"licence of the weights, for the model card {default}")
    add("--tags", metavar="CSV", type=Path, help="lines 'file,tag', or a column of files and a column of 0/1 a tag")
    add = parser.add_argument_group("input of the network").add_argument
    add("--transform", choices=("mel", "stft"), help=default)
    add("--rate", type=positive, metavar="HZ", help="sample rate (default 12000; for networks on waveforms 22050)")
    add("--n-fft", type=positive, metavar="N", help=f"samples of a frame {default}")
    add("--hop", type=positive, metavar="N", help=f"samples from frame to frame {default}")
    add("--bands", type=positive, metavar="N", help=f"mel bands {default}")
    add(
        "--window",
        dest="window_s",
        type=above_zero,
        metavar="S",
        help="length of the input in seconds (default: the paper's, or the recordings' if half of them are shorter)",
    )
    add("--magnitude", choices=("db", "log", "linear"), help=f"scale of magnitudes {default}")
    add("--weighting", choices=("none", "A"), help=f"frequency weighting {default}")
    add(
        "--standardise",
        choices=("none", "bands", "clip"),
        help=f"'bands': each band over the training set; 'clip': each window by itself {default}",
    )
    add("--scale", type=above_zero, metavar="X", help=f"factor of the input {default}")
    add = parser.add_argument_group("training").add_argument
    add("--loss", choices=("categorical", "binary"), help="(default: categorical for classes, binary for --tags)")
    add("--epochs", type=positive, metavar="N", help=f"maximum number of epochs {default}")
    add("--patience", type=positive, metavar="N", help=f"stop after N epochs without a better AUC {default}")
    add("--batch", type=positive, metavar="N", help=f"windows in a batch {default}")
    add("--windows", type=positive, metavar="N", help="windows of a recording in an epoch (default: all, 8 at most)")
    add("--learning-rate", type=above_zero, metavar="X", help=f"maximum learning rate {default}")
    add("--weight-decay", type=float, metavar="X", help=default)
    add("--seed", type=int, metavar="N", help=f"seed of all random numbers {default}")
    add("--workers", type=natural, metavar="N", help=f"processes that prepare windows {default}")
    add("--restart", action="store_true", help="start again instead of continuing an interrupted training")
    add("--models", metavar="DIR", type=Path, help="folder for the model (default: the folder that the window lists)")
    parser.set_defaults(**{field.name: field.default for field in fields(Options) if field.default is not MISSING})


def train(options: argparse.Namespace) -> int:
    """Train a model on your own recordings. The window and the other commands list it when it is finished."""
    if options.list:
        architectures = _architectures()
        if options.json:
            print_json({"architectures": architectures})
        else:
            for one in architectures:
                put(f"{one['name']:<18}{one['family']:<13}{one['source']}")
        return 0
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise AuralScopeError(f"Training needs {', '.join(missing)}; install it with: pip install 'auralscope[train]'.")
    made = _train(options)
    model, measured = made.spec.id, made.measured
    if options.json:
        # JSON has no NaN.
        areas = {label: None if isnan(auc) else auc for label, auc in zip(made.spec.labels, measured.auc, strict=True)}
        print_json(
            {
                "id": model,
                "folder": str(made.folder),
                "labels": list(made.spec.labels),
                "mean_auc": None if isnan(measured.mean_auc) else measured.mean_auc,
                "auc": areas,
                "epochs": measured.fitted.epochs,
                "best_epoch": measured.fitted.best_epoch,
            }
        )
        return 0
    mean = "undefined" if isnan(measured.mean_auc) else f"{measured.mean_auc:.3f}"
    condition = f"if AURALSCOPE_MODELS is {options.models}" if options.models else "after its next start"
    put(f"{model}  mean AUC {mean}  {made.folder}")
    put(f"The window lists it {condition}; on the command line: auralscope tag FILE --model {model}")
    return 0


def _train(options: argparse.Namespace) -> Made:
    from auralscope.training import own

    if options.smoke:
        from auralscope.training.smoke import smoke

        return smoke(options.models)
    if options.data is None:
        raise AuralScopeError(
            "Say what to train on: 'auralscope train FOLDER', or 'auralscope train --smoke' for a trial."
        )
    values = {field.name: getattr(options, field.name) for field in fields(Options)}
    values["id"] = options.id or own.default_id(options.data, options.architecture)
    if options.magnitude == "linear":
        values["magnitude"] = "magnitude"
    try:
        return own.train(
            Options(**values),
            restart=options.restart,
            models=options.models,
            command=shlex.join(["auralscope", *options.words]),
        )
    except KeyboardInterrupt:
        say("The same command goes on after the last whole epoch.")
        raise


def _architectures() -> list[dict[str, Any]]:
    from auralscope.nn.architectures import ARCHITECTURES

    return [
        {"name": one.name, "family": one.family, "input": list(one.input_shape), "source": one.source}
        for one in ARCHITECTURES.values()
    ]
