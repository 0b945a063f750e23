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
    for number, (element, is_record) in enumerate(unwrapped(document, source.unwrap), start=1):
        problem = None if is_record else "empty_envelope: the request carries no record"
        batch.add(number, orjson.dumps(element).decode(), problem)
    if batch.lines:
        yield batch


def unwrapped(value: object, keys: Sequence[str]) -> Iterator[tuple[object, bool]]:
    """Records inside arrays and inside the values of the keys, at any depth of these two.

    Each with True; an envelope whose value is null, as it stands, with False.
    """
    if isinstance(value, list):
        for element in value:
            yield from unwrapped(element, keys)
        return
    fields = value if isinstance(value, dict) else {}
    envelope = next((key for key in keys if key in fields and isinstance(fields[key], dict | list | None)), None)
    if envelope is None:
        yield value, True
    elif fields[envelope] is None:
        yield value, False
    else:
        yield from unwrapped(fields[envelope], keys)
