"""Find the sound in a file: after a tag, in several streams end to end, in a WAV that does not state its length."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from itertools import pairwise

_OGG_CONTINUED, _OGG_FIRST, _OGG_LAST = 1, 2, 4  # flags of a page (RFC 3533, sec. 6)
_FLAC_START = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")  # marker and STREAMINFO's header (RFC 9639, sec. 8)
_REVERSED = bytes(int(f"{k:08b}"[::-1], 2) for k in range(256))


class Part(io.RawIOBase):
    """Read-only binary file that is a part of another one.

    Parameters
    ----------
    raw : io.FileIO
        The whole file; parts may share it.
    first, last : int
        The first byte and the one after the last; up to the end of the file unless given.
    patch : (int, bytes), optional
        Bytes to read instead of those at a position of the part.

    Attributes
    ----------
    size : int
        Number of bytes.
    """

    def __init__(
        self, raw: io.FileIO, first: int = 0, last: int | None = None, patch: tuple[int, bytes] = (0, b"")
    ) -> None:
        self._raw, self.first = raw, first
        n_bytes = raw.seek(0, io.SEEK_END)
        self.size = max((n_bytes if last is None else min(last, n_bytes)) - first, 0)
        self._patch = patch
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = max(offset + (0, self._position, self.size)[whence], 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")[: max(self.size - self._position, 0)]
        self._raw.seek(self.first + self._position)
        n = self._raw.readinto(view) or 0
        at, patch = self._patch
        for k in range(max(at, self._position), min(at + len(patch), self._position + n)):
            view[k - self._position] = patch[k - at]
        self._position += n
        return n


@dataclass
class Layout:
    """Places of the sound in a file.

    Attributes
    ----------
    parts : list of Part
        Streams end to end, to be joined.
    lacks : list of str
        What the file lacks; see `DecodedSound`.
    """

    parts: list[Part]
    lacks: list[str] = field(default_factory=list)


def tag_size(raw: io.FileIO) -> int:
    """Return the size of the ID3v2 tags at the beginning of a file, 0 if there is none (ID3v2.4, sec. 3.1)."""
    n_bytes = raw.seek(0, io.SEEK_END)
    size = 0
    while True:
        raw.seek(size)
        head = raw.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:]) > 127:
            return size
        footer = 10 if head[5] & 0x10 else 0
        end = size + 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) + footer
        if end >= n_bytes:
            return size
        size = end


def find_parts(raw: io.FileIO, first: int) -> Layout:
    """Find the streams in a file of one of libsndfile's formats.

    Parameters
    ----------
    raw : io.FileIO
    first : int
        Where the sound begins, after tags.
    """
    raw.seek(first)
    head = raw.read(12)
    if head[:4] == b"OggS":
        return _ogg(raw, first)
    if head[:4] == b"fLaC":
        return _flac(raw, first)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return Layout([Part(raw, first, patch=_data_size(raw, first))])
    return Layout([Part(raw, first)])


def _flac(raw: io.FileIO, first: int) -> Layout:
    raw.seek(first)
    content = raw.read()
    starts = {first}
    for mark in _FLAC_START:
        at = content.find(mark, 4)
        while at >= 0:
            starts.add(first + at)
            at = content.find(mark, at + 4)
    bounds = [*sorted(starts), first + len(content)]
    return Layout([Part(raw, a, b) for a, b in pairwise(bounds)])


def _ogg(raw: io.FileIO, first: int) -> Layout:
    """Follow the pages of an Ogg file: where streams begin, and whether pages are damaged or missing."""
    raw.seek(first)
    content = raw.read()
    starts, at, n_damaged, is_ended, in_heads = [first], 0, 0, False, True
    numbers: dict[int, int] = {}  # of the last page of each stream
    while at < len(content):
        size = _page_size(content, at)
        if not size:
            n_damaged += 1
            at = content.find(b"OggS", at + 1)
            if at < 0:
                break
            continue
        flags = content[at + 5]
        stream, number = struct.unpack_from("<II", content, at + 14)
        if flags & _OGG_FIRST and not in_heads:
            starts.append(first + at)
        in_heads = bool(flags & _OGG_FIRST)
        if not in_heads and number != numbers.get(stream, number - 1) + 1:
            n_damaged += 1
        numbers[stream] = number
        is_ended = bool(flags & _OGG_LAST)
        at += size
    layout = Layout([Part(raw, a, b) for a, b in pairwise([*starts, first + len(content)])])
    if n_damaged:
        layout.lacks.append("is damaged: pages of it are unreadable or missing, and their sound is left out")
    elif not is_ended:
        layout.lacks.append("ends without the last page of an Ogg file: it may have been longer")
    return layout


def _page_size(content: bytes, at: int) -> int:
    """Return the number of bytes of a page, 0 if there is no whole, undamaged page."""
    if content[at : at + 4] != b"OggS" or at + 27 > len(content):
        return 0
    n_segments = content[at + 26]
    size = 27 + n_segments + sum(content[at + 27 : at + 27 + n_segments])
    if at + size > len(content):
        return 0
    page = bytearray(content[at : at + size])
    page[22:26] = bytes(4)
    # Ogg's checksum is zlib's with the bits of every byte, and of the sum, reversed; it starts at 0.
    checksum = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    stated = int.from_bytes(content[at + 22 : at + 26], "little")
    return size if int(f"{checksum:032b}"[::-1], 2) == stated else 0


def _data_size(raw: io.FileIO, first: int) -> tuple[int, bytes]:
    """Return a patch with the size of a WAV's data where its header says 0 as it was never completed."""
    n_bytes = raw.seek(0, io.SEEK_END)
    at = first + 12
    while at + 8 <= n_bytes:
        raw.seek(at)
        mark, size = struct.unpack("<4sI", raw.read(8))
        if mark == b"data":
            if size == 0 and at + 8 < n_bytes and not _are_chunks(raw, at + 8, n_bytes):
                return at + 4 - first, struct.pack("<I", min(n_bytes - at - 8, 0xFFFFFFFF))
            break
        at += 8 + size + size % 2
    return 0, b""


def _are_chunks(raw: io.FileIO, at: int, n_bytes: int) -> bool:
    """Return whether chunks follow each other from a position to the end of the file."""
    while at + 8 <= n_bytes:
        raw.seek(at)
        mark, size = struct.unpack("<4sI", raw.read(8))
        if not mark.isascii() or not mark.decode().isprintable():
            return False
        at += 8 + size + size % 2
    return at in (n_bytes, n_bytes + 1)
