"""How much a value that is accepted looks made up: the limit from which it joins nobody starts low
for such values.

0: like an identifier. 1: like a word: it may be a user's name. 2: an address or number that several
people write (an office, a throw-away domain, 555 55 55). 3: a key that is no more than `guest_7`.
It is a score of the value alone, so that the result does not depend on what else is known.
"""

from __future__ import annotations

import re

from segmentry import emails, nobody, phones

PLAIN, WORD, SHARED, MADE_UP = range(4)

# Types of which a user may choose the value: a name is no sign of a fault there, only of a choice.
_CHOSEN = frozenset({"user_id", "crm_id", "loyalty_id"})
_MARKS = re.compile(r"[\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+|\d+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words of a state that nobody has in a name.
_STATES = _words("""
    null none nil undefined unknown anonymous anon guest gast test tester testing dummy fake
    placeholder missing invalid unbekannt inconnu desconocido anonym anonyme anonimo
    unauthenticated authenticated not no non kein temp loggedin loggedout loggedoff login
    logout undef
    """)
# RFC 2142 and what shops and offices use: read by several people, or by nobody.
_OFFICES = _words("""
    info office contact kontakt contacto contatti sales vertrieb support admin administrator
    hello hallo mail email post team service kundenservice buchhaltung rechnung billing
    accounts accounting invoices hr jobs career marketing help webmaster hostmaster postmaster
    abuse noreply no-reply donotreply newsletter shop store order orders bestellung reception
    rezeption zentrale sekretariat verwaltung einkauf purchasing family familie
    """)
# Fewer characters of one kind in a row are common.
_RUN = re.compile(r"(.)\1{2,}")
_DIGIT_RUN = re.compile(r"(\d)\1{5,}$")


def score(identifier_type: str, identifier: str) -> int:
    """0 to 3 for an identifier in its normal form."""
    if identifier_type == "email":
        return SHARED if _is_shared_address(*emails.parts(identifier)) else PLAIN
    if identifier_type == "phone":
        return SHARED if _is_shared_phone(phones.national_part(identifier)) else PLAIN
    return _score_of_key(identifier, is_chosen=identifier_type in _CHOSEN)


def _score_of_key(key: str, *, is_chosen: bool) -> int:
    words = [word.lower() for word in _LETTERS.findall(key)]
    if any(word in _STATES for word in words):
        return MADE_UP
    plain = "".join(words)
    is_numeric = plain.isdecimal()
    if not is_numeric and len(plain) > 2 and (len(set(plain)) == 1 or nobody.is_row(plain)):
        return MADE_UP
    is_word = not any(c.isdecimal() for c in plain)
    is_run = is_numeric and len(plain) > 2 and (len(set(plain)) == 1 or nobody.is_row(plain))
    return WORD if is_chosen and (is_word or is_run) else PLAIN


def _is_shared_address(local: str, host: str) -> bool:
    name = _MARKS.sub("", local.partition("+")[0])
    if local.partition("+")[0] in _OFFICES or name == host.partition(".")[0]:
        return True
    if name.isascii() and (
        _RUN.fullmatch(name) or nobody.is_row(name) or nobody.means_missing(local)
    ):
        return True
    return emails.is_disposable(host)


def _is_shared_phone(national: str) -> bool:
    return (
        bool(_DIGIT_RUN.search(national))
        or len(set(national)) == 2
        or phones.is_walk(national[-7:])
    )
