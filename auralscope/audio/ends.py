"""Compare where a sound file ends with where its header says that it ends, and find further files behind it."""

from __future__ import annotations

import io
import mmap
import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CUT_SHORT = "is damaged or cut short: its end is missing"
HOLDS_MORE = "is damaged: it holds more sound than its header says, and the rest is left out"
BAD_HEADER = "is damaged: its header is not valid, and parts of the sound may be missing"
SEVERAL = "consists of several files end to end: only the first is open"

_STARTS = (  # patterns of the beginnings of files in formats of libsndfile
    rb"FORM.{4}(?:AIF[FC]|8SVX|16SV)[A-Z]{4}",
    rb"caff\x00\x01\x00\x00desc\x00{7}\x20",
    rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0",
    rb"RF64.{4}WAVEds64",
    rb"\.snd\0\0.{2}.{4}\0{3}[\x01-\x1d].{4}\0{3}.",
    rb"Creative Voice File\x1a",
    rb"NIST_1A\n",
    rb"ALawSoundFile\*\*",
    rb"Extended Instrument: ",
    rb"MATLAB 5\.0 MAT-file",
    rb"\0{4}\x01\0{3}\x01\0{7}\x0b\0{3}samplerate",  # MAT4
    rb"\0\0\x03\xe8\0{3}\x01\0{3}\x01\0{7}\x0bsamplerate",
    rb"2BIT.{8}(?:\0\0|\xff\xff)\0[\x08\x10](?:\0\0|\xff\xff)",  # AVR
    rb"\x01\x04[\x20-\x7e\0]{17}.{2}[\x00\x01].{17}[\x01-\x20]",  # MPC2K
)
_SAME_START = (b"\x64\xa3", b"\0\1\xa3\x64", b"\0\2\xa3\x64", b"\0\3\xa3\x64", b" paf", b"PVF1")
_N_SAME = 16  # bytes at the beginning of IRCAM, PAF and PVF, which repeat in the next file of the same kind

_SOUND_CHUNKS = (b"data", b"SSND", b"BODY")
_TRAILERS = (b"TAG", b"APETAGEX", b"ID3", b"LYRICSBEGIN")
_LARGEST_SIZE = 0x7FFF0000  # programs that write into a pipe state this or more, as they do not know the length

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML = b"\x1a\x45\xdf\xa3"
_FURTHER_STARTS = {
    b"FLV\1": rb"FLV\x01[\x01\x04\x05]\0\0\0\x09\0{4}",
    b"TTA1": rb"TTA1[\x01\x02]\0.{2}[\x08\x10\x18\x20]\0",
    b"nut/": rb"nut/multimedia container\0",
}


def find_starts(raw: io.FileIO, first: int) -> list[int]:
    """Return where files of libsndfile's rarer formats begin, which may lie end to end."""
    raw.seek(first)
    head = raw.read(64)
    if head.startswith(_SAME_START):
        patterns = [re.escape(head[:_N_SAME])]
    else:
        patterns = [pattern for pattern in _STARTS if re.match(pattern, head, re.DOTALL)]
    return [first, *(_matches(raw, first, patterns[0]) if patterns else [])]


def _matches(raw: io.FileIO, first: int, pattern: bytes) -> list[int]:
    with mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [match.start() for match in re.compile(pattern, re.DOTALL).finditer(content, first + 4)]


def chunks(raw: io.FileIO, at: int, number: struct.Struct, n_mark: int = 4) -> Iterator[tuple[bytes, int, int]]:
    """Yield the mark, the place and the size of each chunk; marks of 16 bytes are those of W64."""
    n_head = n_mark + number.size
    n_bytes = raw.seek(0, io.SEEK_END)
    while at < n_bytes:
        raw.seek(at)
        head = raw.read(n_head)
        if len(head) < n_head:
            return
        size = number.unpack_from(head, n_mark)[0] - (n_head if n_mark == 16 else 0)
        yield head[:n_mark], at + n_head, size
        if size < 0:
            return
        at += n_head + size + (-size % 8 if n_mark == 16 else size % 2 if number.size == 4 else 0)


def sound_place(raw: io.FileIO, first: int) -> tuple[int, int] | None:
    """Return where the sound begins and ends by the header.

    None if the header does not say, and zeros if there is no chunk of sound.
    """
    raw.seek(first)
    head = raw.read(40)
    kind = head[:4]
    if kind == b".snd":
        start, size = struct.unpack_from(">II", head, 4)
        return (first + start, first + start + size) if 0 < size < _LARGEST_SIZE else None
    if head[8:12] == b"WAVE" or kind == b"FORM":
        found = chunks(raw, first + 12, struct.Struct("<I" if kind in (b"RIFF", b"RF64") else ">I"))
    elif kind == b"riff":
        found = chunks(raw, first + 40, struct.Struct("<q"), 16)
    elif kind == b"caff":
        found = chunks(raw, first + 8, struct.Struct(">q"))
    else:
        return None
    for mark, start, size in found:
        if mark[:4] in _SOUND_CHUNKS:
            if kind == b"RF64" and head[12:16] == b"ds64" and size == 0xFFFFFFFF:
                size = int.from_bytes(head[28:36], "little")
            elif kind not in (b"riff", b"caff", b"RF64") and size >= _LARGEST_SIZE:
                return None
            return (start, start + size) if size > 0 else None
    return 0, 0


def holds_more(raw: io.FileIO, end: int, last: int) -> bool:
    """Return whether something that is neither a chunk, nor a tag, nor padding lies between two positions."""
    raw.seek(end)
    rest = raw.read(max(min(last - end, 1 << 16), 0))
    if not rest.strip(b"\0"):
        return False
    marks = [rest[k : k + 4] for k in range(min(8, len(rest)))]  # padding of up to 7 bytes
    return not rest.startswith(_TRAILERS) and not any(
        mark.isascii() and mark.decode().isprintable() and len(mark) == 4 for mark in marks
    )


def container_lacks(raw: io.FileIO, first: int) -> list[str]:
    """Return what a file of FFmpeg's formats lacks at its end, as predicates; see `DecodedSound.lacks`."""
    raw.seek(first)
    head = raw.read(16)
    n_bytes = raw.seek(0, io.SEEK_END)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _mp4_lacks(raw, first, n_bytes)
    if head[:4] == _EBML:
        return [CUT_SHORT] if _matroska_end(raw, first) > n_bytes else []
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return [CUT_SHORT] if first + 8 + int.from_bytes(head[4:8], "little") > n_bytes else []
    if head == _ASF:
        raw.seek(first)
        content = raw.read(1 << 16)
        at = content.find(_ASF_FILE_PROPERTIES)
        size = int.from_bytes(content[at + 40 : at + 48], "little") if at >= 0 else 0
        if first + size > n_bytes:
            return [CUT_SHORT]
        raw.seek(first + size)
        return [SEVERAL] if size and raw.read(16) == _ASF else []
    pattern = _FURTHER_STARTS.get(head[:4])
    return [SEVERAL] if pattern and _matches(raw, first, pattern) else []


def _mp4_lacks(raw: io.FileIO, first: int, n_bytes: int) -> list[str]:
    """Follow the boxes of an MP4 (ISO/IEC 14496-12, sec. 4.2)."""
    at, is_described = first, False
    while at + 8 <= n_bytes:
        raw.seek(at)
        head = raw.read(16)
        size, mark = int.from_bytes(head[:4], "big"), head[4:8]
        if mark == b"ftyp" and is_described:
            return [SEVERAL]
        is_described = is_described or mark == b"moov"
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0: to the end of the file
            return []
        at += size
    return [CUT_SHORT] if at > n_bytes else []


def _matroska_end(raw: io.FileIO, first: int) -> int:
    """Return where the segment of a Matroska file ends by its header, 0 if that is not stated (RFC 8794, sec. 4)."""
    at = first
    while True:
        raw.seek(at)
        head = raw.read(12)
        n_mark = 9 - head[0].bit_length() if head else 0
        if not 1 <= n_mark <= 4 or len(head) < 12:
            return 0
        n_size = 9 - head[n_mark].bit_length()
        if n_size > 8:
            return 0
        size = int.from_bytes(head[n_mark : n_mark + n_size], "big") & ((1 << 7 * n_size) - 1)
        if size == (1 << 7 * n_size) - 1:  # not known
            return 0
        at += n_mark + n_size + size
        if head[:n_mark] == b"\x18\x53\x80\x67":
            return at
