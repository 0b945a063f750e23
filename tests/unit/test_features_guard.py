"""What a segment may say, and what it is told when it says something else. These lists are the documentation too."""

from __future__ import annotations

import pytest

from segmentry.predicates import PredicateError, columns_of, parse, parse_model

VOCABULARY = {
    "profile_id": "varchar",
    "orders_lifetime": "bigint",
    "revenue_90d": "double",
    "country": "varchar",
    "is_subscribed": "boolean",
    "last_order_at": "timestamp",
    "birth_date": "date",
    "days_since_last_order": "bigint",
}

VALID = {
    "orders_lifetime >= 3": "orders_lifetime >= 3",
    "orders_lifetime != 3": "orders_lifetime <> 3",
    "revenue_90d between 10 and 20.5": "revenue_90d between 10 and 20.5",
    "revenue_90d not between -1 and 1": "not (revenue_90d between -1 and 1)",
    "country in ('DE', 'AT')": "country in ('DE', 'AT')",
    "country not in ('D''E')": "not (country in ('D''E'))",
    "days_since_last_order is null": "days_since_last_order is null",
    "days_since_last_order is not null": "not (days_since_last_order is null)",
    "is_subscribed": "is_subscribed",
    "not is_subscribed": "not (is_subscribed)",
    "is_subscribed is not true": "not (is_subscribed is true)",
    "is_subscribed = false": "is_subscribed = false",
    "last_order_at >= timestamp '2026-05-01 10:00:00'": "last_order_at >= timestamp '2026-05-01 10:00:00'",
    "last_order_at >= date '2026-05-01'": "last_order_at >= timestamp '2026-05-01 00:00:00'",
    "birth_date < date '1990-01-01'": "birth_date < date '1990-01-01'",
    "orders_lifetime > 1 and (is_subscribed or true)": "orders_lifetime > 1 and (is_subscribed or true)",
    "5 < orders_lifetime": "5 < orders_lifetime",
    "revenue_90d > orders_lifetime": "revenue_90d > orders_lifetime",
    "PROFILES.Country = 'DE'": "country = 'DE'",
}

INVALID = {
    "orders_liftime > 3": "did you mean orders_lifetime",
    "last_order_at > now()": "days_since_last_order",
    "last_order_at > current_date": "days_since_last_order",
    "last_order_at > current_timestamp": "days_since_last_order",
    "last_order_at > today()": "days_since_last_order",
    "orders_lifetime > (select 3)": "reads one row at a time",
    "exists (select 1)": "reads one row at a time",
    "profile_id in (select profile_id from other)": "reads one row at a time",
    "sum(orders_lifetime) > 3": "reads one row at a time",
    "row_number() over () = 1": "reads one row at a time",
    "orders_lifetime > '3'": "column's own type",
    "country = 3": "column's own type",
    "is_subscribed = 1": "column's own type",
    "last_order_at > '2026-05-01'": "column's own type",
    "birth_date > timestamp '2026-05-01 00:00:00'": "column's own type",
    "last_order_at > date '2026-13-01'": "write it as",
    "orders_lifetime": "compare it with a value",
    "country = null": "is not null",
    "country in ('DE', null)": "is not null",
    "orders_lifetime in (revenue_90d)": "compare the columns one by one",
    "country like 'D%'": "feature",
    "country ~ 'D'": "feature",
    "upper(country) = 'DE'": "feature",
    "coalesce(orders_lifetime, 0) > 1": "feature",
    "orders_lifetime + 1 > 2": "feature",
    "case when is_subscribed then true end": "feature",
    "orders_lifetime::varchar = '1'": "feature",
    "country is distinct from 'DE'": "feature",
    "random() > 0.5": "feature",
    "country = $1": "feature",
    "other.country = 'DE'": "feature",
    "{{ var('x') }} > 1": "feature",
    "orders_lifetime >": "correct the predicate",
    "orders_lifetime > 1; drop table x": "write one",
}

MODEL = "select profile_id\nfrom {{ ref('profiles') }}\nwhere\n    orders_lifetime > 3\n"
INVALID_MODELS = {
    MODEL.replace("profiles", "spine"): "profiles",
    MODEL.replace("profile_id", "profile_id, country"): "shape",
    MODEL.replace("profile_id", "distinct profile_id"): "one row at a time",
    MODEL + "order by profile_id": "one row at a time",
    MODEL + "limit 10": "one row at a time",
    MODEL.replace("where", "join other using (profile_id) where"): "one row at a time",
    "with x as (select 1) " + MODEL: "one row at a time",
    MODEL + "union all " + MODEL: "shape",
    "select profile_id from {{ ref('profiles') }}": "shape",
    "{{ config(materialized='table') }}\n" + MODEL: "profiles",
}


@pytest.mark.parametrize(("text", "canonical"), VALID.items())
def test_what_a_segment_may_say(text: str, canonical: str) -> None:
    predicate = parse(text, VOCABULARY)
    assert predicate.to_sql() == canonical
    assert parse(canonical, VOCABULARY) == predicate
    assert set(columns_of(predicate)) <= set(VOCABULARY)


@pytest.mark.parametrize(("text", "remedy"), INVALID.items())
def test_what_it_may_not_say_and_what_to_do_instead(text: str, remedy: str) -> None:
    with pytest.raises(PredicateError) as caught:
        parse(text, VOCABULARY)
    assert remedy in caught.value.remedy, str(caught.value)
    assert caught.value.received


def test_a_segment_is_one_select_from_profiles() -> None:
    commented = "{# who #}\n-- why\n" + MODEL
    assert parse_model(commented, VOCABULARY) == parse("orders_lifetime > 3", VOCABULARY)


@pytest.mark.parametrize(("sql", "remedy"), INVALID_MODELS.items())
def test_any_other_shape_is_refused(sql: str, remedy: str) -> None:
    with pytest.raises(PredicateError) as caught:
        parse_model(sql, VOCABULARY)
    assert remedy in caught.value.remedy, str(caught.value)
