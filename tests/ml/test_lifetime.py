"""BG/NBD and gamma-gamma against the published CDNOW results, and next to gradient boosting on the
same hold-out.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from ml.lifetime import BetaGeometric, GammaGamma, History, history
from tests.conftest import shared_data

CALIBRATED_UNTIL = datetime(1997, 10, 1)  # 39 weeks; the 39 weeks behind them are the hold-out
WEEKS = 39.0


def purchases() -> pd.DataFrame:
    path = shared_data("cdnow") / "CDNOW_sample.txt"
    names = ["master", "customer", "at", "quantity", "amount"]
    rows = pd.read_csv(path, sep=r"\s+", names=names)
    return rows.assign(at=pd.to_datetime(rows["at"], format="%Y%m%d"))[["customer", "at", "amount"]]


def published() -> History:
    """The 2,357 customers as the authors summed them up."""
    rows = pd.read_csv(shared_data("cdnow") / "cdnow_customers_summary_with_transactions.csv")
    return History(*(rows[c].to_numpy(dtype=float) for c in ("x", "t_x", "T", "zbar")))


@pytest.fixture(scope="module")
def seen() -> History:
    return published()


def test_bg_nbd_gives_the_published_parameters(seen: History) -> None:
    model = BetaGeometric.fit(seen)
    print(model)
    assert model.r == pytest.approx(0.2426, abs=0.0005)
    assert model.alpha == pytest.approx(4.4136, abs=0.005)
    assert model.a == pytest.approx(0.7929, abs=0.0005)
    assert model.b == pytest.approx(2.4259, abs=0.005)
    assert model.log_likelihood == pytest.approx(-9582.43, abs=0.01)


def test_gamma_gamma_gives_the_published_parameters(seen: History) -> None:
    model = GammaGamma.fit(seen)
    print(model)
    assert model.p == pytest.approx(6.25, abs=0.01)
    assert model.q == pytest.approx(3.74, abs=0.01)
    assert model.gamma == pytest.approx(15.44, abs=0.05)


def test_history_from_purchases_gives_the_same_parameters() -> None:
    customers, seen = history(purchases(), CALIBRATED_UNTIL)
    model = BetaGeometric.fit(seen)
    assert len(customers) == 2357
    assert (model.r, model.alpha) == (
        pytest.approx(0.243, abs=0.001),
        pytest.approx(4.414, abs=0.02),
    )


Table = dict[str, dict[str, float]]


def both_fits() -> tuple[Table, Table]:
    """Purchases and spend of the hold-out by each way to forecast them: mean absolute error and
    sums.
    """
    rows = purchases()
    customers, seen = history(rows, CALIBRATED_UNTIL)
    later = rows[rows["at"] >= CALIBRATED_UNTIL].groupby("customer")
    features = np.column_stack([seen.repeats, seen.last, seen.observed, seen.spend])
    learn = (
        np.arange(len(customers)) % 2 == 0
    )  # boosting needs labels; all are judged on the other half
    visits = BetaGeometric.fit(seen).expected(seen, WEEKS)
    before = seen.repeats / seen.observed * WEEKS
    spend = GammaGamma.fit(seen).expected(seen)

    def judged(actual: np.ndarray, ways: dict[str, np.ndarray]) -> Table:
        boosted = HistGradientBoostingRegressor(
            loss="poisson", max_iter=60, max_leaf_nodes=6, random_state=1
        )
        ways["gradient boosting"] = boosted.fit(features[learn], actual[learn]).predict(features)
        came = actual[~learn]
        return {
            name: {
                "error": float(abs(came - forecast[~learn]).mean()),
                "forecast": forecast[~learn].sum(),
                "came": came.sum(),
            }
            for name, forecast in ways.items()
        }

    times, amounts = (
        found.reindex(customers).fillna(0).to_numpy(dtype=float)
        for found in (later["at"].nunique(), later["amount"].sum())
    )
    return (
        judged(times, {"BG/NBD": visits, "as before": before}),
        judged(
            amounts, {"BG/NBD and gamma-gamma": visits * spend, "as before": before * seen.spend}
        ),
    )


def test_hold_out_against_gradient_boosting() -> None:
    bought, spent = both_fits()
    for name, one in (bought | {f"{name}, spend": one for name, one in spent.items()}).items():
        print(
            f"{name:30s} {one['forecast']:9.1f} of {one['came']:.1f}, mean absolute error"
            f" {one['error']:.3f}"
        )
    assert bought["BG/NBD"]["error"] < bought["as before"]["error"]
    assert spent["BG/NBD and gamma-gamma"]["error"] < spent["as before"]["error"]
    assert bought["BG/NBD"]["forecast"] == pytest.approx(787, abs=1)
    assert bought["BG/NBD"]["came"] == 904


def test_all_customers_together_buy_about_as_often_as_expected() -> None:
    rows = purchases()
    customers, seen = history(rows, CALIBRATED_UNTIL)
    later = rows[rows["at"] >= CALIBRATED_UNTIL].groupby("customer")["at"].nunique()
    assert later.reindex(customers).sum() == 1882
    assert BetaGeometric.fit(seen).expected(seen, WEEKS).sum() == pytest.approx(1653, abs=5)


def test_a_customer_just_seen_is_alive_and_one_long_silent_is_not(seen: History) -> None:
    model = BetaGeometric.fit(seen)
    two = History(
        np.array([10.0, 10.0]),
        np.array([30.0, 5.0]),
        np.array([30.0, 38.0]),
        np.array([20.0, 20.0]),
    )
    lately, long_ago = model.alive(two)
    assert lately > 0.9
    assert long_ago < 0.05
