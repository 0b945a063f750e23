"""Features that look ahead differ when they are computed from what was known; others do not."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ml.data import past
from ml.data.past import cut
from ml.data.statements import SOURCES, Known, Statements, stated
from ml.evaluate import recomputation
from ml.evaluate.recomputation import Findings
from segmentry import warehouse
from segmentry.settings import ROOT, Settings

CLOCK = datetime(2026, 6, 30)
TIMES = [CLOCK - timedelta(days=days) for days in (60, 30)]
PEOPLE = 60
KNOWN = {
    "staging.base_orders": Known(
        key="order_id", began_at="ordered_at", changed_at="updated_at",
        changing=("status", "refunded"),
    ),
    "identity.identifier_mapping": Known(
        began_at="first_seen_at", changed_at="last_seen_at", changing=("last_seen_at",)
    ),
}  # fmt: skip
CLOCK_SQL = "(select as_of from lake.observability.clock)"
SHOP = {
    "staging.stg_orders": (
        'select * from "lake"."staging"."base_orders"'
        " qualify row_number() over (partition by order_id order by updated_at desc) = 1"
    ),
    "marts.orders": f'from "lake"."staging"."stg_orders" where ordered_at < {CLOCK_SQL}',
    "marts.events": f'from "lake"."staging"."base_events" where event_at < {CLOCK_SQL}',
    "features.spine": (
        "select profile_id, as_of from (select distinct profile_id from"
        ' "lake"."identity"."identifier_mapping") cross join (select'
        f" {CLOCK_SQL} - to_days(unnest([0, 30, 60])) as as_of)"
    ),
}


def feature(expression: str, relation: str, condition: str) -> str:
    """A feature model of one or more columns."""
    return f"""
    select spine.profile_id, spine.as_of, {expression}
    from "lake"."features"."spine" as spine
    left join {relation} as facts on facts.profile_id = spine.profile_id and {condition}
    group by spine.profile_id, spine.as_of
    """


EVENTS = '"lake"."marts"."events"'
ORDERS = '"lake"."marts"."orders"'
MAPPING = '"lake"."identity"."identifier_mapping"'
POPULAR = f"""(
    select events.profile_id, events.event_at, popular.views from {EVENTS} as events
    inner join (select product_id, count(*) as views from {EVENTS} group by 1) as popular
        using (product_id)
)"""
VISITS = f"""(
    select profile_id, event_at, lead(event_at) over (partition by profile_id order by event_at)
        - event_at as gap from {EVENTS}
)"""
BEFORE = "facts.ordered_at < spine.as_of"
LEAKS = {
    "a_day": ("count(event_at) as n", EVENTS, "event_at < spine.as_of + interval 1 day"),
    "a_week": ("count(event_at) as n", EVENTS, "event_at < spine.as_of + interval 7 day"),
    "twenty_days": ("count(event_at) as n", EVENTS, "event_at < spine.as_of + interval 20 day"),
    "ever": ("count(event_at) as n", EVENTS, "true"),
    "days_around": (
        "avg(amount) as n", EVENTS, "abs(date_diff('day', event_at, spine.as_of)) <= 3",
    ),
    "until_the_clock": ("max(event_at) as n", EVENTS, f"event_at < {CLOCK_SQL}"),
    "joined_orders": (
        "coalesce(sum(total), 0) as n", ORDERS, "ordered_at < spine.as_of + interval 9 day",
    ),
    "joined_popularity": ("max(views) as n", POPULAR, "event_at < spine.as_of"),
    "next_visit": ("max(gap) as n", VISITS, "event_at < spine.as_of"),
    "update_time": ("max(updated_at) as n", ORDERS, BEFORE),
    "late_status": ("count(*) filter (where status = 'cancelled') as n", ORDERS, BEFORE),
    "late_refund": ("coalesce(sum(refunded), 0)::double as n", ORDERS, BEFORE),
    "identifiers": ("count(identifier) as n", MAPPING, "true"),
    "last_seen": ("max(last_seen_at) as n", MAPPING, "first_seen_at < spine.as_of"),
}  # fmt: skip


def clean() -> dict[str, str]:
    """Two hundred features that know nothing of later."""
    windows = [1, 2, 3, 5, 7, 10, 14, 20, 30, 365]
    events = [
        f"{measure} filter (where event_at >= spine.as_of - interval {days} day) as e{n}_{days}"
        for n, measure in enumerate(
            ["count(event_at)", "sum(amount)", "avg(amount)", "max(event_at)", "min(amount)",
             "stddev(amount)", "count(distinct product_id)", "max(product_id)", "mode(product_id)",
             "median(amount)"]
        )
        for days in windows
    ]  # fmt: skip
    settled = " and status = 'cancelled' and updated_at < spine.as_of"
    orders = [
        f"{measure} filter (where ordered_at >= spine.as_of - interval {days} day{condition})"
        f" as o{n}_{days}"
        for n, (measure, condition) in enumerate(
            [
                (measure, condition)
                for measure in ("count(order_id)", "sum(total)", "avg(total)", "max(total)",
                                "min(ordered_at)")
                for condition in ("", settled)
            ]
        )
        for days in windows
    ]  # fmt: skip
    return {
        "features.features__clean_events": feature(
            ", ".join(events), EVENTS, "event_at < spine.as_of"
        ),
        "features.features__clean_orders": feature(", ".join(orders), ORDERS, BEFORE),
    }


def tables(random: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Events of every day, and orders half of which are cancelled or refunded later."""
    start = CLOCK - timedelta(days=120)
    count = PEOPLE * 120
    events = pd.DataFrame(
        {
            "profile_id": [f"p{n % PEOPLE}" for n in range(count)],
            "event_at": [start + timedelta(hours=float(h)) for h in random.uniform(0, 2880, count)],
            "product_id": random.integers(0, 20, count),
            "amount": random.gamma(2, 10, count),
        }
    )
    events["occurred_at"] = events["event_at"]
    placed = [start + timedelta(days=float(d)) for d in random.uniform(0, 120, 600)]
    orders = pd.DataFrame(
        {
            "record_id": [f"r{n}" for n in range(600)],
            "order_id": [f"o{n}" for n in range(600)],
            "profile_id": [f"p{n % PEOPLE}" for n in range(600)],
            "ordered_at": placed,
            "updated_at": placed,
            "status": "completed",
            "refunded": 0.0,
            "total": random.gamma(3, 20, 600),
        }
    )
    later = orders[::2].copy()
    later["record_id"] += "b"
    later["updated_at"] += pd.to_timedelta(random.uniform(1, 40, len(later)), unit="D")
    later["status"] = np.where(random.random(len(later)) < 0.5, "cancelled", "refunded")
    later["refunded"] = later["total"]
    # Of some orders the lake has the newest state alone, as after a first historical load.
    orders = pd.concat([orders[orders.index % 6 != 0], later], ignore_index=True)
    orders["occurred_at"] = orders["updated_at"]
    orders["outcome"] = "accepted"
    mapping = pd.DataFrame(
        [
            (kind, f"{kind}{n}", f"p{n}", start + timedelta(days=day), CLOCK - timedelta(days=1))
            for n in range(PEOPLE)
            for kind, day in (("cookie", -1), ("email", n * 2))
        ],
        columns=["identifier_type", "identifier", "profile_id", "first_seen_at", "last_seen_at"],
    )
    return {
        "staging.base_events": events,
        "staging.base_orders": orders,
        "identity.identifier_mapping": mapping,
        "observability.clock": pd.DataFrame({"as_of": [CLOCK]}),
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with records and no features."""
    settings = Settings.from_environment(
        {"SEGMENTRY_HOME": str(tmp_path_factory.mktemp("recomputed") / "home")}
    )
    warehouse.prepare(settings)
    with warehouse.connect(settings) as lake:
        for relation, frame in tables(np.random.default_rng(5)).items():
            lake.register("frame", frame)
            lake.execute(f"create table lake.{relation} as from frame")
    return settings


def compared(
    settings: Settings,
    models: dict[str, str],
    known: dict[str, Known] | None = None,
    *,
    is_stored: bool = False,
) -> Findings:
    statements = Statements({**SHOP, **models}, {**SOURCES, **(KNOWN if known is None else known)})
    with warehouse.connect(settings, read_only=True) as lake:
        snapshot = warehouse.current_snapshot(lake)
    names = [relation.partition(".")[2] for relation in models]
    return recomputation.compare(
        settings, statements, names, TIMES, snapshot=snapshot, is_stored=is_stored
    )


def planted(name: str) -> dict[str, str]:
    return {f"features.features__{name}": feature(*LEAKS[name])}


def test_every_planted_leak_is_found_and_no_clean_feature_is_accused(shop: Settings) -> None:
    every = {**clean(), **{k: v for name in LEAKS for k, v in planted(name).items()}}
    found = compared(shop, every)
    assert found.unproven == {}
    assert found.columns == 200 + len(LEAKS)
    assert {(d.table, d.column) for d in found.differences} == {
        (f"features__{name}", "n") for name in LEAKS
    }


@pytest.mark.parametrize("name", ["a_day", "late_status"])
def test_a_leak_is_named_with_its_rows_and_an_example_of_nobody(shop: Settings, name: str) -> None:
    (found,) = compared(shop, planted(name)).differences
    assert 0 < found.rows <= found.compared == PEOPLE * len(TIMES)
    assert f"features.features__{name}.n differs in {found.rows}" in str(found)
    assert "was known at 2026-0" in found.example


def test_text_of_records_is_not_shown(shop: Settings) -> None:
    model = feature("max(status) as n", ORDERS, "ordered_at < spine.as_of + interval 30 day")
    (found,) = compared(shop, {"features.features__text": model}).differences
    assert found.example == "two texts"


def test_some_people_are_enough_in_a_large_lake(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse.connect(shop) as lake:
        lake.execute("alter table lake.staging.base_events add column user_id varchar")
        lake.execute("update lake.staging.base_events set user_id = 'cookie' || profile_id[2:]")
    monkeypatch.setattr(past, "MOST_RECORDS", 3_000)
    found = compared(shop, {**clean(), **planted("a_week")})
    assert {d.table for d in found.differences} == {"features__a_week"}
    assert 0 < found.differences[0].compared < PEOPLE * len(TIMES)


def test_rows_of_the_lake_are_compared_as_they_are_stored(shop: Settings) -> None:
    model = {"features.features__stored": feature("count(event_at) as n, 0.1 as same", EVENTS,
                                                  "event_at < spine.as_of")}  # fmt: skip
    with warehouse.connect(shop) as lake:
        lake.execute("""
            create or replace table lake.features.features__stored as
            select p.profile_id, t.as_of, count(e.event_at) as n, 0.1 as same
            from (select distinct profile_id from lake.identity.identifier_mapping) as p
            cross join (select timestamp '2026-06-30' - to_days(unnest([30, 60])) as as_of) as t
            left join lake.staging.base_events as e
                on e.profile_id = p.profile_id and e.event_at < t.as_of
            group by all
        """)
    assert compared(shop, model, is_stored=True).differences == ()
    with warehouse.connect(shop) as lake:
        lake.execute("update lake.features.features__stored set n = n + 1 where profile_id = 'p3'")
    (found,) = compared(shop, model, is_stored=True).differences
    assert (found.column, found.rows) == ("n", len(TIMES))


def test_what_cannot_be_proven_is_named(shop: Settings) -> None:
    with warehouse.connect(shop) as lake:
        lake.execute(
            "create or replace table lake.staging.own as select 'p1' as profile_id, 1 as v"
        )
    models = {
        "features.features__own": feature("max(v) as n", "lake.staging.own", "true"),
        "features.features__broken": feature("max(absent) as n", EVENTS, "true"),
        "features.features__lost": feature("max(v) as n", "lake.staging.nowhere", "true"),
    }
    found = compared(shop, models).unproven
    assert found["features__own"] == "nothing states since when staging.own is known"
    assert found["features__broken"] == "it cannot be computed again: BinderException"
    assert "staging.nowhere" in found["features__lost"]
    only = Statements(SHOP, KNOWN)
    made = past.Made(frozenset(), {}, frozenset())
    reason = recomputation.why_unproven(only, made, "features__unknown")
    assert reason == "no model of the dbt project makes it"


def test_a_record_of_one_late_state_is_kept_without_what_changes(shop: Settings) -> None:
    """The newest state of a first load does not state what the order was before."""
    counted = {"features.features__n": feature("count(order_id) as n", ORDERS, BEFORE)}
    assert compared(shop, counted).differences == ()
    without = {"staging.base_orders": Known(began_at="updated_at")}
    assert compared(shop, counted, without).differences


def test_the_project_states_how_its_inputs_are_known() -> None:
    found = stated(ROOT / "dbt_project" / "models")
    assert {"staging.base_orders", "staging.base_support_tickets", "staging.base_products",
            "identity.identifier_mapping"} <= set(found)  # fmt: skip
    assert found["staging.base_orders"].changing == ("status", "refunded")
    columns = ["occurred_at", "updated_at", "ordered_at", "status", "refunded", "order_id"]
    query = cut("stored.staging.base_orders", columns, found["staging.base_orders"], CLOCK)
    assert query is not None and "union all by name" in query
