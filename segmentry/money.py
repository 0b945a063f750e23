"""The money part of the policy, carried into the lake for the models that convert amounts."""

from __future__ import annotations

from typing import Any

import duckdb

from segmentry import configuration, tables, warehouse
from segmentry.settings import Settings

RELATION = "observability.money_policy"
COLUMNS = (
    "reporting_currency varchar, default_currency varchar, max_rate_age_days integer,"
    " max_order_total decimal(18, 4)"
)
BUILT = "staging.reporting_currency"
# max_rate_age_days: the ECB publishes on working days; a week covers Easter and Christmas.
# max_order_total: above ten million units of the reporting currency an order of a shop is an error
# of unit.
DEFAULTS: dict[str, Any] = {
    "reporting_currency": "EUR",
    "max_rate_age_days": 7,
    "max_order_total": 10_000_000,
}


def policy(settings: Settings) -> dict[str, Any]:
    """``money`` of policies.yml with its defaults; the default currency is the reporting currency
    unless set.
    """
    stated = {**DEFAULTS, **(configuration.policies(settings).get("money") or {})}
    return {"default_currency": stated["reporting_currency"], **stated}


def write_policy(settings: Settings) -> None:
    """Bring the policy table of the lake up to the file; one that already agrees is left alone."""
    stated = policy(settings)
    names = ("reporting_currency", "default_currency", "max_rate_age_days", "max_order_total")
    with warehouse.connect(settings) as lake:
        tables.replace_rows(lake, RELATION, COLUMNS, [tuple(stated[name] for name in names)])


def is_stale(lake: duckdb.DuckDBPyConnection) -> bool:
    """Whether staging was built under another policy than the lake now has."""
    if not warehouse.relation_exists(lake, BUILT):
        return False
    names = "default_currency, max_rate_age_days, max_order_total"
    wanted = lake.execute(f"select reporting_currency, {names} from lake.{RELATION}").fetchall()
    return wanted != lake.execute(f"select wanted_currency, {names} from lake.{BUILT}").fetchall()
