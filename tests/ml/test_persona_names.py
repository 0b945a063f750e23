"""Names of personas: proposed from what most members of a group have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.personas import naming

VOCABULARY = (
    {"name": "Bargain Hunter", "high": ["coupon_*"]},
    {"name": "Night Shopper", "high": ["evening_share"], "low": ["morning_share"]},
    {"name": "Reader", "high": ["top_category=Books"]},
    {"name": "Newcomer", "low": ["orders"]},
)


def _named(people: pd.DataFrame, groups: list[int]) -> dict[int, str]:
    of = np.array(groups)
    return naming.propose(
        naming.effects(people, of), naming.presence(people, of), VOCABULARY, set()
    )


def test_a_group_gets_the_name_whose_signs_its_members_have() -> None:
    people = pd.DataFrame(
        {"coupon_share": [0.9, 0.8, 0.7, 0.0, 0.1, 0.0], "evening_share": [0, 0.1, 0, 0.8, 0.9, 1]}
    )
    assert _named(people, [0, 0, 0, 1, 1, 1]) == {0: "Bargain Hunter", 1: "Night Shopper"}


@pytest.mark.parametrize("extreme", [5.0, 50.0, 5_000.0])
def test_a_name_that_one_extreme_member_brings_is_refused(extreme: float) -> None:
    people = pd.DataFrame(
        {
            "coupon_share": [extreme, 0.0, 0.0, 0.0, 0.1, 0.0, 0.1, 0.1],
            "orders": [9, 8, 9, 8, 1, 2, 1, 2],
        }
    )
    names = _named(people, [0, 0, 0, 0, 1, 1, 1, 1])
    assert names[1] == "Newcomer"
    assert names[0] == "High orders"


def test_a_sign_without_data_gives_no_name() -> None:
    people = pd.DataFrame({
        "coupon_share": [np.nan] * 6, "coupon_rate": [1.0, np.nan, np.nan, np.nan, 0.0, 0.0],
        "orders": [5, 6, 5, 1, 1, 1],
    })  # fmt: skip
    names = _named(people, [0, 0, 0, 1, 1, 1])
    assert names == {0: "High orders", 1: "Newcomer"}


def test_a_category_of_the_minority_gives_no_name_and_one_of_most_does() -> None:
    few = pd.DataFrame({
        "top_category": ["Books", "Toys", "Home", "Garden", "Toys", "Toys", "Toys", "Toys"],
        "orders": [5, 5, 6, 6, 5, 6, 5, 6],
    })  # fmt: skip
    assert "Reader" not in _named(few, [0, 0, 0, 0, 1, 1, 1, 1]).values()
    most = few.assign(top_category=["Books"] * 3 + ["Toys"] * 5)
    assert _named(most, [0, 0, 0, 0, 1, 1, 1, 1])[0] == "Reader"


def test_what_all_people_have_is_nobody_s_trait() -> None:
    people = pd.DataFrame({"coupon_share": [0.5] * 6, "orders": [3, 4, 5, 1, 1, 1]})
    assert naming.presence(people, np.array([0, 0, 0, 1, 1, 1])).high["coupon_share"].tolist() == [
        0.0,
        0.0,
    ]


def test_a_missing_text_names_nobody() -> None:
    people = pd.DataFrame(
        {
            "top_category": ["(not known)"] * 3 + ["Toys", "Home", "Garden"],
            "visits": [3, 2, 3, 1, 2, 1],
        }
    )
    names = _named(people, [0, 0, 0, 1, 1, 1])
    assert names[0] == "High visits"
    assert "(not known)" not in " ".join(names.values())


def test_a_group_whose_members_share_no_trait_is_called_mixed() -> None:
    people = pd.DataFrame({"spent": [90.0, 0.0, 0.0, 0.0, 4.0, 4.0, 4.0, 5.0]})
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    names = naming.propose(
        naming.effects(people, groups), naming.presence(people, groups), (), set()
    )
    assert names[0] == naming.MIXED


@pytest.mark.parametrize(
    ("with_coupons", "is_lost"), [(48, False), (44, False), (40, True), (2, True)]
)
def test_a_carried_name_is_lost_when_most_members_lack_its_trait(
    with_coupons: int, is_lost: bool
) -> None:
    inside = [0.9] * with_coupons + [0.0] * (100 - with_coupons)
    people = pd.DataFrame({"coupon_share": inside + [0.1] * 100})
    groups = np.repeat([0, 1], 100)
    found = naming.effects(people, groups)
    present = naming.presence(people, groups)
    assert naming.has_lost(found.loc[0], present, 0, VOCABULARY[0], 100) is is_lost
