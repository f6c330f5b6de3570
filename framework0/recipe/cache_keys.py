"""The key that lets a step's result be taken from an earlier run, and what may stand inside it."""

from __future__ import annotations

from typing import Final

from framework0.recipe.key import ANYTHING, CACHE, DURATION, NAMES, Key, table

CACHE_KEYS: Final = table(
    Key(
        "key",
        ANYTHING,
        "Further values that decide, one or a list; texts may hold expressions.",
        '["${{ context.model }}", v2]',
        default="none: code, arguments and files decide",
    ),
    Key("ttl", DURATION, "How long a result is good for.", "12h", default="as long as it is kept"),
    Key(
        "files",
        NAMES,
        "Files and folders the step reads, relative to the workspace: their content decides too.",
        "[data/rows.csv]",
        default="none",
    ),
)

CACHE_KEY: Final = Key(
    "cache",
    CACHE,
    "Take the step's result from an earlier run in which its code, arguments and files were the same.",
    "{ttl: 1d, files: [rows.csv]}",
    default="false",
)
