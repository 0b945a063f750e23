"""Uplift: what does sending to a person add to what they buy in the next 30 days?"""

from __future__ import annotations

from ml.spec import Estimator, UpliftSpec


def estimator() -> Estimator:
    """Boosted trees, very small ones: effects are small next to the noise of outcomes."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=40, learning_rate=0.05, max_leaf_nodes=4, min_samples_leaf=60,
        l2_regularization=50.0, random_state=7,
    )  # fmt: skip


MODEL = UpliftSpec(
    name="uplift",
    description=(
        "Revenue that sending adds in 30 days, learnt from the hold-out of syncs with most people."
    ),
    population_sql="""
        select distinct orders.profile_id, training_dates.as_of
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.as_of
        where orders.profile_id is not null
    """,
    trial_relation="measurement.sync_assignments",
    # Syncs with one draw have the same people held out, so they are one treatment. A person with
    # both variants under one draw changed profile, and belongs to neither.
    trial_sql="""
        with assigned as (
            select
                draw,
                profile_id,
                max(cast(variant = 'sent' as integer)) as is_treated,
                min(assigned_at) as assigned_at
            from measurement.sync_assignments
            group by draw, profile_id
            having count(distinct variant) = 1
        ),
        draws as (
            select draw
            from assigned
            inner join training_dates on assigned.assigned_at <= training_dates.as_of
            group by draw
            order by count(*) filter (where is_treated = 0) desc, draw
            limit 1
        ),
        ended as (
            select assigned.profile_id, assigned.is_treated, assigned.assigned_at
            from assigned
            inner join draws on assigned.draw = draws.draw
            inner join training_dates on assigned.assigned_at <= training_dates.as_of
        )
        select
            ended.profile_id,
            ended.is_treated,
            ended.assigned_at,
            cast(coalesce(sum(orders.net_revenue), 0) as double) as label
        from ended
        left join marts.orders
            on ended.profile_id = orders.profile_id
            and orders.ordered_at > ended.assigned_at
            and orders.ordered_at <= ended.assigned_at + interval 30 day
        group by ended.profile_id, ended.is_treated, ended.assigned_at
    """,
    estimator=estimator,
    unit="revenue in the shop's currency",
)
