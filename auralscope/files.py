"""Write files whole or not at all, hash them, quote their names, and find bundled files and the user's folders."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from auralscope.errors import FileError, printable


def quoted(path: str | os.PathLike[str]) -> str:
    """Quote a file's name for a sentence: on one line and printable, whatever bytes the name has."""
    return f'"{printable(os.fspath(path))}"'


def reason(error: OSError) -> str:
    """Return the system's reason for an error, to follow a colon."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]


def size_words(n_bytes: int) -> str:
    """Format a file's size, as in `1.6 MB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises
    ------
    FileError
        The file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{quoted(path)} cannot be read: {reason(error)}.") from error


def require_file(path: Path, action: Literal["read", "written"] = "read") -> None:
    """Raise `FileError` if a path is a folder, a pipe, a socket or a device; reading a pipe could wait forever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # opening it raises the error
    except ValueError as error:  # a null character
        raise FileError(f"{quoted(path)} is not a possible file name.") from error
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        raise FileError(
            f"{quoted(path)} cannot be {action}: is a {kinds.get(stat.S_IFMT(mode), 'device')}, not a file."
        )


def parse_json(content: bytes) -> object:
    """Parse a JSON document of others.

    Raises
    ------
    ValueError
        It is not JSON, is nested too deep, or has two entries of one name.
    """

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            raise ValueError("two entries of one name")
        return entries

    try:
        return json.loads(content, object_pairs_hook=once)
    except RecursionError:
        raise ValueError("lists or objects that are nested too deep") from None


def json_text(document: object) -> str:
    """Return a document as indented JSON, with null in place of NaN and infinity, which JSON does not have."""
    return json.dumps(finite(document), indent=2, allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """Replace NaN and infinity by None, also inside lists and dictionaries."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_aside(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file beside its place, then rename it, so that it is never incomplete.

    Raises
    ------
    FileError
        The file cannot be written; an older file of that name is unchanged.
    """
    path = Path(path)
    require_file(path, "written")
    try:
        remove_leftovers(path.parent)
        # A new name, because the file's own name may already have the greatest length.
        with _locked(lambda: _new_file(path.parent)) as aside:
            try:
                with aside.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                aside.replace(path)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise FileError(f"{quoted(path)} cannot be written: {reason(error)}.") from error


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; after the block, move its files into `folder`. After an exception, move nothing.

    Raises
    ------
    FileError
        `folder` cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder) as aside:
            yield aside
            for file in sorted(aside.iterdir()):
                file.replace(folder / file.name)
    except OSError as error:
        raise FileError(f"The folder {quoted(folder)} cannot be written: {reason(error)}.") from error


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder in `parent` and remove it afterwards; first remove those that killed processes left."""
    remove_leftovers(parent)
    with _locked(lambda: _new_folder(parent)) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


# -- what killed processes leave ----------------------------------------------------------------------------------
#
# A temporary file or folder is locked while its process lives. The system releases the lock when the process ends, also
# by a kill, so an unlocked one is a leftover. Where files cannot be locked, an old one is.

_PREFIX = ".auralscope-"
_LEFTOVER = re.compile(r"\.auralscope-([0-9a-f]{16}\.part|[a-z0-9_]{8})")
_OLD_S = 24 * 3600.0


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders of processes that were killed while they wrote into a folder."""
    with suppress(OSError):
        for path in [path for path in folder.iterdir() if _LEFTOVER.fullmatch(path.name)]:
            with suppress(OSError):
                _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if not _lock(number, wait=False) and time.time() - os.fstat(number).st_mtime < _OLD_S:
            return
        if stat.S_ISDIR(os.fstat(number).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    finally:
        os.close(number)


@contextmanager
def _locked(make: Callable[[], Path]) -> Iterator[Path]:
    """Make a file or folder and hold its lock; make it again if another process removed it before it was locked."""
    if sys.platform == "win32":
        yield make()
        return
    while True:
        path = make()
        with suppress(FileNotFoundError):
            number = os.open(path, os.O_RDONLY)
            _lock(number, wait=True)
            if path.exists():
                break
            os.close(number)
    try:
        yield path
    finally:
        os.close(number)


def _new_file(folder: Path) -> Path:
    path = folder / f"{_PREFIX}{secrets.token_hex(8)}.part"
    path.touch(exist_ok=False)
    return path


def _new_folder(parent: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))


def _lock(number: int, *, wait: bool) -> bool:
    """Lock an open file; return False if another process holds the lock or the system has no such locks."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def user_folder(kind: Literal["plugins", "weights", "models", "reports"]) -> Path:
    """Return the user's folder of plugins, of fetched weights, of trained models or of bug reports.

    The environment variable `AURALSCOPE_PLUGINS`, `AURALSCOPE_WEIGHTS`, `AURALSCOPE_MODELS` or `AURALSCOPE_REPORTS`
    overrides its place.
    """
    if override := os.environ.get(f"AURALSCOPE_{kind.upper()}"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_data_dir("auralscope", appauthor=False)) / kind


def resource(name: str) -> Path:
    """Return the path of a bundled file, in an installed package or a checkout."""
    package = Path(__file__).parent
    installed = package / "_resources"
    return (installed if installed.is_dir() else package.parent / "resources") / name
