"""The normal form of identifiers: what is one, what is none, and that it is the same however it is
asked for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import duckdb
import phonenumbers
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from segmentry import identifiers, phones
from segmentry.identifiers import fault, loose_keys, normal, suspicion

TYPES = ("email", "phone", "user_id", "crm_id", "loyalty_id", "cookie", "device_id")
FORMAT = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u202a"
    "\u2066\u2069\u061c\u180e\u200e\ufe0f\u2800\U000e0041"
)
SPACES = "\u00a0\u2003\u3000\u202f\u2028\t\r\n \x00"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (" Eva.Lang+shop@Post.EXAMPLE ", "eva.lang+shop@post.example"),
        ("\u2060eva@post.de\u3000", "eva@post.de"),
        ("e\u00adva@post.de", "eva@post.de"),
        ("\uff45\uff56\uff41\uff20post.de", "eva@post.de"),
        ("zoe\u0308@post.de", "zo\u00eb@post.de"),
        ("eva@b\u00fccher.de", "eva@xn--bcher-kva.de"),
        ("eva@B\u00dcCHER.DE", "eva@xn--bcher-kva.de"),
        ("eva@xn--bcher-kva.de", "eva@xn--bcher-kva.de"),
        ("eva@post\u3002de", "eva@post.de"),
        ("eva@post.de.", "eva@post.de"),
        ("MAILTO:eva%2Bshop@post.de?subject=Hi", "eva+shop@post.de"),
        ('"Lang, Eva" <eva@post.de>', "eva@post.de"),
        ("Eva Lang <EVA@post.de>;", "eva@post.de"),
        ("eva@post.de (private)", "eva@post.de"),
        ("'eva@post.de'", "eva@post.de"),
        ("o'neil@post.ie", "o'neil@post.ie"),
        ("mayer@mayer.at", "mayer@mayer.at"),
        ("a@example.com", "a@example.com"),
        ("testa@post.de", "testa@post.de"),
    ],
)
def test_one_mailbox_has_one_form(written: str, stored: str) -> None:
    assert (normal("email", written), fault("email", written)) == (stored, None)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        ("\u200b \ufeff", "empty"),
        ("eva", "not_a_valid_email"),
        ("eva@post", "not_a_valid_email"),
        ("eva@post..de", "not_a_valid_email"),
        ("eva@printer.local", "not_a_valid_email"),
        ("eva@host.invalid", "not_a_valid_email"),
        ("eva@post.de, udo@post.de", "not_a_valid_email"),
        ("eva\x00x@post.de", "control_characters"),
        ("e" * 400 + "@post.de", "too_long"),
        ("null@null.com", "placeholder"),
        ("NoMail@nomail.org", "placeholder"),
        ("no-email@mail.com", "placeholder"),
        ("na@na.com", "placeholder"),
        ("qwerty@qwerty.com", "placeholder"),
        ("x@x.xx", "placeholder"),
        ("unknown@shop.de", "placeholder"),
        ("fake@fake.de", "placeholder"),
        ("{{customer.email}}", "placeholder"),
        ("*|EMAIL|*", "placeholder"),
        ("[object Object]", "placeholder"),
        ("%%emailaddr%%", "placeholder"),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason(written: str, reason: str) -> None:
    assert (normal("email", written), fault("email", written)) == (None, reason)


@pytest.mark.parametrize(
    ("written", "country", "stored"),
    [
        ("+49 (0)30 / 901820-1", None, "+49309018201"),
        ("0043 660 1234999", None, "+436601234999"),
        ("0660 1234999", "AT", "+436601234999"),
        ("0660 1234999", "Austria", "+436601234999"),
        ("0660 1234999", "AUT", "+436601234999"),
        ("436601234999", "AT", "+436601234999"),
        ("436601234999", "US", "+436601234999"),
        ("436601234999.0", "AT", "+436601234999"),
        ("4.36601234999E+11", "AT", "+436601234999"),
        ("(415) 555-2671", "US-CA", "+14155552671"),
        ("02 1234 5678", "IT", "+390212345678"),
        ("1511 2345678", "DE", "+4915112345678"),
        ("tel:+43-660-1234999", None, "+436601234999"),
        ("whatsapp:+436601234999", None, "+436601234999"),
        ("Mobil: 0660 1234999", "AT", "+436601234999"),
        ("\u202a+43\u00a0660\u00a01234999\u202c", None, "+436601234999"),
        ("\u0660\u0666\u0666\u0660 1234999", "AT", "+436601234999"),
        ("'+436601234999", None, "+436601234999"),
    ],
)
def test_one_number_has_one_form(written: str, country: str | None, stored: str) -> None:
    assert (normal("phone", written, country), fault("phone", written, country)) == (stored, None)


@pytest.mark.parametrize(
    ("written", "country", "reason"),
    [
        ("0660 1234999", None, "not_a_valid_phone"),
        ("436601234999", None, "not_a_valid_phone"),
        ("0660 1234999", "Atlantis", "not_a_valid_phone"),
        ("4.3660E+11", "AT", "lost_digits"),
        ("4.36601234e+11", "AT", "lost_digits"),
        ("33612345678", "DE", "not_a_valid_phone"),
        ("555-2671", "US", "not_a_valid_phone"),
        ("1-800-FLOWERS", "US", "not_a_valid_phone"),
        ("030 901820 ext. 12", "DE", "has_an_extension"),
        ("030 901820 x12", "DE", "has_an_extension"),
        ("9876543210", "US", "placeholder"),
        ("+43 123456789", None, "placeholder"),
        ("+1 (999) 999-9999", None, "placeholder"),
        ("00000000", "DE", "placeholder"),
        ("{{phone}}", "DE", "placeholder"),
    ],
)
def test_no_number_is_invented(written: str, country: str | None, reason: str) -> None:
    assert (normal("phone", written, country), fault("phone", written, country)) == (None, reason)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (" aB12 ", "aB12"),
        ("AB12", "AB12"),
        ("\ufeffaB12\u200b", "aB12"),
        ('"aB12"', "aB12"),
        ("%22aB12%22", "aB12"),
        ('="00712"', "00712"),
        ("220033.0", "220033"),
        ("220033.000", "220033"),
        ("2.20033e5", "220033"),
        ("2.20033E+05", "220033"),
        ("3e15", "3000000000000000"),
        ("9007199254740991.0", "9007199254740991"),
        ("9007199254740993", "9007199254740993"),
        ("00712.0", "00712.0"),
        ("220033.5", "220033.5"),
        ("12e4", "12e4"),
        ("7e3", "7e3"),
        ("GA1.2.1033501218.1368477899", "GA1.2.1033501218.1368477899"),
        ("{6F9619FF-8B86-D011-B42D-00CF4FC964FF}", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
        ("urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
        ("anna", "anna"),
        ("user-77", "user-77"),
        ("guest_77", "guest_77"),
        ("7777", "7777"),
        ("4711", "4711"),
    ],
)
def test_a_key_is_kept_but_for_what_nobody_sees(written: str, stored: str) -> None:
    for kind in TYPES[2:]:
        assert (normal(kind, written), fault(kind, written)) == (stored, None)


_WRITTEN = """
(none) <null> nil UNDEFINED undefined,undefined NaN -Infinity n/a N.A. unknown Anonymous
guest-user TestUser notLoggedIn not_logged_in un-authenticated user_not_found no-user-id unbekannt
distinct_id customerId 0 000 -1 --- ${customer} {{customer.id}} {{id %CUSTOMER_ID% <customer_id>
*|UID|* [%uid%] {% __CUSTOMER__ #{id} :user_id $USER [user] {user_id} %(uid)s %s %7B%7Bid%7D%7D
<%=id%> @@uid@@ [objectObject] {} [] {'id':7} [7,8] #<User:0x0007> com.shop.Customer@6d06d69c
function(){} 00000000-0000-0000-0000-000000000000 00000000000000000000000000000000
FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF 11111111-1111-1111-1111-111111111111 99999999 xxxxxxxx
1234567890 12345678-1234-1234-1234-123456789abc 00000000-0000-4000-8000-000000000000
9774d56d682e549c 02:00:00:00:00:00 0x0 qwertyuiop 121212121212
"""
NOBODY = _WRITTEN.split()


@pytest.mark.parametrize(
    "written",
    [*NOBODY, "[object Window]", "not logged in", "<User object at 0x7f3a>", "No ID given"],
)
def test_values_of_programs_and_templates_identify_nobody(written: str) -> None:
    for kind in TYPES[2:]:
        assert (normal(kind, written), fault(kind, written)) == (None, "placeholder")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\x00b", "control_characters"),
        ("9007199254740993.0", "lost_digits"),
        ("1.2E+10", "lost_digits"),
        (1e22, "lost_digits"),
        (float("nan"), "placeholder"),
        ({"id": 7}, "placeholder"),
        ([7], "placeholder"),
        (None, "empty"),
        ("k" * 321, "too_long"),
    ],
)
def test_a_key_that_is_none_is_refused_with_its_reason(value: object, reason: str) -> None:
    assert (normal("user_id", value), fault("user_id", value)) == (None, reason)


def test_keys_of_things_may_be_any_word_in_the_form_of_other_keys() -> None:
    values = ["test", "4711.0", " \u200bP-7", "default", "9007199254740993.0"]
    assert [normal(identifiers.THING, value) for value in values] == [
        "test",
        "4711",
        "P-7",
        "default",
        None,
    ]


def test_values_that_are_no_text_have_the_form_of_their_text() -> None:
    assert [normal("user_id", value) for value in (220033, 220033.0, True)] == [
        "220033",
        "220033",
        None,
    ]


@pytest.mark.parametrize(
    ("kind", "refused", "known"),
    [
        ("phone", "0660 1234999", "+436601234999"),
        ("phone", "123-4999", "+436601234999"),
        ("phone", "030 901820 ext 7", "+4930901820"),
        ("email", "Eva.Lang+news@googlemail.com", "evalang@gmail.com"),
        ("email", "eva@post.de; udo@post.de", "udo@post.de"),
        ("email", "e\x00va@post.de", "eva@post.de"),
        ("user_id", "KQ7wz", "kQ7wZ"),
        ("user_id", "00712", "712"),
    ],
)
def test_a_refusal_without_a_match_may_mean_a_similar_identifier(
    kind: str, refused: str, known: str
) -> None:
    assert set(loose_keys(kind, refused)) & set(loose_keys(kind, known))


def test_nobody_is_meant_by_nothing_or_by_another() -> None:
    assert (
        loose_keys("email", "")
        == loose_keys("phone", "\u200b")
        == loose_keys("user_id", None)
        == ()
    )
    assert not set(loose_keys("phone", "+436601234999")) & set(loose_keys("phone", "+436601234998"))
    assert not set(loose_keys("email", "eva@post.de")) & set(loose_keys("email", "udo@post.de"))


@pytest.mark.parametrize(
    ("kind", "identifier", "score"),
    [
        ("user_id", "c0ffee42", 0), ("user_id", "user-77", 0), ("user_id", "4711", 0), ("cookie",
        "kiosk", 0),
        ("email", "eva.lang@post.de", 0), ("phone", "+436601234999", 0),
        ("user_id", "anna", 1), ("user_id", "7777", 1), ("user_id", "12345", 1),
        ("email", "info@post.de", 2), ("email", "mayer@mayer.at", 2), ("email", "q@yopmail.com", 2),
        ("email", "aaaa@post.de", 2), ("phone", "+436605555555", 2),
        ("user_id", "guest_77", 3), ("user_id", "no-such-customer", 3), ("cookie", "test1", 3),
        ("crm_id", "bbbb", 3),
    ],
)  # fmt: skip
def test_what_looks_made_up_has_a_score(kind: str, identifier: str, score: int) -> None:
    assert normal(kind, identifier) == identifier, "it is accepted"
    assert suspicion(kind, identifier) == score


_texts = st.one_of(
    st.text(max_size=30),
    st.from_regex(r"[a-zA-Z0-9_.:-]{1,14}", fullmatch=True),
    st.from_regex(r"[a-z.]{1,6}@[a-z]{1,6}\.[a-z]{2,3}", fullmatch=True),
    st.from_regex(r"\+?[0-9 ()/.-]{4,18}", fullmatch=True),
    st.from_regex(r"-?[0-9]{1,17}(\.[0-9]{0,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(NOBODY),
)
_countries = st.sampled_from([None, "DE", "US", "IT", "GB", "FR", "Japan", "XX"])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(TYPES), _texts, _countries)
@example("email", "\u0130@post.de", None)
@example("user_id", '"\u200b"', None)
def test_a_normal_form_is_its_own_and_a_value_has_a_form_or_a_fault(
    kind: str, text: str, country: str | None
) -> None:
    form = normal(kind, text, country)
    assert (form is None) == (fault(kind, text, country) is not None)
    if form is not None:
        assert normal(kind, form, country) == form == normal(kind, form)
        assert form == unicodedata.normalize("NFC", form) == form.strip()
        assert set(loose_keys(kind, form)) & set(loose_keys(kind, text)) or kind == "phone"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TYPES), _texts, _countries, st.data())
def test_what_nobody_sees_never_matters(
    kind: str, text: str, country: str | None, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(text)))
    unseen = data.draw(st.text(FORMAT, min_size=1, max_size=3))
    around = data.draw(st.text(SPACES, max_size=2))
    if text:
        assume(not unicodedata.combining(text[min(place, len(text) - 1)]))
    plain = (normal(kind, text, country), fault(kind, text, country))
    for changed in (text[:place] + unseen + text[place:], around + text + around):
        assert (normal(kind, changed, country), fault(kind, changed, country)) == plain


@settings(max_examples=1500, deadline=None)
@given(_texts)
def test_the_quick_way_and_the_careful_way_agree(text: str) -> None:
    for quick, careful in (
        (identifiers._quick_key, identifiers._key),
        (identifiers._quick_email, identifiers._email),
    ):
        found = quick(text)
        assert found is None or found == careful(text)


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    st.one_of(
        st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
        st.from_regex(r"\(?0[1-9][0-9 ()/.-]{3,12}[0-9]", fullmatch=True),
    ),
)
def test_numbers_are_read_quickly_as_libphonenumber_reads_them(country: str, text: str) -> None:
    assert phones.judge(text, country) == phones.judge_carefully(text, country)


def test_the_quick_way_reads_numbers_that_are_in_use() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is None:
            continue
        for shape in (phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.NATIONAL):
            text = phonenumbers.format_number(number, shape)
            assert phones.judge(text, region) == phones.judge_carefully(text, region), region


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        identifiers.register(made, "AT")
        identifiers.register(made)  # again is harmless
        yield made


def test_sql_answers_as_python_does(connection: duckdb.DuckDBPyConnection) -> None:
    values = [
        *NOBODY,
        "Eva@post.de",
        "+43 660 1234999",
        "0660 1234999",
        "220033.0",
        "e\u0301",
        "",
        None,
        "guest_7",
    ]
    rows = connection.cursor().execute(
        """select k, v, c, normal_identifier(k, v, c), identifier_fault(k, v, c),
            loose_identifier_keys(k, v),
            identifier_suspicion(k, v)
        from (select unnest(?) as k), (select unnest(?) as v),
            (select unnest(['DE', null]) as c)""",
        [list(TYPES), values],
    )
    for kind, value, country, form, reason, keys, score in rows.fetchall():
        assert (form, reason) == (
            normal(kind, value, country or "AT"),
            fault(kind, value, country or "AT"),
        )
        assert tuple(keys) == loose_keys(kind, value)
        assert score == (None if value is None else suspicion(kind, value))
