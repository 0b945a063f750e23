"""Answers of the vendors that files of config/destinations describe, in the shapes of their
documentation. ``CASES`` has the arguments of ``vendors.Vendor``.
"""

from __future__ import annotations

import hashlib
from typing import Any

BAD = "bad@example.com"
BAD_HASH = hashlib.sha256(BAD.encode()).hexdigest()
Query = dict[str, list[str]]


def tiktok(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    return 200, {"code": 0, "message": "OK", "request_id": "r-1", "data": {}}


def linkedin(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    return 200, {"elements": [_element(one) for one in body["elements"]]}


def _element(element: Any) -> dict[str, Any]:
    is_bad = element["action"] == "ADD" and element["userIds"][0]["idValue"] == BAD_HASH
    error = {"status": 400, "message": f"{BAD} is not a valid SHA256"}
    return {"status": 400, "error": error} if is_bad else {"status": 201}


def pinterest(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    assert all(len(record) == 64 for record in body["records"].split(","))
    return 200, {"id": "643", "type": "customerlist", "exceptions": {}}


def snapchat(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    taken = {"number_uploaded_users": len(body["users"][0]["data"])}
    users = [{"sub_request_status": "SUCCESS", "user": taken}]
    return 200, {"request_status": "SUCCESS", "request_id": "r-1", "users": users}


def microsoft_ads(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    data = body["CustomerListUserData"]
    bad = [i for i, item in enumerate(data["CustomerListItems"]) if item == BAD_HASH]
    errors = [{"Index": i, "Code": 1, "ErrorCode": "InvalidItem", "Message": BAD} for i in bad]
    return 200, {"PartialErrors": errors if data["ActionType"] == "Add" else []}


def onesignal(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    if path.endswith(BAD):
        return 404, {"errors": [{"code": "user-1", "title": f"{BAD} not found"}]}
    return 202, {"properties": body["properties"]}


def zendesk(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    if method == "GET":
        failed = {"id": 1, "error": "UserUpdateError", "details": BAD, "status": "Failed"}
        results = [{"id": 5, "status": "Updated"}, *([failed] if "job-bad" in path else [])]
        return 200, {"job_status": {"id": "job-1", "status": "completed", "results": results}}
    users = body.get("users", [])
    job = "job-bad" if any(user["external_id"] == BAD for user in users) else "job-1"
    return 200, {"job_status": {"id": job, "status": "queued", "results": None}}


def intercom(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    if path == "/contacts/search":
        is_known = body["query"]["value"].startswith(("ann", "p0"))
        return 200, {"type": "list", "data": [{"id": "c-1"}] if is_known else []}
    if method == "DELETE" or path.endswith("/tags"):
        return 200, {"type": "tag", "id": "42"}
    if BAD in (body or {}).values():
        error = {"code": "parameter_invalid", "message": f"{BAD} is not valid"}
        return 400, {"type": "error.list", "errors": [error]}
    return 200, {"type": "contact", "id": path.rpartition("/")[2] or "c-2"}


def active_campaign(method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    if path == "/api/3/import/bulk_import":
        is_bad = any(contact["email"] == BAD for contact in body["contacts"])
        return 200, {"Success": 1, "batchId": "b-bad" if is_bad else "b-1"}
    if path == "/api/3/import/info":
        failure = [BAD] if query["batchId"] == ["b-bad"] else []
        return 200, {"status": "completed", "success": ["123"], "failure": failure}
    if path == "/api/3/contacts":
        return 200, {"contacts": [{"id": "123"}]}
    if path.endswith("/contactTags"):
        return 200, {"contactTags": [{"tag": "7", "id": "899"}, {"tag": "42", "id": "900"}]}
    return 200, None


EMAIL = {"email": {"from": "email"}}
BY_ID = {"external_id": {"from": "user_id"}, "name": {"from": "first_name"}}
ADS: dict[str, Any] = {"columns": EMAIL, "purpose": "advertising", "channel": "ads"}

CASES: dict[str, dict[str, Any]] = {
    "tiktok": {
        "answer": tiktok,
        "connection": {"url": "U", "token": "K", "advertiser_id": "L", "audience_id": "L"},
        "refuses_alone": False,
        **ADS,
    },
    "linkedin": {
        "answer": linkedin,
        "connection": {"url": "U", "token": "K", "segment_id": "L", "version": "L"},
        **ADS,
    },
    "pinterest": {
        "answer": pinterest,
        "connection": {"url": "U", "token": "K", "ad_account_id": "L", "customer_list_id": "L"},
        "refuses_alone": False,
        **ADS,
    },
    "snapchat": {
        "answer": snapchat,
        "connection": {"url": "U", "token": "K", "segment_id": "L"},
        "refuses_alone": False,
        **ADS,
    },
    "microsoft_ads": {
        "answer": microsoft_ads,
        "connection": {
            "url": "U", "token": "K", "developer_token": "K", "customer_id": "L",
            "account_id": "L", "audience_id": "L",
        },
        **ADS,
    },
    "onesignal": {
        "answer": onesignal,
        "connection": {"url": "U", "api_key": "K", "app_id": "I"},
        "columns": BY_ID,
        "key": "external_id",
    },
    "zendesk": {
        "answer": zendesk,
        "connection": {"url": "U", "user": "L", "token": "K"},
        "columns": BY_ID,
        "key": "external_id",
    },
    "intercom": {
        "answer": intercom,
        "connection": {"url": "U", "api_key": "K", "tag_id": "L"},
        "columns": {**EMAIL, "name": {"from": "first_name"}},
    },
    "active_campaign": {
        "answer": active_campaign,
        "connection": {"url": "U", "api_key": "K", "tag": "I", "tag_id": "L"},
        "columns": {**EMAIL, "first_name": {"from": "first_name"}},
    },
}  # fmt: skip
