"""Run the command line: parse the words, call the command, turn errors into one line and an exit status."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from auralscope import __version__
from auralscope.bug_report import report_bug
from auralscope.cli import doctor, label_commands, listings, recordings, training, window
from auralscope.errors import AuralScopeError, FileError, one_line
from auralscope.files import quoted, reason
from auralscope.terminal import ClosedOutput, Notices, own_output, put, say

CLOSED_OUTPUT = 141
"""Exit status that a shell reports for a program that SIGPIPE has ended."""


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
        interrupt, 141 if the reader of standard output closes it. Wrong usage raises SystemExit with status 2.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    notices = Notices()
    logging.getLogger("auralscope").addHandler(notices)
    try:
        with own_output(whole_process=argv is None):
            return _run(words)
    finally:
        logging.getLogger("auralscope").removeHandler(notices)


def _run(words: list[str]) -> int:
    try:
        for word in words:
            if "\0" in word:
                raise FileError(f"{quoted(word)} is not a possible file name.")
        options = _parse(words)
        status: int = options.command(options)
    except KeyboardInterrupt:
        say("auralscope: interrupted; nothing was left half-written.")
        return 130
    except ClosedOutput:
        return CLOSED_OUTPUT
    except Exception as failure:
        if "--debug" in words:
            raise
        say(f"auralscope: {_sentence(failure)}")
        return 1
    return status


def _parse(words: list[str]) -> argparse.Namespace:
    """Parse the arguments; print help, which argparse writes to `sys.stdout`, on standard output."""
    text = io.StringIO()
    try:
        with redirect_stdout(text):
            return parse(words)
    finally:
        if text.getvalue():
            put(text.getvalue().rstrip())


def _sentence(failure: Exception) -> str:
    """Return the sentence for an error of the user, of the machine, or of the program."""
    if isinstance(failure, AuralScopeError):
        return one_line(failure)
    if isinstance(failure, MemoryError):
        return "The memory of this computer is too small for this; use a shorter recording, or close other programs."
    if isinstance(failure, OSError) and failure.filename is not None:
        return f"{quoted(os.fsdecode(failure.filename))} cannot be used: {reason(failure)}."
    return report_bug(failure)


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
