"""Make the bundled weights, the excerpt and the page of architectures: ``python -m auralscope.training.bundled``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from auralscope.errors import AuralScopeError

TAGGERS = ("compact-convnet", "crnn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "architectures":  # needs no extra
        from auralscope.training.bundled.architectures import page, write_page

        if options.markdown:
            write_page(options.markdown)
        else:
            sys.stdout.write(page())
        return 0
    missing = [name for name in ("lightning", "torchmetrics", "mido") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"auralscope.training.bundled: training needs {', '.join(missing)}; "
            "install it with: pip install 'auralscope[train]'\n"
        )
        return 1
    try:
        if options.command == "excerpt":
            from auralscope.training.bundled.excerpt import write_excerpt

            write_excerpt(options.out, options.sound_fonts)
        elif options.command == "statistics":
            from auralscope.training.bundled.statistics import write_statistics

            write_statistics(options.weights, options.out, options.cache, options.sound_fonts)
        elif options.command == "font-samples":
            from auralscope.training.bundled.tagged import FONTS
            from auralscope.training.synthesis.font_samples import page as font_page

            fonts = dict.fromkeys(font for members in FONTS.values() for font in members)
            sys.stdout.write(font_page(list(fonts), options.sound_fonts))
        elif options.command in TAGGERS:
            _train_tagger(options)
        else:
            _train(options)
    except AuralScopeError as failure:
        sys.stderr.write(f"auralscope.training.bundled: {failure}\n")
        return 1
    except OSError as failure:
        sys.stderr.write(
            f"auralscope.training.bundled: {failure.filename or 'a file'}: {failure.strerror or failure}\n"
        )
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            "auralscope.training.bundled: interrupted; rendered sound and the best weights so far are kept\n"
        )
        return 130
    return 0


def _train(options: argparse.Namespace) -> None:
    from auralscope.training.bundled.genre import train
    from auralscope.training.fit import Settings

    train(
        options.command,
        options.out,
        n_pieces=options.pieces,
        cache=options.cache,
        settings=Settings(max_epochs=options.epochs, seed=options.seed, learning_rate=options.learning_rate),
        pop909_archive=options.pop909,
        font_folders=options.sound_fonts,
        start_from=options.start_from,
        command=_typed(options) + (" --pop909 FILE" if options.pop909 else ""),
    )


def _train_tagger(options: argparse.Namespace) -> None:
    from auralscope.training.bundled.taggers import train
    from auralscope.training.fit import Settings

    settings = Settings(
        loss="binary",
        max_epochs=options.epochs,
        seed=options.seed,
        learning_rate=options.learning_rate,
        batch=16,
        label_smoothing=0.0,
        workers=0,
        patience=options.epochs,  # the last epochs, at the smallest steps, are the best
    )
    train(
        options.command,
        options.out,
        n_pieces=options.pieces,
        cache=options.cache,
        settings=settings,
        font_folders=options.sound_fonts,
        recordings=options.recordings,
        start_from=options.start_from,
        command=_typed(options) + (" --recordings DIR" if options.recordings else ""),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m auralscope.training.bundled", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fonts = argparse.ArgumentParser(add_help=False)
    fonts.add_argument(
        "--sound-fonts",
        metavar="DIR",
        type=Path,
        nargs="+",
        default=[],
        help="folders with sound fonts, looked at first",
    )
    convnet = commands.add_parser(
        "genre-convnet", parents=[fonts], help="compose and render music, fit the network, write weights and model card"
    )
    _add_training(
        convnet, pieces=690, epochs=7, learning_rate=1e-3, what="pieces of 28 s", start="weights to go on from"
    )
    convnet.add_argument("--pop909", metavar="FILE", type=Path, help="the POP909 archive: songs to arrange")
    for name in TAGGERS:
        tagger = commands.add_parser(
            name, parents=[fonts], help="compose and render tagged music, fit the tagger, write weights and model card"
        )
        _add_training(
            tagger,
            pieces=8000,
            epochs=60,
            learning_rate=3e-3,
            what="pieces of 30 s to train on",
            start="weights, another tagger's too: those of the same name and shape are taken over",
        )
        tagger.add_argument(
            "--recordings", metavar="DIR", type=Path, help="real recordings (.ogg), whose tags go into the card"
        )
    excerpt = commands.add_parser("excerpt", parents=[fonts], help="compose and render the bundled excerpt")
    excerpt.add_argument("--out", metavar="FILE", type=Path, required=True, help="an OGG file")
    statistics = commands.add_parser(
        "statistics", parents=[fonts], help="compose and render thirty pieces, take the thesis network's statistics"
    )
    statistics.add_argument("--weights", metavar="FILE", type=Path, required=True, help="weights_theano.hdf5")
    statistics.add_argument("--out", metavar="FILE", type=Path, required=True, help="a safetensors file")
    statistics.add_argument("--cache", metavar="DIR", type=Path, default=Path("runs/corpus"), help="rendered sound")
    commands.add_parser(
        "font-samples", parents=[fonts], help="which samples the sound fonts of the taggers' music have in common"
    )
    table = commands.add_parser("architectures", help="the table of architectures and their parameters")
    table.add_argument("--markdown", metavar="PAGE", type=Path, help="write it into a page")
    return parser


def _add_training(
    parser: argparse.ArgumentParser, *, pieces: int, epochs: int, learning_rate: float, what: str, start: str
) -> None:
    """What all commands that train have in common."""
    add, default = parser.add_argument, "(default: %(default)s)"
    add("--out", metavar="DIR", type=Path, required=True, help="where weights and card are written")
    add("--pieces", type=_at_least(1), default=pieces, help=f"how many {what} {default}")
    add("--epochs", type=_at_least(1), default=epochs, help=f"at most so many {default}")
    add("--seed", type=_at_least(0), default=0, help=f"of everything drawn {default}")
    add("--learning-rate", type=float, default=learning_rate, help=f"the highest {default}")
    add("--start-from", metavar="FILE", type=Path, help=f"{start} (safetensors)")
    add("--cache", metavar="DIR", type=Path, default=Path("runs/corpus"), help=f"rendered sound {default}")


def _typed(options: argparse.Namespace) -> str:
    """The command of a training, for the card; without this machine's paths."""
    typed = f"python -m auralscope.training.bundled {options.command} --out DIR --pieces {options.pieces}"
    typed += f" --epochs {options.epochs} --learning-rate {options.learning_rate:g} --seed {options.seed}"
    return typed + (" --start-from FILE" if options.start_from else "")


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' must be a whole number, {least} or more")
        return int(text)

    return number


if __name__ == "__main__":
    sys.exit(main())
