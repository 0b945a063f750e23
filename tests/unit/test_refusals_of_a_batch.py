"""A withdrawn event's refusal counts for all people that the event names, for the links that joined
them may be removed with it.
"""

from __future__ import annotations

from typing import Any

import pytest

from sources.refusals import _of_event

NO = {"categoryPreferences": {"advertising": False}}


@pytest.mark.parametrize(
    ("record", "context", "wanted"),
    [
        ({"userId": "u1", "anonymousId": "c1"}, {}, {"user_id": "u1", "cookie": "c1"}),
        ({"anonymousId": "c1", "traits": {"email": "a@example.com"}}, {}, {"cookie": "c1"}),
        ({"traits": {"email": "a@example.com"}}, {"device": {"id": "d1"}},
         {"device_id": "d1", "email": "a@example.com"}),
        ({}, {"traits": {"phone": "+4930901820"}}, {"phone": "+4930901820"}),
        ({"traits": "x"}, {"device": []}, {}),
    ],
)  # fmt: skip
def test_a_refusal_counts_for_all_that_the_event_names(
    record: dict[str, Any], context: dict[str, Any], wanted: dict[str, str]
) -> None:
    found = list(_of_event({**record, "context": {**context, "consent": NO}}))
    assert {one["identifier_type"]: one["identifier"] for one in found} == wanted
    assert list(_of_event({**record, "context": context})) == [], "no consent is stated"
