"""Which columns and options of a sync carry a subscription that could reach a person who left.
``activation.destination`` asks it before anything is sent.
"""

from __future__ import annotations

import re

from segmentry.sync_config import SyncColumn, SyncConfig

# Fields that a tool acts upon: not even the consent ledger may write them, as a person may have
# unsubscribed in the tool since.
_ACTED_UPON = frozenset(
    {
        "consent", "subscribe", "subscribed", "unsubscribed", "subscription", "subscriptions",
        "subscriptiongroups", "status", "marketingstatus",
        "emailsubscribe", "pushsubscribe", "smssubscribe", "optin", "optout", "hasoptedoutofemail",
        "hasoptedoutoffax", "hslegalbasis",
        "donotcall",
        "hsemailoptout", "hsmarketablestatus", "ciosubscriptionpreferences", "unsubscribedreason",
        "marketingsuspended", "emailinvalid", "interests", "synctags", "emaillistids",
        "unsubscribedchannelids",
        "unsubscribedmessagetypeids", "subscribedmessagetypeids",
    }
)  # fmt: skip
# Words that speak of a permission to reach a person, between underscores.
_PERMISSION = re.compile(
    r"consent|unsub(?!sid)|subscri|legal_?basis|legitimate_?interest|suppress|gdpr|ccpa"
    r"|(?<!ad)(?<!sh)opt(?:ed|s)?_?(?:in|out)(?=_|s?$|of|email|sms|push|date|status)"
    r"|do_?not_?(?:call|contact|e?mail|email|sms|text|disturb|sell|track|process)|(?:^|_)dnc(?:_|$)"
    r"|permission|permitted|marketab|mailable|emailable|contactable|black_?list|block_?list"
    r"|(?:marketing|email|sms|push|phone|mail|newsletter)_?(?:status|allowed|suspended|enabled)"
    r"|(?:accepts?|allows?|accepted|agreed|wants?|receives?)(?:_[a-z]+)?"
    r"_?(?:marketing|newsletters?|emails?|sms|push|calls?|ads)"
    r"|ad_?user_?data|ad_?personali[sz]ation|tc_?string|us_?privacy|gpp_?(?:string|sid)"
)
# A subscription to a product is bought, not permitted. These columns of profiles.profiles are made
# of what was bought.
_OF_PRODUCTS = frozenset(
    {
        "subscription_status", "subscribed_at", "subscription_changed_at", "is_subscribed",
        "has_cancelled_subscription", "days_since_subscribed", "days_since_subscription_change",
    }
)  # fmt: skip
_BOUGHT = re.compile(
    r"subscri[a-z]*_(?:plan|tier|price|amount|revenue|value|mrr|arr|renew[a-z]*|months|interval"
    r"|start[a-z]*|end[a-z]*|product|sku)(?:_|$)"
)
_LONGEST_STATE = 6  # words; a longer constant is a sentence
FROM_LEDGER = "consent_"  # columns of profiles.profiles that the consent decisions make
_NAMING_OPTIONS = ("attribute", "trait")  # a field that a destination sets for its members


def carried_by(sync: SyncConfig) -> list[str]:
    """Places of the sync's file that carry a subscription which the consent ledger did not make."""
    found = [f"columns/{column.name}" for column in sync.columns if _is_carried_by(column)]
    for option in _NAMING_OPTIONS:
        name = str(sync.options.get(option, ""))
        if is_field(name):
            found.append(f"options/{option}")
    return found


def is_permission(text: str) -> bool:
    """Whether a name, in whatever spelling, speaks of a permission to reach a person."""
    words = _words(text)
    return bool(_PERMISSION.search(words)) and not _BOUGHT.search(words)


def is_field(name: str) -> bool:
    """Whether a tool may read a field of this name as a permission to reach the person."""
    return _is_acted_upon(name) or is_permission(name)


def _is_carried_by(column: SyncColumn) -> bool:
    if _is_acted_upon(column.name):
        return True
    value = str(column.value)
    if column.source == "from" and value.startswith(FROM_LEDGER):
        return False
    if column.source == "from" and value in _OF_PRODUCTS:
        return column.name != value and is_permission(column.name)
    return is_permission(column.name) or _is_state(column, value)


def _is_state(column: SyncColumn, value: str) -> bool:
    """Whether the value itself is one."""
    if column.source in ("from", "member_of"):
        return is_permission(value)
    others = [n for n in column.needs if not n.startswith(FROM_LEDGER) and n not in _OF_PRODUCTS]
    if any(is_permission(name) for name in others):
        return True
    is_short = _words(value).count("_") < _LONGEST_STATE
    return (
        column.source in ("constant", "template")
        and is_short
        and is_permission(re.sub(r"\{[^}]*\}", " ", value))
    )


def _is_acted_upon(name: str) -> bool:
    return _words(name).replace("_", "") in _ACTED_UPON


def _words(text: str) -> str:
    """The words of a name in lower case, with an underscore between them."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
