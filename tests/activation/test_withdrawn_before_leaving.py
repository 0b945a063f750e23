"""What does not leave by HTTP asks for consent once more, right before it leaves: rows of Redis and
of a table, and files wherever they go.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from activation import engine
from activation.destination import DestinationSession
from sources import decisions
from sources.decisions import Decision
from tests.activation import s3_server, sftp_server
from tests.activation.engine_shop import consent, fill, open_lake, webhook
from tests.activation.shop import Shop

__all__ = ["open_lake"]
pytestmark = pytest.mark.usefixtures("open_lake")
NAMES = [f"n{number}" for number in range(8)]
LEFT = "n3"
People = Callable[[], set[str]]


def _emails(texts: list[str]) -> set[str]:
    """Names of the people in CSV files."""
    return {line.partition("@")[0] for text in texts for line in text.splitlines()[1:]}


class Store:
    """A Redis with the hashes that were written to it, and none of its network."""

    def __init__(self) -> None:
        self.hashes: dict[str, list[str]] = {}
        self._queued: list[tuple[str, list[str]]] = []

    def pipeline(self, **_: Any) -> Store:
        return self

    def eval(self, _script: str, _keys: int, key: str, *values: str) -> None:
        self._queued.append((key, list(values)))

    def scan_iter(self, **_: Any) -> Iterator[bytes]:
        return iter([key.encode() for key in self.hashes])

    def execute(self, **_: Any) -> list[int]:
        self.hashes |= dict(self._queued)
        answers = [1] * len(self._queued)
        self._queued = []
        return answers

    @contextmanager
    def connected(self, _session: DestinationSession) -> Iterator[Store]:
        self._queued = []
        yield self


@pytest.fixture
def place(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dict[str, Any], People]]:
    """How a sync writes to the place, and who is there."""
    kind = request.param
    if kind == "files":
        folder = shop.settings.outbox / "edge"
        yield (
            {"destination": "files"},
            lambda: _emails([path.read_text() for path in folder.glob("edge-*.csv")]),
        )
    elif kind == "redis":
        store = Store()
        monkeypatch.setattr("activation.destinations.redis._connection", store.connected)
        monkeypatch.setenv("TEST_REDIS_URL", "redis://127.0.0.1:1")
        yield (
            {"destination": "redis", "connection": {"url": "TEST_REDIS_URL"}},
            lambda: {key.partition("{")[2].partition("@")[0] for key in store.hashes},
        )
    elif kind == "sql_table":
        file = tmp_path / "crm.sqlite"
        monkeypatch.setenv("TEST_SQL_URL", f"sqlite:///{file}")
        options = {"table": "people"}
        written = {"destination": "sql_table", "connection": {"url": "TEST_SQL_URL"}}

        def people() -> set[str]:
            with sqlite3.connect(file) as crm:
                rows = crm.execute("select email from people").fetchall()
            return {email.partition("@")[0] for (email,) in rows}

        yield {**written, "options": options}, people
    elif kind == "sftp_files":
        (tmp_path / "disk" / "in").mkdir(parents=True)
        with sftp_server.serving(tmp_path / "disk") as connection:
            for name, value in connection.items():
                monkeypatch.setenv(f"TEST_SFTP_{name.upper()}", value)
            names = {name: f"TEST_SFTP_{name.upper()}" for name in connection}
            yield (
                {"destination": "sftp_files", "connection": names},
                lambda: _emails(
                    [path.read_text() for path in (tmp_path / "disk" / "in").glob("edge-*.csv")]
                ),
            )
    else:
        objects = s3_server.Objects()
        monkeypatch.setenv("TEST_S3_PLACE", f"{s3_server.BUCKET}/vip")
        monkeypatch.setenv("TEST_S3_ID", "id-of-a-test")
        monkeypatch.setenv("TEST_S3_SECRET", "s3cret-of-a-test")
        with s3_server.serving(objects) as url:
            monkeypatch.setenv("TEST_S3_URL", url)
            names = {"place": "TEST_S3_PLACE", "key_id": "TEST_S3_ID", "secret": "TEST_S3_SECRET",
                     "endpoint": "TEST_S3_URL"}  # fmt: skip
            yield (
                {"destination": "s3_files", "connection": names},
                lambda: _emails(
                    [body.decode() for key, body in objects.content.items() if key.endswith(".csv")]
                ),
            )


@pytest.mark.parametrize(
    "place",
    [
        "files",
        "redis",
        pytest.param("sql_table", marks=pytest.mark.slow),
        pytest.param("sftp_files", marks=pytest.mark.slow),
        pytest.param("s3_files", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_a_person_who_opts_out_right_before_rows_leave_is_not_among_them(
    shop: Shop, place: tuple[dict[str, Any], People], monkeypatch: pytest.MonkeyPatch
) -> None:
    written, people = place
    name = webhook(shop, "edge")
    shop.sync(name, **written)
    consent(shop, *NAMES)
    fill(shop, name, dict.fromkeys(NAMES, "X"))
    true = DestinationSession.ask_consent
    asked: list[int] = []

    def ask_consent(session: DestinationSession) -> None:
        asked.append(1)
        if len(asked) == 1:
            refusal = Decision("withdrawn", "any", "any")
            decisions.record(shop.settings, f"email:{LEFT}@example.com", refusal)
        true(session)

    monkeypatch.setattr(DestinationSession, "ask_consent", ask_consent)
    engine.run_sync(shop.settings, name)
    assert asked, "it asks right before the rows leave"
    assert people() == set(NAMES) - {LEFT}
    assert engine.run_sync(shop.settings, name).status == "unchanged"
