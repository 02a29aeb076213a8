"""The commands that run a model on recordings: tag, auralise, report and faithfulness."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auralscope.cli.arguments import (
    above_zero,
    add_channel,
    add_files,
    add_model,
    add_section,
    add_start,
    command,
    natural,
    positive,
)
from auralscope.nn.model import DEFAULT_MODEL
from auralscope.terminal import ProgressLine, print_json, put, say
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.nn.excerpts import Excerpt
    from auralscope.nn.loaded import Model, Run
    from auralscope.types import Clip, Scores

REPORTS = Path("auralscope-report")
REPORT_UNITS = 6


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    parser = command(commands, "tag", tag, example="song.flac --over-time --hop 1")
    add_section(parser)
    add_channel(parser)
    add_model(parser)
    add = parser.add_argument
    add("--top", type=positive, default=10, metavar="N", help="show the N most probable labels (default 10)")
    add("--over-time", action="store_true", help="show every window, not only the mean over them")
    add("--hop", type=above_zero, metavar="S", help="seconds from window to window (default: half a window)")

    parser = command(commands, "auralise", auralise, example="song.flac --layer conv3 --top 4 --out sounds")
    add_section(parser)
    add_channel(parser)
    add_model(parser)
    add = parser.add_argument
    add("--layer", required=True, help="a layer's name, such as conv3")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--unit", type=natural, nargs="+", metavar="K", help="these units, counted from 0")
    which.add_argument(
        "--top",
        type=positive,
        default=4,
        metavar="N",
        help="the N most active units; for the output layer, the N most probable labels (default 4)",
    )
    which.add_argument("--all", action="store_true", help="every unit of the layer")
    add("--render", choices=("mask", "phase"), default="mask", help="conversion of images to sound (default mask)")
    add(
        "--rate",
        choices=("model", "recording"),
        default="model",
        help="'model': mono at the model's rate; 'recording': all channels at the recording's rate (default model)",
    )
    add("--out", type=Path, metavar="DIR", help="folder to write to (default: FILE-LAYER)")

    parser = command(commands, "report", report, example="song.flac --model compact-convnet")
    add_files(parser)
    add_model(parser)
    add_start(parser)
    add_channel(parser)
    add = parser.add_argument
    add("--top", type=positive, default=REPORT_UNITS, metavar="N", help="units with sound in each layer (default 6)")
    add("--out", type=Path, default=REPORTS, metavar="DIR", help=f"folder to write to (default {REPORTS})")

    parser = command(commands, "faithfulness", faithfulness, example="song.flac --layer conv3 --most 16")
    add_files(parser)
    add_model(parser)
    add_start(parser)
    add_channel(parser)
    add = parser.add_argument
    add("--layer", help="measure one layer (default: all layers and the labels)")
    levels = ("true", "matched")
    add(
        "--level",
        nargs="+",
        choices=levels,
        default=["true"],
        help="'true': each sound at its own level; 'matched': as loud as the original (default true)",
    )
    add("--most", type=positive, metavar="N", help="measure N units of each layer, evenly spread (default: all)")
    add("--markdown", type=Path, metavar="PAGE", help="write tables into this page; without --model, of all models")


def tag(options: argparse.Namespace) -> int:
    """Print the labels that a model gives to a recording, with their probabilities."""
    from auralscope.audio.files import load_clip

    with ProgressLine("reading") as progress:
        clip = load_clip(
            options.file,
            start_s=options.start or 0.0,
            duration_s=options.duration,
            channel=options.channel,
            progress=progress,
        )
    model = load(options.model, options.device)
    with ProgressLine("tagging") as progress:
        scores = model.predict(clip, hop_s=options.hop, progress=progress)
    starts_s = [clip.start_s + float(time_s) for time_s in scores.times_s]
    if options.json:
        _print_scores_json(options, model, clip, scores, starts_s)
    else:
        _print_scores(scores, starts_s, options.top, options.over_time)
        say(f"{model.spec.title} {model.spec.scope}.")
    return 0


def _print_scores_json(
    options: argparse.Namespace, model: Model, clip: Clip, scores: Scores, starts_s: Sequence[float]
) -> None:
    from auralscope.types import channel_name

    document: dict[str, Any] = {
        "file": str(options.file),
        "channel": channel_name(clip.analysed_channel, clip.channels),
        "model": model.spec.id,
        "trained_on": model.spec.trained_on,
        "window_s": round(model.front_end.window_s, 4),
        "windows": len(starts_s),
        "tags": [{"label": label, "probability": round(value, 6)} for label, value in scores.ranked()],
    }
    if options.over_time:
        document["labels"] = list(scores.labels)
        document["over_time"] = [
            {"start_s": round(start_s, 4), "probabilities": [round(float(value), 6) for value in row]}
            for start_s, row in zip(starts_s, scores.values, strict=True)
        ]
    print_json(document)


def _print_scores(scores: Scores, starts_s: Sequence[float], top: int, over_time: bool) -> None:
    best = scores.ranked()[:top]
    width = max(len(label) for label, _ in best)
    for label, value in best:
        put(f"{label:<{width}}  {percent(value, 1, rounded=True):>7}  {'█' * round(30 * value)}")
    if over_time:
        columns = {label: max(len(label), 7) for label, _ in best}
        places = [scores.labels.index(label) for label in columns]
        put(f"\n{'start (s)':>9}  " + "  ".join(f"{label:>7}" for label in columns))
        for start_s, row in zip(starts_s, scores.values[:, places], strict=True):
            shares = (percent(value, 1, rounded=True) for value in row)
            cells = (f"{share:>{width}}" for share, width in zip(shares, columns.values(), strict=True))
            put(f"{start_s:9.2f}  " + "  ".join(cells))


def auralise(options: argparse.Namespace) -> int:
    """Write the sounds of a layer's units: a WAV file and a PNG picture for each unit, and a manifest."""
    from auralscope.reports.auralisations import write_auralisations

    model = load(options.model, options.device)
    layer = model.layer(options.layer)
    excerpt = _excerpt(model, options)
    units = range(layer.units) if options.all else options.unit or excerpt.most_active(layer.name, top=options.top)
    out = options.out or Path(f"{options.file.stem}-{layer.name}")
    with ProgressLine("auralising") as progress:
        manifest = write_auralisations(
            excerpt,
            layer.name,
            units,
            out,
            render=options.render,
            rate=options.rate,
            duration_s=options.duration,
            progress=progress,
        )
    if options.json:
        print_json({"out": str(out), **manifest})
    else:
        for entry in manifest["units"]:
            put(f"{out / entry['wav']}  {entry['name']}  {entry['gain_db']:+.1f} dB to match the original's loudness")
    return 0


def report(options: argparse.Namespace) -> int:
    """Write an HTML page with pictures and sounds of one window of each recording, layer by layer."""
    pages = write_reports(
        options.files,
        options.model,
        options.device,
        start_s=options.start,
        channel=options.channel,
        top=options.top,
        out=options.out,
    )
    if options.json:
        print_json({"reports": [str(page) for page in pages]})
    else:
        put("\n".join(map(str, pages)))
    return 0


def faithfulness(options: argparse.Namespace) -> int:
    """Measure how much of a unit or label remains when the network receives its sound, against two controls."""
    from auralscope.reports import faithfulness as tables

    measured = []
    for model in _models_to_measure(options):
        found = []
        for file in options.files:
            run = _analyse(model, file, options.start, options.channel)
            for level in options.level:
                with ProgressLine(f"{model.spec.id}: measuring {file.name} at {level} level") as progress:
                    found.append(
                        tables.measure(
                            run, file, layer=options.layer, level=level, most=options.most, progress=progress
                        )
                    )
        measured.append((model, found))
    if options.markdown:
        pages = (tables.markdown(model, found, options.most) for model, found in measured)
        tables.write_markdown(options.markdown, "\n".join(pages))
    if options.json:
        print_json({"models": [tables.document(model, found) for model, found in measured]})
    else:
        put(
            str(options.markdown)
            if options.markdown
            else "\n\n".join(tables.text(model, found) for model, found in measured)
        )
    return 0


def load(model: str | None, device: str) -> Model:
    """Load a model by its id, or the default model."""
    from auralscope.catalogue import load_model

    return load_model(model or DEFAULT_MODEL, device=device)


def write_reports(
    files: Sequence[Path],
    model: str | None,
    device: str,
    *,
    start_s: float | None = None,
    channel: int | None = None,
    top: int = REPORT_UNITS,
    out: Path = REPORTS,
) -> list[Path]:
    """Write a page for each recording into a folder, and return the pages' paths."""
    from auralscope.reports.page import write_report

    loaded = load(model, device)
    pages: list[Path] = []
    for file in files:
        run = _analyse(loaded, file, start_s, channel)
        page = _unused(out / f"{file.stem}-{loaded.spec.id}.html", pages)
        with ProgressLine(f"report on {file.name}") as progress:
            write_report(run, page, top=top, progress=progress)
        pages.append(page)
    return pages


def _unused(page: Path, taken: Sequence[Path]) -> Path:
    """Add a number to a page's name if a recording of the same name in another folder has taken it."""
    candidate, number = page, 2
    while candidate in taken:
        candidate, number = page.with_stem(f"{page.stem}-{number}"), number + 1
    return candidate


def _models_to_measure(options: argparse.Namespace) -> list[Model]:
    """Load the named model, or for a page without one all models whose weights are installed."""
    from auralscope.catalogue import models
    from auralscope.weights import HERE

    if options.model or not options.markdown:
        return [load(options.model, options.device)]
    return [load(model.id, options.device) for model in models() if model.weights in HERE]


def _analyse(model: Model, file: Path, start_s: float | None, channel: int | None) -> Run:
    """Run a model on one window of a recording, by default the loudest."""
    from auralscope.audio.files import load_clip
    from auralscope.reports.page import loudest_start_s

    with ProgressLine(f"reading {file.name}") as progress:
        clip = load_clip(file, channel=channel, progress=progress)
    return model.analyse(clip, start_s=loudest_start_s(clip, model.front_end.window_s) if start_s is None else start_s)


def _excerpt(model: Model, options: argparse.Namespace) -> Excerpt:
    """Run a model on the chosen section: one window, or window by window if the section is longer."""
    from auralscope.audio.files import load_clip

    window_s = model.front_end.window_s
    duration_s = options.duration or window_s
    # A margin on both sides keeps the edge effects of resampling outside the section.
    start_s, margin_s = options.start or 0.0, 0.2
    before_s = min(margin_s, start_s)
    with ProgressLine("reading") as progress:
        clip = load_clip(
            options.file,
            start_s=start_s - before_s,
            duration_s=before_s + max(duration_s, window_s) + margin_s,
            channel=options.channel,
            progress=progress,
        )
    if duration_s <= window_s:
        return model.analyse(clip, start_s=before_s)
    return model.passage(clip, start_s=before_s, duration_s=duration_s)
