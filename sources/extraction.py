"""Database and API sources: dlt extracts, from where the last extraction ended; the lander
lands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any
from urllib.parse import urlsplit

import duckdb
import orjson

from segmentry import configuration
from segmentry.errors import SourceError
from segmentry.settings import Settings
from segmentry.tombstones import Tombstones
from sources import landing
from sources.definitions import Source, expand
from sources.readers import lines, mapped, ndjson
from sources.readers.records import Records
from sources.readers.seen import Seen

BATCH_ROWS = 10_000
# Keys sorted, so that a row read again has the same text; database drivers give column names of
# their own type.
_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
# Seconds an API may take to answer before the extraction fails; dlt itself asks again a few times.
API_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Extraction:
    """One table or address. name: how it is called in raw and in messages, without credentials."""

    name: str
    rows: Callable[[object], Iterable[dict[str, Any]]]
    cursor: str | None


def extract(
    settings: Settings, lake: duckdb.DuckDBPyConnection, source: Source
) -> Iterator[tuple[str, landing.LandingOutcome | SourceError]]:
    """Land what each configured table and address has had since its last extraction."""
    for extraction in _extractions(settings, source):
        try:
            yield extraction.name, _land(settings, lake, source, extraction)
        except SourceError as error:
            yield extraction.name, error


def _extractions(settings: Settings, source: Source) -> Iterator[Extraction]:
    if source.database and (url := os.environ.get(source.database["url_env"])):
        name = f"database:{source.database['url_env']}/{source.database['table']}"
        database = source.database
        yield Extraction(
            name, lambda after: _table_rows(url, database, after), database.get("cursor")
        )
    if source.api and (address := expand(source.api["url"], settings)):
        parts = urlsplit(address)
        name = f"{parts.scheme}://{parts.hostname}{parts.path}"
        api = source.api
        yield Extraction(
            name, lambda after: _api_rows(address, api, after), api.get("cursor", {}).get("field")
        )


def _land(
    settings: Settings, lake: duckdb.DuckDBPyConnection, source: Source, extraction: Extraction
) -> landing.LandingOutcome:
    reached = _Cursor(extraction.cursor, landing.last_cursor(lake, source.name, extraction.name))
    started = datetime.now(UTC).isoformat()
    item = landing.Input(
        source.name, extraction.name, sha256=f"{extraction.name}@{started}", table=source.table
    )
    # By way of a file: DuckDB would pull the rows in a thread of its own, where not every driver's
    # connection works.
    with NamedTemporaryFile(dir=settings.scratch, suffix=".ndjson") as spool:
        _write(reached.watch(extraction.rows(reached.value)), spool, extraction.name)
        return landing.land(
            lake,
            item,
            _records(source, Path(spool.name)),
            cursor=reached.text(),
            only_new=True,
            graves=Tombstones(settings, configuration.shop_country(settings)),
        )


def _records(source: Source, spool: Path) -> Iterator[Records]:
    if source.mapping is None:
        return lines.read(spool, None)
    seen = Seen(source.known)
    return mapped.applied(
        source.mapping, (ndjson.watched(block, seen) for block in lines.read(spool, None))
    )


def _write(rows: Iterable[dict[str, Any]], spool: IO[bytes], name: str) -> None:
    number = 0
    try:
        for number, row in enumerate(rows, start=1):  # noqa: B007  (for the message below)
            spool.write(orjson.dumps(row, default=str, option=_JSON))
    # whatever a driver or dlt raises; its message may contain the address with its password
    except Exception as error:
        raise SourceError(
            f"{name} could not be read beyond {number} record(s): {type(_root(error)).__name__}",
            allowed=(
                "a reachable address, a table or field that is there, credentials that are accepted"
            ),
            remedy="check the source's yml and its environment variables, then load again",
        ) from None
    spool.flush()


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _table_rows(url: str, database: dict[str, Any], after: object) -> Iterator[dict[str, Any]]:
    import dlt
    from dlt.sources.sql_database import sql_table

    cursor = database.get("cursor")
    incremental = (
        dlt.sources.incremental(cursor, initial_value=after, on_cursor_value_missing="include")
        if cursor
        else None
    )
    yield from sql_table(
        credentials=url,
        table=database["table"],
        schema=database.get("schema"),
        incremental=incremental,
        chunk_size=BATCH_ROWS,
        backend="sqlalchemy",
    )


def _api_rows(address: str, api: dict[str, Any], after: object) -> Iterator[dict[str, Any]]:
    from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
    from dlt.sources.helpers.rest_client.client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

    token = os.environ.get(api.get("token_env", ""))
    client = RESTClient(
        base_url="",
        auth=BearerTokenAuth(token) if token else None,
        paginator=JSONLinkPaginator(next_url_path=api["next_url"]) if "next_url" in api else None,
        data_selector=api.get("records"),
    )
    parameters = (
        {api["cursor"]["parameter"]: str(after)} if "cursor" in api and after is not None else None
    )
    for page in client.paginate(address, params=parameters, timeout=API_TIMEOUT_SECONDS):
        yield from page


class _Cursor:
    """The largest value seen of the cursor field, kept as text together with its type."""

    def __init__(self, field: str | None, text: str | None) -> None:
        self.field = field
        self.value: Any = _parsed(text) if text else None

    def watch(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            value = row.get(self.field) if self.field else None
            if value is not None and (self.value is None or value > self.value):
                self.value = value
            yield row

    def text(self) -> str | None:
        if self.value is None:
            return None
        kind = next(name for name, type_ in _CURSOR_TYPES.items() if isinstance(self.value, type_))
        return f"{kind}:{self.value.isoformat() if isinstance(self.value, date) else self.value}"


# In this order: a datetime is also a date, and text is what every other type falls back to.
_CURSOR_TYPES: dict[str, type] = {
    "datetime": datetime,
    "date": date,
    "int": int,
    "float": float,
    "str": object,
}


def _parsed(text: str) -> object:
    kind, _, value = text.partition(":")
    parsers: dict[str, Callable[[str], object]] = {
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "int": int,
        "float": float,
    }
    return parsers.get(kind, str)(value)
