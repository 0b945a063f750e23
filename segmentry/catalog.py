"""The address of the lake's catalog without its password, which the server's library reads from a
private file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from segmentry.errors import ConfigError
from segmentry.permissions import write_secret

_ALLOWED = "sqlite:<file>, postgres:<libpq connection words> or postgres:postgresql://<address>"


def parse(env: Mapping[str, str], home: Path) -> tuple[str, str]:
    """(address, password) of SEGMENTRY_CATALOG; the address names the private file in place of the
    password.

    The password may be in SEGMENTRY_CATALOG or in the file that SEGMENTRY_CATALOG_PASSWORD_FILE
    names. Raises ConfigError, which never quotes the variable.
    """
    text = env.get("SEGMENTRY_CATALOG") or f"sqlite:{home / 'lake' / 'catalog.sqlite'}"
    kind, _, words = text.partition(":")
    if kind == "sqlite":
        return text, ""
    if kind != "postgres":
        raise ConfigError(
            "SEGMENTRY_CATALOG begins with neither sqlite: nor postgres:",
            allowed=_ALLOWED,
            remedy="correct the variable, or unset it to use the embedded catalog",
        )
    parts = _parts(words)
    password = parts.pop("password", "") or _read(env.get("SEGMENTRY_CATALOG_PASSWORD_FILE"))
    if password:
        parts["passfile"] = str(password_file(home))
    return (
        "postgres:" + " ".join(f"{name}={_quoted(value)}" for name, value in parts.items()),
        password,
    )


def password_file(home: Path) -> Path:
    """Where libpq finds the catalog's password: a file in its own format, which its owner alone may
    read.
    """
    return home / "secrets" / "catalog.pgpass"


def provide_password(home: Path, password: str) -> None:
    """Write the file of the password, unless it is there as it must be."""
    if not password:
        return
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    line = f"*:*:*:*:{escaped}\n"
    path = password_file(home)
    try:
        # libpq ignores a file that others may read.
        is_there = path.read_text(encoding="utf-8") == line and path.stat().st_mode & 0o077 == 0
    except FileNotFoundError:
        is_there = False
    if not is_there:
        write_secret(path, line)


def _parts(words: str) -> dict[str, str]:
    from psycopg2 import ProgrammingError  # type: ignore[import-untyped]  # imported where a server is used
    from psycopg2.extensions import parse_dsn  # type: ignore[import-untyped]

    try:
        return {name: str(value) for name, value in parse_dsn(words).items()}
    except ProgrammingError:
        raise ConfigError(
            "SEGMENTRY_CATALOG is no address that PostgreSQL's library understands",
            allowed=_ALLOWED,
            remedy=(
                "write words such as host=db dbname=lake user=lake; quote a value with spaces as"
                " 'a b'"
            ),
        ) from None


def _quoted(value: str) -> str:
    if value and not set(value) & set(" '\\"):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _read(name: str | None) -> str:
    if not name:
        return ""
    try:
        text = Path(name).read_text(encoding="utf-8").strip(os.linesep)
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"SEGMENTRY_CATALOG_PASSWORD_FILE names {name}, which cannot be read",
            allowed="a text file with the password alone",
            remedy="correct the path or its permissions",
        ) from None
    if not text or "\n" in text:
        raise ConfigError(
            f"the file {name} does not have one line",
            allowed="a text file with the password alone",
            remedy="write the password on its first line",
        )
    return text
