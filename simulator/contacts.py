"""CRM contacts: what sales typed, with its typos, spaces and doubles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator import places, words
from simulator.arrays import Bools, Ints, Stream, iso
from simulator.people import Behaviour
from simulator.personas import PERSONAS
from simulator.places import PLACES
from simulator.shop import Shop

HEADER = (
    "contact_id", "email", "phone", "first_name", "last_name", "birth_date", "gender", "country",
    "region", "city",
    "postal_code", "income_band", "marital_status", "household_size", "education", "occupation",
    "loyalty_id",
    "user_id", "lifecycle_stage", "lead_source", "created_at", "updated_at",
)  # fmt: skip
INCOMES = ("low", "middle", "high", "very_high")
_INCOME_OF = {
    "bargain_hunter": 0,
    "casual_browser": 0,
    "family_planner": 1,
    "conscious_researcher": 1,
}
CHUNK = 10_000
PLACEHOLDERS = ("test@example.com", "none@example.com", "anonymous@example.com")
NO_NUMBER = "000-000-0000"
Found = tuple[int, str, str, bool]  # person, identifier type, identifier, whether it is mistyped


@dataclass(frozen=True)
class _Draws:
    """Chances that decide what each row shows, one column per question."""

    table: np.ndarray[tuple[int, int], np.dtype[np.float64]]

    def under(self, row: int, question: int, limit: float) -> bool:
        return bool(self.table[row, question] < limit)


def chosen(shop: Shop) -> tuple[Ints, Ints]:
    """Who has a contact, and how many rows of different ids: 3% were entered twice."""
    rng = shop.rng(Stream.contacts, 0)
    size = len(shop.people)
    has: Bools = shop.registered & (rng.random(size) < 0.85)
    has |= (shop.people.kind == Behaviour.guest) & shop.known_email & (rng.random(size) < 0.4)
    people = np.flatnonzero(has)
    twice = rng.random(len(people)) < 0.03
    copies = np.concatenate(
        (np.zeros(len(people), dtype=np.int64), np.ones(int(twice.sum()), dtype=np.int64))
    )
    return np.concatenate((people, people[twice])), copies


def rows(
    shop: Shop, people: Ints, copies: Ints, chunk: int, found: list[Found]
) -> list[Sequence[str]]:
    """The rows of these contacts, and the identifiers that they show."""
    rng = shop.rng(Stream.contacts, 1 + chunk)
    draws = _Draws(rng.random((len(people), 20)))
    joined = np.where(
        shop.registered[people],
        np.minimum(shop.registered_on[people], 10**5),
        shop.people.joined[people],
    )
    days = np.array([shop.midnight(int(day)) for day in joined], dtype=np.int64)
    created = days + rng.integers(86_400_000 // 3, 86_400_000 - 1000, len(people))
    stamps = iso(created)
    return [
        _row(shop, int(person), int(copy), draws, at, stamps[at], found)
        for at, (person, copy) in enumerate(zip(people.tolist(), copies.tolist(), strict=True))
    ]


def _row(
    shop: Shop, person: int, copy: int, draws: _Draws, at: int, stamp: str, found: list[Found]
) -> Sequence[str]:
    people = shop.people
    place = PLACES[int(shop.people.place[person])]
    contact = f"C{person * 3 + copy + 50_001:07d}"
    email, phone, loyalty, user = _identifiers(shop, person, copy, contact, draws, at, found)
    first = people.first_name(person)
    last = people.last_name(person)
    if draws.under(at, 4, 0.04):
        first = _typo(first, at)
    if draws.under(at, 5, 0.04):
        last = _typo(last, at)
    persona = PERSONAS[int(people.persona[person])]
    income = _INCOME_OF.get(persona.name, 2) + int(draws.under(at, 6, 0.3))
    year = shop.first_day.year - int(people.age[person])
    return (
        contact, email, phone, first.upper() if draws.under(at, 7, 0.05) else first, last,
        f"{year}-{1 + person % 12:02d}-{1 + person % 28:02d}",
        "female" if people.female[person] else "male",
        place.country, place.region, place.city.lower() if draws.under(at, 8, 0.05) else place.city,
        f"{place.postal}{person % 90 + 10}", INCOMES[income],
        words.MARITAL[
            1
            if persona.name == "family_planner" or people.household[person] >= 0
            else person % 4
        ],
        str(3 + person % 3 if persona.name == "family_planner" else 1 + person % 3),
        words.EDUCATIONS[person % 5], words.OCCUPATIONS[person % 9], loyalty, user,
        "customer" if shop.orders[person] else "lead", words.LEAD_SOURCES[person % 6], stamp, stamp,
    )  # fmt: skip


def _identifiers(
    shop: Shop, person: int, copy: int, contact: str, draws: _Draws, at: int, found: list[Found]
) -> tuple[str, str, str, str]:
    people = shop.people
    email = people.email(person)
    phone = people.phone(person)
    has_phone = copy == 1 or draws.under(at, 0, 0.7)
    has_user = bool(shop.registered[person]) and draws.under(at, 1, 0.6)
    has_loyalty = draws.under(at, 2, 0.4) and copy == 0
    has_placeholder = has_user and draws.under(at, 11, 0.006)
    has_phone &= not has_placeholder
    # A mistyped address is an identifier of its own; number or account still tie the row to its
    # person.
    is_tied = has_user or (has_phone and bool(shop.seen_phone[person]))
    mistyped = is_tied and not has_placeholder and draws.under(at, 3, 0.02)
    shown = _mistype(email) if mistyped else email
    loyalty = f"L{person + 400_000:08d}" if has_loyalty else ""
    found.append((person, "crm_id", contact, False))
    shop.seen_phone[person] |= has_phone
    if mistyped:
        found.append((person, "email", shown, True))
    if has_loyalty:
        found.append((person, "loyalty_id", loyalty, False))
    written = _dressed(shown, draws.table[at, 9])
    if has_placeholder:
        return PLACEHOLDERS[at % 3], NO_NUMBER, loyalty, people.user_id(person)
    style = int(draws.table[at, 10] * 4)
    number = phone if style == 3 else places.national(int(people.place[person]), phone, style)
    return written, number if has_phone else "", loyalty, people.user_id(person) if has_user else ""


def _dressed(email: str, chance: float) -> str:
    if chance < 0.06:
        return email.upper()
    if chance < 0.12:
        return email.title()
    return f" {email} " if chance < 0.18 else email


def _mistype(email: str) -> str:
    name, _, domain = email.partition("@")
    return f"{_typo(name, 0)}x@{domain}"


def _typo(word: str, salt: int) -> str:
    """Two neighbouring letters swapped."""
    at = 1 + salt % max(len(word) - 2, 1)
    return word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]


def placeholders(rows: Sequence[Sequence[str]]) -> list[tuple[int, str, str]]:
    """Marks of the rows with a placeholder, typed in place of a person's own value."""
    return [(at, "placeholder", row[0]) for at, row in enumerate(rows) if row[1] in PLACEHOLDERS]


def latin(row: Sequence[str]) -> bytes:
    """A row with an accent in Latin-1, as an old export writes it."""
    return ",".join([*row[:3], "José", *row[4:]]).encode("latin-1", "replace")
