"""Make the bundled weights, the excerpt and the page of architectures: ``python -m auralscope.training.bundled``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from auralscope.errors import AuralScopeError
from auralscope.terminal import say

TAGGERS = ("compact-convnet", "crnn")
PROGRAM = "auralscope.training.bundled"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    missing = [name for name in ("lightning", "torchmetrics", "mido") if find_spec(name) is None]
    if missing and options.command != "architectures":
        missing_text = ", ".join(missing)
        return _failed(f"training needs {missing_text}; install it with: pip install 'auralscope[train]'")
    try:
        _run(options)
    except AuralScopeError as failure:
        return _failed(str(failure))
    except OSError as failure:
        return _failed(f"{failure.filename or 'a file'}: {failure.strerror or failure}")
    except KeyboardInterrupt:
        return _failed("interrupted; rendered sound and the best weights so far are kept", 130)
    return 0


def _run(options: argparse.Namespace) -> None:
    if options.command == "architectures":
        from auralscope.training.bundled import architectures

        if options.markdown:
            architectures.write_page(options.markdown)
        else:
            sys.stdout.write(architectures.page())
    elif options.command == "excerpt":
        from auralscope.training.bundled.excerpt import write_excerpt

        write_excerpt(options.out, options.sound_fonts)
    elif options.command == "statistics":
        from auralscope.training.bundled.statistics import write_statistics

        write_statistics(options.weights, options.out, options.cache, options.sound_fonts)
    elif options.command == "font-samples":
        from auralscope.training.bundled.tagged import FONTS
        from auralscope.training.synthesis.font_samples import page

        fonts = dict.fromkeys(font for members in FONTS.values() for font in members)
        sys.stdout.write(page(list(fonts), options.sound_fonts))
    else:
        _train(options)


def _train(options: argparse.Namespace) -> None:
    from auralscope.training.bundled import genre, taggers
    from auralscope.training.bundled.steps import Training
    from auralscope.training.fit import Settings

    settings = Settings(max_epochs=options.epochs, seed=options.seed, learning_rate=options.learning_rate)
    tagger = options.command in TAGGERS
    if tagger:
        # No early stopping: the last epochs, with the smallest steps, are the best.
        settings = replace(settings, loss="binary", batch=16, label_smoothing=0.0, workers=0, patience=options.epochs)
    # The command for the card, without paths of this computer.
    command = f"python -m {PROGRAM} {options.command} --out DIR --pieces {options.pieces} --epochs {options.epochs}"
    command += f" --learning-rate {options.learning_rate:g} --seed {options.seed}"
    command += " --start-from FILE" if options.start_from else ""
    command += " --recordings DIR" if tagger and options.recordings else ""
    command += " --pop909 FILE" if not tagger and options.pop909 else ""
    training = Training(
        options.command,
        options.out,
        options.pieces,
        options.cache,
        settings,
        command,
        tuple(options.sound_fonts),
        options.start_from,
    )
    if tagger:
        result = taggers.train(training, recordings=options.recordings)
    else:
        result = genre.train(training, pop909_archive=options.pop909)
    say(f"{result}; written to {options.out}")


def _failed(text: str, status: int = 1) -> int:
    say(f"{PROGRAM}: {text}")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fonts = argparse.ArgumentParser(add_help=False)
    fonts.add_argument(
        "--sound-fonts", metavar="DIR", type=Path, nargs="+", default=[], help="folders of sound fonts, searched first"
    )
    cache = argparse.ArgumentParser(add_help=False)
    cache.add_argument(
        "--cache", metavar="DIR", type=Path, default=Path("runs/corpus"), help="rendered sound (default %(default)s)"
    )
    trained = "compose and render music, fit the network, write weights and model card"
    convnet = commands.add_parser("genre-convnet", parents=[fonts, cache], help=trained)
    _add_training(convnet, pieces=690, epochs=7, learning_rate=1e-3)
    convnet.add_argument("--pop909", metavar="FILE", type=Path, help="POP909 archive: songs to arrange")
    for name in TAGGERS:
        tagger = commands.add_parser(name, parents=[fonts, cache], help=trained)
        _add_training(tagger, pieces=8000, epochs=60, learning_rate=3e-3)
        tagger.add_argument(
            "--recordings", metavar="DIR", type=Path, help="real recordings (.ogg) whose tags the card lists"
        )
    excerpt = commands.add_parser("excerpt", parents=[fonts], help="compose and render the bundled excerpt")
    excerpt.add_argument("--out", metavar="FILE", type=Path, required=True, help="an OGG file")
    statistics = commands.add_parser(
        "statistics", parents=[fonts, cache], help="compute the batch statistics of the thesis network from 30 pieces"
    )
    statistics.add_argument("--weights", metavar="FILE", type=Path, required=True, help="weights_theano.hdf5")
    statistics.add_argument("--out", metavar="FILE", type=Path, required=True, help="a safetensors file")
    commands.add_parser("font-samples", parents=[fonts], help="list the samples that the taggers' sound fonts share")
    table = commands.add_parser("architectures", help="print the table of architectures and their parameters")
    table.add_argument("--markdown", metavar="PAGE", type=Path, help="write it to a page instead")
    return parser


def _add_training(parser: argparse.ArgumentParser, *, pieces: int, epochs: int, learning_rate: float) -> None:
    add, default = parser.add_argument, "(default %(default)s)"
    add("--out", metavar="DIR", type=Path, required=True, help="folder for weights and card")
    add("--pieces", metavar="N", type=_at_least(1), default=pieces, help=f"number of pieces {default}")
    add("--epochs", metavar="N", type=_at_least(1), default=epochs, help=f"maximum number of epochs {default}")
    add("--seed", metavar="N", type=_at_least(0), default=0, help=f"seed of all random numbers {default}")
    add("--learning-rate", metavar="X", type=float, default=learning_rate, help=f"maximum learning rate {default}")
    add("--start-from", metavar="FILE", type=Path, help="weights (safetensors) to continue from")


def _at_least(least: int) -> Any:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' must be a whole number, {least} or more")
        return int(text)

    return number


if __name__ == "__main__":
    sys.exit(main())
