"""Fetch published weights: check them by their hash, convert them once, and keep them.

The folder `files.user_folder("weights")` holds them as safetensors with the names of the network's `state_dict`, and a
card (JSON) beside them that states their source. The published file itself is not kept. A fetch that fails leaves
nothing behind.
"""

from __future__ import annotations

import datetime
import hashlib
import queue
import re
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from auralscope import weights
from auralscope.errors import AuralScopeError, FileError, WeightsError, one_line
from auralscope.files import json_text, quoted, reason, require_file, sha256, size_words, staged
from auralscope.nn.model import build_network
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from auralscope.nn.model import ModelSpec, Published


Login = tuple[str, str]
"""Name and password of an address."""

CHUNK_BYTES = 1 << 16
TIMEOUT_S = (10.0, 30.0)
"""Limits for the connection, and for the next bytes."""
POLL_S = 0.1
"""Interval at which a fetch that waits for the network reports progress, which may cancel it."""


def card_of(spec: ModelSpec) -> Path:
    """Return the path of the JSON card beside a model's fetched weights."""
    return weights.file_of(spec).with_suffix(".json")


def get(spec: ModelSpec, source: str | Path | None = None, progress: Progress = no_progress) -> Path:
    """Fetch a model's published weights, unless they are installed already.

    Parameters
    ----------
    spec : ModelSpec
    source : str or Path, optional
        A copy of the published file, or an http(s) address of one; the authors' address if not given.
    progress : callable, optional
        Called with the finished share, 0 to 1, several times a second, also while the network is silent. An exception
        from it cancels the fetch and is raised again.

    Returns
    -------
    Path
        The safetensors file.

    Raises
    ------
    WeightsError
        The model has no published weights, or the file cannot be fetched, is not the published file, cannot be
        converted, or does not fit the network.
    FileError
        A local file cannot be read, or the user's data folder cannot be written.
    """
    here, file, published = weights.state(spec), weights.file_of(spec), spec.weights.published
    if here == "bundled":
        raise WeightsError(f"The weights of '{spec.id}' come with it; there is nothing to fetch.")
    if here == "missing" or published is None:
        raise WeightsError(f"The weights of '{spec.id}' come with it, and {file} is not there: reinstall it.")
    if here == "installed":
        return file
    where, login = _without_login(published.url if source is None else str(source))
    if "://" not in where:
        require_file(Path(where))
        where = str(Path(where).resolve())  # the card states the full path
    with staged(file.parent) as aside:
        original = aside / f"original{PurePosixPath(urlsplit(published.url).path).suffix}"
        _fetch(where, login, published, original, progress)
        arrays = _convert(spec, published, original)
        original.unlink()
        _check(spec, arrays)
        content = _safetensors(arrays, {weights.MARK: weights.made_from(published)})
        # `staged` moves files in the order of their names: the weights, which make the model installed, come last.
        (aside / card_of(spec).name).write_text(_card(spec, published, where, content), encoding="utf-8")
        (aside / file.name).write_bytes(content)
        progress(1.0)
    return file


# -- fetching -----------------------------------------------------------------------------------------------------


def _without_login(where: str) -> tuple[str, Login | None]:
    """Split an address into itself without name and password, which no message and no card may repeat, and these."""
    if "://" not in where:
        return where, None
    try:
        parts = urlsplit(where)
        if parts.hostname is None or parts.port == 0:
            raise ValueError
    except ValueError:
        # Without everything up to the last @: a password may be what makes the address malformed.
        address = quoted(re.sub("(?<=://).*@", "", where))
        raise WeightsError(f"{address} is not a valid address: give a file, or an http or https address.") from None
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), login


def _fetch(where: str, login: Login | None, published: Published, to: Path, progress: Progress) -> None:
    """Copy the file from a path or an address, and check that it is the published one."""
    scheme = where.partition("://")[0].lower() if "://" in where else ""
    if scheme not in ("", "http", "https"):
        raise WeightsError(f"{quoted(where)} is no source of weights: give a file, or an http or https address.")
    done = 0
    with to.open("wb") as file:
        for chunk in _read_url(where, login, published.size_bytes, progress) if scheme else _read_file(Path(where)):
            done += len(chunk)
            if done > published.size_bytes:
                raise WeightsError(
                    f"{quoted(where)} is not the file that its authors published: it is larger than "
                    f"{published.size_bytes} bytes, the size of the published file."
                )
            file.write(chunk)
            progress(0.98 * done / published.size_bytes)  # conversion takes the rest
    found = sha256(to)
    if found != published.sha256.lower():
        raise WeightsError(
            f"{quoted(where)} is not the file that its authors published: its SHA-256 is {found}, "
            f"that of the published file {published.sha256.lower()}."
        )


def _read_file(path: Path) -> Iterator[bytes]:
    require_file(path)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as failure:
        raise FileError(f"{quoted(path)} cannot be read: {reason(failure)}.") from failure


def _read_url(url: str, login: Login | None, expected_bytes: int, progress: Progress) -> Iterator[bytes]:
    """Yield the content of an address in chunks.

    A separate thread waits for the network, so that the caller can cancel at any time. The thread ends when its
    connection does, by the timeout at the latest, and holds no file.
    """
    pipe = _Pipe()
    threading.Thread(target=pipe.fill, args=(url, login), name="fetching weights", daemon=True).start()
    done = 0
    try:
        while True:
            try:
                part = pipe.parts.get(timeout=POLL_S)
            except queue.Empty:
                progress(min(0.98 * done / expected_bytes, 0.98))
                continue
            if part is None:
                return
            if isinstance(part, Exception):
                raise _sentence(url, part, done if pipe.responses else None, pipe.total or expected_bytes) from None
            done += len(part)
            yield part
    finally:
        pipe.left = True


class _Pipe:
    """Queue between pooch's downloader, which writes to it as to a file, and the reader of `parts`."""

    total = 0
    """Number of bytes that the server announced, or 0; the downloader sets it."""

    def __init__(self) -> None:
        self.parts: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()
        self.left = False
        self.responses: list[Any] = []

    def fill(self, url: str, login: Login | None) -> None:
        import pooch

        end = None
        try:
            hooks = {"response": lambda response, **_: self.responses.append(response)}
            download = pooch.HTTPDownloader(
                progressbar=self, chunk_size=CHUNK_BYTES, timeout=TIMEOUT_S, hooks=hooks, auth=login
            )
            download(url, self, None)
        except Exception as failure:  # noqa: BLE001 - the reader's thread raises it as a sentence
            end = failure
        for response in self.responses:
            response.close()
        self.parts.put(end)

    def write(self, chunk: bytes) -> None:
        if self.left:
            raise EOFError("the fetch was cancelled")
        self.parts.put(chunk)

    def flush(self) -> None:
        pass

    # Methods that pooch calls on a progress bar.

    def update(self, n: int) -> None:
        pass

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def _sentence(url: str, failure: Exception, done: int | None, expected: int) -> WeightsError:
    """Return the error for a failure of the network; `done` is None if the server did not answer."""
    from requests import exceptions

    server = urlsplit(url).netloc
    elsewhere = (
        "Where there is no network, fetch the file on another machine and get the weights from it "
        "(--from FILE, or 'From a file…' in the window)."
    )
    if isinstance(failure, exceptions.HTTPError):
        answer = f"{failure.response.status_code} {failure.response.reason}".strip()
        return WeightsError(f"{quoted(url)} cannot be fetched: {server} answers '{answer}'.")
    if done is not None:
        return WeightsError(
            f"The connection to {server} ended after {size_words(done)} of {size_words(expected)} of {quoted(url)}; "
            "try again."
        )
    if isinstance(failure, exceptions.SSLError):
        return WeightsError(f"{quoted(url)} cannot be fetched: the certificate of {server} is not valid.")
    if isinstance(failure, exceptions.Timeout):
        return WeightsError(f"{quoted(url)} cannot be fetched: {server} does not answer. {elsewhere}")
    if isinstance(failure, exceptions.ConnectionError):
        return WeightsError(f"{quoted(url)} cannot be fetched: {server} cannot be reached. {elsewhere}")
    return WeightsError(f"{quoted(url)} cannot be fetched: {one_line(failure)}.")


# -- converting ---------------------------------------------------------------------------------------------------


def _convert(spec: ModelSpec, published: Published, original: Path) -> dict[str, NDArray[np.float32]]:
    """Convert the published file, whose hash is correct, with the plugin's function."""
    import numpy as np

    try:
        arrays = {name: np.ascontiguousarray(array) for name, array in published.convert(original).items()}
    except AuralScopeError:
        raise
    except Exception as failure:  # foreign code may raise anything
        words = f"{type(failure).__name__}: {one_line(failure)}"
        raise WeightsError(f"The published file of '{spec.id}' could not be converted: {words}.") from failure
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"The published file of '{spec.id}' could not be converted: '{name}' is not finite.")
    return arrays


def _check(spec: ModelSpec, arrays: dict[str, NDArray[np.float32]]) -> None:
    """Check that the arrays fit the network."""
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    weights.fit(build_network(spec), tensors, spec, "the published file")


def _safetensors(arrays: dict[str, NDArray[np.float32]], metadata: dict[str, str]) -> bytes:
    from safetensors.numpy import save

    content: bytes = save(arrays, metadata=metadata)
    return content


def _card(spec: ModelSpec, published: Published, where: str, content: bytes) -> str:
    card = {
        "model": spec.id,
        "title": spec.title,
        "source": published.source,
        "url": published.url,
        "fetched_from": where,
        "licence": spec.weights.licence,
        "citation": spec.citation,
        "original_sha256": published.sha256.lower(),
        "original_bytes": published.size_bytes,
        "converter_version": published.version,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return json_text(card)
