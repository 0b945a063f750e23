"""TCF and GPP strings, held to the specifications' own samples and to strings put together bit by bit."""

from __future__ import annotations

from datetime import datetime

import pytest

from activation.consent_strings import ALPHABET, Unreadable, decisions, gpp, tcf

SAMPLE = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA"


def packed(bits: str) -> str:
    bits += "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(bits[i : i + 6], 2)] for i in range(0, len(bits), 6))


def banner(purposes: set[int], *, is_specific: bool = True, vendors: str = "0" * 17) -> str:
    moment = int((datetime(2026, 1, 2) - datetime(1970, 1, 1)).total_seconds() * 10)
    flags = "".join("1" if i in purposes else "0" for i in range(1, 25))
    head = f"{2:06b}{moment:036b}{moment:036b}{31:012b}" + "0" * 42 + f"{4:06b}{int(is_specific)}" + "0" * 13
    return packed(head + flags + "0" * 37 + vendors)


def test_the_sample_of_the_specification() -> None:
    found = tcf(f"{SAMPLE}.something")
    assert (found.version, found.cmp_id, found.policy, found.is_service_specific) == (2, 880, 2, True)
    assert found.updated_at == datetime(2025, 6, 3)
    assert found.purposes == frozenset()
    assert set(decisions(SAMPLE).values()) == {"denied"}


@pytest.mark.parametrize(("header", "ids"), [("DBABM", [2]), ("DBACNY", [2, 6]), ("DBABjw", [5, 6])])
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


def test_vendors_as_flags_and_as_ranges() -> None:
    assert tcf(banner(set(), vendors=f"{5:016b}0" + "10100")).vendors == {1, 3}
    ranges = f"{900:016b}1{2:012b}" + f"0{755:016b}" + f"1{800:016b}{804:016b}"
    assert tcf(banner(set(), vendors=ranges)).vendors == {755, 800, 801, 802, 803, 804}


def test_an_opt_out_of_the_united_states_denies_advertising() -> None:
    national = packed(f"{1:06b}" + "0" * 12 + "10" + "01" + "10")
    assert decisions(f"{_header(7)}~{national}") == {"advertising": "denied"}
    assert decisions(f"{_header(7)}~{packed(f'{1:06b}' + '0' * 12 + '101010')}") == {}
    assert decisions(f"{_header(7)}~{packed(f'{1:06b}' + '0' * 12 + '101010')}.{packed('011')}") == {
        "advertising": "denied"
    }
    assert decisions("DBACNY~" + banner({1, 3, 4}) + "~1YYN")["advertising"] == "denied"
    assert decisions("DBACNY~" + banner({1, 3, 4}) + "~1YNN")["advertising"] == "granted"


def _header(section: int) -> str:
    codes = {7: "01011"}  # 7 = 5 + 2 in Fibonacci's numbers, ended by a second 1
    return packed(f"{3:06b}{1:06b}{1:012b}0{codes[section]}")


@pytest.mark.parametrize("text", ["", "C", "D", "DBABM", "yes", "CQSbk4A!", "COtybn4PA", "1YNN"])
def test_what_cannot_be_read_decides_nothing(text: str) -> None:
    assert decisions(text) == {}
    with pytest.raises(Unreadable):
        tcf(text)
