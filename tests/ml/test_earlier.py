"""An earlier back-test period that cannot be fitted is left out and named; the model is trained."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ml import stages
from segmentry import warehouse
from segmentry.settings import switch_off_telemetry
from segmentry.stages import RunContext
from tests.ml import small_lake

# The back-test of this time learns from the oldest spine time alone.
TESTED = small_lake.CLOCK - timedelta(days=small_lake.DAYS_BACK[1])
LEARNT = small_lake.CLOCK - timedelta(days=small_lake.DAYS_BACK[0])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    """A shop that did not measure price sensitivity in its first months."""
    switch_off_telemetry()
    settings = small_lake.settings_of(
        tmp_path_factory.mktemp("earlier"), trials=0, resamples=40, min_rows=100, min_class=20
    )
    small_lake.fill(settings, 700)
    with warehouse.connect(settings) as connection:
        connection.execute(
            "update lake.features.features__behaviour set price_sensitivity = null"
            " where as_of <= ?",
            [LEARNT],
        )
    yield RunContext(settings)


@pytest.mark.parametrize("model", ["churn", "clv"])
def test_an_earlier_period_without_a_feature_does_not_stop_the_model(
    lake: RunContext, model: str
) -> None:
    report = stages.train(lake, model)
    assert report.status == "done", report.notes
    left_out = [note for note in report.notes if "left out" in note]
    assert left_out == [
        f"{model}: left out, as it cannot be fitted on these data: back-test period of"
        f" {TESTED:%Y-%m-%d} (ValueError)"
    ]
