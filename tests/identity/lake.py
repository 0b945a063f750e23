"""A small lake for identity and marts: staging tables written straight, then the real dbt models
over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from identity import policy, stages
from segmentry import clock, dbt, money, waiting, warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext

START = datetime(2026, 1, 1)
AS_OF = datetime(2026, 6, 1)

_EVIDENCE = (
    "record_id varchar, _batch_id varchar, _file varchar, _line bigint, _loaded_at timestamp"
)
_TABLES: Mapping[str, tuple[str, str]] = {
    "stg_events__events": (
        "event_at",
        (
            "event_id varchar, type varchar, event varchar, page_name varchar, anonymous_id"
            " varchar, user_id varchar, previous_id varchar, group_id varchar, event_at timestamp,"
            " received_at timestamp, product_id varchar, product_name varchar, category varchar,"
            " brand varchar, price decimal(18, 4), quantity decimal(18, 4), order_id varchar,"
            " revenue decimal(18, 4), currency varchar, search_query varchar, device_id varchar,"
            " device_type varchar, os_name varchar, browser_name varchar, country varchar, region"
            " varchar, city varchar, timezone varchar, locale varchar, utm_source varchar,"
            " utm_medium varchar, utm_campaign varchar, referrer varchar, tracker_session_id"
            " varchar, page_path varchar,"
            " page_url varchar, user_agent varchar, trait_email varchar, trait_phone varchar,"
            " trait_birthday date, trait_gender varchar, consent varchar, properties varchar,"
            " traits varchar"
        ),
    ),
    "stg_orders__orders": (
        "ordered_at",
        (
            "order_id varchar, ordered_at timestamp, updated_at timestamp, status varchar, user_id"
            " varchar, anonymous_id varchar, email varchar, phone varchar, is_guest boolean,"
            " currency varchar, subtotal decimal(18, 4), discount decimal(18, 4), shipping"
            " decimal(18, 4), tax decimal(18, 4), total decimal(18, 4), refunded decimal(18, 4),"
            " coupon varchar, payment_method varchar, channel varchar, items varchar"
        ),
    ),
    "stg_orders__order_items": (
        "ordered_at",
        (
            "order_item_id varchar, order_id varchar, ordered_at timestamp, product_id varchar,"
            " product_name varchar, category varchar, quantity decimal(18, 4), unit_price"
            " decimal(18, 4), unit_cost decimal(18, 4), amount decimal(18, 4), cost decimal(18, 4)"
        ),
    ),
    "stg_crm_contacts__contacts": (
        "created_at",
        (
            "contact_id varchar, email varchar, phone varchar, first_name varchar, last_name"
            " varchar, birth_date date, gender varchar, country varchar, region varchar, city"
            " varchar, postal_code varchar, income_band varchar, marital_status varchar,"
            " household_size bigint, education varchar, occupation varchar, loyalty_id varchar,"
            " user_id varchar, lifecycle_stage varchar, lead_source varchar, created_at timestamp,"
            " updated_at timestamp"
        ),
    ),
    "stg_email_events__email_events": (
        "occurred_at",
        (
            "event_id varchar, event_type varchar, email varchar, campaign_id varchar,"
            " campaign_name varchar, subject varchar, link_url varchar, anonymous_id varchar,"
            " user_agent varchar, occurred_at timestamp"
        ),
    ),
    "stg_support_tickets__tickets": (
        "created_at",
        (
            "ticket_id varchar, email varchar, user_id varchar, subject varchar, body varchar,"
            " channel varchar, priority varchar, status varchar, category varchar, created_at"
            " timestamp, updated_at timestamp, resolved_at timestamp, satisfaction bigint"
        ),
    ),
    "stg_surveys__responses": (
        "submitted_at",
        (
            "response_id varchar, survey varchar, email varchar, user_id varchar, submitted_at"
            " timestamp, answers varchar, comment varchar, price_sensitivity bigint, brand_loyalty"
            " bigint, tech_affinity bigint, research_habit bigint, impulse_buying bigint,"
            " sustainability bigint, luxury_interest bigint, nps bigint, csat bigint, ces bigint"
        ),
    ),
    "stg_products__products": (
        "created_at",
        (
            "product_id varchar, sku varchar, name varchar, category varchar, subcategory varchar,"
            " brand varchar, price decimal(18, 4), cost decimal(18, 4), currency varchar, is_luxury"
            " boolean, is_active boolean, created_at timestamp, updated_at timestamp"
        ),
    ),
    "stg_subscriptions__changes": (
        "changed_at",
        (
            "change_id varchar, subscription_id varchar, user_id varchar, email varchar, plan"
            " varchar, status varchar, mrr decimal(18, 4), currency varchar, billing_period"
            " varchar, started_at timestamp, changed_at timestamp, ended_at timestamp"
        ),
    ),
    "stg_consents__consents": (
        "occurred_at",
        (
            "consent_id varchar, identifier_type varchar, identifier varchar, purpose varchar,"
            " channel varchar, status varchar, jurisdiction varchar, occurred_at timestamp, source"
            " varchar, proof varchar, consent_string varchar"
        ),
    ),
    "stg_online_retail__orders": (
        "ordered_at",
        (
            "order_id varchar, ordered_at timestamp, status varchar, customer_id varchar, is_guest"
            " boolean, country varchar, currency varchar, items bigint, subtotal decimal(18, 4),"
            " shipping decimal(18, 4), total decimal(18, 4), refunded decimal(18, 4)"
        ),
    ),
    "stg_online_retail__order_items": (
        "ordered_at",
        (
            "order_item_id varchar, order_id varchar, ordered_at timestamp, customer_id varchar,"
            " product_id varchar, product_name varchar, item_kind varchar, quantity decimal(18, 4),"
            " unit_price decimal(18, 4), amount decimal(18, 4)"
        ),
    ),
}

# What marts read of records beyond those that staging accepts: the base tables, and rates.
_BASES: Mapping[str, str] = {
    "base_events": "stg_events__events",
    "base_crm_contacts": "stg_crm_contacts__contacts",
    "base_orders": "stg_orders__orders",
    "base_support_tickets": "stg_support_tickets__tickets",
    "base_consents": "stg_consents__consents",
    "base_email_events": "stg_email_events__email_events",
}
_RATES = f"rate_date date, currency varchar, per_eur decimal(18, 8), {_EVIDENCE}"

Group = frozenset[str]


@dataclass
class Lake:
    """Staging of one home; times are days after START unless given."""

    settings: Settings

    def __post_init__(self) -> None:
        with warehouse.connect(self.settings) as lake:
            for name, (_, columns) in _TABLES.items():
                lake.execute(f"create table lake.staging.{name} ({columns}, {_EVIDENCE})")
            for name, accepted in _BASES.items():
                columns = _TABLES[accepted][1]
                judged = (
                    "outcome varchar, reason varchar, detail varchar, _source varchar, _raw varchar"
                )
                judged += "" if "occurred_at" in columns else ", occurred_at timestamp"
                lake.execute(f"create table lake.staging.{name} ({columns}, {judged}, {_EVIDENCE})")
            lake.execute(f"create table lake.staging.stg_exchange_rates__rates ({_RATES})")
        clock.decide(RunContext(self.settings, AS_OF))

    def add(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Append records; ``day`` (a number) gives the record's time, ``id`` its evidence key."""
        at = _TABLES[table][0]
        with warehouse.connect(self.settings) as lake:
            lake.execute("begin")
            existing = lake.execute(f"select count(*) from lake.staging.{table}").fetchone()
            begin = existing[0] if existing else 0
            for number, row in enumerate(rows, start=begin):
                values = {k: v for k, v in row.items() if k not in {"day", "id", "batch"}}
                values.setdefault(at, START + timedelta(days=row.get("day", 0)))
                values["record_id"] = row.get("id", f"{table}:{number}")
                values["_batch_id"] = row.get("batch", f"{table}:{begin}")
                values["_line"] = number
                values["_loaded_at"] = values[at]
                marks = ", ".join("?" for _ in values)
                lake.execute(
                    f"insert into lake.staging.{table} ({', '.join(values)}) values ({marks})",
                    list(values.values()),
                )
            lake.execute("commit")

    def event(self, cookie: str | None = None, user: str | None = None, **more: Any) -> None:
        """One event; ``day`` gives its time."""
        self.add("stg_events__events", event_row(cookie, user, **more))

    def resolve(self, as_of: datetime = AS_OF, *, full_refresh: bool = False) -> None:
        """Run the identity stage at as_of: as a run does, or from the beginning."""
        context = RunContext(self.settings, as_of)
        clock.decide(context)
        if not full_refresh:
            stages.resolve(context)
            return
        policy.write_policy(self.settings)
        dbt.build(self.settings, "path:models/identity", full_refresh=True)

    def marts(self) -> None:
        """Build marts, and what staging makes of rates for them."""
        money.write_policy(self.settings)
        with warehouse.connect(self.settings) as lake:
            waiting.ensure(lake)
        dbt.build(self.settings, "reporting_currency currency_rates order_rates path:models/marts")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query on the lake."""
        with warehouse.connect(self.settings, read_only=True) as lake:
            return warehouse.records(lake, sql)

    def groups(self) -> set[Group]:
        """Who is one person: sets of ``type:identifier``."""
        rows = self.rows(
            "select list(identifier_type || ':' || identifier) as members from"
            " identity.identifier_mapping group by profile_id"
        )
        return {frozenset(row["members"]) for row in rows}

    def profile_of(self, name: str) -> str:
        """profile_id of ``type:identifier``."""
        kind, _, identifier = name.partition(":")
        (row,) = self.rows(
            f"select profile_id from identity.identifier_mapping where identifier_type='{kind}'"
            f" and identifier='{identifier}'"
        )
        return str(row["profile_id"])

    def refused(self) -> dict[Group, str]:
        """Refused links by their two ends, with the reason."""
        rows = self.rows("select * from identity.refused_links")
        return {
            frozenset(
                {
                    f"{r['left_type']}:{r['left_identifier']}",
                    f"{r['right_type']}:{r['right_identifier']}",
                }
            ): r["reason"]
            for r in rows
        }


def event_row(cookie: str | None = None, user: str | None = None, **more: Any) -> dict[str, Any]:
    """A staging event with a key of its own content."""
    row = {
        "type": "track",
        "event": "Product Viewed",
        "anonymous_id": cookie,
        "user_id": user,
        **more,
    }
    key = "|".join(str(value) for value in row.values())
    return {"event_id": key, "id": key, **row}


def groups(*members: Iterable[str]) -> set[Group]:
    """Expected groups, for comparison with ``Lake.groups``."""
    return {frozenset(group) for group in members}
