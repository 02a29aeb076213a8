"""The command that opens the window."""

from __future__ import annotations

import argparse
from typing import Any

from auralscope.cli.arguments import add_files, add_model, command
from auralscope.cli.recordings import write_reports
from auralscope.terminal import has_display, put


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    parser = command(commands, "app", app, json=False, example="song.flac")
    add_files(parser, nargs="*")
    add_model(parser, "the last one used, else an installed one for music of all kinds, else genre-convnet")


def app(options: argparse.Namespace) -> int:
    """Open the window, or write a report where there is no display. The word 'app' may be left out."""
    if has_display():
        from auralscope.ui.app import run

        return run(options.files, device=options.device, model=options.model)
    from auralscope.files import resource

    put("There is no display to open a window on; AuralScope writes a page with pictures and sounds instead.")
    for page in write_reports(options.files or [resource("excerpt.ogg")], options.model, options.device):
        put(f"Open it in a browser: {page.resolve()}")
    return 0
