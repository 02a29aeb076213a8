"""Types of arguments and the options that several commands share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auralscope.errors import AuralScopeError
from auralscope.nn.model import DEFAULT_MODEL


def command(
    commands: Any, name: str, function: Callable[[argparse.Namespace], int], *, example: str, json: bool = True
) -> argparse.ArgumentParser:
    """Add a command to the command line.

    Parameters
    ----------
    commands
        The subparsers of the main parser.
    name : str
    function : callable
        Receives the parsed options and returns the exit status. Its docstring says what the command is for.
    example : str
        Arguments of a call that the command's help shows.
    json : bool
        Whether the command has the option `--json`.
    """
    purpose = " ".join((function.__doc__ or "").split())
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=purpose.partition(".")[0],
        description=purpose,
        epilog=f"Example: {f'auralscope {name} {example}'.rstrip()}",
    )
    parser.set_defaults(command=function, error=parser.error)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    if json:
        parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    return parser


def add_model(parser: argparse.ArgumentParser, default: str = DEFAULT_MODEL) -> None:
    """Add `--model` and `--device`."""
    parser.add_argument("--model", metavar="ID", help=f"one of 'auralscope models' (default: {default})")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default auto)")


def add_files(parser: argparse.ArgumentParser, what: str = "recordings", nargs: str = "+") -> None:
    """Add the positional argument `FILE…`."""
    parser.add_argument("files", nargs=nargs, type=Path, metavar="FILE", help=what)


def add_start(parser: argparse.ArgumentParser) -> None:
    """Add `--start`, the window of a recording."""
    parser.add_argument("--start", type=seconds, metavar="S", help="start of the window (default: the loudest window)")


def add_section(parser: argparse.ArgumentParser) -> None:
    """Add one recording, and `--start` and `--duration` of the section that is used."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording")
    parser.add_argument("--start", type=seconds, metavar="S", help="start of the section, in seconds (default 0)")
    parser.add_argument("--duration", type=seconds, metavar="S", help="length of the section, in seconds")


def add_channel(parser: argparse.ArgumentParser) -> None:
    """Add `--channel`, the channel of a recording that the model analyses."""
    words = "channel that the model analyses: mix, left, right, or a number from 1 (default mix: the mean of all)"
    parser.add_argument("--channel", type=channel, metavar="CHANNEL", help=words)


def add_ground_truth(parser: Any, option: str = "--ground-truth", **settings: Any) -> None:
    """Add the files of a ground truth."""
    words = "ground truth: .npy or CSV, tracks x labels of 0 and 1; several files are read as one table"
    parser.add_argument(option, dest="truth", nargs="+", type=Path, default=[], metavar="FILE", help=words, **settings)


def add_out_file(parser: argparse.ArgumentParser, endings: tuple[str, ...]) -> None:
    """Add `--out`, a file whose ending is one of `endings`."""

    def file(word: str) -> Path:
        if Path(word).suffix.lower() not in endings:
            raise AuralScopeError(f"--out takes a name that ends in {', '.join(endings)}, not '{word}'.")
        return Path(word)

    parser.add_argument("--out", type=file, metavar="FILE", help=f"also write the result: {', '.join(endings)}")


def natural(word: str) -> int:
    """Convert a word to an integer of at least 0."""
    return _integer(word, 0)


def positive(word: str) -> int:
    """Convert a word to an integer of at least 1."""
    return _integer(word, 1)


def channel(word: str) -> int | None:
    """Convert the name of a channel to its zero-based number, or None for the mix of all channels."""
    if word == "mix":
        return None
    try:
        return ({"left": 1, "first": 1, "right": 2, "second": 2}.get(word) or _integer(word, 1)) - 1
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"'{word}' must be mix, left, right, or a number from 1") from None


def seconds(word: str) -> float:
    """Convert a word to a finite number of seconds of at least 0."""
    value = _number(word)
    if not 0.0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"'{word}' must be a time in seconds, 0 or more")
    return value


def above_zero(word: str) -> float:
    """Convert a word to a finite number greater than 0."""
    value = _number(word)
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{word}' must be greater than 0")
    return value


def _integer(word: str, least: int) -> int:
    try:
        value = int(word)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"'{word}' must be a whole number, {least} or more")
    return value


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{word}' must be a number") from None
