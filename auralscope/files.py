"""Files on disk: written whole or not at all, hashed, and named in sentences."""

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


def quoted(path: str | os.PathLike[str]) -> str:
    """A file's name for a sentence: on one line and printable whatever bytes it has."""
    text = os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text) + '"'


def reason(error: OSError) -> str:
    """The system's words for what went wrong, to follow a colon."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]


def size_words(n_bytes: int) -> str:
    """A file's size for people, as in `1.6 MB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

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
    """Write a file aside in the same folder, then rename it: there is never half a file.

    Raises
    ------
    FileError
        The file cannot be written; what was there before is untouched.
    """
    path = Path(path)
    # Not the file's own name with an ending: that may already be as long as names may be.
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
    """Give a folder to write into; in the end what lies there is moved into `folder`, or nothing is.

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
    """Path of a bundled file, in an installed package or a checkout."""
    package = Path(__file__).parent
    installed = package / "_resources"
    return (installed if installed.is_dir() else package.parent / "resources") / name
