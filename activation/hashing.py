"""Normalizes and hashes identifiers as each advertising platform asks. An empty value has no
hash.
"""

from __future__ import annotations

import hashlib
import re

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HASHED = re.compile(r"[a-f0-9]{64}")


def sha256(text: str) -> str:
    """SHA-256 in lower-case hex; '' for ''."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def is_hashed(text: str) -> bool:
    """Whether the text is a SHA-256 in hex."""
    return _HASHED.fullmatch(text) is not None


def meta_email(value: str) -> str:
    """Meta: without outer spaces, lower case; dots and plus-tags stay; '' where it is no
    address.
    """
    email = value.strip().lower()
    return email if _EMAIL.fullmatch(email) else ""


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


def meta_country(value: str) -> str:
    """Meta: the two letters of ISO 3166; '' for anything else, which would match nobody."""
    code = value.strip().lower()
    return code if re.fullmatch("[a-z]{2}", code) else ""


def meta_zip(value: str) -> str:
    """Meta: lower case, no spaces and dashes; of a ZIP+4 of the USA the first five digits."""
    code = value.strip().lower()
    return code[:5] if re.fullmatch(r"\d{5}-\d{4}", code) else re.sub(r"[\s-]", "", code)


def meta_gender(value: str) -> str:
    """Meta: f or m; '' for anything else."""
    word = value.strip().lower()
    return word[:1] if word in {"f", "m", "female", "male"} else ""


def meta_birth(part: str, value: str) -> str:
    """Meta: the year (YYYY), month (MM) or day (DD) of a date in ISO form, or that part alone;
    '' for anything else. part: doby, dobm or dobd.
    """
    text = value.strip()
    if date := re.match(r"(\d{4})-(\d{2})-(\d{2})(?:$|[T ])", text):
        return date.group(("doby", "dobm", "dobd").index(part) + 1)
    if part == "doby":
        return text if re.fullmatch(r"(19|20)\d{2}", text) else ""
    most = 12 if part == "dobm" else 31
    is_part = re.fullmatch(r"\d{1,2}", text) and 1 <= int(text) <= most
    return text.zfill(2) if is_part else ""


def meta_device(value: str) -> str:
    """Meta: a mobile advertiser id in lower case with its hyphens, not hashed; '' for no UUID, and
    for the one of zeros, which a device gives whose owner has refused.
    """
    device = value.strip().lower()
    is_uuid = re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", device)
    return device if is_uuid and device.strip("0-") else ""


def google_region(value: str) -> str:
    """Google: the two letters of ISO 3166 in upper case, not hashed; '' for anything else."""
    code = value.strip().upper()
    return code if re.fullmatch("[A-Z]{2}", code) else ""


def google_email(value: str) -> str:
    """Google: lower case; of a Gmail address the dots of the local part go; '' where it is no
    address.
    """
    email = value.strip().lower()
    local, _, domain = email.partition("@")
    if not _EMAIL.fullmatch(email):
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
