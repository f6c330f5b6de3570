"""One value of a recipe: of the right type, in range, and turned into what the model keeps.

Each reader takes the key it reads for, the value as written and its path. It returns the value to
keep, or :data:`WRONG` after having said what is wrong.
"""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from framework0.durations import FORMS, parse_duration
from framework0.recipe import keys
from framework0.recipe.check_findings import did_you_mean
from framework0.recipe.limits import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.keys import Key

WRONG: Final[Any] = object()

LONGEST_SHOWN: Final = 40
"""Characters of a wrong value that a message repeats."""

_TEXTS: Final = frozenset({keys.TEXT, keys.NAME, keys.DOTTED})

LOOKS_LATIN: Final = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0405\u0406\u0408"
    "\u03bf\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
)
"""Cyrillic and Greek letters that cannot be told from Latin ones by eye (a, e, o, p, c, y, x, …)."""

TRUE_WORDS: Final = frozenset({"yes", "on", "y", "true", "1"})
FALSE_WORDS: Final = frozenset({"no", "off", "n", "false", "0"})


def shown(value: Any) -> str:
    """Return how a message calls a value that is not what it should be."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {clipped(value)!r}"
    return "a list" if isinstance(value, (list, tuple)) else "a mapping"


def clipped(text: str) -> str:
    """Return ``text``, shortened when it is long."""
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def wrong_type(findings: Findings, key: Key, value: Any, path: Path, words: str = "") -> Any:
    """Say that a value has the wrong type, with the right one and an example; return WRONG."""
    wanted = words or keys.WORDS[key.shape]
    what = "is empty" if value is None else f"must be {wanted}, not {shown(value)}"
    hint = f"for example `{key.name}: {key.example}`"
    if key.shape in _TEXTS and isinstance(value, (bool, int, float)):
        hint = f'quote it if you mean the text: `{key.name}: "{as_written(value)}"`'
    if value is None:
        hint = f"write {wanted}, {hint}, or take the key away"
    findings.error("wrong-type", f"{key.name} {what}", path, hint=hint)
    return WRONG


def misplaced_template(findings: Findings, key: Key, value: Any, path: Path) -> bool:
    """Say so when a text holds ``${{ }}`` where none is filled in; return whether it does."""
    if not isinstance(value, str) or "${{" not in value or key.name == "description":
        return False
    findings.error(
        "template-misplaced",
        f"{key.name} cannot hold ${{{{ }}}}: it must be known before the run",
        path,
        hint="use it in args, command, env, foreach or when",
    )
    return True


def read_text(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a text that is not empty."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    if not isinstance(value, str):
        return wrong_type(findings, key, value, path)
    if not value.strip():
        findings.error(
            "wrong-type",
            f"{key.name} is an empty text",
            path,
            hint=f"for example `{key.name}: {key.example}`",
        )
        return WRONG
    if "\0" in value:
        findings.error("wrong-type", f"{key.name} holds a NUL character", path)
        return WRONG
    return value


def read_name(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a name: printable, in one normal form, without blanks around it, not too long."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    if not isinstance(value, str):
        return wrong_type(findings, key, value, path, "text")
    wrong = name_fault(value)
    if wrong is None:
        _warn_of_look_alikes(findings, key, value, path)
        return value
    findings.error("bad-name", f"{key.name} {wrong[0]}", path, hint=wrong[1])
    return WRONG


def _warn_of_look_alikes(findings: Findings, key: Key, name: str, path: Path) -> None:
    """Warn of letters that look Latin among Latin ones: two names would look the same and differ."""
    if name.isascii():
        return
    strange = next((letter for letter in name if letter in LOOKS_LATIN), None)
    if strange is not None and any(_alphabet(letter) == "LATIN" for letter in name):
        findings.warning(
            "look-alike-letters",
            f"{key.name} {clipped(name)!r} mixes Latin letters with {_alphabet(strange).title()} "
            f"{strange!r} (U+{ord(strange):04X})",
            path,
            hint="type it again in one alphabet",
        )


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def name_fault(name: str) -> tuple[str, str | None] | None:
    """Return what is wrong with a name and what to do about it, or None."""
    if not name.strip():
        return "is empty", "give it a short name, for example `load_numbers`"
    if len(name) > MAX_NAME_LENGTH:
        return (
            f"has {len(name)} characters; {MAX_NAME_LENGTH} are allowed",
            "shorten it and put the rest into `description`",
        )
    if not name.isprintable():
        bad = next(letter for letter in name if not letter.isprintable())
        return (
            f"has the character U+{ord(bad):04X}, which cannot be printed",
            "use letters, digits and `_`",
        )
    if name != name.strip():
        return "begins or ends with a blank", f"write {name.strip()!r}"
    normal = unicodedata.normalize("NFC", name)
    if normal != name:
        return (
            f"{clipped(name)!r} is written with separate accents (not NFC)",
            f"type it as {clipped(normal)!r}: the two look alike and are not equal",
        )
    return None


def read_dotted(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a dotted name of Python code."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    if not isinstance(value, str):
        return wrong_type(findings, key, value, path)
    if is_dotted(value):
        return value
    hint = f"for example `{key.name}: {key.example}`"
    if value.endswith(".py") or "/" in value:
        guess = value.removesuffix(".py").strip("./").replace("/", ".")
        hint = f"write {guess!r}" if is_dotted(guess) else hint
    findings.error(
        "bad-dotted-name", f"{key.name} {clipped(value)!r} is no dotted name", path, hint=hint
    )
    return WRONG


def is_dotted(text: str) -> bool:
    """Say whether ``text`` is identifiers joined by dots."""
    return all(part.isidentifier() for part in text.split("."))


def read_flag(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read true or false."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    if isinstance(value, bool):
        return value
    word = str(value).lower() if isinstance(value, (str, int)) else ""
    if word in TRUE_WORDS or word in FALSE_WORDS:
        meant = "true" if word in TRUE_WORDS else "false"
        findings.error(
            "wrong-type",
            f"{key.name} must be true or false, not {shown(value)}",
            path,
            hint=f"write `{key.name}: {meant}`, without quotes",
        )
        return WRONG
    return wrong_type(findings, key, value, path)


def read_number(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a number within the key's bounds: a whole one, or any, by the key's shape."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    whole = key.shape != keys.FACTOR
    allowed = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        return wrong_type(findings, key, value, path, keys.WORDS[keys.WHOLE] if whole else "")
    low, high = key.low, key.high
    if (
        math.isnan(value)
        or (low is not None and value < low)
        or (high is not None and value > high)
    ):
        findings.error(
            "out-of-range",
            f"{key.name} must be {_bounds(key)}, not {value}",
            path,
            hint=f"for example `{key.name}: {key.example}`",
        )
        return WRONG
    return value


def _bounds(key: Key) -> str:
    return f"from {key.low:,} to {key.high:,}" if key.low is not None else "a number"


def read_duration(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read a length of time into seconds."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    if value is None or isinstance(value, (list, dict)):
        return wrong_type(findings, key, value, path, FORMS)
    try:
        return parse_duration(value, zero=key.shape == keys.DELAY)
    except ValueError as error:
        findings.error(
            "bad-duration",
            f"{key.name} {error}",
            path,
            hint=f"for example `{key.name}: {key.example}`",
        )
        return WRONG


def read_choice(findings: Findings, key: Key, value: Any, path: Path) -> Any:
    """Read one of the key's words."""
    if misplaced_template(findings, key, value, path):
        return WRONG
    if value in key.choices and isinstance(value, str):
        return value
    words = ", ".join(key.choices)
    near = findings.near(value, key.choices) if isinstance(value, str) else None
    findings.error(
        "bad-choice",
        f"{key.name} {'is empty' if value is None else f'cannot be {shown(value)}'}",
        path,
        hint=did_you_mean(near) or f"one of {words}",
    )
    return WRONG


def as_written(value: Any) -> str:
    """Return a scalar as YAML writes it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
