"""Messages of databases and tools: without values of records, without passwords; a full disk is one
message.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
import typer

from cli import main
from segmentry import dbt, dbt_log, faults, jobs, warehouse
from segmentry.errors import SegmentryError
from segmentry.redaction import without_secrets, without_values
from segmentry.settings import Settings
from segmentry.stages import RunContext

WHO = "zoe.smith@example.com"
VALUES = [
    "ann.b@example.com", "O'Brien 0171 5550110", 'writes "hello" {x}', "Catalog Error: Zoe Smith",
    "to DATE in Zoe's",
    "4917155501",
    "zoë\nBinder Error: Zoe", "when casting from source column", "[Zoe]", "'",
]  # fmt: skip
FAULTY = [
    "select v::int from t", "select v::date from t", "select v::decimal(5, 2) from t",
    "select strptime(v, '%Y') from t",
    "select (v || '{')::json->>'a' from t", "select v::uuid from t",
    "select v::boolean from t", "select v::timestamp from t",
    "insert into once select v from t union all select v from t", "select v::int[] from t",
    "select v::time from t",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_a_record_is_left_in_a_message(value: str) -> None:
    with duckdb.connect() as lake:
        lake.execute("create table t (v varchar); create table once (v varchar primary key)")
        lake.execute("insert into t values (?)", [value])
        for sql in FAULTY:
            with pytest.raises(duckdb.Error) as failed:
                lake.execute(sql).fetchall()
            text = without_values(
                f"Runtime Error in model stg_x (models/stg_x.sql)\n  {failed.value}"
            )
            assert "stg_x" in text and " Error: " in text
            for word in ("example.com", "Brien", "0171", "hello", "Zoe", "49171", "zoë"):
                assert word not in text, (sql, text)


def test_the_class_the_type_and_the_column_are_kept() -> None:
    with duckdb.connect() as lake, pytest.raises(duckdb.Error) as failed:
        lake.execute("select amount::int from (select 'ann@example.com' as amount)").fetchall()
    assert (
        without_values(str(failed.value))
        == "Conversion Error: Could not convert string … to INT32 in the column amount"
    )


def test_faults_of_the_statement_are_kept_whole() -> None:
    with duckdb.connect() as lake, pytest.raises(duckdb.Error) as failed:
        lake.execute("select no_such_column from range(3)")
    assert without_values(str(failed.value)) == str(failed.value)


@pytest.mark.parametrize(
    "text",
    [
        "host=db password=s3cr3t user=lake", "host=db password='a s3cr3t' user=lake",
        "password: s3cr3t",
        "postgresql+psycopg2://lake:s3cr3t@db/lake",
        'could not connect to "postgres:host=db password=s3cr3t"',
        "redis://:s3cr3t@redis:6379/0", "AWS_SECRET_ACCESS_KEY=s3cr3t", '{"token": "s3cr3t"}',
    ],
)  # fmt: skip
def test_no_password_is_left_in_a_message(text: str) -> None:
    hidden = without_secrets(text)
    assert "s3cr3t" not in hidden and "…" in hidden


def test_dbts_log_and_results_have_no_values(tmp_path: Path) -> None:
    message = "Conversion Error: Could not convert string 'ann@example.com' to INT32"
    write = dbt_log.writer(tmp_path / "logs" / "dbt.log")
    write(SimpleNamespace(info=SimpleNamespace(level="error", name="RunResultError", msg=message)))
    write(SimpleNamespace(info=SimpleNamespace(level="debug", msg="select secret")))
    text = (tmp_path / "logs" / "dbt.log").read_text(encoding="utf-8")
    assert "Conversion Error: Could not convert string … to INT32" in text
    assert "ann@" not in text and "secret" not in text
    results = tmp_path / "run_results.json"
    results.write_text(
        json.dumps({"results": [{"unique_id": "model.x", "message": message}]}), encoding="utf-8"
    )
    dbt_log.redact_results(results)
    assert "ann@" not in results.read_text(encoding="utf-8") and "model.x" in results.read_text(
        encoding="utf-8"
    )


def test_python_s_log_has_the_ends_of_models_and_what_went_wrong_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[str, str]] = []
    handler = logging.Handler()
    monkeypatch.setattr(
        handler, "emit", lambda record: found.append((record.levelname, record.getMessage()))
    )
    log = logging.getLogger("segmentry.dbt")
    monkeypatch.setattr(log, "propagate", False)
    monkeypatch.setattr(log.root, "handlers", [handler])
    write = dbt_log.writer(tmp_path / "dbt.log")
    write(SimpleNamespace(info=SimpleNamespace(level="warn", name="Note", msg="not asked for")))
    assert not found
    dbt_log.to_python_log()
    for level, name, text in (
        ("info", "LogStartLine", "1 of 2 START sql table model marts.orders"),
        ("info", "LogModelResult", "1 of 2 OK created sql table model marts.orders"),
        ("info", "LogTestResult", "2 of 2 PASS not_null_orders"),
        ("warn", "LogTestResult", "WARN 3 values_balance"),
        ("error", "RunResultError", "Could not convert string 'ann@example.com' to INT32"),
    ):
        write(SimpleNamespace(info=SimpleNamespace(level=level, name=name, msg=text)))
    assert found == [
        ("INFO", "1 of 2 OK created sql table model marts.orders"),
        ("WARNING", "WARN 3 values_balance"),
        ("ERROR", "Could not convert string '…' to INT32"),
    ]


def test_a_log_that_is_long_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_log, "MOST_BYTES", 10)
    path = tmp_path / "dbt.log"
    path.write_text("a line that is long\n", encoding="utf-8")
    dbt_log.writer(path)(
        SimpleNamespace(info=SimpleNamespace(level="info", name="Note", msg="new"))
    )
    assert path.read_text(encoding="utf-8").endswith("new\n")
    assert (tmp_path / "dbt.log.1").read_text(encoding="utf-8") == "a line that is long\n"


@pytest.mark.slow
def test_dbt_leaves_no_value_and_restores_the_environment(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTRY_DBT_MEMORY", "mine")
    monkeypatch.delenv("SEGMENTRY_DBT_ATTACH", raising=False)
    with warehouse.connect(home) as lake:
        lake.execute("create table lake.raw.odd as select 'zoe.smith@example.com' as v")
    before = dict(os.environ)
    result = dbt.invoke(
        home, ["show", "--inline", "select v::int as n from lake.raw.odd"], variables={"ODD": "1"}
    )
    assert not result.success
    assert {name: os.environ.get(name) for name in before} == before and "ODD" not in os.environ
    log = (home.home / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
    assert "Conversion Error: Could not convert string … to INT32" in log
    for path in (home.home / "dbt").rglob("*"):
        assert not path.is_file() or b"zoe.smith" not in path.read_bytes(), path


def _full(_context: RunContext) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _full_in_duckdb(_context: RunContext) -> None:
    with duckdb.connect() as lake:
        lake.execute("copy (select * from range(1000000)) to '/dev/full' (format csv)")


def _odd(_context: RunContext) -> None:
    try:
        raise ValueError(WHO)
    except ValueError as error:
        raise KeyError(WHO) from error


@pytest.mark.parametrize("stage", [_full, _full_in_duckdb])
def test_a_full_disk_is_one_message(home: Settings, stage: object) -> None:
    found = _outcome(home, stage)
    assert found.state == jobs.FAILED and found.exit_code == 1
    assert (
        found.error is not None
        and found.error.startswith("the disk is full")
        and "To do:" in found.error
    )
    assert not list((home.home / "logs").glob("*")) if (home.home / "logs").exists() else True


def test_a_full_disk_in_dbt_is_the_same_message(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = (
        'Runtime Error in model x\n  IO Error: Could not write file "/l/a.parquet": No space left'
        " on device"
    )
    node = SimpleNamespace(resource_type="model", name="x", database="lake")
    failed = SimpleNamespace(status="error", message=message, node=node)
    monkeypatch.setattr(
        dbt, "invoke", lambda *_, **__: SimpleNamespace(exception=None, result=[failed])
    )
    with pytest.raises(faults.DiskFull):
        dbt.build(home, "x")
    failed.message = (
        "Runtime Error in model x\n  Conversion Error: Could not convert string 'Zoe' to INT32"
    )
    with pytest.raises(SegmentryError, match=r"model x .*Conversion Error") as caught:
        dbt.build(home, "x")
    assert "Zoe" not in str(caught.value)


def test_an_unexpected_error_leaves_frames_and_no_values(home: Settings) -> None:
    found = _outcome(home, _odd)
    frames = (home.home / "logs" / "odd.traceback.txt").read_text(encoding="utf-8")
    assert "unexpected KeyError" in (found.error or "")
    assert (
        "zoe.smith" not in f"{found.error}{frames}" and "ValueError" in frames and "_odd" in frames
    )


def _outcome(home: Settings, stage: object) -> jobs.StageOutcome:
    fake = SimpleNamespace(
        name="odd",
        is_optional=False,
        run=lambda context, _item: stage(context),  # type: ignore[operator]
    )
    return jobs.attempt(fake, RunContext(home))  # type: ignore[arg-type]


def test_a_command_that_fails_unexpectedly_prints_no_value(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise duckdb.ConversionException(f"Could not convert string '{WHO}' to INT32")

    def tree() -> typer.Typer:
        app = typer.Typer()
        app.command()(fails)
        return app

    monkeypatch.setattr(main, "build", tree)
    assert main.run([]) == 1
    output = capsys.readouterr()
    assert "unexpected ConversionException" in output.err and "To do:" in output.err
    assert "zoe.smith" not in output.err + output.out
    assert "zoe.smith" not in (home.home / "logs" / "command.traceback.txt").read_text(
        encoding="utf-8"
    )
