"""Prepares Airflow in the compose layout: its database, its one administrator and the writers'
pool.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

AIRFLOW = [sys.executable, "-m", "airflow"]
# How many tasks may write to the lake on the PostgreSQL catalog at once.
WRITERS = os.environ.get("SEGMENTRY_WRITERS") or "4"

passwords = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
secret = Path("/run/secrets/admin_password").read_text(encoding="utf-8").strip()
with os.fdopen(os.open(passwords, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    json.dump({"admin": secret}, file)
subprocess.run([*AIRFLOW, "db", "migrate"], check=True)
subprocess.run(
    [*AIRFLOW, "pools", "set", "lake_writer", WRITERS, "Tasks that may write to the lake at once"],
    check=True,
)
