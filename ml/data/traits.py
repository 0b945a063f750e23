"""Traits of people by which a model is audited, and never trained: the trainers of probabilities
call it.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pandas as pd

from ml.data.frames import Lake
from segmentry import warehouse

RELATION = "identity.traits"
TRAITS = ("age_band", "gender", "country", "device_type")
NOT_KNOWN = "(not known)"
# Ages (years) at which a band begins; the last has no end.
_BANDS = (18, 25, 35, 45, 55, 65)


def of_people(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """profile_id and TRAITS of every person, as text; what is not known is a group of its own.

    The age is that at as_of. Without the relation of traits the frame has no row.
    """
    if not warehouse.relation_exists(lake, RELATION):
        return pd.DataFrame(columns=["profile_id", *TRAITS])
    found = lake.execute(
        f"""
        select profile_id, date_diff('year', birth_date, ?::date)
            - case when strftime(birth_date, '%m%d') > strftime(?::date, '%m%d') then 1 else 0 end
            as age, {", ".join(f"coalesce({name}, '{NOT_KNOWN}') as {name}" for name in TRAITS[1:])}
        from {RELATION} order by profile_id
        """,
        [as_of, as_of],
    ).df()
    found.insert(1, "age_band", found.pop("age").map(age_band))
    return found


def age_band(age: float | None) -> str:
    """The band of an age in years, such as `25-34`; `under 18` and `65 and over` at the ends."""
    if age is None or pd.isna(age):
        return NOT_KNOWN
    if age < _BANDS[0]:
        return f"under {_BANDS[0]}"
    for low, high in pairwise(_BANDS):
        if age < high:
            return f"{low}-{high - 1}"
    return f"{_BANDS[-1]} and over"
