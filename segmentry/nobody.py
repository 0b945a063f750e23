"""Values that identify nobody: what programs, templates and people write where an identifier is
missing.

General detectors, so that no list has to be complete: words that only mean that something is
missing, what a template or an object leaves as text, one character repeated, rows of neighbouring
keys. An operator adds patterns in config/policies.yml (`identity.blocked`).
"""

from __future__ import annotations

import re
from itertools import pairwise


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each of these alone, or with words of _FILLERS, means that there is no identifier.
_CORES = _words("""
    null nul none nil undefined undef undefine nan na inf infinity unknown unknow unbekannt
    inconnu desconocido sconosciuto anonymous anonym anonymus anonyme anonimo anon guest gast
    invite test tester testing tests default dummy fake placeholder sample demo temp tmp
    missing empty blank leer vide invalid error err failed available unavailable applicable
    provided given specified set unset notset defined found assigned registered void true false
    yes no not object array function promise number string boolean id ids uid uuid guid userid
    distinctid customerid clientid visitorid accountid memberid contactid deviceid anonymousid
    email mail username user users customer visitor someone somebody nobody anybody everybody
    authenticated unauthenticated authorized unauthorized login logout loggedin loggedout
    loggedoff signedin signedout signedoff identified unidentified tbd tba todo xxx abc asdf
    qwerty qwertz foo bar foobar foobaz lorem ipsum keine kein ohne nichts nessuno ninguno
    aucun aucune sin
    """)
_FILLERS = _words("""
    is was has a an the of for in out on off up to yet any by user users usr customer client
    visitor account acct member person contact subscriber email mail e phone mobile device
    session cookie profile value name number key logged log signed sign auth id ids ident
    identifier address data field text type native code here your my this please entry
    angemeldet eingeloggt angegeben vorhanden benutzer kunde connecte connecté
    """)
# Alone these are words of a language that are also names or ids.
_WEAK = frozenset(
    {"a", "an", "the", "in", "set", "no", "not", "number", "bar", "sin", "abc", "foo"}
)
_TEMPLATE = re.compile(
    r"""\{\{|\}\}|\$\{|\#\{|\{%|%\}|<%|%>|<\?|\?>|\*\||\|\*|\[%|%\]|\[\[|\]\]|@@|%%|\#\#|\$\$
    |^\{[!$@#]?[\w. -]*\}$|^<[\w./ -]*>$|^\[[\w. -]*\]$
    |^%[A-Za-z_][\w.]*%$|^__\w+?__$|^\$[A-Za-z_]\w*$
    |^:[A-Za-z_]\w*$|^%\(\w*\)?[sdr]$|^%[sdrvi@]$|^~\w+~$
    |^\|[\w. -]*\|$|^@[A-Za-z_][\w.]*$|%7[bB]|%3[cC]""",
    re.VERBOSE,
)
_OBJECT = re.compile(
    r"""^[\[{(<].*[\]})>]$|^\[object\b|^<[A-Za-z_.]+\s(?:object|instance)|^\#<|^(?:async\s)?function\b|=>|\[native\scode\]
    |^(?:class|struct|System\.[A-Z])[\w.\s\[\]`]*$|^(?:[A-Za-z_$][\w$]*\.)+[A-Za-z_$][\w$]*@[0-9a-f]{4,8}$|^Symbol\(
    |^undefined|^Optional\(nil\)$|^b?'(?:None|null|)'$""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_DIGIT = re.compile(r"\d")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MARKS = re.compile(r"[\W_]+")
# Words that are written together, `testuser`: short ones, but for negations, are parts of too many
# names.
_LONG = sorted(
    (word for word in _CORES | _FILLERS if len(word) > 3 or word in {"not", "no", "is", "xxx"}),
    key=len,
)
_TOGETHER = re.compile(f"(?:{'|'.join(reversed(_LONG))})+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ROWS = (
    "01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop",
    "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop",
    "0123456789abcdef0123456789abcdef", "1q2w3e4r5t6z7u8i9o0p", "1q2w3e4r5t6y7u8i9o0p",
)  # fmt: skip
# Ids that one fault gave to very many devices: Android 2.2's ANDROID_ID (Google issue 10603), the
# address that iOS 7 and Android 6 answer for a MAC, IMEIs of cloned phones, and jokes.
_SHARED = _words("""
    9774d56d682e549c 020000000000 012345678912345 004999010640000 358673013795895
    0123456789abcdef 123456789abcdef deadbeef dead00beef deadbeefdeadbeef cafebabe badf00d
    """)
# Repeated digits of fewer places may be a number that a shop has given.
_SHORT_RUN = 8
_LONG_WALK = 8
# So many characters that are one group of up to four again and again: 121212121212.
_LONG_ROUND = 12
_ROUND = 4


# How a key starts that may be one of the above: only such are looked at closely.
SUSPECT_STARTS = frozenset(
    row[at : at + 3] for row in _ROWS for at in range(len(row) - 2)
) | frozenset(
    [
        *(key[:3] for key in _SHARED),
        "und",
        "fun",
        "cla",
        "str",
        "sys",
        "asy",
        "uui",
        "urn",
        "opt",
        "sym",
        "000",
    ]
)


def is_nobody(key: str) -> bool:
    """Whether a key (user id, cookie, device id, ...) identifies nobody."""
    if is_residue(key):
        return True
    plain = _MARKS.sub("", key).lower()
    if not plain or key == "-1":
        return True
    return (
        is_repeated(plain)
        or plain in _SHARED
        or _is_walk(plain)
        or _is_near_zero(key)
        or means_missing(key)
    )


def is_residue(text: str) -> bool:
    """Whether a program left the text where it had no value: a template's mark, a stringified
    object.
    """
    return bool(_TEMPLATE.search(text) or _OBJECT.search(text))


def means_missing(text: str) -> bool:
    """Whether the words of a text only mean that something is missing: ``not_authenticated``."""
    if _DIGIT.search(text):
        return False  # no word of the lists has one
    words = [word.lower() for word in _WORDS.findall(_HUMP.sub(" ", text))]
    joined = "".join(words)
    if joined in _CORES:
        return joined not in _WEAK or text.strip().lower() != joined
    if len(words) == 1:
        return bool(_TOGETHER.fullmatch(joined)) and any(
            core in joined for core in _CORES if len(core) > 3
        )
    return any(w in _CORES for w in words) and all(w in _CORES or w in _FILLERS for w in words)


def is_repeated(plain: str) -> bool:
    """Whether one character is all there is: zeros of any length, others from eight on."""
    body = plain.removeprefix("0x") or "0"
    return len(set(body)) == 1 and (body[0] == "0" or body[0] == "x" or len(body) >= _SHORT_RUN)


def _is_walk(plain: str) -> bool:
    # A UUID or a key that is one long row of neighbours, or one short row again and again.
    if len(plain) < _LONG_WALK:
        return False
    if plain[:3] in SUSPECT_STARTS and any(plain in row for row in _ROWS):
        return True
    if len(plain) >= _LONG_ROUND and len(set(plain)) <= _ROUND:
        return any(
            plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, _ROUND + 1)
        )
    return len(plain) == 32 and plain[:3] in SUSPECT_STARTS and _climbs(plain)


def _climbs(plain: str) -> bool:
    """Whether each hexadecimal or decimal digit is the one after its neighbour:
    12345678-1234-1234-...
    """
    steps = [(int(b, 36) - int(a, 36)) % 10 for a, b in pairwise(plain)]
    return sum(step == 1 for step in steps) >= len(steps) - 5


def _is_near_zero(key: str) -> bool:
    """A UUID of zeros but for the digits that every UUID has (version, variant)."""
    if not _UUID.fullmatch(key.lower()):
        return False
    digits = key.lower().replace("-", "")
    return set(digits[:12] + digits[13:16] + digits[17:]) == {"0"}


# First labels of domains under which nobody has a mailbox of their own name.
_HOSTS = _words("""
    none noemail nomail nospam null test testing tester sample fake fakemail fakeemail
    invalid email mail mailadresse domain yourdomain mydomain company website site host server
    nowhere noreply unknown anonymous anon guest dummy no na nothing nobody notprovided
    noaddress notavailable asdf asd qwerty abc xyz xxx aaa aa a b c x y z temp
    """)
# Local parts that are written under domains of _HOSTS only by people who have to write something.
_LOCALS = _words("""
    a aa aaa b c x xx y z abc xyz asd asdf qwe qwer qwerty qwertz test testing tester test1
    test2 test123 no na none user username name firstname lastname yourname your you me email
    mail e info address someone somebody customer client first last john.doe johndoe jane.doe
    janedoe max.mustermann foo bar foobar admin fake dummy sample example
    """)


def is_fake_address(local: str, host: str) -> bool:
    """Whether an e-mail address is one that a clerk types because the field must be filled:
    ``none@none.com``.
    """
    name = _MARKS.sub("", local.partition("+")[0])
    label = host.partition(".")[0]
    if _TEMPLATE.search(local) or not name:
        return True
    if name in _NO_MAIL or (
        len(_WORDS.findall(local)) > 1 and means_missing(local) and not name.endswith("test")
    ):
        return True
    if label == "example":
        # Documents and tests write their people there: only words that are nobody's name count.
        return name in _SAMPLES or (name in _CORES and name not in _WEAK)
    is_filler = name in _LOCALS or name in _CORES or len(set(name)) == 1
    if label in _HOSTS or len(set(label)) == 1:
        return is_filler or name == label
    return name == label and (len(name) < 3 or is_row(name) or is_filler)


_SAMPLES = frozenset(
    {"name", "yourname", "firstname", "lastname", "you", "me", "mail", "address", "example"}
)
_NO_MAIL = _words("""
    null none undefined noemail nomail noemailaddress nomailaddress noaddress
    noneofyourbusiness notprovided notavailable notapplicable notgiven nobody unknown unbekannt
    anonymous keinemail keinemailadresse keineemail ohneemail ohnemail fakeemail fakemail
    emailfake dummyemail placeholder donthaveone dontknow idonthaveone deletedaccount
    deleteduser invalidemail invalid noreplyplease
    """)


def is_row(text: str) -> bool:
    """Whether neighbouring keys, letters or digits are all there is: ``asdf``, ``12345``."""
    return len(text) > 2 and any(text in row for row in _ROWS)
