"""The truth next to the data: each person's identifiers, what the person was likely to do, and what
the person did in the next 90 days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator import plans
from simulator.arrays import Floats, Ints
from simulator.contacts import Found
from simulator.devices import KIOSK
from simulator.life import STEP_DAYS
from simulator.people import Behaviour
from simulator.personas import PERSONAS
from simulator.places import PLACES
from simulator.plans import PLANS
from simulator.shop import Shop
from simulator.visits import OFFER_DAYS

HORIZON = 90  # days after a checkpoint that its outcomes are about
IDENTIFIERS = pa.schema(
    [(name, pa.string()) for name in ("person_id", "identifier_type", "identifier")]
    + [(name, pa.bool_()) for name in ("is_shared", "is_linkable", "is_typo")]
)
_CHUNK = 20_000


def identifiers(shop: Shop, path: Path, contacts: Sequence[Found]) -> int:
    """Write the identifiers of each person at the end; returns the number of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with pq.ParquetWriter(path, IDENTIFIERS, compression="zstd") as writer:
        for rows in _chunks(shop, contacts):
            columns = list(zip(*rows, strict=True))
            arrays = [
                pa.array(column, type=kind.type)
                for column, kind in zip(columns, IDENTIFIERS, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=IDENTIFIERS))
            written += len(rows)
    return written


_Row = tuple[str, str, str, bool, bool, bool]


def _chunks(shop: Shop, contacts: Sequence[Found]) -> Iterator[list[_Row]]:
    name = shop.people.person_id
    for start in range(0, len(contacts), _CHUNK):
        part = contacts[start : start + _CHUNK]
        yield [(name(person), kind, value, False, True, typo) for person, kind, value, typo in part]
    for start in range(0, len(shop.people), _CHUNK):
        people = range(start, min(start + _CHUNK, len(shop.people)))
        rows = [row for person in people for row in _of_person(shop, person)]
        if rows:
            yield rows
    if shared := list(_of_families(shop)):
        yield shared


def _of_person(shop: Shop, person: int) -> Iterator[_Row]:
    people = shop.people
    name = shop.people.person_id(person)
    known = bool(shop.registered[person] or shop.known_email[person])
    if shop.registered[person]:
        yield name, "user_id", people.user_id(person), False, True, False
    if known:
        yield name, "email", people.email(person), False, True, False
    if shop.seen_second_email[person]:
        yield name, "email", people.second_email(person), False, True, False
    if shop.seen_phone[person]:
        yield name, "phone", people.phone(person), False, True, False
    first = int(shop.devices.first[person])
    for device in range(first, first + int(shop.devices.count[person])):
        if shop.seen_device[device] and device not in shop.devices.shared:
            yield from _of_device(shop, name, device, known)


def _of_device(shop: Shop, name: str, device: int, known: bool) -> Iterator[_Row]:
    last = int(shop.devices.generation[device])
    for generation in range(last + 1):
        linked = (
            bool(shop.linked_device[device])
            if generation == last
            else (device, generation) not in shop.orphans
        )
        yield (
            name,
            "cookie",
            shop.devices.cookie(device, generation),
            False,
            linked or not known,
            False,
        )
    if shop.seen_app[device]:
        yield (
            name,
            "device_id",
            shop.devices.device_id(device),
            False,
            bool(shop.linked_device[device]) or not known,
            False,
        )


def _of_families(shop: Shop) -> Iterator[_Row]:
    users: dict[tuple[int, int], list[int]] = {}
    for device, generation, person in sorted(shop.shared_cookies):
        users.setdefault((device, generation), []).append(person)
    for (device, generation), people in users.items():
        cookie = shop.devices.cookie(device, generation)
        for person in people:
            yield shop.people.person_id(person), "cookie", cookie, len(people) > 1, True, False


def shared(shop: Shop, crawler: str) -> list[tuple[str, str, str]]:
    """Identifiers that belong to no single person: (type, identifier, reason)."""
    rows = [("cookie", crawler, "crawler"), ("cookie", shop.devices.cookie(KIOSK, 0), "kiosk")]
    rows += [
        (kind, value, "family") for _, kind, value, is_shared, *_ in _of_families(shop) if is_shared
    ]
    return list(dict.fromkeys(rows))


@dataclass
class Checkpoint:
    """What was likely at the beginning of a day, and the counts from which the outcomes are taken
    later.
    """

    day: int
    churn: Floats
    silence: Floats
    upgrade: Floats
    effect: Floats
    state: Ints
    orders: Ints
    visits: Ints
    revenue: Floats
    upgrades: Ints
    plan: Ints
    outcome: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def take(cls, shop: Shop, day: int) -> Checkpoint:
        """Fix what is known now."""
        life = shop.life
        plain = life.silence(OFFER_DAYS // STEP_DAYS * STEP_DAYS, orders=True)
        offered = life.silence(
            OFFER_DAYS // STEP_DAYS * STEP_DAYS, orders=True, lift=shop.people.lift
        )
        return cls(
            day=day,
            churn=life.believed(life.silence(HORIZON, orders=True)),
            silence=life.believed(life.silence(HORIZON, orders=False)),
            upgrade=plans.upgrade_probability(shop, HORIZON),
            effect=life.believed(plain - offered),
            state=life.state.copy(),
            orders=shop.orders.copy(),
            visits=shop.visits.copy(),
            revenue=shop.revenue.copy(),
            upgrades=shop.upgrades.copy(),
            plan=shop.plan.copy(),
        )

    def close(self, shop: Shop) -> None:
        """Fix what happened since."""
        self.outcome = {
            "orders_next_90d": shop.orders - self.orders,
            "visits_next_90d": shop.visits - self.visits,
            "revenue_next_90d": np.round(shop.revenue - self.revenue, 2),
            "has_churned_90d": shop.orders == self.orders,
            "has_upgraded_90d": shop.upgrades > self.upgrades,
        }

    def columns(self, shop: Shop) -> dict[str, Any]:
        """Probabilities and outcomes, one value per person who has come by then."""
        return {
            "churn_probability_90d": self.churn,
            "inactivity_probability_90d": self.silence,
            "upsell_probability_90d": self.upgrade,
            "treatment_effect": self.effect,
            "state": np.array(("active", "fading", "gone"))[self.state],
            "plan": np.array(PLANS)[self.plan],
            "orders_before": self.orders,
            "visits_before": self.visits,
            **self.outcome,
        }


def write_hazards(shop: Shop, path: Path, checkpoints: Sequence[Checkpoint]) -> None:
    """One row per person and checkpoint: what was likely, what happened."""
    ids = np.array([shop.people.person_id(at) for at in range(len(shop.people))])
    tables = []
    for point in checkpoints:
        came = shop.people.joined < point.day
        columns: dict[str, Any] = {"person_id": ids[came]}
        columns["as_of"] = np.full(int(came.sum()), np.datetime64(shop.date(point.day), "us"))
        columns |= {name: values[came] for name, values in point.columns(shop).items()}
        tables.append(pa.table(columns))
    pq.write_table(pa.concat_tables(tables), path, compression="zstd")


def write_people(shop: Shop, path: Path, end: Checkpoint) -> None:
    """One row per person: the latent traits, and the last checkpoint."""
    people = shop.people
    columns: dict[str, Any] = {
        "person_id": [people.person_id(at) for at in range(len(people))],
        "persona": np.array([persona.name for persona in PERSONAS])[people.persona],
        **end.columns(shop),
        "kind": np.array([kind.name for kind in Behaviour])[people.kind],
        "is_registered": shop.registered,
        "has_data": (shop.visits > 0) | shop.registered,
        "is_email_allowed": shop.wants_mail & shop.known_email,
        "is_analytics_allowed": people.likes_analytics,
        "is_personalization_allowed": people.likes_personalization,
        "household": people.household,
        "country": np.array([place.country for place in PLACES])[people.place],
        "jurisdiction": np.array([place.jurisdiction for place in PLACES])[people.place],
        "offer_lift": people.lift,
        "visits_per_day": people.visits,
        "conversion": people.conversion,
    }
    pq.write_table(pa.table(columns), path, compression="zstd")
