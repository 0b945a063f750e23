"""What a description may do: placeholders that exist, credentials in ``auth`` alone, no field that
subscribes a person, requests that fit together. Loading a description asks it, and a sync's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from activation import subscriptions
from activation.destination import CREDENTIALS, EVERY_CHANNEL, EVERY_PURPOSE
from activation.generic import templates
from activation.generic.description import ActionTemplate, Description, RequestTemplate
from activation.generic.forms import FORMS
from activation.generic.templates import FIELDS, JOIN, OF_ROWS, OPTIONAL, ROWS, WORDS
from activation.tokens.flows import PASTED, TOKEN
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

# Names that speak of a subscription and change none. The one with a value is allowed with no other.
_HARMLESS: Mapping[str, Any] = {"subscribers": None, "channelUnsubscribe": False}
_FIELD_WORDS = frozenset({"except", "only", "renamed_by", "not_in", "as", "nulls"})


def secrets_of(description: Description) -> frozenset[str]:
    """Settings that are credentials: those of the known names, and those that ``auth`` uses."""
    auth = description.auth
    used = {hole.name for text in auth.texts for hole in templates.placeholders(text)}
    asked = auth.sign_in.settings if auth.sign_in is not None else ()
    settings = {*description.settings, *description.optional_settings}
    return frozenset((used | CREDENTIALS | {*asked}) & settings)


def separators(description: Description) -> frozenset[str]:
    """What separates keys that leave in one text. A key that is hashed before contains none."""
    if description.identifiers:
        return frozenset()
    actions = (description.add, description.remove)
    sent = [part for a in actions for r in a.requests for part in (r.query, r.body)]
    return frozenset(_joined(sent))


def _joined(template: Any) -> Iterator[str]:
    if isinstance(template, dict):
        if JOIN in template:
            yield template[JOIN]
        template = list(template.values())
    if isinstance(template, list | tuple):
        for part in template:
            yield from _joined(part)


def check(description: Description) -> None:
    """Raise ConfigError where the description does not fit; the message names the place."""
    _check_words(description)
    _check_auth(description)
    _check_token(description)
    for word, action in (("add", description.add), ("remove", description.remove)):
        _Walk(description, word, action).check()
        _check_action(description, word, action)


def check_sync(description: Description, sync: SyncConfig) -> None:
    """Raise ConfigError where the sync's file does not fit the description."""
    names = [column.name for column in sync.columns]
    rules = description.columns
    allowed = None if rules.allowed is None else {*rules.allowed, *_named_in(rules.or_in, sync)}
    unknown = [name for name in names if allowed is not None and name not in allowed]
    missing = [name for name in rules.required if name not in names]
    is_key = description.keys is None or sync.key in description.keys
    is_over = rules.most is not None and len(names) > rules.most
    if unknown or missing or not is_key or is_over:
        raise ConfigError(
            f"{sync.path}: columns are {', '.join(names)}, the key is {sync.key}",
            allowed=_allowed_columns(description),
            remedy="rename, add or remove columns, or name another key",
        )
    for name, option in description.options.items():
        value = sync.options.get(name)
        fits = value is None or (
            isinstance(value, Mapping)
            if option.is_mapping
            else isinstance(value, str) and (option.allowed is None or value in option.allowed)
        )
        if not fits:
            kind = "a mapping of names to names" if option.is_mapping else "a text"
            raise ConfigError(
                f"{sync.path}: options/{name} is '{value}'",
                allowed=", ".join(option.allowed or (kind,)),
                remedy="correct it",
            )


def _named_in(option: str | None, sync: SyncConfig) -> set[str]:
    named = sync.options.get(option or "")
    return set(named) if isinstance(named, Mapping) else set()


def _allowed_columns(description: Description) -> str:
    rules = description.columns
    parts = ["columns " + ("of any name" if rules.allowed is None else ", ".join(rules.allowed))]
    if rules.or_in:
        parts.append(f"those of options/{rules.or_in}")
    if rules.required:
        parts.append(f"{', '.join(rules.required)} among them")
    if rules.most is not None:
        parts.append(f"at most {rules.most}")
    if description.keys is not None:
        parts.append(f"as key {' or '.join(description.keys)}")
    return "; ".join(parts)


def _refuse(
    description: Description, place: str, received: str, allowed: str, remedy: str
) -> NoReturn:
    raise ConfigError(f"{description.path}: {place}: {received}", allowed=allowed, remedy=remedy)


def _check_words(description: Description) -> None:
    stated = {
        "purposes": (description.purposes, EVERY_PURPOSE),
        "channels": (description.channels, EVERY_CHANNEL),
    }
    for word, (values, known) in stated.items():
        if strange := sorted(set(values) - set(known)):
            _refuse(description, word, f"'{strange[0]}' is none", ", ".join(known), "use these")
    if ("ads" in description.channels) != ("advertising" in description.purposes):
        _refuse(
            description, "channels", "ads without the purpose advertising, or that without ads",
            "both or none", "state what the tool does: consent is asked for it",
        )  # fmt: skip
    settings = {*description.settings, *description.optional_settings}
    placed = {*(description.place_settings or ()), *(description.place_account or ())}
    if strange := sorted(placed - settings):
        _refuse(description, "place", f"there is no setting '{strange[0]}'",
                ", ".join(sorted(settings)), "name settings of connection")  # fmt: skip
    for name, rules in description.identifiers.items():
        if strange := sorted(set(rules.forms) - set(FORMS)):
            _refuse(description, f"identifiers/{name}", f"there is no form '{strange[0]}'",
                    ", ".join(FORMS), "use these")  # fmt: skip
        if description.columns.allowed is None or rules.source not in description.columns.allowed:
            _refuse(description, f"identifiers/{name}", f"'{rules.source}' is no allowed column",
                    "columns of columns/allowed", "list the column there")  # fmt: skip


def _check_auth(description: Description) -> None:
    auth = description.auth
    settings = {*description.settings, *description.optional_settings}
    for text in auth.texts:
        for hole in _holes(description, "auth", text):
            if hole.kind != "connection" or hole.name not in settings:
                _refuse(description, "auth", f"'{hole.kind}.{hole.name}' is no setting",
                        ", ".join(sorted(settings)), "name a setting of connection")  # fmt: skip


def _check_token(description: Description) -> None:
    sign_in = description.auth.sign_in
    if sign_in is not None and (PASTED in sign_in.flows) != (TOKEN in description.settings):
        _refuse(
            description, "auth", f"the flow or the setting {TOKEN} without the other",
            "both or none", f"add {TOKEN} to connection/settings, or remove it",
        )  # fmt: skip


def _holes(description: Description, place: str, text: str) -> list[templates.Placeholder]:
    try:
        return list(templates.placeholders(text))
    except ValueError:
        _refuse(description, place, f"'{text}' has a brace that begins no placeholder",
                "{kind.name} or {kind.name|form}, and no other braces",
                "correct the placeholder")  # fmt: skip


def _check_action(description: Description, word: str, action: ActionTemplate) -> None:
    has_job = [request.job_at is not None for request in action.requests]
    is_one_job = has_job == [True] and action.poll is not None and action.rows is None
    if (any(has_job) or action.poll is not None) and not is_one_job:
        _refuse(description, word, "a job that cannot be followed",
                "one request with job, and poll; without rows", "use one request")  # fmt: skip
    for request in action.requests:
        one_row = [request.their_id, request.row_statuses or None, action.known_id]
        if any(one_row) and not action.is_by_row:
            _refuse(description, word, "their_id, known_id or row_statuses of many rows",
                    "rows: 1 of the action", "make the requests row by row")  # fmt: skip
        is_absent = any(rule.is_absent for rule in request.answer.refused) or request.absent
        if word == "add" and is_absent:
            _refuse(description, word, "absent counts a refused addition as sent",
                    "absent in remove alone", "use row_statuses")  # fmt: skip


@dataclass(frozen=True)
class _Walk:
    """The templates of one action."""

    description: Description
    word: str
    action: ActionTemplate

    def check(self) -> None:
        """Check every text of every request."""
        collected: set[str] = {self.action.known_id} if self.action.known_id else set()
        for number, request in enumerate(self.action.requests):
            place = f"{self.word}/requests/{number}"
            self._check_request(request, place, collected)
            collected |= set(request.collect)
        if self.action.poll is not None:
            for hole in _holes(self.description, f"{self.word}/poll", self.action.poll.path):
                if hole.kind != "job":
                    self._check_hole(hole, f"{self.word}/poll", collected, has_row=False)

    def _check_request(self, request: RequestTemplate, place: str, collected: set[str]) -> None:
        has_row = self.action.is_by_row
        parts = {"path": request.path, "query": request.query, "headers": request.headers,
                 "body": request.body, "collect": list(request.collect.values())}  # fmt: skip
        for part, template in parts.items():
            for hole, in_rows in self._found(template, f"{place}/{part}", in_rows=has_row):
                self._check_hole(hole, f"{place}/{part}", collected, has_row=in_rows)
        for name in filter(None, (request.only_with, request.only_without)):
            if name not in collected:
                _refuse(self.description, place, f"'{name}' is collected by no request before",
                        ", ".join(sorted(collected)) or "none", "collect it")  # fmt: skip

    def _check_hole(
        self, hole: templates.Placeholder, place: str, collected: set[str], *, has_row: bool
    ) -> None:
        known = self._known(hole.kind, collected)
        shown = f"{hole.kind}.{hole.name}" if hole.name else hole.kind
        if known is None or (known and hole.name not in known) or (not known and hole.name):
            kinds = "connection, option, sync, key, found, identity, their_id, value, identifier"
            _refuse(self.description, place, f"'{shown}' means nothing here",
                    ", ".join(sorted(known)) if known else kinds,
                    "name what exists; credentials belong in auth")  # fmt: skip
        if hole.kind in OF_ROWS and not has_row:
            _refuse(self.description, place, f"'{shown}' has another value for each row",
                    f"it within {ROWS}, or rows: 1 of the action",
                    f"put it within {ROWS}")  # fmt: skip
        if strange := sorted(set(hole.forms) - set(FORMS)):
            _refuse(self.description, place, f"there is no form '{strange[0]}'",
                    ", ".join(FORMS), "use these")  # fmt: skip

    def _known(self, kind: str, collected: set[str]) -> set[str] | None:
        """Names of a kind of placeholder; empty where it has none; None where there is no such
        kind, or nothing of it.
        """
        described = self.description
        settings = {*described.settings, *described.optional_settings}
        allowed = described.columns.allowed
        named: dict[str, set[str] | None] = {
            "connection": settings - secrets_of(described) or None,
            "option": set(described.options) or None,
            "found": collected or None,
            "identifier": {*described.identifiers, "key"} if described.identifiers else None,
            "value": {*(allowed or ()), *described.columns.required} or None,
            "sync": set(), "key": set(), "identity": set(), "their_id": set(),
        }  # fmt: skip
        return named.get(kind)

    def _found(
        self, template: Any, place: str, *, in_rows: bool
    ) -> Iterator[tuple[templates.Placeholder, bool]]:
        if isinstance(template, str):
            yield from ((hole, in_rows) for hole in _holes(self.description, place, template))
        elif isinstance(template, list):
            for part in template:
                yield from self._found(part, place, in_rows=in_rows)
        elif isinstance(template, dict):
            yield from self._of_mapping(template, place, in_rows=in_rows)

    def _of_mapping(
        self, template: Mapping[str, Any], place: str, *, in_rows: bool
    ) -> Iterator[tuple[templates.Placeholder, bool]]:
        for name, part in template.items():
            if name.startswith("$") and name not in WORDS:
                _refuse(self.description, place, f"'{name}' is no word of a template",
                        ", ".join(sorted(WORDS)), "correct it")  # fmt: skip
            if name == ROWS and set(template) - {ROWS, JOIN}:
                _refuse(self.description, place, f"other names next to {ROWS}",
                        f"{ROWS}, and {JOIN}", "put them elsewhere")  # fmt: skip
            self._check_name(name, part, place)
            if name == FIELDS:
                self._check_fields(part, place, in_rows=in_rows)
                texts = [*part.get("except", ())]
                yield from self._found(texts, place, in_rows=in_rows)
                continue
            yield from self._found(name.removesuffix(OPTIONAL), place, in_rows=in_rows)
            yield from self._found(part, place, in_rows=in_rows or name == ROWS)

    def _check_fields(self, part: Any, place: str, *, in_rows: bool) -> None:
        if not in_rows or not isinstance(part, dict) or set(part) - _FIELD_WORDS:
            _refuse(self.description, place, f"{FIELDS} is {part}",
                    f"a mapping of {', '.join(sorted(_FIELD_WORDS))}, within {ROWS}",
                    "correct it")  # fmt: skip

    def _check_name(self, name: str, part: Any, place: str) -> None:
        """No field may subscribe a person who left."""
        plain = name.removesuffix(OPTIONAL)
        if plain in _HARMLESS and (_HARMLESS[plain] is None or part is _HARMLESS[plain]):
            return
        if subscriptions.is_field(plain):
            _refuse(self.description, place, f"'{plain}' is a consent or subscription field",
                    "fields that describe a person or name an audience",
                    "remove it: a subscription comes from the consent decisions alone")  # fmt: skip
