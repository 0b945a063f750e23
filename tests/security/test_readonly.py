"""Read-only SQL: hostile statements read and write no file and reach no network; good ones work."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from cli.main import run
from segmentry import readonly, warehouse
from segmentry.errors import ConfigError, SegmentryError, UsageError
from segmentry.settings import Settings

CANARY = "canary-7f3a9"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A prepared home with one small relation, a view and a table to change."""
    patch = pytest.MonkeyPatch()
    for name in (
        "SEGMENTRY_CATALOG",
        "SEGMENTRY_LAKE_DATA",
        "SEGMENTRY_LEDGER_URL",
        "SEGMENTRY_CONFIG",
    ):
        patch.delenv(name, raising=False)
    patch.setenv("SEGMENTRY_HOME", str(tmp_path_factory.mktemp("readonly") / "ho'me"))
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with warehouse.connect(settings) as connection:
        connection.execute(
            "create table lake.raw.letters as select chr(97 + i::int) as letter, i from range(20)"
            " t(i)"
        )
        connection.execute(
            "create view lake.raw.vowels as select * from lake.raw.letters where letter in ('a',"
            " 'e')"
        )
    yield settings
    patch.undo()


class Surroundings:
    """Files that must not be read or written, and a port to which nobody may connect."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.home = settings.home
        for name in ("secret.txt", "secret.csv", "secret.json"):
            (folder / name).write_text(f'{{"a": "{CANARY}"}}\n', encoding="utf-8")
        with duckdb.connect() as writer:
            writer.execute(f"copy (select '{CANARY}' as a) to '{folder}/secret.parquet'")
        self.port = 0
        self.visitors: list[object] = []

    @property
    def targets(self) -> dict[str, list[str]]:
        files = [str(self.folder / f"secret.{kind}") for kind in ("txt", "csv", "json", "parquet")]
        catalog = str(self.home / "lake" / "catalog.sqlite").replace("'", "''")
        return {
            "FILE": [
                *files,
                f"file://{files[0]}",
                f"{self.folder}/*",
                f"http://127.0.0.1:{self.port}/x.csv",
            ],
            "CATALOG": [catalog],
            "NEW": [str(self.folder / "new.csv"), str(self.folder / "secret.txt"), catalog],
            "HOST": [f"host=127.0.0.1 port={self.port} connect_timeout=2"],
        }

    def state(self) -> dict[str, bytes]:
        paths = [
            path for root in (self.folder, self.home) for path in root.rglob("*") if path.is_file()
        ]
        # SQLite's own side files come and go with each reader.
        return {
            str(p): p.read_bytes()
            for p in paths
            if not str(p).endswith(("-shm", "-wal", ".duckdb_extension"))
        }


@pytest.fixture(scope="module")
def around(lake: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    """The surroundings with a listening port."""
    found = Surroundings(tmp_path_factory.mktemp("canaries"), lake)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)
        found.port = listener.getsockname()[1]
        is_over = threading.Event()

        def accept() -> None:
            while not is_over.is_set():
                with suppress(TimeoutError):
                    connection, address = listener.accept()
                    found.visitors.append(address)
                    connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield found
        is_over.set()
        thread.join()


TABLE_FORMS = [
    "read_text('{FILE}')", "read_blob('{FILE}')", "read_csv('{FILE}')", "read_csv_auto('{FILE}')",
    "read_json('{FILE}')", "read_json_auto('{FILE}')", "read_ndjson('{FILE}')",
    "read_json_objects('{FILE}')",
    "read_parquet('{FILE}')", "parquet_scan('{FILE}')", "parquet_metadata('{FILE}')",
    "parquet_schema('{FILE}')",
    "sniff_csv('{FILE}')", "glob('{FILE}')", "'{FILE}'", '"{FILE}"', "read_duckdb('{FILE}')",
    "sqlite_scan('{CATALOG}', 'ducklake_table')", "SQLite_Scan('{CATALOG}', 'ducklake_data_file')",
    "postgres_scan('{HOST}', 'public', 't')", "postgres_query('{HOST}', 'select 1')",
    "query('from read_text(''{FILE}'')')", "query_table(['{FILE}'])", "duckdb_secrets()",
    "duckdb_databases()",
    "duckdb_databases", "duckdb_settings()", "duckdb_settings", "pragma_database_list",
    "duckdb_logs()",
    "duckdb_extensions()", "__ducklake_metadata_lake.ducklake_data_file", "pg_settings",
    "duckdb_variables()",
    "system.main.read_text('{FILE}')", "which_secret('{FILE}', 's3')",
    "ducklake_list_files('lake', 'letters')",
    "ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "ducklake_expire_snapshots('lake', versions => [1])",
    "json_execute_serialized_sql(json_serialize_sql('from read_text(''{FILE}'')'))",
    "\"read_text\"('{FILE}')",
    "READ_TEXT('{FILE}')", "read_text/**/('{FILE}')", "read_text(U&'\\0000{FILE}')",
    "read_text(e'{FILE}')",
    "lake.set_option('parquet_compression', 'snappy')",
    "arrow_scan(1::pointer, 1::pointer, 1::pointer)",
]  # fmt: skip
WRAPPERS = [
    "select * from {FORM}", "FROM {FORM}", "with x as (from {FORM}) select * from x",
    "select (select count(*) from {FORM})",
    "select * from raw.letters as l, lateral (select * from {FORM})",
    "select 1 where exists (from {FORM})", "select 1 union all (select 2 from {FORM})",
    "explain analyze select * from {FORM}", "explain from {FORM}",
    "/* a */ select -- b\n * from {FORM}",
    "describe select * from {FORM}", "summarize select * from {FORM}",
    "select [x for x in (select list(t) from {FORM} as t)]",
    "values ((select count(*) from {FORM}))",
    "with recursive r as (select 1 as n union all select n + 1 from r, {FORM} where n < 2) from r",
]  # fmt: skip
STATEMENTS = [
    "copy (select 1) to '{NEW}'", "explain analyze copy (select 1) to '{NEW}'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{NEW}'",
    "explain /*x*/ analyze /*y*/ copy raw.letters to '{NEW}' (format parquet)",
    "explain (format json) copy (select 1) to '{NEW}'", "export database '{NEW}'",
    "attach '{NEW}' as other",
    "attach '{CATALOG}' as c (type sqlite)", "attach '{HOST}' as p (type postgres)", "detach lake",
    "install httpfs", "load httpfs", "load '{FILE}'", "set memory_limit='9GB'",
    "reset memory_limit",
    "set enable_external_access=true", "pragma database_list", "pragma enable_logging",
    "call pragma_database_size()", "call lake.set_option('parquet_compression', 'snappy')",
    "call ducklake_cleanup_old_files('lake', cleanup_all => true)", "checkpoint", "vacuum",
    "create table memory.main.t as select 1", "create temp table t as from read_text('{FILE}')",
    "create macro m() as table from read_text('{FILE}')",
    "create secret s (type s3, key_id 'a', secret 'b')",
    "insert into raw.letters values ('z', 1)", "update raw.letters set i = 1",
    "delete from raw.letters",
    "drop table raw.letters", "truncate raw.letters", "alter table raw.letters add column z int",
    "explain analyze delete from raw.letters",
    "explain analyze insert into raw.letters from raw.letters",
    "explain analyze create table memory.t as select 1",
    "merge into raw.letters using raw.letters as s on false"
    " when not matched then insert values ('a', 1)",
    "prepare p as select 1", "execute p", "begin", "use memory", "set variable x = 1",
    "import database '{NEW}'", "comment on table raw.letters is 'x'",
    "select 1; copy (select 1) to '{NEW}'",
    "select 1; select 2", "", "select 1 \x00; copy (select 1) to '{NEW}'",
    "with x as (insert into raw.letters values ('z', 1) returning *) from x",
    "pivot raw.letters on letter using sum(i)", "select current_setting('temp_directory')",
    "select getenv('HOME')", "select getvariable('x')", "select write_log('x')", "show variables",
    "select 1 as \ud800", "explain", "explain analyze", "selec\u200bt 1", "ｓｅｌｅｃｔ 1",
    "select " + "abs(" * 3000 + "1" + ")" * 3000, "kill 1",
]  # fmt: skip


def hostile(around: Surroundings) -> list[str]:
    """Each form in several wrappers and with several files, and each statement."""
    wrappers = itertools.cycle(WRAPPERS)
    found: list[str] = []
    for form in TABLE_FORMS:
        for _ in range(4):
            found += _filled(next(wrappers).replace("{FORM}", form), around, len(found))
    for form in TABLE_FORMS[:18]:
        found += [text for i in range(7) for text in _filled(f"select * from {form}", around, i)]
    for statement in STATEMENTS:
        found += _filled(statement, around, len(found))
    return list(dict.fromkeys(found))


def _filled(text: str, around: Surroundings, turn: int) -> list[str]:
    for name, values in around.targets.items():
        text = text.replace(f"{{{name}}}", values[turn % len(values)])
    return [text]


def test_hostile_statements_are_refused_and_touch_nothing(
    lake: Settings, around: Surroundings
) -> None:
    statements = hostile(around)
    assert len(statements) > 250
    before = around.state()
    accepted = []
    for sql in statements:
        try:
            readonly.records(lake, sql)
            accepted.append(sql)
        except UsageError as error:
            assert error.exit_code == 2
            assert error.allowed or error.remedy
            assert CANARY not in str(error)
    assert accepted == []
    assert around.state() == before
    assert around.visitors == []


def test_the_connection_alone_keeps_files_and_network_out(
    lake: Settings, around: Surroundings
) -> None:
    """Without the parser's check: a function that it does not know must not open the way."""
    known_gap = ("sqlite_scan", "read_duckdb", "catalog.sqlite")
    before = around.state()
    forms = [
        _filled(f"select * from {form}", around, turn)[0] for turn, form in enumerate(TABLE_FORMS)
    ]
    for sql in [*forms, *(_filled(statement, around, 1)[0] for statement in STATEMENTS)]:
        if "\x00" in sql or "abs(abs(" in sql or any(word in sql.lower() for word in known_gap):
            continue
        with (
            readonly.connect(lake) as connection,
            suppress(duckdb.Error, RuntimeError, UnicodeError),
        ):
            connection.execute(sql)
            assert connection.description is None or CANARY not in repr(connection.fetchall()), sql
    assert around.state() == before
    assert around.visitors == []


GOOD = [
    "select count(*) as n from raw.letters",
    "SELECT letter, i FROM lake.raw.letters ORDER BY i LIMIT 3",
    "from raw.letters", "from raw.letters select letter", "table raw.letters",
    "values (1, 'a'), (2, 'b')",
    "with a as (select * from raw.letters) select * from a",
    "with a as materialized (from raw.letters) from a",
    "with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select * from r",
    "select * from raw.vowels", "show all tables", "show tables", "show databases",
    "show tables from lake.raw", "describe raw.letters", "describe select 1 as x",
    "summarize raw.letters",
    "explain select * from raw.letters", "explain analyze select count(*) from raw.letters",
    "EXPLAIN /* why */ ANALYZE -- and how\nfrom raw.letters", "select * from range(3)",
    "select unnest([1, 2, 3])", "select * from raw.letters, unnest([1, 2]) as t(u)",
    "select letter, row_number() over (order by i) from raw.letters qualify true",
    "select * from (pivot raw.letters on letter in ('a', 'b') using sum(i))",
    "unpivot raw.letters on i into name what value number",
    "select list_transform([1, 2], x -> x + 1)",
    "select * from ducklake_snapshots('lake')",
    "select * from duckdb_tables() where schema_name = 'raw'",
    "select table_name from information_schema.tables", "select json_extract('{\"a\": 1}', '$.a')",
    "select * from ducklake_table_changes('lake', 'raw', 'letters', 0, SNAPSHOT)",
    "select regexp_extract('a/b.csv', 'b')", "select 'read_text(''/etc/passwd'')' as text",
    "select 1; -- the end", "select i::double / 3 from raw.letters group by all",
    "select letter as \"read_csv\" from raw.letters",
    "select count(*) from raw.letters at (version => SNAPSHOT)",
]  # fmt: skip


def _snapshot(settings: Settings) -> int:
    with warehouse.connect(settings, read_only=True) as connection:
        return warehouse.current_snapshot(connection)


@pytest.mark.parametrize("sql", GOOD)
def test_good_statements_work(lake: Settings, sql: str) -> None:
    assert (
        readonly.records(lake, sql.replace("SNAPSHOT", str(_snapshot(lake))))
        or sql == "show tables"
    )


def test_bounds_stop_a_query_with_a_message(lake: Settings) -> None:
    with pytest.raises(SegmentryError, match="more than 5 rows"):
        readonly.records(lake, "from raw.letters", readonly.Bounds(rows=5))
    endless = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"
    with pytest.raises(SegmentryError, match=r"stopped after 0\.3 seconds") as stopped:
        readonly.records(lake, endless, readonly.Bounds(seconds=0.3))
    assert stopped.value.exit_code == 1


def test_the_message_names_what_is_allowed(
    lake: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["query", "select * from read_text('/etc/hostname')"]) == 2
    message = capsys.readouterr().err
    assert "read_text()" in message and "Allowed:" in message and "To do:" in message
    assert run(["query", "select letter::int from raw.letters"]) == 2
    message = capsys.readouterr().err
    assert "Conversion Error" in message and "'a'" not in message
    assert run(["query", "select letter from raw.letters", "--max-rows", "3"]) == 1
    assert run(["query", "select count(*) as n from raw.letters", "--output", "json"]) == 0
    assert '"n": 20' in capsys.readouterr().out


@pytest.mark.parametrize(
    "sql",
    [
        "select profile_id from {{ ref('profiles') }} where country = 'DE'",
        (
            'with o as (select * from {{ ref("orders") }}) select profile_id from o, {{-'
            " source('raw', 'events') -}}"
        ),
    ],
)
def test_a_model_of_free_sql_may_read_relations(sql: str) -> None:
    readonly.check_model("x.sql", sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select profile_id from read_csv('/etc/passwd')",
        "select '{{ env_var('HOME') }}' as profile_id",
        "{{ config(pre_hook='attach x') }} select profile_id from {{ ref('profiles') }}",
        "select 1 as profile_id; drop table lake.raw.events",
        "{% do run_query('drop table x') %} select 1 as profile_id",
        "select profile_id from {{ ref('a' ~ env_var('X')) }}",
        "select profile_id from {{ ref('profiles') }} {# x #}",
        "delete from {{ ref('profiles') }}", "copy {{ ref('profiles') }} to 'people.csv'",
    ],
)  # fmt: skip
def test_a_model_of_free_sql_that_does_more_is_refused_by_its_name(sql: str) -> None:
    with pytest.raises(ConfigError, match=r"x\.sql: "):
        readonly.check_model("x.sql", sql)
