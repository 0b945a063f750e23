"""JSON documents: an object, an array, or an envelope such as a captured request with a batch in its body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from segmentry.errors import SourceError
from sources.definitions import Source
from sources.readers import lines
from sources.readers.records import Records

# A document is held in memory as a whole, several times over while it is parsed.
MAX_DOCUMENT_BYTES = 256 << 20
_NOTHING = object()


def read(path: Path, source: Source) -> Iterator[Records]:
    """Each element of the document; an envelope with nothing in it is landed as it stands, with a problem."""
    content = lines.read_whole(path, MAX_DOCUMENT_BYTES)
    if not content.strip():
        return
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise SourceError(f"it is not a JSON document: line {error.lineno}, column {error.colno}") from None
    batch = Records()
    for number, element in enumerate(unwrapped(document, source.unwrap), start=1):
        if element is _NOTHING:
            batch.add(number, _text(document), "empty_envelope: the request carries no record")
        else:
            batch.add(number, _text(element))
    if batch.lines:
        yield batch


def unwrapped(value: object, keys: Sequence[str]) -> Iterator[object]:
    """Records inside arrays and inside the values of the keys, at any depth of these two."""
    if isinstance(value, list):
        for element in value:
            yield from unwrapped(element, keys)
        return
    inner = (
        next((value[key] for key in keys if _holds_records(value, key)), value) if isinstance(value, dict) else value
    )
    if inner is value:
        yield value
    elif inner is None:
        yield _NOTHING
    else:
        yield from unwrapped(inner, keys)


def _holds_records(value: dict[str, object], key: str) -> bool:
    return key in value and isinstance(value[key], dict | list | None)


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
