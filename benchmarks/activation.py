"""The sync engine: a million adds to a receiver on loopback, and a plan over five million rows
unchanged.

The receiver reads each request to its end and answers, in a process of its own. The benchmark also
prints what the receiver takes by itself, from the same client with requests made beforehand.
``drt-core`` sends the same rows to the same receiver when it can be installed from the package
index into an environment of its own under the benchmark's folder.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROWS = int(os.environ.get("SEGMENTRY_BENCH_ACTIVATION_ROWS", "1000000"))
UNCHANGED_ROWS = 5 * ROWS
BATCH = 1_000
# Of DuckDB, as SEGMENTRY_MEMORY_LIMIT states it; the rest of the memory is Python's.
MEMORY_LIMIT = "160MB"
MEMORY_LIMIT_OF_PLAN = "500MB"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_AUDIENCE = """
select 'p_' || md5(i::varchar) as row_key, 'person' || i || '@example.com' as email,
    case when i % 5 > 0 then 'Name' || i % 1000 end as first_name, i % 40 as orders_90d,
        i % 3 = 0 as is_vip
from range({rows}) as people (i)
"""
_CONSENTS = """
select 'p_' || md5(i::varchar) as profile_id, 'email' as identifier_type,
    'person' || i || '@example.com' as identifier,
    'marketing' as purpose, 'email' as channel, 'granted' as status, 'GB' as jurisdiction,
    timestamp '2026-01-01' as decided_at, 'form' as source, 'r' || i as record_id,
    'exact' as match, 'd' || i as decision_id
from range({rows}) as people (i)
"""
_SYNC = {
    "name": "bench",
    "description": "People of the benchmark, to a receiver on loopback.",
    "owner": "benchmarks",
    "destination": "webhook",
    "connection": {"url": "BENCH_URL", "secret": "BENCH_SECRET"},
    "audience": {"segments": "all"},
    "purpose": "marketing",
    "channel": "email",
    "address": "email",
    "key": "email",
    "columns": {
        "email": {"from": "email"},
        "first_name": {"from": "first_name"},
        "orders_90d": {"from": "orders_90d", "type": "bigint"},
        "is_vip": {"member_of": "vip"},
    },
    "options": {},
}


def run() -> dict[str, Any]:
    """Rows a second of the engine, of the receiver alone and of drt-core; seconds of the plan; peak
    memory of each.
    """
    found: dict[str, Any] = {"rows": ROWS, "rows_of_a_request": BATCH}
    found["memory_limit_of_duckdb"] = MEMORY_LIMIT
    with tempfile.TemporaryDirectory(prefix="segmentry-bench-") as folder:
        with _receiving() as url:
            found["receiver_alone"] = _apart("alone", folder, url)
            found["segmentry"] = _apart("adds", folder, url)
            found["drt_core"] = _drt(Path(folder), url)
        shutil.rmtree(Path(folder) / "home", ignore_errors=True)
        found["plan_without_change"] = _apart("unchanged", folder, "")
    ratio = found["segmentry"]["rows_a_second"] / found["receiver_alone"]["rows_a_second"]
    found["segmentry_to_receiver_alone"] = round(ratio, 3)
    if drt := found["drt_core"].get("rows_a_second"):
        found["segmentry_to_drt_core"] = round(found["segmentry"]["rows_a_second"] / drt, 2)
        theirs = found["drt_core"]["processor_seconds"]
        ours = found["segmentry"]["processor_seconds"]
        found["segmentry_to_drt_core_by_processor"] = round(theirs / ours, 2)
    return found


def _apart(what: str, folder: str, url: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.activation", what, folder, url]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def _receiving() -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.activation", "serve"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def serve() -> None:
    """A receiver that reads each request to its end and accepts it."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            )

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/hook", flush=True)
    server.serve_forever()


def alone(folder: str, url: str) -> dict[str, Any]:
    """The same requests, made beforehand, through the same library: what the receiver takes by
    itself.
    """
    import httpx

    row = {"row_key": "p_" + "0" * 32, "key": "person123456@example.com", "operation": "add"}
    row["values"] = {
        "email": row["key"],
        "first_name": "Name123",
        "orders_90d": 12,
        "is_vip": False,
    }  # type: ignore[assignment]
    body = json.dumps(
        {"type": "segment.members.upserted", "data": {"sync": "bench", "rows": [row] * BATCH}}
    ).encode()
    began = _now()
    with httpx.Client() as client:
        for _ in range(ROWS // BATCH):
            client.post(url, content=body).raise_for_status()
    return _measure(began, ROWS)


def adds(folder: str, url: str) -> dict[str, Any]:
    """One run of the engine into an empty destination, then one over the same audience."""
    from activation import engine

    settings = _lake(folder, ROWS, ROWS)
    os.environ.update(BENCH_URL=url, BENCH_SECRET=SECRET)
    began = _now()
    report = engine.run_sync(settings, "bench")
    measured = _measure(began, ROWS)
    assert sum(report.rows.values()) == ROWS, report
    began = _now()
    assert engine.run_sync(settings, "bench").status == "unchanged"
    return {**measured, "run_after": _measure(began, ROWS)}


def unchanged(folder: str, url: str) -> dict[str, Any]:
    """Plans over rows that the ledger records as sent: by fingerprint, and by a full compare."""
    from activation import operate
    from activation.ledger import runs
    from activation.ledger.database import Ledger

    settings = _lake(folder, UNCHANGED_ROWS, UNCHANGED_ROWS, MEMORY_LIMIT_OF_PLAN)
    os.environ.update(BENCH_URL="http://127.0.0.1:9", BENCH_SECRET=SECRET)
    _record_all_sent(settings)
    ledger = Ledger(settings)
    with runs.lease(ledger, "bench"):
        pass
    from activation import plan as plans
    from segmentry import sync_files, warehouse

    sync = sync_files.one(settings, "bench")
    with warehouse.connect(settings, read_only=True) as lake:
        fingerprint = plans._fingerprint(lake, sync, plans.snapshot_to_read(lake, sync))
    runs.keep_state(ledger, "bench", config_hash=sync.config_hash, fingerprint=fingerprint)
    began = _now()
    planned = operate.plan(settings, ["bench"])[0]
    measured = _measure(began, UNCHANGED_ROWS)
    assert (planned["audience"], planned["requests"]) == (UNCHANGED_ROWS, 0), planned
    if os.environ.get("SEGMENTRY_BENCH_FULL_COMPARE"):
        runs.keep_state(ledger, "bench", fingerprint=None)
        began = _now()
        planned = operate.plan(settings, ["bench"])[0]
        measured["full_compare"] = _measure(began, UNCHANGED_ROWS)
        assert planned["requests"] == 0, planned
    return measured


def _lake(folder: str, rows: int, consents: int, memory_limit: str = MEMORY_LIMIT) -> Any:
    import yaml

    from segmentry import warehouse
    from segmentry.settings import ROOT, Settings
    from tests import consent_views

    home = Path(folder) / "home"
    os.environ["SEGMENTRY_HOME"] = str(home)
    config = Path(folder) / "config"
    (config / "syncs").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "config" / "policies.yml", config / "policies.yml")
    limits = {"limits": {"batch_rows": BATCH}}
    (config / "syncs" / "bench.yml").write_text(
        yaml.safe_dump({**_SYNC, **limits}, sort_keys=False), encoding="utf-8"
    )
    settings = replace(Settings.from_environment(), config=config, memory_limit=memory_limit)
    warehouse.prepare(settings)
    with warehouse.connect(settings) as lake:
        lake.execute(
            "create table observability.clock as select timestamp '2026-06-01' as as_of, true as"
            " is_given"
        )
        people = _AUDIENCE.format(rows=rows)
        lake.execute(
            "create table audiences.aud_bench as"
            f" select *, row_key as row_profile_id from ({people})"
        )
        lake.execute(f"create table marts.consents as {_CONSENTS.format(rows=consents)}")
        consent_views.create(lake)
    return settings


def _record_all_sent(settings: Any) -> None:
    """Write the ledger's rows as they are after the whole audience was sent."""
    import duckdb

    from activation import plan as plans
    from activation.ledger.database import Ledger
    from segmentry import sync_files, warehouse

    ledger = Ledger(settings)
    sync = sync_files.one(settings, "bench")
    with warehouse.connect(settings, read_only=True) as lake:
        lake.execute("attach ':memory:' as work")
        plans._load_wanted(lake, sync, warehouse.current_snapshot(lake))
        cursor: duckdb.DuckDBPyConnection = lake.execute(
            "select ledger_key, row_key, profile_id, identity, payload_hash from work.wanted"
        )
        with ledger.begin() as connection:
            while chunk := cursor.fetchmany(50_000):
                names = "sync, holding, row_key, profile_id, identity, payload_hash"
                connection.exec_driver_sql(
                    f"insert into held_rows ({names}) values ('bench', ?, ?, ?, ?, ?)", chunk
                )
    ledger.close()


def _drt(folder: Path, url: str) -> dict[str, Any]:
    """drt-core on the same rows, or why there is no figure."""
    import duckdb

    database = folder / "people.duckdb"
    place = folder / "drt"
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table people as {_AUDIENCE.format(rows=ROWS)}")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
        command = [
            str(place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "drt-core[duckdb]",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
    except (subprocess.SubprocessError, OSError) as error:
        return {"note": f"drt-core could not be installed here: {type(error).__name__}"}
    words = [str(place / "bin" / "python"), "-c", _DRT_PROGRAM, str(database), url, str(BATCH)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
    version, sent, seconds, processor, peak = done.stdout.split()[-5:]
    assert int(sent) == ROWS, f"drt-core sent {sent} rows"
    measured = {
        "seconds": round(float(seconds), 2),
        "processor_seconds": round(float(processor), 2),
    }
    measured["rows_a_second"] = int(ROWS / float(seconds))
    return {"version": version, **measured, "peak_memory_mib": int(peak)}


_DRT_PROGRAM = """
import resource, sys, time
from importlib.metadata import version
from pathlib import Path
from drt.config.profiles import DuckDBProfile
from drt.config.sync_options import SyncConfig
from drt.destinations.rest_api import RestApiDestination
from drt.engine.sync import run_sync
from drt.sources.duckdb import DuckDBSource

database, url, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
end = {
    "type": "rest_api",
    "url": url,
    "body_mode": "batch",
    "batch_template": "{{ rows | tojson }}",
}
sync = SyncConfig.model_validate({
    "name": "bench", "model": "select * from people", "destination":
        {**end, "max_records_per_request": batch},
    "sync": {"mode": "full", "batch_size": batch, "rate_limit": {"requests_per_second": 1000000}},
})
profile = DuckDBProfile(type="duckdb", database=database)
began, processor = time.perf_counter(), time.process_time()
result = run_sync(sync, DuckDBSource(), RestApiDestination(), profile, Path.cwd())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(version("drt-core"), result.success, time.perf_counter() - began,
    time.process_time() - processor, peak)
"""


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _measure(began: tuple[float, float], rows: int) -> dict[str, Any]:
    """Seconds by the clock and of the processor: on a machine with other work the latter are those
    of the program.
    """
    seconds = time.perf_counter() - began[0]
    processor = time.process_time() - began[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "rows_a_second": int(rows / seconds),
        "peak_memory_mib": int(peak),
    }


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "serve":
        serve()
    else:
        print(json.dumps({"alone": alone, "adds": adds, "unchanged": unchanged}[what](*words)))
