"""The limits of the context, each with its reason. All are counted, never guessed from bytes."""

from __future__ import annotations

from framework0.tuples import NamedTuple

# A step's name has at most 200 characters; a key often holds a prefix, a name and a suffix.
KEY_CHARACTERS = 512
# Each ** of a pattern may be tried at each character of a key: together about a millisecond.
PATTERN_STARS = 32
# Real documents nest less than 20 levels; walkers of every client stay far from their recursion limit.
VALUE_DEPTH = 64
# A value is copied on its way in and out: at this size that costs tens of milliseconds, not minutes.
VALUE_ITEMS = 1_000_000
# Text of one value, keys included. Larger data belongs into a file whose path is the value.
VALUE_CHARACTERS = 16 * 1024 * 1024
# Python itself refuses to print or parse integers beyond 4,300 digits, and JSON needs both.
INTEGER_DIGITS = 4_000
# A context is a map people look at; a million keys are data and belong into a database.
CONTEXT_KEYS = 1_000_000
# One transaction holds the store's lock; this many writes hold it for about a tenth of a second.
TRANSACTION_WRITES = 100_000
# Changes kept for looking back: about 25 MB when the values are small.
HISTORY_CHANGES = 100_000
# Estimated bytes of the values kept for looking back, for when the values are not small.
HISTORY_BYTES = 64 * 1024 * 1024
# Changes waiting for one subscriber: some seconds of a callback that is stuck in a busy run.
PENDING_CHANGES = 10_000
# Attempts of an optimistic read-modify-write before it is called hopeless.
CONFLICT_RETRIES = 1_000
# Names of calls remembered so that a repeated one counts once: a minute of 1,000 clients' retries.
OPERATIONS = 100_000
# A client gives up long before this many seconds; a repetition after that is a new call.
OPERATION_SECONDS = 3_600.0
# A name of a call is a UUID or the like, made by a program.
OPERATION_CHARACTERS = 200
# Each tag may hold a picture of every key; people name releases and milestones, not changes.
TAGS = 1_000
TAG_CHARACTERS = 200
# A value that should outlive ten years should not end by itself.
TTL_SECONDS = 10 * 366 * 24 * 3_600.0


class ValueLimits(NamedTuple):
    """How large a value may be; hand other numbers to ``Context(limits=...)``."""

    depth: int = VALUE_DEPTH
    items: int = VALUE_ITEMS
    characters: int = VALUE_CHARACTERS
    digits: int = INTEGER_DIGITS


VALUE_LIMITS = ValueLimits()
