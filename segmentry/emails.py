"""E-mail addresses: one form for all ways in which one mailbox is written."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from urllib.parse import unquote

from segmentry.spelling import clean, has_controls, without_controls

_WORD = r"[^@\s,;:<>\"()\[\]\\.]+"
_LOCAL = re.compile(rf"{_WORD}(?:\.{_WORD})*")
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})"
)
_SIMPLE = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")
_QUICK = re.compile(rf"({_SIMPLE.pattern})@([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.ASCII)
_COMMENT = re.compile(r"\([^()]*\)")
_NAMED = re.compile(r"[^<>]*<([^<>]*)>[\s,;.]*")
_FOUND = re.compile(r"[^\s@,;:<>\"()\[\]]+@[^\s@,;:<>\"()\[\]]+")
# RFC 6761, RFC 6762 and ICANN's list of names that are never given out: no mail server answers
# there. The TLDs .test and .example never do either, but test data is written with them, and it has
# to work.
_NO_HOST = frozenset(
    {
        "invalid",
        "localhost",
        "local",
        "localdomain",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "private",
        "onion",
    }
)
_LONGEST = 320  # 64 + 1 + 255, RFC 5321


def judge(value: str) -> tuple[str | None, str | None]:
    """The address in its normal form, or the reason it is refused.

    Lower case (both parts), NFC, domain in ASCII (IDNA 2008 with UTS 46). Plus-tags and dots are
    kept: only some providers ignore them.
    """
    text = _bare(clean(value))
    if not text:
        return None, "empty"
    if len(text) > _LONGEST:
        return None, "too_long"
    if has_controls(text):
        return None, "control_characters"
    local, at, domain = text.rpartition("@")
    if not at:
        return None, "not_a_valid_email"
    name = local if _SIMPLE.fullmatch(local) else _lower(local)
    host = _host(domain)
    if host is None or not _LOCAL.fullmatch(name):
        return None, "not_a_valid_email"
    return f"{name}@{host}", None


def quick(value: str) -> str | None:
    """What ``judge`` returns for a plain ASCII address; None where it has to be asked."""
    found = (
        _QUICK.fullmatch(value.strip(" ").lower())
        if value.isascii() and len(value) <= _LONGEST
        else None
    )
    host = _host(found[2]) if found else None
    return f"{found[1]}@{host}" if found and host else None


def parts(address: str) -> tuple[str, str]:
    """Local part and domain of a normal address."""
    local, _, host = address.rpartition("@")
    return local, host


def loose_keys(value: str) -> tuple[str, ...]:
    """Every address in the text, without plus-tag, dots and accents of its local part."""
    text = _bare(clean(without_controls(value)))
    addresses = _FOUND.findall(unicodedata.normalize("NFKC", text)) or [text]
    keys = []
    for address in addresses:
        local, at, domain = address.strip("'.").rpartition("@")
        host = _host(domain) or domain.casefold()
        if at and local:
            bare = unicodedata.normalize(
                "NFKD", local.casefold().partition("+")[0] or local.casefold()
            )
            plain = "".join(c for c in bare if not unicodedata.combining(c) and c != ".")
            keys.append(f"{plain}@{'gmail.com' if host == 'googlemail.com' else host}")
    return tuple(dict.fromkeys(keys))


def is_disposable(host: str) -> bool:
    """Whether a domain, or one above it, is of a service of throw-away addresses."""
    labels = host.split(".")
    return any(".".join(labels[start:]) in _disposable() for start in range(len(labels) - 1))


@cache
def _disposable() -> frozenset[str]:
    import disposable_email_domains

    return frozenset(disposable_email_domains.blocklist)


def _bare(text: str) -> str:
    """The address without display name, comment, scheme, quotes and what an export leaves around
    it.
    """
    before = None
    while before != text:
        before = text
        if found := _NAMED.fullmatch(text):
            text = found[1]
        if text[:7].lower() == "mailto:":
            text = clean(unquote(text[7:].partition("?")[0]))
        text = _COMMENT.sub("", text).strip(" ,;")
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
            text = text[1:-1]
        text = text.lstrip("'\u2018\u201c").rstrip(".\u201d ").strip()
    return text


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.lower()).lower())


@lru_cache(maxsize=16384)
def _host(domain: str) -> str | None:
    host = domain.lower().strip(".")
    if not host.isascii() or "xn--" in host:
        host = _ascii(host) or ""
    if len(host) > 255 or not _HOST.fullmatch(host) or host.rpartition(".")[2] in _NO_HOST:
        return None
    return host


def _ascii(host: str) -> str | None:
    import idna

    try:
        readable = idna.decode(host, uts46=True) if "xn--" in host else host
        return idna.encode(readable, uts46=True, std3_rules=True).decode().strip(".")
    except (idna.IDNAError, UnicodeError):
        return None
