"""Makes the requests of a described destination, and gives an outcome for each row."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activation import refusals
from activation.addresses import sent_identifiers
from activation.client import Client, RequestRefused, decoded
from activation.destination import DestinationSession
from activation.generic import answers, forms, templates
from activation.generic.description import (
    ActionTemplate,
    Description,
    PollTemplate,
    RequestTemplate,
)
from activation.generic.templates import Scope
from activation.model import Batch, Pending, Result, Row, RowOutcome, Status
from activation.redact import clean
from segmentry.sync_config import SyncConfig

_OF_A_ROW = frozenset(
    {400, 409, 413, 422}
)  # refusals that the one row of a request may have caused
_ALIKE = 5  # rows at least that are refused alike before the request counts as wrong


@dataclass(frozen=True)
class Exchange:
    """The requests of one batch."""

    description: Description
    session: DestinationSession
    batch: Batch

    @property
    def action(self) -> ActionTemplate:
        """What is done with the batch."""
        return self.description.remove if self.batch.is_removal else self.description.add

    def run(self) -> Result:
        """Make the requests, in rounds of the action's rows."""
        rows = list(self.batch.rows)
        size = self.action.rows or len(rows)
        outcomes: list[RowOutcome] = []
        alike: list[refusals.Reason] = []
        for start in range(0, len(rows), size):
            has_any = len(outcomes) > len(alike)
            result = self._round(rows[start : start + size], alike, has_any=has_any)
            if isinstance(result, Pending):
                return result
            outcomes += result
        return outcomes

    def poll(self, job_id: str) -> Result:
        """The outcomes of a job."""
        poll = self.action.poll
        if poll is None:
            raise ValueError("the description has no poll")
        path = templates.fill_path(poll.path, self._scope({"job": job_id}))
        body = self.client().json("GET", path, params=self._auth_query() or None)
        state = str(answers.first(body, poll.state))
        if state in poll.pending:
            return Pending(job_id)
        return self._ended(poll, state, body)

    def _ended(self, poll: PollTemplate, state: str, body: Any) -> list[RowOutcome]:
        if state not in poll.done:
            raise RequestRefused(400, counts_rows=True)
        refused = answers.refused(poll.answer, body, self.batch.rows)
        return [refused.get(r.row_key, RowOutcome(r, Status.sent)) for r in self.batch.rows]

    def _round(
        self, rows: Sequence[Row], alike: list[refusals.Reason], *, has_any: bool
    ) -> list[RowOutcome] | Pending:
        settled: dict[str, RowOutcome] = {}
        try:
            job_id = self._requests(rows, settled)
        except RequestRefused as refusal:
            if not self._is_of_the_row(refusal):
                raise
            reason = refusals.read(refusal)
            self._stop_if_alike(alike, reason, has_any=has_any)
            codes = ", ".join(sorted(reason.codes))
            text = clean(f"status {refusal.status}" + (f", code {codes}" if codes else ""))
            return [RowOutcome(row, Status.rejected, f"refused with {text}") for row in rows]
        if job_id is not None:
            return Pending(job_id)
        return [settled.get(row.row_key, RowOutcome(row, Status.sent)) for row in rows]

    def _is_of_the_row(self, refusal: RequestRefused) -> bool:
        is_wrong = refusals.read(refusal).codes & self.description.request_errors
        return self.action.is_by_row and refusal.status in _OF_A_ROW and not is_wrong

    def _stop_if_alike(
        self, alike: list[refusals.Reason], reason: refusals.Reason, *, has_any: bool
    ) -> None:
        """Stop where the first rows of a batch are all refused alike: the request is wrong."""
        alike.append(reason)
        most = max(_ALIKE, int(2 * math.log2(len(self.batch.rows))))
        if not has_any and len(alike) == most and all(reason.is_like(other) for other in alike):
            place = f"the options and the connection of {self.session.sync.path.name}"
            raise refusals.stop(str(reason), place)

    def _requests(self, rows: Sequence[Row], settled: dict[str, RowOutcome]) -> str | None:
        """Make the requests of a round; the id of the job where the tool made one of it."""
        known = self.action.known_id
        found: dict[str, Any] = {known: rows[0].destination_id} if known else {}
        ids: dict[str, str] = {}
        for request in self.action.requests:
            left = [row for row in rows if row.row_key not in settled]
            if not left or _is_skipped(request, found):
                continue
            body = self._call(request, left, found, settled)
            if body is None:
                continue
            settled |= answers.refused(request.answer, body, left)
            scope = self._scope({"found": found}, left)
            found |= {name: _collected(body, path, scope) for name, path in request.collect.items()}
            if request.job_at:
                return str(answers.at(body, request.job_at)[0])
            if request.their_id and (their_id := answers.first(body, request.their_id)):
                ids[left[0].row_key] = str(their_id)
        for row in rows:
            if row.row_key in ids and row.row_key not in settled:
                settled[row.row_key] = RowOutcome(row, Status.sent, "", ids[row.row_key])
        return None

    def _call(
        self,
        request: RequestTemplate,
        rows: Sequence[Row],
        found: Mapping[str, Any],
        settled: dict[str, RowOutcome],
    ) -> Any:
        """The body of the answer; None where the status settles the rows."""
        try:
            return self._answered(request, rows, found)
        except RequestRefused as refusal:
            if refusal.status in request.absent:
                settled |= {row.row_key: RowOutcome(row, Status.sent) for row in rows}
                return None
            if refusal.status in request.row_statuses:
                text = f"refused with status {refusal.status}"
                settled |= {row.row_key: RowOutcome(row, Status.rejected, text) for row in rows}
                return None
            if request.is_of_no_row:
                place = "what the connection names there"
                raise refusals.stop(str(refusals.read(refusal)), place) from None
            raise

    def _answered(
        self, request: RequestTemplate, rows: Sequence[Row], found: Mapping[str, Any]
    ) -> Any:
        scope = self._scope({"found": found}, rows)
        query = {**templates.fill(dict(request.query), scope), **self._auth_query()}
        parts: dict[str, Any] = {}
        if query:
            parts["params"] = query
        if request.headers:
            parts["headers"] = templates.fill(dict(request.headers), scope)
        if request.body is not None:
            parts["json"] = templates.fill(request.body, scope)
        path = templates.fill_path(request.path, scope)
        try:
            # An answer without content is a success too; one that is cut off is not.
            body = decoded(self.client().call(request.method, path, is_json=True, **parts))
        except RequestRefused as refusal:
            described = self.description
            content = answers.coded(refusal.body, described.code_at, described.message_at)
            raise RequestRefused(refusal.status, content) from None
        answers.check_code(request.answer, body)
        return body

    def _scope(self, names: Mapping[str, Any], rows: Sequence[Row] = ()) -> Scope:
        scope = Scope(
            {**fixed_names(self.description, self.session), **names},
            rows,
            lambda row: _names_of(self.description, self.action, self.session.sync, row),
            None,
            lambda row, nulls: forms.fields(
                row.values,
                self.session.sync.left_alone,
                self.description.values,
                nulls or self.description.values.nulls,
            ),
        )
        return scope.at(rows[0]) if self.action.is_by_row and rows else scope

    def _auth_query(self) -> dict[str, Any]:
        names = Scope(fixed_names(self.description, self.session))
        return {n: templates.fill_text(t, names) for n, t in self.description.auth.query.items()}

    def client(self) -> Client:
        """The session's client."""
        return client_of(self.description, self.session)


def client_of(description: Description, session: DestinationSession) -> Client:
    """The client of the connection, with its credentials."""
    if "http" in session.clients:
        return session.clients["http"]
    scope = Scope(fixed_names(description, session))
    auth = description.auth
    headers = {
        name: str(templates.fill_text(text, scope))
        for name, text in {**description.headers, **auth.headers}.items()
    }
    if auth.basic:
        pair = ":".join(str(templates.fill_text(text, scope)) for text in auth.basic)
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    parts: dict[str, Any] = {"is_repeatable": description.is_repeatable}
    if description.throttled:
        parts["throttled"] = lambda response: answers.asked_to_wait(description.throttled, response)
    if auth.sign_in is not None:
        tokens = session.tokens(auth.sign_in)
        parts["authorize"] = tokens.headers
        parts |= {} if tokens.is_pasted else {"renew": tokens.renewed}
    return session.http(headers, description.rate, **parts)


def fixed_names(description: Description, session: DestinationSession) -> dict[str, Any]:
    """What placeholders mean that have one value for all rows."""
    sync = session.sync
    return {
        "connection": session.connection,
        "option": options_of(description, sync),
        "sync": sync.known_as,
        "key": (description.keys or {}).get(sync.key, sync.key),
    }


def options_of(description: Description, sync: SyncConfig) -> dict[str, Any]:
    """The options of the sync's file, with the defaults of those that it does not have."""
    return {
        name: sync.options.get(
            name, None if rules.default is None else rules.default.replace("{sync}", sync.known_as)
        )
        for name, rules in description.options.items()
    }


def identifiers_of(description: Description, given: Mapping[str, Any]) -> dict[str, str]:
    """The identifiers that can be made of a row's values."""
    made = {
        name: forms.applied(given.get(rules.source), rules.forms)
        for name, rules in description.identifiers.items()
    }
    return {name: str(value) for name, value in made.items() if value}


def _names_of(
    description: Description, action: ActionTemplate, sync: SyncConfig, row: Row
) -> dict[str, Any]:
    """What placeholders mean that have another value for each row."""
    found: dict[str, Any] = {"identity": row.identity, "their_id": row.destination_id}
    if not action.has_values and not description.identifiers:
        return found
    known = {**row.values, sync.key: row.identity}
    named = identifiers_of(description, known)
    if sent := sent_identifiers(row):
        named = {**identifiers_of(description, {sync.key: row.identity}), **sent}
    by_key = (n for n, rules in description.identifiers.items() if rules.source == sync.key)
    values = forms.fields(known, frozenset(), description.values, "null")
    return {**found, "value": values, "identifier": {**named, "key": named.get(next(by_key, ""))}}


def _is_skipped(request: RequestTemplate, found: Mapping[str, Any]) -> bool:
    lacks = request.only_with is not None and templates.is_empty(found.get(request.only_with))
    has = request.only_without is not None and not templates.is_empty(
        found.get(request.only_without)
    )
    return lacks or has


def _collected(body: Any, path: str, scope: Scope) -> Any:
    filled = str(templates.fill_text(path, scope))
    return answers.at(body, filled) if "*" in path else answers.first(body, filled)
