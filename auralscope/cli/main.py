"""Run the command line: parse the words, call the command, turn errors into one line and an exit status."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from auralscope import __version__
from auralscope.cli import doctor, label_commands, listings, recordings, training, window
from auralscope.errors import AuralScopeError
from auralscope.terminal import Notices, tolerate_odd_names


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process unless given.

    Returns
    -------
    int
        The exit status: 0 on success, 1 after an error that is reported in one line on standard error, 130 after an
        interrupt. Wrong usage raises SystemExit with status 2.
    """
    for stream in (sys.stdout, sys.stderr):
        tolerate_odd_names(stream)
    words = list(sys.argv[1:] if argv is None else argv)
    notices = Notices()
    logging.getLogger("auralscope").addHandler(notices)
    try:
        options = parse(words)
        status: int = options.command(options)
    except KeyboardInterrupt:
        print("auralscope: interrupted; nothing was left half-written.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of the output has closed it. Closing standard output at exit must not raise the same error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as failure:
        if "--debug" in words:
            raise
        text = " ".join(str(failure).split())
        if not isinstance(failure, AuralScopeError):
            text = f"unexpected {type(failure).__name__}: {text} (--debug shows the traceback)"
        print(f"auralscope: {text}", file=sys.stderr)
        return 1
    finally:
        logging.getLogger("auralscope").removeHandler(notices)
    return status


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the arguments of the program.

    Returns
    -------
    argparse.Namespace
        The options; `command` is the function to call with them.
    """
    parser = argparse.ArgumentParser(
        prog="auralscope",
        description="Look inside the neural networks that tag music, and hear what each layer has learned.",
        epilog="Without a command, 'auralscope [FILE…]' opens the window. 'auralscope COMMAND --help' describes one.",
    )
    parser.add_argument("--version", action="version", version=f"auralscope {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in (window, recordings, label_commands, listings, training, doctor):
        group.add_commands(commands)
    # 'auralscope song.flac' is short for 'auralscope app song.flac'.
    if not words or (words[0] not in commands.choices and words[0] not in ("-h", "--help", "--version")):
        words = ["app", *words]
    options = parser.parse_args(words)
    options.words = words
    return options
