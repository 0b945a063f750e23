"""What names the place of a destination: settings of another place, and those that are rotated."""

from __future__ import annotations

from activation import places
from activation.destination import all_destinations
from tests.unit.test_sync_config import sync as config_of


def test_every_destination_names_its_place() -> None:
    """What differs is another place; what is rotated is none."""
    tokens = {"token", "secret", "password", "key_file", "client_secret"}
    for name, destination in all_destinations().items():
        names = destination.place_names
        assert set(names.settings) | set(names.account) <= {
            *destination.settings,
            *destination.optional_settings,
        }, name
        assert set(names.options) <= set(destination.options), name
        assert names.is_by_sync or names.account, name
        one = {setting: f"one-{setting}" for setting in destination.settings}
        place = places.of(config_of(destination=name), destination, one)
        for setting in destination.settings:
            changed = places.of(
                config_of(destination=name), destination, {**one, setting: f"two-{setting}"}
            )
            is_same = not place.differing(changed)
            assert is_same == (setting not in names.settings), (name, setting)
            if setting in tokens and name != "hubspot":
                assert is_same, (name, setting)
        for setting, value in one.items():
            if setting in {*tokens, "api_key", "write_key"}:
                assert value not in place.as_json(), (name, setting)


def test_a_named_account_outlives_its_keys() -> None:
    for name in ("hubspot", "braze", "iterable"):
        destination = all_destinations()[name]
        one = dict.fromkeys(destination.settings, "1")
        key = "token" if "token" in one else "api_key"
        config = config_of(destination=name)
        bare = places.of(config, destination, one)
        assert bare.differing(places.of(config, destination, {**one, key: "2"})) == [key]
        named = places.of(config, destination, {**one, "account": "shop"})
        again = places.of(config, destination, {**one, key: "2", "account": "shop"})
        assert named.differing(again) == []
        assert named.account == again.account
