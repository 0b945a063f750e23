"""Next category: in which category will a customer who orders again spend most?"""

from __future__ import annotations

from ml.spec import Estimator, ForecastSpec


def estimator() -> Estimator:
    """Boosted trees, few and small: one set of them is grown for every category."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=30,
        learning_rate=0.1,
        max_leaf_nodes=5,
        min_samples_leaf=20,
        l2_regularization=5.0,
        max_features=0.3,
    )


MODEL = ForecastSpec(
    name="next_category",
    description=(
        "Category that takes most of what a customer spends in the 90 days after as_of, if anything"
        " is spent."
    ),
    population_sql="""
        select distinct orders.profile_id, training_dates.as_of
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.as_of
        where orders.profile_id is not null and not orders.is_cancelled
    """,
    label_sql="""
        select profile_id, as_of, arg_max(category, (amount, category)) as label
        from (
            select
                items.profile_id,
                training_dates.as_of,
                items.category,
                sum(items.amount) as amount
            from marts.order_items as items
            inner join marts.orders as orders using (order_id)
            inner join training_dates on items.ordered_at >= training_dates.as_of
                and items.ordered_at < training_dates.until_at
            where items.profile_id is not null and items.category is not null
                and not orders.is_cancelled
            group by items.profile_id, training_dates.as_of, items.category
        )
        group by profile_id, as_of
    """,
    heuristic="top_purchased_category",
    estimator=estimator,
    unit="probability of the most likely category",
    rivals=("logistic",),
    is_choice=True,
)
