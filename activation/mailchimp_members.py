"""How a member of Mailchimp is written, what it may have, and why Mailchimp does not take one.
The destination ``mailchimp`` asks it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from activation import refusals
from activation.client import RETRIED, RequestRefused
from activation.destination import DestinationSession, given
from activation.hashing import mailchimp_key
from activation.model import Row, RowOutcome, Status
from activation.redact import clean
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

STATUSES = ("transactional", "pending", "subscribed")
BIRTHDAY = "BIRTHDAY"  # the tag that Mailchimp itself gives the field
_DATE = re.compile(r"\d{4}-(\d{2})-(\d{2})(?:$|[T ])")
TAG_LENGTH = 10  # of a merge field
COMPLIANCE = "Member In Compliance State"
LEFT = "opted out there, bounced or was forgotten: Mailchimp does not take the address back"
ALIKE = 8  # so many refusals alike, and none else, are not the people's
_OF_A_ROW = frozenset({400, 405, 414})

Operation = tuple[str, str, dict[str, Any]]


def operation(session: DestinationSession, row: Row) -> Operation:
    """Method, path and body of the call that writes a member."""
    values = given(row, session.sync)
    fields = {
        name.upper(): _merge_field(name, value)
        for name, value in values.items()
        if name != session.sync.key
    }
    path = f"/lists/{session.connection['list_id']}/members/{mailchimp_key(row.identity)}"
    if session.sync.mode == "update":
        return "PATCH", path, {"merge_fields": fields}
    status = session.option("status_if_new", STATUSES[0])
    return "PUT", path, {
        "email_address": row.identity, "status_if_new": status, "merge_fields": fields
    }  # fmt: skip


def _merge_field(name: str, value: Any) -> Any:
    """A value as its merge field takes it: an empty text clears, a birthday is MM/DD."""
    if value is None:
        return ""
    born = _DATE.match(value) if name.upper() == BIRTHDAY and isinstance(value, str) else None
    return f"{born.group(1)}/{born.group(2)}" if born else value


def check_tags(sync: SyncConfig) -> None:
    """Raise ConfigError where a column cannot be the tag of a merge field."""
    tags = [column.name for column in sync.columns if column.name != sync.key]
    if long := [tag for tag in tags if len(tag) > TAG_LENGTH]:
        raise ConfigError(
            f"{sync.path}: columns/{long[0]} has {len(long[0])} characters",
            allowed=f"names of at most {TAG_LENGTH} characters, as the tags of merge fields",
            remedy="give the column the tag of its merge field as its name",
        )


def is_of_a_row(refusal: RequestRefused, sync: SyncConfig) -> bool:
    """Whether one member may have caused the refusal of its own call."""
    return refusal.status in _OF_A_ROW or (refusal.status == 404 and sync.mode == "update")


def outcome(row: Row, end: RequestRefused | None, *, is_put: bool) -> RowOutcome:
    """The outcome of a member. end: None where it was written. is_put: into the segment."""
    if end is None:
        reason = "" if is_put else "not put into the segment"
        return RowOutcome(row, Status.sent if is_put else Status.retry, reason)
    if not end.status:
        return RowOutcome(row, Status.retry, "the results do not name the member")
    status = Status.retry if end.status in RETRIED else Status.rejected
    return RowOutcome(row, status, _reason(end))


def stop_if_alike(ends: Sequence[RequestRefused | None]) -> None:
    """Stop the sync where the first members were all refused alike: the request is wrong."""
    if len(ends) == ALIKE and (found := _refused_alike(ends)):
        raise refusals.stop(_reason(found), "the audience's required fields and the options")


def refuse_if_alike(ends: Sequence[RequestRefused | None]) -> None:
    """Take a batch of which all members were refused alike as one refused request."""
    if len(ends) >= ALIKE and (found := _refused_alike(ends)):
        raise found


def _refused_alike(ends: Sequence[RequestRefused | None]) -> RequestRefused | None:
    found = [end for end in ends if end is not None and end.status not in {0, *RETRIED}]
    reasons = {_reason(end) for end in found}
    is_one = len(found) == len(ends) and len(reasons) == 1 and LEFT not in reasons
    return found[0] if is_one else None


def _reason(refusal: RequestRefused) -> str:
    body = refusal.body if isinstance(refusal.body, dict) else {}
    title = clean(body.get("title", ""))
    reason = f"refused with status {refusal.status}: {title}".removesuffix(": ")
    return LEFT if title == COMPLIANCE else reason
