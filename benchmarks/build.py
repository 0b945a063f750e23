"""What building a shop costs: all at once, against a script by hand, with one per cent more, and at half the size.

The shop is simulated. The layers staging, identity, marts and features are built as the job builds them, tests
included, each build in a process of its own. The script (build_by_hand.sql) reads the same files once and computes the
columns listed in it; every one of them is compared with the models' on every row. Who is who the script is told: what
finding it costs at least is measured in identity.py.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import resource
import string
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from segmentry import warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext, stage_named

EVENTS = int(os.environ.get("SEGMENTRY_BENCH_BUILD_EVENTS", "1000000"))
# What one simulated person does in 180 days.
EVENTS_PER_PERSON, DAYS = 119, 180
LAYERS = ("staging", "identity", "marts", "features")
BY_HAND = Path(__file__).with_name("build_by_hand.sql")
TABLES = {"behaviour": "features__behaviour", "value": "features__orders", "mail": "features__engagement"}


def run() -> dict[str, Any]:
    """Seconds of each build, the ratios that the product aims at, and how many rows of how many columns agree."""
    with tempfile.TemporaryDirectory() as folder:
        half = _built(Path(folder) / "half", EVENTS // 2)
        whole = _built(Path(folder) / "whole", EVENTS, is_compared=True)
    full = whole["full"]["seconds"]
    return {
        "events": whole["events"],
        "people": whole["people"],
        **{name: whole[name] for name in ("load", "full", "by_hand", "agreement", "one_per_cent_more", "nothing_more")},
        "full_to_by_hand": round(full / whole["by_hand"]["seconds"], 2),
        "full_with_load_to_by_hand": round((full + whole["load"]["seconds"]) / whole["by_hand"]["seconds"], 2),
        "one_per_cent_to_full": round(whole["one_per_cent_more"]["seconds"] / full, 3),
        "half": {"events": half["events"], **half["full"]},
        "doubling": round(full / half["full"]["seconds"], 2),
        "peak_megabytes": whole["full"]["peak_megabytes"],
    }


def _built(home: Path, events: int, *, is_compared: bool = False) -> dict[str, Any]:
    people = max(events // EVENTS_PER_PERSON, 50)
    os.environ["SEGMENTRY_HOME"] = str(home)
    os.environ.pop("SEGMENTRY_INBOX", None)
    _apart(_simulate, home, people)
    late = _hold_back(home / "inbox" / "events", events // 100)
    found: dict[str, Any] = {"people": people, "load": _apart(_load), "full": _apart(_build)}
    with warehouse.connect(Settings.from_environment(), read_only=True) as lake:
        found["events"] = warehouse.count(lake, "marts.events")
    if is_compared:
        found["by_hand"] = _apart(_by_hand, home)
        found["agreement"] = _apart(_agreement, home)
        late.rename(home / "inbox" / "events" / late.name)
        _apart(_load)
        found["one_per_cent_more"] = _apart(_build)
        found["nothing_more"] = _apart(_build)
    return found


def _apart(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run it in a fresh process, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        started = time.perf_counter()
        found = pool.submit(work, *arguments).result()
        return {"seconds": round(time.perf_counter() - started, 2), **found}


def _peak() -> dict[str, int]:
    return {"peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def _simulate(home: Path, people: int) -> dict[str, Any]:
    from simulator import output
    from simulator.run import Request

    output.fill(Request(people=people, days=DAYS, seed=1, out=home / "inbox"), lambda text: None, force=False)
    return {}


def _hold_back(folder: Path, lines: int) -> Path:
    """Take the last lines of the newest file out into a file beside the inbox: what arrives later."""
    newest = max(folder.iterdir())
    with gzip.open(newest, "rt", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        content = file.readlines()
    kept, late = content[:-lines], content[-lines:]
    held = folder.parent.parent / "late.ndjson.gz"
    for path, part in ((newest, kept), (held, late)):
        with gzip.open(path, "wt", encoding="utf-8", errors="surrogateescape", newline="\n", compresslevel=1) as file:
            file.writelines(part)
    return held


def _load() -> dict[str, Any]:
    from sources import stages

    context = RunContext(Settings.from_environment())
    for source in stages.load_items(context):
        stages.load(context, source)
    return _peak()


def _build() -> dict[str, Any]:
    context = RunContext(Settings.from_environment())
    seconds = {}
    for name in ("staging", "clock", *LAYERS[1:]):
        report = stage_named(name).run(context)
        seconds[name] = round(report.seconds, 2)
    return {"stages": seconds, **_peak()}


def _by_hand(home: Path) -> dict[str, Any]:
    import duckdb

    settings = Settings.from_environment()
    words = _told(settings, home)
    script = string.Template(BY_HAND.read_text(encoding="utf-8")).substitute(words)
    with duckdb.connect(config={"memory_limit": settings.memory_limit}) as plain:
        plain.execute("set TimeZone = 'UTC'")
        started = time.perf_counter()
        plain.execute(script)
        seconds = round(time.perf_counter() - started, 2)
        for table in TABLES:
            plain.execute(f"copy {table} to '{home / table}.parquet' (format parquet)")
    return {"seconds": seconds, **_peak()}


def _told(settings: Settings, home: Path) -> dict[str, str]:
    """What the script does not find out itself: the people, the moments, and when the files were loaded."""
    with warehouse.connect(settings, read_only=True) as lake:
        lake.execute(f"copy (from lake.identity.identifier_mapping) to '{home / 'people.parquet'}' (format parquet)")
        ((as_of, loaded_at, days),) = lake.execute(
            "select (select as_of from lake.observability.clock), (select max(loaded_at) from lake.raw._loads), "
            "(select string_agg(distinct days_before_clock::varchar, ', ') from lake.features.spine)"
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
            differing = ", ".join(f"count_if(one.{name} is distinct from other.{name})" for name in values)
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
    print(json.dumps(run(), indent=2))
