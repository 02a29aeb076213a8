"""The commands about labels, kernels and maps of recordings: labels, label-noise, label-auc, kernels, map."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from auralscope.cli.arguments import (
    add_channel,
    add_files,
    add_ground_truth,
    add_model,
    add_out_file,
    command,
    positive,
)
from auralscope.cli.recordings import load
from auralscope.terminal import ProgressLine, print_json, put

PICTURE = (".png", ".svg")
PICTURE_OR_TABLE = (".png", ".svg", ".csv")
MOVED = {
    "--noise": "auralscope label-noise FILE",
    "--auc": "auralscope label-auc SCORES --ground-truth FILE",
    "--kernels": "auralscope kernels [FILE…]",
    "--map": "auralscope map FILE…",
}
"""Former options of `labels`, and the commands that replace them."""


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    parser = command(commands, "labels", labels, example="--order clustered --out labels.png")
    add_model(parser)
    add = parser.add_argument
    add("--metric", choices=("cosine", "dot"), default="cosine", help="similarity of label vectors (default cosine)")
    orders = ("model", "alphabetical", "clustered", "category")
    add("--order", choices=orders, default="model", help="order of the labels in files (default model)")
    add("--pairs", type=positive, default=20, metavar="N", help="show N pairs of labels (default 20)")
    beside = parser.add_mutually_exclusive_group()
    add_ground_truth(beside, "--cooccurrence")
    beside.add_argument("--compare", metavar="ID", help="another model, compared over the labels of both")
    add_out_file(parser, PICTURE_OR_TABLE)
    for option in MOVED:
        add(option, nargs="*", action=_Moved, help=argparse.SUPPRESS)

    parser = command(commands, "label-noise", label_noise, example="judged.csv --ground-truth truth.csv")
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV of tracks that were judged again, or of counts")
    add_ground_truth(parser)
    add_model(parser)
    add_out_file(parser, PICTURE)

    parser = command(commands, "label-auc", label_auc, example="songs --ground-truth truth.csv --out auc.png")
    parser.add_argument("scores", type=Path, metavar="SCORES", help="scores as .npy or CSV, or a folder of recordings")
    add_ground_truth(parser, required=True)
    parser.add_argument(
        "--noise", type=Path, metavar="FILE", help="CSV as for label-noise: adds each label's tagability"
    )
    add_channel(parser)
    add_model(parser)
    add_out_file(parser, PICTURE)

    parser = command(commands, "kernels", kernels, example="songs --out kernels.png")
    add_files(parser, "recordings or folders of them; adds the labels that go with each kernel", nargs="*")
    add_channel(parser)
    add_model(parser)
    add_out_file(parser, PICTURE)

    parser = command(commands, "map", map_, example="songs --out map.png")
    add_files(parser, "recordings or folders of them")
    add_channel(parser)
    add_model(parser)
    add_out_file(parser, PICTURE_OR_TABLE)


class _Moved(argparse.Action):
    """Option that has become a command: end with a usage error that names the command."""

    def __call__(self, parser: argparse.ArgumentParser, _options: Any, _values: Any, option: str | None = None) -> None:
        parser.error(f"{option} is now a command of its own: {MOVED[str(option)]}")


def labels(options: argparse.Namespace) -> int:
    """Print the pairs of labels that are most similar to a model, and compare them with a ground truth or a model."""
    from auralscope.catalogue import load_model
    from auralscope.reports import label_comparison, label_similarity

    model, metric, order = load(options.model, options.device), options.metric, options.order
    if options.compare:
        other = load_model(options.compare, device=options.device)
        compared = label_comparison.measure(model, other, metric, order)
        return _finish(options, label_comparison, compared, options.pairs)
    with ProgressLine("labels") as progress:
        found = label_similarity.measure(model, metric, order, options.truth, progress)
    return _finish(options, label_similarity, found, options.pairs)


def label_noise(options: argparse.Namespace) -> int:
    """Print how noisy the labels of a ground truth are, from a sample of its tracks that was judged again."""
    return _rate(options, "label noise", noise_file=options.file)


def label_auc(options: argparse.Namespace) -> int:
    """Print the AUC of a model for each label of a ground truth."""
    return _rate(options, "AUC", noise_file=options.noise, scored=options.scores, channel=options.channel)


def _rate(
    options: argparse.Namespace,
    title: str,
    *,
    noise_file: Path | None,
    scored: Path | None = None,
    channel: int | None = None,
) -> int:
    from auralscope.audio.files import load_clip
    from auralscope.labels.quality import label_quality
    from auralscope.reports import label_quality as report

    model = load(options.model, options.device)
    with ProgressLine(title) as progress:
        found = label_quality(
            model.labels,
            lambda file: model.predict(load_clip(file, channel=channel)).mean,
            noise_file=noise_file,
            scored=scored,
            truth_files=options.truth,
            progress=progress,
        )
    return _finish(options, report, found, model.spec.id)


def kernels(options: argparse.Namespace) -> int:
    """Print what each kernel of a model's first layer responds to."""
    from auralscope.reports import kernels as report

    model = load(options.model, options.device)
    with ProgressLine("kernels") as progress:
        found = report.measure(model, options.files, progress, options.channel)
    return _finish(options, report, found)


def map_(options: argparse.Namespace) -> int:
    """Place recordings on a map in two dimensions, where similar recordings lie close together."""
    from auralscope.reports import recordings_map as report

    model = load(options.model, options.device)
    with ProgressLine("map") as progress:
        found = report.measure(model, options.files, progress, options.channel)
    return _finish(options, report, found)


def _finish(options: argparse.Namespace, report: Any, found: Any, *details: Any) -> int:
    """Write and print what was found with the functions `write`, `document` and `text` of a report's module."""
    if options.out:
        report.write(found, options.out)
    if options.json:
        print_json(report.document(found, *details))
    else:
        put(report.text(found, *details))
    return 0
