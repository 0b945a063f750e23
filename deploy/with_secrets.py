"""Runs a program with the addresses that its service's secrets complete: ``with_secrets.py PROGRAM
WORD...``.

Compose mounts each service's secrets, and no others, as files in /run/secrets. What the programs
themselves read from files is left there; the rest becomes variables of this one process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

SECRETS = Path("/run/secrets")
# Variable to (secret, text around it).
VARIABLES: Mapping[str, tuple[str, str]] = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (
        "airflow_db_password",
        "postgresql+psycopg2://airflow:{}@postgres/airflow",
    ),
    "AIRFLOW__CELERY__RESULT_BACKEND": (
        "airflow_db_password",
        "db+postgresql://airflow:{}@postgres/airflow",
    ),
    "AIRFLOW__CELERY__BROKER_URL": ("redis_password", "redis://:{}@redis:6379/0"),
    "AIRFLOW__CORE__FERNET_KEY": ("airflow_fernet_key", ""),
    "AIRFLOW__API__SECRET_KEY": ("airflow_secret_key", ""),
    "AIRFLOW__API_AUTH__JWT_SECRET": ("airflow_jwt_secret", ""),
    "SEGMENTRY_LEDGER_URL": (
        "ledger_db_password",
        "postgresql+psycopg2://ledger:{}@postgres/ledger",
    ),
    "MLFLOW_BACKEND_STORE_URI": (
        "mlflow_db_password",
        "postgresql+psycopg2://mlflow:{}@postgres/mlflow",
    ),
    "MLFLOW_TRACKING_PASSWORD": ("mlflow_password", ""),
    "AWS_ACCESS_KEY_ID": ("s3_access_key", ""),
    "AWS_SECRET_ACCESS_KEY": ("s3_secret_key", ""),
}


def variables(folder: Path) -> dict[str, str]:
    """The variables whose secret is in the folder; a password in an address is quoted."""
    found = {}
    for name, (secret, around) in VARIABLES.items():
        path = folder / secret
        if path.exists():
            text = path.read_text(encoding="utf-8").strip()
            found[name] = around.format(quote(text, safe="")) if around else text
    return found


if __name__ == "__main__":
    os.umask(0o077)
    os.execvpe(sys.argv[1], sys.argv[1:], {**os.environ, **variables(SECRETS)})  # noqa: S606
