"""What a member of Mailchimp may have, and why Mailchimp does not take one.
The destination ``mailchimp`` asks it.
"""

from __future__ import annotations

from activation.client import RequestRefused
from activation.model import Row, RowOutcome, Status
from activation.redact import clean
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

TAG_LENGTH = 10  # of a merge field
COMPLIANCE = "Member In Compliance State"
LEFT = "opted out there, bounced or was forgotten: Mailchimp does not take the address back"


def check_tags(sync: SyncConfig) -> None:
    """Raise ConfigError where a column cannot be the tag of a merge field."""
    tags = [column.name for column in sync.columns if column.name != sync.key]
    if long := [tag for tag in tags if len(tag) > TAG_LENGTH]:
        raise ConfigError(
            f"{sync.path}: columns/{long[0]} has {len(long[0])} characters",
            allowed=f"names of at most {TAG_LENGTH} characters, as the tags of merge fields",
            remedy="give the column the tag of its merge field as its name",
        )


def refused(row: Row, refusal: RequestRefused) -> RowOutcome:
    """The outcome of a member that was refused."""
    body = refusal.body if isinstance(refusal.body, dict) else {}
    title = clean(body.get("title", ""))
    reason = f"refused with status {refusal.status}: {title}".removesuffix(": ")
    return RowOutcome(row, Status.rejected, LEFT if title == COMPLIANCE else reason)
