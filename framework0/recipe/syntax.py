"""What the YAML parser's complaints mean, in the words of somebody who writes recipes.

libyaml describes a mistake by the rule its scanner was in. :func:`explain` turns that into what is
wrong and what to do next; a complaint it does not know is passed on as it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple


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

# The first entry whose words occur in the parser's complaint (or its context) explains it.
_KNOWN: Final = (
    ("character '\\t'", TAB),
    ("tab character", TAB),
    (
        "mapping values are not allowed",
        Explained(
            SYNTAX,
            "a second `:` follows on this line, or the line is indented too far",
            "quote a value that holds `: `, and line keys up with their neighbours",
        ),
    ),
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
            "line its key up with its neighbours, and close quotes and brackets before it",
        ),
    ),
    (
        "could not find expected ':'",
        Explained(
            SYNTAX,
            "a key is not followed by `: `",
            "write `key: value` with a space after the colon",
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
            "text follows after the end of the recipe",
            "line it up with the keys it belongs to",
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
        Explained(SYNTAX, "a line that starts with % is no directive YAML knows", "remove it"),
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
        "alphabetic or numeric character",
        Explained(
            SYNTAX,
            "`&` and `*` start an anchor or an alias, whose name is letters, digits, `-` and `_`",
            "quote a value that starts with `&` or `*`",
        ),
    ),
    (
        "scanning an anchor",
        Explained(
            SYNTAX,
            "`&` starts an anchor, whose name is letters, digits, `-` and `_`",
            "quote a value that starts with `&`",
        ),
    ),
    (
        "scanning an alias",
        Explained(
            SYNTAX,
            "`*` starts an alias, whose name is letters, digits, `-` and `_`",
            "quote a value that starts with `*`",
        ),
    ),
    (
        "undefined tag handle",
        Explained("tag", "a tag (`!…`) is not allowed", "quote a value that starts with `!`"),
    ),
    (
        "parsing a tag",
        Explained("tag", "a tag (`!…`) is not allowed", "quote a value that starts with `!`"),
    ),
    (
        "scanning a tag",
        Explained("tag", "a tag (`!…`) is not allowed", "quote a value that starts with `!`"),
    ),
)


def explain(problem: str, context: str) -> Explained:
    """Return what ``problem`` (found in ``context``) means."""
    complaint = f"{context}: {problem}"
    for words, explained in _KNOWN:
        if words in complaint:
            return explained
    return Explained(SYNTAX, f"YAML cannot be read here: {problem}", None)
