"""Ways to group people. Each returns a fitted estimator with ``predict``, made of scikit-learn
parts alone.

Ward and HDBSCAN cannot assign a new person: they group a sample, and every person is assigned to
the nearest centre of their groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ml.estimators import Clusterer, Matrix

Groups = NDArray[np.int64]
# Ward compares all pairs: 2,000 rows are 2 million distances, 20,000 would be 200 million.
WARD_SAMPLE = 2000


def mixture(rows: Matrix, clusters: int, seed: int) -> Clusterer:
    """Gaussian mixture with diagonal covariances: groups may differ in spread, membership is a
    probability.
    """
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(
        clusters, covariance_type="diag", n_init=3, reg_covar=1e-3, random_state=seed
    ).fit(rows)


def ward(rows: Matrix, clusters: int, seed: int) -> Clusterer:
    """Ward's hierarchy on a sample; every person is assigned to the nearest centre."""
    from sklearn.cluster import AgglomerativeClustering

    sample = _sample(rows, WARD_SAMPLE, seed)
    return around(sample, AgglomerativeClustering(clusters).fit_predict(sample), seed)


def density(rows: Matrix, clusters: int, seed: int) -> Clusterer | None:
    """HDBSCAN's dense groups on a sample (it finds their number itself); every person is assigned
    to the nearest centre.
    """
    from sklearn.cluster import HDBSCAN

    sample = _sample(rows, WARD_SAMPLE, seed)
    labels = HDBSCAN(
        min_cluster_size=max(10, len(sample) // (4 * clusters)), copy=True
    ).fit_predict(sample)
    return around(sample[labels >= 0], labels[labels >= 0], seed) if labels.max() >= 1 else None


ALGORITHMS: Mapping[str, Callable[[Matrix, int, int], Clusterer | None]] = {
    "mixture": mixture,
    "ward": ward,
    "density": density,
}


def around(rows: Matrix, groups: Groups, seed: int) -> Clusterer:
    """K-Means whose centres are the means of given groups, moved no further."""
    from sklearn.cluster import KMeans

    centres = np.array([rows[groups == g].mean(axis=0) for g in np.unique(groups)])
    return KMeans(len(centres), init=centres, n_init=1, max_iter=1, random_state=seed).fit(rows)


def _sample(rows: Matrix, size: int, seed: int) -> Matrix:
    if len(rows) <= size:
        return rows
    chosen: Matrix = rows[np.random.default_rng(seed).choice(len(rows), size, replace=False)]
    return chosen


def memberships(model: Clusterer, rows: Matrix) -> Matrix:
    """Soft membership of each row in each group; rows sum to one."""
    if hasattr(model, "predict_proba"):
        shares: Matrix = model.predict_proba(rows)
        return shares
    # Fuzzy c-means membership (Bezdek 1981) with fuzzifier 1.5: twice as near is sixteen times as
    # much a member.
    nearness = 1.0 / np.maximum(model.transform(rows), 1e-9) ** 4
    return np.asarray(nearness / nearness.sum(axis=1, keepdims=True))


def centres(model: Clusterer) -> Matrix:
    """The middle of each group."""
    return np.asarray(
        model.cluster_centers_ if hasattr(model, "cluster_centers_") else model.means_
    )


def distances(model: Clusterer, rows: Matrix) -> Matrix:
    """Distance of each row to the centre of each group."""
    return np.asarray(np.sqrt(((rows[:, None, :] - centres(model)[None, :, :]) ** 2).sum(axis=2)))
