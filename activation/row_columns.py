"""What is asked of each row as it leaves, for whole columns: whether it fits, and its JSON.
Requests and destinations use it; rows that are not in columns are asked one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activation import addresses, values
from activation.destination import Destination, given
from activation.model import Row
from activation.row_table import RowTable, column
from segmentry.sync_config import SyncConfig


def all_fit(destination: Destination, rows: Sequence[Row]) -> bool:
    """Whether ``Destination.invalid`` has nothing against any of the rows; False where each has to
    be asked.
    """
    if type(destination).invalid is not Destination.invalid or not isinstance(rows, RowTable):
        return False
    emails = [email for email in column(rows, "email") if email is not None]
    phones = [phone for phone in column(rows, "phone_number") if phone is not None]
    return (
        all(rows.identities)
        and all(map(addresses.is_email, map(str, emails)))
        and all(map(addresses.is_phone, map(str, phones)))
    )


def given_all(rows: Sequence[Row], sync: SyncConfig) -> list[dict[str, Any]]:
    """``destination.given`` of each row."""
    if sync.left_alone or not isinstance(rows, RowTable):
        return [given(row, sync) for row in rows]
    plain = {name: values.all_for_json(found) for name, found in rows.values.items()}
    return list(replace(rows, values=plain).value_rows())
