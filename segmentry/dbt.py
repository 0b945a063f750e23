"""Runs the dbt project on the lake, one layer at a time, in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb

from segmentry import configuration, crawlers, dbt_log, faults, freshness, warehouse
from segmentry.clock import is_decided
from segmentry.errors import NotReadyError, SegmentryError
from segmentry.generated import write_all
from segmentry.redaction import without_values
from segmentry.settings import Settings, switch_off_telemetry
from segmentry.stages import RunContext, StageReport


def environment(settings: Settings) -> dict[str, str]:
    """Variables that dbt_project/profiles.yml reads."""
    schema = "ducklake:" + settings.catalog
    return {
        "SEGMENTRY_DBT_ATTACH": schema,
        crawlers.CONFIG_VARIABLE: str(settings.config),
        "SEGMENTRY_DBT_DATA": settings.lake_data,
        "SEGMENTRY_DBT_EXTENSIONS": str(settings.extensions),
        "SEGMENTRY_DBT_UNSIGNED": str(warehouse.lake_config(settings)["allow_unsigned_extensions"]).lower(),
        "SEGMENTRY_DBT_MEMORY": settings.memory_limit,
        "SEGMENTRY_DBT_SCRATCH": str(settings.scratch / "duckdb"),
        "SEGMENTRY_DBT_COUNTRY": configuration.shop_country(settings) or "",
    }


def invoke(
    settings: Settings, arguments: Sequence[str], *, target: str = "target", variables: Mapping[str, str] | None = None
) -> Any:
    """Run one dbt command in this process and return dbt's own result.

    Its log goes to home/dbt/logs/dbt.log without values of records. The process's own environment
    is as before when it returns.

    target: folder of what dbt compiles. Arguments that change how the project is parsed want one of their own.
    variables: of the environment, for this command alone; unlike dbt's own they cost no new parse of the project.
    """
    switch_off_telemetry()
    project = str(write_all(settings).dbt_project)
    from dbt.cli.main import dbtRunner  # dbt takes a second to import: only stages that run it pay

    folder = settings.home / "dbt"
    words = [
        *("--log-path", str(folder / "logs"), "--log-level", "none", "--log-level-file", "none", "--no-use-colors"),
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
    """Have the project parsed beside what the caller does, unless a parse of it is kept: the first one takes 8 s.

    One that fails is left to the stage that needs it, which says why.
    """
    if (settings.home / "dbt" / "target" / "partial_parse.msgpack").exists():
        yield
        return
    program = "from segmentry import dbt, settings; dbt.invoke(settings.Settings.from_environment(), ['parse'])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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
    Raises SegmentryError naming each failed node, with values left out: dbt's own messages may quote rows.
    """
    warehouse.prepare(settings)
    words = ["build" if tests else "run", "--select", select, "--exclude-resource-type", "unit_test"]
    if not tests:
        words = words[:3]
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
    if any(faults.says_disk_full(r.message or "") for r in failed):
        raise faults.no_room()
    if failed:
        raise _build_error(failed, settings)
    built = [_relation(r.node) for r in result.result if r.node.resource_type == "model" and r.node.database == "lake"]
    with warehouse.connect(settings, read_only=True) as lake:
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
    names = [f"{r.node.resource_type} {r.node.name} ({r.status}): {_first_lines(r.message or '')}" for r in failed]
    return SegmentryError(
        f"dbt failed at {len(failed)} node(s):\n  " + "\n  ".join(names[:20]),
        remedy=f"read {_shown(settings.home / 'dbt' / 'logs' / 'dbt.log')}, correct the node, run the stage again",
    )


def _first_lines(message: str, limit: int = 400) -> str:
    return " ".join(without_values(message).split())[:limit]


def _shown(path: Path) -> str:
    return os.path.relpath(path)


def _layer(
    context: RunContext,
    name: str,
    making: Callable[[Settings], StageReport] | None = None,
    *,
    is_complete: bool = True,
) -> StageReport:
    """Build a layer of which anything it reads has changed. is_complete: no later stage builds the rest of it."""
    if not is_decided(context.settings):
        raise NotReadyError(
            f"the stage '{name}' needs the run's clock, which is not decided yet",
            allowed="a lake in which the stage 'clock' has run",
            remedy="run `segmentry run`, or `segmentry run --select clock` first",
        )
    settings = context.settings
    if name in freshness.SCHEMAS and freshness.is_current(settings, name):
        return StageReport(notes=["nothing it reads has changed"], status="unchanged")
    read_from = freshness.snapshot(settings)
    report = making(settings) if making else build(settings, f"path:models/{name}")
    if is_complete and name in freshness.SCHEMAS:
        freshness.mark(settings, name, read_from)
    return report


def identity(context: RunContext, making: Callable[[Settings], StageReport] | None = None) -> StageReport:
    """Identifiers and links to profiles."""
    return _layer(context, "identity", making)


def marts(context: RunContext) -> StageReport:
    """Events, sessions, orders and the other facts, each with its profile.

    Events and sessions of people of whom nothing is new are kept, unless there is doubt about what is held of them.
    """
    is_kept = freshness.is_intact(context.settings, "marts")
    return _layer(context, "marts", lambda settings: _built_marts(settings, full_refresh=not is_kept))


def _built_marts(settings: Settings, *, full_refresh: bool) -> StageReport:
    crawlers.CrawlerJudge(crawlers.CrawlerPolicy.read(settings.config))  # reports an expression that is none
    report = build(settings, "path:models/marts", full_refresh=full_refresh)
    with warehouse.connect(settings, read_only=True) as lake:
        return replace(report, notes=[*report.notes, *crawlers.notes(lake), *_refusals(lake)])


def _refusals(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """How many refusals match no known identifier; no note where all do."""
    row = lake.execute(
        "select count(*) filter (where match = 'possible'), count(*) filter (where match = 'none')"
        " from lake.marts.consents where status <> 'granted'"
    ).fetchone()
    possible, unmatched = row or (0, 0)
    if not possible and not unmatched:
        return []
    return [
        f"{unmatched:,} refusal(s) match nobody, {possible:,} count for all that they may mean: see"
        " `segmentry consent unmatched`"
    ]


def features(context: RunContext) -> StageReport:
    """What was known of each profile before each as_of."""
    return _layer(context, "features")


def profiles(context: RunContext) -> StageReport:
    """One current row per profile, contract enforced."""
    return _layer(context, "profiles")


def segments(context: RunContext) -> StageReport:
    """What the rules of the segments say of each profile now; a clock older than the newest change is refused.

    The gate on memberships looks at what that would change, and the stage ``memberships`` publishes it.
    """
    from segmentry.membership import refuse_the_past  # reads segments' files, which no other layer needs

    if is_decided(context.settings):
        refuse_the_past(context)
    return _layer(context, "segments", _proposed_memberships, is_complete=False)


def memberships(context: RunContext) -> StageReport:
    """Memberships after dwell rules, priority and size, and their history, of what the stage ``segments`` evaluated."""
    from segmentry.membership import refuse_stale_proposals  # as above

    if is_decided(context.settings):
        refuse_stale_proposals(context)
    published = "path:models/segments/evaluation/published"
    return _layer(context, "segments", lambda settings: build(settings, published))


def _proposed_memberships(settings: Settings) -> StageReport:
    """Matches come from one scan; a segment's own view is for people to read and is made when its rule is new."""
    from segmentry.membership import refresh_views

    # First, so that a stage killed in between finds them stale again: rules are recorded by the evaluation.
    if free := refresh_views(settings):
        build(settings, " ".join(free))
    return build(settings, "path:models/segments/evaluation/proposed")


def observability(context: RunContext) -> StageReport:
    """Sizes, flows, freshness, gates and delivery; and the project's documentation, when it has changed."""
    from segmentry import dbt_docs  # which stands on this module

    report = _layer(context, "observability")
    dbt_docs.refresh(context.settings)
    return report
