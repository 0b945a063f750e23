"""Whole jobs on shops large enough for models, in which a column that models read has one value or
none.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import _shop_checks
from tests.e2e._shop_checks import Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _shop_checks.simulated(tmp_path_factory.mktemp("simulated"), people=420, days=240)


@pytest.fixture(scope="module", params=["no_category", "one_price"])
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
    assert "personas" in _shop_checks.check_models(shop)


def test_segments_are_evaluated_and_fit_what_the_shop_has(shop: Shop) -> None:
    _shop_checks.check_segments(shop)
