"""Limits numeric libraries to the threads that the policy grants: for fits, tests and scorings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ml.policy import TrainingPolicy


@contextmanager
def limited(policy: TrainingPolicy) -> Iterator[None]:
    """Inside it, OpenMP and BLAS use ``policy.threads`` threads.

    A limit reaches only the libraries that are loaded when it is set, hence the imports. Without it
    each of many small parallel regions waits, spinning, for a thread that has no core: fits on a
    busy machine took ten times as long.
    """
    import lightgbm
    import sklearn.cluster
    import sklearn.ensemble
    from threadpoolctl import threadpool_limits

    assert lightgbm and sklearn.cluster and sklearn.ensemble
    with threadpool_limits(policy.threads):
        yield
