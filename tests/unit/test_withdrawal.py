"""Withdrawing a batch: what leaves raw, what stays, and what the next build does."""

from __future__ import annotations

from segmentry import warehouse
from segmentry.settings import Settings
from sources import landing, stages, staging, withdrawal
from sources.readers.records import Records

RECORDS = {
    "consents": ['{"status": "granted"}', '{"status": "Withdrawn"}', "no json"],
    "email_events": ['{"event_type": "open"}', '{"event_type": "Unsubscribed"}'],
    "events": ['{"context": {"consent": {"ads": true}}}', '{"context": {"consent": {"ads": false}}}', "{}"],
    "orders": ['{"status": "withdrawn"}'],
}


def test_a_batch_leaves_raw_but_for_its_opt_outs(home: Settings) -> None:
    stages.ensure_raw(home)
    left: dict[str, int] = {}
    with warehouse.connect(home) as lake:
        batches = {}
        for source, raws in RECORDS.items():
            item = landing.Input(source, f"{source}.x", source)
            landing.land(lake, item, [Records(list(range(len(raws))), list(raws), [None] * len(raws))])
            batches[source] = item.batch_id
        plan = staging.make_plan(lake, home.dbt_project, list(RECORDS))
        staging._mark(lake, plan)
    for source, batch in batches.items():
        assert withdrawal.withdraw(home, batch, "a mistake").source == source
    with warehouse.connect(home) as lake:
        for source in RECORDS:
            (left[source],) = lake.execute(f"select count(*) from lake.raw.{source}").fetchone() or (0,)
        again = staging.make_plan(lake, home.dbt_project, list(RECORDS))
        assert again.is_full_refresh and all(f"base_{source}+" in again.select for source in RECORDS)
        staging._mark(lake, again)
        assert staging.make_plan(lake, home.dbt_project, list(RECORDS)).select == ""
        trace = lake.execute("select sum(records), sum(kept_refusals) from observability.withdrawn_batches").fetchone()
    assert left == {"consents": 1, "email_events": 1, "events": 1, "orders": 0}
    assert trace == (6, 3)
