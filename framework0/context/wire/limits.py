"""The limits of the protocol, each with its reason; a server tells its own in ``welcome``."""

from __future__ import annotations

from framework0.context.limits import VALUE_DEPTH
from framework0.tuples import NamedTuple

# What is not understood by both sides is refused at the beginning, never guessed.
PROTOCOL = 1
# One message: a value larger than this belongs into a file whose path is the value.
MESSAGE_BYTES = 1024 * 1024
# A message holds a value a few levels below its own braces: writes, one of them, its value.
MESSAGE_DEPTH = VALUE_DEPTH + 4
# Keys of all objects of one message: more is data that wants a file.
MESSAGE_KEYS = 10_000
# What nearly every other language can hold exactly is 53 bits, what all databases can is 64.
INTEGER_LOW, INTEGER_HIGH = -(2**63), 2**63 - 1
# Ids of requests are numbers that also JavaScript counts exactly.
ID_MOST = 2**53 - 1
# Writes of one transaction: each has two or three of the keys that a message may have.
WRITES = 3_000
# Patterns one connection may follow: each is tried on every key.
SUBSCRIPTIONS = 100
# Requests that wait for their answers: above it, a server answers `busy`.
IN_FLIGHT = 1024
# Of one page of history, keys or entries.
PAGE = 1_000
PAGE_MOST = 10_000
# Estimated bytes of the values of one page, unless a single one is larger.
PAGE_BYTES = 1024 * 1024
# A snapshot comes in parts of about this many bytes, so that a slow reader costs no more.
PART_BYTES = 128 * 1024
# Changes put into one frame at most; what is more goes into the next.
FRAME_CHANGES = 1_000
# A token is about 60 characters; a signed one may be longer.
TOKEN_CHARACTERS = 4_096
# Names of namespaces, clients, steps, tags.
NAME_CHARACTERS = 200
# A text that is shorter is sent whole: finding what differs would cost more than it saves.
PATCHED_BYTES = 2_048


class WireLimits(NamedTuple):
    """What one server allows one connection; all of it is told in ``welcome``."""

    message_bytes: int = MESSAGE_BYTES
    depth: int = VALUE_DEPTH
    keys: int = MESSAGE_KEYS
    writes: int = WRITES
    subscriptions: int = SUBSCRIPTIONS
    in_flight: int = IN_FLIGHT
    page: int = PAGE_MOST


WIRE_LIMITS = WireLimits()
