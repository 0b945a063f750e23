"""Whole jobs on small shops that lack what models and segments are made from: the job ends,
nothing is invented.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e import _shop_checks
from tests.e2e._shop_checks import Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _shop_checks.simulated(tmp_path_factory.mktemp("simulated"), people=60, days=120)


# Each is a whole job of about two minutes: `make soak` runs them all.
CHOSEN = ("no_order", "one_customer", "one_day", "silence")
ALL = (
    *CHOSEN, "all_cancelled", "few_people", "no_repeat", "one_product", "only_guests",
)  # fmt: skip


@pytest.fixture(
    scope="module", params=ALL if os.environ.get("SEGMENTRY_ALL_SHOPS") == "1" else CHOSEN
)
def shop(
    request: pytest.FixtureRequest, simulated: Path, tmp_path_factory: pytest.TempPathFactory
) -> Shop:
    return _shop_checks.after_its_job(
        request.param, simulated, tmp_path_factory.mktemp(request.param)
    )


def test_the_whole_job_ends_and_every_order_is_accounted_for(shop: Shop) -> None:
    _shop_checks.check_orders(shop)


def test_no_value_of_a_profile_or_a_score_is_not_a_number(shop: Shop) -> None:
    _shop_checks.check_numbers(shop)


def test_each_model_has_scores_or_a_reason(shop: Shop) -> None:
    _shop_checks.check_models(shop)


def test_segments_are_evaluated_and_fit_what_the_shop_has(shop: Shop) -> None:
    _shop_checks.check_segments(shop)
