"""Every key a recipe may have: what it takes, what it means, an example.

The checker, the JSON Schema and the reference are made from these tables, so that a key one of
them knows the others know as well.
"""

from __future__ import annotations

from typing import Final

from framework0.recipe.cache_keys import CACHE_KEY
from framework0.recipe.cache_keys import CACHE_KEYS as CACHE_KEYS
from framework0.recipe.key import ANYTHING as ANYTHING
from framework0.recipe.key import ARGUMENTS as ARGUMENTS
from framework0.recipe.key import CHOICE as CHOICE
from framework0.recipe.key import CODES as CODES
from framework0.recipe.key import COMMAND as COMMAND
from framework0.recipe.key import DELAY as DELAY
from framework0.recipe.key import DOTTED as DOTTED
from framework0.recipe.key import DURATION as DURATION
from framework0.recipe.key import EXPRESSION as EXPRESSION
from framework0.recipe.key import FACTOR as FACTOR
from framework0.recipe.key import FLAG as FLAG
from framework0.recipe.key import FOREACH as FOREACH
from framework0.recipe.key import LIST as LIST
from framework0.recipe.key import MAPPING as MAPPING
from framework0.recipe.key import NAME as NAME
from framework0.recipe.key import NAMES as NAMES
from framework0.recipe.key import POOL as POOL
from framework0.recipe.key import PROMPT as PROMPT
from framework0.recipe.key import RETRY as RETRY
from framework0.recipe.key import SIZE as SIZE
from framework0.recipe.key import SUCCESS as SUCCESS
from framework0.recipe.key import TEXT as TEXT
from framework0.recipe.key import VARIABLES as VARIABLES
from framework0.recipe.key import WHOLE as WHOLE
from framework0.recipe.key import WORDS as WORDS
from framework0.recipe.key import Key as Key
from framework0.recipe.key import table as table
from framework0.recipe.limit_keys import LIMIT_KEYS, LOG_KEY, RUN_LIMIT_KEYS
from framework0.recipe.limit_keys import POOL_KEYS as POOL_KEYS
from framework0.recipe.machine_keys import MACHINE_KEYS
from framework0.recipe.model import ORDER_GRAPH, ORDER_SEQUENCE

EXECUTORS: Final = ("thread", "process", "serial")
BUILTIN_KINDS: Final = ("python", "shell", "recipe", "approval", "step_engine")
BREAKPOINTS: Final = ("before", "after")
TIMEOUT_ANSWERS: Final = ("fail", "approve", "reject")
INPUT_TYPES: Final = ("string", "integer", "number", "boolean", "list", "mapping")

MOST_ATTEMPTS: Final = 1_000
"""More attempts than this are a loop, and each is a row in the journal."""

MOST_PARALLEL: Final = 10_000
"""Items running at once; more than that no machine runs."""

MOST_ITEMS: Final = 100_000
"""Items of one foreach; a recipe with more should hand over whole lists, not single items."""

HIGHEST_EXIT_CODE: Final = 2**32 - 1
"""Windows exit codes are 32 bits; elsewhere they end at 255."""

LARGEST_IDX: Final = 2**53
"""Larger whole numbers do not survive JSON readers."""

METADATA_KEYS: Final = table(
    Key(
        "name",
        NAME,
        "What the recipe is called in lists, logs and the journal.",
        "nightly_report",
        default="the file's name without its ending",
    ),
    Key("version", TEXT, "The recipe's own version, as text.", '"1.0"'),
    Key("description", TEXT, "What the recipe is for.", "Load the numbers and report their median"),
)

TEST_META_KEYS: Final = table(
    Key("test_id", NAME, "The older name of `metadata.name`.", "TC-1042"),
    Key("tester", TEXT, "Who wrote it.", "Ada"),
    Key("description", TEXT, "What the recipe is for.", "Check the pump's start-up"),
)

RETRY_KEYS: Final = table(
    Key(
        "attempts",
        WHOLE,
        "How many attempts there are in total, the first included.",
        "3",
        default="1",
        low=1,
        high=MOST_ATTEMPTS,
    ),
    Key("delay", DELAY, "How long to wait before the second attempt.", "2s", default="0"),
    Key(
        "backoff",
        FACTOR,
        "Each further wait is the one before times this.",
        "2",
        default="1",
        low=1,
        high=1_000,
    ),
    Key(
        "jitter",
        FACTOR,
        "Spread each wait by up to this fraction of itself, either way.",
        "0.1",
        default="0",
        low=0,
        high=1,
    ),
    Key("max_delay", DURATION, "No wait is longer than this.", "5m", default="1h"),
    Key(
        "on",
        NAMES,
        "Retry only after these failures: exception class names, `timeout`, `exit`, `memory`.",
        "[ConnectionError, timeout]",
        default="every failure",
    ),
)

FOREACH_KEYS: Final = table(
    Key(
        "items",
        FOREACH,
        "The items: a list, or one expression that gives a list.",
        "${{ inputs.files }}",
    ),
    Key(
        "parallel",
        WHOLE,
        "How many items run at once at most; 0 sets no limit of its own.",
        "4",
        default="0",
        low=0,
        high=MOST_PARALLEL,
    ),
    Key(
        "fail_fast", FLAG, "After the first failed item, start no others.", "true", default="false"
    ),
)

SUCCESS_KEYS: Final = table(
    Key(
        "ctx_has_keys",
        NAMES,
        "Context keys that must be there when the step has ended.",
        "[numbers, median]",
    ),
)

_POLICY: Final = (
    Key(
        "timeout",
        DURATION,
        "How long one attempt may take; a longer one is ended. For an approval: how long to wait.",
        "90s",
        default="no limit",
    ),
    Key(
        "retry",
        RETRY,
        "How often, and when, a failed attempt is followed by another.",
        "{attempts: 3, delay: 2s}",
        default="1 attempt",
    ),
    Key(
        "executor",
        CHOICE,
        "Where the step runs.",
        "process",
        default="thread, or process with a timeout",
        choices=EXECUTORS,
    ),
    Key(
        "continue_on_error",
        FLAG,
        "Let dependents start although this step has failed.",
        "true",
        default="false",
    ),
    Key("env", VARIABLES, "Environment variables the step gets in addition.", "{LANG: C.UTF-8}"),
    Key(
        "cwd",
        TEXT,
        "The folder the step runs in, relative to the workspace.",
        "data",
        default="the workspace",
    ),
    LOG_KEY,
)

DEFAULTS_KEYS: Final = table(*_POLICY)

INPUT_KEYS: Final = table(
    Key(
        "type",
        CHOICE,
        "The type a given value must have.",
        "integer",
        default="that of the default, else string",
        choices=INPUT_TYPES,
    ),
    Key("default", ANYTHING, "The value when none is given.", "10"),
    Key(
        "required",
        FLAG,
        "Whether a run without a value for it is refused.",
        "false",
        default="true without a default",
    ),
    Key(
        "secret",
        FLAG,
        "Read it from the environment, store it nowhere, mask it everywhere.",
        "true",
        default="false",
    ),
    Key(
        "env",
        TEXT,
        "The environment variable that holds a secret.",
        "API_TOKEN",
        default="the name in upper case",
    ),
    Key("choices", LIST, "The only values allowed.", "[small, large]"),
    Key("description", TEXT, "What the input is for.", "How many rows to read"),
)

STEP_KEYS: Final = table(
    Key("name", NAME, "What the step is called; unique in the recipe.", "load_numbers"),
    Key(
        "idx",
        WHOLE,
        "Its place among steps that could start at the same time.",
        "1",
        low=-LARGEST_IDX,
        high=LARGEST_IDX,
    ),
    Key(
        "type",
        TEXT,
        "What kind of step it is: python, shell, recipe, approval, step_engine, or one of the workspace's.",
        "shell",
        default="python",
    ),
    Key("module", DOTTED, "The Python module that holds the code.", "scriptlets.numbers"),
    Key("function", DOTTED, "The scriptlet class or function in that module.", "LoadNumbers"),
    Key(
        "args",
        ARGUMENTS,
        "A mapping becomes params or keyword arguments, a list positional arguments.",
        "{path: numbers.csv}",
        default="none",
    ),
    Key(
        "depends_on",
        NAMES,
        "The steps this one waits for. One name needs no list; an empty list waits for nothing.",
        "[load]",
    ),
    Key(
        "when",
        EXPRESSION,
        "Run the step only if this expression holds, written with or without `${{ }}`.",
        "inputs.full == true",
    ),
    Key(
        "foreach",
        FOREACH,
        "Run the step once for each item of a list, or of one expression that gives a list.",
        "[north, south]",
    ),
    FOREACH_KEYS["parallel"],
    FOREACH_KEYS["fail_fast"],
    *_POLICY,
    *LIMIT_KEYS,
    CACHE_KEY,
    Key(
        "success",
        SUCCESS,
        "What else must hold for the step to have succeeded.",
        "{ctx_has_keys: [median]}",
    ),
    Key(
        "command",
        COMMAND,
        "The program to run and its arguments (type shell).",
        "[sort, -n, numbers.txt]",
    ),
    Key(
        "shell",
        FLAG,
        "Hand `command`, then one text, to the system's shell.",
        "true",
        default="false",
    ),
    Key(
        "exit_codes",
        CODES,
        "The exit codes that mean success (type shell).",
        "[0, 1]",
        default="[0]",
        low=0,
        high=HIGHEST_EXIT_CODE,
    ),
    Key(
        "recipe",
        TEXT,
        "The recipe file to run, relative to this one (type recipe).",
        "clean_up.yaml",
    ),
    Key(
        "breakpoint",
        CHOICE,
        "Pause the run before the step begins, or after it has ended, until a person lets it go on.",
        "before",
        choices=BREAKPOINTS,
    ),
    Key(
        "prompt",
        PROMPT,
        "The question to a person (type approval). It may hold expressions.",
        "Publish ${{ inputs.version }}?",
    ),
    Key(
        "choices",
        NAMES,
        "The answers there are (type approval); `reject` fails the step, every other lets it succeed.",
        "[staging, production, reject]",
        default="[approve, reject]",
    ),
    Key(
        "approvers",
        NAMES,
        "The only people who may answer (type approval), by the name they have on their machine.",
        "[ada, grace]",
        default="everybody",
    ),
    Key(
        "on_timeout",
        CHOICE,
        "What holds when nobody has answered within `timeout` (type approval).",
        "reject",
        default="fail",
        choices=TIMEOUT_ANSWERS,
    ),
    *MACHINE_KEYS.values(),
    Key("description", TEXT, "What the step is for.", "Read the raw numbers"),
)

RECIPE_KEYS: Final = table(
    Key(
        "metadata",
        MAPPING,
        "Name, version, description and whatever else you want to keep.",
        "{name: nightly_report}",
    ),
    Key("test_meta", MAPPING, "The older form of `metadata`.", "{test_id: TC-1042}"),
    Key(
        "inputs",
        MAPPING,
        "Values that whoever starts the recipe may give: a mapping for each, or just its default.",
        "{rows: {type: integer, default: 10}}",
    ),
    Key(
        "defaults",
        MAPPING,
        "Rules for every step that does not say otherwise.",
        "{timeout: 5m, retry: 2}",
    ),
    Key(
        "order",
        CHOICE,
        "Whether steps wait for what they depend on, or run one after another.",
        "graph",
        default="graph if any step has depends_on, else sequence",
        choices=(ORDER_GRAPH, ORDER_SEQUENCE),
    ),
    *RUN_LIMIT_KEYS,
    Key("env", NAMES, "The environment variables expressions may read.", "[HOME]"),
    Key("steps", LIST, "The steps.", "[{name: greet, module: builtins, function: print}]"),
    Key(
        "on_failure",
        LIST,
        "Steps that run after a step has failed.",
        "[{name: alarm, type: shell, command: [logger, failed]}]",
    ),
    Key(
        "finally",
        LIST,
        "Steps that run at the end, however it went.",
        "[{name: tidy, type: shell, command: [rm, -rf, scratch]}]",
    ),
)
