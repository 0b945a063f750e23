"""Whatever a training may choose can be saved without trusting its file: every candidate under
every calibration.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, ClassifierMixin

from ml.data.dataset import Part
from ml.data.frames import Feature, FeatureSet
from ml.evaluate import calibration
from ml.fit import candidates
from ml.fit.pipeline import build
from ml.registry.tracking import TRUSTED

ROWS = 300


def part() -> Part:
    random = np.random.default_rng(5)
    numbers = pd.DataFrame(random.normal(size=(ROWS, 3)), columns=["a", "b", "c"])
    features = numbers.assign(d=random.choice(["x", "y"], ROWS))
    labels = (numbers["a"] + random.normal(size=ROWS) > 0).astype(int).to_numpy()
    return Part(keys=pd.DataFrame({"profile_id": range(ROWS)}), features=features, labels=labels)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("name", sorted(candidates.STANDARD))
def test_a_calibrated_candidate_has_only_trusted_types(name: str, method: str) -> None:
    data = part()
    feature_set = FeatureSet(
        (*(Feature(n, "t", is_number=True) for n in "abc"), Feature("d", "t", is_number=False))
    )
    fitted = build(candidates.STANDARD[name].build(), feature_set).fit(data.features, data.labels)
    calibrated = calibration._fit(fitted, data.features, data.labels, method)
    untrusted = set(skops.io.get_untrusted_types(data=skops.io.dumps(calibrated)))
    assert untrusted <= set(TRUSTED), f"{name} with {method}: {sorted(untrusted - set(TRUSTED))}"


class PowerModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model whose probability is its one feature, to a power."""

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> PowerModel:
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.predict_proba(rows)[:, 1] > 0.5

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        chances = rows["p"].to_numpy() ** self.power
        return np.column_stack([1 - chances, chances])


def test_calibrated_probabilities_are_left_alone_and_others_are_mapped() -> None:
    random = np.random.default_rng(5)
    true = random.uniform(0.02, 0.98, 1500)
    labels = (random.random(1500) < true).astype(np.int64)
    held_out = Part(pd.DataFrame(index=range(1500)), pd.DataFrame({"p": true}), labels)
    exact, distorted = (PowerModel(power).fit(held_out.features, labels) for power in (1.0, 2.0))
    assert calibration.calibrate(exact, held_out) is exact
    mapped = calibration.calibrate(distorted, held_out)
    off = [
        np.abs(model.predict_proba(held_out.features)[:, 1] - true).mean()
        for model in (distorted, mapped)
    ]
    print("mean distance from the true probability, before and after", off)
    assert off[1] < off[0] / 3
