"""TCF and GPP strings: the samples of the specifications, and strings that are put together bit by
bit.
"""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from segmentry.consent_strings import Answer, Unreadable, answers, decisions, gpp, tcf

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SAMPLE = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA"
US_CODES = {
    7: "01011",
    8: "000011",
    16: "0010011",
    18: "0001011",
    23: "01000011",
}  # in Fibonacci's numbers


def packed(bits: str) -> str:
    bits += "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(bits[i : i + 6], 2)] for i in range(0, len(bits), 6))


def banner(
    purposes: set[int], *, is_specific: bool = True, at: datetime = datetime(2026, 1, 2)
) -> str:
    ticks = int((at - datetime(1970, 1, 1)).total_seconds() * 10)
    flags = "".join("1" if i in purposes else "0" for i in range(1, 25))
    head = (
        f"{2:06b}{ticks:036b}{ticks:036b}{31:012b}"
        + "0" * 42
        + f"{4:06b}{int(is_specific)}"
        + "0" * 13
    )
    return packed(head + flags + "0" * 37 + "0" * 17)


def american(section: int, text: str) -> str:
    """A GPP string of one section of the United States."""
    return packed(f"{3:06b}{1:06b}{1:012b}0{US_CODES[section]}") + "~" + text


def test_the_sample_of_the_specification() -> None:
    found = tcf(f"{SAMPLE}.something")
    assert (found.version, found.cmp_id, found.policy, found.is_service_specific) == (
        2,
        880,
        2,
        True,
    )
    assert found.updated_at == datetime(2025, 6, 3)
    assert found.purposes == frozenset()
    assert set(decisions(SAMPLE).values()) == {"denied"}


@pytest.mark.parametrize(
    ("header", "ids"), [("DBABM", [2]), ("DBACNY", [2, 6]), ("DBABjw", [5, 6])]
)
def test_the_headers_of_the_specification(header: str, ids: list[int]) -> None:
    assert list(gpp("~".join([header, *("x" for _ in ids)]))) == ids


def test_a_purpose_needs_every_part_of_it() -> None:
    assert decisions(banner({1, 3, 4})) == {
        "advertising": "granted",
        "personalization": "denied",
        "analytics": "denied",
    }
    assert decisions(banner({1, 3}))["advertising"] == "denied"
    assert decisions(banner(set(range(1, 12)))) == dict.fromkeys(
        ("advertising", "personalization", "analytics"), "granted"
    )
    assert decisions(banner(set(range(1, 12)), is_specific=False))["advertising"] == "denied"


def test_an_opt_out_of_the_united_states_denies_advertising() -> None:
    denied = {"advertising": "denied"}
    national = packed(f"{1:06b}" + "0" * 12 + "10" + "01" + "10")
    assert decisions(american(7, national)) == denied
    assert decisions(american(7, packed(f"{1:06b}" + "0" * 12 + "101010"))) == {}
    assert (
        decisions(american(7, packed(f"{1:06b}" + "0" * 12 + "101010") + "." + packed("011")))
        == denied
    )
    # What the encoder of the specification writes for Texas: everything opted out, and nothing.
    assert decisions(american(16, "BVWSSVWA.QA")) == denied
    assert decisions(american(16, "BAAAAAQA.QA")) == {}
    assert decisions(american(16, "BAAAAAQA.YA")) == denied
    assert (
        decisions(american(8, packed(f"{1:06b}" + "010101" + "1001"))) == denied
    )  # California: sharing alone
    assert decisions(american(8, packed(f"{1:06b}" + "010101" + "1010"))) == {}
    assert (
        decisions(american(18, packed(f"{1:06b}" + "01010101" + "0110"))) == denied
    )  # Iowa has a notice more
    assert decisions(american(18, packed(f"{1:06b}" + "01010101" + "1010"))) == {}
    assert decisions(american(23, "BAAAAAQA")) == denied  # of another layout: taken for a refusal
    assert decisions("DBACNY~" + banner({1, 3, 4}) + "~1YYN")["advertising"] == "denied"
    assert decisions("DBACNY~" + banner({1, 3, 4}) + "~1YNN")["advertising"] == "granted"
    assert decisions("1YYN") == denied


@pytest.mark.parametrize(
    "text", ["", "C", "D", "DBABM", "yes", "CQSbk4A!", "COtybn4PA", "1YNN", "DBABM~Cé"]
)
def test_what_cannot_be_read_decides_nothing(text: str) -> None:
    assert decisions(text) == {}
    with pytest.raises(Unreadable):
        tcf(text)


def test_all_parts_of_an_object_answer_and_the_refusal_counts() -> None:
    given = banner({1, 3, 4, 5, 6}, at=datetime(2026, 1, 2, 10, 30))
    categories = {
        "Marketing": False,
        "ADVERTISING": "true",
        "Personalisation": False,
        "other": True,
        "analytics": None,
    }
    found, unreadable = answers(
        json.dumps({"provider": "x", "categoryPreferences": categories, "tcString": given})
    )
    assert unreadable == 0
    assert sorted(found, key=lambda answer: answer.purpose) == [
        Answer("advertising", True, "tcf", datetime(2026, 1, 2, 10, 30)),
        Answer("analytics", False, "tcf", datetime(2026, 1, 2, 10, 30)),
        Answer("marketing", False, "categories"),
        Answer("personalization", False, "categories"),
    ]


def test_strings_are_found_where_they_lie_and_counted_where_they_cannot_be_read() -> None:
    opted_out = american(16, "BVWSSVWA.YA")
    assert answers(json.dumps({"gpp": {"gppString": opted_out}})) == (
        [Answer("advertising", False, "gpp")],
        0,
    )
    assert answers(json.dumps({"tcf": "broken", "uspString": "1YYN"})) == (
        [Answer("advertising", False, "us_privacy")],
        1,
    )
    assert answers("broken") == ([], 1)
    for text in ("{", "{}", '{"categoryPreferences": {"marketing": 7}}', '{"a":' * 2000):
        assert answers(text) == ([], 0)


def test_a_day_of_a_rounded_string_ends_with_it() -> None:
    found, _ = answers(banner({1, 3, 4}))
    assert {answer.stated_at for answer in found} == {datetime(2026, 1, 2, 23, 59, 59, 999999)}
