"""What a run in MLflow states about itself: the product, its commit, the policy, and the rows of
the lake that it read. For the trainers.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ml.policy import TrainingPolicy
from segmentry.settings import ROOT

if TYPE_CHECKING:
    import pandas as pd

NOT_KNOWN = "not known"
# An image without the repository is built with the commit in this variable.
COMMIT_VARIABLE = "SEGMENTRY_COMMIT"
SCHEMA_ROWS = 50


def tags(policy: TrainingPolicy) -> dict[str, str]:
    """The product's version and commit, and the hash of the policy that is in force."""
    found = commit()
    return {
        "segmentry.product_version": product_version(),
        "segmentry.commit": found,
        "segmentry.policy": hashlib.sha256(repr(policy).encode()).hexdigest()[:16],
        **({} if found == NOT_KNOWN else {"mlflow.source.git.commit": found.partition(" ")[0]}),
    }


def product_version() -> str:
    """The version of the installed package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("segmentry")
    except PackageNotFoundError:
        return NOT_KNOWN


@lru_cache(maxsize=1)
def commit() -> str:
    """The commit of the code, followed by ``(changed)`` if files differ from it."""
    if given := os.environ.get(COMMIT_VARIABLE):
        return given
    if not (ROOT / ".git").exists():
        return NOT_KNOWN
    found = _git("rev-parse", "HEAD")
    if not found:
        return NOT_KNOWN
    return f"{found} (changed)" if _git("status", "--porcelain", "-uno") else found


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def log_rows(
    frame: pd.DataFrame, context: str, *, name: str, digest: str, snapshot: int,
    targets: str | None = None,
) -> None:  # fmt: skip
    """Log rows of the lake as a dataset of the current run: the schema, how many there are, and the
    snapshot they were read from. context: what they were used for, such as ``training``.
    """
    import mlflow

    mlflow.log_input(
        _lake_dataset(frame, name=name, digest=digest, snapshot=snapshot, targets=targets), context
    )


def _lake_dataset(
    frame: pd.DataFrame, *, name: str, digest: str, snapshot: int, targets: str | None
) -> Any:
    """A dataset whose profile counts all rows; inferring the schema from all takes seconds."""
    from mlflow.data.dataset_source import DatasetSource
    from mlflow.data.pandas_dataset import PandasDataset

    class LakeSource(DatasetSource):
        """A snapshot of the lake."""

        @staticmethod
        def _get_source_type() -> str:
            return "segmentry_lake"

        def load(self) -> Any:
            raise NotImplementedError("read the lake at this snapshot with `segmentry query`")

        @staticmethod
        def _can_resolve(raw_source: Any) -> bool:
            return False

        @classmethod
        def _resolve(cls, raw_source: Any) -> LakeSource:
            return cls()

        def to_dict(self) -> dict[str, Any]:
            return {"lake": "segmentry", "snapshot_id": snapshot}

        @classmethod
        def from_dict(cls, source_dict: Mapping[Any, Any]) -> LakeSource:
            return cls()

    class LakeDataset(PandasDataset):
        """The first rows, with the counts of all."""

        @property
        def profile(self) -> Any:
            return {"num_rows": len(frame), "num_elements": int(frame.size)}

    return LakeDataset(
        frame.head(SCHEMA_ROWS), LakeSource(), targets=targets, name=name, digest=digest
    )
