"""Bring your own table: Telco churn and UCI Online Retail, every candidate next to the plain
heuristic.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ml.data import tables
from ml.data.dataset import TrainingSet
from ml.evaluate import metrics
from ml.fit import candidates, search, supervised
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec
from segmentry.errors import UsageError
from tests.conftest import shared_data

POLICY = TrainingPolicy(trials=0, resamples=200)


def spec(heuristic: str) -> ModelSpec:
    return ModelSpec(
        name="churn",
        description="A table of customers.",
        population_sql="",
        label_sql="",
        heuristic=heuristic,
        estimator=candidates.STANDARD["boosting"].build,
        rivals=("logistic", "forest", "lightgbm"),
        groups=(),
    )


def aucs(trained: supervised.Trained, data: TrainingSet) -> dict[str, metrics.Interval]:
    """Every candidate on the test part, and the plain heuristic."""
    samples = metrics.draws(len(data.test), 200, seed=1)
    scores = {f.candidate: f.fitted.predict_proba(data.test.features)[:, 1] for f in trained.found}
    found = {
        name: metrics.interval(metrics.roc_auc, data.test.labels, s, samples)
        for name, s in scores.items()
    }
    return found | {"heuristic": trained.theirs.metrics["roc_auc"]}


def judged(name: str, heuristic: str, data: TrainingSet) -> supervised.Trained:
    """Fit every candidate, print them side by side, return the chosen one."""
    trained = supervised.fit(spec(heuristic), data, POLICY)
    found = aucs(trained, data)
    print(f"\n{name}: chosen {trained.chosen.candidate} {trained.ours.metrics['roc_auc']}")
    for one, auc in found.items():
        print(f"  {one:10s} AUC {auc}")
        assert one == "heuristic" or auc.value > found["heuristic"].value
    return trained


def telco(turn: int = 0) -> TrainingSet:
    table = pd.read_csv(shared_data("telco_churn") / "Telco-Customer-Churn.csv")
    return tables.training_set(table, key="customerID", label="Churn", positive="Yes", turn=turn)


def evaluate_five_turns() -> tuple[float, float, int]:
    """AUC and calibration error of the Telco model over five turns, and of how many customers."""
    labels = []
    scores = []
    for turn in range(5):
        data = telco(turn)
        trained = supervised.fit(replace(spec("tenure"), rivals=("logistic",)), data, POLICY)
        labels.append(data.test.labels)
        scores.append(trained.ours.scores)
    truth = np.concatenate(labels)
    probabilities = np.concatenate(scores)
    return (
        metrics.roc_auc(truth, probabilities),
        metrics.calibration_error(truth, probabilities),
        len(truth),
    )


@pytest.mark.slow
def test_telco_churn_reaches_the_known_quality() -> None:
    data = telco()
    assert "TotalCharges" in data.feature_set.numbers  # eleven blanks make it text in the file
    judged("Telco", "tenure", data)
    auc, error, people = evaluate_five_turns()
    print(f"  every customer tested once: AUC {auc:.4f}, ECE {error:.4f}")
    assert people == 7043
    assert auc >= 0.84
    assert error <= 0.03


def sales() -> pd.DataFrame:
    """One row per customer and invoice."""
    path = shared_data("online_retail") / "online_retail.csv.gz"
    lines = pd.read_csv(
        path,
        dtype={"CustomerID": str, "InvoiceNo": str},
        usecols=[0, 3, 4, 5, 6],
        parse_dates=["InvoiceDate"],
    )
    sold = lines[lines["CustomerID"].notna() & ~lines["InvoiceNo"].str.startswith("C")]
    sold = sold[(sold["Quantity"] > 0) & (sold["UnitPrice"] > 0)]
    sold = sold.assign(amount=sold["Quantity"] * sold["UnitPrice"])
    each = sold.groupby(["CustomerID", "InvoiceNo"])
    return each.agg(
        at=("InvoiceDate", "min"), amount=("amount", "sum"), lines=("amount", "size")
    ).reset_index()


@pytest.fixture(scope="module")
def invoices() -> pd.DataFrame:
    return sales()


def customers(invoices: pd.DataFrame, days: int) -> pd.DataFrame:
    """What is known of each customer that many days before the end, and who did not buy again."""
    as_of = datetime(2011, 12, 9) - timedelta(days=days)
    known = invoices[invoices["at"] < as_of]
    later = invoices[invoices["at"].between(as_of, as_of + timedelta(days=days), "left")]
    each = known.groupby("CustomerID")
    gaps = known.sort_values("at").groupby("CustomerID")["at"].diff().dt.days
    table = each.agg(
        orders=("at", "size"),
        revenue=("amount", "sum"),
        lines=("lines", "mean"),
        first=("at", "min"),
        last=("at", "max"),
    )
    table["average_order_value"] = table["revenue"] / table["orders"]
    table["days_since_last_order"] = (as_of - table.pop("last")).dt.days
    table["days_since_first_order"] = (as_of - table.pop("first")).dt.days
    table["average_gap"] = gaps.groupby(known["CustomerID"]).mean()
    for window in (30, 90):
        recent = known[known["at"] >= as_of - timedelta(days=window)]
        table[f"orders_{window}d"] = (
            recent.groupby("CustomerID").size().reindex(table.index).fillna(0)
        )
    table["churned"] = ~table.index.isin(later["CustomerID"])
    return table.reset_index()


@pytest.mark.parametrize("days", [30, 60, 90])
def test_online_retail_churn_at_three_horizons(invoices: pd.DataFrame, days: int) -> None:
    table = customers(invoices, days)
    if days == 90:
        assert len(table) == 3370
        assert table["churned"].mean() == pytest.approx(0.431, abs=0.001)
    data = tables.training_set(table, key="CustomerID", label="churned", positive=True)
    trained = judged(f"Online Retail, {days} days", "days_since_last_order", data)
    assert trained.ours.metrics["roc_auc"].value > trained.theirs.metrics["roc_auc"].value


def test_a_table_that_does_not_fit_is_refused_with_a_remedy() -> None:
    table = pd.DataFrame({"id": [1, 2, 3], "x": [1.0, np.inf, 3.0], "left": ["no", "no", "no"]})
    with pytest.raises(UsageError, match="no column missing"):
        tables.training_set(table, key="id", label="missing")
    with pytest.raises(UsageError, match="never the outcome"):
        tables.training_set(table, key="id", label="left", positive="yes")
    with pytest.raises(UsageError, match="repeat a key"):
        tables.training_set(table.assign(id=1), key="id", label="left", positive="no")


def test_columns_are_cleaned_as_the_lake_does() -> None:
    assert (
        tables.clean(pd.Series(["1", " 2", "", "4", "5", "6", "7", "8", "9", "10", "11"]))
        .isna()
        .sum()
        == 1
    )
    assert tables.clean(pd.Series([1.0, np.inf])).isna().tolist() == [False, True]
    assert tables.clean(pd.Series(["a", None])).tolist() == ["a", "(not known)"]


def test_search_is_the_same_twice() -> None:
    random = np.random.default_rng(3)
    made = pd.DataFrame(
        {"id": range(600), "x": random.normal(size=600), "z": random.normal(size=600)}
    )
    made["y"] = (made["x"] + random.normal(size=600) > 0).astype(int)
    data = tables.training_set(made, key="id", label="y")
    candidate = candidates.STANDARD["lightgbm"]
    policy = TrainingPolicy(trials=3)
    first, again = (
        search.search(candidate, search.Prepared(data), policy, deadline=1e12) for _ in range(2)
    )
    assert [t.parameters for t in first.trials] == [t.parameters for t in again.trials]
    assert [t.loss for t in first.trials] == [t.loss for t in again.trials]
    grid = search.search(
        candidate, search.Prepared(data), replace(policy, search="grid"), deadline=1e12
    )
    assert {t.parameters["learning_rate"] for t in grid.trials[1:]} <= {0.01, 0.1, math.sqrt(0.001)}
    cut = search.search(candidate, search.Prepared(data), policy, deadline=0.0)
    assert cut.is_cut_short
    assert len(cut.trials) == 1
