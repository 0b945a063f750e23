"""An advertising platform on loopback that keeps each identifier by itself, and a sync into it.

It is the strictest one there can be: a removal takes exactly the identifiers that it names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from activation import hashing
from segmentry import warehouse
from tests.activation import loopback
from tests.activation.shop import Shop, decision

Person = Mapping[str, str | None]
Members = set[tuple[str, str]]
TYPES = ("email", "phone", "fn", "ln", "country")
COLUMNS = {
    "meta": ("email", "phone", "fn", "ln", "country"),
    "google_data_manager": ("email", "phone"),
}
SETTINGS = {"meta": ("audience_id",), "google_data_manager": ("account_id", "list_id")}


class AdPlatform:
    """What it has, and every request. script is called before each is taken, with its number; a
    status that it returns is the answer.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.members: Members = set()
        self.requests: list[tuple[str, list[Members]]] = []
        self.script: Callable[[int, str], int | None] = lambda number, change: None
        self.text = ""
        self.ending = "SUCCESS"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        content = json.loads(body)
        self.text += body.decode()
        people = _of_meta(content) if self.kind == "meta" else _of_google(content)
        is_removal = method == "DELETE" or path.endswith(":remove")
        change = "remove" if is_removal else "add"
        self.requests.append((change, people))
        if (status := self.script(len(self.requests), change)) is not None:
            return status, {}
        for person in people:
            self.members = self.members - person if is_removal else self.members | person
        return 200, {"num_received": len(people), "num_invalid_entries": 0, "requestId": "r-1"}

    def end(self) -> dict[str, Any]:
        """How a request ended that was accepted."""
        return {"requestStatusPerDestination": [{"requestStatus": self.ending}]}

    def should_have(self, people: Mapping[str, Person]) -> Members:
        """The identifiers of these people, as the platform gets them."""
        return {part for person in people.values() for part in self.of(person)}

    def of(self, person: Person) -> Members:
        """The identifiers of one of them."""
        named = {name: str(person[name]) for name in COLUMNS[self.kind] if person.get(name)}
        if self.kind == "meta":
            normal = {
                "email": hashing.meta_email, "phone": hashing.meta_phone, "fn": hashing.meta_name,
                "ln": hashing.meta_name, "country": hashing.meta_place,
            }  # fmt: skip
            return {(n.upper(), hashing.sha256(normal[n](v))) for n, v in named.items()}
        forms = {
            "email": ("emailAddress", hashing.google_email),
            "phone": ("phoneNumber", hashing.google_phone),
        }
        return {(forms[n][0], hashing.sha256(forms[n][1](v))) for n, v in named.items()}


def _of_meta(content: Any) -> list[Members]:
    schema = content["payload"]["schema"]
    return [
        {(name, cell) for name, cell in zip(schema, row, strict=True) if cell}
        for row in content["payload"]["data"]
    ]


def _of_google(content: Any) -> list[Members]:
    return [
        {part for one in member["userData"]["userIdentifiers"] for part in one.items()}
        for member in content["audienceMembers"]
    ]


@contextmanager
def serving(platform: AdPlatform) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.reply(*platform.answer(self.command, self.path, body))

        def do_GET(self) -> None:
            self.reply(200, platform.end())

        def reply(self, status: int, content: Any) -> None:
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with loopback.serving(Handler) as address:
        yield address


@pytest.fixture
def platform(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AdPlatform]:
    """A platform, Meta unless the test names another, whose address is in the environment."""
    made = AdPlatform(getattr(request, "param", "meta"))
    with serving(made) as url:
        monkeypatch.setenv("ADS_URL", url)
        for name in ("TOKEN", "AUDIENCE_ID", "ACCOUNT_ID", "LIST_ID"):
            monkeypatch.setenv(f"ADS_{name}", "7")
        monkeypatch.setattr("activation.client.FIRST_WAIT", 0.001)
        yield made


def ads(shop: Shop, platform: AdPlatform, name: str = "ads", **content: Any) -> str:
    """A sync into the platform, with an empty audience."""
    settings = ("url", "token", *SETTINGS[platform.kind])
    columns = {column: {"from": _source(column)} for column in COLUMNS[platform.kind]}
    written = {
        "destination": platform.kind,
        "purpose": "advertising",
        "channel": "ads",
        "columns": columns,
        "connection": {setting: f"ADS_{setting.upper()}" for setting in settings},
        "limits": {"requests": 10_000},
        **content,
    }
    shop.sync(name, **written)
    types = ", ".join(f"{column} varchar" for column in written["columns"])
    shop.run(f"create or replace table lake.audiences.aud_{name} (row_key varchar, {types})")
    return name


def _source(column: str) -> str:
    return {"fn": "first_name", "ln": "last_name"}.get(column, column)


def fill(shop: Shop, platform: AdPlatform, people: Mapping[str, Person], name: str = "ads") -> None:
    """Give the audience exactly these people."""
    columns = COLUMNS[platform.kind]
    with warehouse.connect(shop.settings) as lake:
        lake.execute("begin")
        lake.execute(f"delete from lake.audiences.aud_{name}")
        if people:
            row = f"({', '.join('?' * (len(columns) + 1))})"
            values = [
                value
                for who, person in people.items()
                for value in (f"p_{who}", *(person.get(column) for column in columns))
            ]
            places = ", ".join([row] * len(people))
            lake.execute(f"insert into lake.audiences.aud_{name} values {places}", values)
        lake.execute("commit")


def agree(
    shop: Shop, *people: str, status: str = "granted", at: str = "2026-01-01", **content: Any
) -> None:
    """Decisions of these people on advertising."""
    use = {"purpose": "advertising", "channel": "ads", **content}
    shop.put("marts.consents", [decision(who, status, at, **use) for who in people])
