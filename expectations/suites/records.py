"""Accepted records have their keys, and times and amounts that can be true."""

from __future__ import annotations

from collections.abc import Sequence

from expectations.suite import Rule, Suite, Table, View

_TIMES = "{0} < timestamp '1990-01-01' or {0} > timestamp '2200-01-01'"


def _table(relation: str, key: str, *rules: Rule, time: str = "") -> Table:
    times = [Rule(f"{time} lies between 1990 and 2200", _TIMES.format(time))] if time else []
    return Table(f"staging.{relation}", row_key="record_id", unique=(key,), rules=[*rules, *times])


def tables(view: View) -> Sequence[Table]:
    """The accepted records of each source that is there."""
    known = [
        _table(
            "stg_events__events",
            "event_id",
            Rule(
                "an event names somebody",
                "anonymous_id is null and user_id is null and previous_id is null and device_id is null",
                is_warning=True,
            ),
            time="event_at",
        ),
        _table(
            "stg_orders__orders",
            "order_id",
            Rule("a completed order's total is not negative", "status = 'completed' and total < 0"),
            time="ordered_at",
        ),
        _table("stg_crm_contacts__contacts", "contact_id", time="updated_at"),
        _table("stg_email_events__email_events", "event_id", time="occurred_at"),
        _table(
            "stg_consents__consents",
            "consent_id",
            Rule("a decision is granted, denied or withdrawn", "status not in ('granted', 'denied', 'withdrawn')"),
            time="occurred_at",
        ),
        _table("stg_subscriptions__changes", "change_id", time="changed_at"),
    ]
    return [table for table in known if view.has(table.relation)]


SUITE = Suite("raw", "Accepted records have keys, and times and amounts that can be true.", tables)
