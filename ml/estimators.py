"""What ml asks of scikit-learn's estimators, unfitted and fitted: for the specs and for all of its
rooms.

scikit-learn has no types of its own. The docstrings state what a kind of estimator does not have;
callers ask with ``hasattr``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Array = NDArray[Any]  # labels and answers: 0 or 1, amounts, choices as text, numbers of groups
Rows = pd.DataFrame | Matrix
Parameters = Mapping[str, Any]


class Model(Protocol):
    """A fitted estimator or pipeline; one that does not classify has neither ``classes_`` nor
    ``predict_proba``.
    """

    feature_names_in_: NDArray[np.object_]
    classes_: Array

    def predict(self, rows: Rows, /) -> Array:
        """An amount, a choice or the number of a group per row."""

    def predict_proba(self, rows: Rows, /) -> Matrix:
        """A probability per row and class."""


class Estimator(Protocol):
    """An unfitted classifier, regressor or way to group."""

    def fit(self, rows: Rows, labels: Array | None = None, /) -> Model:
        """Itself, fitted."""

    def get_params(self) -> Parameters:
        """Its parameters by name."""

    def set_params(self, **parameters: Any) -> Self:
        """Itself, with these parameters."""

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn knows of it, such as whether it takes missing values."""


class Preparation(Protocol):
    """Makes of features the numbers that an estimator takes."""

    def fit(self, rows: Rows, /) -> Self:
        """Itself, fitted."""

    def transform(self, rows: Rows, /) -> Matrix:
        """The rows as numbers."""

    def fit_transform(self, rows: Rows, /) -> Matrix:
        """The rows it is fitted to as numbers."""


class ColumnPreparation(Preparation, Protocol):
    """A preparation that does something else with each kind of column."""

    transformers: Sequence[tuple[str, object, object]]


class Clusterer(Protocol):
    """What groups prepared rows: by centres with ``transform`` (K-Means), or as a mixture with
    ``means_`` and ``predict_proba``.
    """

    cluster_centers_: Matrix
    means_: Matrix

    def predict(self, rows: Matrix, /) -> NDArray[np.int64]:
        """The number of each row's group."""

    def predict_proba(self, rows: Matrix, /) -> Matrix:
        """A probability per row and group."""

    def transform(self, rows: Matrix, /) -> Matrix:
        """The distance of each row to each centre."""


class Steps(Model, Protocol):
    """A fitted pipeline, which can be taken apart into its preparation and its last step."""

    @overload
    def __getitem__(self, place: slice, /) -> Preparation: ...
    @overload
    def __getitem__(self, place: int, /) -> Clusterer: ...


class UnfittedSteps(Estimator, Protocol):
    """An unfitted pipeline."""

    def fit(self, rows: Rows, labels: Array | None = None, /) -> Steps:
        """Itself, fitted."""

    @overload
    def __getitem__(self, place: slice, /) -> Preparation: ...
    @overload
    def __getitem__(self, place: int, /) -> Estimator: ...
