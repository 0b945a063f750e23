"""Batches of operations at Mailchimp: many members by one request, and the outcome of each.
The destination ``mailchimp`` writes members by it.

Mailchimp puts the results of a batch into a gzipped tar file of JSON lists, at an address of which
it signs the way for some minutes: each look at the batch names a new one.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from activation.client import Client, RequestRefused
from activation.destination import DestinationSession
from activation.model import Row

DIRECT_ROWS = 10  # so few are quicker one by one than by a batch, which waits for its turn
_MOST_BYTES = 64_000_000  # of results, unpacked; those of 500 members are 1 MB


def begin(client: Client, operations: Sequence[tuple[str, str, dict[str, Any]]]) -> str:
    """Have the operations done; their method, path and body. Returns the id of the batch."""
    listed = [
        {"method": method, "path": path, "operation_id": str(place), "body": json.dumps(body)}
        for place, (method, path, body) in enumerate(operations)
    ]
    return str(client.json("POST", "/batches", json={"operations": listed})["id"])


def ended(
    session: DestinationSession, client: Client, batch_id: str, rows: Sequence[Row]
) -> list[RequestRefused | None] | None:
    """How each row's operation ended: None where it was taken; or None, while the batch is at
    work. Status 0 of a refusal: the results do not name the row.
    """
    batch = client.json("GET", f"/batches/{batch_id}")
    if batch["status"] != "finished":
        return None
    if not batch["errored_operations"] and batch["finished_operations"] >= len(rows):
        return [None] * len(rows)
    results = _results(_fetched(session, batch["response_body_url"]))
    return [_refusal(results.get(str(place))) for place in range(len(rows))]


def _fetched(session: DestinationSession, address: str) -> bytes:
    """What is at an address that Mailchimp named; the account's key does not go there."""
    parts = urlsplit(address)
    client = session.other(f"{parts.scheme}://{parts.netloc}")
    path = urlunsplit(("", "", parts.path, parts.query, ""))
    return bytes(client.call("GET", path).content)


def _refusal(result: dict[str, Any] | None) -> RequestRefused | None:
    if result is None:
        return RequestRefused(0)
    status = int(result["status_code"])
    return None if 200 <= status < 300 else RequestRefused(status, _decoded(result.get("response")))


def _decoded(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}


def _results(packed: bytes) -> dict[str, dict[str, Any]]:
    """The results by operation id. Raises ValueError for what is no such file, or too much."""
    try:
        with gzip.open(io.BytesIO(packed)) as unpacked:
            content = unpacked.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError("the results are too long")
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            files = [archive.extractfile(member) for member in archive if member.isfile()]
            parts = [json.loads(file.read()) for file in files if file is not None]
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ValueError(f"the results are no archive: {type(error).__name__}") from None
    return {str(result["operation_id"]): result for part in parts for result in part}
