"""Files of config/metrics: what fits, and what is refused with which remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments import metrics
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import Settings

GOOD: dict[str, Any] = {
    "name": "calm",
    "description": "Orders of a web shop per person",
    "unit": "count",
    "direction": "increase",
    "numerator": {
        "relation": "marts.orders", "at": "ordered_at", "aggregate": "count",
        "where": {"channel": ["web"]},
    },
}  # fmt: skip


def load(place: Path, content: dict[str, Any]) -> dict[str, metrics.Metric]:
    folder = place / "metrics"
    folder.mkdir()
    (folder / f"{content['name']}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return metrics.load(replace(Settings.from_environment(), config=place))


def test_the_product_has_the_metrics_of_syncs() -> None:
    found = metrics.load(Settings.from_environment({}))
    assert {"conversion", "click_through", *metrics.OF_SYNCS} <= set(found)
    assert found["unsubscribes"].is_guardrail
    assert list(found["click_through"].parts) == ["click_through", "click_through__per"]


def test_a_file_that_fits(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD)["calm"].numerator.where == {"channel": ("web",)}


def test_a_configuration_without_metrics_uses_those_of_the_product(tmp_path: Path) -> None:
    assert "revenue" in metrics.load(replace(Settings.from_environment({}), config=tmp_path))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"relation": "marts.purchases"}, "there is no relation marts.purchases"),
        ({"relation": "raw.orders"}, "numerator/relation"),
        ({"relation": "marts.products"}, "has no profile_id"),
        ({"at": "sold_at"}, "no column 'sold_at'"),
        ({"aggregate": "sum"}, "'value' is a required property"),
        ({"aggregate": "sum", "value": "profit"}, "no column 'profit'"),
        ({"where": {"colour": ["red"]}}, "no column 'colour'"),
        ({"where": {"channel": []}}, "numerator/where/channel"),
        ({"where": {"channel or 1=1": ["web"]}}, "numerator/where"),
    ],
)
def test_a_part_that_does_not_fit_is_named(
    tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {**GOOD, "numerator": {**GOOD["numerator"], **change}})
    assert expected in str(caught.value)
    assert caught.value.remedy


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError) as caught:
        metrics.chosen(metrics.load(Settings.from_environment({})), ["profit"])
    assert "revenue" in caught.value.allowed
