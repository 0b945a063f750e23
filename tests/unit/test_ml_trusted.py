"""Whatever a training may choose can be saved without trusting its file: every candidate under every calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io

from ml import calibration, candidates
from ml.dataset import Part
from ml.frames import Feature, Menu
from ml.pipeline import build
from ml.tracking import TRUSTED

ROWS = 300


def part() -> Part:
    random = np.random.default_rng(5)
    numbers = pd.DataFrame(random.normal(size=(ROWS, 3)), columns=["a", "b", "c"])
    features = numbers.assign(d=random.choice(["x", "y"], ROWS))
    labels = (numbers["a"] + random.normal(size=ROWS) > 0).astype(int).to_numpy()
    return Part(keys=pd.DataFrame({"profile_id": range(ROWS)}), features=features, labels=labels)


@pytest.mark.parametrize("method", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("name", sorted(candidates.STANDARD))
def test_a_calibrated_candidate_holds_only_trusted_types(name: str, method: str) -> None:
    data = part()
    menu = Menu((*(Feature(n, "t", is_number=True) for n in "abc"), Feature("d", "t", is_number=False)))
    fitted = build(candidates.STANDARD[name].build(), menu).fit(data.features, data.labels)
    calibrated = calibration._fit(fitted, data.features, data.labels, method)
    untrusted = set(skops.io.get_untrusted_types(data=skops.io.dumps(calibrated)))
    assert untrusted <= set(TRUSTED), f"{name} with {method}: {sorted(untrusted - set(TRUSTED))}"
