"""Where a server is, and with which token it is entered."""

from __future__ import annotations

import pytest

from framework0.context.remote.address import Address, find_token, read_address
from framework0.errors import UsageError
from framework0.workspace import write_local_token


@pytest.mark.parametrize(
    ("url", "address", "text"),
    [
        (
            "ws://localhost",
            Address(False, "localhost", 8765, "/", "default"),
            "ws://localhost:8765/",
        ),
        ("ws://[::1]:90", Address(False, "::1", 90, "/", "default"), "ws://[::1]:90/"),
        (
            "wss://host.example/below?namespace=team",
            Address(True, "host.example", 8765, "/below", "team"),
            "wss://host.example:8765/below",
        ),
    ],
)
def test_an_address_says_where_how_and_which_context(url, address, text):
    assert read_address(url) == address
    assert str(address) == text


def test_a_namespace_that_is_given_counts_more():
    assert read_address("ws://h?namespace=a", "b").namespace == "b"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://localhost:8765", "write ws://host"),
        ("localhost:8765", "write ws://host"),
        ("ws://", "write ws://host"),
        ("ws://host:99999", "no address"),
        ("ws://host:x", "no address"),
        ("ws://user:secret@host", "FRAMEWORK0_CONTEXT_TOKEN"),
        ("ws://host/?token=secret", "nothing else"),
        ("ws://host/#secret", "no user, password or #part"),
        ("ws://[::1", "no address"),
    ],
)
def test_what_is_no_address_is_refused_and_shows_no_secret(url, words):
    with pytest.raises(UsageError, match=words) as refused:
        read_address(url)
    assert "secret" not in str(refused.value)


def test_a_token_is_the_one_given_then_the_environments_then_the_local_servers(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    here, there = read_address("ws://127.0.0.1:4711"), read_address("ws://host:4711")
    assert find_token(here) is None
    write_local_token(4711, "local")
    assert find_token(here) == "local"
    assert find_token(there) is None
    monkeypatch.setenv("FRAMEWORK0_CONTEXT_TOKEN", "environment")
    assert find_token(here) == find_token(there) == "environment"
    assert find_token(here, "given") == "given"
