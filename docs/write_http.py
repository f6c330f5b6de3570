"""The page of the server's HTTP interface: routes come from their table, the prose stands here.

``docs/write_references.py`` writes it with the other reference pages.
"""

from __future__ import annotations

BEFORE = """\
# The HTTP interface of the context server

What the [context server](../how-to/share-a-context.md) offers to whoever has no WebSocket: scripts, browsers, `curl`. It is on the
same port as the [protocol](protocol.md) of the sockets, and the server describes it itself at `/openapi.json` (OpenAPI 3.1). This
page is written from the same table of routes.

Every request but those for exactly `/healthz` has a token: `Authorization: Bearer f0_…`. Roles are `read`, `write` and `admin`; each may
do what those before it may. Bodies are JSON, said to be `application/json`, at most 1 MiB; requests with another type, from a page of
another place (`Origin`), or for another name of the server (`Host`) are refused.

A browser comes in by an address that works once: `POST /v1/entrances` makes it, and whoever opens it gets a cookie (`HttpOnly`,
`SameSite=Strict`) in place of a token. It counts for reading, from the server's own page at `/`, for twelve hours; sockets need a token.

- **A value is the body**, its version the `ETag`. `PUT` and `DELETE` take `If-Match: "12"` (the key must be at that version, else 412),
  `If-None-Match: *` (it must be absent), or `expect_version=12` (else 409, with the version there is).
- **A key is percent-encoded** where it has signs that a path cannot: `a/b` is `a%2Fb`. Names that lead elsewhere (`..`) are refused.
- **An `Idempotency-Key`** names a call: sent again because its answer was lost, it counts once. With another body it is refused.
- **A write is answered when it is durable.** Many writes that come together share one commit.
- **Looking back:** `version=` is a version, `time=` epoch seconds, `moment=` a tag or `run:step` (`latest:step`: the last run in which
  that step wrote).
- **Patterns:** `*` stands for anything within a part of a dotted key, `**` for anything.
- **A context begins with its first write**, by a token that may write: `/v1/contexts/team/keys/…` makes `team`.

## Watching

`GET …/events` answers with Server-Sent Events: `event: change`, whose `id` is the version and whose `data` is the change as an object.
A client that comes back with `Last-Event-ID` (browsers do by themselves) or `since=` gets exactly what it missed. When that is no longer
kept, an `event: resync` says so and from which version on it goes on; read the keys anew then.

## Errors

A refusal is a problem document (`application/problem+json`, RFC 9457): `status`, `code` for programs, `detail` for people, and the
`request_id` under which the server's log knows it.

{statuses}

## Routes
"""

STATUSES = (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 421, 422, 429, 431, 503, 507)


def http_page():
    """Return the page."""
    from framework0.server.openapi import WORDS
    from framework0.server.routes import ROUTES

    statuses = "\n".join(
        ["| Status | Meaning |", "| --- | --- |", *(f"| {s} | {WORDS[s]} |" for s in STATUSES)]
    )
    text = [BEFORE.format(statuses=statuses)]
    for route in ROUTES:
        needs = "no token" if route.role is None else f"role `{route.role}`"
        text.append(
            f"### `{route.method} {route.path}`\n\n{sentence(route.summary)} Needs {needs}.\n"
        )
        if route.parameters:
            rows = [f"| `{one.name}` | {one.where} | {one.text} |" for one in route.parameters]
            text.append(
                "\n".join(["| Parameter | In | Meaning |", "| --- | --- | --- |", *rows, ""])
            )
        if route.body is not None:
            text.append(f"The body: {BODIES[route.body]}.\n")
    return "\n".join(text).rstrip() + "\n"


BODIES = {
    "Value": "the value, any JSON",
    "Transaction": '`{"writes": [{"key", "value", "ttl"?} or {"key", "removed": true}, …], "expected"?: {key: version}, '
    '"expected_version"?: version}`',
    "TagBody": '`{"version": N}`, or `{}` for the latest version',
}


def sentence(text):
    """Return the text as a sentence."""
    return f"{text[0].upper()}{text[1:]}."
