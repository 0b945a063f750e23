"""Churn: will a customer place no order in the next 90 days?"""

from __future__ import annotations

from ml.spec import Costs, Estimator, ModelSpec


def estimator() -> Estimator:
    """Boosted trees: they take missing values and skewed counts as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.03,
        max_leaf_nodes=6,
        min_samples_leaf=40,
        l2_regularization=10.0,
        max_features=0.2,
    )


MODEL = ModelSpec(
    name="churn",
    description="Probability that a customer places no order in the 90 days after as_of.",
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
            1 - max(case when orders.ordered_at >= training_dates.as_of then 1 else 0 end) as label
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.until_at
        where orders.profile_id is not null and not orders.is_cancelled
        group by orders.profile_id, training_dates.as_of
    """,
    heuristic="days_since_last_order",
    estimator=estimator,
    rivals=("logistic", "forest", "lightgbm", "network"),
    # Losing a customer costs about one margin-bearing order; a win-back message and its coupon cost
    # about one unit.
    costs=Costs(contact=1.0, missed=20.0, saved=0.3),
)
