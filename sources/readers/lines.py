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

# Bytes per block: some thousand lines, so that Python's cost per line stays small and memory bounded.
BLOCK_BYTES = 4 << 20
# A longer line is landed in pieces of this size, each with a problem: one record must not fill the memory.
MAX_LINE_BYTES = 64 << 20
# How much of a file is looked at to tell text from something else.
SNIFF_BYTES = 8192
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedIOBase]:
    """The file's bytes, gunzipped when they are gzip whatever the name says."""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if is_gzip:
            with gzip.open(raw) as unzipped:
                yield unzipped
        else:
            yield raw


def read(path: Path, encoding: str | None) -> Iterator[Records]:
    """Numbered lines without their line ends; blank ones are left out.

    A line that is not UTF-8 is kept decoded as Latin-1, which maps every byte, with the problem invalid_encoding.
    """
    with open_bytes(path) as stream:
        number = 0
        for block, fault in _blocks(stream, encoding):
            lines, problems = _decode(block)
            batch = Records()
            for line, problem in zip(lines, problems, strict=True):
                number += 1
                if line and not line.isspace():
                    batch.add(number, line, fault or problem)
            if batch.lines:
                yield batch


def _blocks(stream: io.BufferedIOBase, encoding: str | None) -> Iterator[tuple[bytes, str | None]]:
    """Blocks that end at a line's end, each with None; a part of a line alone, with why it is none."""
    rest = b""
    fault = None
    try:
        for chunk in _chunks(stream, encoding):
            head, newline, tail = chunk.rpartition(b"\n")
            rest += head if newline else tail
            if newline:
                yield rest, fault
                rest, fault = tail, None
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
    encoding = encoding or _BYTE_ORDER_MARKS.get(first[:2])
    if encoding and encoding.lower().replace("_", "-") not in {"utf-8", "utf8"}:
        yield from _transcoded(chain([first], blocks), encoding)
        return
    if _is_binary(first[:SNIFF_BYTES]):
        raise SourceError("it is a binary file, not text")
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from blocks


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
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise SourceError(f"there is no encoding '{encoding}'") from None
    for block in blocks:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


def _is_binary(head: bytes) -> bool:
    # Text holds no NUL and next to no control characters; one in ten tells a picture or an archive.
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return b"\0" in head or controls * 10 > len(head)


def _decode(block: bytes) -> tuple[list[str], list[str | None]]:
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        pairs = [_decode_line(line) for line in block.split(b"\n")]
        return [pair[0].rstrip("\r") for pair in pairs], [pair[1] for pair in pairs]
    lines = text.split("\n")
    if "\r" in text:
        lines = [line.rstrip("\r") for line in lines]
    return lines, [None] * len(lines)


def _decode_line(line: bytes) -> tuple[str, str | None]:
    try:
        return line.decode("utf-8"), None
    except UnicodeDecodeError:
        return line.decode("latin-1"), "invalid_encoding: the line is not UTF-8"


def read_whole(path: Path, limit: int) -> bytes:
    """All bytes of a file that must be held at once, or SourceError beyond the limit."""
    with open_bytes(path) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise SourceError(f"it holds more than {limit >> 20} MiB in one document; write one record per line instead")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").encode()
    return content.removeprefix(codecs.BOM_UTF8)
