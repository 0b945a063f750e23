"""What building a shop costs: all at once, against a script by hand, with one per cent more, and at
half the size.

The shop is simulated. The layers staging, identity, marts and features are built as the job builds
them, tests included, each build in a process of its own. The script (build_by_hand.sql) reads the
same files once and computes the columns listed in it; every one of them is compared with the
models' on every row. The script gets the profiles of identifiers as input: identity.py measures
what finding them costs at least.

``python -m benchmarks build`` takes SEGMENTRY_BENCH_BUILD_EVENTS events (a million); ``python -m
benchmarks.build 1000000 10000000`` one size after the other. Ratios are given of seconds on the
wall and of the processors: the latter are valid on a machine that does other work too. Each step
prints to standard error what it took as soon as it is done.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import resource
import string
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from segmentry import warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext, stage_named

EVENTS = int(os.environ.get("SEGMENTRY_BENCH_BUILD_EVENTS", "1000000"))
# What one simulated person does in 180 days.
EVENTS_PER_PERSON = 119
DAYS = 180
LAYERS = ("staging", "identity", "marts", "features")
BY_HAND = Path(__file__).with_name("build_by_hand.sql")
TABLES = {
    "behaviour": "features__behaviour",
    "value": "features__orders",
    "mail": "features__engagement",
}
# A build against the script, one per cent more against a build, a build against one of half the
# size.
ALLOWED = {"full_to_by_hand": 8.0, "one_per_cent_to_full": 0.05, "doubling": 2.2}


def run(events: int = EVENTS) -> dict[str, Any]:
    """Seconds of each build, the ratios that the product aims at, and how many rows of how many
    columns agree.
    """
    with tempfile.TemporaryDirectory() as folder:
        half = _built(Path(folder), events // 2)
    with tempfile.TemporaryDirectory() as folder:
        whole = _built(Path(folder), events, is_compared=True)
    found: dict[str, Any] = {
        **whole,
        "half": {"events": half["events"], **half["full"]},
        "allowed": ALLOWED,
    }
    for unit in ("seconds", "cpu_seconds"):
        full = whole["full"][unit]
        by_hand = whole["by_hand"][unit]
        found[f"ratios_of_{unit}"] = {
            "full_to_by_hand": round(full / by_hand, 2),
            "full_with_load_to_by_hand": round((full + whole["load"][unit]) / by_hand, 2),
            "one_per_cent_to_full": round(whole["one_per_cent_more"][unit] / full, 3),
            "nothing_more_to_full": round(whole["nothing_more"][unit] / full, 3),
            "doubling": round(full / half["full"][unit], 2),
        }
    found["peak_megabytes"] = max(
        part["peak_megabytes"] for part in whole.values() if isinstance(part, dict)
    )
    return found


def _built(home: Path, events: int, *, is_compared: bool = False) -> dict[str, Any]:
    people = max(events // EVENTS_PER_PERSON, 50)
    os.environ["SEGMENTRY_HOME"] = str(home)
    os.environ.pop("SEGMENTRY_INBOX", None)
    _print(f"{events:,} events of {people:,} people")
    _apart(_simulate, home, people)
    late = _move_last_lines(home / "inbox" / "events", events // 100)
    found: dict[str, Any] = {
        "events": 0,
        "people": people,
        "load": _apart(_load),
        "full": _apart(_build),
    }
    with warehouse.connect(Settings.from_environment(), read_only=True) as lake:
        found["events"] = warehouse.count(lake, "marts.events")
    if is_compared:
        found["by_hand"] = _apart(_by_hand, home)
        found["agreement"] = _apart(_agreement, home)
        late.rename(home / "inbox" / "events" / late.name)
        found["load_one_per_cent_more"] = _apart(_load)
        found["one_per_cent_more"] = _apart(_build)
        found["nothing_more"] = _apart(_build)
    return found


def _print(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _apart(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run it in a fresh process, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(_measured, work, *arguments).result()
    _print(f"  {work.__name__.strip('_')}: {json.dumps(found)}")
    return found


def _measured(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Its result, with its seconds on the wall and of the processors, and its peak memory."""
    started = time.perf_counter()
    cpu = _cpu()
    result = work(*arguments)
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_seconds": round(_cpu() - cpu, 2),
        "peak_megabytes": max(resource.getrusage(who).ru_maxrss for who in _PROCESSES) // 1024,
        **result,
    }


_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu() -> float:
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, _PROCESSES))


def _simulate(home: Path, people: int) -> dict[str, Any]:
    from simulator import output
    from simulator.run import SimulationRequest

    output.fill(
        SimulationRequest(people=people, days=DAYS, seed=1, out=home / "inbox"),
        lambda text: None,
        force=False,
    )
    return {}


def _move_last_lines(folder: Path, lines: int) -> Path:
    """Move the last lines of the newest files to a file next to the inbox, which arrives later."""
    moved = folder.parent.parent / "late.ndjson.gz"
    with gzip.open(moved, "wb", compresslevel=1) as late:
        for newest in sorted(folder.iterdir(), reverse=True):
            lines -= _split(newest, lines, late)
            if not lines:
                break
    return moved


def _split(path: Path, lines: int, late: gzip.GzipFile) -> int:
    """Move that many of the file's last lines, a line at a time; returns how many it had of
    them.
    """
    with gzip.open(path) as file:
        count = sum(1 for _ in file)
    moved = min(lines, count)
    rest = path.with_suffix(".rest")
    with gzip.open(path) as file, gzip.open(rest, "wb", compresslevel=1) as kept:
        kept.writelines(islice(file, count - moved))
        late.writelines(file)
    rest.replace(path)
    if moved == count:
        path.unlink()
    return moved


def _load() -> dict[str, Any]:
    from sources import stages

    context = RunContext(Settings.from_environment())
    for source in stages.load_items(context):
        stages.load(context, source)
    return {}


def _build() -> dict[str, Any]:
    context = RunContext(Settings.from_environment())
    spent = {}
    for name in ("staging", "clock", *LAYERS[1:]):
        cpu = _cpu()
        report = stage_named(name).run(context)
        spent[name] = {"seconds": round(report.seconds, 2), "cpu_seconds": round(_cpu() - cpu, 2)}
    return {"stages": spent}


def _by_hand(home: Path) -> dict[str, Any]:
    import duckdb

    settings = Settings.from_environment()
    words = _script_values(settings, home)
    script = string.Template(BY_HAND.read_text(encoding="utf-8")).substitute(words)
    with duckdb.connect(
        config={"memory_limit": settings.memory_limit, "temp_directory": f"{home}/spilled"}
    ) as plain:
        plain.execute("set TimeZone = 'UTC'")
        started = time.perf_counter()
        cpu = _cpu()
        plain.execute(script)
        found = {
            "seconds": round(time.perf_counter() - started, 2),
            "cpu_seconds": round(_cpu() - cpu, 2),
        }
        for table in TABLES:
            plain.execute(f"copy {table} to '{home / table}.parquet' (format parquet)")
    return found


def _script_values(settings: Settings, home: Path) -> dict[str, str]:
    """What the script does not compute itself: the people, the times of features, and when the
    files were loaded.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        lake.execute(
            f"copy (from lake.identity.identifier_mapping) to '{home / 'people.parquet'}' (format"
            " parquet)"
        )
        ((as_of, loaded_at, days),) = lake.execute(
            "select (select as_of from lake.observability.clock), (select max(loaded_at) from"
            " lake.raw._loads), (select string_agg(distinct days_before_clock::varchar, ', ') from"
            " lake.features.spine)"
        ).fetchall()
    return {
        "inbox": str(home / "inbox"),
        "people": str(home / "people.parquet"),
        "as_of": str(as_of),
        "loaded_at": str(loaded_at),
        "spine_days": days,
    }


def _agreement(home: Path) -> dict[str, Any]:
    """Per table: rows, columns, and the columns in which any row differs."""
    found = {}
    with warehouse.connect(Settings.from_environment(), read_only=True) as lake:
        for table, model in TABLES.items():
            by_hand = f"read_parquet('{home / table}.parquet')"
            columns = [row[0] for row in lake.execute(f"describe from {by_hand}").fetchall()]
            values = [column for column in columns if column not in {"profile_id", "as_of"}]
            differing = ", ".join(
                f"count_if(one.{name} is distinct from other.{name})" for name in values
            )
            counts = lake.execute(
                f"select count(*), {differing} from {by_hand} as one "
                f"full join lake.features.{model} as other using (profile_id, as_of)"
            ).fetchone()
            assert counts is not None
            wrong = {name: count for name, count in zip(values, counts[1:], strict=True) if count}
            assert not wrong, f"the script and {model} differ: {wrong}"
            found[model] = {"rows": counts[0], "columns": len(values)}
    return found


if __name__ == "__main__":
    for size in [int(word) for word in sys.argv[1:]] or [EVENTS]:
        print(json.dumps(run(size), indent=2))
