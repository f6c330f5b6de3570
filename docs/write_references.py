"""Write the reference pages that follow from the code: ``python docs/write_references.py``.

A test runs this too and compares, so the pages cannot fall behind. What needs prose of its own
(``docs/errors.toml``) stands beside this file; the examples are the golden answers in
``tests/mistakes``.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
MISTAKES = REPOSITORY / "tests" / "mistakes"
NOTICE = "<!-- written by docs/write_references.py -->\n"
CODE = re.compile(r"errors\.md#([a-z0-9-]+)")
LONGEST_EXAMPLE = 14

sys.path[:0] = [str(REPOSITORY), str(DOCS)]

from write_http import http_page  # noqa: E402 (found by the line above)
from write_protocol import protocol_page  # noqa: E402 (found by the line above)
from write_states import states_page  # noqa: E402 (found by the line above)


def recipe_page():
    """Return the page of all keys of a recipe, from the tables the checker itself uses."""
    from framework0.recipe import keys

    parts = [
        ("The recipe", "What may stand at the top of the file.", keys.RECIPE_KEYS),
        ("`metadata`", "Any other key may stand here too and is kept.", keys.METADATA_KEYS),
        ("`test_meta`", "The older form of `metadata`.", keys.TEST_META_KEYS),
        ("`inputs`", "Each input is a mapping of these, or simply its default.", keys.INPUT_KEYS),
        ("`defaults`", "Rules for every step that does not say otherwise.", keys.DEFAULTS_KEYS),
        ("Steps", "Entries of `steps`, `on_failure` and `finally`.", keys.STEP_KEYS),
        ("`retry`", "A number of attempts, or a mapping of these.", keys.RETRY_KEYS),
        (
            "`cache`",
            "True, or a mapping of these; see [caching](../how-to/cache-steps.md).",
            keys.CACHE_KEYS,
        ),
        ("`foreach`", "A list, one expression, or a mapping of these.", keys.FOREACH_KEYS),
        ("`success`", "What else must hold.", keys.SUCCESS_KEYS),
    ]
    text = [NOTICE, "# Recipe format\n", RECIPE_INTRODUCTION]
    for heading, about, table in parts:
        text.append(f"## {heading}\n\n{about}\n")
        text.extend(key_section(key, keys.WORDS) for key in table.values())
    return "\n".join(text)


RECIPE_INTRODUCTION = """\
A recipe is one YAML 1.2 file. `framework0 validate` checks it; `framework0 schema` writes its JSON
Schema for editors. Texts in `args`, `command`, `env` and `foreach` may hold
[expressions](expressions.md).

Steps start when what they depend on has succeeded; of those that could start, the one with the lowest
`idx` does, then the one that stands first. If no step has `depends_on`, the steps run one after another
in that order, unless the recipe says `order: graph`.
"""


def key_section(key, words):
    facts = [f"Takes {words.get(key.shape, key.shape)}"]
    if key.choices:
        facts.append("one of " + ", ".join(f"`{choice}`" for choice in key.choices))
    if key.low is not None or key.high is not None:
        low = "" if key.low is None else f"from {key.low:,}"
        high = "" if key.high is None else f"to {key.high:,}"
        facts.append(f"{low} {high}".strip())
    text = "; ".join(facts) + "."
    if key.default:
        text += f" Default: {key.default}."
    return f"### {key.name}\n\n{key.about} {text}\n\n```yaml\n{key.name}: {key.example}\n```\n"


def expressions_page():
    """Return the page of the expression language; its functions come from the language's table."""
    from framework0.recipe.expression_functions import FUNCTIONS
    from framework0.recipe.expression_nodes import MAX_DEPTH
    from framework0.recipe.expression_tokens import MAX_LENGTH
    from framework0.recipe.expression_values import MAX_BITS, MAX_ITEMS, MAX_TEXT, MAX_WORK

    rows = "\n".join(
        f"| `{function.usage}` | {function.about} |" for _, function in sorted(FUNCTIONS.items())
    )
    limits = {
        "length of an expression": f"{MAX_LENGTH:,} characters",
        "levels, or operators in a row": f"{MAX_DEPTH}",
        "elementary operations in one evaluation": f"{MAX_WORK:,}",
        "a text that is made": f"{MAX_TEXT:,} characters",
        "a list or mapping that is made": f"{MAX_ITEMS:,} items",
        "a whole number": f"{MAX_BITS:,} bits",
    }
    bounds = "\n".join(f"| {what} | {most} |" for what, most in limits.items())
    return f"{NOTICE}\n{EXPRESSIONS_BEFORE}{rows}\n{EXPRESSIONS_AFTER}{bounds}\n"


EXPRESSIONS_BEFORE = """\
# Expressions

`${{ … }}` in a text is replaced by the value of what stands inside. A text that is nothing but one
expression becomes the value itself, with its type; within a longer text, values are written as text: `true`,
`null`, `3`, and lists and mappings as JSON. What an expression yields is never looked through again. `$${{`
stands for a literal `${{`. `when` is an expression without the braces.

| Written | Becomes, with `rows: 3` |
| --- | --- |
| `"${{ inputs.rows }}"` | the number 3 |
| `"rows=${{ inputs.rows }}"` | the text `rows=3` |
| `"$${{ inputs.rows }}"` | the text `${{ inputs.rows }}` |

## What can be read

| Name | What it is |
| --- | --- |
| `inputs.NAME` | an input of the recipe |
| `context['KEY']` | a key of the context, as it is when the step starts |
| `steps.NAME.result` | the result of a step this one waits for |
| `steps.NAME.state` | how it ended: `succeeded`, `failed`, `timed_out`, `cancelled`, `skipped` |
| `env.NAME` | an environment variable that the recipe lists under `env` |
| `run.id`, `run.name`, `run.recipe` | the run's id, the name it was given, and its recipe's name |
| `item`, `index` | the item of a `foreach` step, and its number from 0 |

Names with other characters than letters, digits and `_` stand in brackets: `steps['load data'].result`.
Context keys have dots in them, so the longest key that fits is taken: `context.a.b.c` is the key `a.b.c`, else
the part `c` of the key `a.b`, else `b.c` within the key `a`. `context['a.b']` is never
looked for as `b` within `a`.

Unknown inputs, steps, variables and misspelt names are found before the run. What is not there when it is read
fails the step, unless it may be missing: `context.get('key', 0)` and `default(x, y)`, which is y where x leads to
nothing or to null.

## Operators

`+ - * / // %`, comparisons (`== != < <= > >=`), `in` and `not in`, `and or not`, `x if y else z`, lists and
mappings written out, and `.` or `[ ]` for a key or an index. There is no assignment, no loop, and no way to
Python's own objects: a dot is always a key. Numbers, texts and lists can be added; only two numbers or two texts
can be put in order; `/` never cuts off, `//` rounds down. A boolean is no number. An object that is no data (a
step in the same process may return one) can be passed on whole, and nothing else.

## Status

In `when`: `always()`, `failed()` and `succeeded()` ask how the steps this one waits for have ended. A step whose
`when` asks so is considered also when one of them failed.

## Functions

There are these, and no others; values have no methods.

| Function | What it gives |
| --- | --- |
| `always()`, `failed()`, `succeeded()` | see above |
| `default(x, y)` | x, or y where x leads to nothing or to null |
"""

EXPRESSIONS_AFTER = """
## Bounds

An expression always ends, soon: each operation knows the size of its result before it computes it. What is
refused is refused with its place; a value never appears in the message, since it may be secret.

| Bound | Most |
| --- | --- |
"""


def errors_page():
    """Return the page of all codes, each with its meaning and a real answer as its example."""
    examples = golden_examples()
    text = [NOTICE, "# Errors, warnings and notes\n", ERRORS_INTRODUCTION]
    for part in meanings().values():
        text.append(f"## {part.pop('_about').rstrip('.')}\n")
        for code, meaning in sorted(part.items()):
            text.append(f"### {code}\n\n{meaning}\n")
            if code in examples:
                text.append(f"```text\n{examples[code]}```\n")
    return "\n".join(text)


ERRORS_INTRODUCTION = """\
Every problem with a recipe has a place, a sentence, often a hint, and a code. An error keeps the recipe
from running, a warning does not, a note is a fact. All of a file are shown at once. The examples are what
`framework0 validate` answers, word for word.
"""


def meanings():
    return tomllib.loads((DOCS / "errors.toml").read_text(encoding="utf-8"))


def golden_examples():
    """Return for each code the shortest golden answer that is about nothing else."""
    found = {}
    for path in sorted(MISTAKES.glob("*/expected.txt")):
        answer = path.read_text(encoding="utf-8")
        lines = [line for line in answer.splitlines() if "see docs/" not in line]
        codes = set(CODE.findall(answer))
        if len(codes) == 1 and len(lines) <= LONGEST_EXAMPLE:
            shown = "\n".join(lines[:-1]) + "\n"
            [code] = codes
            if code not in found or len(shown) < len(found[code]):
                found[code] = shown
    return found


def codes_in_the_code():
    """Return every code that the readers and checkers may give, read from their source."""
    named = {"cycle", "empty", "encoding", "expression", "order", "setting", "tag"}
    told = {
        "Problem",
        "Explained",
        "_refusal",
        "add",
        "complain",
        "error",
        "give_up",
        "note",
        "warning",
    }
    found = set()
    for path in [
        *REPOSITORY.glob("framework0/recipe/*.py"),
        *REPOSITORY.glob("framework0/workspace/*.py"),
        *REPOSITORY.glob("framework0/stepengine/**/*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr
                    if isinstance(node.func, ast.Attribute)
                    else getattr(node.func, "id", "")
                )
                texts = [part.value for part in node.args[:2] if isinstance(part, ast.Constant)]
                if name in told:
                    found.update(text for text in texts if is_code(text, named))
    for path in MISTAKES.glob("*/expected.txt"):
        found.update(CODE.findall(path.read_text(encoding="utf-8")))
    return found


def is_code(text, named):
    return isinstance(text, str) and (
        text in named or re.fullmatch(r"[a-z]+(-[a-z]+)+", text) is not None
    )


def commands_page():
    """Return the page of all verbs: what the docstring of each says, and its parser's arguments."""
    from framework0.cli.main import parser_of
    from framework0.cli.verbs import VERBS

    text = [NOTICE, COMMANDS_INTRODUCTION]
    for verb in VERBS:
        text.extend(verb_sections(verb, parser_of(verb), "##"))
    return "\n".join(text)


def verb_sections(name, parser, level):
    """Yield the section of a verb, then those of the verbs within it."""
    about, _, more = parser.description.partition("\n\n")
    yield f"{level} {name}\n\n{' '.join(about.split())}\n"
    if more.strip():
        # In a block of its own: `#` and `<` in an example mean nothing to Markdown there.
        yield f"```text\n{more.strip()}\n```\n"
    yield "\n".join(argument_lines(parser)) + "\n"
    for word, part in inner_verbs(parser).items():
        yield from verb_sections(f"{name} {word}", part, f"{level}#")


# argparse has no public list of what was added to a parser: the two functions below look inside.
def inner_verbs(parser):
    """Return the parsers of the verbs within a verb, by name."""
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action.choices, dict):
            return action.choices
    return {}


def argument_lines(parser):
    """Yield a line per argument; argparse's own layout of them differs between Python versions."""
    for group in parser._action_groups:  # noqa: SLF001
        for action in group._group_actions:  # noqa: SLF001
            if "--help" not in action.option_strings and not isinstance(action.choices, dict):
                value = value_of(action)
                names = [f"`{' '.join([name, *value.split()])}`" for name in action.option_strings]
                yield f"- {', '.join(names) or f'`{value}`'}: {action.help.replace('%%', '%')}"


def value_of(action):
    """Return what stands for the value of an argument; nothing where it takes none."""
    if action.nargs == 0:
        return ""
    return action.metavar or (
        "{" + ",".join(action.choices) + "}" if action.choices else action.dest.upper()
    )


COMMANDS_INTRODUCTION = """\
# Commands

`framework0 VERB --help` (or `-h`) shows the same, `framework0 --help` lists the verbs, `framework0 --version` says which
version this is. Results go to standard output, everything else to standard error; with `--json`, standard output is
JSON and nothing else. How a command ends is told by its [exit code](exit_codes.md).
"""


def builtin_page():
    """Return the page of the built-in scriptlets: params as checks know them, examples that run."""
    from framework0.source import Sources, builtin_scriptlets

    sources = Sources(["."])
    text = [NOTICE, BUILTIN_INTRODUCTION]
    for kind, (module, name) in sorted(builtin_scriptlets().items()):
        path = REPOSITORY / (module.replace(".", "/") + ".py")
        [cls] = [
            node
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.ClassDef) and node.name == name
        ]
        rows = [param_row(one) for one in sources.signature(module, name).parameters]
        text.append(f"## {kind}\n\n{ast.get_docstring(cls)}\n")
        text.append(
            "\n".join(["| Param | Takes | Default | Meaning |", "| --- | --- | --- | --- |", *rows])
        )
        text.append("\n" + (DOCS / "builtin" / f"{kind}.txt").read_text(encoding="utf-8"))
    return "\n".join(text)


def param_row(one):
    """Return the row of a param in a table."""
    types = [kind for kind in one.types if kind != "null"]
    takes = ", ".join(f"`{choice}`" for choice in one.choices) or " or ".join(types) or "any value"
    default = "**required**" if one.required else "" if one.default is None else f"`{one.default}`"
    default = "`true`" if one.default is True else "`false`" if one.default is False else default
    return f"| `{one.name}` | {takes} | {default} | {one.description} |"


BUILTIN_INTRODUCTION = """\
# Built-in scriptlets

Step types that every workspace has: write the name as `type`, and the params as `args`, with no `module`. `framework0
validate` knows their params, and `framework0 schema` offers them to your editor. A scriptlet of your own in
`scriptlets/plugins` that has one of these names comes before the one here. [`type: shell`](recipe.md#command) runs a program and
`type: recipe` another recipe; those two are part of the recipe format itself.

From Python each is a class of `framework0.scriptlets.builtin`:

```python
from framework0.scriptlets import perform
from framework0.scriptlets.builtin import Write

print(perform(Write, None, {"path": "words.txt", "value": "hello"}))
```

```text
{'path': 'words.txt', 'format': 'text', 'bytes': 5}
```

## Which files they touch

Paths count from the workspace, wherever the command is started. Only what lies in the workspace may be read and written,
links and `..` followed before that is judged; the state folder `.framework0/` may not, and the settings may not be changed. Further
folders are named in `framework0.toml`, and then the workspace only if it is among them:

```toml
[files]
roots = [".", "/srv/exchange"]
```

This keeps a file name that comes out of data from leading elsewhere. It is no wall around code: a Python or shell step
can open what its user can. On Windows these steps are not available yet where they touch files.
"""

PAGES = {
    "recipe.md": recipe_page,
    "builtin-scriptlets.md": builtin_page,
    "expressions.md": expressions_page,
    "errors.md": errors_page,
    "cli.md": commands_page,
    "http.md": lambda: f"{NOTICE}\n{http_page()}",
    "protocol.md": lambda: f"{NOTICE}\n{protocol_page()}",
    "step-engine-states.md": lambda: f"{NOTICE}\n{states_page()}",
}


def main():
    """Write every page."""
    for name, page in PAGES.items():
        (DOCS / "reference" / name).write_text(page(), encoding="utf-8", newline="\n")
        print(name)


if __name__ == "__main__":
    main()
