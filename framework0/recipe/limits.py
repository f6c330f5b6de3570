"""How much a recipe may hold. Every limit exists so that a bad file gets an answer, not a hang.

A limit is far above what people write and below what would hurt: the reason stands beside each.
"""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""250,000 steps written at length take about 55 MB; a larger file is data, not a recipe."""

MAX_DEPTH: Final = 64
"""People stop at ten levels; native YAML readers crash at 1,500 in a thread with a small stack."""

MAX_NODES: Final = 2_000_000
"""250,000 steps of eight values each; at about 150 bytes a node that is 300 MB of memory."""

MAX_ALIAS_NODES: Final = 100_000
"""What all aliases of a file may stand for together: nine lines can otherwise mean 10⁹ values."""

MAX_ALIAS_CHARACTERS: Final = 8 * 1024 * 1024
"""The same bound for text: 20,000 aliases of one 20 kB string would otherwise mean 400 MB."""

MAX_STEPS: Final = 250_000
"""The journal, the plan and the page are measured up to here."""

MAX_DEPENDENCIES: Final = 10_000
"""Entries of one ``depends_on``; more in one step would make the graph quadratic."""

MAX_NAME_LENGTH: Final = 200
"""A step's name goes into logs, tables and terminals; 200 characters still fit a line."""

MAX_INTEGER_BITS: Final = 63
"""Larger integers do not survive JSON readers, SQLite or a C call unchanged."""

MAX_READING_PROBLEMS: Final = 100
"""Mistakes listed while reading one file; who has more has one cause, not a hundred."""
