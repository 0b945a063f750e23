"""Reads the identifiers of a request."""

from __future__ import annotations

from api.faults import ApiFault
from api.rules import Caller
from api.service import ApiService
from live.store.records import Identifier
from segmentry import identifiers

_FORM = "type:value, such as email:ann@example.com or profile_id:4f2a"


def parsed(service: ApiService, caller: Caller, text: str) -> Identifier:
    """The type and value of ``type:value``, or the fault. It never repeats the text."""
    kind, colon, value = text.partition(":")
    if not colon or kind not in service.types:
        raise ApiFault(
            400,
            "the identifier has no known type before its colon",
            f"{_FORM}; types: {', '.join(sorted(service.types))}",
            "write the type and a colon before the value",
        )
    if caller.types and kind not in caller.types:
        raise ApiFault(
            403,
            f"the token '{caller.name}' may not ask by {kind}",
            ", ".join(sorted(caller.types)),
            "ask by one of these types, or add the type to the token in config/api.yml",
        )
    reason = None if kind == "profile_id" else identifiers.fault(kind, value, service.country)
    if reason is not None or not value.strip():
        raise ApiFault(
            400,
            f"the value is no {kind}: {reason or 'empty'}",
            _FORM,
            "send the value as the person gave it",
        )
    return kind, value
