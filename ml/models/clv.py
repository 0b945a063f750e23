"""Customer lifetime value: what will a customer spend in the next 90 days?"""

from __future__ import annotations

from ml.spec import Estimator, ForecastSpec


def estimator() -> Estimator:
    """Boosted trees that forecast the mean: sums over people come out right, and most spend
    nothing.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="poisson", max_iter=120, learning_rate=0.04, max_leaf_nodes=6, min_samples_leaf=40,
        l2_regularization=10.0,
        max_features=0.3,
    )  # fmt: skip


MODEL = ForecastSpec(
    name="clv",
    description="Revenue after refunds expected of a customer in the 90 days after as_of.",
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
            greatest(
                coalesce(
                    sum(orders.net_revenue) filter (
                        where orders.ordered_at >= training_dates.as_of
                    ),
                    0
                ),
                0
            )::double as label
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.until_at
        where orders.profile_id is not null and not orders.is_cancelled
        group by orders.profile_id, training_dates.as_of
    """,
    heuristic="revenue_90d",
    estimator=estimator,
    unit="revenue in the shop's currency",
    rivals=("lifetime", "network"),
)
