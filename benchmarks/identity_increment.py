"""What a run of the identity stage costs: all records at once, then one per cent more, through dbt
on a lake.

The records are of five sources, six to a person. The one per cent that is added is what a day
brings to a shop: half of it is of people who are there already, half of new ones. Both runs end in
the same groups as one full rebuild.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from identity import policy, resolution
from segmentry import clock, dbt, warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext
from tests.identity.lake import AS_OF, Lake

ROWS = int(os.environ.get("SEGMENTRY_BENCH_IDENTITY_RUN_ROWS", "1000000"))
SHARE = 100
# Survivorship is not resolution: its models are timed apart.
_GOLDEN = ("trait", "golden")

_PEOPLE = """
select
    i,
    '{batch}:' || i as record_id, '{batch}' as _batch_id, '{batch}' as _file, i as _line,
    timestamp '2026-01-01' + to_seconds(cast({begin} as bigint) + i % 3000000) as seen_at,
    'p' || ({first} + hash(i * 7 + 1) % {people}) as person,
    hash(i) % 4 as browser
from range({rows}) as rows (i)
where i % 5 = {source}
"""
_EVIDENCE = "record_id, _batch_id, _file, _line"
_SOURCES = (
    (
        "stg_events__events (event_id, type, event, anonymous_id, user_id, device_id, event_at",
        (
            "record_id, 'track', 'Product Viewed', person || '/' || browser, case when browser < 3"
            " then person end, person || '/' || (browser % 2), seen_at"
        ),
    ),
    (
        "stg_crm_contacts__contacts (contact_id, user_id, email, created_at",
        "person, person, person || '@example.com', seen_at",
    ),
    (
        "stg_orders__orders (order_id, user_id, email, ordered_at",
        "record_id, person, person || '@example.com', seen_at",
    ),
    (
        "stg_email_events__email_events (event_id, event_type, email, anonymous_id, occurred_at",
        "record_id, 'click', person || '@example.com', person || '/' || browser, seen_at",
    ),
    (
        "stg_subscriptions__changes (change_id, user_id, email, changed_at",
        "record_id, person, person || '@example.com', seen_at",
    ),
)


def run() -> dict[str, Any]:
    """Seconds of the full run and of the run after one per cent more, per model; their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEGMENTRY_HOME"] = str(Path(folder) / "home")
        settings = Settings.from_environment()
        warehouse.prepare(settings)
        lake = Lake(settings)
        people = ROWS // 6
        _land(settings, "first", ROWS, first=0, people=people, begin=0)
        full = _timed(lake)
        _land(settings, "old", ROWS // SHARE // 2, first=0, people=people, begin=4_000_000)
        _land(
            settings,
            "new",
            ROWS // SHARE // 2,
            first=people,
            people=max(people // SHARE // 2, 1),
            begin=4_000_000,
        )
        added = _timed(lake)
        unchanged = _timed(lake)
        before = [lake.rows(digest) for digest in _DIGESTS]
        rebuilt = _timed(lake, full_refresh=True)
        assert [lake.rows(digest) for digest in _DIGESTS] == before, (
            "a full rebuild gives something else"
        )
    return {
        "rows": ROWS,
        "full": full,
        "one_per_cent_more": added,
        "nothing_more": unchanged,
        "full_rebuild": rebuilt,
        "one_per_cent_to_full": round(added["resolution_seconds"] / full["resolution_seconds"], 3),
        "one_per_cent_to_full_cpu": round(added["cpu_seconds"] / full["cpu_seconds"], 3),
    }


_DIGESTS = (
    """select count(*) as identifiers, count(distinct profile_id) as profiles,
        bit_xor(hash(identifier_type, identifier, profile_id, first_seen_at, last_seen_at))
            as digest
    from identity.identifier_mapping""",
    """select count(*) as links, sum(records) as records,
        bit_xor(hash(link_id, first_seen_at, last_seen_at, source, record_id, records)) as digest
    from identity.identifier_links""",
    """select count(*) as people,
        bit_xor(hash(profile_id, trait, value, source, record_id, observed_at)) as digest
    from identity.trait_provenance""",
)


def _land(
    settings: Settings, batch: str, rows: int, *, first: int, people: int, begin: int
) -> None:
    with warehouse.connect(settings) as lake:
        for source, (columns, values) in enumerate(_SOURCES):
            records = _PEOPLE.format(
                batch=batch, rows=rows, first=first, people=people, begin=begin, source=source
            )
            lake.execute(
                f"insert into lake.staging.{columns}, {_EVIDENCE}) select {values}, {_EVIDENCE}"
                f" from ({records})"
            )


def _timed(lake: Lake, *, full_refresh: bool = False) -> dict[str, Any]:
    clock.decide(RunContext(lake.settings, AS_OF))
    policy.write_policy(lake.settings)
    started = time.perf_counter()
    spent = time.process_time()
    is_partial = resolution.begin(lake.settings) and not full_refresh
    words = [
        "run",
        "--select",
        "path:models/identity",
        "--no-write-json",
        *([] if is_partial else ["--full-refresh"]),
    ]
    result = dbt.invoke(lake.settings, words, variables=resolution.PARTIAL if is_partial else None)
    resolution.finish(lake.settings)
    seconds = time.perf_counter() - started
    cpu = time.process_time() - spent
    assert result.success, [
        r.message for r in result.result or () if r.status == "error"
    ] or result.exception
    models = {r.node.name: round(r.execution_time, 2) for r in result.result}
    return {
        "is_partial": is_partial,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "resolution_seconds": round(
            sum(time for name, time in models.items() if not name.startswith(_GOLDEN)), 2
        ),
        "models": models,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
