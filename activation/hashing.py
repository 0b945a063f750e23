"""Normalizes and hashes identifiers as each advertising platform asks. An empty value has no
hash.
"""

from __future__ import annotations

import hashlib
import re

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_HASHED = re.compile(r"[a-f0-9]{64}")


def sha256(text: str) -> str:
    """SHA-256 in lower-case hex; '' for ''."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def is_hashed(text: str) -> bool:
    """Whether the text is a SHA-256 in hex."""
    return _HASHED.fullmatch(text) is not None


def meta_email(value: str) -> str:
    """Meta: without outer spaces, lower case; dots and plus-tags stay."""
    return value.strip().lower()


def meta_phone(value: str) -> str:
    """Meta: digits with the country code, no plus; '' where the value is not E.164."""
    phone = re.sub(r"[\s().-]", "", value)
    return phone.lstrip("+") if _E164.fullmatch(phone) else ""


def meta_name(value: str) -> str:
    """Meta: lower case, no punctuation, letters of every script stay."""
    return "".join(c for c in value.strip().lower() if c.isalnum() or c == " ").strip()


def meta_place(value: str) -> str:
    """Meta: lower case, letters alone."""
    return "".join(c for c in value.lower() if c.isalpha())


def google_email(value: str) -> str:
    """Google: lower case; of a Gmail address the dots of the local part go; '' where it is no
    address.
    """
    email = value.strip().lower()
    local, at, domain = email.partition("@")
    if not at or "@" in domain or re.search(r"\s", email):
        return ""
    return (
        f"{local.replace('.', '')}@{domain}" if domain in {"gmail.com", "googlemail.com"} else email
    )


def google_phone(value: str) -> str:
    """Google: E.164 with its plus; '' where the value is not E.164."""
    phone = re.sub(r"[\s().-]", "", value)
    return phone if _E164.fullmatch(phone) else ""


def google_name(value: str) -> str:
    """Google: lower case, no space."""
    return re.sub(r"\s", "", value.lower())


def mailchimp_key(email: str) -> str:
    """Mailchimp's name of a member: MD5 of the address in lower case."""
    return hashlib.md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()
