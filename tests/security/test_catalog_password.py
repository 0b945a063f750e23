"""The password of a PostgreSQL catalog: in one private file, and in no message, setting, argument
or relation.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import duckdb
import pytest

from segmentry import catalog, dbt, readonly, warehouse
from segmentry.errors import ConfigError, SegmentryError
from segmentry.settings import Settings

PASSWORD = "p4ss'wo\\rd: with @/ odd signs"


def _address(port: int = 9) -> str:
    escaped = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    return (
        f"postgres:host=127.0.0.1 port={port} dbname=lake user=lake password='{escaped}'"
        " connect_timeout=2"
    )


def _settings(home: Path, **variables: str) -> Settings:
    return Settings.from_environment(
        {"SEGMENTRY_HOME": str(home), "SEGMENTRY_CATALOG": _address(), **variables}
    )


def test_settings_do_not_show_the_password(tmp_path: Path) -> None:
    settings = _settings(tmp_path, SEGMENTRY_LEDGER_URL="postgresql://ledger:led9er@db/ledger")
    assert settings.catalog_password == PASSWORD
    for text in (repr(settings), settings.catalog, *dbt.environment(settings).values()):
        assert "p4ss" not in text and "led9er" not in text
    assert "passfile=" in settings.catalog


@pytest.mark.parametrize(
    "address",
    [
        "postgres:postgresql://lake:p4ss@db:5433/lake",
        "postgres:host=db port=5433 user=lake dbname=lake password=p4ss",
    ],
)
def test_both_forms_of_an_address_mean_the_same(tmp_path: Path, address: str) -> None:
    settings = _settings(tmp_path / "a home", SEGMENTRY_CATALOG=address)
    words = settings.catalog.removeprefix("postgres:")
    assert {"host=db", "port=5433", "user=lake", "dbname=lake"} <= set(words.split())
    assert settings.catalog_password == "p4ss"


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file\n", encoding="utf-8")
    words = {
        "SEGMENTRY_CATALOG": "postgres:host=db user=lake",
        "SEGMENTRY_CATALOG_PASSWORD_FILE": str(secret),
    }
    assert _settings(tmp_path, **words).catalog_password == "from-a-file"
    with pytest.raises(ConfigError, match="cannot be read"):
        _settings(tmp_path, **{**words, "SEGMENTRY_CATALOG_PASSWORD_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    "address", ["postgres:host=db password=p4ss nonsense", "mysql:password=p4ss", "p4ss"]
)
def test_a_wrong_address_is_refused_without_being_quoted(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError) as refused:
        _settings(tmp_path, SEGMENTRY_CATALOG=address)
    assert "p4ss" not in str(refused.value)


def test_the_file_is_private_and_follows_the_password(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        catalog.provide_password(tmp_path, PASSWORD)
        path = catalog.password_file(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.chmod(0o644)
        catalog.provide_password(tmp_path, "next:one")
        assert path.read_text(encoding="utf-8") == "*:*:*:*:next\\:one\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [found.name for found in path.parent.iterdir()] == [path.name]
    finally:
        os.umask(before)


def test_a_catalog_that_does_not_answer_is_one_message_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(SegmentryError, match="does not answer") as failed:
        warehouse.prepare(_settings(tmp_path))
    assert "p4ss" not in str(failed.value) and "To do:" in str(failed.value)


@pytest.mark.cluster
def test_a_live_catalog_is_opened_by_the_file_and_shows_no_password(tmp_path: Path) -> None:
    from tests.cluster._servers import postgres

    with postgres(tmp_path) as port:
        import psycopg2

        with psycopg2.connect(
            host="127.0.0.1", port=port, user="lake", password="lake", dbname="lake"
        ) as admin:
            admin.cursor().execute("alter role lake password %s", [PASSWORD])
        settings = _settings(tmp_path / "a home", SEGMENTRY_CATALOG=_address(port))
        warehouse.prepare(settings)
        with warehouse.connect(settings) as lake:
            lake.execute("create table lake.raw.numbers as select i from range(1000) t(i)")
            shown = repr(lake.execute("select * from duckdb_databases()").fetchall())
            assert "p4ss" not in shown
        assert readonly.records(settings, "select sum(i)::int as n from raw.numbers") == [
            {"n": 499500}
        ]
        with readonly.connect(settings) as lake, pytest.raises(duckdb.Error):
            lake.execute("insert into lake.raw.numbers values (1)")
        result = dbt.invoke(settings, ["show", "--inline", "select 1 as one"])
        assert result.success
        for path in settings.home.rglob("*"):
            if path.is_file() and path != catalog.password_file(settings.home):
                assert b"p4ss'" not in path.read_bytes(), path
        wrong = _settings(
            tmp_path / "other", SEGMENTRY_CATALOG=_address(port).replace("p4ss", "wrong-one")
        )
        with pytest.raises(SegmentryError, match="does not answer") as failed:
            warehouse.prepare(wrong)
        assert "wrong-one" not in str(failed.value)
