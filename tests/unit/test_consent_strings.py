"""TCF and GPP strings: the samples of the specifications, and strings that are put together bit by
bit.
"""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from segmentry.consent_strings import Answer, Unreadable, answers, canada, decisions, gpp, tcf

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SAMPLE = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA"
US_CODES = {
    7: "01011",
    8: "000011",
    16: "0010011",
    18: "0001011",
    23: "01000011",
    24: "00100011",
}  # in Fibonacci's numbers


def packed(bits: str) -> str:
    bits += "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(bits[i : i + 6], 2)] for i in range(0, len(bits), 6))


def vendor_bits(*vendors: int) -> str:
    """A bit for each vendor up to the highest."""
    highest = max(vendors, default=0)
    return f"{highest:016b}0" + "".join(str(int(i in vendors)) for i in range(1, highest + 1))


def vendor_ranges(*ranges: tuple[int, int]) -> str:
    """Ranges of vendors; one of a single vendor has no end."""
    parts = [f"0{a:016b}" if a == b else f"1{a:016b}{b:016b}" for a, b in ranges]
    return f"{max(b for _, b in ranges):016b}1{len(ranges):012b}" + "".join(parts)


def banner(
    purposes: set[int],
    *,
    is_specific: bool = True,
    at: datetime = datetime(2026, 1, 2),
    vendors: str = vendor_bits(),
) -> str:
    ticks = int((at - datetime(1970, 1, 1)).total_seconds() * 10)
    flags = "".join("1" if i in purposes else "0" for i in range(1, 25))
    head = (
        f"{2:06b}{ticks:036b}{ticks:036b}{31:012b}"
        + "0" * 42
        + f"{4:06b}{int(is_specific)}"
        + "0" * 13
    )
    return packed(head + flags + "0" * 37 + vendors)


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
    assert decisions(american(24, "BAAAAAQA")) == denied  # of another layout: taken for a refusal
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


ENCODED = (
    "CPi8wgAPi8wgAAOACBENCuCoAP_AAEfAACiQJHNd_H__bX9n-f7_6ft0eY1f9_r37uQzDhfNk-8F3L_W_LwX_2E7NF36tq4"
    "KmR4ku1LBIUNtHMnUDUmxaokVrzHsak2cpzNKJ_BkknsZe2dYGF9vm5tj-QKZ7_5_d3f52T_9_9v-39z33913v3d93-_13L"
    "jdV5_9H_v9fR_b8_Kf9_5-_4v8_____3_e______8AEEggCTDVuIAuxLHAm0DCKBECMKwkKoFABBQDC0QGADg4KdlYBPrCB"
    "AAgFAEYEQIcAUYEAgAAAgCQiACQIsEAAAIgEAAAIAEQiEABAwCCgAsDAIAAQDQMUQoABAkIMiAiKUwICIEggJbKhBKC6Q0"
    "wgCrLACgkRsFAAiAAAUgACAsHAMESAlYsECTFG-QAjBCgFEqFaAGGgAwABBI4RABgACCRwqADAAEEjgA"
)


def test_the_vendors_of_a_string_of_the_reference_encoder() -> None:
    """A known answer: IAB Tech Lab's encoder states 772 vendors for it."""
    found = tcf(ENCODED)
    assert len(found.vendors) == 772
    assert decisions(ENCODED, [max(found.vendors)])["advertising"] == "granted"
    assert decisions(ENCODED, [max(found.vendors) + 1])["advertising"] == "denied"


@pytest.mark.parametrize(
    ("vendors", "granted", "denied"),
    [
        (vendor_bits(2, 755), [[2], [755], [2, 755]], [[1], [756], [2, 804]]),
        (vendor_ranges((3, 3), (700, 760)), [[3], [700, 755, 760]], [[4], [699], [761], [3, 761]]),
        (vendor_bits(), [[]], [[1], [755]]),
    ],
)
def test_advertising_needs_each_vendor_of_the_policy(
    vendors: str, granted: list[list[int]], denied: list[list[int]]
) -> None:
    text = banner(set(range(1, 12)), vendors=vendors)
    for asked, outcome in [*((g, "granted") for g in granted), *((d, "denied") for d in denied)]:
        assert decisions(text, asked) == {
            "advertising": outcome, "personalization": "granted", "analytics": "granted"
        }  # fmt: skip
    found, _ = answers(json.dumps({"gpp": {"gppString": f"DBABM~{text}"}}), denied[0])
    assert {a.purpose for a in found if not a.is_granted} == {"advertising"}


@pytest.mark.parametrize("ranges", [[(5, 3)], [(5, 9), (7, 12)], [(9, 9), (9, 9)], [(0, 4)]])
def test_ranges_of_vendors_that_are_none_cannot_be_read(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(Unreadable):
        tcf(banner({1}, vendors=vendor_ranges(*ranges)))


CANADIAN = "CPSG_8APSG_8AAyACAENGdCgf_gfgAfgfgBgABABAAABAB4AACAC.fHHHA4444ao"


def canadian(express: set[int], implied: set[int], vendors: str = vendor_bits() * 2) -> str:
    ticks = int((datetime(2026, 1, 2) - datetime(1970, 1, 1)).total_seconds() * 10)
    flags = "".join(
        "1" if i in given else "0" for given in (express, implied) for i in range(1, 25)
    )
    return packed(f"{1:06b}{ticks:036b}{ticks:036b}" + "0" * (60 + 13) + flags + vendors)


def in_gpp(section: str) -> str:
    return packed(f"{3:06b}{1:06b}{1:012b}0" + "00011") + "~" + section


def test_the_sample_of_canada() -> None:
    found = canada(CANADIAN)
    assert found.updated_at == datetime(2022, 1, 1)
    assert found.express == {*range(1, 7), *range(13, 19)}
    assert found.implied == {*range(7, 13), *range(19, 25)}
    assert (found.express_vendors, found.implied_vendors) == ({12, 24, 48}, {18, 30})


def test_express_consent_of_canada_grants_and_none_denies() -> None:
    every = set(range(1, 12))
    assert list(gpp(in_gpp("x"))) == [5]
    assert decisions(in_gpp(canadian({3, 4}, set()))) == {
        "advertising": "granted", "personalization": "denied", "analytics": "denied"
    }  # fmt: skip
    # Implied consent is no opt-in, and no refusal either.
    assert decisions(in_gpp(canadian(set(), every))) == {}
    assert decisions(in_gpp(canadian({5}, {6, 7, 8}))) == {
        "advertising": "denied", "analytics": "denied"
    }  # fmt: skip
    assert set(decisions(in_gpp(canadian(set(), set()))).values()) == {"denied"}
    assert decisions(in_gpp("C!")) == {"advertising": "denied"}
    assert decisions(in_gpp(canadian({3, 4}, set())[:20])) == {"advertising": "denied"}


def test_the_vendors_of_canada_count_for_advertising() -> None:
    every = set(range(1, 12))
    text = in_gpp(canadian(every, set(), vendor_bits(7) + vendor_bits(9)))
    assert decisions(text, [7])["advertising"] == "granted"
    assert "advertising" not in decisions(text, [9])
    assert decisions(text, [8])["advertising"] == "denied"
    assert decisions(text, [8])["analytics"] == "granted"


def test_minnesota_is_read_as_its_specification_has_it() -> None:
    denied = {"advertising": "denied"}
    for opted_out in ("BVWSSVW.Y", "BVWSSVWA.YA", "BVWSSVWA", "BAAAAAQ.Y"):
        assert decisions(american(23, opted_out)) == denied, opted_out
    for left_open in ("BAAAAAQ.Q", "BAAAAAQ", "BAAAAAQA"):
        assert decisions(american(23, left_open)) == {}, left_open
    assert decisions(american(23, packed(f"{1:06b}010101" + "1001"))) == denied
    assert decisions(american(23, packed(f"{1:06b}010101" + "1010"))) == {}
    assert decisions(american(23, "B")) == denied
