"""The SQL functions of identifiers give their values inside other expressions too, row for row."""

from __future__ import annotations

import duckdb
import pytest

from segmentry import identifiers


@pytest.mark.parametrize(
    "wrapped", ["coalesce({}, v)", "case when n % 5 = 0 then v else coalesce({}, v) end"]
)
def test_a_value_inside_another_expression_is_the_value(wrapped: str) -> None:
    connection = duckdb.connect()
    identifiers.register(connection)
    connection.execute(
        "create table t as select n, 'email' as k, case when n % 3 = 0 then 'no address ' || n || '"
        " which is long' else 'Some.Long.Address' || n || '@Shop.Example' end as v from range(5000)"
        " as numbers (n)"
    )
    found = connection.execute(
        f"select n, v, {wrapped.format('normal_identifier(k, v, null)')} from t"
    ).fetchall()
    for number, value, given in found:
        is_kept = "case" in wrapped and number % 5 == 0
        assert given == (value if is_kept else identifiers.normal("email", value) or value)
    folded = (
        "select coalesce(normal_identifier(k, v, null), v) from (select 'email' as k,"
        " 'Ann.Long@Shop.Example' as v)"
    )
    assert connection.execute(folded).fetchall() == [("ann.long@shop.example",)]
