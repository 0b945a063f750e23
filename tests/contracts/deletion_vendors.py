"""Vendors that delete people: each knows those it was given, and answers as its documentation has
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from activation.hashing import mailchimp_key as key_of
from tests.contracts.vendor_answers import Answer

Query = dict[str, list[str]]


class Vendor:
    """One vendor's people, by address; their ids are `id-` and the name."""

    def __init__(self, *names: str) -> None:
        self.people = {f"{name}@example.com": f"id-{name}" for name in names}
        self.deletions = 0

    def drop(self, ids: list[str]) -> int:
        """Delete by ids; returns how many were there."""
        self.deletions += 1
        deleted = [email for email, one in self.people.items() if one in ids]
        for email in deleted:
            del self.people[email]
        return len(deleted)

    def known(self, emails: list[str]) -> dict[str, str]:
        """Ids of those that are there."""
        return {email: self.people[email] for email in emails if email in self.people}


def klaviyo(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if path == "/api/data-privacy-deletion-jobs":
        v.drop([body["data"]["attributes"]["profile"]["data"]["id"]])
        return 202, None
    emails = re.findall(r'"([^"]+)"', query["filter"][0])
    link = {"self": "https://a.klaviyo.com/api/profiles/1/"}
    found = [
        {"type": "profile", "id": one, "attributes": {"email": email}, "links": link}
        for email, one in v.known(emails).items()
    ]
    return 200, {"data": found, "links": link}


def braze(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if path == "/users/delete":
        return 201, {"deleted": v.drop(body["braze_ids"]), "message": "success"}
    found = v.known([body["email_address"]])
    users = [{"braze_id": one, "email": email} for email, one in found.items()]
    return 201, {"users": users, "message": "success"}


def hubspot(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if path.endswith("/gdpr-delete"):
        v.drop([body["objectId"]])
        return 204, None
    at = "2026-06-01T00:00:00Z"
    found = v.known([one["id"] for one in body["inputs"]])
    record = {"archived": False, "createdAt": at, "updatedAt": at, "properties": {}}
    results = [{**record, "id": one} for one in found.values()]
    return 200, {"startedAt": at, "completedAt": at, "status": "COMPLETE", "results": results}


def mailchimp(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    keys = {key_of(email): email for email in v.people}
    email = next((keys[key] for key in keys if f"/members/{key}" in path), None)
    if email is None:
        v.deletions += method == "POST"
        missing = {"type": "x", "title": "Resource Not Found", "detail": "", "instance": "x"}
        return 404, {**missing, "status": 404}
    if method == "GET":
        return 200, {"id": key_of(email), "email_address": email, "status": "archived"}
    v.drop([v.people[email]])
    return 204, None


def iterable(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    email = path.rpartition("/")[2]
    found = v.known([email])
    if method == "GET":
        return 200, {"user": {"email": email}} if found else {}
    v.drop(list(found.values()))
    return 200, {"code": "Success", "msg": "", "params": {}}


def sendgrid(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if method == "DELETE":
        v.drop(query["ids"][0].split(","))
        return 202, {"job_id": {}}  # its specification has an object where a text comes
    found = v.known(body["emails"])
    at = "2026-06-01T00:00:00Z"
    shared = {"list_ids": [], "segment_ids": [], "created_at": at, "updated_at": at}
    contacts = {
        email: {"contact": {**shared, "id": one, "email": email}} for email, one in found.items()
    }
    return (200, {"result": contacts}) if found else (404, {"errors": []})


def customer_io(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    v.drop(list(v.known([path.rpartition("/")[2]]).values()))
    return 200, {}


def salesforce(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if method == "DELETE":
        ids = query["ids"][0].split(",")
        v.drop(ids)
        return 200, [{"id": one, "success": True, "errors": []} for one in ids]
    found = v.known(re.findall(r"'([^']+)'", query["q"][0]))
    records = [{"Id": one, "Shop_Id__c": email} for email, one in found.items()]
    return 200, {"totalSize": len(records), "done": True, "records": records}


def marketo(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if path == "/identity/oauth/token":
        return 200, {"access_token": "t-1", "token_type": "bearer", "expires_in": 3599}
    numbers = {str(50 + n): one for n, one in enumerate(sorted(v.people.values()))}
    by_id = {one: int(number) for number, one in numbers.items()}
    answer = {"requestId": "r#1", "success": True, "errors": [], "warnings": []}
    if path.endswith("/delete.json"):
        ids = [str(one["id"]) for one in body["input"]]
        v.drop([numbers[one] for one in ids if one in numbers])
        return 200, {**answer, "result": [{"id": int(one), "status": "deleted"} for one in ids]}
    found = v.known(query["filterValues"][0].split(","))
    return 200, {**answer, "result": [{"id": by_id[one]} for one in found.values()]}


def optimizely_odp(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if method == "GET":
        return 200, {"status": "COMPLETED" if v.deletions > 1 else "IN_PROGRESS"}
    assert {one["requester"] for one in body} == {"privacy@shop.example.com"}
    emails = [one["identifier_value"] for one in body]
    v.drop(list(v.known(emails).values()))
    return 202, {"request_ids": [f"r-{n}" for n, _ in enumerate(emails)]}


def segment(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    if method == "GET":
        state = "FINISHED" if v.deletions > 1 else "INITIALIZED"
        return 200, {"data": {"regulation": {"id": "reg-1", "overallStatus": state}}}
    v.drop(list(v.known(body["subjectIds"]).values()))
    return 200, {"data": {"regulateId": "reg-1"}}


def webhook(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    assert body["type"] == body["data"]["operation"] == "segment.people.deleted"
    rows = body["data"]["rows"]
    assert {(row["operation"], row["is_erased"]) for row in rows} == {("remove", True)}
    v.drop(list(v.known([row["key"] for row in rows]).values()))
    return 200, {}


def meta(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    from activation.hashing import sha256

    assert method == "DELETE"
    hashes = {sha256(email): one for email, one in v.people.items()}
    data = [value for row in body["payload"]["data"] for value in row]
    v.drop([hashes[one] for one in data if one in hashes])
    return 200, {"num_received": len(body["payload"]["data"]), "num_invalid_entries": 0}


def google_data_manager(v: Vendor, method: str, path: str, query: Query, body: Any) -> Answer:
    from activation.hashing import sha256

    assert path.endswith(":remove")
    text = str(body)
    v.drop([one for email, one in v.people.items() if sha256(email) in text])
    return 200, {"requestId": "r-1"}


VENDORS: dict[str, Callable[[Vendor, str, str, Query, Any], Answer]] = {
    "klaviyo": klaviyo, "braze": braze, "hubspot": hubspot, "mailchimp": mailchimp,
    "iterable": iterable, "sendgrid": sendgrid, "customer_io": customer_io,
    "salesforce": salesforce, "marketo": marketo, "optimizely_odp": optimizely_odp,
    "segment": segment, "webhook": webhook, "meta": meta,
    "google_data_manager": google_data_manager,
}  # fmt: skip
# What a connection needs for deletions alone.
SETTINGS = {
    "optimizely_odp": {"requester": "privacy@shop.example.com"},
    "segment": {
        "regulations_url": "https://vendor.example.com",
        "regulations_token": "key-5ecret5ecret",
    },
}
