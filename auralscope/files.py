"""Write files whole or not at all, hash them, quote their names, and find bundled files and the user's folders."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from auralscope.errors import FileError


def printable(text: str) -> str:
    """Escape what a terminal or a window cannot show, such as control characters and undecodable bytes of a name."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


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


def write_aside(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file beside its place, then rename it, so that it is never incomplete.

    Raises
    ------
    FileError
        The file cannot be written; an older file of that name is unchanged.
    """
    path = Path(path)
    # A new name, because the file's own name may already have the greatest length.
    aside = path.parent / f".auralscope-{secrets.token_hex(8)}.part"
    try:
        try:
            with aside.open("xb") as file:
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
        aside = Path(tempfile.mkdtemp(prefix=".auralscope-", dir=folder))
        try:
            yield aside
            for file in sorted(aside.iterdir()):
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise FileError(f"The folder {quoted(folder)} cannot be written: {reason(error)}.") from error


def user_folder(kind: Literal["plugins", "weights", "models"]) -> Path:
    """Return the user's folder of plugins, of fetched weights or of trained models.

    The environment variable `AURALSCOPE_PLUGINS`, `AURALSCOPE_WEIGHTS` or `AURALSCOPE_MODELS` overrides its place.
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
