"""What can go wrong, as codes: those of errors, and those with which a connection is closed.

A program decides by the code; the words beside it are for people and may change.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ERRORS: Final = {
    "malformed": "The message is not JSON; `offset` is the character where that shows.",
    "not_json_value": "A number is none of JSON's (NaN, Infinity, beyond a double), or a text holds half a surrogate pair.",
    "number_too_large": "An integer does not fit into 64 bits; send it as text.",
    "duplicate_key": "An object has the same key twice.",
    "too_deep": "Objects and arrays are nested deeper than allowed.",
    "too_many_keys": "The objects of one message have more keys than allowed.",
    "too_large": "The message has more bytes than allowed.",
    "bad_message": "A field is missing, unknown, or not what it should be; `field` names it.",
    "unknown_type": "There is no message of that type.",
    "hello_first": "The first message is `hello`, and there is only one.",
    "wrong_protocol": "The server speaks another version of the protocol; `protocol` is which.",
    "unauthorized": "The token is missing, unknown or over.",
    "forbidden": "The role of the token does not allow this; `needed` is the role that does.",
    "unknown_namespace": "There is no such context here.",
    "bad_key": "The key is empty, too long, or holds what a key cannot.",
    "bad_pattern": "The pattern is empty, too long, or has too many stars.",
    "bad_value": "The value cannot be kept; `path` leads to the part.",
    "value_too_large": "The value is larger than the context allows.",
    "conflict": "A key is not at the version that was expected; `key`, `expected` and `actual` say more.",
    "operation_reused": "The operation id was used before, for something else.",
    "history_trimmed": "That part of the past is no longer kept; `kept_since` is where it begins.",
    "not_yet": "That version has not happened yet.",
    "not_found": "There is no such tag, step or subscription.",
    "too_many_writes": "A transaction has more writes than allowed.",
    "too_many_subscriptions": "The connection follows as many patterns as it may.",
    "busy": "Too many requests of this connection wait for their answers; wait for some.",
    "rate": "Too many requests in this time; `retry_after` is how many seconds to wait.",
    "refused": "The context refused the call; the message says why.",
    "unavailable": "What keeps the context cannot answer now (a full disk, a cluster without a majority); try again.",
    "internal": "The server made a mistake; its log says more under `request`.",
}  # fmt: skip
"""Each code and what it means."""

CLOSES: Final = {
    1000: "The conversation is over, at the client's wish.",
    1001: "The server stops; what was acknowledged is kept. Connect again.",
    1002: "The WebSocket protocol was broken.",
    1003: "A binary frame came: messages are JSON in text frames.",
    1007: "A text frame was not UTF-8.",
    1009: "A message was too large.",
    1011: "The server made a mistake.",
    1013: "The client reads too slowly, there are too many of them, or what keeps the context cannot answer now. Connect again, with `since`.",
    4400: "The first message was not a `hello` that this server understands.",
    4401: "No valid token came within five seconds.",
    4403: "The token does not allow this context.",
    4404: "There is no such context here.",
    4408: "The token came to its end or was revoked.",
}
"""Each code with which a server closes a connection, and what it means."""

CLOSE_NORMAL: Final = 1000
CLOSE_AWAY: Final = 1001
CLOSE_NOT_TEXT: Final = 1003
CLOSE_TOO_LARGE: Final = 1009
CLOSE_INTERNAL: Final = 1011
CLOSE_SLOW: Final = 1013
CLOSE_HELLO: Final = 4400
CLOSE_UNAUTHORIZED: Final = 4401
CLOSE_FORBIDDEN: Final = 4403
CLOSE_NAMESPACE: Final = 4404
CLOSE_REVOKED: Final = 4408

RESUMES: Final = {
    "changes": "Exactly the changes after `since` follow.",
    "snapshot": "The present entries follow, in one or more `snapshot` messages; `why` says why.",
    "live": "Only changes from now on were asked for.",
}
"""How a feed begins."""

WHYS: Final = {
    "new": "The client named no version from which to go on.",
    "epoch": "The version belongs to another history: the context was made anew.",
    "trimmed": "Some of the changes since then are no longer kept.",
    "future": "That version has not happened here: the server came back with an older state.",
    "lost": "The client read so slowly that changes it has not seen are no longer kept.",
    "cheaper": "The present entries are fewer than the changes.",
}
"""Why a snapshot comes in place of the changes."""
