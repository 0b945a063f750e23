"""One look at a home: incidents are found, kept, and sent to the channels. A job calls it at its
end, however it ended, and so does a DAG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from runtime.alerts import channel, pages, policy
from runtime.alerts.evidence import IncidentKind, look
from runtime.alerts.model import CRITICAL, OPENED, RESOLVED, AlertFinding, Message
from runtime.alerts.policy import AlertPolicy, ChannelConfig
from runtime.alerts.store import IncidentStore
from segmentry import discovery, faults, warehouse
from segmentry.errors import SegmentryError
from segmentry.redaction import without_values
from segmentry.settings import Settings

# Of findings about the look itself.
SELF = "watch"
_SELF_TITLE = "alerts cannot look"


@dataclass
class Look:
    """What one look did. opened, resolved: ids of incidents; sent: messages by channel; faults:
    channels that a message did not arrive at, with the reason.
    """

    opened: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def kinds() -> dict[str, IncidentKind]:
    """Every kind of incident by the name of its file."""
    return discovery.members("runtime.alerts.kinds", "KIND", IncidentKind)


def titles() -> dict[str, str]:
    """A few words for each kind."""
    return {SELF: _SELF_TITLE, **{name: kind.title for name, kind in kinds().items()}}


def load_policy(settings: Settings) -> AlertPolicy:
    """The policy, checked as a whole; ConfigError where it does not fit."""
    found = policy.load(settings)
    policy.check_names(settings, found, {**kinds(), SELF: None})
    channel.check(found)
    return found


def check(settings: Settings, *, sends: bool = True) -> Look:
    """Look once. sends: whether channels get what is new for them.

    ConfigError for a configuration that does not fit. Two processes take turns; a second look
    without a change does nothing. A kill between a message and the record of it has the message
    sent a second time, with the same ids.
    """
    found = load_policy(settings)
    done = Look()
    with closing(IncidentStore(settings)) as store, store.alone():
        done.opened, done.resolved = store.reconcile(findings(settings, found, store))
        store.enqueue(found.channels)
        if sends:
            for one in found.channels:
                _deliver(settings, found, store, one, done)
    return done


def findings(
    settings: Settings, found: AlertPolicy, store: IncidentStore
) -> Mapping[str, Sequence[AlertFinding]]:
    """What is wrong now, by kind. A kind that cannot look is missing, and is a finding itself."""
    result: dict[str, list[AlertFinding]] = {}
    blind: dict[str, str] = {}
    with look(settings, found.limits, store) as evidence:
        for name, kind in kinds().items():
            try:
                result[name] = [] if name in found.ignored else list(kind.find(evidence))
            except Exception as error:  # one kind that cannot look stops no other
                blind[name] = _reason(error)
    result[SELF] = [
        AlertFinding(
            "kinds",
            CRITICAL,
            f"the alerts cannot look for {', '.join(sorted(blind))}: {'; '.join(reasons)}",
            "run `segmentry doctor`, correct what it names, and run `segmentry alerts check`",
        )
        for reasons in [sorted(set(blind.values()))]
        if reasons
    ]
    return result


def _reason(error: Exception) -> str:
    if isinstance(error, SegmentryError):
        return error.received
    if full := faults.disk_full(error):
        return full.received
    if isinstance(error, warehouse.DatabaseError):
        return without_values(f"{type(error).__name__}: {error}").partition("\n")[0]
    return f"an unexpected {type(error).__name__}"


def _deliver(
    settings: Settings, found: AlertPolicy, store: IncidentStore, one: ChannelConfig, done: Look
) -> None:
    while (next_one := store.next_message(one.name)) is not None:
        message_id, parts = next_one
        message = Message(
            message_id,
            tuple(incident for event, incident in parts if event == OPENED),
            tuple(incident for event, incident in parts if event == RESOLVED),
            titles(),
            pages.addresses(settings, found),
        )
        try:
            channel.send(one, message)
        except SegmentryError as error:
            store.record_fault(one.name, message_id, error.received)
            done.faults[one.name] = str(error)
            return
        store.record_sent(one.name, message_id)
        done.sent[one.name] = done.sent.get(one.name, 0) + 1


def send_test(settings: Settings, name: str | None) -> dict[str, str]:
    """Send a test message to the channel, or to every one; returns the fault of each, '' without.

    UsageError for a name that the policy does not have.
    """
    found = load_policy(settings)
    wanted = [one for one in found.channels if name in (None, one.name)]
    if not wanted:
        raise policy.no_channel(settings, found, name)
    result = {}
    for one in wanted:
        message = Message(IncidentStore.new_message_id(), (), (), {}, {}, is_test=True)
        try:
            channel.send(one, message)
            result[one.name] = ""
        except SegmentryError as error:
            result[one.name] = str(error)
    return result


def look_after(settings: Settings) -> list[str]:
    """Look at the end of a job; returns lines for an operator. A fault of the alerts changes
    nothing about the job.
    """
    try:
        done = check(settings)
    except Exception as error:  # as above
        return [f"alerts: {_reason(error)}; see `segmentry alerts check`"]
    lines = [f"alerts: {counted(done)}; see `segmentry alerts list`"]
    lines += [f"alerts: {name}: {fault}" for name, fault in done.faults.items()]
    return lines if done.opened or done.resolved or done.faults else []


def counted(done: Look) -> str:
    """One line about a look."""
    sent = f", sent to {', '.join(done.sent)}" if done.sent else ""
    return f"{len(done.opened)} new incident(s), {len(done.resolved)} resolved{sent}"
