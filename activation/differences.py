"""Where Segmentry sends on purpose what other clients of the same tools do not, with the reason.
The reference of the destinations lists them, and the tests of public cases check them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClientDifference:
    """One difference. what: what it is about. others: what they do. ours: what Segmentry does."""

    destination: str
    what: str
    others: str
    ours: str
    reason: str


DIFFERENCES = (
    ClientDifference(
        "braze",
        "what an update has",
        "all mapped attributes",
        "those that changed since Braze acknowledged them",
        "Braze charges for each attribute, changed or not",
    ),
    ClientDifference(
        "braze",
        "who enters and who leaves",
        "both in one request",
        "a request for each",
        "removals leave first, and no guardrail stops them",
    ),
    ClientDifference(
        "customer_io",
        "who is put into a segment",
        "ids alone",
        "the people are written first",
        "a segment ignores ids that it does not know, with status 200",
    ),
    ClientDifference(
        "google_data_manager",
        "a phone number without its country",
        "a plus is put before it",
        "the field is left out, and the row refused where nothing else names the person",
        "it would be the number of another person",
    ),
    ClientDifference(
        "google_data_manager",
        "values that are hashed already",
        "are passed on",
        "are refused: the lake has the values, which are normalized and hashed here",
        "a hash of another form matches nobody, and cannot be seen from outside",
    ),
    ClientDifference(
        "google_data_manager",
        "a part of an address",
        "country and postal code alone are sent",
        "all four parts or none",
        "Google matches by the names",
    ),
    ClientDifference(
        "hubspot",
        "new and known contacts",
        "a search, then creations and updates apart",
        "one upsert by a unique property, with a trace id for each row",
        "a search lags behind, and a contact could be created twice",
    ),
    ClientDifference(
        "iterable",
        "a removal from a list",
        "may unsubscribe the channel, by an option",
        "states that no channel is unsubscribed",
        "to leave an audience is no opt-out",
    ),
    ClientDifference(
        "klaviyo",
        "subscriptions",
        "may be asked for with the profile",
        "are never sent",
        "the call undoes an opt-out",
    ),
    ClientDifference(
        "mailchimp",
        "the status of a member",
        "`status: subscribed`",
        "`status_if_new` alone",
        "the status of a member who opted out would change",
    ),
    ClientDifference(
        "mailchimp",
        "a name of more than ten characters",
        "is cut",
        "is refused when the file is read",
        "a name that is cut may be the name of another field",
    ),
    ClientDifference(
        "marketo",
        "who is put on a list",
        "ids that the source has to know",
        "the people are written by the key, and the answer gives the ids",
        "a warehouse does not know the ids of Marketo",
    ),
    ClientDifference(
        "meta",
        "values that Meta cannot match",
        "are hashed, or sent, as they are",
        "the cell is left empty",
        "such a hash matches nobody, or another person",
    ),
    ClientDifference(
        "meta",
        "values that are not hashed",
        "are sent by an option",
        "every identifier that Meta takes hashed is hashed",
        "no address leaves in the clear where its hash is enough",
    ),
)
