"""The keys of a step that runs a machine of the step engine."""

from __future__ import annotations

from typing import Final

from framework0.recipe.key import FLAG, MAPPING, PROMPT, Key, table

MACHINE_KEYS: Final = table(
    Key(
        "instance",
        PROMPT,
        "The folder of the machine's instance, relative to this recipe (type step_engine).",
        "machines/press",
    ),
    Key(
        "library",
        PROMPT,
        "The folder with the machine's nodes, relative to this recipe (type step_engine).",
        "nodes",
        default="what the instance's parameters say",
    ),
    Key(
        "first_node",
        PROMPT,
        "The node to begin with (type step_engine).",
        "step_node_load",
        default="the one that the instance or its library names",
    ),
    Key(
        "results",
        MAPPING,
        "Context keys to set at the end, each from a group, or a value in it, of the machine's "
        "parameters (type step_engine).",
        "{parts: shared_data.parts}",
        default="none",
    ),
    Key(
        "mirror",
        FLAG,
        "Keep what is in the machine's group shared_data in the context too, below the instance's name "
        "(type step_engine).",
        "true",
        default="false",
    ),
)
