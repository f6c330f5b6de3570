"""The keys that say how much a step, or a whole run, may use: pools, priority, memory, time, output."""

from __future__ import annotations

from typing import Final

from framework0.recipe.key import DURATION, FLAG, NAME, POOL, SIZE, WHOLE, Key, table

MOST_SLOTS: Final = 10_000
"""Slots of one pool; each that is taken is an open file."""

HIGHEST_PRIORITY: Final = 1_000_000
"""Either way; nobody orders steps by finer steps than that."""

MOST_CORES: Final = 4_096
"""What the largest machines have."""

LEAST_MEMORY: Final = 1_000_000
"""Bytes; below a megabyte no process starts, so it is a slip of the unit."""

LEAST_LOG: Final = 1_000
"""Bytes of a log: enough for the line that says how much is missing, and for some text around it."""

MOST_BYTES: Final = 10**15
"""A petabyte: more is a slip of the unit."""

POOL_KEYS: Final = table(
    Key("name", NAME, "Which pool, by its name in the workspace's settings.", "gpu"),
    Key(
        "slots",
        WHOLE,
        "How many of its slots the step takes, all at once.",
        "2",
        default="1",
        low=1,
        high=MOST_SLOTS,
    ),
)

LOG_KEY: Final = Key(
    "max_log_bytes",
    SIZE,
    "How much of what an attempt prints is kept, the beginning and the end of it; the step goes on.",
    "10MB",
    default="what the workspace's settings say, else no limit",
    low=LEAST_LOG,
    high=MOST_BYTES,
)

LIMIT_KEYS: Final = (
    Key(
        "pool",
        POOL,
        "The pool whose slots the step holds while it runs; it waits until they are free.",
        "gpu",
        default="none",
    ),
    Key(
        "priority",
        WHOLE,
        "Of steps that could start, the one with the highest priority does, before `idx` is looked at.",
        "10",
        default="0",
        low=-HIGHEST_PRIORITY,
        high=HIGHEST_PRIORITY,
    ),
    Key(
        "memory",
        SIZE,
        "The memory the step and all processes it starts may use together; more fails it.",
        "512MB",
        default="no limit",
        low=LEAST_MEMORY,
        high=MOST_BYTES,
    ),
    Key(
        "cpu",
        WHOLE,
        "The number of processor cores the step may use (Linux).",
        "2",
        default="all",
        low=1,
        high=MOST_CORES,
    ),
)

RUN_LIMIT_KEYS: Final = (
    Key(
        "fail_fast",
        FLAG,
        "After the first failed step start no others and stop those that run; clean-up steps still run.",
        "true",
        default="false",
    ),
    Key(
        "deadline",
        DURATION,
        "How long the run's `steps` may take together; what is not done by then is stopped.",
        "2h",
        default="no limit",
    ),
)
