"""Turns a fitted pipeline's scores into probabilities that keep their word, on rows it was not fitted to."""

from __future__ import annotations

from typing import Any

from ml.dataset import Part

# Isotonic steps need many rows of each outcome or they copy noise; below that the two numbers of a sigmoid must do.
ISOTONIC_FROM = 2000


def calibrate(fitted: Any, held_out: Part) -> Any:
    """The pipeline with a calibration map learnt from held-out rows; the fitted pipeline itself is not changed."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    rarer = min(held_out.labels.sum(), len(held_out) - held_out.labels.sum())
    method = "isotonic" if rarer >= ISOTONIC_FROM else "sigmoid"
    return CalibratedClassifierCV(FrozenEstimator(fitted), method=method).fit(held_out.features, held_out.labels)
