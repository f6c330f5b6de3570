"""Server-Sent Events: what a browser or curl sees of the changes."""

from __future__ import annotations

import json

from tests.server.conftest import ROOT, client_of, wait_until


class Events:
    """Reads a stream of events."""

    def __init__(self, client, query="", headers=b""):
        self.connection = client.raw()
        self.connection.sendall(
            b"GET %b/events%b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n%b\r\n"
            % (ROOT.encode(), query.encode(), client.port, client.token.encode(), headers)
        )
        self.file = self.connection.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.file.readline()
        self.text = ""

    def next(self):
        """Return the next event as a mapping from its fields."""
        while "\n\n" not in self.text:
            size = int(self.file.readline(), 16)
            self.text += self.file.read(size + 2)[:-2].decode()
        event, self.text = self.text.split("\n\n", 1)
        return dict(line.split(": ", 1) for line in event.splitlines())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.connection.close()


def test_changes_come_as_events_with_their_versions(client):
    client.set("before", 1)
    with Events(client, "?pattern=a.*") as events:
        assert b"text/event-stream" in events.head
        assert events.next() == {"": "watching", "retry": "1000"}
        client.set("b", 1)
        client.set("a.x", "line\nbreak")
        event = events.next()
    assert (event["id"], event["event"]) == ("3", "change")
    change = json.loads(event["data"])
    assert (change["key"], change["value"], change["version"]) == ("a.x", "line\nbreak", 3)


def test_a_client_that_comes_back_says_where_it_was(client):
    for number in range(1, 8):
        client.set("k", number)
    for query, headers in (("?since=4", b""), ("", b"Last-Event-ID: 4\r\n")):
        with Events(client, query, headers) as events:
            events.next()
            assert [events.next()["id"] for _ in range(3)] == ["5", "6", "7"]


def test_a_watcher_is_present_as_long_as_it_watches(client):
    with Events(client) as events:
        events.next()
        there = client.get(f"{ROOT}/presence").json["clients"]
        assert [one["client"] for one in there] == ["events"]
    wait_until(lambda: client.get(f"{ROOT}/presence").json["clients"] == [])


def test_a_stream_ends_with_a_goodbye(start):
    server = start()
    client = client_of(server)
    with Events(client) as events:
        events.next()
        server.stop()
        assert events.file.read().endswith((b"0\r\n\r\n", b""))


def test_many_changes_come_whole_and_in_order(client):
    with Events(client, "?since=0") as events:
        events.next()
        for number in range(400):
            client.set(f"k{number}", number)
        assert [int(events.next()["id"]) for _ in range(400)] == list(range(1, 401))
