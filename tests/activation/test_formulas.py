"""A CSV file that a spreadsheet opens runs nothing, and a program gets every text back."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation import engine, operate
from activation.destination import of as destination_of
from activation.formulas import neutralized, original
from segmentry.errors import ConfigError
from tests.activation.engine_shop import consent, fill, open_lake
from tests.activation.shop import Shop, decision

__all__ = ["open_lake"]

# A spreadsheet's rule, written in another way: it cuts a cell at each of these, skips what has no
# width, and runs these.
CUTS = re.compile("[;\t\r\n]")
SKIPPED = ' \u00a0\u200b\ufeff"“'
RUN = "=+-@＝＋－＠"


def runs(text: str) -> bool:
    if re.fullmatch(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?", text):
        return False
    return text[:1] in {"\t", "\r", "\n"} or any(
        part.strip(SKIPPED)[:1] in set(RUN) for part in CUTS.split(text)
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("@SUM(2+3)", "'@SUM(2+3)"),
        ("-uma@example.com", "'-uma@example.com"),
        ("+49 171 5550199", "'+49 171 5550199"),
        ("\t=1", "'\t'=1"),
        (" \u200b＝1", "' \u200b＝1"),
        ('"=1"', '\'"=1"'),
        ("'=1", "''=1"),
        ("Ann;=1+1", "Ann;'=1+1"),
        ("Main St\n- rear", "Main St\n'- rear"),
        *(
            (text, text)
            for text in (
                "",
                "Ann",
                "+491715550199",
                "-12.5",
                "-1e-05",
                "x-y",
                "a=b",
                "O'Neill",
                "a\n\nb",
            )
        ),
    ],
)
def test_what_is_written(text: str, written: str) -> None:
    assert neutralized(text) == written
    assert original(written) == text


@settings(max_examples=1_000, deadline=None)
@given(st.text(st.sampled_from(f"{RUN}{SKIPPED};\t\r\n'a1.e") | st.characters(), max_size=9))
def test_nothing_runs_and_everything_comes_back(text: str) -> None:
    assert not runs(neutralized(text))
    assert original(neutralized(text)) == text
    if set(text).isdisjoint(f"{RUN}\t\r\n"):
        assert neutralized(text) == text, "what does not run is left alone"


@pytest.mark.usefixtures("open_lake")
def test_the_delivered_file(shop: Shop) -> None:
    made = {
        "tag": {"from": "first_name"},
        "email": {"from": "email"},
        "loss": {"from": "first_name", "type": "bigint"},
    }
    for name, options in (("letters", {}), ("raw", {"formulas": "keep"})):
        shop.sync(name, options=options, columns=made)
        shop.run(
            f"create table lake.audiences.aud_{name} (row_key varchar, email varchar, first_name"
            " varchar)"
        )
        consent(shop, "ann", "-bob")
        shop.put("marts.consents", [decision("bob", identifier="-bob@example.com")])
        fill(shop, name, {"ann": "=1+1", "-bob": "-7"})
        shop.run(
            f"create or replace table lake.audiences.aud_{name} as select row_key, first_name as"
            f" tag, email, -3 as loss from lake.audiences.aud_{name}"
        )
        assert engine.run_sync(shop.settings, name).status == "done"
        (path,) = (shop.settings.outbox / name).glob("*.csv")
        rows = list(csv.reader(path.open(newline="")))[1:]
        mark = "'" if name == "letters" else ""
        assert rows == [
            ["-7", f"{mark}-bob@example.com", "-3"],
            [f"{mark}=1+1", "ann@example.com", "-3"],
        ]
        verified = operate.verify(shop.settings, [name])[0][0]
        assert (verified["matched"], verified["missing"], verified["surplus"]) == (2, 0, 0)
    shop.sync("odd", options={"formulas": "off"})
    with pytest.raises(ConfigError, match="options/formulas is 'off'") as caught:
        destination_of(operate.chosen(shop.settings, ["odd"])[0])
    assert caught.value.allowed == "neutralize, keep"
