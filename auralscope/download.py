"""Fetch published weights: check them by their hash, convert them once, and keep them.

The folder `files.user_folder("weights")` holds them as safetensors with the names of the network's `state_dict`, and a
card (JSON) beside them that states their source. The published file itself is not kept. A fetch that fails leaves
nothing behind.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import queue
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from auralscope import weights
from auralscope.errors import AuralScopeError, FileError, WeightsError
from auralscope.files import quoted, reason, sha256, size_words, staged
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from auralscope.nn.model import ModelSpec, Published


CHUNK_BYTES = 1 << 16
TIMEOUT_S = (10.0, 30.0)
"""Limits for the connection, and for the next bytes."""
STALE_S = 24 * 3600.0
"""Age at which a temporary folder belongs to a killed fetch."""
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
    where = published.url if source is None else str(source)
    if "://" not in where:
        where = str(Path(where).resolve())  # the card states the full path
    _sweep(file.parent)
    with staged(file.parent) as aside:
        original = aside / f"original{PurePosixPath(urlsplit(published.url).path).suffix}"
        _fetch(where, published, original, progress)
        arrays = _convert(spec, published, original)
        original.unlink()
        _check(spec, arrays)
        content = _safetensors(arrays, {weights.MARK: weights.made_from(published)})
        # `staged` moves files in the order of their names: the weights, which make the model installed, come last.
        (aside / card_of(spec).name).write_text(_card(spec, published, where, content), encoding="utf-8")
        (aside / file.name).write_bytes(content)
        progress(1.0)
    return file


def _sweep(folder: Path) -> None:
    """Delete the temporary folders of fetches whose process was killed."""
    for aside in folder.glob(".auralscope-*"):
        if aside.stat().st_mtime < time.time() - STALE_S:
            shutil.rmtree(aside, ignore_errors=True)


# -- fetching -----------------------------------------------------------------------------------------------------


def _fetch(where: str, published: Published, to: Path, progress: Progress) -> None:
    """Copy the file from a path or an address, and check that it is the published one."""
    scheme = where.partition("://")[0].lower() if "://" in where else ""
    if scheme not in ("", "http", "https"):
        raise WeightsError(f"{quoted(where)} is no source of weights: give a file, or an http or https address.")
    done = 0
    with to.open("wb") as file:
        for chunk in _read_url(where, published.size_bytes, progress) if scheme else _read_file(Path(where)):
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
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as failure:
        raise FileError(f"{quoted(path)} cannot be read: {reason(failure)}.") from failure


def _read_url(url: str, expected_bytes: int, progress: Progress) -> Iterator[bytes]:
    """Yield the content of an address in chunks.

    A separate thread waits for the network, so that the caller can cancel at any time. The thread ends when its
    connection does, by the timeout at the latest, and holds no file.
    """
    pipe = _Pipe()
    threading.Thread(target=pipe.fill, args=(url,), name="fetching weights", daemon=True).start()
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
                raise _sentence(url, part, done if pipe.responses else None, pipe.total or expected_bytes) from part
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

    def fill(self, url: str) -> None:
        import pooch

        end = None
        try:
            hooks = {"response": lambda response, **_: self.responses.append(response)}
            download = pooch.HTTPDownloader(progressbar=self, chunk_size=CHUNK_BYTES, timeout=TIMEOUT_S, hooks=hooks)
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
    return WeightsError(f"{quoted(url)} cannot be fetched: {' '.join(str(failure).split())}.")


# -- converting ---------------------------------------------------------------------------------------------------


def _convert(spec: ModelSpec, published: Published, original: Path) -> dict[str, NDArray[np.float32]]:
    """Convert the published file, whose hash is correct, with the plugin's function."""
    import numpy as np

    try:
        arrays = {name: np.ascontiguousarray(array) for name, array in published.convert(original).items()}
    except AuralScopeError:
        raise
    except Exception as failure:  # foreign code may raise anything
        words = " ".join(f"{type(failure).__name__}: {failure}".split())
        raise WeightsError(f"The published file of '{spec.id}' could not be converted: {words}.") from failure
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"The published file of '{spec.id}' could not be converted: '{name}' is not finite.")
    return arrays


def _check(spec: ModelSpec, arrays: dict[str, NDArray[np.float32]]) -> None:
    """Check that the arrays fit the network."""
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    weights.fit(spec.build(), tensors, spec, "the published file")


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
    return json.dumps(card, indent=2, ensure_ascii=False) + "\n"
