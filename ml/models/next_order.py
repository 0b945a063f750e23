"""Next order: in how many days will a customer order again?"""

from __future__ import annotations

from ml.spec import Estimator, ForecastSpec


def estimator() -> Estimator:
    """Boosted trees that forecast the mean."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="poisson", max_iter=120, learning_rate=0.04, max_leaf_nodes=6, min_samples_leaf=40,
        l2_regularization=10.0,
        max_features=0.3,
    )  # fmt: skip


# Who has not ordered within the horizon counts as the whole horizon: the mean of that is known
# without waiting longer, and needs no assumption about those who never come back.
MODEL = ForecastSpec(
    name="next_order",
    description="Days until the next order, 90 where none comes within 90 days (restricted mean).",
    population_sql="""
        select distinct orders.profile_id, training_dates.as_of
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.as_of
        where orders.profile_id is not null and not orders.is_cancelled
    """,
    label_sql="""
        select
            orders.profile_id,
            training_dates.as_of,
            coalesce(
                date_diff(
                    'second',
                    training_dates.as_of,
                    min(orders.ordered_at) filter (
                        where orders.ordered_at >= training_dates.as_of
                    )
                ) / 86400.0,
                90.0
            )::double as label
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.until_at
        where orders.profile_id is not null and not orders.is_cancelled
        group by orders.profile_id, training_dates.as_of
    """,
    heuristic="days_since_last_order",
    estimator=estimator,
    unit="days, 90 at most",
    most=90.0,
)
