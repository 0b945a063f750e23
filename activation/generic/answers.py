"""Reads answers by a description's rules: codes in the body, refused rows, counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from activation.client import RequestRefused, decoded
from activation.generic.description import AnswerRules, RefusedRows, ThrottleRules
from activation.model import Row, RowOutcome, Status
from activation.redact import clean

_FILTER = "["  # of a path: ``tags[name=vip].id``


def at(content: Any, path: str) -> list[Any]:
    """Every value at a path: names or places with dots between them, ``*`` for each of a list or of
    a mapping's values, ``name[field=value]`` for the entries of a list with that value.
    """
    found = [content]
    for step in path.split(".") if path else ():
        found = [value for part in found for value in _step(part, step)]
    return found


def first(content: Any, path: str) -> Any:
    """The first value at a path; None without one."""
    return next(iter(at(content, path)), None)


def _step(content: Any, step: str) -> Iterator[Any]:
    name, _, condition = step.partition(_FILTER)
    if condition:
        field, _, wanted = condition.removesuffix("]").partition("=")
        for entry in at(content, f"{name}.*"):
            if isinstance(entry, Mapping) and str(entry.get(field)) == wanted:
                yield entry
    elif step == "*":
        is_mapping = isinstance(content, Mapping)
        listed = content.values() if is_mapping else content
        yield from listed if isinstance(content, list | Mapping) else ()
    elif isinstance(content, list):
        if step.isdigit() and int(step) < len(content):
            yield content[int(step)]
    elif isinstance(content, Mapping) and step in content:
        yield content[step]


def coded(body: Any, code_at: Sequence[str], message_at: str) -> Any:
    """A refusal's body with its code where refusals are read; as it is where it has none."""
    codes = (first(body, path) for path in code_at)
    code = next((code for code in codes if code is not None), None)
    if code is None:
        return body
    message = first(body, message_at)
    return {"code": code, "message": message if isinstance(message, str) else ""}


def check_code(rules: AnswerRules, body: Any) -> None:
    """Raise RequestRefused where the body has a code that is not success."""
    if rules.code_at is None:
        return
    code = first(body, rules.code_at)
    if code not in rules.done:
        raise RequestRefused(400, coded(body, (rules.code_at,), rules.message_at))


def refused(rules: AnswerRules, body: Any, rows: Sequence[Row]) -> dict[str, RowOutcome]:
    """Outcomes of the rows that an answer refuses, by their row_key.

    Raises ValueError where the answer's entries are not those of the rows, RequestRefused where it
    counts refused rows that halving has to find.
    """
    found: dict[str, RowOutcome] = {}
    for rule in rules.refused:
        for row, reason in _named(rule, body, rows):
            status = Status.sent if rule.is_absent else Status.rejected
            found[row.row_key] = RowOutcome(row, status, "" if rule.is_absent else reason)
    if _counted(rules, body) > len(found):
        if rules.splits:
            raise RequestRefused(400, counts_rows=True)
        unnamed = "refusals are counted, not named"
        left = (row for row in rows if row.row_key not in found)
        found |= {row.row_key: RowOutcome(row, Status.retry, unnamed) for row in left}
    return found


def _counted(rules: AnswerRules, body: Any) -> int:
    if rules.counted_at is None:
        return 0
    values = at(body, rules.counted_at)
    is_number = len(values) == 1 and not isinstance(values[0], Mapping | list)
    return int(values[0] or 0) if is_number else len(values)


def _named(rule: RefusedRows, body: Any, rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    entries = [entry for path in rule.at for entry in at(body, path)]
    if rule.state is not None:
        if len(entries) != len(rows):
            raise ValueError("an answer with another number of entries than rows")
        for row, entry in zip(rows, entries, strict=True):
            if first(entry, rule.state) not in rule.done:
                yield row, _reason(rule, entry)
        return
    by_identity = {row.identity.strip().lower(): row for row in rows}
    for entry in entries:
        if rule.index is not None:
            yield rows[int(first(entry, rule.index))], _reason(rule, entry)
            continue
        named = by_identity.get(str(first(entry, rule.names or "")).strip().lower())
        if named is not None:
            yield named, _reason(rule, entry)


def _reason(rule: RefusedRows, entry: Any) -> str:
    texts = [str(value) for path in rule.reason if (value := first(entry, path)) is not None]
    return clean(": ".join(texts)) or rule.text


def asked_to_wait(rules: Sequence[ThrottleRules], response: httpx.Response) -> float | None:
    """Seconds that an answer asks to wait by one of the rules; None where it is no throttle."""
    return next((s for rule in rules if (s := _throttled(rule, response)) is not None), None)


def _throttled(rule: ThrottleRules, response: httpx.Response) -> float | None:
    if rule.status is not None and response.status_code != rule.status:
        return None
    if rule.at is not None:
        value = first(decoded(response), rule.at)
        is_meant = rule.contains in str(value) if rule.contains else value in rule.values
        if not is_meant:
            return None
    return _stated_wait(rule, response)


def _stated_wait(rule: ThrottleRules, response: httpx.Response) -> float | None:
    if rule.header is None:
        return rule.seconds
    try:
        stated = float(response.headers.get(rule.header, ""))
    except ValueError:
        return rule.seconds if rule.status is not None or rule.at is not None else None
    return max(0.0, stated - time.time() if rule.is_timestamp else stated)
