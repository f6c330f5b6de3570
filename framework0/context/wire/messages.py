"""The messages of the protocol as tables: from them come the checks and the reference page.

All are JSON objects in text frames. A client's message has a ``type`` and an ``id`` of the client's
choice, which the answer repeats. The words here are those of ``docs/reference/protocol.md``.
"""

from __future__ import annotations

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

READ: Final = "read"
WRITE: Final = "write"
ADMIN: Final = "admin"
ROLES: Final = (READ, WRITE, ADMIN)
"""From the least to the most; each may do what those before it may."""


class Field(NamedTuple):
    """One field: its name, its kind (see ``KINDS``), what it is, and whether it must be there."""

    name: str
    kind: str
    about: str
    needed: bool = False


class Message(NamedTuple):
    """One message: what it asks for or tells, its fields, and the role it needs."""

    type: str
    about: str
    fields: tuple[Field, ...]
    role: str = READ


KINDS: Final = {
    "id": "a whole number from 0 to 2^53-1",
    "text": "text",
    "name": "printable text of at most 200 characters",
    "token": "text of at most 4,096 characters",
    "namespace": "letters, digits, `.`, `_`, `-`; begins with a letter or digit; at most 100",
    "key": "a key: printable text of at most 512 characters",
    "pattern": "a pattern: `*` stands for any characters but a dot, `**` for any characters",
    "value": "any JSON",
    "flag": "true or false",
    "version": "a whole number from 0 on, below 2^63",
    "count": "a whole number from 1 on",
    "number": "a number",
    "seconds": "a number above 0",
    "moment": 'a version (whole number), `{"time": epoch seconds}`, a tag, or `run:step` as text',
    "operation": "printable text of at most 200 characters",
    "author": "an object of `who`, `run`, `step` (text) and `attempt` (a number), none needed",
    "expected": "an object: key → version (0: absent)",
    "writes": "an array of writes, see below",
    "changes": "an array of changes, see below",
    "full_changes": "an array of changes as objects, see below",
    "entries": "an array of `[key, value, version]`, or `[key, value, version, expires]`",
    "values": "an array of `[key, value]`",
    "texts": "an array of text",
    "object": "an object",
    "objects": "an array of objects",
}
"""What the kinds of fields admit, in words."""

_ID = Field("id", "id", "Chosen by the client; the answer repeats it.", True)
_KEY = Field("key", "key", "Which key.", True)
_BY = Field(
    "by", "author",
    "Run, step and attempt in which this is written. `who` counts with an admin's token or none at all; else the token's name signs.",
)  # fmt: skip
_AT = Field(
    "at", "number",
    "When it was written, epoch seconds. It counts with an admin's token or none at all; else the server's clock does.",
)  # fmt: skip
_OPERATION = Field(
    "operation", "operation",
    "Names this write among all others: sent again (its answer was lost), it counts once and is answered the same.",
)  # fmt: skip
_FULL = Field("full", "flag", "The answer holds the changes that were made, as objects.")
_EXPECT = Field(
    "expect", "version", "The version that set the key must be this (0: it is absent), else `conflict`."
)  # fmt: skip
_LIMIT = Field("limit", "count", "How many at most; 1,000 when left out.")
_PATTERN = Field("pattern", "pattern", "Which keys; all when left out.")

CLIENT: Final = {
    message.type: message
    for message in (
        Message("hello", "The first message: who the client is and where it wants to go on.", (
            Field("protocol", "count", "The version of the protocol: 1.", True),
            Field("token", "token", "Not needed when the token came with the HTTP request."),
            Field("namespace", "namespace", "Which context; `default` when left out."),
            Field("client", "name", "A name that people recognise in `presence`."),
            Field("follow", "pattern", "Send the changes of these keys. All (`**`) when left out and `since` or `epoch` is there; none otherwise."),
            Field("epoch", "text", "The epoch in which the client knows version `since`."),
            Field("since", "version", "The last version the client has seen; left out: it has nothing and wants the entries."),
            Field("patches", "flag", "The client keeps the values and takes a change of a large one as a patch."),
        )),
        Message("get", "The value of a key.", (
            _ID, _KEY,
            Field("fresh", "flag", "Ask the majority of a cluster first; one server alone is always fresh."),
        )),
        Message("set", "Set a key.", (
            _ID, _KEY, Field("value", "value", "Its new value.", True),
            Field("ttl", "seconds", "After so many seconds the key removes itself."),
            _EXPECT, _OPERATION, _BY, _AT, _FULL,
        ), WRITE),
        Message("delete", "Remove a key; one that is absent stays so, without a change.", (
            _ID, _KEY, _EXPECT, _OPERATION, _BY, _AT, _FULL,
        ), WRITE),
        Message("transaction", "Several writes, all or none.", (
            _ID, Field("writes", "writes", "In order.", True),
            Field("expected", "expected", "The versions that keys must have, else `conflict`."),
            Field("expected_version", "version", "The version that the whole context must have."),
            _OPERATION, _BY, _AT, _FULL,
        ), WRITE),
        Message("subscribe", "Send the changes of the keys that match, from now on or from `since` on.", (
            _ID, Field("pattern", "pattern", "Which keys.", True),
            Field("epoch", "text", "The epoch to which `since` belongs."),
            Field("since", "version", "The last version the client has seen of these keys."),
        )),
        Message("unsubscribe", "End a subscription.", (
            _ID, Field("subscription", "id", "The `id` of the `subscribe` that began it.", True),
        )),
        Message("history", "The kept changes, oldest first.", (
            _ID, Field("key", "key", "Only those of this key."),
            Field("since", "version", "Only those after this version; all that are kept when left out."),
            _LIMIT,
        )),
        Message("at", "The context, or one key, as it was.", (
            _ID, Field("moment", "moment", "When.", True),
            Field("key", "key", "Only this key."), _PATTERN,
            Field("after", "key", "Go on after this key."), _LIMIT,
        )),
        Message("version_at", "The version of the last change made at or before a time.", (
            _ID, Field("time", "number", "Epoch seconds.", True),
        )),
        Message("keys", "The keys that match, sorted.", (
            _ID, _PATTERN, Field("after", "key", "Go on after this key."), _LIMIT,
        )),
        Message("entries", "The keys that match with their values and versions, sorted.", (
            _ID, _PATTERN, Field("after", "key", "Go on after this key."), _LIMIT,
        )),
        Message("tags", "The tags and the versions they stand for.", (_ID,)),
        Message("tag", "Give a version a name; its picture is then always kept.", (
            _ID, Field("name", "name", "The tag.", True),
            Field("version", "version", "Which version.", True),
            Field("move", "flag", "The name may stand for another version now."),
        ), WRITE),
        Message("untag", "Forget a tag.", (_ID, Field("name", "name", "The tag.", True)), ADMIN),
        Message("load", "Take over changes that happened elsewhere, as `history` gives them.", (
            _ID, Field("changes", "full_changes", "Oldest first; versions follow the context's.", True),
        ), ADMIN),
        Message("presence", "Who is connected to this context.", (_ID,)),
        Message("ping", "A sign of life.", (_ID,)),
    )
}  # fmt: skip
"""What a client may send, by type."""

_VERSION = Field("version", "version", "The version of the latest change.", True)
_SUBSCRIPTION = Field(
    "subscription", "id", "Only for this subscription; left out, it is for all of them."
)

SERVER: Final = {
    message.type: message
    for message in (
        Message("welcome", "The answer to `hello`.", (
            Field("protocol", "count", "The version of the protocol.", True),
            Field("epoch", "text", "The identity of this history: versions of another epoch mean nothing here.", True),
            _VERSION,
            Field("role", "text", "`read`, `write` or `admin`.", True),
            Field("who", "name", "The name that signs what this client writes."),
            Field("namespace", "namespace", "Which context.", True),
            Field("limits", "object", "What this server allows.", True),
            Field("resume", "text", "How the feed begins: `changes`, `snapshot` or `live`.", True),
            Field("why", "text", "Why a snapshot comes in place of the changes."),
            Field("now", "number", "The server's clock, epoch seconds.", True),
        )),
        Message("snapshot", "A part of the entries as they were at `version`.", (
            _VERSION,
            Field("entries", "entries", "Sorted by key.", True),
            Field("more", "flag", "Further parts follow.", True),
            Field("why", "text", "Why it comes, in the first part.", True),
            Field("epoch", "text", "The identity of the history.", True),
            _SUBSCRIPTION,
        )),
        Message("changes", "What has happened, in version order.", (
            Field("changes", "changes", "Each once.", True), _SUBSCRIPTION,
        )),
        Message("reply", "The answer to the request of that `id`; its other fields depend on the request.", (
            _ID,
            Field("version", "version", "Of a `get`: the version that set the key, 0 when it is absent. Of writes: the version of the last change, left out when nothing changed. Of reads: the version at which they were answered."),
            Field("value", "value", "Of a `get`, and of an `at` with a `key`: the value, when the key is there."),
            Field("expires", "number", "When that value ends by itself, epoch seconds."),
            Field("behind", "number", "Of reads at a server of a cluster that were not asked to be `fresh`: the seconds by which they may be old."),
            Field("count", "version", "Of writes: how many changes were made, the last of them `version`."),
            Field("changes", "full_changes", "Of `history`, and of writes with `full`."),
            Field("entries", "entries", "Of `entries`."),
            Field("values", "values", "Of `at` without a `key`."),
            Field("moment", "version", "Of `at`: the version that was meant."),
            Field("keys", "texts", "Of `keys`."),
            Field("tags", "object", "Of `tags`: name → version."),
            Field("more", "flag", "Of pages: there is more; ask with `since` or `after`."),
            Field("kept_since", "version", "Of `history`: from which version on everything is kept."),
            Field("existed", "flag", "Of `untag`: whether there was such a tag."),
            Field("clients", "objects", "Of `presence`: `client`, `who`, `role` and `since` (epoch seconds) of each."),
            Field("resume", "text", "Of `subscribe`: how the feed begins."),
            Field("why", "text", "Of `subscribe`: why a snapshot comes."),
            Field("epoch", "text", "Of `subscribe`: the identity of the history."),
        )),
        Message("pong", "The answer to `ping`.", (
            _ID,
            Field("version", "version", "Everything up to here that this connection follows has been sent.", True),
            Field("now", "number", "The server's clock, epoch seconds.", True),
        )),
        Message("error", "The request of that `id` was not done; without `id`, no request could be made out.", (
            Field("id", "id", "Of the request. A text that is no JSON is given one if it begins with `type` and `id`."),
            Field("code", "text", "One of the codes below.", True),
            Field("message", "text", "What is wrong and what to do next, for people.", True),
            Field("field", "text", "The field that is wrong."),
            Field("offset", "version", "Of `malformed`: the character where it shows."),
            Field("path", "text", "Of `bad_value`: the way to the part."),
            Field("key", "key", "Of `conflict`: the key, `*` for the whole context."),
            Field("expected", "version", "Of `conflict`."),
            Field("actual", "version", "Of `conflict`."),
            Field("kept_since", "version", "Of `history_trimmed`."),
            Field("asked", "number", "Of `history_trimmed`: the version or time that was asked for."),
            Field("needed", "text", "Of `forbidden`: the role that would do."),
            Field("protocol", "count", "Of `wrong_protocol`: the version that would do."),
            Field("retry_after", "number", "Of `rate` and `unavailable`: seconds to wait."),
            Field("happened", "flag", "Of `unavailable`: false when nothing was written for certain."),
            Field("request", "text", "Of `internal`: what to look for in the server's log."),
        )),
        Message("goodbye", "The server is about to close the connection.", (
            Field("code", "count", "The code with which it closes.", True),
            Field("reason", "text", "Why, for people.", True),
        )),
    )
}  # fmt: skip
"""What a server may send, by type."""

WRITE_FIELDS: Final = (
    Field("key", "key", "Which key.", True),
    Field("value", "value", "Its new value; needed unless `removed`."),
    Field("removed", "flag", "Remove the key."),
    Field("ttl", "seconds", "After so many seconds the key removes itself."),
)
"""One write of a transaction."""

AUTHOR_FIELDS: Final = (
    Field("who", "name", "A name that people recognise."),
    Field("run", "name", "The run."),
    Field("step", "name", "The step."),
    Field("attempt", "version", "The attempt."),
)
"""Who writes."""

CHANGE_SET, CHANGE_REMOVED, CHANGE_PATCHED = 0, 1, 2
CHANGE_PARTS: Final = (
    ("version", "Versions grow by one from change to change."),
    ("key", "Which key."),
    ("kind", "0: set, 1: removed, 2: patched (only to a client that said `patches`)."),
    ("value", "The new value; null when removed; the edits when patched."),
    ("at", "When, epoch seconds."),
    ("who", "Who wrote it."),
    ("run", "In which run."),
    ("step", "In which step."),
    ("attempt", "In which attempt."),
    ("expires", "When the value ends by itself, epoch seconds."),
)
"""One change in a ``changes`` message is an array of these, without the nulls at its end. One that has
only the first four was made together with the change before it: at the same time, by the same author."""

FULL_CHANGE_FIELDS: Final = (
    Field("version", "version", "Of this change.", True),
    Field("key", "key", "Which key.", True),
    Field("value", "value", "The new value; null when removed."),
    Field("removed", "flag", "The key was removed."),
    Field("old", "value", "What it had before."),
    Field("existed", "flag", "It was there before."),
    Field("who", "name", "Who wrote it.", True),
    Field("run", "name", "In which run."),
    Field("step", "name", "In which step."),
    Field("attempt", "version", "In which attempt."),
    Field("at", "number", "When, epoch seconds.", True),
    Field("previous", "version", "The version of the change of this key before, 0 when it is not known."),
    Field("expires", "number", "When the value ends by itself, epoch seconds."),
)  # fmt: skip
"""One change as an object; what is null or false is left out."""


def may(role: str, needed: str) -> bool:
    """Whether somebody of ``role`` may do what needs ``needed``."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)
