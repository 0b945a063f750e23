"""Upsell: will a customer move to a higher plan (or, in a shop without plans, a larger basket) in
the next 90 days?
"""

from __future__ import annotations

from ml.spec import Costs, Estimator, ModelSpec


def estimator() -> Estimator:
    """Boosted trees, small ones: upgrades are rare and a large tree would learn them by heart."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.04,
        max_leaf_nodes=6,
        min_samples_leaf=40,
        l2_regularization=10.0,
        max_features=0.3,
    )


# A basket tier rises when the mean basket of the window is at least half as large again as the mean
# basket before it.
TIER_RISE = 1.5

MODEL = ModelSpec(
    name="upsell",
    description=(
        "Probability of a plan upgrade (without plans: of a much larger basket) in the 90 days"
        " after as_of."
    ),
    population_sql="""
        select distinct orders.profile_id, training_dates.as_of
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.as_of
        where orders.profile_id is not null and not orders.is_cancelled
        union
        select distinct changes.profile_id, training_dates.as_of
        from marts.subscription_changes as changes
        inner join training_dates on changes.changed_at < training_dates.as_of
        where changes.profile_id is not null
    """,
    # A shop that has plans is asked about plans; one that has none about baskets.
    label_sql=f"""
        with plans as (
            select
                profile_id,
                changed_at,
                case plan when 'free' then 0 when 'basic' then 1 when 'pro' then 2
                    when 'premium' then 3 end as tier
            from marts.subscription_changes
            where profile_id is not null and status in ('trialing', 'active')
        ),
        upgrades as (
            select
                plans.profile_id,
                training_dates.as_of,
                coalesce(
                    max(tier) filter (where changed_at >= training_dates.as_of)
                    > coalesce(arg_max(tier, (changed_at, tier)) filter (where changed_at
                        < training_dates.as_of), 0),
                    false
                ) as has_risen
            from plans
            inner join training_dates on plans.changed_at < training_dates.until_at
            group by plans.profile_id, training_dates.as_of
        ),
        baskets as (
            select
                orders.profile_id,
                training_dates.as_of,
                coalesce(
                    avg(orders.net_revenue) filter (where orders.ordered_at >= training_dates.as_of)
                    >= {TIER_RISE} * avg(orders.net_revenue) filter (where orders.ordered_at
                        < training_dates.as_of),
                    false
                ) as has_risen
            from marts.orders
            inner join training_dates on orders.ordered_at < training_dates.until_at
            where orders.profile_id is not null and not orders.is_cancelled
                and not exists (select 1 from plans)
            group by orders.profile_id, training_dates.as_of
        )
        select profile_id, as_of, cast(bool_or(has_risen) as integer) as label
        from (select * from upgrades union all select * from baskets)
        group by profile_id, as_of
    """,
    heuristic="average_order_value",
    estimator=estimator,
    rivals=("logistic", "forest", "lightgbm"),
    costs=Costs(contact=0.5, missed=15.0, saved=0.2),
)
