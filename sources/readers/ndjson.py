"""Newline-delimited JSON: each line is a record, verbatim but for the spelling of its columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from sources.definitions import Source
from sources.readers import lines
from sources.readers.records import Records
from sources.readers.seen import Seen

_SPACE = re.compile(r"[ \t\n\r]*")
# Python refuses to read a whole number of more digits, which takes it a time that grows with their
# square.
MAX_DIGITS = 4_000


def whole_number(digits: str) -> int | str:
    """A whole number; one that is longer than Python reads, as its text."""
    return int(digits) if len(digits) <= MAX_DIGITS else digits


class _Pairs(list[tuple[str, object]]):
    """Members of an object, a name that occurs twice included."""


_decoder = json.JSONDecoder(parse_int=whole_number)
_pairs = json.JSONDecoder(parse_int=whole_number, object_pairs_hook=_Pairs)


def read(path: Path, source: Source, seen: Seen) -> Iterator[Records]:
    """Each line that is not blank; whether it is JSON is judged in staging."""
    for block in lines.read(path, source.encoding):
        yield watched(block, seen)


def watched(block: Records, seen: Seen) -> Records:
    """The same records, each under the names that staging reads."""
    if not seen.is_needed:
        return block
    for number, (raw, problem) in enumerate(zip(block.raws, block.problems, strict=True)):
        if problem is None:
            block.raws[number] = canonical(raw, seen)
        else:
            seen.faults[problem.partition(":")[0]] += 1
    return block


def canonical(raw: str, seen: Seen) -> str:
    """A JSON object's text with its names as staging reads them; anything else as it is."""
    record = _parsed(raw)
    if not isinstance(record, dict):
        seen.faults["not_json"] += 1
        return raw
    written = tuple(record)
    names = seen.names(written)
    if names == written:
        seen.record(record)
        return raw
    seen.record(dict(zip(names, record.values(), strict=True)))
    try:
        return renamed(raw, dict(zip(written, names, strict=True)))
    except RecursionError:  # nested deeper than Python follows: staging judges it as it is
        return raw


def _parsed(raw: str) -> object:
    """The text's value, None for no JSON. NaN, Infinity and long numbers cost their field, not the
    record.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return _decoder.decode(raw)
    except (ValueError, RecursionError):
        return None


def renamed(raw: str, names: Mapping[str, str]) -> str:
    """The object's text with other names; its values stay as they are written, digit by digit."""
    parts = (f"{json.dumps(names[name], ensure_ascii=False)}: {text}" for name, text in _split(raw))
    return "{" + ", ".join(parts) + "}"


def members(raw: str) -> list[tuple[str, str]] | None:
    """(name, value as written) of a JSON object, in its order; None for any other text."""
    try:
        pairs = _pairs.decode(raw)
        if not isinstance(pairs, _Pairs):
            return None
        if all(value is None or isinstance(value, str) for _, value in pairs):
            return [(name, orjson.dumps(value).decode()) for name, value in pairs]
        return list(_split(raw))
    except (
        ValueError,
        TypeError,
        RecursionError,
    ):  # orjson refuses half of a surrogate pair with a TypeError
        return None


def _split(raw: str) -> Iterator[tuple[str, str]]:
    at = raw.index("{") + 1
    while raw[(at := _after_space(raw, at))] != "}":
        name, at = _decoder.raw_decode(raw, _after_space(raw, at + (raw[at] == ",")))
        start = _after_space(raw, _after_space(raw, at) + 1)
        _, at = _decoder.raw_decode(raw, start)
        yield name, raw[start:at]


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
