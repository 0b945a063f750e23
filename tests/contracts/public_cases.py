"""What vendors get of a person, by public test cases of other clients and by the vendors' own
documents: the facts of each case with values of our own.

Sources: rudder = rudderlabs/rudder-transformer, test/integrations/destinations; docs = the vendor's
own reference.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from activation.hashing import sha256

Case = tuple[str, str, str, dict[str, Any], dict[str, Any], dict[str, Any]]
EMAIL = "dana.reyes@example.com"
HASHED_EMAIL = sha256(EMAIL)
ANSWERS: dict[str, Any] = {
    "google_data_manager": {"requestId": "r"},
    "klaviyo": {"data": {"id": "job", "attributes": {"status": "queued"}}},
    "sendgrid": {"job_id": "job"},
    "marketo": {
        "success": True, "result": [{"status": "created", "id": 7}], "access_token": "t",
        "expires_in": 3600,
    },
    "salesforce": {"id": "750", "state": "Open"},
}  # fmt: skip


def _meta(key: str, value: str, normal: str, source: str = "rudder") -> Case:
    values = {"email": EMAIL, key: value}
    expected = {key.upper(): sha256(normal)}
    return "meta", source, f"{key} {value!r}", values, expected, {}


META: list[Case] = [
    _meta("email", " Dana.REYES@example.com ", EMAIL),
    _meta("email", "dana+offers@example.com", "dana+offers@example.com", "docs"),
    _meta("phone", "+1 (202) 555-0143", "12025550143"),
    _meta("phone", "+49 151 12345678", "4915112345678", "docs"),
    _meta("gen", "female", "f"),
    _meta("gen", "M", "m"),
    _meta("doby", "1988", "1988"),
    _meta("dobm", "2", "02"),
    _meta("dobd", "13", "13"),
    _meta("dobd", "7", "07", "docs"),
    _meta("fi", "Mx.", "m"),
    _meta("fn", "Mary-Ann", "maryann", "docs"),
    _meta("ln", "Øster", "øster", "docs"),
    _meta("ct", "San José", "sanjosé", "docs"),
    _meta("st", "New South Wales", "newsouthwales"),
    _meta("zip", " 10118-0110", "10118", "docs"),
    _meta("zip", "SW1A 2AA", "sw1a2aa"),
    _meta("country", "IN", "in"),
    (
        "meta", "rudder", "madid in lower case and not hashed",
        {"email": EMAIL, "madid": "6D92078A-8246-4BA4-AE5B-76104861E7DC"},
        {"MADID": "6d92078a-8246-4ba4-ae5b-76104861e7dc", "EMAIL": HASHED_EMAIL}, {},
    ),
    (
        "meta", "rudder", "extern_id not hashed", {"email": EMAIL, "extern_id": "crm-881"},
        {"EXTERN_ID": "crm-881"}, {},
    ),
    (
        "meta", "rudder", "an empty cell for what is missing", {"email": EMAIL, "fn": None},
        {"FN": "", "EMAIL": HASHED_EMAIL}, {},
    ),
    (
        "meta", "docs", "limited data use by a mark of its own", {"email": EMAIL},
        {"DATA_PROCESSING_OPTIONS": ["LDU"]}, {"options": {"limited_data_use": True}},
    ),
]  # fmt: skip
ADDRESS = {
    "given_name": " Dana", "family_name": "REYES", "region_code": "us", "postal_code": "10118"
}  # fmt: skip
GOOGLE: list[Case] = [
    (
        "google_data_manager", "rudder", "e-mail", {"email": "Dana.Reyes@Example.com"},
        {"emailAddress": HASHED_EMAIL}, {},
    ),
    (
        "google_data_manager", "docs", "dots of Gmail", {"email": "d.a.n.a@gmail.com"},
        {"emailAddress": sha256("dana@gmail.com")}, {},
    ),
    (
        "google_data_manager", "docs", "a tag stays", {"email": "da.na+x@googlemail.com"},
        {"emailAddress": sha256("dana+x@googlemail.com")}, {},
    ),
    (
        "google_data_manager", "rudder", "phone with its plus",
        {"email": EMAIL, "phone": "+1 202-555-0143"}, {"phoneNumber": sha256("+12025550143")}, {},
    ),
    (
        "google_data_manager", "rudder", "names hashed, country and postal code not",
        {"email": EMAIL, **ADDRESS},
        {
            "address": {
                "givenName": sha256("dana"), "familyName": sha256("reyes"), "regionCode": "US",
                "postalCode": "10118",
            }
        },
        {},
    ),
    (
        "google_data_manager", "rudder", "a bad e-mail costs its field alone",
        {"phone": "+12025550143", "email": "no address"}, {"phoneNumber": sha256("+12025550143")},
        {"key": "phone", "address": "phone"},
    ),
]  # fmt: skip
KLAVIYO_PERSON = {
    "email": EMAIL, "phone_number": "+12025550143", "first_name": "Dana", "last_name": "Reyes",
}  # fmt: skip
KLAVIYO_PLACE = {
    "address1": "5 Elm Street", "address2": "Floor 2", "city": "Austin", "country": "US",
    "ip": "198.51.100.7",
}  # fmt: skip
KLAVIYO: list[Case] = [
    ("klaviyo", "rudder", "its own fields", KLAVIYO_PERSON, KLAVIYO_PERSON, {}),
    (
        "klaviyo", "rudder", "a place is one object", {"email": EMAIL, **KLAVIYO_PLACE},
        {"location": KLAVIYO_PLACE}, {},
    ),
    (
        "klaviyo", "rudder", "an address of the network alone",
        {"email": EMAIL, "ip": "198.51.100.8"}, {"location": {"ip": "198.51.100.8"}}, {},
    ),
    (
        "klaviyo", "rudder", "the anonymous id is a field",
        {"email": EMAIL, "anonymous_id": "visitor-3"}, {"anonymous_id": "visitor-3"}, {},
    ),
    (
        "klaviyo", "docs", "title, organization, locale",
        {"email": EMAIL, "title": "CFO", "organization": "Acme", "locale": "en-US"},
        {"title": "CFO", "organization": "Acme", "locale": "en-US"}, {},
    ),
    (
        "klaviyo", "docs", "latitude, longitude, timezone",
        {"email": EMAIL, "latitude": 30.3, "longitude": -97.7, "timezone": "America/Chicago"},
        {"location": {"latitude": 30.3, "longitude": -97.7, "timezone": "America/Chicago"}}, {},
    ),
    (
        "klaviyo", "docs", "others are properties", {"email": EMAIL, "tier": "gold", "orders": 4},
        {"properties": {"tier": "gold", "orders": 4}}, {},
    ),
]  # fmt: skip
BY_ID = {"key": "external_id", "address": "email"}
BRAZE: list[Case] = [
    (
        "braze", "rudder", "a member has the attribute", {"external_id": "u-17", "email": EMAIL},
        {"external_id": "u-17", "rs_loyal": True},
        {**BY_ID, "options": {"attribute": "rs_loyal"}},
    ),
    (
        "braze", "rudder", "standard and custom attributes side by side",
        {"external_id": "u-17", "email": EMAIL, "first_name": "Dana", "tier": "gold"},
        {"first_name": "Dana", "tier": "gold", "email": EMAIL}, {**BY_ID, "options": {}},
    ),
    (
        "braze", "docs", "null clears", {"external_id": "u-17", "email": EMAIL, "tier": None},
        {"tier": None}, {**BY_ID, "options": {}},
    ),
    (
        "braze", "docs", "times in ISO 8601",
        {"external_id": "u-17", "email": EMAIL, "last_order": datetime(2026, 2, 3, 4, 5, 6)},
        {"last_order": "2026-02-03T04:05:06Z"}, {**BY_ID, "options": {}},
    ),
    (
        "braze", "docs", "lists as arrays",
        {"external_id": "u-17", "email": EMAIL, "brands": ["a", "b"]}, {"brands": ["a", "b"]},
        {**BY_ID, "options": {}},
    ),
    ("braze", "docs", "a person by e-mail", {"email": EMAIL}, {"email": EMAIL, "in_vip": True}, {}),
    (
        "braze", "docs", "nobody is created in mode update",
        {"external_id": "u-17", "email": EMAIL}, {"_update_existing_only": True},
        {**BY_ID, "options": {}, "mode": "update"},
    ),
]  # fmt: skip
CUSTOMER_IO: list[Case] = [
    (
        "customer_io", "rudder", "a person by id", {"id": "c-5", "email": EMAIL},
        {"type": "person", "action": "identify", "identifiers": {"id": "c-5"}},
        {"key": "id", "options": {"id_type": "id"}},
    ),
    (
        "customer_io", "rudder", "a person by e-mail", {"email": EMAIL, "plan": "pro"},
        {"identifiers": {"email": EMAIL}, "attributes": {"plan": "pro"}}, {},
    ),
    (
        "customer_io", "docs", "typed attributes", {"email": EMAIL, "n": 3, "ok": False},
        {"attributes": {"n": 3, "ok": False}}, {},
    ),
]  # fmt: skip
ITERABLE: list[Case] = [
    ("iterable", "rudder", "a subscriber by e-mail", {"email": EMAIL}, {"email": EMAIL}, {}),
    (
        "iterable", "rudder", "a subscriber by user id", {"user": "u-9", "email": EMAIL},
        {"userId": "u-9"}, {"key": "user", "options": {"identifier": "userId"}},
    ),
    (
        "iterable", "docs", "fields of the user", {"email": EMAIL, "tier": "gold", "spend": 12.5},
        {"dataFields": {"tier": "gold", "spend": 12.5}}, {},
    ),
    (
        "iterable", "docs", "lists and structs as they are",
        {"email": EMAIL, "pets": [{"name": "Rex"}]}, {"dataFields": {"pets": [{"name": "Rex"}]}},
        {},
    ),
]  # fmt: skip
MAILCHIMP: list[Case] = [
    (
        "mailchimp", "rudder", "names of merge fields in upper case",
        {"email": EMAIL, "fname": "Dana", "lname": "Reyes"},
        {"merge_fields": {"FNAME": "Dana", "LNAME": "Reyes"}, "email_address": EMAIL}, {},
    ),
    (
        "mailchimp", "rudder", "a birthday has month and day",
        {"email": EMAIL, "birthday": "2001-09-04"},
        {"merge_fields": {"BIRTHDAY": "09/04"}}, {},
    ),
    (
        "mailchimp", "docs", "a birthday that is a date",
        {"email": EMAIL, "birthday": date(1999, 12, 31)}, {"merge_fields": {"BIRTHDAY": "12/31"}},
        {},
    ),
    (
        "mailchimp", "docs", "a birthday that has its form",
        {"email": EMAIL, "birthday": "02/29"}, {"merge_fields": {"BIRTHDAY": "02/29"}}, {},
    ),
    (
        "mailchimp", "rudder", "an address is one object",
        {"email": EMAIL, "address": {"addr1": "5 Elm", "city": "Austin", "zip": "1"}},
        {"merge_fields": {"ADDRESS": {"addr1": "5 Elm", "city": "Austin", "zip": "1"}}},
        {},
    ),
    (
        "mailchimp", "docs", "an empty text clears", {"email": EMAIL, "fname": None},
        {"merge_fields": {"FNAME": ""}}, {},
    ),
]  # fmt: skip
HUBSPOT: list[Case] = [
    (
        "hubspot", "rudder", "properties by their names",
        {"email": EMAIL, "firstname": "Dana", "lastname": "Reyes"},
        {"email": EMAIL, "firstname": "Dana", "lastname": "Reyes"}, {},
    ),
    ("hubspot", "rudder", "numbers as text", {"email": EMAIL, "orders": 8}, {"orders": "8"}, {}),
    ("hubspot", "rudder", "booleans as text", {"email": EMAIL, "vip": True}, {"vip": "true"}, {}),
    (
        "hubspot", "docs", "a date as ISO", {"email": EMAIL, "joined": date(2025, 4, 30)},
        {"joined": "2025-04-30"}, {},
    ),
    (
        "hubspot", "docs", "a time as ISO", {"email": EMAIL, "seen": datetime(2025, 4, 30, 12)},
        {"seen": "2025-04-30T12:00:00Z"}, {},
    ),
    ("hubspot", "docs", "an empty text clears", {"email": EMAIL, "tier": None}, {"tier": ""}, {}),
]  # fmt: skip
MARKETO: list[Case] = [
    (
        "marketo", "rudder", "fields by their API names",
        {"email": EMAIL, "firstName": "Dana", "leadScore": 31},
        {"email": EMAIL, "firstName": "Dana", "leadScore": 31}, {},
    ),
    ("marketo", "docs", "null clears", {"email": EMAIL, "tier": None}, {"tier": None}, {}),
    (
        "marketo", "docs", "a date as ISO", {"email": EMAIL, "joined": date(2025, 4, 30)},
        {"joined": "2025-04-30"}, {},
    ),
]  # fmt: skip
SENDGRID: list[Case] = [
    (
        "sendgrid", "docs", "reserved fields at the top",
        {"email": EMAIL, "first_name": "Dana", "postal_code": "78701"},
        {"email": EMAIL, "first_name": "Dana", "postal_code": "78701"}, {},
    ),
    (
        "sendgrid", "docs", "custom fields by their ids", {"email": EMAIL, "tier": "gold"},
        {"custom_fields": {"e3_T": "gold"}}, {"options": {"custom_fields": {"tier": "e3_T"}}},
    ),
    (
        "sendgrid", "docs", "numbers stay numbers", {"email": EMAIL, "spend": Decimal("9.50")},
        {"custom_fields": {"e4_N": 9.5}}, {"options": {"custom_fields": {"spend": "e4_N"}}},
    ),
]  # fmt: skip
SALESFORCE: list[Case] = [
    (
        "salesforce", "docs", "the external id first, others by their API names",
        {"email": EMAIL, "LastName": "Reyes", "Score__c": 4},
        {"Shop_Id__c": EMAIL, "LastName": "Reyes", "Score__c": "4"}, {},
    ),
    (
        "salesforce", "docs", "null as #N/A", {"email": EMAIL, "Tier__c": None},
        {"Tier__c": "#N/A"}, {},
    ),
    (
        "salesforce", "docs", "times with T and Z",
        {"email": EMAIL, "At__c": datetime(2025, 1, 2, 3)},
        {"At__c": "2025-01-02T03:00:00Z"}, {},
    ),
]  # fmt: skip
CASES = [
    *META, *GOOGLE, *KLAVIYO, *BRAZE, *CUSTOMER_IO, *ITERABLE, *MAILCHIMP, *HUBSPOT, *MARKETO,
    *SENDGRID, *SALESFORCE,
]  # fmt: skip
