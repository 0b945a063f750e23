"""Where a connection's values come from: environment variables, or connections that Airflow keeps.

``NAME`` is an environment variable. ``airflow:<connection>:<field>`` is a field of a connection of
Airflow: host, port, login, password, schema, url, or a key of its extras. Outside of Airflow the
variable ``AIRFLOW_CONN_<CONNECTION>`` is read, which Airflow reads as well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_REFERENCE = re.compile(r"airflow:([A-Za-z0-9_.-]+):([a-z][a-z0-9_]*)")
Lookup = Callable[[str], Mapping[str, Any] | None]

_lookups: list[Lookup] = []


def ask(lookup: Lookup) -> None:
    """Ask this for connections before the environment: it gives the fields of one by its name, or
    None.
    """
    if lookup not in _lookups:
        _lookups.append(lookup)


def value(reference: str) -> str:
    """The value a connection's setting names; '' if there is none."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return os.environ.get(reference, "")
    name, field = found.groups()
    for lookup in (*_lookups, _from_environment):
        fields = lookup(name)
        if fields is not None:
            return _as_text(fields.get(field))
    return ""


def _as_text(value: Any) -> str:
    """A field as text: a key file that a connection's extras have as JSON remains JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value or "")


def former(reference: str) -> str:
    """The reference of the value that a setting had before: of another variable or connection, with
    a suffix.
    """
    found = _REFERENCE.fullmatch(reference)
    return f"airflow:{found[1]}_former:{found[2]}" if found else f"{reference}_FORMER"


def described(reference: str) -> str:
    """The reference as a message names it."""
    found = _REFERENCE.fullmatch(reference)
    return f"the {found[2]} of Airflow's connection '{found[1]}'" if found else reference


def fields_of(connection: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a connection by the names used here; url is made of host, port and schema where
    it is not given.
    """
    known = {name: connection.get(name) for name in ("host", "port", "login", "password", "schema")}
    host = str(known["host"] or "")
    port = f":{known['port']}" if known["port"] else ""
    url = host if "://" in host else f"https://{host}{port}"
    return {**known, "url": url if host else "", **extras}


def _from_environment(name: str) -> dict[str, Any] | None:
    text = os.environ.get(f"AIRFLOW_CONN_{name.upper()}", "")
    if not text:
        return None
    if text.lstrip().startswith("{"):
        try:
            content = json.loads(text)
        except ValueError:
            return None
        extras = content.get("extra") or {}
        return fields_of(content, json.loads(extras) if isinstance(extras, str) else extras)
    parts = urlsplit(text)
    stated = {
        "host": unquote(parts.hostname or ""),
        "port": parts.port,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "schema": unquote(parts.path.lstrip("/")),
    }
    return fields_of(stated, dict(parse_qsl(parts.query)))
