"""Read by Airflow when one of its programs starts. Programs that fork tasks import the heavy
libraries once, so that each task inherits them instead of importing them again; none of these
starts a thread or opens a file on import.
"""

import contextlib
import importlib
import os
import sys

# Logs, databases and whatever tasks write are their user's alone, as
# `segmentry.permissions.keep_private` has it.
os.umask(0o077)

LIBRARIES = (
    "duckdb", "pandas", "scipy.stats", "mlflow.sklearn", "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store", "mlflow.data.pandas_dataset",
    "sklearn.calibration",
    "sklearn.cluster", "sklearn.compose", "sklearn.ensemble", "sklearn.mixture",
    "sklearn.neural_network",
    "sklearn.preprocessing", "lightgbm", "optuna", "skops.io", "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "great_expectations", "dbt.cli.main",
)  # fmt: skip


def _forks_tasks(words: list[str]) -> bool:
    return "scheduler" in words or "worker" in words


if _forks_tasks(sys.argv[1:3]) and os.environ.get("SEGMENTRY_PRELOAD") != "off":
    for _library in LIBRARIES:
        with contextlib.suppress(ImportError):  # a task that needs it reports it itself
            importlib.import_module(_library)
