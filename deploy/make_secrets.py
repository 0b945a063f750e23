"""Makes the secrets of docker-compose.yml that are missing in deploy/secrets; those that are there
stay.

The folder is its owner's alone. The files in it may be read by the containers' users, who are
others.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
NAMES = (
    "postgres_password", "airflow_db_password", "mlflow_db_password", "ledger_db_password",
    "lake_db_password",
    "redis_password", "s3_access_key", "s3_secret_key", "airflow_secret_key", "airflow_jwt_secret",
    "airflow_fernet_key", "admin_password", "mlflow_password",
)  # fmt: skip


def make(folder: Path) -> list[str]:
    """Write what is missing; returns its names."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    made = []
    for name in NAMES:
        path = folder / name
        if path.exists():
            continue
        is_key = name == "airflow_fernet_key"
        # Not more than 64 bytes as hexadecimal digits: no program needs to quote them.
        text = (
            base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            if is_key
            else secrets.token_hex(32)
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "w") as file:
            file.write(text)
        path.chmod(0o444)
        made.append(name)
    return made


if __name__ == "__main__":
    names = make(FOLDER)
    sys.stdout.write(f"{len(names)} secret(s) made in {FOLDER}\n")
