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
DEVICES = "features.features__context"
TRAITS = ("age_band", "gender", "country", "device_type")
NOT_KNOWN = "(not known)"
# Ages (years) at which a band begins; the last has no end.
_BANDS = (18, 25, 35, 45, 55, 65)


def of_people(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """profile_id and TRAITS of every person, as text; what is not known is a group of its own.

    The age and the usual device are those at as_of. A trait that the lake has no column for is left
    out; without the relation of traits the frame has no row.
    """
    if not warehouse.relation_exists(lake, RELATION):
        return pd.DataFrame(columns=["profile_id", *TRAITS])
    known = _columns(lake, RELATION)
    parts = [f"coalesce({name}, '{NOT_KNOWN}') as {name}" for name in TRAITS if name in known]
    joined = ""
    if "birth_date" in known:
        parts.insert(
            0,
            "date_diff('year', birth_date, $as_of::date) - case when strftime(birth_date, '%m%d')"
            " > strftime($as_of::date, '%m%d') then 1 else 0 end as age",
        )
    if warehouse.relation_exists(lake, DEVICES) and "usual_device_type" in _columns(lake, DEVICES):
        parts.append(f"coalesce(usual_device_type, '{NOT_KNOWN}') as device_type")
        joined = (
            f" left join {DEVICES} as devices on people.profile_id = devices.profile_id"
            " and devices.as_of = $as_of"
        )
    asked = ", ".join(["people.profile_id", *parts])
    query = f"select {asked} from {RELATION} as people{joined} order by people.profile_id"
    found = lake.execute(query, {"as_of": as_of} if "$as_of" in query else None).df()
    if "age" in found:
        found.insert(1, "age_band", found.pop("age").map(age_band))
    return found


def _columns(lake: Lake, relation: str) -> set[str]:
    return {str(row[0]) for row in lake.execute(f"describe {relation}").fetchall()}


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
