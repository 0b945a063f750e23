"""Who looks at a page, and what the role permits."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from runtime import login
from segmentry.errors import ConfigError, UsageError
from segmentry.permissions import write_secret
from segmentry.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Role(IntEnum):
    """What a visitor may do; each role may do what the ones before it may.

    viewer, also called marketer: read pages. auditor: the same pages; the command line also prints
    the access log to one. analyst: also preview a rule and open it as a file change. engineer: also
    release a guardrail. What values each of them reads is in ``access`` of the policies.
    """

    viewer = 1
    marketer = 1
    auditor = 2
    analyst = 3
    engineer = 4

    @property
    def reading(self) -> str:
        """The role of the policies whose classes of columns it reads."""
        return "marketer" if self is Role.viewer else self.name


@dataclass(frozen=True)
class ConsoleVisitor:
    """A person who has signed in."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the visitor's role includes this one."""
        return self.role >= role


# Finds the visitor of a request by its ASGI scope and headers; None where nobody is signed in.
SignIn = Callable[[Mapping[str, Any], Mapping[str, str]], Awaitable[ConsoleVisitor | None]]


def by_password(settings: Settings) -> SignIn:
    """The sign-in of a console that is served alone: ``admin`` with the password of the pages is an
    engineer; another name signs in with its token, as the password or as a bearer token.
    """

    async def sign_in(_: Mapping[str, Any], headers: Mapping[str, str]) -> ConsoleVisitor | None:
        kind, __, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return _by_token(settings, None, given.strip())
        if kind.lower() != "basic":
            return None
        name, word = _pair(given.strip())
        if name == login.USER:
            is_known = hmac.compare_digest(word.encode(), login.password(settings).encode())
            return ConsoleVisitor(name, Role.engineer) if is_known else None
        return _by_token(settings, name, word)

    return sign_in


def grant(settings: Settings, name: str, role: Role) -> str:
    """Let a person sign in with a new token, which is returned and stored as its hash alone; a
    former token of the name is void.
    """
    if not _NAME.fullmatch(name) or name == login.USER:
        raise UsageError(
            "this name cannot be given a token",
            allowed=f"letters, digits and . _ @ -, at most 64, other than '{login.USER}'",
            remedy="choose another name",
        )
    token = secrets.token_urlsafe(32)
    known = _users(settings)
    known[name] = {"role": role.name, "token_sha256": _digest(token)}
    _keep(settings, known)
    return token


def revoke(settings: Settings, name: str) -> None:
    """Make a person's token void; UsageError for a name without one."""
    known = _users(settings)
    if name not in known:
        raise UsageError(
            "this name has no token",
            allowed=", ".join(sorted(known)) or "a name that was given a token; there is none",
            remedy="see `segmentry console users`",
        )
    del known[name]
    _keep(settings, known)


def users(settings: Settings) -> dict[str, Role]:
    """Names with a token, and their roles."""
    return {name: Role[entry["role"]] for name, entry in sorted(_users(settings).items())}


def form_token(settings: Settings, visitor: ConsoleVisitor) -> str:
    """The word that a form of this visitor must carry, so that no other site can post it."""
    subject = f"form:{visitor.name}:{visitor.role.name}".encode()
    return hmac.new(home_key(settings), subject, hashlib.sha256).hexdigest()


def home_key(settings: Settings) -> bytes:
    """The console's secret of this home, made at the first call."""
    path = settings.secrets / "console.key"
    if not path.exists():
        write_secret(path, secrets.token_hex(32) + "\n")
    return path.read_bytes().strip()


def _by_token(settings: Settings, name: str | None, token: str) -> ConsoleVisitor | None:
    digest = _digest(token)
    for known, entry in _users(settings).items():
        is_same = hmac.compare_digest(digest, entry["token_sha256"])
        if is_same and name in {None, known}:
            return ConsoleVisitor(known, Role[entry["role"]])
    return None


def _digest(token: str) -> str:
    # A token has 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(token.encode()).hexdigest()


def _pair(given: str) -> tuple[str, str]:
    try:
        name, _, word = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, word


def _file(settings: Settings) -> Path:
    return settings.secrets / "console.users.json"


def _users(settings: Settings) -> dict[str, dict[str, str]]:
    path = _file(settings)
    if not path.exists():
        return {}
    try:
        found: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
        if not all(entry["role"] in Role.__members__ for entry in found.values()):
            raise ValueError
        return found
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"{path} is not a list of users",
            allowed="the file as `segmentry console grant` writes it",
            remedy="remove the file, then grant the users new tokens",
        ) from None


def _keep(settings: Settings, known: Mapping[str, Mapping[str, str]]) -> None:
    write_secret(_file(settings), json.dumps(known, indent=1) + "\n", is_durable=True)
