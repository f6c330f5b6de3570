"""The page of the context's wire protocol: the tables come from the code, the prose stands here.

``docs/write_references.py`` writes it with the other reference pages.
"""

from __future__ import annotations

BEFORE = """\
# The protocol of the context server

A client and a [context server](context.md) talk over a WebSocket at the server's address, `ws://host:8765/` or `wss://…/`. Each
message is one JSON object in one text frame. This page is the whole protocol: version **{protocol}**. The tables are written
from those that both ends check against (`framework0/context/wire/`), which do no input or output and can be used by any
program. Over HTTP the same server offers resources, which it describes itself at `/openapi.json`. From Python, see
[connecting to a context server](../how-to/connect-to-a-context.md).

## A conversation

`>` is the client, `<` the server.

```text
{conversation}
```

## How it goes

1. **The client says `hello`, within five seconds.** Nothing else is accepted before. The token is in it, unless the HTTP request that
   opened the WebSocket had one (`Authorization: Bearer …`). The server answers `welcome`, or an `error` and closes.
2. **Requests have an `id`**, a number of the client's choice. The answer, a `reply` or an `error`, has the same one. Answers may come
   in another order than the requests; the writes of one connection are done in their order.
3. **A write is answered when it is durable.** With an `operation`, a name that the client makes up for this write, it can be sent
   again when the answer was lost: it counts once and is answered the same. The server remembers operations for an hour.
4. **Changes come unasked** to who follows something: with `hello` (one feed for the connection) or with `subscribe` (any number).
   Each change comes once, in version order, whichever of them it belongs to.
5. **After a cut** the client says `hello` with `epoch` and `since`: what it has seen last, and of which history. It gets exactly the
   changes it missed, or a snapshot with the reason:

{resumes}

    Reasons for a snapshot:

{whys}

    A client takes over the epoch of a snapshot with its last part; one that was cut off leaves it where it was. The changes of a
    subscription that come in place of what it missed, and its snapshot, have the field `subscription` and are for it alone; what
    is not later than them is old news to it.

6. **A client that reads slowly** is left out for a while and then told what it missed, from the log. One that reads nothing is closed
   with 1013 and can come again.
7. **A token that asks too often** (`serve --rate`) is told so: a message above the rate is not done but answered with `rate` and
   `retry_after`, the socket stays, and what follows is not read before that time. HTTP answers 429.
8. **Unknown fields of a request are refused**: a misspelled `expect` must not turn into a write without a condition. A client passes
   over messages and fields it does not know, so that a server may say more in a later release.

## JSON

Strict, so that every language reads the same: UTF-8; no `NaN` and no `Infinity`; no number beyond a double; integers of 64 bits; no key
twice in an object; no half of a surrogate pair; at most {depth} levels for a value, {keys:,} keys and {bytes:,} bytes for a message,
unless the server's `welcome` says otherwise. What is a larger integer in the context (a program on the server's machine may have
written it) is sent as it is.

## Roles

A token has one of three roles: `read`, `write`, which may also read, and `admin`, which may everything. Every message is checked.
What a client writes is signed with its token's name, with the server's clock; an admin's messages may say otherwise.
"""

CHANGES = """\
## Changes

In a `changes` message, a change is an array, without the nulls at its end:

{parts}

One with only the first four parts was made together with the change before it in the message: same author, same time.

```json
[[4711, "report.rows", 0, 120, 1700000000.5, "ci", "run-1", "count", 1], [4712, "report.done", 0, true]]
```

### Patches

A client that keeps the values may say `patches` in `hello` and follow everything. A large value that changed a little then
comes as kind 2, with edits in place of the value, to be done one after another:

| Edit | Does |
| --- | --- |
| `["=", path, value]` | sets the part at `path`: keys of objects and indexes of arrays from the outside in |
| `["-", path]` | removes the key at the end of `path` |
| `["~", path, start, count, put]` | of an array or a text, replaces `count` items from `start` on by those of `put` (a text counts in Unicode code points) |

### Whole changes

In the answers to `history` and to writes with `full`, and in `load`, a change is an object, without what is null or false:

{full}
"""

CONVERSATION = """\
> {"type":"hello","protocol":1,"token":"f0_…","client":"example","epoch":"2f9c","since":41}
< {"type":"welcome","protocol":1,"epoch":"2f9c","version":43,"role":"write","who":"ci","namespace":"default","limits":{…},"resume":"changes","now":1700000000.0}
< {"type":"changes","changes":[[42,"report.rows",0,120,1699999990.0,"ann"],[43,"report.draft",1,null]]}
> {"type":"set","id":1,"key":"report.rows","value":121,"expect":42,"operation":"5d1c"}
< {"type":"reply","id":1,"version":44,"count":1}
< {"type":"changes","changes":[[44,"report.rows",0,121,1700000000.0,"ci"]]}
> {"type":"set","id":2,"key":"report.rows","value":7,"expect":42}
< {"type":"error","id":2,"code":"conflict","message":"'report.rows' is at version 44, not 42: read it again, then retry","key":"report.rows","expected":42,"actual":44}
> {"type":"get","id":3,"key":"report.rows"}
< {"type":"reply","id":3,"version":44,"value":121}
> {"type":"ping","id":4}
< {"type":"pong","id":4,"version":44,"now":1700000000.0}"""


def protocol_page():
    """Return the page of the protocol."""
    from framework0.context.limits import VALUE_DEPTH
    from framework0.context.wire import codes, messages
    from framework0.context.wire.limits import MESSAGE_BYTES, MESSAGE_KEYS, PROTOCOL

    text = [
        BEFORE.format(
            protocol=PROTOCOL,
            conversation=CONVERSATION,
            depth=VALUE_DEPTH,
            keys=MESSAGE_KEYS,
            bytes=MESSAGE_BYTES,
            resumes=indented(table(("`resume`", "What follows"), coded(codes.RESUMES))),
            whys=indented(table(("`why`", "Because"), coded(codes.WHYS))),
        ),
        "## What a client sends\n",
    ]
    for message in messages.CLIENT.values():
        role = "" if message.type == "hello" else f" Needs the role `{message.role}`."
        text += section(message, role)
    text += [
        "### A write of `transaction`\n",
        fields_table(messages.WRITE_FIELDS),
        "\n### An author\n",
        fields_table(messages.AUTHOR_FIELDS),
        "\n## What a server sends\n",
    ]
    for message in messages.SERVER.values():
        text += section(message, "")
    parts = table(
        ("Part", "What it is"), [(f"`{name}`", about) for name, about in messages.CHANGE_PARTS]
    )
    text += [
        CHANGES.format(parts=parts, full=fields_table(messages.FULL_CHANGE_FIELDS)),
        "## Kinds of fields\n",
        table(("Kind", "What it admits"), coded(messages.KINDS)),
        "\n## Error codes\n",
        "A program decides by the `code`; the `message` is for people and may change.\n",
        table(("`code`", "Meaning"), coded(codes.ERRORS)),
        "\n## Close codes\n",
        table(("Code", "Meaning"), coded(codes.CLOSES)),
        "",
    ]
    return "\n".join(text)


def section(message, role):
    return [f"### `{message.type}`\n", f"{message.about}{role}\n", fields_table(message.fields), ""]


def fields_table(fields):
    rows = [
        (f"`{field.name}`", "yes" if field.needed else "", field.kind, escaped(field.about))
        for field in fields
    ]
    return table(("Field", "Needed", "Kind", ""), rows)


def coded(entries):
    return [(f"`{name}`", escaped(about)) for name, about in entries.items()]


def escaped(text):
    return text.replace("|", "\\|")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def indented(text):
    return "\n".join(f"    {line}" for line in text.splitlines())
