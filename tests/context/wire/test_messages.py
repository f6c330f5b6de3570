"""The tables of the protocol hold together."""

from __future__ import annotations

import pytest

from framework0.context.wire import codes, effects, messages
from framework0.context.wire.limits import WIRE_LIMITS, WireLimits

TABLES = {
    **{f"client {message.type}": message.fields for message in messages.CLIENT.values()},
    **{f"server {message.type}": message.fields for message in messages.SERVER.values()},
    "a write": messages.WRITE_FIELDS,
    "an author": messages.AUTHOR_FIELDS,
    "a whole change": messages.FULL_CHANGE_FIELDS,
}


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_field_has_a_kind_that_is_described_and_a_name_of_its_own(table):
    fields = TABLES[table]
    names = [field.name for field in fields]
    assert len(set(names)) == len(names)
    assert {field.kind for field in fields} <= messages.KINDS.keys()
    assert all(field.about.endswith(".") for field in fields)
    assert "type" not in names


def test_every_kind_is_used():
    used = {field.kind for fields in TABLES.values() for field in fields}
    assert used == messages.KINDS.keys()


def test_every_request_but_the_first_has_an_id():
    without = [
        message.type
        for message in messages.CLIENT.values()
        if "id" not in {field.name for field in message.fields}
    ]
    assert without == ["hello"]


def test_writing_needs_more_than_reading_and_reshaping_more_than_writing():
    roles = {message.type: message.role for message in messages.CLIENT.values()}
    assert {kind for kind, role in roles.items() if role == "write"} == {
        "set",
        "delete",
        "transaction",
        "tag",
    }
    assert {kind for kind, role in roles.items() if role == "admin"} == {"untag", "load"}


@pytest.mark.parametrize(
    ("role", "does"),
    [("read", {"read"}), ("write", {"read", "write"}), ("admin", {"read", "write", "admin"})],
)
def test_a_role_does_what_lesser_ones_do_and_no_more(role, does):
    assert {needed for needed in messages.ROLES if messages.may(role, needed)} == does


def test_an_unknown_role_may_nothing():
    assert not any(messages.may("owner", needed) for needed in messages.ROLES)


def test_close_codes_are_ones_that_may_be_sent():
    registered = {*range(1000, 1004), *range(1007, 1015)}
    assert all(code in registered or 4000 <= code < 5000 for code in codes.CLOSES)
    named = {value for name, value in vars(codes).items() if name.startswith("CLOSE_")}
    assert named < codes.CLOSES.keys()


def test_a_server_tells_every_limit_it_has():
    assert WIRE_LIMITS._asdict().keys() == set(WireLimits._fields)
    assert all(limit > 0 for limit in WIRE_LIMITS)


def test_effects_that_are_answered_name_the_request_or_stand_alone():
    answered = [effects.Apply, effects.Get, effects.History, effects.At, effects.Keys]
    assert all(effect._fields[0] == "id" for effect in answered)
