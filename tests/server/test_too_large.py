"""What is larger than a server takes is refused in words, by every way in, and nothing of it is written."""

from __future__ import annotations

import asyncio

import pytest

from framework0.context import AsyncContextClient, Context, Write
from framework0.context.remote.fitting import Room
from framework0.errors import ValueRefused
from tests.server.conftest import ROOT, client_of

MANY = [Write(f"k{number}", number) for number in range(3_001)]
LARGE = [Write(f"k{number}", "x" * 100_000) for number in range(11)]
WORDS = r"the transaction has {}, and this server takes at most .*: make several of it.*nothing was"


def write_all(context, writes):
    with context.transaction() as transaction:
        for write in writes:
            transaction.set(write.key, write.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("writes", "words"),
    [(MANY, "3,001 writes"), (LARGE, "1,100,[0-9]+ bytes")],
    ids=["writes", "bytes"],
)
def test_a_transaction_that_is_too_large_is_refused_before_it_is_sent(start, writes, words):
    server = start()
    with Context() as context:
        context.connect_to_server(server.url, timeout=120)
        with pytest.raises(ValueRefused, match=WORDS.format(words)):
            write_all(context, writes)
        # The connection was not harmed by it.
        context.set("after", 1)
        assert context.get("after", fresh=True) == 1

    async def ask():
        async with AsyncContextClient(server.url, timeout=120) as client:
            with pytest.raises(ValueRefused, match=WORDS.format(words)):
                await client.transaction(writes)
            assert await client.set("after", 2) == 2
            return client.reconnects

    assert asyncio.run(ask()) == 0
    assert client_of(server).get(f"{ROOT}/keys").json["version"] == 2


def test_http_says_it_too(client):
    writes = [{"key": write.key, "value": write.value} for write in LARGE]
    refused = client.post(f"{ROOT}/transactions", {"writes": writes})
    assert (refused.status, refused.code) == (413, "too_large")
    assert "send less at a time" in refused.json["detail"]
    writes = [{"key": f"k{number}", "value": 1} for number in range(6_000)]
    refused = client.post(f"{ROOT}/transactions", {"writes": writes})
    assert (refused.status, refused.code) == (400, "too_many_keys")
    assert "more than 10,000: send less at a time" in refused.json["detail"]


def test_a_server_that_says_less_or_nonsense_is_taken_at_its_word_or_as_usual():
    assert "at most 5:" in str(Room({"message_bytes": 5}).refusal({}, b"x" * 6))
    assert Room({"message_bytes": "5"}).refusal({}, b"x" * 6) is None
    assert "takes at most 1 " in str(Room({"writes": 1}).refusal({"writes": [1, 2]}, b""))
