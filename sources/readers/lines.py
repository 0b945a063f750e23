"""Text files as numbered lines: gunzips, decodes, and keeps what does not decode."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from segmentry.errors import SourceError
from sources.readers.records import Records

# Bytes per block: some thousand lines, so that Python's cost per line stays small and memory
# bounded.
BLOCK_BYTES = 4 << 20
# A longer line is landed in pieces of this size, each with a problem: one record must not fill the
# memory.
MAX_LINE_BYTES = 64 << 20
# How much of a file is read to recognize text.
SNIFF_BYTES = 8192
# UTF-32 first: its mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
# Programs that write UTF-16 or UTF-32 without a mark: which bytes of each four are mostly NUL then.
_WIDE_ENCODINGS = {
    "utf-32-le": (False, True, True, True),
    "utf-32-be": (True, True, True, False),
    "utf-16-le": (False, True, False, True),
    "utf-16-be": (True, False, True, False),
}
# Shares of NUL: in text of any script a fifth of the characters (digits, quotes, commas) has an
# upper byte of zero.
_MANY_NULS = 0.2
_FEW_NULS = 0.02
# What is recognized by its first bytes and read by no reader.
_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save the sheet as CSV",
    b"BZh": "compressed by bzip2: unpack it, or compress it by gzip",
    b"\xfd7zXZ": "compressed by xz: unpack it, or compress it by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it, or compress it by gzip",
    b"PAR1": "a Parquet file: give it a name that ends with .parquet",
    b"%PDF": "a PDF document",
}
# Gzip shrinks logs by 10 to 50 and zeros by 1,000; a file beyond both limits is no export.
MAX_GZIP_RATIO = 250
MAX_GZIP_FREE_BYTES = 256 << 20
# Replaces what does not decode: a byte that UTF-8 never has, so that the line is found again.
_UNDECODABLE = "\udcff"
NUL_SHOWN = "\u2400"
codecs.register_error("mark_line", lambda error: (_UNDECODABLE, getattr(error, "end", 0)))


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedIOBase]:
    """The file's bytes, gunzipped if they are gzip, whatever the name is."""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if is_gzip:
            with gzip.open(raw) as unzipped:
                yield _Bounded(unzipped, path.stat().st_size)
        else:
            yield raw


class _Bounded(io.BufferedIOBase):
    """A gzip stream that ends with SourceError where it unpacks to far more than any export."""

    def __init__(self, stream: gzip.GzipFile, packed: int) -> None:
        self._stream = stream
        self._left = max(MAX_GZIP_FREE_BYTES, packed * MAX_GZIP_RATIO)

    def read1(self, size: int | None = -1, /) -> bytes:
        return self._counted(self._stream.read1(-1 if size is None else size))

    def read(self, size: int | None = -1, /) -> bytes:
        return self._counted(self._stream.read(size))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise SourceError(
                f"it unpacks to more than {MAX_GZIP_RATIO} times its size, which no export does"
            )
        return data


def read(path: Path, encoding: str | None, *, with_blank: bool = False) -> Iterator[Records]:
    """Numbered lines without their line ends; blank ones are left out unless with_blank.

    A line that is not UTF-8 is kept decoded as Latin-1, which maps every byte, with the problem
    invalid_encoding.
    """
    with open_bytes(path) as stream:
        number = 0
        for block, fault in _blocks(stream, encoding):
            lines, problems = _decode(block)
            batch = Records()
            for line, problem in zip(lines, problems, strict=True):
                number += 1
                if with_blank or (line and not line.isspace()):
                    batch.add(number, line, fault or problem)
            if batch.lines:
                yield batch


def _blocks(stream: io.BufferedIOBase, encoding: str | None) -> Iterator[tuple[bytes, str | None]]:
    """Blocks that end at a line's end, each with None; a part of a line alone, with why it is
    none.
    """
    rest = b""
    fault = None
    try:
        for chunk in _chunks(stream, encoding):
            head, newline, tail = chunk.rpartition(b"\n")
            rest += head if newline else tail
            if newline:
                yield rest, fault
                rest = tail
                fault = None
            elif len(rest) > MAX_LINE_BYTES:
                fault = "line_too_long: landed in pieces"
                yield rest, fault
                rest = b""
    except Exception:
        if rest:
            yield rest, "cut_off: the file breaks off in this line"
        raise
    if rest:
        yield rest, fault


def _chunks(stream: io.BufferedIOBase, encoding: str | None) -> Iterator[bytes]:
    blocks = _read(stream)
    first = next(blocks, b"")
    found = encoding_of(first, encoding)
    decoded = (
        chain([first], blocks) if found is None else _transcoded(chain([first], blocks), found)
    )
    start = next(decoded, b"")
    if _is_binary(start[:SNIFF_BYTES]):
        raise SourceError("it is a binary file, not text")
    start = start.removeprefix(codecs.BOM_UTF8)
    has_only_returns = b"\r" in start and b"\n" not in start
    for block in chain([start], decoded):
        yield block.replace(b"\r", b"\n") if has_only_returns else block


def encoding_of(head: bytes, configured: str | None) -> str | None:
    """The encoding to decode from, or None for UTF-8: that of the file's first bytes, then the
    configured one.
    """
    for signature, what in _SIGNATURES.items():
        if head.startswith(signature):
            raise SourceError(f"it is {what}")
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)
    found = marked or configured or _wide_encoding(head[:SNIFF_BYTES])
    return (
        None
        if found is None or found.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}
        else found
    )


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark, recognized by where its NULs are."""
    if b"\0" not in head or len(head) < 4:
        return None
    shares = [head[place::4].count(0) / max(len(head[place::4]), 1) for place in range(4)]
    for name, pattern in _WIDE_ENCODINGS.items():
        places = zip(shares, pattern, strict=True)
        if all(share >= _MANY_NULS if is_nul else share <= _FEW_NULS for share, is_nul in places):
            return name
    return None


def _read(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """Blocks of the stream; of one that breaks off, first all that came before."""
    block = bytearray()
    try:
        while piece := stream.read1(BLOCK_BYTES):
            block += piece
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    except Exception:
        if block:
            yield bytes(block)
        raise
    if block:
        yield bytes(block)


def _transcoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The blocks as UTF-8; what does not decode becomes a byte that is no UTF-8, which costs its
    line alone.
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)("mark_line")
    except LookupError:
        raise SourceError(f"there is no encoding '{encoding}'") from None
    is_first = True
    for block in chain(blocks, [b""]):
        text = decoder.decode(block, final=not block)
        if is_first and text:
            text = text.removeprefix("\ufeff")
            is_first = False
        if text:
            yield text.encode("utf-8", "surrogateescape")


def _is_binary(head: bytes) -> bool:
    # Text has next to no control characters; one in ten is a picture or an archive. A single NUL
    # costs its line. Of bytes at random 10.5 % are: one in twenty is enough where the bytes are no
    # UTF-8 either.
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    if controls * 20 <= len(head):
        return False
    return controls * 10 > len(head) or "\ufffd" in head.decode("utf-8", "replace").rstrip("\ufffd")


def _decode(block: bytes) -> tuple[list[str], list[str | None]]:
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        pairs = [_decode_line(line) for line in block.split(b"\n")]
        lines = [pair[0].rstrip("\r") for pair in pairs]
        problems = [pair[1] for pair in pairs]
    else:
        lines = text.split("\n")
        problems = [None] * len(lines)
        if "\r" in text:
            lines = [line.rstrip("\r") for line in lines]
        if "\ufeff" in text:  # files that were put together keep the marks of their parts
            lines = [line.lstrip("\ufeff") for line in lines]
    return _without_nul(lines, problems) if b"\0" in block else (lines, problems)


def _decode_line(line: bytes) -> tuple[str, str | None]:
    try:
        return line.decode("utf-8"), None
    except UnicodeDecodeError:
        return line.decode("latin-1"), "invalid_encoding: the line is not in the file's encoding"


def _without_nul(
    lines: list[str], problems: list[str | None]
) -> tuple[list[str], list[str | None]]:
    # A catalog on PostgreSQL keeps no NUL in text: a visible sign replaces it.
    faults = ["nul_character: the line has a NUL" if "\0" in line else None for line in lines]
    return (
        [line.replace("\0", NUL_SHOWN) for line in lines],
        [problem or fault for problem, fault in zip(problems, faults, strict=True)],
    )


def read_whole(path: Path, limit: int, encoding: str | None = None) -> str:
    """The text of a file that must be read at once, or SourceError beyond the limit and for what is
    no text.
    """
    with open_bytes(path) as stream:
        content = b"".join(_limited(_read(stream), limit))
    found = encoding_of(content, encoding) or "utf-8"
    try:
        text = content.decode(found)
    except UnicodeDecodeError:
        raise SourceError(f"it is not text in the encoding {found}") from None
    except LookupError:
        raise SourceError(f"there is no encoding '{found}'") from None
    return text.lstrip("\ufeff")


def _limited(blocks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    left = limit
    for block in blocks:
        left -= len(block)
        if left < 0:
            raise SourceError(
                f"it has more than {limit >> 20} MiB in one document; write one record per line"
                " instead"
            )
        yield block
