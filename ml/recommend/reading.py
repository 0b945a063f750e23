"""Reads purchases, views and the catalogue from the lake, without people who refused profiling."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from ml.data.frames import Lake
from ml.recommend.policy import RecommendationPolicy
from ml.recommend.rules import ListRules
from segmentry import restrictions, warehouse
from segmentry.settings import Settings

REFUSED = "refused_recommendations"
# A guest is one person per order.
_BOUGHT = f"""
    select
        coalesce(items.profile_id, 'order:' || items.order_id) as person,
        items.profile_id is not null as is_known,
        items.order_id as basket,
        items.product_id,
        items.ordered_at as "at"
    from marts.order_items as items
    left join marts.orders as orders on items.order_id = orders.order_id
    left join {REFUSED} as refused on items.profile_id = refused.profile_id
    where items.product_id is not null and items.quantity > 0
        and not coalesce(orders.is_cancelled, false) and refused.profile_id is null
        and items.ordered_at < $as_of and items.ordered_at >= $since
    order by person, basket, items.product_id, items.ordered_at
"""
_VIEWED = f"""
    select events.profile_id as person, events.session_id as basket, events.product_id,
        max(events.event_at) as "at"
    from marts.events as events
    left join {REFUSED} as refused on events.profile_id = refused.profile_id
    where events.product_id is not null and events.session_id is not null
        and events.event = 'Product Viewed' and not coalesce(events.is_bot, false)
        and refused.profile_id is null
        and events.event_at < $as_of and events.event_at >= $since
    group by events.profile_id, events.session_id, events.product_id
    order by person, basket, events.product_id
"""


@dataclass(frozen=True)
class ShopHistory:
    """What people did before as_of.

    bought: columns person, is_known (a profile), basket, product_id and at, from twice the history
    on, so that a test period has a history of its own. viewed: person (None for visitors without a
    profile), basket (the visit), product_id and at.
    """

    as_of: datetime
    bought: pd.DataFrame
    viewed: pd.DataFrame
    rules: ListRules

    @property
    def content_hash(self) -> str:
        """A hash of all that lists depend on, besides the policy."""
        found = hashlib.sha256(self.as_of.isoformat().encode())
        for table in (self.bought, self.viewed):
            found.update(table.to_csv(index=False).encode())
        rules = (sorted(self.rules.inactive), sorted(self.rules.categories.items()))
        found.update(repr(rules).encode())
        return found.hexdigest()


def refused(settings: Settings) -> list[str]:
    """profile_ids of people who refused profiling, or whose data are under a restriction."""
    with warehouse.connect(settings, read_only=True) as lake:
        query = restrictions.refused_sql(lake, restrictions.PROFILING)
        return [profile for (profile,) in lake.execute(query).fetchall()]


def read(
    lake: Lake, as_of: datetime, policy: RecommendationPolicy, refusing: list[str]
) -> ShopHistory:
    """Everything that lists are made of; views and the catalogue may be missing."""
    warehouse.require(lake, "marts.order_items", made_by="marts")
    lake.execute(f"create or replace temp table {REFUSED} (profile_id varchar)")
    lake.execute(f"insert into {REFUSED} select unnest(?::varchar[])", [refusing])
    since = as_of - timedelta(days=2 * policy.history_days)
    bought = lake.execute(_BOUGHT, {"as_of": as_of, "since": since}).df()
    recent = {"as_of": as_of, "since": as_of - timedelta(days=policy.history_days)}
    viewed = lake.execute(_VIEWED, recent).df()
    return ShopHistory(as_of, bought, viewed, _rules(lake, policy))


def _rules(lake: Lake, policy: RecommendationPolicy) -> ListRules:
    rows: list[tuple[str, str | None, bool]] = []
    if warehouse.relation_exists(lake, "marts.products"):
        rows = lake.execute(
            "select product_id, category, coalesce(is_active, true) from marts.products"
        ).fetchall()
    inactive = {product for product, _, is_active in rows if not is_active}
    categories = {product: category for product, category, _ in rows if category}
    return ListRules(
        policy.size, inactive if policy.only_active else set(), categories, policy.max_per_category
    )
