"""The whole chain from raw records to audiences, built run by run, has the same rows as after full
rebuilds.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmentry import restrictions, waiting
from segmentry.freshness import SCHEMAS
from tests.dbt_sql import Project
from tests.identity.memory import START, Link, Memory

pytestmark = pytest.mark.slow

LAYERS = (*SCHEMAS, "activation")
FOLDERS = (
    "portable",
    "staging",
    "identity",
    "marts",
    "features",
    "observability",
    "segments",
    "audiences",
)
LATE_BY_HOURS = 60
RAW = (
    "(_source varchar, _file varchar, _line bigint, _loaded_at timestamp, _batch_id varchar, _raw"
    " varchar, _problem varchar)"
)
# Sources without records in this shop: built once, without a row.
STILL = (
    "staging/base_{consents,crm_contacts,email_events,exchange_rates,online_retail,products,subscriptions,support_tickets,surveys}",
    (
        "staging/stg_consents__consents staging/stg_email_events__email_events"
        " staging/stg_online_retail__lines"
    ),
    (
        "staging/stg_online_retail__orders staging/stg_online_retail__order_items"
        " staging/stg_products__products"
    ),
    (
        "staging/stg_subscriptions__changes staging/stg_support_tickets__tickets"
        " staging/stg_surveys__responses"
    ),
    "staging/stg_exchange_rates__rates",
)
MARTS = (
    "categories messages tickets surveys products subscription_changes order_profiles orders"
    " order_items"
)
CONSENT = (
    "quarantined_refusals consent_decisions consent_matches consents identifier_homes consent_reach"
    " waiting_reach restricted_profiles consent_standings profile_standings address_standings"
)
HELPERS = "spine activity_days category_days order_facts pattern_moments session_contexts"
SUBJECTS = (
    "behaviour orders categories engagement context subscription surveys journey patterns texts"
)
EMPTY = (
    (
        "ml.scores (profile_id varchar, model varchar, as_of timestamp, score double, model_version"
        " varchar, scored_at timestamp, outcome varchar)"
    ),
    (
        "ml.cluster_assignments (profile_id varchar, as_of timestamp, cluster_id integer, persona"
        " varchar, confidence double, model_version varchar)"
    ),
    (
        "ml.text_tags (kind varchar, text_id varchar, text_hash varchar, language varchar, topic"
        " varchar, sentiment double, model_version varchar, tagged_as_of timestamp)"
    ),
    "activation.suppressions (identifier_type varchar, identifier varchar, channel varchar)",
    f"{waiting.TABLE} ({waiting.COLUMNS})",
    f"{restrictions.TABLE} ({restrictions.COLUMNS})",
    (
        "observability.money_policy as select 'EUR' as reporting_currency, 'EUR' as"
        " default_currency, 7 as max_rate_age_days, 10000000 as max_order_total"
    ),
)
# Two releases: a rule that changes, a segment that is removed, one that is new and waits, two that
# exclude each other.
RELEASES = [
    {
        "seen": {"predicate": "page_views_7d > 0 or product_views_7d > 1"},
        "former": {"predicate": "orders_lifetime > 0"},
    },
    {
        "seen": {"predicate": "product_views_7d > 0", "exclusive_group": "one", "priority": 2},
        "patient": {
            "predicate": "sessions_7d > 1",
            "stay_while": "sessions_30d > 0",
            "enter_after": 86400,
        },
        "buyers": {
            "predicate": "orders_90d > 0 and value_bracket <> 'none'",
            "exclusive_group": "one",
        },
    },
]
RULE = {
    "version": "1", "owner": "test", "purpose": "analytics", "priority": 1, "exclusive_group": None,
    "action": None,
    "enter_after": 0, "exit_after": 0, "min_stay": 0, "min_size": 0, "merge_into": None,
    "stay_while": None,
    "max_changed_share": None,
}  # fmt: skip
COMPARED = {
    "staging": "base_events base_orders",
    "identity": "identifier_mapping",
    "marts": "events sessions orders journey_transitions",
    "features": " ".join(f"features__{subject}" for subject in SUBJECTS.split()),
    "profiles": "profiles",
    "segments": "dwell_states membership_history segment_memberships",
    "audiences": "candidates aud_segment_export",
}

COOKIES = st.sampled_from(["c1", "c2", None])
USERS = st.sampled_from(["u1", "u2", None])
# Hours back from the clock of the run: within it, from before it, and within half an hour of each
# other.
AGES = st.sampled_from([0.2, 0.6, 1.0, 24.0, 25.0, 47.5, LATE_BY_HOURS])
NAMES = st.sampled_from(["Product Viewed", "Product Added", "Signed In", "page"])
EVENTS = st.lists(st.tuples(st.integers(0, 11), AGES, COOKIES, USERS, NAMES), max_size=5)
ORDERS = st.lists(
    st.tuples(st.integers(0, 2), AGES, USERS, st.sampled_from(["completed", "cancelled"])),
    max_size=2,
)
RUNS = st.lists(
    st.fixed_dictionaries(
        {
            "events": EVENTS,
            "orders": ORDERS,
            "parted": (
                st.none() | st.tuples(st.sampled_from(["u1", "u2"]), st.sampled_from(["c1", "c2"]))
            ),
            "release": st.sampled_from([0, 0, 1]),
            "hours": st.sampled_from([0, 1, 24, 100]),
        }
    ),
    min_size=2,
    max_size=3,
)


class Shop:
    """One home in memory. is_kept: builds are incremental, else each run rebuilds everything."""

    def __init__(self, *, is_kept: bool) -> None:
        self.is_kept = is_kept
        self.memory = Memory()
        self.run = self.memory.connection.execute
        for layer in LAYERS:
            self.run(f"create schema if not exists {layer}")
        self.project = self.memory.project = Project(self.memory.connection, FOLDERS)
        self.project.variables["spine_days"] = [0, 2]
        for source in self.project.call("landed_sources")[1:-1].replace("'", "").split(", "):
            self.run(f"create table raw.{source} {RAW}")
        for table in EMPTY:
            self.run(f"create table {table}")
        self.clock = START + timedelta(days=5)
        self.memory.resolve(self.clock)
        for line in STILL:
            for model in _spread(line):
                self.project.table(model)

    def land(self, number: int, run: dict[str, Any]) -> None:
        """What came since the last run: late events, messages sent twice, changed orders, one
        person parted in two.
        """
        self.clock += timedelta(hours=run["hours"])
        loaded_at = START + timedelta(days=30, seconds=number)
        events = [self._event(*event) for event in run["events"]]
        for source, records in (
            ("events", events),
            ("orders", [self._order(*order) for order in run["orders"]]),
        ):
            for line, record in enumerate(records, start=1):
                values = [
                    source,
                    f"{number}",
                    line,
                    loaded_at,
                    f"{source}{number}",
                    json.dumps(record),
                ]
                self.run(f"insert into raw.{source} values (?, ?, ?, ?, ?, ?, null)", values)
        linked = "select anonymous_id, user_id, event_at from staging.stg_events__events"
        self._stage()
        self.memory.forget([])
        self.run("delete from claims")
        self.memory.add(
            link
            for cookie, user, at in self.run(linked).fetchall()
            for link in _links(cookie, user, (at - START).days)
        )
        if run["parted"]:
            user, cookie = run["parted"]
            self.memory.cut(f"user_id:{user}", f"cookie:{cookie}")

    def _event(
        self, number: int, age: float, cookie: str | None, user: str | None, name: str
    ) -> dict[str, Any]:
        what = (
            {"type": "page", "name": "Home"} if name == "page" else {"type": "track", "event": name}
        )
        at = self.clock - timedelta(hours=age)
        properties = {"product_id": f"p{number % 2}", "category": "Books"}
        ids = {"messageId": f"e{number}", "anonymousId": cookie, "userId": user}
        context = (
            {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)"} if number % 7 == 0 else {}
        )
        return {
            **ids,
            **what,
            "timestamp": f"{at.isoformat()}Z",
            "properties": properties,
            "context": context,
        }

    def _order(self, number: int, age: float, user: str | None, status: str) -> dict[str, Any]:
        at = (self.clock - timedelta(hours=age)).isoformat() + "Z"
        money = {"subtotal": "9", "total": f"{9 + number}", "refunded": "0", "items": "[]"}
        return {
            "order_id": f"o{number}",
            "ordered_at": at,
            "updated_at": at,
            "status": status,
            "user_id": user,
            **money,
        }

    def _stage(self) -> None:
        for source in ("events", "orders"):
            if not self.is_kept:
                self.run(f"drop table if exists staging.base_{source}")
            self.project.append(f"staging/base_{source}")
        self._tables("staging", "stg_events__events stg_orders__orders stg_orders__order_items")
        self._tables("staging", "reporting_currency currency_rates order_rates")

    def build(self, release: int) -> None:
        """Everything after staging."""
        self.memory.resolve(self.clock, is_whole=not self.is_kept)
        traits = ("first_name", "phone", "country", "email")
        self.run(
            "create or replace table identity.traits as select distinct profile_id, "
            + ", ".join(f"profile_id || '{name}' as {name}" for name in traits)
            + " from identity.identifier_mapping"
        )
        for name in () if self.is_kept else ("sessions", "events"):
            self.run(f"drop table if exists marts.{name}")
        self.project.environment = {}
        self.project.python("marts/crawler_agents")
        self._tables("marts", "event_profiles crawler_profiles touched_visits")
        for name in ("events", "sessions"):
            self.project.append(f"marts/{name}")
        self.project.python("marts/consent_answers")
        self._tables("marts", f"{MARTS} {CONSENT} journey_transitions")
        self._tables("features", HELPERS)
        self._tables("features", " ".join(f"features__{subject}" for subject in SUBJECTS.split()))
        self._tables("profiles", "profile_scores profile_consents profiles")
        self._evaluate(release)
        self._tables("audiences", "suppressed_contacts candidates aud_segment_export")

    def _evaluate(self, release: int) -> None:
        definitions = [
            {**RULE, **rule, "segment": name, "version": f"{release}"}
            for name, rule in RELEASES[release].items()
        ]
        self.project._jinja.globals["segment_definitions"] = lambda: definitions
        self.project.table("segments/proposed_rules")
        self.project.python("segments/predicate_matches")
        for model in ("segment_matches", "membership_changes", "segment_rules"):
            self.project.table(f"segments/{model}")
        for model in (
            "dwell_states",
            "effective_members",
            "membership_history",
            "segment_memberships",
        ):
            if model in {"dwell_states", "membership_history"}:
                self.project.upsert(f"segments/{model}", ["stay_id"])
                self.project.clean()
            else:
                self.project.table(f"segments/{model}")

    def _tables(self, layer: str, names: str) -> None:
        for name in names.split():
            self.project.table(f"{layer}/{name}")

    def rows(self, relation: str) -> list[tuple[Any, ...]]:
        return self.run(f"select * from {relation} order by all").fetchall()


def _spread(line: str) -> list[str]:
    head, brace, tail = line.partition("{")
    return [head + name for name in tail.rstrip("}").split(",")] if brace else line.split()


def _links(cookie: str | None, user: str | None, day: int) -> list[Link]:
    if cookie and user:
        return [Link("login", f"user_id:{user}", f"cookie:{cookie}", day)]
    return [Link("seen", f"cookie:{cookie}" if cookie else f"user_id:{user}", "", day)]


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs=RUNS)
def test_incremental_runs_equal_full_rebuilds(runs: list[dict[str, Any]]) -> None:
    kept = Shop(is_kept=True)
    whole = Shop(is_kept=False)
    for number, run in enumerate(runs):
        for shop in (kept, whole):
            shop.land(number, run)
            shop.build(run["release"])
        for layer, names in COMPARED.items():
            for name in names.split():
                assert kept.rows(f"{layer}.{name}") == whole.rows(f"{layer}.{name}"), (
                    f"{layer}.{name}"
                )
