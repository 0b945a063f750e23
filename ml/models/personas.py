"""Personas: groups of customers who behave alike, under names a marketer can imagine."""

from __future__ import annotations

from ml.spec import Estimator, PersonaSpec


def estimator(clusters: int, seed: int) -> Estimator:
    """K-Means: every person has a nearest centre, which makes assignment stable and easy to
    explain.
    """
    from sklearn.cluster import KMeans

    return KMeans(n_clusters=clusters, n_init=4, random_state=seed)


# What people like and how they shop. How much, how lately and for how long is left out: it would
# group customers by age of account, which models and segments describe better.
TASTE = (
    "*_share*",
    "*_rate_90d",
    "top_*_category*",
    "views_*_90d",
    "items_*_lifetime",
    "usual_device_type",
    "usual_daypart",
    "pages_per_session_90d",
    "searches_per_session_90d",
    "average_session_seconds_90d",
    "average_items_per_order",
    "average_order_value",
    "price_sensitivity",
    "brand_loyalty",
    "tech_affinity",
    "research_habit",
    "impulse_buying",
    "sustainability",
    "luxury_interest",
)

MODEL = PersonaSpec(
    name="personas",
    description="Groups of customers by how they browse, buy and answer.",
    population_sql="""
        select distinct orders.profile_id, training_dates.as_of
        from marts.orders
        inner join training_dates on orders.ordered_at < training_dates.as_of
        where orders.profile_id is not null and not orders.is_cancelled
    """,
    estimator=estimator,
    rivals=("mixture", "ward", "density"),
    include=TASTE,
)
