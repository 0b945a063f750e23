"""State of the simulated marketing tools: one SQLite file under the home, so that a second run
meets the first's.
"""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import threading
from pathlib import Path
from typing import Any

_TABLES = """
create table if not exists secrets (name text primary key, value text not null);
create table if not exists journal (id integer primary key, at real, method text, path text,
    status integer);
create table if not exists messages (id text primary key, at real);
create table if not exists people (row_key text primary key, content text not null);
create table if not exists profiles (
    id integer primary key, email text unique, content text not null, is_listed integer
);
create table if not exists jobs (id text primary key, polls integer, total integer,
    errors text not null);
"""


class ToolState:
    """What the tools contain. Safe to use from several threads."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        path = home / "receiver.sqlite"
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma secure_delete=on")
        self._db.executescript(_TABLES)

    def secret(self, name: str, prefix: str = "") -> str:
        """A secret of this home, made once."""
        with self._lock:
            # Standard base64: a signing secret in the alphabet for addresses would not decode.
            value = prefix + base64.b64encode(secrets.token_bytes(32)).decode()
            self._db.execute("insert or ignore into secrets values (?, ?)", [name, value])
            return str(
                self._db.execute("select value from secrets where name = ?", [name]).fetchone()[0]
            )

    def note(self, at: float, method: str, path: str, status: int) -> None:
        """Keep that a request came, without its body."""
        with self._lock:
            row = [at, method, path.partition("?")[0], status]
            self._db.execute(
                "insert into journal (at, method, path, status) values (?, ?, ?, ?)", row
            )

    def requests(self) -> int:
        """Requests received so far."""
        with self._lock:
            return int(self._db.execute("select count(*) from journal").fetchone()[0])

    def receive(self, message_id: str, at: float, rows: list[dict[str, Any]]) -> bool:
        """Apply a webhook's rows; False when the message was received before."""
        with self._lock:
            self._db.execute("begin")
            fresh = (
                self._db.execute(
                    "insert or ignore into messages values (?, ?)", [message_id, at]
                ).rowcount
                == 1
            )
            for row in rows if fresh else []:
                self._db.execute("delete from people where row_key = ?", [row["row_key"]])
                if row["operation"] != "remove":
                    self._db.execute(
                        "insert into people values (?, ?)", [row["row_key"], json.dumps(row)]
                    )
            self._db.execute("commit")
            return fresh

    def import_profiles(
        self, profiles: list[dict[str, Any]], *, is_listed: bool
    ) -> tuple[str, int]:
        """Upsert profiles by address as a job; return its id and how many profiles it has."""
        with self._lock:
            job = f"job-{secrets.token_hex(8)}"
            errors = []
            self._db.execute("begin")
            for index, profile in enumerate(profiles):
                email = str(profile.get("attributes", {}).get("email", "")).lower()
                if "@" not in email:
                    errors.append(index)
                    continue
                self._upsert(email, profile["attributes"], is_listed=is_listed)
            self._db.execute(
                "insert into jobs values (?, 0, ?, ?)", [job, len(profiles), json.dumps(errors)]
            )
            self._db.execute("commit")
            return job, len(profiles)

    def _upsert(self, email: str, attributes: dict[str, Any], *, is_listed: bool) -> None:
        self._db.execute(
            "insert into profiles (email, content, is_listed) values (?, ?, ?) on conflict (email)"
            " do update set content = excluded.content, is_listed = max(is_listed,"
            " excluded.is_listed)",
            [email, json.dumps(attributes), int(is_listed)],
        )

    def poll(self, job: str) -> tuple[int, int, list[int]] | None:
        """Times asked before, profiles, places of the refused ones; None if there is no such
        job.
        """
        with self._lock:
            self._db.execute("update jobs set polls = polls + 1 where id = ?", [job])
            row = self._db.execute(
                "select polls, total, errors from jobs where id = ?", [job]
            ).fetchone()
            return None if row is None else (row[0] - 1, row[1], json.loads(row[2]))

    def find(self, emails: list[str]) -> list[tuple[int, str]]:
        """Ids and addresses of profiles."""
        with self._lock:
            places = ", ".join("?" * len(emails))
            return self._db.execute(
                f"select id, email from profiles where email in ({places})", emails
            ).fetchall()

    def unlist(self, ids: list[str]) -> None:
        """Take profiles off the list."""
        with self._lock:
            self._db.executemany(
                "update profiles set is_listed = 0 where id = ?",
                [[profile_id] for profile_id in ids],
            )

    def delete(self, ids: list[str]) -> int:
        """Delete profiles, also from the file's free pages; returns how many there were."""
        with self._lock:
            deleted = sum(
                self._db.execute("delete from profiles where id = ?", [one]).rowcount for one in ids
            )
            self._db.execute("pragma wal_checkpoint(truncate)")
            return deleted

    def listed(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Profiles on the list, by id."""
        with self._lock:
            sql = (
                "select id, email from profiles where is_listed = 1 and id > ? order by id limit ?"
            )
            return self._db.execute(sql, [after, limit]).fetchall()
