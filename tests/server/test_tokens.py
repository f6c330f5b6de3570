"""Tokens: hashed at rest, for their owner's eyes, with an end."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from framework0.errors import RefusedError, UsageError, WorkspaceError
from framework0.server.tokens import (
    TokenBook,
    add_token,
    may,
    new_token,
    read_tokens,
    revoke_token,
)


def made(path, name="ci", role="write", expires=0.0):
    token, text = new_token(name, role, 100.0, expires)
    add_token(path, token, 100.0)
    return token, text


def test_a_token_is_found_by_its_text_and_is_not_in_the_file(tmp_path):
    path = tmp_path / "server" / "tokens.json"
    token, text = made(path)
    assert read_tokens(path).find(text, 100.0) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = text.split("_", 2)[2]
    assert len(secret) >= 43
    assert secret not in path.read_text()


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "x", str.upper, str.lower])
def test_nearly_the_text_is_not_the_text(tmp_path, change):
    path = tmp_path / "tokens.json"
    _, text = made(path)
    assert read_tokens(path).find(change(text), 100.0) is None


@pytest.mark.parametrize(
    "text", ["", "_", "__", "f0", "f0__", "f0_x_y", "\udcff", "f0_" + "a" * 9999]
)
def test_nonsense_is_no_token(tmp_path, text):
    path = tmp_path / "tokens.json"
    made(path)
    assert read_tokens(path).find(text, 100.0) is None


def test_a_token_ends(tmp_path):
    path = tmp_path / "tokens.json"
    _, text = made(path, expires=200.0)
    assert read_tokens(path).find(text, 199.9)
    assert read_tokens(path).find(text, 200.0) is None
    made(path)
    later, _ = new_token("x", "read", 300.0)
    add_token(path, later, 300.0)
    assert len(read_tokens(path)) == 2


def test_a_token_is_revoked_by_id_or_name_when_that_means_one(tmp_path):
    path = tmp_path / "tokens.json"
    one, text = made(path, "one")
    two, _ = made(path, "two")
    same, _ = made(path, "two")
    assert revoke_token(path, one.id) == one
    assert read_tokens(path).find(text, 100.0) is None
    with pytest.raises(UsageError, match="2 tokens"):
        revoke_token(path, "two")
    with pytest.raises(UsageError, match="no token"):
        revoke_token(path, "three")
    assert revoke_token(path, two.id) == two
    assert revoke_token(path, "two") == same
    assert len(read_tokens(path)) == 0


def test_many_may_be_made_at_once(tmp_path):
    path = tmp_path / "tokens.json"
    with ThreadPoolExecutor(8) as pool:
        texts = [text for _, text in pool.map(lambda n: made(path, f"t{n}"), range(24))]
    book = read_tokens(path)
    assert all(book.find(text, 100.0) for text in texts)


def test_no_file_is_no_tokens(tmp_path):
    assert len(read_tokens(tmp_path / "none")) == 0


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format":1}', '{"format":1,"tokens":[{}]}', '{"format":1,"tokens":3}',
     '{"format":1,"tokens":[{"id":"a","name":"b","role":"god","sha256":"x","created":1,"expires":0}]}',
     "[" * 100_000],
)  # fmt: skip
def test_a_file_that_is_none_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "tokens.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(WorkspaceError, match="not a file of tokens"):
        read_tokens(path)


def test_a_file_of_a_later_format_is_refused(tmp_path):
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"format": 2, "tokens": []}))
    path.chmod(0o600)
    with pytest.raises(WorkspaceError, match="format 2"):
        read_tokens(path)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "tokens.json"
    made(path)
    path.chmod(0o644)
    with pytest.raises(RefusedError, match="chmod 600"):
        read_tokens(path)


@pytest.mark.parametrize(
    ("name", "role"), [("", "read"), ("a\nb", "read"), ("a" * 101, "read"), ("a", "god")]
)
def test_a_token_needs_a_name_and_a_role(name, role):
    with pytest.raises(UsageError):
        new_token(name, role, 0.0)


def test_a_file_holds_a_bounded_number(tmp_path, monkeypatch):
    monkeypatch.setattr("framework0.server.tokens.TOKENS", 2)
    path = tmp_path / "tokens.json"
    made(path)
    made(path)
    with pytest.raises(UsageError, match="revoke"):
        made(path)


def test_each_role_may_what_those_below_it_may():
    assert [[may(role, needed) for needed in ("read", "write", "admin")]
            for role in ("read", "write", "admin")] == [
        [True, False, False], [True, True, False], [True, True, True]]  # fmt: skip


def test_two_tokens_never_are_the_same():
    texts = {new_token("a", "read", 0.0)[1] for _ in range(200)}
    assert len(texts) == 200
    assert len(TokenBook()) == 0
