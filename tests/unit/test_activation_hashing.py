"""Hashes against the known answers of the vendors' own pages and of a second computation."""

from __future__ import annotations

import pytest

from activation import hashing, redact


@pytest.mark.parametrize(
    ("normalize", "value", "digest"),
    [
        (
            hashing.meta_email,
            "Jane.Doe@Example.com",
            "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d",
        ),
        (
            hashing.google_email,
            "Jane.Doe@gmail.com",
            "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69",
        ),
        (
            hashing.google_email,
            "alexz@example.com",
            "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a",
        ),
        (
            hashing.google_phone,
            "+1 800-555-0100",
            "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30",
        ),
        (
            hashing.google_name,
            "givenname",
            "128a07bfe2df877c52076e60d7774cf5baaa046c5a6c48daf30ff43ecca2f814",
        ),
        (
            hashing.meta_phone,
            "+1 (650) 555-1234",
            "6069d14bf122fdfd931dc7beb58e5dfbba395b1faf05bdcd42d12358d63d8599",
        ),
        (
            hashing.google_phone,
            "+1 (650) 555-1234",
            "a2996076d3ad4af5dc818b908b3d8e354f26ededf7df0e0aa6ac354143805ee0",
        ),
        (
            hashing.meta_place,
            "US",
            "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621",
        ),
        (
            hashing.meta_place,
            "Los Angeles",
            "8760663bb25fa79f35c2c14fb9c6bcbe444a8c938491cd24fe684a7056c9dbc4",
        ),
        (
            hashing.meta_name,
            "Müller",
            "2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192",
        ),
    ],
)
def test_known_answers(normalize: object, value: str, digest: str) -> None:
    assert callable(normalize)
    assert hashing.sha256(normalize(value)) == digest
    assert hashing.is_hashed(digest)


def test_other_known_answers() -> None:
    assert hashing.mailchimp_key("Jane.Doe@Example.com") == "0cba00ca3da1b283a57287bcceb17e35"
    assert (
        hashing.google_email("Jefferson.LOVES.Hiking@googlemail.com")
        == "jeffersonloveshiking@googlemail.com"
    )


@pytest.mark.parametrize("value", ["", "  ", "no address", "a@b@c.com"])
def test_nothing_has_no_hash(value: str) -> None:
    assert hashing.sha256(hashing.google_email(value)) == ""
    assert hashing.sha256(hashing.google_phone(value)) == ""
    assert hashing.sha256(hashing.meta_phone("0170 123")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "email 'ann@example.com' is not valid",
        "ann%40example.com refused",
        "phone +49 170 1234567 is wrong",
        "token pk_abcdefghijklmnopqrstuvwxyz012345 is wrong",
        'value "Ann Miller" of field name',
    ],
)
def test_reasons_have_no_personal_value(text: str) -> None:
    cleaned = redact.clean(text)
    assert not any(part in cleaned for part in ("ann", "Ann", "example", "170", "1234567", "pk_a"))
    assert cleaned


@pytest.mark.parametrize(
    "text",
    [
        "no rights at hook?token=1f2",
        "see https://api.example/v1/lists?api_key=1f2 for more",
        "access_token=1f2 is wrong",
        "Refused: signature:1f2.",
        "PASSWORD=1f2",
    ],
)
def test_reasons_have_no_secret(text: str) -> None:
    assert "1f2" not in redact.clean(text)


def test_a_reason_keeps_its_words() -> None:
    text = "Error validating access token: Session has expired on Friday. Why? Ask again"
    assert redact.clean(text) == text
