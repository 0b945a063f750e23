"""Files on an SFTP server and in an S3 store: whole, the newest alone, and messages without
the people in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from activation import engine, operate
from segmentry.errors import DestinationError, NotReadyError
from tests.activation import s3_server, sftp_server
from tests.activation.engine_shop import consent, fill, open_lake, webhook
from tests.activation.shop import Shop, decision

__all__ = ["open_lake"]

pytestmark = pytest.mark.usefixtures("open_lake")


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    (tmp_path / "disk" / "in").mkdir(parents=True)
    with sftp_server.serving(tmp_path / "disk") as connection:
        for name, value in connection.items():
            monkeypatch.setenv(f"TEST_SFTP_{name.upper()}", value)
        yield {name: f"TEST_SFTP_{name.upper()}" for name in connection}


def _withdrawn_while_the_rest_is_stopped(shop: Shop, name: str) -> None:
    """Eve is delivered and opts out; her audience cannot be read at the time."""
    consent(shop, "eve")
    fill(shop, name, {"bob": "Bob", "eve": "Eve"})
    assert engine.run_sync(shop.settings, name).status == "done"
    shop.put("marts.consents", [decision("eve", "withdrawn", "2026-05-20")])
    shop.run(f"alter table lake.audiences.aud_{name} rename to aud_away")
    with pytest.raises(NotReadyError):
        engine.run_sync(shop.settings, name)
    shop.run(f"alter table lake.audiences.aud_away rename to aud_{name}")
    assert operate.verify(shop.settings, [name])[0][0]["surplus"] == 0


def test_sftp(
    shop: Shop, sftp: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = webhook(shop, "letters")
    shop.sync(name, destination="sftp_files", connection=sftp)
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": None})
    assert engine.run_sync(shop.settings, name).status == "done"
    folder = tmp_path / "disk" / "in"
    manifest = json.loads((folder / "manifest.json").read_text())
    first = folder / manifest["files"][0]["path"]
    assert first.read_text() == "email,first_name\nann@example.com,Ann\nbob@example.com,\n"
    (folder / "not ours.csv").touch()
    fill(shop, name, {"bob": "Bob"})
    assert engine.run_sync(shop.settings, name).status == "done"
    assert not first.exists(), "nobody who left stays in an older copy"
    assert len(list(folder.iterdir())) == 3, "what is not ours stays"
    verified = operate.verify(shop.settings, [name])[0][0]
    assert (verified["matched"], verified["missing"], verified["surplus"]) == (1, 0, 0)
    assert not list((shop.settings.outbox / name).glob("*")), "no copy is left on this machine"
    _withdrawn_while_the_rest_is_stopped(shop, name)
    assert [path.read_text() for path in folder.glob("letters-*")] == [
        "email,first_name\nbob@example.com,Bob\n"
    ]
    other = paramiko.RSAKey.generate(2048)
    monkeypatch.setenv("TEST_SFTP_HOST_KEY", f"ssh-rsa {other.get_base64()}")
    fill(shop, name, {"ann": "Ann"})
    with pytest.raises(DestinationError, match="did not take the files") as caught:
        engine.run_sync(shop.settings, name, release=["removals"])
    assert sftp_server.PASSWORD not in str(caught.value)


@pytest.mark.slow
def test_s3(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = s3_server.Objects()
    names = {
        "place": "TEST_S3_PLACE",
        "key_id": "TEST_S3_ID",
        "secret": "TEST_S3_SECRET",
        "endpoint": "TEST_S3_URL",
    }
    monkeypatch.setenv("TEST_S3_PLACE", f"{s3_server.BUCKET}/vip")
    monkeypatch.setenv("TEST_S3_ID", "id-of-a-test")
    monkeypatch.setenv("TEST_S3_SECRET", "s3cret-of-a-test")
    name = webhook(shop, "letters")
    shop.sync(name, destination="s3_files", connection=names, options={"format": "ndjson"})
    consent(shop, "ann", "bob")
    with s3_server.serving(objects) as url:
        monkeypatch.setenv("TEST_S3_URL", url)
        fill(shop, name, {"ann": "Ann", "bob": None})
        assert engine.run_sync(shop.settings, name).status == "done"
        assert objects.puts[-1] == "vip/manifest.json", "the manifest is the last of all"
        first = f"vip/{json.loads(objects.content['vip/manifest.json'])['files'][0]['path']}"
        people = [json.loads(line) for line in objects.content[first].decode().splitlines()]
        assert [person["first_name"] for person in people] == ["Ann", None]
        fill(shop, name, {"bob": "Bob"})
        assert engine.run_sync(shop.settings, name).status == "done"
        assert first not in objects.content
        assert len(objects.content) == 2
        verified = operate.verify(shop.settings, [name])[0][0]
        assert (verified["matched"], verified["missing"], verified["surplus"]) == (1, 0, 0)
        _withdrawn_while_the_rest_is_stopped(shop, name)
        (there,) = (
            content for key, content in objects.content.items() if key != "vip/manifest.json"
        )
        assert json.loads(there) == {"email": "bob@example.com", "first_name": "Bob"}
        objects.is_open = False
        fill(shop, name, {"ann": "Ann"})
        with pytest.raises(DestinationError, match="did not take the files") as caught:
            engine.run_sync(shop.settings, name)
        assert "s3cret" not in str(caught.value)
