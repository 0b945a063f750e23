"""The one login of a home's pages: user ``admin`` and a password that a private file in the home
has.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Generator
from pathlib import Path

import httpx

from segmentry.errors import ConfigError
from segmentry.permissions import write_secret
from segmentry.settings import Settings

USER = "admin"
GIVEN = "SEGMENTRY_PAGES_PASSWORD_FILE"
# What another program or a person chose may be shorter than ours, but not short enough to be
# guessed.
LEAST_CHARACTERS = 12


def password_file(settings: Settings) -> Path:
    """The file that has the password; a user who may read it may sign in.

    SEGMENTRY_PAGES_PASSWORD_FILE names another, such as a secret that compose mounts.
    """
    if given := os.environ.get(GIVEN):
        return Path(given)
    return settings.home / "secrets" / "pages.password"


def password(settings: Settings) -> str:
    """The password of this home's pages, made at the first call; ConfigError when the file is
    unsafe.
    """
    path = password_file(settings)
    is_given = GIVEN in os.environ
    if not path.exists() and not is_given:
        write_secret(path, secrets.token_urlsafe(24) + "\n")
    text = path.read_text(encoding="utf-8").strip()
    # The modes of a file that was given are its giver's business: compose mounts secrets as it
    # must.
    if len(text) < LEAST_CHARACTERS or (path.stat().st_mode & 0o077 and not is_given):
        raise ConfigError(
            f"{path} is open to other users, or its password has fewer than {LEAST_CHARACTERS}"
            " characters",
            allowed="a file of the mode 0600 with one line",
            remedy="delete it: `segmentry up` makes a new one",
        )
    return text


def airflow_passwords(settings: Settings) -> Path:
    """The file from which Airflow reads the same password."""
    path = settings.home / "secrets" / "airflow.json"
    content = json.dumps({USER: password(settings)})
    if not path.exists() or path.read_text(encoding="utf-8").strip() != content:
        write_secret(path, content)
    return path


class AirflowToken(httpx.Auth):
    """Signs in to Airflow before the first request, and again when its token has run out."""

    requires_response_body = True

    def __init__(self, url: str, secret: str) -> None:
        self._request = {"username": USER, "password": secret}
        self._url = f"{url}/auth/token"
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with a token; ask for a new one once when it is refused."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
            if (yield request).status_code != httpx.codes.UNAUTHORIZED:
                return
        answer = yield httpx.Request("POST", self._url, json=self._request)
        if answer.is_success:
            self._token = str(answer.json()["access_token"])
            request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
