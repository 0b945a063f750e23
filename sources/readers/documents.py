"""JSON documents: an object, an array, or an envelope such as a captured request with a batch in
its body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from segmentry.errors import SourceError
from sources.definitions import Source
from sources.readers import lines, ndjson
from sources.readers.records import Records
from sources.readers.seen import Seen

# A document is in memory as a whole, several times over while it is parsed.
MAX_DOCUMENT_BYTES = 256 << 20
_BATCH = 10_000
_TOO_DEEP = "it is a JSON document that is nested too deeply"


def read(path: Path, source: Source, seen: Seen) -> Iterator[Records]:
    """Each element of the document; an envelope with nothing in it is landed as it is, with a
    problem.

    A file with one object per line is read as such, whatever its name is.
    """
    content = lines.read_whole(path, MAX_DOCUMENT_BYTES, source.encoding)
    if not content.strip():
        return
    try:
        # Python's own parser: it keeps whole numbers of any length, and a NaN costs its record, not
        # the document.
        document = json.loads(content, parse_int=ndjson.whole_number)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise SourceError(
                f"it is not a JSON document: line {error.lineno}, column {error.colno}"
            ) from None
        yield from ndjson.read(path, source, seen)
        return
    except RecursionError:
        raise SourceError(_TOO_DEEP) from None
    try:
        yield from _elements(document, source, seen)
    except RecursionError:
        raise SourceError(_TOO_DEEP) from None


def _elements(document: object, source: Source, seen: Seen) -> Iterator[Records]:
    batch = Records()
    for number, (element, is_record) in enumerate(
        unwrapped(document, source.unwrap, source.hand_down), start=1
    ):
        problem = None if is_record else "empty_envelope: the request carries no record"
        batch.add(number, _text(element), problem)
        if len(batch.lines) >= _BATCH:
            yield ndjson.watched(batch, seen)
            batch = Records()
    if batch.lines:
        yield ndjson.watched(batch, seen)


def _text(element: object) -> str:
    text = json.dumps(element, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can carry
        return json.dumps(element, separators=(",", ":"))
    return text


def unwrapped(
    value: object,
    keys: Sequence[str],
    hand_down: Sequence[str] = (),
    inherited: Mapping[str, object] | None = None,
) -> Iterator[tuple[object, bool]]:
    """Records inside arrays and inside the values of the keys, at any depth of these two.

    Each with True; an envelope whose value is null, as it is, with False. hand_down: fields of an
    envelope that apply to all its records, such as when it was sent; inherited: those of the
    envelopes around it.
    """
    if isinstance(value, list):
        for element in value:
            yield from unwrapped(element, keys, hand_down, inherited)
        return
    fields = value if isinstance(value, dict) else {}
    envelope = next(
        (key for key in keys if key in fields and isinstance(fields[key], dict | list | None)), None
    )
    if envelope is None:
        yield _completed(value, inherited or {}), True
    elif fields[envelope] is None:
        yield value, False
    else:
        here = {key: fields[key] for key in hand_down if fields.get(key) is not None}
        known = {
            **(inherited or {}),
            **{key: _merged((inherited or {}).get(key), field) for key, field in here.items()},
        }
        yield from unwrapped(fields[envelope], keys, hand_down, known)


def _completed(record: object, inherited: Mapping[str, object]) -> object:
    """The record with the fields of its envelopes that it lacks."""
    if not inherited or not isinstance(record, dict):
        return record
    return {**record, **{key: _merged(field, record.get(key)) for key, field in inherited.items()}}


def _merged(outer: object, inner: object) -> object:
    """The inner value, or the outer one if the inner one is null; of an object each whole field.

    Two statements of consent are never mixed: a grant of the envelope adds nothing to what the
    record refuses.
    """
    if isinstance(outer, dict) and isinstance(inner, dict):
        return {**outer, **{key: field for key, field in inner.items() if field is not None}}
    return outer if inner is None else inner
