"""Runs the dbt project on the lake, one layer at a time, in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from segmentry import configuration, crawlers, dbt_log, faults, warehouse
from segmentry.errors import SegmentryError
from segmentry.generated import write_all
from segmentry.redaction import without_values
from segmentry.settings import Settings, switch_off_telemetry
from segmentry.stages import StageReport


def environment(settings: Settings) -> dict[str, str]:
    """Variables that dbt_project/profiles.yml reads."""
    schema = "ducklake:" + settings.catalog
    return {
        "SEGMENTRY_DBT_ATTACH": schema,
        crawlers.CONFIG_VARIABLE: str(settings.config),
        "SEGMENTRY_DBT_DATA": settings.lake_data,
        "SEGMENTRY_DBT_EXTENSIONS": str(settings.extensions),
        "SEGMENTRY_DBT_UNSIGNED": (
            str(warehouse.lake_config(settings)["allow_unsigned_extensions"]).lower()
        ),
        "SEGMENTRY_DBT_MEMORY": settings.memory_limit,
        "SEGMENTRY_DBT_SCRATCH": str(settings.scratch / "duckdb"),
        "SEGMENTRY_DBT_COUNTRY": configuration.shop_country(settings) or "",
    }


def invoke(
    settings: Settings,
    arguments: Sequence[str],
    *,
    target: str = "target",
    variables: Mapping[str, str] | None = None,
) -> Any:
    """Run one dbt command in this process and return dbt's own result.

    Its log goes to home/dbt/logs/dbt.log without values of records. The process's own environment
    is as before when it returns.

    target: folder of what dbt compiles. Arguments that change how the project is parsed want one of
    their own. variables: of the environment, for this command alone; unlike dbt's own they cost no
    new parse of the project.
    """
    switch_off_telemetry()
    project = str(write_all(settings).dbt_project)
    from dbt.cli.main import dbtRunner  # dbt takes a second to import: only stages that run it pay

    folder = settings.home / "dbt"
    words = [
        *(
            "--log-path",
            str(folder / "logs"),
            "--log-level",
            "none",
            "--log-level-file",
            "none",
            "--no-use-colors",
        ),
        *arguments,
        *("--project-dir", project, "--profiles-dir", project),
        *("--target-path", str(folder / target)),
    ]
    log = dbt_log.writer(folder / "logs" / "dbt.log")
    with redirect_stdout(StringIO()), _environment({**environment(settings), **(variables or {})}):
        result = dbtRunner(callbacks=[log]).invoke(words)
    if "--no-write-json" not in words:
        dbt_log.redact_results(folder / target / "run_results.json")
    return result


@contextmanager
def parsed_meanwhile(settings: Settings) -> Iterator[None]:
    """Have the project parsed next to what the caller does, unless a parse of it is kept: the first
    one takes 8 s.

    If one fails, the stage that needs it reports why.
    """
    if (settings.home / "dbt" / "target" / "partial_parse.msgpack").exists():
        yield
        return
    program = (
        "from segmentry import dbt, settings; dbt.invoke(settings.Settings.from_environment(),"
        " ['parse'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as parser:
        try:
            yield
        except BaseException:
            parser.kill()
            raise


def build(
    settings: Settings,
    select: str,
    *,
    full_refresh: bool = False,
    tests: bool = True,
    artifacts: bool = False,
    variables: Mapping[str, str] | None = None,
) -> StageReport:
    """Build the models (and run the tests) that select names; report rows per relation of the lake.

    artifacts: also write dbt's manifest.json and run_results.json, which takes most of a second.
    Raises SegmentryError naming each failed node, with values left out: dbt's own messages may
    quote rows.
    """
    warehouse.prepare(settings)
    words = ["build" if tests else "run", "--select", select]
    if tests:
        # A test that compares a layer with an earlier one runs with the later one alone: until that
        # is built, it describes the previous run.
        words += ["--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"]
    if not artifacts:
        words.append("--no-write-json")
    if full_refresh:
        words.append("--full-refresh")
    result = invoke(settings, words, variables=variables)
    if result.exception is not None and result.result is None:
        if full := faults.disk_full(result.exception):
            raise full
        raise SegmentryError(
            f"dbt could not start: {_first_lines(str(result.exception))}",
            remedy="correct the project file it names, then run the stage again",
        )
    failed = [r for r in result.result if str(r.status) in {"error", "fail", "runtime error"}]
    if any(faults.means_disk_full(r.message or "") for r in failed):
        raise faults.no_room()
    if failed:
        raise _build_error(failed, settings)
    built = [
        _relation(r.node)
        for r in result.result
        if r.node.resource_type == "model" and r.node.database == "lake"
    ]
    with warehouse.connect(settings, read_only=True) as lake:
        lake.execute("begin")  # each statement by itself would ask the catalog for the newest state
        rows = {relation: warehouse.count(lake, relation) for relation in built}
    return StageReport(rows=rows)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _relation(node: Any) -> str:
    return f"{node.schema}.{node.alias}"


def _build_error(failed: Sequence[Any], settings: Settings) -> SegmentryError:
    names = [
        f"{r.node.resource_type} {r.node.name} ({r.status}): {_first_lines(r.message or '')}"
        for r in failed
    ]
    return SegmentryError(
        f"dbt failed at {len(failed)} node(s):\n  " + "\n  ".join(names[:20]),
        remedy=(
            f"read {_shown(settings.home / 'dbt' / 'logs' / 'dbt.log')}, correct the node, run the"
            " stage again"
        ),
    )


def _first_lines(message: str, limit: int = 400) -> str:
    return " ".join(without_values(message).split())[:limit]


def _shown(path: Path) -> str:
    return os.path.relpath(path)
