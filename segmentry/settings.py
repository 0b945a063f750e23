"""Where everything lives: read once from the environment, then passed along."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segmentry import catalog as catalog_address
from segmentry.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent

# Every tool in the stack that reports usage, switched off unless an operator sets the variable.
TELEMETRY_OFF: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "SCARF_ANALYTICS": "false",
}


@dataclass(frozen=True)
class Settings:
    """Paths and addresses of one installation; two homes never touch each other.

    home: all state. config: what an operator edits. catalog: DuckLake catalog, ``sqlite:<file>`` or
    ``postgres:<libpq words>``, never with its password, which is catalog_password. lake_data:
    folder or s3:// prefix of the Parquet files. ledger_url and mlflow_uri: SQLAlchemy URLs
    (mlflow_uri may be http). writers: processes that may write to the lake at once; 1 on the
    embedded catalog.
    """

    home: Path
    config: Path
    dbt_project: Path
    catalog: str
    lake_data: str
    ledger_url: str = field(repr=False)
    mlflow_uri: str = field(repr=False)
    writers: int
    memory_limit: str
    catalog_password: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read settings from SEGMENTRY_* variables, with the embedded layout as default."""
        env = os.environ if environment is None else environment
        home = Path(env.get("SEGMENTRY_HOME") or ROOT / ".segmentry").resolve()
        catalog, password = catalog_address.parse(env, home)
        return cls(
            home=home,
            config=Path(env.get("SEGMENTRY_CONFIG") or ROOT / "config").resolve(),
            dbt_project=Path(env.get("SEGMENTRY_DBT_PROJECT") or ROOT / "dbt_project").resolve(),
            catalog=catalog,
            catalog_password=password,
            lake_data=env.get("SEGMENTRY_LAKE_DATA") or f"{home / 'lake' / 'data'}/",
            ledger_url=env.get("SEGMENTRY_LEDGER_URL") or f"sqlite:///{home / 'ledger.sqlite'}",
            mlflow_uri=env.get("MLFLOW_TRACKING_URI")
            or f"sqlite:///{home / 'mlflow' / 'mlflow.db'}",
            writers=_writers(env, embedded=catalog.startswith("sqlite:")),
            memory_limit=env.get("SEGMENTRY_MEMORY_LIMIT") or "2GB",
        )

    @property
    def is_embedded(self) -> bool:
        """Whether the lake's catalog is the one-writer SQLite file."""
        return self.catalog.startswith("sqlite:")

    @property
    def extensions(self) -> Path:
        """Folder the DuckDB extensions are loaded from."""
        return self.home / "duckdb_extensions"

    @property
    def mlflow_artifacts(self) -> Path:
        """Folder of MLflow artifacts in the embedded layout."""
        return self.home / "mlflow" / "artifacts"

    @property
    def data_docs(self) -> Path:
        """Folder of the Great Expectations Data Docs site."""
        return self.home / "data_docs"

    @property
    def outbox(self) -> Path:
        """Folder file syncs write to."""
        return self.home / "outbox"

    @property
    def secrets(self) -> Path:
        """Folder of passwords, keys and tokens."""
        return self.home / "secrets"

    @property
    def scratch(self) -> Path:
        """Folder for spilled and temporary files."""
        return self.home / "scratch"


def _writers(env: Mapping[str, str], *, embedded: bool) -> int:
    text = env.get("SEGMENTRY_WRITERS") or ("1" if embedded else "4")
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(
            f"SEGMENTRY_WRITERS is '{text}'",
            allowed="a whole number from 1",
            remedy="correct or unset the variable",
        )
    if embedded and int(text) > 1:
        raise ConfigError(
            f"SEGMENTRY_WRITERS is {text} with the SQLite catalog, which has one writer",
            allowed="1 on a SQLite catalog, any number on PostgreSQL",
            remedy="unset SEGMENTRY_WRITERS, or set SEGMENTRY_CATALOG to a PostgreSQL catalog",
        )
    return int(text)


def switch_off_telemetry() -> None:
    """Set each tool's opt-out variable unless the operator has set it."""
    for name, value in TELEMETRY_OFF.items():
        os.environ.setdefault(name, value)
