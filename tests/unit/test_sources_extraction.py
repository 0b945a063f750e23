"""Database and API sources: a real database file, a real HTTP server, and the same raw tables."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from segmentry import warehouse
from segmentry.errors import SourceError
from segmentry.settings import ROOT, Settings
from segmentry.stages import RunContext
from sources import loading, stages
from sources.definitions import source_named

TOKEN = "a-made-up-token"
PAGE = 2


@pytest.fixture
def configured(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two sources: contacts from a database, tickets from an API."""
    folder = tmp_path / "config" / "sources"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "config" / "policies.yml", folder.parent)
    (folder / "crm_contacts.yml").write_text(
        "name: crm_contacts\ndescription: Contacts out of a database.\n"
        "database: {url_env: CRM_DATABASE_URL, table: contacts, cursor: updated_at}\n",
        encoding="utf-8",
    )
    (folder / "support_tickets.yml").write_text(
        "name: support_tickets\ndescription: Tickets out of an API.\napi:\n  url:"
        " ${TICKETS_URL}/tickets\n  records: data\n  next_url: next\n  token_env: TICKETS_TOKEN\n "
        " cursor: {field: updated_at, parameter: since}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(folder.parent))
    return replace(home, config=folder.parent)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    path = tmp_path / "crm.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(
        "create table contacts (contact_id text, email text, score numeric(9, 2), updated_at"
        " timestamp)"
    )
    add_contacts(connection, range(5), day=1)
    monkeypatch.setenv("CRM_DATABASE_URL", f"sqlite:///{path}")
    return connection


def add_contacts(connection: sqlite3.Connection, numbers: range, day: int) -> None:
    values = [
        (f"k{n}", f"p{n}@example.com", 1.5, f"2026-01-{day:02} 00:00:00.000000") for n in numbers
    ]
    connection.executemany("insert into contacts values (?, ?, ?, ?)", values)
    connection.commit()


class Desk(BaseHTTPRequestHandler):
    """A help desk's API: pages of two, and only what changed since."""

    tickets: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[str]] = []
    is_broken = False

    def do_GET(self) -> None:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.send_error(401)
            return
        Desk.asked.append(self.path)
        query = parse_qs(urlsplit(self.path).query)
        since = query.get("since", [""])[0]
        start = int(query.get("start", ["0"])[0])
        if Desk.is_broken and start:
            self.send_error(403)
            return
        wanted = [ticket for ticket in Desk.tickets if ticket["updated_at"] >= since]
        following = (
            f"/tickets?since={since}&start={start + PAGE}" if start + PAGE < len(wanted) else None
        )
        body = json.dumps({"data": wanted[start : start + PAGE], "next": following}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Desk]]:
    Desk.tickets = [
        {"ticket_id": f"t{n}", "updated_at": f"2026-01-0{n}T00:00:00Z"} for n in range(1, 6)
    ]
    Desk.asked = []
    Desk.is_broken = False
    server = HTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("TICKETS_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("TICKETS_TOKEN", TOKEN)
    yield Desk
    server.shutdown()
    server.server_close()


def loaded(settings: Settings, source: str) -> int:
    stages.ensure_raw(settings)
    return sum(report.records for report in loading.load(settings, source_named(settings, source)))


def landed(settings: Settings, source: str) -> list[dict[str, Any]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return [
            json.loads(row[0]) for row in lake.execute(f"select _raw from raw.{source}").fetchall()
        ]


@pytest.mark.slow
def test_database_rows_land_once_and_then_only_the_changed(
    configured: Settings, database: sqlite3.Connection
) -> None:
    assert loaded(configured, "crm_contacts") == 5
    assert loaded(configured, "crm_contacts") == 0
    add_contacts(database, range(5, 7), day=1)  # exactly when the last extraction ended
    add_contacts(database, range(7, 8), day=2)
    assert loaded(configured, "crm_contacts") == 3
    found = landed(configured, "crm_contacts")
    assert sorted(row["contact_id"] for row in found) == [f"k{n}" for n in range(8)]
    assert (
        next(row for row in found if row["contact_id"] == "k7")["updated_at"]
        == "2026-01-02T00:00:00"
    )
    with warehouse.connect(configured, read_only=True) as lake:
        assert lake.execute(
            "select records, cursor from raw._loads order by loaded_at"
        ).fetchall() == [
            (5, "datetime:2026-01-01T00:00:00"),
            (3, "datetime:2026-01-02T00:00:00"),
        ]
        assert lake.execute("select distinct _file from raw.crm_contacts").fetchall() == [
            ("database:CRM_DATABASE_URL/contacts",)
        ]


def test_api_pages_land_once_and_then_only_the_changed(
    configured: Settings, desk: type[Desk]
) -> None:
    assert loaded(configured, "support_tickets") == 5
    assert len(desk.asked) == 3
    assert loaded(configured, "support_tickets") == 0
    desk.tickets.append({"ticket_id": "t1", "updated_at": "2026-01-09T00:00:00Z"})
    assert loaded(configured, "support_tickets") == 1
    assert "since=2026-01-05T00%3A00%3A00Z" in desk.asked[-1]
    assert len(landed(configured, "support_tickets")) == 6


def test_api_that_breaks_off_lands_nothing_and_fails_the_stage(
    configured: Settings, desk: type[Desk]
) -> None:
    desk.is_broken = True
    stages.ensure_raw(configured)
    with pytest.raises(SourceError, match="could not be read beyond 2 record") as caught:
        stages.load(RunContext(configured), "support_tickets")
    assert TOKEN not in str(caught.value)
    assert landed(configured, "support_tickets") == []
    desk.is_broken = False
    assert stages.load(RunContext(configured), "support_tickets").rows == {"raw.support_tickets": 5}


def test_unreachable_database_is_reported_without_its_password(
    configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", "postgresql://ann:open-sesame@127.0.0.1:1/crm")
    stages.ensure_raw(configured)
    (report,) = loading.load(configured, source_named(configured, "crm_contacts"))
    assert (report.status, report.is_failed) == ("unreachable", True)
    assert "open-sesame" not in report.detail
    print(report.detail)


def test_without_its_variable_a_source_is_not_asked(configured: Settings) -> None:
    assert stages.load_items(RunContext(configured)) == []
    assert stages.load(RunContext(configured), "crm_contacts").rows == {"raw.crm_contacts": 0}
