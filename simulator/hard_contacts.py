"""More hard cases of identity: one person who is written in several ways, and several people whose
only difference is their name or the time. `simulator.hard` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator import places
from simulator.cases import FIRST, CaseMember, HardCases

COUPLES = (2, 3, 5)
DOUBLES = (2, 3)
GIFTS = (1, 2, 3)
RESETS = (6, 40)
# A first name and another form of it that a contact may have.
FORMS = (
    ("Elisabeth", "Lisa"), ("Robert", "Bob"), ("Katharina", "Kathi"), ("Alexander", "Aleksandr"),
    ("José", "Jsoé"), ("Mohammed", "Muhammad"), ("Anna", "A."), ("Yevgeny", "Evgenii"),
)  # fmt: skip
_NO_BIRTH: Mapping[str, str] = {"birth_date": ""}


def make(cases: HardCases) -> None:
    """Add all of them."""
    for add in (
        _couples, _doubles, _marriages, _nicknames, _swapped_names, _fathers, _gifts, _numbers,
        _addresses, _resets, _swapped_rows,
    ):  # fmt: skip
        add(cases)


def _couples(cases: HardCases) -> None:
    """One address and one last name; the CRM knows no birth date."""
    for size in COUPLES:
        members = cases.people(f"couple {size} names", size, one_name=True)
        email = cases.share("email", f"couple.{members[0].at}@example.org")
        for one in members:
            cases.contact(one, email=email, phone=one.phone, has_account=False, shown=_NO_BIRTH)


def _written_again(cases: HardCases, member: CaseMember, rows: Sequence[Mapping[str, str]]) -> None:
    """One person with one address and a contact for each of these rows."""
    for number, shown in enumerate(rows):
        contact = f"{member.contact_id}-{number}"
        cases.owns(member, "crm_id", contact)
        phone = member.phone if number == 0 else ""
        cases.contact(
            member, email=member.email, phone=phone, has_account=False,
            shown={**shown, "contact_id": contact},
        )  # fmt: skip


def _doubles(cases: HardCases) -> None:
    """An export that was loaded again under other ids: with typos, in capitals, with gaps."""
    for size in DOUBLES:
        for number in range(4):
            (one,) = cases.people(f"double {size} {number}", 1)
            first = one.first
            typo = first[:1] + first[2:3] + first[1:2] + first[3:]
            forms: Sequence[Mapping[str, str]] = (
                {}, {"first_name": typo}, {"last_name": one.last.upper(), **_NO_BIRTH},
                {"first_name": "", "last_name": ""},
            )  # fmt: skip
            _written_again(cases, one, [forms[(number + at) % 4] for at in range(size)])


def _marriages(cases: HardCases) -> None:
    """A new last name, with and without a birth date."""
    for has_birth in (True, False):
        (one,) = cases.people(f"marriage {'birth date' if has_birth else 'name'}", 1)
        more = {} if has_birth else _NO_BIRTH
        _written_again(cases, one, [more, {**more, "last_name": f"{one.last}-Novotny"}])
        (other,) = cases.people(f"marriage other {'birth date' if has_birth else 'name'}", 1)
        _written_again(cases, other, [more, {**more, "last_name": "Szymborska"}])


def _nicknames(cases: HardCases) -> None:
    """Two forms of one first name, without a birth date."""
    for first, form in FORMS:
        (one,) = cases.people(f"nickname {form}", 1)
        _written_again(
            cases, one, [{"first_name": first, **_NO_BIRTH}, {"first_name": form, **_NO_BIRTH}]
        )


def _swapped_names(cases: HardCases) -> None:
    """First and last name in the other's column."""
    (one,) = cases.people("swapped names", 1)
    swapped = {"first_name": one.last, "last_name": one.first}
    _written_again(cases, one, [_NO_BIRTH, {**swapped, **_NO_BIRTH}])


def _fathers(cases: HardCases) -> None:
    """Father and son with one name and one address; the birth dates differ."""
    father, son = cases.people("father and son", 2, one_name=True)
    email = cases.share("email", f"father.{father.at}@example.org")
    for one in (father, son):
        shown = {"first_name": father.first}
        cases.contact(one, email=email, phone=one.phone, has_account=False, shown=shown)


def _gifts(cases: HardCases) -> None:
    """An account with a contact that orders for a few people who are contacts too."""
    for size in GIFTS:
        giver, *friends = cases.people(f"gifts {size}", size + 1)
        cases.account(giver)
        cases.contact(giver, email=giver.email, phone=giver.phone, has_account=True)
        for friend in friends:
            cases.contact(friend, email=friend.email, phone=friend.phone, has_account=False)
            cases.order(giver.user_id, friend.email, friend.phone)


def _numbers(cases: HardCases) -> None:
    """A phone number that was given to another person: contacts, or accounts with contacts."""
    for has_account in (True, False):
        members = cases.people(f"number {'accounts' if has_account else 'contacts'}", 2)
        number = places.phone(members[0].place, members[0].at + FIRST // 4)
        phone = cases.share("phone", number)
        for one in members:
            if has_account:
                cases.account(one)
            cases.contact(one, email=one.email, phone=phone, has_account=has_account)


def _addresses(cases: HardCases) -> None:
    """An account that has changed its e-mail address; the CRM has the old one or both."""
    for known in ("none", "old", "both"):
        (one,) = cases.people(f"new address {known}", 1)
        new = f"new.{one.email}"
        cases.account(one)
        cases.owns(one, "email", new)
        cases.login(one, cases.cookie_of(one), new)
        cases.order(one.user_id, one.email, None)
        cases.order(one.user_id, new, None)
        if known != "none":
            cases.contact(one, email=one.email, phone=one.phone, has_account=False)
        if known == "both":
            contact = f"{one.contact_id}-1"
            cases.owns(one, "crm_id", contact)
            shown = {"contact_id": contact, "last_name": "Szymborska"}
            cases.contact(one, email=new, phone="", has_account=False, shown=shown)


def _resets(cases: HardCases) -> None:
    """A browser that loses its cookie again and again."""
    for size in RESETS:
        (one,) = cases.people(f"resets {size}", 1)
        cases.account(one)
        for _ in range(size):
            cases.login(one, cases.cookie_of(one), one.email)


def _swapped_rows(cases: HardCases) -> None:
    """An import that gave two contacts each other's address."""
    for has_account in (True, False):
        one, other = cases.people(f"swap {'accounts' if has_account else 'names'}", 2)
        for member, email in ((one, other.email), (other, one.email)):
            cases.share("email", email)
            cases.account(member, is_owner=False)
            cases.login(member, cases.cookie_of(member), member.email, is_named=True)
            # Without the account in its row nothing links such a contact to its person.
            lost = {"contact_id": member.contact_id, **_NO_BIRTH}
            cases.contact(
                member, email=email, phone=member.phone if has_account else "",
                has_account=has_account, shown={} if has_account else lost,
            )  # fmt: skip
