"""Find the sound in a file: after a tag, in several streams end to end, below a header that was never completed."""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass, field
from itertools import pairwise

from auralscope.audio.decoded import DAMAGED
from auralscope.audio.ends import BAD_HEADER, HOLDS_MORE, chunks, find_starts, holds_more, sound_place

_OGG_CONTINUED, _OGG_FIRST, _OGG_LAST = 1, 2, 4  # flags of a page (RFC 3533, sec. 6)
_FLAC_START = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")  # marker and STREAMINFO's header (RFC 9639, sec. 8)
_FLAC_FRAME = re.compile(rb"\xff[\xf8\xf9]")  # sync code with the bit for variable block sizes
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
    stretch : float
        Stated size of the sound over its present size, where libsndfile does not state it (CAF, W64, RF64).

    Attributes
    ----------
    size : int
        Number of bytes.
    """

    def __init__(
        self,
        raw: io.FileIO,
        first: int = 0,
        last: int | None = None,
        patch: tuple[int, bytes] = (0, b""),
        stretch: float = 1.0,
    ) -> None:
        self._raw, self.first, self.stretch = raw, first, stretch
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
        if self._position >= self.size:
            return 0
        view = memoryview(buffer).cast("B")[: self.size - self._position]
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
    is_for_ffmpeg : bool
        Whether FFmpeg decodes the file better than libsndfile.
    """

    parts: list[Part]
    is_for_ffmpeg: bool = False
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


def has_damaged_tag(raw: io.FileIO) -> bool:
    """Return whether a file begins with an ID3v2 tag whose version or flags are not defined (ID3v2.4, sec. 3.1)."""
    raw.seek(0)
    head = raw.read(10)
    return len(head) == 10 and head[:3] == b"ID3" and (255 in head[3:5] or bool(head[5] & 15))


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
    starts = _wav_starts(raw, first) if head[:4] == b"RIFF" and head[8:] == b"WAVE" else find_starts(raw, first)
    n_bytes = raw.seek(0, io.SEEK_END)
    layout = Layout([])
    for start, last in pairwise([*starts, n_bytes]):
        place = sound_place(raw, start)
        if place == (0, 0) and head[:4] in (b"caff", b"riff"):  # libsndfile searches for the sound
            layout.lacks = [BAD_HEADER]
        elif place and holds_more(raw, place[1], last):
            layout.lacks = [HOLDS_MORE]
        begin, end = place or (0, 0)
        is_riff = head[:4] == b"riff" and begin < end  # libsndfile takes all that follows as sound
        part = Part(raw, start, min(end, last)) if is_riff else _completed(raw, start, last)
        if head[:4] in (b"riff", b"RF64") and begin < last:
            part.stretch = max((end - begin) / (last - begin), 1.0)
        layout.parts.append(part)
    return layout


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
    layout = Layout([Part(raw, a, b) for a, b in pairwise(bounds)])
    layout.lacks = [lack for a, b in pairwise(bounds) if (lack := _flac_lack(content[a - first : b - first]))][:1]
    layout.is_for_ffmpeg = layout.lacks == [DAMAGED] and len(layout.parts) == 1  # libsndfile stops at the damage
    return layout


def _flac_lack(flac: bytes) -> str | None:
    """Return what the frames of a FLAC lack, judged by the numbers in their headers (RFC 9639, sec. 8.2 and 9.1)."""
    n_stated = int.from_bytes(flac[21:26], "big") & 0xFFFFFFFFF
    n_block = int.from_bytes(flac[10:12], "big")
    n_next = 0  # first sample of the next frame
    kind = None
    for match in _FLAC_FRAME.finditer(flac):
        head = flac[match.start() : match.start() + 16]
        if (found := _flac_frame(head, n_block)) is None:
            continue
        start, n = found
        if kind is None:
            kind = head[1:3], head[3] & 15
            n_next = start if not n_stated else 0  # a recording of a stream begins anywhere
        # By chance, other bytes look like a header, of another kind.
        if start == n_next:
            n_next += n
        elif kind == (head[1:3], head[3] & 15):
            return HOLDS_MORE if start == n_stated else DAMAGED
    return HOLDS_MORE if 0 < n_stated < n_next else None


def _flac_frame(head: bytes, n_block: int) -> tuple[int, int] | None:
    """Return the first sample and the number of samples of a frame of FLAC; None if this is no header of a frame."""
    n_number = max(8 - (head[4] ^ 0xFF).bit_length(), 1) if len(head) == 16 else 8
    size_code = head[2] >> 4
    end = 4 + n_number + {6: 1, 7: 2}.get(size_code, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if n_number > 7 or end > 15 or not size_code or _crc8(head[:end]) != head[end]:
        return None
    number = head[4] & (0xFF >> (n_number + (n_number > 1)))
    for byte in head[5 : 4 + n_number]:
        number = number << 6 | byte & 0x3F
    if size_code in (6, 7):
        n = int.from_bytes(head[4 + n_number : 4 + n_number + size_code - 5], "big") + 1
    else:
        n = 192 if size_code == 1 else 576 << (size_code - 2) if size_code < 6 else 256 << (size_code - 8)
    return (number if head[1] == 0xF9 else number * n_block), n


def _crc8(content: bytes) -> int:
    checksum = 0
    for byte in content:
        checksum ^= byte
        for _ in range(8):
            checksum = (checksum << 1 ^ (7 if checksum & 0x80 else 0)) & 0xFF
    return checksum


def _wav_starts(raw: io.FileIO, first: int) -> list[int]:
    starts: list[int] = []
    at = first
    while True:
        raw.seek(at)
        head = raw.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return starts
        starts.append(at)
        at += 8 + int.from_bytes(head[4:8], "little")


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
    # libsndfile decodes Opus at the rate of the sound before it was encoded, where that is stated; FFmpeg at 48 kHz.
    layout.is_for_ffmpeg = content[28:36] == b"OpusHead"
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


def _completed(raw: io.FileIO, first: int, last: int) -> Part:
    """Return a part whose header states the bytes to its end where it was never completed, or the end is missing.

    Programs write such a header into a pipe, or before a recording that is then interrupted.
    """
    raw.seek(first)
    head = raw.read(12)
    if head[:4] == b"caff":
        number = struct.Struct(">q")
        for mark, start, size in chunks(raw, first + 8, number):
            present = last - start
            if mark == b"data" and present > 0 and (size <= 0 or size > present):
                patch = start - number.size - first, number.pack(present)
                return Part(raw, first, last, patch, max(size / present, 1.0))
    return Part(raw, first, last, _patch(raw, first, last, head))


def _patch(raw: io.FileIO, first: int, last: int, head: bytes) -> tuple[int, bytes]:
    if head[:4] in (b"RIFF", b"RIFX") and head[8:] == b"WAVE":
        number = struct.Struct("<I" if head[:4] == b"RIFF" else ">I")
        for mark, start, size in chunks(raw, first + 12, number):
            if mark == b"data":
                if size or start == last or _ends_with_chunks(raw, start, number, last):
                    break
                return start - number.size - first, number.pack(min(last - start, 0xFFFFFFFF))
    if head[:4] == b"RF64":
        raw.seek(first + 12)
        chunk = raw.read(24)
        if chunk[:4] == b"ds64" and chunk[16:] == bytes(8):
            return 28, struct.pack("<Q", last - first)
    if head[:4] == b".snd" and head[8:] == bytes(4):
        return 8, b"\xff" * 4
    return 0, b""


def _ends_with_chunks(raw: io.FileIO, at: int, number: struct.Struct, n_bytes: int) -> bool:
    """Return whether chunks follow each other from a position to the end of the file."""
    end = at
    for mark, start, size in chunks(raw, at, number):
        if not mark.isascii() or not mark.decode().isprintable():
            return False
        end = start + size
    return n_bytes - 1 <= end <= n_bytes + 1
