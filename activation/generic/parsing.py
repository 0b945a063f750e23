"""Makes the typed values of a description of the content of its file. ``folder`` asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from activation.client import Rate
from activation.generic.description import (
    ActionTemplate,
    AnswerRules,
    AuthRules,
    ColumnRules,
    Description,
    IdentifierRules,
    OptionRules,
    PollTemplate,
    RefusedRows,
    RequestTemplate,
    ThrottleRules,
    ValueForms,
)
from activation.tokens import flows
from activation.tokens.flows import SignIn, TokenFlow

# The flows of ``auth: oauth``.
FLOWS: Mapping[str, TokenFlow] = {
    "token": flows.PASTED,
    "refresh_token": flows.REFRESH_TOKEN,
    "public_refresh_token": flows.PUBLIC_REFRESH_TOKEN,
    "client_credentials": flows.CLIENT_CREDENTIALS,
}


def parsed(content: Mapping[str, Any], path: Path) -> Description:
    """The typed value of a file's content, which the schema has been through."""
    connection = content["connection"]
    place = content.get("place", {})
    errors = content.get("errors", {})
    batch = content.get("batch", {})
    return Description(
        name=content["name"],
        path=path,
        text=content["description"],
        documents=tuple(content["documents"]),
        purposes=tuple(content["purposes"]),
        channels=tuple(content["channels"]),
        settings=("url", *connection["settings"]),
        optional_settings=tuple(connection.get("optional", ())),
        place_settings=tuple(place["settings"]) if "settings" in place else None,
        place_account=tuple(place["account"]) if "account" in place else None,
        options={name: _option(rules) for name, rules in content.get("options", {}).items()},
        columns=_columns(content.get("columns", {})),
        keys=_keys(content),
        identifiers={
            name: IdentifierRules(rules["from"], tuple(rules["forms"]))
            for name, rules in content.get("identifiers", {}).items()
        },
        values=ValueForms(**content.get("values", {})),
        batch_rows=batch.get("rows", 100),
        batch_bytes=batch.get("bytes", 1_000_000),
        rate=Rate(content["rate"]["requests"], content["rate"]["seconds"])
        if "rate" in content
        else None,
        cost_unit=content.get("cost_unit", "requests"),
        creates_nobody=content.get("creates_nobody", False),
        is_repeatable=content.get("repeatable", True),
        auth=_auth(content["auth"]),
        headers=content.get("headers", {}),
        code_at=_several(errors.get("code", ())),
        message_at=errors.get("message", "message"),
        request_errors=frozenset(map(str, errors.get("of_requests", ()))),
        throttled=tuple(_throttle(rules) for rules in errors.get("throttled", ())),
        add=_action(content["add"]),
        remove=_action(content["remove"]),
    )


def _option(rules: Mapping[str, Any]) -> OptionRules:
    allowed = rules.get("allowed")
    return OptionRules(
        rules.get("default"),
        None if allowed is None else tuple(allowed),
        rules.get("kind") == "mapping",
    )


def _columns(rules: Mapping[str, Any]) -> ColumnRules:
    allowed = rules.get("allowed")
    return ColumnRules(
        None if allowed is None else tuple(allowed),
        tuple(rules.get("required", ())),
        rules.get("most"),
        rules.get("or_in"),
    )


def _keys(content: Mapping[str, Any]) -> Mapping[str, str] | None:
    keys = content.get("keys")
    return {name: name for name in keys} if isinstance(keys, list) else keys


def _auth(rules: Mapping[str, Any]) -> AuthRules:
    headers = dict(rules.get("header", {}))
    if "bearer" in rules:
        headers["authorization"] = f"Bearer {{connection.{rules['bearer']}}}"
    basic = rules.get("basic")
    oauth = rules.get("oauth")
    return AuthRules(
        headers=headers,
        query=rules.get("query", {}),
        basic=(basic["user"], basic["password"]) if basic else None,
        sign_in=SignIn(tuple(FLOWS[name] for name in oauth["flows"]), oauth["token_url"])
        if oauth
        else None,
    )


def _throttle(rules: Mapping[str, Any]) -> ThrottleRules:
    return ThrottleRules(
        seconds=rules.get("seconds", 1.0),
        status=rules.get("status"),
        at=rules.get("at"),
        values=tuple(rules.get("is", ())),
        contains=rules.get("contains"),
        header=rules.get("header"),
        is_timestamp=rules.get("header_is") == "timestamp",
    )


def _action(content: Mapping[str, Any]) -> ActionTemplate:
    requests: Sequence[Mapping[str, Any]] = content["requests"]
    return ActionTemplate(
        tuple(_request(request) for request in requests),
        content.get("rows"),
        _poll(content["poll"]) if "poll" in content else None,
        content.get("known_id"),
    )


def _request(content: Mapping[str, Any]) -> RequestTemplate:
    return RequestTemplate(
        method=content["method"],
        path=content["path"],
        query=content.get("query", {}),
        headers=content.get("headers", {}),
        body=content.get("body"),
        collect=content.get("collect", {}),
        only_with=content.get("only_with"),
        only_without=content.get("only_without"),
        absent=tuple(content.get("absent", ())),
        row_statuses=tuple(content.get("row_statuses", ())),
        is_of_no_row=content.get("refusal_is_of_no_row", False),
        answer=_answer(content.get("answer", {})),
        job_at=content.get("job"),
        their_id=content.get("their_id"),
    )


def _poll(content: Mapping[str, Any]) -> PollTemplate:
    return PollTemplate(
        content["path"],
        content["state"],
        tuple(content["pending"]),
        tuple(content["done"]),
        _answer(content.get("answer", {})),
        content.get("seconds", 60.0),
    )


def _answer(content: Mapping[str, Any]) -> AnswerRules:
    code = content.get("code", {})
    counted = content.get("counted", {})
    return AnswerRules(
        code_at=code.get("at"),
        done=tuple(code.get("done", ())),
        message_at=code.get("message", "message"),
        refused=tuple(_refused(rules) for rules in content.get("refused", ())),
        counted_at=counted.get("at"),
        splits=counted.get("more") == "split",
    )


def _refused(rules: Mapping[str, Any]) -> RefusedRows:
    return RefusedRows(
        at=_several(rules["at"]),
        index=rules.get("index"),
        names=rules.get("names"),
        state=rules.get("state"),
        done=tuple(rules.get("done", ())),
        reason=_several(rules.get("reason", ())),
        text=rules.get("text", "refused by the tool"),
        is_absent=rules.get("means") == "absent",
    )


def _several(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
