"""What one file of config/destinations states, as typed values. ``folder`` reads the files,
``guard`` checks them, ``exchange`` makes requests by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from activation.client import Rate
from activation.tokens.flows import SignIn


@dataclass(frozen=True)
class ColumnRules:
    """Columns that a sync may map. allowed: None for any. most: how many; None for any number.
    or_in: an option that names further ones.
    """

    allowed: tuple[str, ...] | None = None
    required: tuple[str, ...] = ()
    most: int | None = None
    or_in: str | None = None


@dataclass(frozen=True)
class OptionRules:
    """An option of the sync's file. allowed: None for any value."""

    default: str | None = None
    allowed: tuple[str, ...] | None = None
    is_mapping: bool = False


@dataclass(frozen=True)
class ValueForms:
    """How values are written. nulls: null, empty or leave."""

    dates: str = "iso"
    times: str = "iso"
    numbers: str = "number"
    booleans: str = "boolean"
    nested: str = "json"
    nulls: str = "null"


@dataclass(frozen=True)
class IdentifierRules:
    """What names a person at an advertising platform. source: the column. forms: in their order."""

    source: str
    forms: tuple[str, ...]


@dataclass(frozen=True)
class RefusedRows:
    """Where an answer lists rows that were refused: by their place, their identity, or one entry
    for each row.

    at: paths of the entries. index, names: path in an entry of the place or identity. state, done:
    path and values of an entry of which there is one for each row. reason: paths of the reason in
    an entry. text: the reason where the entry has none. is_absent: a refused removal of a person
    who is not there.
    """

    at: tuple[str, ...]
    index: str | None = None
    names: str | None = None
    state: str | None = None
    done: tuple[Any, ...] = ()
    reason: tuple[str, ...] = ()
    text: str = "refused by the tool"
    is_absent: bool = False


@dataclass(frozen=True)
class AnswerRules:
    """How an answer of a status of success is read. code_at: path of a code that is success only if
    it is one of done. counted_at: path of the number of refused rows. splits: whether a larger
    number than that of named rows halves the batch.
    """

    code_at: str | None = None
    done: tuple[Any, ...] = ()
    message_at: str = "message"
    refused: tuple[RefusedRows, ...] = ()
    counted_at: str | None = None
    splits: bool = False


@dataclass(frozen=True)
class RequestTemplate:
    """One request. collect: names of values of the answer to their paths. only_with, only_without:
    a collected name that must, or must not, have a value. absent: statuses that mean that nobody of
    the request is there. row_statuses: statuses that refuse the one row of a request.
    is_of_no_row: a refusal is the fault of no row. job_at: path of the id of a job. their_id: path
    of the id that the tool gives the person of a request of one row.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    collect: Mapping[str, str] = field(default_factory=dict)
    only_with: str | None = None
    only_without: str | None = None
    absent: tuple[int, ...] = ()
    row_statuses: tuple[int, ...] = ()
    is_of_no_row: bool = False
    answer: AnswerRules = field(default_factory=AnswerRules)
    job_at: str | None = None
    their_id: str | None = None


@dataclass(frozen=True)
class PollTemplate:
    """The request that asks for a job's state. pending, done: values of the state; any other is a
    failure.
    """

    path: str
    state: str
    pending: tuple[str, ...]
    done: tuple[str, ...]
    answer: AnswerRules
    seconds: float


@dataclass(frozen=True)
class ActionTemplate:
    """What adds people, or removes them. rows: of one round of the requests; None for the batch.
    known_id: the collected name that the tool's own id of the row has from the start.
    """

    requests: tuple[RequestTemplate, ...]
    rows: int | None = None
    poll: PollTemplate | None = None
    known_id: str | None = None

    @cached_property
    def has_values(self) -> bool:
        """Whether a template names single columns."""
        return "{value." in str(self.requests)

    @property
    def is_by_row(self) -> bool:
        """Whether each row has requests of its own."""
        return self.rows == 1


@dataclass(frozen=True)
class ThrottleRules:
    """An answer that means "later". status, at and values, contains: what it has, each where it is
    stated. header: one with the seconds to wait, or with is_timestamp the time since 1970.
    """

    seconds: float
    status: int | None = None
    at: str | None = None
    values: tuple[Any, ...] = ()
    contains: str | None = None
    header: str | None = None
    is_timestamp: bool = False


@dataclass(frozen=True)
class AuthRules:
    """How requests carry credentials; texts are templates. sign_in: how the tool gives tokens, of
    which each request carries one; None where it gives keys.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None
    sign_in: SignIn | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Every template."""
        return (*self.headers.values(), *self.query.values(), *(self.basic or ()))


@dataclass(frozen=True)
class Description:
    """One destination. keys: columns that may be the key, to the tool's name of each; None for any
    column.
    """

    name: str
    path: Path
    text: str
    documents: tuple[str, ...]
    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    settings: tuple[str, ...]
    optional_settings: tuple[str, ...]
    place_settings: tuple[str, ...] | None
    place_account: tuple[str, ...] | None
    options: Mapping[str, OptionRules]
    columns: ColumnRules
    keys: Mapping[str, str] | None
    identifiers: Mapping[str, IdentifierRules]
    values: ValueForms
    batch_rows: int
    batch_bytes: int
    rate: Rate | None
    cost_unit: str
    creates_nobody: bool
    is_repeatable: bool
    auth: AuthRules
    headers: Mapping[str, str]
    code_at: tuple[str, ...]
    message_at: str
    request_errors: frozenset[str]
    throttled: tuple[ThrottleRules, ...]
    add: ActionTemplate
    remove: ActionTemplate

    @property
    def identifying(self) -> tuple[str, ...]:
        """Identifiers that the ledger keeps; none where a row has the key alone."""
        return () if self.columns.most == 1 else tuple(self.identifiers)
