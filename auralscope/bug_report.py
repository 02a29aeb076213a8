"""Write bug reports: what the developers need after an error that is not the user's."""

from __future__ import annotations

import datetime
import platform
import re
import sys
import traceback
from typing import TYPE_CHECKING

from auralscope import __version__
from auralscope.errors import one_line
from auralscope.files import quoted, reason, user_folder

if TYPE_CHECKING:
    from pathlib import Path

KEPT = 20
"""Reports that are kept; older ones are deleted."""


def report_bug(failure: BaseException) -> str:
    """Write a bug report into the user's data folder.

    Parameters
    ----------
    failure : BaseException
        An error that no bad input should cause.

    Returns
    -------
    str
        The sentence for the user: the error, and the file to send.
    """
    words = _without_logins(f"{type(failure).__name__}: {one_line(failure)}")
    try:
        where = f"send the developers {quoted(_write(failure))}, which holds the version, command and traceback"
    except OSError as problem:
        where = f"send the developers what --debug prints (no report could be written: {reason(problem)})"
    return f"This is a bug in AuralScope: {words}. Please report it: {where}."


def _write(failure: BaseException) -> Path:
    folder = user_folder("reports")
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("bug-*.txt"))[: -KEPT + 1]:
        old.unlink(missing_ok=True)
    file = folder / f"bug-{datetime.datetime.now():%Y%m%d-%H%M%S-%f}.txt"
    text = "\n".join(
        [
            f"AuralScope {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"Command: {sys.argv!r}",
            "".join(traceback.format_exception(failure)),
        ]
    )
    file.write_text(_without_logins(text), encoding="utf-8", errors="backslashreplace")
    return file


def _without_logins(text: str) -> str:
    """Remove names and passwords from addresses."""
    return re.sub(r"(?<=://)[^\s'\"]*@", "", text)
