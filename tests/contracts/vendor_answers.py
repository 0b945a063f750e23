"""What each vendor answers: its rules as its documentation states them."""

from __future__ import annotations

import io
import json
import re
import tarfile
from typing import Any

BAD = "bad@example.com"
Answer = tuple[int, Any]


def _inputs(body: Any) -> list[tuple[int, str]]:
    """Places and addresses of the people of a request, wherever they are in it."""
    return [(i, m) for i, m in enumerate(re.findall(r"[a-z0-9]+@example\.com", json.dumps(body)))]


def klaviyo(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    if path == "/api/profile-bulk-import-jobs":
        profiles = body["data"]["attributes"]["profiles"]["data"]
        places = [i for i, p in enumerate(profiles) if p["attributes"]["email"] == BAD]
        job = "job-" + "-".join(map(str, places))
        return 202, {"data": _job(job, "queued", len(profiles), 0)}
    if found := re.fullmatch(r"/api/profile-bulk-import-jobs/job-([\d-]*)", path):
        failed = len(found.group(1).split("-")) if found.group(1) else 0
        return 200, {"data": _job(path.rpartition("/")[2], "complete", 3, failed)}
    if found := re.fullmatch(r"/api/profile-bulk-import-jobs/job-([\d-]*)/import-errors", path):
        errors = [_import_error(int(place)) for place in found.group(1).split("-") if place]
        return 200, {"data": errors, "links": {"self": "https://a.klaviyo.com/x"}}
    if path == "/api/profiles":
        emails = re.findall(r'"([^"]+)"', query["filter"][0])
        return 200, {
            "data": [_profile(email) for email in emails],
            "links": {"self": "https://a.klaviyo.com/x"},
        }
    if path.endswith("/profiles") and method == "GET":
        member = _profile("ann@example.com")
        member["attributes"]["joined_group_at"] = "2026-06-01T00:00:00+00:00"
        return 200, {"data": [member], "links": {"self": "https://a.klaviyo.com/x"}}
    if path == "/api/profile-import":
        return 200, {"data": _profile(body["data"]["attributes"]["email"])}
    return 204, None


def _job(job: str, status: str, total: int, failed: int) -> dict[str, Any]:
    counts = {"total_count": total, "completed_count": total - failed, "failed_count": failed}
    at = "2026-06-01T00:00:00+00:00"
    attributes = {"status": status, "created_at": at, "expires_at": at, **counts}
    link = {"self": f"https://a.klaviyo.com/api/profile-bulk-import-jobs/{job}/"}
    return {"type": "profile-bulk-import-job", "id": job, "attributes": attributes, "links": link}


def _import_error(place: int) -> dict[str, Any]:
    attributes = {
        "code": "invalid",
        "title": "Invalid",
        "detail": f"'{BAD}' is not valid",
        "source": {"pointer": f"/data/attributes/profiles/data/{place}/attributes/email"},
        "original_payload": {"email": BAD},
    }
    return {
        "type": "import-error",
        "id": f"e{place}",
        "attributes": attributes,
        "links": {"self": "https://a.klaviyo.com"},
    }


def _profile(email: str) -> dict[str, Any]:
    link = {"self": "https://a.klaviyo.com/api/profiles/1/"}
    return {
        "type": "profile",
        "id": f"id-{email[:3]}",
        "attributes": {"email": email},
        "links": link,
    }


def hubspot(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    at = "2026-06-01T00:00:00Z"
    stamp = {"startedAt": at, "completedAt": at, "status": "COMPLETE"}
    record = {"archived": False, "createdAt": at, "updatedAt": at}
    if path.endswith("/batch/upsert"):
        good = [i for i in body["inputs"] if i["id"] != BAD]
        bad = [i for i in body["inputs"] if i["id"] == BAD]
        results = [
            {
                **record,
                "id": f"id-{i['id'][:3]}",
                "new": True,
                "objectWriteTraceId": i["objectWriteTraceId"],
                "properties": i["properties"],
            }
            for i in good
        ]
        errors = [_hubspot_error(i["objectWriteTraceId"]) for i in bad]
        return (207 if bad else 200), {
            **stamp,
            "results": results,
            **({"errors": errors, "numErrors": 1} if bad else {}),
        }
    if path.endswith("/batch/read"):
        found = [
            {**record, "id": f"id-{i['id'][:3]}", "properties": {"email": "ann@example.com"}}
            for i in body["inputs"]
        ]
        return 200, {**stamp, "results": found}
    if method == "GET":
        return 200, {"results": [{"recordId": "id-ann", "membershipTimestamp": at}]}
    ids = {"recordsIdsAdded": body["recordIdsToAdd"], "recordIdsRemoved": body["recordIdsToRemove"]}
    return 200, {**ids, "recordIdsMissing": []}


def _hubspot_error(trace: str) -> dict[str, Any]:
    answer = {"status": "error", "category": "VALIDATION_ERROR", "message": f"{BAD} is invalid"}
    return {**answer, "context": {"objectWriteTraceId": [trace]}, "errors": [], "links": {}}


def braze(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    bad = [i for i, user in enumerate(body["attributes"]) if BAD in user.values()]
    errors = [{"type": f"'{BAD}' refused", "input_array": "attributes", "index": i} for i in bad]
    processed = {"message": "success", "attributes_processed": len(body["attributes"]) - len(bad)}
    return 201, {**processed, **({"errors": errors} if errors else {})}


MAILCHIMP_BATCHES: dict[str, list[dict[str, Any]]] = {}
BATCH = "/batches/batch1"


def mailchimp(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    if path == "/batches":
        MAILCHIMP_BATCHES[BATCH] = [
            {
                "operation_id": one["operation_id"],
                "status_code": 400 if BAD in one["body"] else 200,
                "response": json.dumps({"title": "Invalid Resource", "detail": BAD}),
            }
            for one in body["operations"]
        ]
        return 200, _mailchimp_batch("pending")
    if path == BATCH:
        return 200, _mailchimp_batch("finished")
    if path == "/results.tar.gz":
        return 200, archive(MAILCHIMP_BATCHES[BATCH])
    if method == "PUT":
        if body["email_address"] == BAD:
            return 400, {
                "type": "x",
                "title": "Invalid Resource",
                "status": 400,
                "detail": BAD,
                "instance": "x",
            }
        return 200, {
            "id": path.rpartition("/")[2],
            "email_address": body["email_address"],
            "status": "unsubscribed",
        }
    if method == "GET":
        return 200, {"members": [{"email_address": "Ann@example.com"}]}
    return 200, {
        "members_added": [],
        "members_removed": [],
        "errors": [],
        "total_added": 0,
        "error_count": 0,
    }


def _mailchimp_batch(status: str) -> dict[str, Any]:
    results = MAILCHIMP_BATCHES[BATCH]
    errors = sum(result["status_code"] >= 400 for result in results)
    is_done = status == "finished"
    return {
        "id": "batch1",
        "status": status,
        "total_operations": len(results),
        "finished_operations": len(results) * is_done,
        "errored_operations": errors * is_done,
        "response_body_url": "https://results.example.org/results.tar.gz?signed=1" * is_done,
    }


def archive(*lists: list[dict[str, Any]]) -> bytes:
    """Results of operations as Mailchimp packs them: JSON lists in a gzipped tar file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for place, results in enumerate(lists):
            content = json.dumps(results).encode()
            entry = tarfile.TarInfo(f"./part-{place}.json")
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def customer_io(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    if path == "/api/v2/batch":
        bad = [i for i, person in enumerate(body["batch"]) if BAD in person["identifiers"].values()]
        errors = [
            {"batch_index": i, "reason": "invalid", "field": "email", "message": BAD} for i in bad
        ]
        return (207, {"errors": errors}) if bad else (200, {})
    return 200, None


def sendgrid(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    if path.endswith("/search/emails"):
        at = "2026-06-01T00:00:00Z"
        contact = {"list_ids": [], "segment_ids": [], "created_at": at, "updated_at": at}
        found = {
            email: {"contact": {**contact, "id": f"id-{email[:3]}", "email": email}}
            for email in body["emails"]
        }
        return 200, {"result": found}
    if method == "PUT":
        if any(contact["email"] == BAD for contact in body["contacts"]):
            return 400, {
                "errors": [{"field": "contacts", "message": f"email '{BAD}' is not valid"}]
            }
        return 202, {"job_id": "job-9"}
    if method == "GET":
        return 200, {"id": "job-9", "status": "completed", "results": {"errored_count": 0}}
    return 202, {"job_id": "job-10"}


def iterable(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    bad = [s["email"] for s in body["subscribers"] if s["email"] == BAD]
    return 200, {
        "successCount": 1,
        "failCount": len(bad),
        "failedUpdates": {"forgottenEmails": bad},
    }


def accepted(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    """An endpoint that takes everything and reports nothing about rows."""
    return 200, {"ok": True, "requestId": "r-1", "success": True}


def google(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    if path != "/v1/requestStatus:retrieve":
        return 200, {"requestId": "r-1"}
    counted = {"recordCount": "2", "uploadMatchRateRange": "MATCH_RATE_RANGE_51_TO_60"}
    ended = {
        "requestStatus": "SUCCESS",
        "audienceMembersIngestionStatus": {"userDataIngestionStatus": counted},
    }
    return 200, {"requestStatusPerDestination": [ended]}


def meta(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    from activation.hashing import sha256

    bad = sum(sha256(BAD) in row for row in body["payload"]["data"]) if method == "POST" else 0
    return 200, {
        "audience_id": "1",
        "num_received": len(body["payload"]["data"]),
        "num_invalid_entries": bad,
    }


def webhook(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    bad = [
        row["row_key"]
        for row in body["data"]["rows"]
        if row["key"] == BAD and row["operation"] != "remove"
    ]
    return 200, {
        "results": [{"row_key": key, "status": "error", "message": f"{BAD} unknown"} for key in bad]
    }


def marketo(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    if path == "/identity/oauth/token":
        return 200, {
            "access_token": "t-1",
            "token_type": "bearer",
            "expires_in": 3599,
            "scope": "api",
        }
    answer: dict[str, Any] = {"requestId": "r#1", "success": True, "errors": [], "warnings": []}
    if path.endswith("/lists/42/leads.json"):
        word = "added" if method == "POST" else "removed"
        return 200, {
            **answer,
            "result": [{"id": int(lead), "status": word} for lead in query["id"]],
        }
    if method == "GET":
        return 200, {
            **answer,
            "result": [{"id": i} for i, _ in enumerate(query["filterValues"][0].split(","), 50)],
        }
    refused = {
        "status": "skipped",
        "reasons": [{"code": "1003", "message": f"Value '{BAD}' is invalid"}],
    }
    people = [
        refused if p["email"] == BAD else {"id": 50 + i, "status": "created"}
        for i, p in enumerate(body["input"])
    ]
    return 200, {**answer, "result": people}


SALESFORCE_JOBS: dict[str, str] = {}


def salesforce(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    name = path.removeprefix("/services/data/v62.0")
    if name == "/jobs/ingest":
        return 200, {"id": "750x", "state": "Open", **body}
    if name == "/query":
        return 200, {"totalSize": 1, "done": True, "records": [{"Id": "00v1"}]}
    if name == "/composite/sobjects":
        count = len(body["records"]) if method == "POST" else len(query["ids"][0].split(","))
        return 200, [{"id": "00v1", "success": True, "errors": []}] * count
    if name.endswith("/batches"):
        SALESFORCE_JOBS["750x"] = body
        return 201, None
    if name.endswith("Results"):
        head, *rows = SALESFORCE_JOBS["750x"].strip().split("\n")
        if name.endswith("/failedResults"):
            failed = [f'"","INVALID_EMAIL_ADDRESS:{BAD}",{row}' for row in rows if BAD in row]
            return 200, "\n".join([f"sf__Id,sf__Error,{head}", *failed])
        good = [f"003{i},true,{row}" for i, row in enumerate(rows) if BAD not in row]
        return 200, "\n".join([f"sf__Id,sf__Created,{head}", *good])
    return 200, {"id": "750x", "state": "JobComplete" if method == "GET" else "UploadComplete"}


def optimizely_odp(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    if any(BAD in person["attributes"].values() for person in body):
        invalid = {"invalids": [{"field": "email", "reason": f"{BAD} is invalid"}]}
        return 400, {"title": "Bad Request", "status": 400, "detail": invalid}
    return 202, {"title": "Accepted", "status": 202, "timestamp": "2026-06-01T00:00:00Z"}
