"""What the YAML parser's complaints mean, in the words of somebody who writes recipes.

libyaml describes a mistake by the rule its scanner was in. :func:`explain` turns that into what is
wrong and what to do next; a complaint it does not know is passed on as it is.
"""

from __future__ import annotations

from typing import Final

from framework0.tuples import NamedTuple


class Explained(NamedTuple):
    """A syntax mistake: its code, what is wrong, what to do next.

    ``at_start``: the mistake is where the unfinished thing began, not where the parser noticed.
    """

    code: str
    message: str
    hint: str | None
    at_start: bool = False


SYNTAX: Final = "yaml-syntax"

TAB: Final = Explained(
    "yaml-tab", "a tab is used where YAML wants spaces", "indent with spaces, two a level"
)

TAG: Final = Explained(
    "tag", "a tag (`!…`) is not allowed", "quote a value that starts with `!`", at_start=True
)

# The first entry whose words occur in the parser's complaint (or its context) explains it.
_KNOWN: Final = (
    ("character '\\t'", TAB),
    ("tab character", TAB),
    (
        "block sequence entries are not allowed",
        Explained(
            SYNTAX,
            "a list entry `- ` cannot start here",
            "put the list on the next line, each entry on a line of its own",
        ),
    ),
    (
        "expected <block end>, but found '<block sequence start>'",
        Explained(
            SYNTAX,
            "a list entry stands among keys",
            "indent it below the key it belongs to, or line the keys up",
        ),
    ),
    (
        "did not find expected '-' indicator",
        Explained(
            SYNTAX,
            "this line is not an entry of the list it is indented like",
            "start it with `- `, or indent it as the key it belongs to",
        ),
    ),
    (
        "did not find expected key",
        Explained(
            SYNTAX,
            "this line does not fit the mapping around it",
            "line its key up with its neighbors, and close quotes and brackets before it",
        ),
    ),
    (
        "could not find expected ':'",
        Explained(
            SYNTAX,
            "a key is not followed by `: `",
            "write `key: value` with a space after the colon",
            at_start=True,
        ),
    ),
    (
        "did not find expected ',' or ']'",
        Explained(
            SYNTAX,
            "a list opened with `[` is not closed",
            "add `]`, or a missing comma",
            at_start=True,
        ),
    ),
    (
        "did not find expected ',' or '}'",
        Explained(
            SYNTAX,
            "a mapping opened with `{` is not closed",
            "add `}`, or a missing comma",
            at_start=True,
        ),
    ),
    (
        "found unexpected end of stream",
        Explained(
            SYNTAX, "a quote opened here is never closed", "add the closing quote", at_start=True
        ),
    ),
    (
        "found unexpected document indicator",
        Explained(
            SYNTAX, "a quote opened here is never closed", "add the closing quote", at_start=True
        ),
    ),
    (
        "unknown escape character",
        Explained(
            SYNTAX,
            "a backslash starts an escape YAML does not know",
            "double the backslash, or use single quotes",
        ),
    ),
    (
        "did not find expected hexdecimal number",
        Explained(
            SYNTAX,
            "an escape lacks its hexadecimal digits",
            "write \\x with two digits, \\u with four, \\U with eight",
        ),
    ),
    (
        "invalid Unicode character escape",
        Explained(
            SYNTAX,
            "an escape names a character that does not exist",
            "surrogates (\\ud800 to \\udfff) and values above \\U0010ffff are not characters",
        ),
    ),
    (
        "cannot start any token",
        Explained(
            SYNTAX,
            "no value can start with this character",
            "quote the whole value",
        ),
    ),
    (
        "did not find expected node content",
        Explained(SYNTAX, "a value is missing here", "remove the extra comma, or add the value"),
    ),
    (
        "did not find expected <document start>",
        Explained(
            SYNTAX,
            "this line is indented less than the first key",
            "line all top keys up",
        ),
    ),
    (
        "found incompatible YAML document",
        Explained(SYNTAX, "this YAML version is not known", "remove the %YAML line"),
    ),
    (
        "duplicate %YAML directive",
        Explained(SYNTAX, "the %YAML line stands twice", "remove both: they are not needed"),
    ),
    (
        "scanning a directive",
        Explained(
            SYNTAX,
            "a line that starts with `%` is a directive, and YAML does not know this one",
            "remove the line, or indent and quote it if it is a value",
            at_start=True,
        ),
    ),
    (
        "parsing a block scalar",
        Explained(
            SYNTAX,
            "a text block (`|` or `>`) is headed wrongly",
            "only a digit from 1 to 9, `+` or `-` may follow the `|` or `>`",
        ),
    ),
    (
        "scanning a block scalar",
        Explained(
            SYNTAX,
            "a text block (`|` or `>`) is headed wrongly",
            "only a digit from 1 to 9, `+` or `-` may follow the `|` or `>`, the text the line after",
        ),
    ),
    (
        "scanning an anchor",
        Explained(
            SYNTAX,
            "`&` starts an anchor, whose name is letters, digits, `-` and `_`",
            "quote a value that starts with `&`",
            at_start=True,
        ),
    ),
    (
        "scanning an alias",
        Explained(
            SYNTAX,
            "`*` starts an alias, whose name is letters, digits, `-` and `_`",
            "quote a value that starts with `*`",
            at_start=True,
        ),
    ),
    (
        "undefined tag handle",
        TAG,
    ),
    (
        "parsing a tag",
        TAG,
    ),
    (
        "scanning a tag",
        TAG,
    ),
)


_AFTER_QUOTE: Final = Explained(
    SYNTAX,
    "text follows after a closing quote",
    "put the quotes around the whole value; inside single quotes an apostrophe is doubled",
)
_TEMPLATE_IN_BRACKETS: Final = Explained(
    SYNTAX,
    "a `${{ }}` inside `{ }` or `[ ]` must be quoted",
    'write "${{ … }}", or put each value on a line of its own',
)
_SECOND_COLON: Final = Explained(
    SYNTAX, "a second `: ` follows on this line", "quote a value that holds `: `"
)
_LONG_KEY: Final = Explained(
    SYNTAX, "a key of more than 1,024 characters is not read", "write a shorter key"
)
_NOT_LINED_UP: Final = Explained(
    SYNTAX,
    "this line is indented further than the keys above it",
    "line the key up with its neighbors",
)
_NO_SPACE_ABOVE: Final = Explained(
    SYNTAX,
    "the line above lacks a space after its `:`, so this one continues it",
    "write `key: value` with a space after the colon",
)
_AFTER_END: Final = Explained(
    SYNTAX, "text follows after the line `...` that ends the recipe", "remove the `...`"
)
_ENTRY_AMONG_KEYS: Final = Explained(
    SYNTAX,
    "a list entry stands among keys",
    "indent it below the key it belongs to, or write it as `key: value`",
)
_ENDS_OPEN: Final = Explained(
    SYNTAX, "the text ends while a `[` or `{` is open", "add the closing `]` or `}`"
)
_NO_KEY: Final = Explained(SYNTAX, "there is no key before this `:`", "write a key, or quote it")

LONGEST_KEY: Final = 1024
"""Characters of a key on one line that YAML allows (section 7.4.3 of its specification)."""


class Surroundings(NamedTuple):
    """The line of a mistake up to it and from it on, and the text of the lines above."""

    before: str
    after: str
    above: str


def explain(problem: str, context: str, around: Surroundings) -> Explained:
    """Return what ``problem`` (found in ``context``) means, seen what stands around it."""
    explained = _from_surroundings(problem, context, around)
    if explained is not None:
        return explained
    complaint = f"{context}: {problem}"
    for words, known in _KNOWN:
        if words in complaint:
            return known
    return Explained(SYNTAX, f"YAML cannot be read here: {problem}", None)


def _from_surroundings(problem: str, context: str, around: Surroundings) -> Explained | None:
    """Return what the text around the mistake tells better than the parser does."""
    found: Explained | None = None
    if around.before.rstrip().endswith(("'", '"')) and "expected" in problem:
        found = _AFTER_QUOTE
    elif "flow" in context and "${{" in around.before + around.after:
        found = _TEMPLATE_IN_BRACKETS
    elif "mapping values are not allowed" in problem:
        found = _colon(around)
    elif "expected node content" in problem and not around.after:
        found = _ENDS_OPEN
    elif "expected <document start>" in problem and "\n..." in f"\n{around.above}":
        found = _AFTER_END
    elif "did not find expected key" in problem:
        starts = (("- ", _ENTRY_AMONG_KEYS), (":", _NO_KEY))
        found = next((what for start, what in starts if around.after.startswith(start)), None)
    return found


def _colon(around: Surroundings) -> Explained:
    """Return why the ``:`` found cannot follow a key here."""
    if len(around.before) > LONGEST_KEY:
        return _LONG_KEY
    if ": " in around.before:
        return _SECOND_COLON
    last = around.above.rstrip().rsplit("\n", 1)[-1].strip(" -")
    key, colon, rest = last.partition(":")
    if colon and rest and not rest.startswith(" ") and " " not in key:
        return _NO_SPACE_ABOVE
    return _NOT_LINED_UP
