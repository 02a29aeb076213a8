"""Tests of the weight store: fetching, checking, converting, and errors that leave nothing behind."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import socket
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import auralscope as asc
from auralscope import download, weights
from auralscope.errors import AuralScopeError, FileError, WeightsError
from auralscope.nn.model import Weights


@pytest.fixture
def spec(far_tagger):
    return far_tagger.find("far-tagger")


@pytest.fixture
def kept(tmp_path: Path):
    """List the files in the user's data folder."""
    return lambda: sorted(path.name for path in (tmp_path / "store").rglob("*"))


def weights_of(file: Path) -> Weights:
    return Weights(file, "CC0-1.0")


def altered(spec, **changes):
    published = replace(spec.weights.published, **changes)
    return replace(spec, weights=replace(spec.weights, published=published))


def test_weights_are_fetched_checked_converted_and_loaded(spec, server, kept) -> None:
    assert weights.state(spec) == "available"
    shares: list[float] = []
    file = download.get(spec, progress=shares.append)
    assert weights.state(spec) == "installed"
    assert kept() == ["far-tagger.json", "far-tagger.safetensors"]
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] == 1.0
    arrays = load_file(file)
    with h5py.File(server_file := file.parent.parent / "weights.h5") as original:
        np.testing.assert_array_equal(arrays["0.weight"], original["conv/W"][()])
        np.testing.assert_array_equal(arrays["5.weight"], original["dense/W"][()].T)
    card = json.loads(download.card_of(spec).read_text(encoding="utf-8"))
    assert card["original_sha256"] == hashlib.sha256(server_file.read_bytes()).hexdigest()
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert card["url"] == card["fetched_from"] == server.url
    assert (card["source"], card["licence"], card["converter_version"]) == ("A test, made of noise", "CC0-1.0", 1)
    model = asc.load_model("far-tagger", device="cpu")
    np.testing.assert_array_equal(model.network.state_dict()["5.bias"].numpy(), arrays["5.bias"])


def test_installed_weights_are_not_fetched_again(spec, server) -> None:
    file = download.get(spec)
    written = file.stat().st_mtime_ns
    assert download.get(spec) == file
    assert len(server.asked) == 1
    assert file.stat().st_mtime_ns == written


def test_a_file_and_another_address_do_as_well(spec, server, tmp_path, kept) -> None:
    download.get(spec, tmp_path / "weights.h5")
    assert server.asked == []
    assert weights.state(spec) == "installed"
    weights.file_of(spec).unlink()
    download.get(spec, server.url + "?mirror")
    assert server.asked == ["/weights.h5?mirror"]
    assert json.loads(download.card_of(spec).read_text(encoding="utf-8"))["fetched_from"].endswith("?mirror")
    assert kept() == ["far-tagger.json", "far-tagger.safetensors"]


def test_weights_of_an_older_converter_or_another_file_are_fetched_again(spec, server) -> None:
    download.get(spec)
    for newer in (altered(spec, version=2), altered(spec, sha256="0" * 64)):
        assert weights.state(newer) == "available"
        with pytest.raises(WeightsError, match="cannot be used: damaged, or converted by another version"):
            weights.load_into(newer.build(), newer)
    newer = altered(spec, version=2)
    download.get(newer)
    assert len(server.asked) == 2
    assert weights.state(newer) == "installed"
    with safe_open(weights.file_of(newer), framework="numpy") as file:
        assert file.metadata() == {"made_from": f"{newer.weights.published.sha256}, converter 2"}


@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda _: b"", lambda _: b"{}" * 400])
def test_damaged_weights_are_fetched_again(spec, damage) -> None:
    file = download.get(spec)
    good = file.read_bytes()
    file.write_bytes(damage(good))
    assert weights.state(spec) == "available"
    with pytest.raises(WeightsError, match="'auralscope weights get far-tagger' fetches them"):
        asc.load_model("far-tagger", device="cpu")
    download.get(spec)
    assert file.read_bytes() == good


def test_weights_that_are_not_here_say_how_to_get_them(spec) -> None:
    with pytest.raises(
        WeightsError, match=r"are not here yet\. 'auralscope weights get far-tagger' fetches them \(1\.2 MB\)"
    ):
        asc.load_model("far-tagger", device="cpu")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("gone", r"answers '404 Not Found'"),
        ("cut", r"The connection to 127.* ended after .* of 1\.2 MB of .*; try again"),
        ("early", r"The connection to 127.* ended after \d+ bytes of 1\.2 MB of .*; try again"),
        (
            "wrong",
            r"file that its authors published: its SHA-256 is [0-9a-f]{64}, that of the published file [0-9a-f]{64}",
        ),
        ("endless", r"is not the file that its authors published: it is larger than \d+ bytes"),
    ],
)
def test_a_server_that_fails(spec, server, kept, answer, says) -> None:
    server.answer = answer
    with pytest.raises(WeightsError, match=says) as failure:
        download.get(spec)
    assert "\n" not in str(failure.value)
    assert kept() == []
    assert weights.state(spec) == "available"
    server.answer = "file"
    download.get(spec)


def test_no_network(spec, kept) -> None:
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:9 cannot be reached\. Where there is no network, .*FILE"):
        download.get(spec, "http://127.0.0.1:9/weights.h5")  # the port where nobody ever listens
    with pytest.raises(WeightsError, match=r"no-such-host\.invalid cannot be reached"):
        download.get(spec, "https://no-such-host.invalid/weights.h5")
    with pytest.raises(WeightsError, match="give a file, or an http or https address"):
        download.get(spec, "ftp://127.0.0.1/weights.h5")
    assert kept() == []


def test_a_file_that_the_server_packs(spec, server) -> None:
    server.answer = "packed"
    download.get(spec)
    assert weights.state(spec) == "installed"


def test_a_server_that_never_answers(spec, server, kept, monkeypatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", (5.0, 0.2))
    server.answer = "mute"
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:\d+ does not answer\. Where there is no network"):
        download.get(spec)
    assert kept() == []


def test_a_server_that_stops_answering(spec, server, kept, monkeypatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", (5.0, 0.2))
    server.answer = "slow"
    with pytest.raises(WeightsError, match=r"ended after .* of 1\.2 MB"):
        download.get(spec)
    assert kept() == []


def test_a_fetch_can_be_left_while_the_network_is_silent(spec, server, kept) -> None:
    """An exception from `progress` cancels the fetch, even if no more bytes arrive."""
    server.answer = "slow"
    silent = threading.Event()

    class LeftError(Exception):
        pass

    before: list[float] = []

    def progress(share: float) -> None:
        if before and share == before[-1]:
            silent.set()
            raise LeftError
        before.append(share)

    with pytest.raises(LeftError):
        download.get(spec, progress=progress)
    assert silent.is_set()
    assert 0.0 < before[-1] < 1.0
    assert kept() == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full, which is always full")
@pytest.mark.parametrize("name", ["original.h5", "far-tagger.json", "far-tagger.safetensors"])
def test_a_full_disk(spec, kept, monkeypatch, name) -> None:
    """The error occurs for each of the three files that are written."""
    mkdtemp = tempfile.mkdtemp

    def with_a_full_place(**words):
        aside = mkdtemp(**words)
        (Path(aside) / name).symlink_to("/dev/full")
        return aside

    monkeypatch.setattr(tempfile, "mkdtemp", with_a_full_place)
    with pytest.raises(FileError, match=r"store\" cannot be written: no space left on device\."):
        download.get(spec)
    assert kept() == []
    assert weights.state(spec) == "available"


def test_a_failed_final_move_keeps_the_existing_file(spec, kept, monkeypatch) -> None:
    download.get(spec)
    before = weights.file_of(spec).read_bytes()
    replaced = Path.replace

    def fails(path, target):
        if target.suffix == ".safetensors":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replaced(path, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(FileError, match="no space left"):
        download.get(altered(spec, version=2))
    assert kept() == ["far-tagger.json", "far-tagger.safetensors"]
    assert weights.file_of(spec).read_bytes() == before
    assert weights.state(spec) == "installed"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_that_cannot_be_written(spec, tmp_path) -> None:
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(FileError, match="cannot be written: permission denied"):
        download.get(spec)


def test_files_that_cannot_be_read(spec, tmp_path, kept) -> None:
    with pytest.raises(FileError, match=r"gone\.h5\" cannot be read: no such file"):
        download.get(spec, tmp_path / "gone.h5")
    with pytest.raises(FileError, match="cannot be read: is a directory"):
        download.get(spec, tmp_path)
    (tmp_path / "almost.h5").write_bytes((tmp_path / "weights.h5").read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="SHA-256"):
        download.get(spec, tmp_path / "almost.h5")
    assert kept() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "directory"])
def test_sources_that_are_not_files_are_refused_at_once(spec, tmp_path, kept, kind) -> None:
    path = {"device": Path("/dev/zero"), "directory": tmp_path}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "socket":
            listener.bind(str(path))
        with pytest.raises(FileError, match=rf"cannot be read: is a {kind}, not a file"):
            download.get(spec, path)
    assert kept() == []


def test_the_password_of_an_address_is_sent_and_never_shown(spec, server, kept) -> None:
    address = server.url.replace("://", "://us%40er:sec%2Fret@")
    download.get(spec, address)
    assert server.logins == [f"Basic {base64.b64encode(b'us@er:sec/ret').decode()}"]
    card = download.card_of(spec).read_text(encoding="utf-8")
    assert json.loads(card)["fetched_from"] == server.url
    weights.file_of(spec).unlink()
    texts = [card]
    for answer in ("gone", "rude", "cut", "wrong"):
        server.answer = answer
        with pytest.raises(WeightsError) as failure:
            download.get(spec, address)
        texts += traceback.format_exception(failure.value)
    for odd in ("ftp://us%40er:sec%2Fret@x/", "http://us%40er:sec%2Fret@127.0.0.1:9/", "http://us%40er:sec/ret@[::1"):
        with pytest.raises(WeightsError) as failure:
            download.get(spec, odd)
        texts += traceback.format_exception(failure.value)
    for text in texts:
        if 'File "' not in text:  # a line of the traceback repeats the source code of this test
            assert "sec" not in text
            assert "us%40er" not in text


@pytest.mark.parametrize(
    "address",
    ["http://[::1", "http://", "http:///x", "http://host:port/x", "http://host:99999/x", "https://[bad]/x", "http://a:b:c/"],
)  # fmt: skip
def test_malformed_addresses_are_one_sentence(spec, kept, address) -> None:
    with pytest.raises(WeightsError, match=r"is not a valid address: give a file, or an http or https address\.$"):
        download.get(spec, address)
    assert kept() == []


def test_control_characters_of_a_server_are_escaped(spec, server) -> None:
    server.answer = "rude"
    with pytest.raises(WeightsError, match=r"answers '500 .*red") as failure:
        download.get(spec)
    assert str(failure.value).isprintable()


def header(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


def entries(n: int) -> bytes:
    return json.dumps({f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(n)}).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it has a header of 0 bytes"),
        (b"\xff" * 8, "it has a header of"),
        (header(b"{}")[:-1], "no valid header"),
        (header(entries(30_000)), "it has 30,000 tensors"),
        (header(entries(900_000)), "it has a header of"),
        (header(b"[" * 100_000), "nested too deep|no valid header"),
        (header(b'{"a":' * 100_000), "nested too deep|no valid header"),
        (header(b"[]"), "no valid header"),
        (header(b'{"a": 1}'), "no valid header"),
        (header(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'), "do not fit the file"),
        (header(b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}'), "do not fit the file"),
        (header(b'{"a": {"dtype": "F32", "shape": ["1"], "data_offsets": [0, 0]}}'), "do not fit the file"),
        (header(b'{"a": {"dtype": "F32", "shape": [0], "data_offsets": [0]}}'), "not enough values|no valid header"),
        (header(b'{"a": {}, "a": {}}'), "two entries of one name"),
        (header(json.dumps({"n" * 600: {"shape": [0], "data_offsets": [0, 0]}}).encode()), "a name that is too long"),
        (header(b'{"__metadata__": {"a": 1}}'), "metadata that is not text"),
        (header(b'{"__metadata__": []}'), "no valid header"),
        (header(b"\xff\xfe"), "no valid header"),
    ],
)
def test_headers_that_are_too_large_or_wrong_are_refused_quickly(tmp_path, content, says) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(WeightsError, match=says) as failure:
        weights.read_header(file)
    assert time.monotonic() - started < 3.0
    assert str(file) in str(failure.value)


def test_the_header_is_that_of_the_library(tmp_path) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros((), np.int64)}, file, {"said": "x"})
    read = weights.read_header(file)
    assert read.metadata == {"said": "x"}
    with safe_open(file, framework="numpy") as opened:
        assert read.shapes == {name: opened.get_tensor(name).shape for name in opened.keys()}  # noqa: SIM118


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(spec, tmp_path, value) -> None:
    arrays = {name: array.numpy().copy() for name, array in spec.build().state_dict().items()}
    arrays["5.weight"][0, 1] = value
    file = tmp_path / "odd.safetensors"
    save_file(arrays, file)
    odd = replace(spec, weights=weights_of(file))
    with pytest.raises(WeightsError, match=r"odd\.safetensors.* '5\.weight' of 'far-tagger' contains NaN or infinity"):
        weights.load_into(odd.build(), odd)


def test_weights_of_another_shape_are_refused_before_they_are_read(spec, tmp_path) -> None:
    file = tmp_path / "odd.safetensors"
    save_file({"0.weight": np.zeros((4, 1, 5, 5), np.float32)}, file)
    odd = replace(spec, weights=weights_of(file))
    with pytest.raises(WeightsError, match=r"odd\.safetensors\" are not those of 'far-tagger': its network differs"):
        weights.load_into(odd.build(), odd)


def test_nothing_reads_a_file_before_its_hash_is_right(spec, tmp_path) -> None:
    read = []
    watched = altered(spec, convert=lambda path: read.append(path) or {})
    (tmp_path / "other.h5").write_bytes(b"\x89HDF\r\n\x1a\n and a trap")
    with pytest.raises(WeightsError, match="SHA-256"):
        download.get(watched, tmp_path / "other.h5")
    assert read == []


@pytest.mark.parametrize(
    ("convert", "says"),
    [
        (lambda path: h5py.File(path)["no/such"], r"could not be converted: KeyError: .*no"),
        (
            lambda _: {"0.weight": np.zeros((4, 1, 3, 3), np.float32)},
            "are not those of 'far-tagger': its network differs",
        ),
        (lambda _: {"0.weight": np.full((4, 1, 3, 3), np.nan, np.float32)}, "'0.weight' is not finite"),
        (lambda _: ["weights"], "could not be converted: AttributeError"),
    ],
)
def test_a_converter_that_fails(spec, kept, convert, says) -> None:
    with pytest.raises(AuralScopeError, match=says) as failure:
        download.get(altered(spec, convert=convert))
    assert "\n" not in str(failure.value)
    assert kept() == []


def test_weights_that_come_with_a_plugin_are_not_fetched(far_tagger, tmp_path) -> None:
    with pytest.raises(WeightsError, match="come with it; there is nothing to fetch"):
        download.get(far_tagger.find("genre-convnet"))
    ours = far_tagger.find("genre-convnet")
    gone = replace(ours, weights=replace(ours.weights, file=tmp_path / "gone.safetensors"))
    with pytest.raises(WeightsError, match="is not there: reinstall it"):
        download.get(gone)


def test_a_file_without_the_marks_of_the_store_is_not_used(spec) -> None:
    """A file of unknown origin is not used."""
    file = weights.file_of(spec)
    file.parent.mkdir()
    arrays = {name: array.numpy() for name, array in spec.build().state_dict().items()}
    save_file(arrays, file)
    assert weights.state(spec) == "available"
    with pytest.raises(WeightsError, match="cannot be used"):
        weights.load_into(spec.build(), spec)
