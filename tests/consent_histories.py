"""Random histories of a few people each, and who must not be reached, derived from the histories
alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from segmentry import identifiers
from tests.consent_world import consent, contact, order, text, unsubscribe
from tests.consent_world import day as at_day

Use = tuple[str, str]


@dataclass(frozen=True)
class Choice:
    """A person's choice: the identifiers that it means, and what it decides. on: the day on which
    it is landed.
    """

    means: frozenset[str]
    is_grant: bool
    purpose: str
    channel: str
    at: float
    on: int

    def applies_to(self, use: Use) -> bool:
        """Whether it is about the use."""
        purposes = {use[0]} if self.is_grant else {use[0], "any"}
        return self.purpose in purposes and self.channel in {use[1], "any"}


@dataclass
class History:
    """Two contacts, an account, a namesake whose id differs by case, and their outcome day by
    day.
    """

    number: int
    days: int
    random: random.Random
    choices: list[Choice] = field(default_factory=list)
    runs: list[tuple[int, list[frozenset[str]]]] = field(default_factory=list)
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    cuts: set[frozenset[str]] = field(default_factory=set)
    count: int = 0

    def __post_init__(self) -> None:
        n = self.number
        self.mails = [f"{name}.{n}@shop.example" for name in ("ada", "bea", "cleo")]
        self.phone = _plain_number(n)
        self.user = f"mK{n}x"
        self.namesake = f"Mk{n}x"
        self.cookie = f"visitor-{n}-9f"
        self.twin = f"dora.{n}@shop.example"

    def day(self, number: int) -> dict[str, list[dict[str, Any]]]:
        """Records of the day, by source; the first one gives each person an address and a grant."""
        found: dict[str, list[dict[str, Any]]] = {
            "crm_contacts": [],
            "orders": [],
            "consents": [],
            "email_events": [],
        }
        if number == 1:
            self._begin(found)
            return found
        for _ in range(self.random.choice([0, 1, 1, 2])):
            self.random.choice(
                [self._correct, self._correct, self._order, self._refuse, self._refuse, self._grant]
            )(number, found)
        return found

    def _begin(self, found: dict[str, list[dict[str, Any]]]) -> None:
        for key, mail in (("A", self.mails[0]), ("B", self.mails[1])):
            self._contact(
                found,
                f"{key}{self.number}",
                1,
                email=mail,
                phone=self.phone if key == "A" else None,
            )
        self._put(found, 1, user_id=self.user, email=self.mails[0], anonymous_id=self.cookie)
        self._put(found, 1, user_id=self.namesake, email=self.twin)
        for value in (*self.mails, self.twin):
            self._decide(found, 1, [f"email:{value}"], "email", value, "granted", "email")
        self._decide(found, 1, [f"phone:{self.phone}"], "phone", self.phone, "granted", "sms")

    def _correct(self, number: int, found: dict[str, list[dict[str, Any]]]) -> None:
        """A contact gets another address, or the number."""
        content = {
            "email": self.random.choice([*self.mails, None]),
            "phone": self.random.choice([self.phone, None]),
        }
        self._contact(found, f"{self.random.choice('AB')}{self.number}", number, **content)

    def _contact(
        self, found: dict[str, list[dict[str, Any]]], key: str, number: int, **content: Any
    ) -> None:
        if any(one["contact_id"] == key for one in found["crm_contacts"]):
            return
        self.contacts[key] = content
        found["crm_contacts"].append(contact(key, self._time(number), **content))

    def _order(self, number: int, found: dict[str, list[dict[str, Any]]]) -> None:
        if self.random.random() < 0.3 and self.orders:
            self._part(number, found)
            return
        content = {
            "email": self.random.choice(self.mails),
            "anonymous_id": self.random.choice([self.cookie, None]),
        }
        self._put(found, number, user_id=self.user, **content)

    def _put(self, found: dict[str, list[dict[str, Any]]], number: int, **content: Any) -> None:
        key = f"o{self.number}.{len(self.orders)}"
        self.orders[key] = content
        found["orders"].append(order(key, self._time(number), **content))

    def _part(self, number: int, found: dict[str, list[dict[str, Any]]]) -> None:
        """An operator undoes the link of an order."""
        one = self.random.choice(list(self.orders.values()))
        if one["user_id"] == self.user:
            self.cuts.add(frozenset({f"user_id:{self.user}", f"email:{one['email']}"}))

    def _refuse(self, number: int, found: dict[str, list[dict[str, Any]]]) -> None:
        kind, value, means = self.random.choice(self._ways())
        at = self._time(self.random.choice([number, number, max(1, number - 1)]))
        if kind == "mailing":
            self.count += 1
            found["email_events"].append(unsubscribe(f"m{self.number}.{self.count}", value, at))
            self.choices.append(Choice(frozenset(means), False, "marketing", "email", at, number))
            return
        channel = self.random.choice(["any", "email", "sms"])
        status = self.random.choice(["withdrawn", "denied", "Withdrawn "])
        self._decide(found, number, means, kind, value, status, channel, at)

    def _ways(self) -> list[tuple[str, str, list[str]]]:
        mail = self.random.choice(self.mails)
        local = self.phone.removeprefix("+49")
        numbers = [
            f"0{local}",
            f"49{local}",
            f"0049 {local}",
            self.phone,
            f"0{local[:3]}/{local[3:]}",
        ]
        return [
            ("mailing", self.random.choice([mail, mail.upper(), f"\u200b{mail}", f" {mail}\ufeff"]),
            [f"email:{mail}"]),
            ("email", self.random.choice([mail, mail.title()]), [f"email:{mail}"]),
            ("phone", self.random.choice(numbers), [f"phone:{self.phone}"]),
            ("user_id", self.user, [f"user_id:{self.user}"]),
            ("user_id", self.user.upper(), [f"user_id:{self.user}", f"user_id:{self.namesake}"]),
            ("cookie", self.cookie, [f"cookie:{self.cookie}"]),
        ]  # fmt: skip

    def _grant(self, number: int, found: dict[str, list[dict[str, Any]]]) -> None:
        if self.random.random() < 0.3:
            self._decide(
                found,
                number,
                [f"user_id:{self.namesake}"],
                "user_id",
                self.namesake,
                "granted",
                "any",
            )
            return
        mail = self.random.choice(self.mails)
        self._decide(
            found,
            number,
            [f"email:{mail}"],
            "email",
            mail,
            "granted",
            self.random.choice(["email", "any"]),
        )

    def _decide(
        self, found: dict[str, list[dict[str, Any]]], number: int, means: list[str], kind: str,
        value: str, status: str,
        channel: str, at: float | None = None,
    ) -> None:  # fmt: skip
        at = self._time(number) if at is None else at
        self.count += 1
        is_grant = status == "granted"
        purpose = (
            "marketing"
            if is_grant
            else self.random.choice(["marketing", "MARKETING", "any", "letters"])
        )
        country = self.random.choice(["DE", "DE", None, "US"])
        content = {"purpose": purpose, "channel": channel, "jurisdiction": country}
        found["consents"].append(
            consent(f"c{self.number}.{self.count}", kind, value, status, at, **content)
        )
        meant = "marketing" if purpose.lower() == "marketing" else "any"
        self.choices.append(Choice(frozenset(means), is_grant, meant, channel, at, number))

    def _time(self, number: int) -> float:
        return number - 1 + self.random.choice([0.2, 0.4, 0.6, 0.8])

    def resolve(self, number: int) -> None:
        """A run that decides who is one person: remember it."""
        self.runs.append((number, _joined(self._links())))

    def _links(self) -> Iterator[tuple[str, str]]:
        for key, content in self.contacts.items():
            for kind in ("email", "phone"):
                if content.get(kind):
                    yield f"crm_id:{key}", f"{kind}:{content[kind]}"
        for content in self.orders.values():
            for kind, name in (("email", "email"), ("cookie", "anonymous_id")):
                link = f"user_id:{content['user_id']}", f"{kind}:{content.get(name)}"
                if content.get(name) and frozenset(link) not in self.cuts:
                    yield link

    def out_of_bounds(self, number: int, use: Use) -> set[str]:
        """Addresses that must not be reached by what is known on the day, as type:identifier."""
        refusals = [
            one
            for one in self.choices
            if one.on <= number and not one.is_grant and one.applies_to(use)
        ]
        grants = [
            one for one in self.choices if one.on <= number and one.is_grant and one.applies_to(use)
        ]
        today = self.runs[-1][1]
        found: set[str] = set()
        for refusal in refusals:
            lifting = self._lifting(refusal, grants, use)
            tainted = frozenset().union(
                *(self._tainted(one, refusal, lifting) for one in refusal.means)
            )
            for group in [
                *today,
                *(frozenset({one}) for one in tainted - frozenset().union(*today)),
            ]:
                if tainted & group and not self._is_lifted(refusal, group, lifting):
                    found |= tainted & group if group not in today else group
        return found

    def _tainted(self, refused: str, refusal: Choice, lifting: list[Choice]) -> frozenset[str]:
        """The identifiers that the refusal belongs to: those that shared a person with what
        refused, from its time on, and those that shared a person with them.

        An identifier that was one person with it when it granted again passes nothing on.
        """
        tainted = {refused}
        first = max((i for i, (on, _) in enumerate(self.runs) if on <= refusal.at), default=0)
        grants = [grant.at for grant in lifting if refused in grant.means]
        previous: list[frozenset[str]] = []
        for nth, (on, groups) in enumerate(self.runs[first:]):
            if nth and any(at < on for at in grants):
                tainted -= frozenset({refused}).union(
                    *(group for group in previous if refused in group)
                )
                grants = [at for at in grants if at >= on]
            for group in groups:
                if tainted & group:
                    tainted |= group
            previous = groups
        return frozenset(tainted | {refused})

    def _lifting(self, refusal: Choice, grants: list[Choice], use: Use) -> list[Choice]:
        return [
            grant for grant in grants
            if grant.at > refusal.at and (refusal.channel != use[1] or grant.channel == use[1])
        ]  # fmt: skip

    def _is_lifted(self, refusal: Choice, group: frozenset[str], later: list[Choice]) -> bool:
        if own := refusal.means & group:
            return all(any(one in grant.means for grant in later) for one in own)
        return any(
            grant.means & group or self._was_theirs(grant, refusal, group) for grant in later
        )

    def _was_theirs(self, grant: Choice, refusal: Choice, group: frozenset[str]) -> bool:
        """Whether what refused granted again while it was still with the person."""
        if not grant.means & refusal.means:
            return False
        return any(
            groups_of & grant.means and groups_of & group
            for _, groups in self.runs
            for groups_of in groups
        )


def _plain_number(n: int) -> str:
    """A mobile number of each history's own. It does not look made up: identity would drop its
    links.
    """
    places = (n * 61_803_399 + nth * 12_345_677 for nth in range(4))
    numbers = (f"+49{176 + nth}{place % 100_000_000:08}" for nth, place in enumerate(places))
    return next(
        one
        for one in numbers
        if identifiers.normal("phone", one) and not identifiers.suspicion("phone", one)
    )


def _joined(links: Iterator[tuple[str, str]]) -> list[frozenset[str]]:
    groups: list[set[str]] = []
    for link in links:
        joined = [group for group in groups if group & set(link)]
        groups = [group for group in groups if not group & set(link)] + [set(link).union(*joined)]
    return [frozenset(group) for group in groups]


__all__ = ["Choice", "History", "at_day", "text"]
