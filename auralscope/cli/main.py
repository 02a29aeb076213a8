"""The command line: one function per subcommand."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auralscope import __version__
from auralscope.cli.listings import doctor, models, plugins, weights
from auralscope.cli.terminal import Notices as _Notices
from auralscope.cli.terminal import Progress as _Progress
from auralscope.cli.terminal import display
from auralscope.cli.terminal import print_json as _print_json
from auralscope.cli.terminal import tolerate_odd_names as _tolerate_odd_names
from auralscope.cli.train import add_arguments as add_train_arguments
from auralscope.cli.train import train
from auralscope.errors import AuralScopeError

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model
    from auralscope.nn.runs import Excerpt
    from auralscope.types import Clip

DEFAULT_MODEL = "genre-convnet"
REPORTS = Path("auralscope-report")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status.

    0 when all went well, 1 with one line on standard error when not, 2 for wrong usage, 130 when interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        _tolerate_odd_names(stream)
    words = list(sys.argv[1:] if argv is None else argv)
    options = _parse(words)
    notices = _Notices()
    logging.getLogger("auralscope.nn").addHandler(notices)
    try:
        status: int = options.command(options)
    except KeyboardInterrupt:
        print("auralscope: interrupted; nothing was left half-written.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone; so that closing it does not complain once more:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as failure:
        if options.debug:
            raise
        text = " ".join(str(failure).split())
        if not isinstance(failure, AuralScopeError):
            text = f"unexpected {type(failure).__name__}: {text} (--debug shows where)"
        print(f"auralscope: {text}", file=sys.stderr)
        return 1
    finally:
        logging.getLogger("auralscope.nn").removeHandler(notices)
    return status


# -- subcommands --------------------------------------------------------------------------------------------------


def app(options: argparse.Namespace) -> int:
    """Open the window; without a display, write a report instead."""
    if not display():
        return _report_instead(options)
    from auralscope.ui.app import run as run_window

    return run_window(options.files, device=options.device, model=options.model)


def tag(options: argparse.Namespace) -> int:
    """Say what a model makes of a recording."""
    clip = _clip(options)
    model = _model(options)
    with _Progress("tagging") as progress:
        scores = model.predict(clip, options.hop, progress)
    ranked = scores.ranked()
    starts_s = clip.start_s + scores.times_s  # in the recording, wherever the part that is tagged begins
    if options.json:
        document: dict[str, Any] = {
            "file": str(options.file),
            "model": model.spec.id,
            "window_s": round(model.front_end.window_s, 4),
            "windows": len(starts_s),
            "tags": [{"label": label, "probability": round(value, 6)} for label, value in ranked],
        }
        if options.over_time:
            document["labels"] = list(scores.labels)
            document["over_time"] = [
                {"start_s": round(float(start), 4), "probabilities": [round(float(value), 6) for value in row]}
                for start, row in zip(starts_s, scores.values, strict=True)
            ]
        _print_json(document)
        return 0
    shown = [label for label, _ in ranked[: options.top]]
    width = max(len(label) for label in shown)
    for label, value in ranked[: options.top]:
        print(f"{label:<{width}}  {value:6.1%}  {'█' * round(30 * value)}")
    if options.over_time:
        columns = [scores.labels.index(label) for label in shown]
        print(f"\n{'start (s)':>9}  " + "  ".join(f"{label:>6}" for label in shown))
        for start, row in zip(starts_s, scores.values[:, columns], strict=True):
            cells = (f"{value:>{max(len(label), 6)}.1%}" for label, value in zip(shown, row, strict=True))
            print(f"{start:9.2f}  " + "  ".join(cells))
    return 0


def auralise(options: argparse.Namespace) -> int:
    """Write what units hear: a WAV and a PNG each, and a manifest."""
    from auralscope.reports.auralisations import write_auralisations

    model = _model(options)
    layer = model.layer(options.layer)
    excerpt = _excerpt(model, options)
    if options.all:
        units = list(range(layer.units))
    elif options.unit:
        units = options.unit
    else:
        units = excerpt.most_active(layer.name, options.top)
    out = options.out or Path(f"{options.file.stem}-{layer.name}")
    with _Progress("auralising") as progress:
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
        _print_json({"out": str(out), **manifest})
    else:
        for entry in manifest["units"]:
            print(f"{out / entry['wav']}  {entry['name']}  {entry['gain_db']:+.1f} dB to match the original's loudness")
    return 0


def report(options: argparse.Namespace) -> int:
    """Write a page of pictures and sounds about one window of a recording."""
    files = _write_reports(options, options.files)
    if options.json:
        _print_json({"reports": [str(file) for file in files]})
    else:
        for file in files:
            print(file)
    return 0


def faithfulness(options: argparse.Namespace) -> int:
    """Measure how far the sounds of units and labels can be trusted: the network hears them, and controls."""
    from auralscope.audio.files import load_clip
    from auralscope.reports import faithfulness as table
    from auralscope.reports.page import loudest_start_s

    documents, texts, pages = [], [], []
    for model in _models_to_measure(options):
        measured = []
        for file in options.files:
            with _Progress(f"reading {file.name}") as progress:
                clip = load_clip(file, progress=progress)
            start_s = loudest_start_s(clip, model.front_end.window_s) if options.start is None else options.start
            run = model.analyse(clip, start_s)
            for level in options.level:
                with _Progress(f"{model.spec.id} hears {file.name}, {level} level") as progress:
                    measured.append(
                        table.measure(run, file, layer=options.layer, level=level, most=options.most, progress=progress)
                    )
        documents.append(table.document(model, measured))
        texts.append(table.text(model, measured))
        pages.append(table.markdown(model, measured, options.most))
    if options.markdown:
        table.write_markdown(options.markdown, "\n".join(pages))
    if options.json:
        _print_json({"models": documents})
    else:
        print(options.markdown or "\n\n".join(texts))
    return 0


def labels(options: argparse.Namespace) -> int:
    """Say which labels are alike to a model, by its label vectors, and hold that against a ground truth or a model."""
    from auralscope.cli.label_question import Question

    question = Question(
        metric=options.metric,
        order=options.order,
        truth=options.cooccurrence or (),
        compare=options.compare,
        device=options.device,
        noise=options.noise,
        scored=options.auc,
        kernels=options.kernels,
        recordings=options.map or (),
    )
    question.check(options.out)
    model = _model(options)
    with _Progress("labels") as progress:
        found = question.answer(model, progress)
    if options.out:
        found.write(options.out)
    if options.json:
        _print_json(found.document(options.pairs))
    else:
        print(found.text(options.pairs))
    return 0


# -- what subcommands share ---------------------------------------------------------------------------------------


def _model(options: argparse.Namespace) -> Model:
    from auralscope.catalogue import load_model

    return load_model(options.model or DEFAULT_MODEL, options.device)


def _models_to_measure(options: argparse.Namespace) -> list[Model]:
    """The model that was named; for a page without one, all whose weights are here."""
    from auralscope.catalogue import load_model
    from auralscope.catalogue import models as list_models
    from auralscope.weights import HERE

    if options.model or not options.markdown:
        return [_model(options)]
    return [load_model(model.id, options.device) for model in list_models() if model.weights in HERE]


def _clip(options: argparse.Namespace) -> Clip:
    from auralscope.audio.files import load_clip

    with _Progress("reading") as progress:
        return load_clip(options.file, start_s=options.start or 0.0, duration_s=options.duration, progress=progress)


def _excerpt(model: Model, options: argparse.Namespace) -> Excerpt:
    """What the options name, inside a model: one window, or window by window where it is longer."""
    from auralscope.audio.files import load_clip

    window_s = model.front_end.window_s
    duration_s = options.duration or window_s
    # Some sound before and behind keeps the resampler's edges out of it.
    start_s, margin_s = options.start or 0.0, 0.2
    before_s = min(margin_s, start_s)
    with _Progress("reading") as progress:
        clip = load_clip(
            options.file,
            start_s=start_s - before_s,
            duration_s=before_s + max(duration_s, window_s) + margin_s,
            progress=progress,
        )
    if duration_s <= window_s:
        return model.analyse(clip, before_s)
    return model.passage(clip, before_s, duration_s)


def _write_reports(options: argparse.Namespace, files: Sequence[Path]) -> list[Path]:
    from auralscope.audio.files import load_clip
    from auralscope.reports.page import loudest_start_s, write_report

    model = _model(options)
    out = options.out or REPORTS
    written: list[Path] = []
    for file in files:
        with _Progress(f"reading {file.name}") as progress:
            clip = load_clip(file, progress=progress)
        start_s = loudest_start_s(clip, model.front_end.window_s) if options.start is None else options.start
        page = _new_name(out / f"{file.stem}-{model.spec.id}.html", written)
        with _Progress(f"report on {file.name}") as progress:
            write_report(model.analyse(clip, start_s), page, top=options.top, progress=progress)
        written.append(page)
    return written


def _new_name(page: Path, taken: Sequence[Path]) -> Path:
    """Two recordings of one name, from two folders, get two pages."""
    candidate, number = page, 2
    while candidate in taken:
        candidate = page.with_stem(f"{page.stem}-{number}")
        number += 1
    return candidate


def _report_instead(options: argparse.Namespace) -> int:
    from auralscope.files import resource

    print("There is no display here, so no window can be opened; a page of pictures and sounds is written instead.")
    options.start, options.out, options.top = None, None, 6
    for page in _write_reports(options, options.files or [resource("excerpt.ogg")]):
        print(f"Open it in a browser: {page.resolve()}")
    return 0


# -- the words of the command line --------------------------------------------------------------------------------


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="auralscope",
        description="Look inside the neural networks that tag music, and hear what each layer has learned.",
        epilog="Without a command, 'auralscope [FILE…]' opens the window. 'auralscope COMMAND --help' says more.",
    )
    parser.add_argument("--version", action="version", version=f"auralscope {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    opening = _command(commands, app, "open the window (also without this word)")
    opening.add_argument("files", nargs="*", type=Path, metavar="FILE")
    _add_model(opening)

    _command(commands, models, "list the models there are", json_too=True)

    tagging = _command(commands, tag, "say what a model makes of a recording", json_too=True)
    tagging.add_argument("file", type=Path, metavar="FILE")
    _add_model(tagging)
    _add_place(tagging)
    tagging.add_argument("--top", type=_positive, default=10, metavar="N", help="show the N highest (default 10)")
    tagging.add_argument("--over-time", action="store_true", help="every window, not only the mean")
    tagging.add_argument(
        "--hop",
        type=_some_seconds,
        metavar="S",
        help="from one window to the next, in seconds (default: half a window)",
    )

    hearing = _command(commands, auralise, "write what units hear: WAV, PNG and manifest", json_too=True)
    hearing.add_argument("file", type=Path, metavar="FILE")
    _add_model(hearing)
    _add_place(hearing)
    hearing.add_argument("--layer", required=True, help="such as conv3")
    which = hearing.add_mutually_exclusive_group()
    which.add_argument("--unit", type=_natural, nargs="+", metavar="K", help="these units, counted from 0")
    which.add_argument("--top", type=_positive, default=4, metavar="N", help="the N most active (default 4)")
    which.add_argument("--all", action="store_true", help="every unit of the layer")
    hearing.add_argument("--render", choices=("mask", "phase"), default="mask", help="how an image becomes sound")
    hearing.add_argument(
        "--rate",
        choices=("model", "recording"),
        default="model",
        help="mono at the model's rate, or all channels at the recording's",
    )
    hearing.add_argument("--out", type=Path, metavar="DIR", help="folder to write to")

    reporting = _command(commands, report, "write a page of pictures and sounds, layer by layer", json_too=True)
    reporting.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _add_model(reporting)
    reporting.add_argument("--start", type=_seconds, metavar="S", help="where the window begins (default: the loudest)")
    reporting.add_argument("--top", type=_positive, default=6, metavar="N", help="units a layer with sound (default 6)")
    reporting.add_argument("--out", type=Path, metavar="DIR", help=f"folder to write to (default {REPORTS})")

    trusting = _command(commands, faithfulness, "measure how far sounds can be trusted", json_too=True)
    trusting.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _add_model(trusting)
    trusting.add_argument("--layer", help="this layer alone (default: all, and the labels)")
    trusting.add_argument("--start", type=_seconds, metavar="S", help="where the window begins (default: the loudest)")
    trusting.add_argument(
        "--level", nargs="+", choices=("true", "matched"), default=["true"], help="how loud the network hears them"
    )
    trusting.add_argument(
        "--most", type=_positive, metavar="N", help="of each layer N units at most, evenly spread (default: all)"
    )
    trusting.add_argument(
        "--markdown", type=Path, metavar="PAGE", help="write tables into a page; without --model, of all models"
    )

    naming = _command(commands, labels, "say which labels are alike to a model", json_too=True)
    _add_model(naming)
    naming.add_argument(
        "--metric", choices=("cosine", "dot"), default="cosine", help="of label vectors (default cosine)"
    )
    naming.add_argument("--pairs", type=_positive, default=20, metavar="N", help="show N pairs (default 20)")
    naming.add_argument(
        "--order", choices=("model", "alphabetical", "clustered", "category"), default="model", help="of the labels"
    )
    beside = naming.add_mutually_exclusive_group()
    beside.add_argument(
        "--cooccurrence",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="ground truth: .npy or CSV, tracks x labels of 0, 1",
    )
    beside.add_argument("--compare", metavar="ID", help="another model, over the labels that both know")
    naming.add_argument("--noise", type=Path, metavar="FILE", help="tracks of the ground truth judged again, as CSV")
    naming.add_argument(
        "--auc",
        type=Path,
        metavar="SCORES",
        help="a file of scores, or a folder of recordings, to rate by the ground truth",
    )
    beside.add_argument(
        "--kernels", nargs="*", type=Path, metavar="FILE", help="the first layer's kernels, with labels over recordings"
    )
    beside.add_argument("--map", nargs="+", type=Path, metavar="FILE", help="a map of recordings, or folders of them")
    naming.add_argument("--out", type=Path, metavar="FILE", help="write it as a picture, .png or .svg, or as .csv")

    storing = _command(commands, weights, "list trained weights, get published ones", json_too=True)
    storing.add_argument("action", choices=("list", "get"), nargs="?", default="list")
    storing.add_argument("id", nargs="?", metavar="ID", help="with 'get': the model whose weights to get")
    storing.add_argument(
        "--from", dest="source", metavar="FILE_OR_URL", help="the published file, where you have it, or another address"
    )

    listing = _command(commands, plugins, "list plugins and their errors", json_too=True)
    listing.add_argument("action", choices=("list",), nargs="?", default="list")

    training = _command(commands, train, "train a model on your own recordings", json_too=True)
    add_train_arguments(training, words)

    _command(commands, doctor, "check what the program needs on this machine", json_too=True)

    # 'auralscope song.flac' opens the window, as 'auralscope app song.flac' does.
    if not words or (words[0] not in commands.choices and words[0] not in ("-h", "--help", "--version")):
        words = ["app", *words]
    options = parser.parse_args(words)
    if options.command is weights and (options.action == "get") != (options.id is not None):
        storing.error("'get' takes the ID of a model, and 'list' nothing")
    return options


def _command(
    commands: Any, function: Callable[[argparse.Namespace], int], words: str, *, json_too: bool = False
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(function.__name__, help=words, description=function.__doc__)
    parser.set_defaults(command=function)
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    if json_too:
        parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="ID", help=f"see 'auralscope models' (default {DEFAULT_MODEL})")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default auto)")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", type=_seconds, metavar="S", help="begin there, in seconds")
    parser.add_argument("--duration", type=_seconds, metavar="S", help="take that much, in seconds")


def _seconds(word: str) -> float:
    value = float(word)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{word}' is not a time in seconds")
    return value


def _some_seconds(word: str) -> float:
    value = _seconds(word)
    if value == 0.0:
        raise argparse.ArgumentTypeError(f"'{word}' is no time at all")
    return value


def _natural(word: str) -> int:
    value = int(word)
    if value < 0:
        raise argparse.ArgumentTypeError(f"'{word}' is below 0")
    return value


def _positive(word: str) -> int:
    value = int(word)
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{word}' is below 1")
    return value
