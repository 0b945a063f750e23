"""Offers Airflow's connections to the syncs that name them."""

from __future__ import annotations

from typing import Any


def offer() -> None:
    """From now on ``airflow:<connection>:<field>`` in a sync's file is asked of Airflow."""
    from activation import credentials

    credentials.ask(_fields)


def _fields(name: str) -> dict[str, Any] | None:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from activation.credentials import fields_of

    try:
        found = Connection.get(name)
    except AirflowNotFoundException:
        return None
    parts = {part: getattr(found, part) for part in ("host", "port", "login", "password", "schema")}
    return fields_of(parts, found.extra_dejson)
