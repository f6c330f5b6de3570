"""What each type of step needs, and which keys mean nothing to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.recipe import keys
from framework0.recipe.check_findings import did_you_mean
from framework0.recipe.check_values import clipped, shown, wrong_type

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from framework0.recipe.check_findings import Findings, Path

NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "python": ("module", "function"),
    "shell": ("command",),
    "recipe": ("recipe",),
    "approval": ("prompt",),
    "step_engine": ("instance",),
}

OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "python": ("module", "function", "args"),
    "shell": ("command", "shell", "exit_codes"),
    "recipe": ("recipe", "args"),
    "approval": ("prompt", "choices", "approvers", "on_timeout"),
    "step_engine": ("instance", "library", "first_node", "args", "results", "mirror"),
}
"""The keys of :data:`SPECIAL` that mean something to a type; other types take only ``args``."""

SPECIAL: Final = frozenset({name for names in OWN.values() for name in names})


def kind_of(findings: Findings, raw: Mapping[str, Any], path: Path, kinds: Collection[str]) -> str:
    """Return the type of a step; an unknown one is reported and gives an empty text."""
    kind = raw.get("type")
    if kind is None:
        return _guessed(findings, raw, path)
    if not isinstance(kind, str):
        return ""
    if kind in NEEDS or kind in kinds:
        return kind
    known = (*keys.BUILTIN_KINDS, *kinds)
    words = {**dict.fromkeys(known), **_OTHER_WORDS}
    near = findings.near(kind, words)
    near = _OTHER_WORDS.get(near or "", near)
    # A check that knows no workspace knows fewer types.
    near = near if near in known else None
    findings.error(
        "unknown-type",
        f"there is no type of step called {clipped(kind)!r}",
        (*path, "type"),
        hint=did_you_mean(near) or f"one of {', '.join(sorted(known))}",
    )
    return ""


_OTHER_WORDS: Final = {
    "bash": "shell",
    "sh": "shell",
    "cmd": "shell",
    "command": "shell",
    "py": "python",
    "function": "python",
    "scriptlet": "python",
    "subrecipe": "recipe",
    "workflow": "recipe",
    "archive": "files",
    "check": "assert",
    "copy": "files",
    "curl": "http",
    "email": "notify",
    "jinja": "template",
    "slack": "notify",
    "sleep": "wait",
    "sqlite": "sql",
    "unzip": "files",
    "webhook": "notify",
    "zip": "files",
    "download": "http",
    "request": "http",
    "csv": "read",
    "load": "read",
    "save": "write",
    "approve": "approval",
    "manual": "approval",
    "gate": "approval",
    "machine": "step_engine",
    "state_machine": "step_engine",
    "octo": "step_engine",
}


def _guessed(findings: Findings, raw: Mapping[str, Any], path: Path) -> str:
    """Return python, unless the keys of a step without a type say that another was meant."""
    if "module" in raw or "function" in raw:
        return "python"
    for name in ("command", "recipe"):
        if name in raw:
            kind = "shell" if name == "command" else "recipe"
            findings.error(
                "missing-key",
                f"a step with {name} needs its type",
                (*path, name),
                key=True,
                hint=f"add `type: {kind}`",
            )
            return kind
    return "python"


def check_kind(findings: Findings, kind: str, raw: Mapping[str, Any], path: Path) -> None:
    """Report what a step of this kind lacks, and what it has that means nothing to it."""
    for name in NEEDS.get(kind, ()):
        if name not in raw and (*path, name) not in findings.meant:
            key = keys.STEP_KEYS[name]
            findings.error(
                "missing-key",
                f"a step of type {kind} needs {name}",
                path,
                key=True,
                hint=f"add `{name}: {key.example}`",
            )
    own = OWN.get(kind, ("args",))
    for name in raw:
        if name in SPECIAL and name not in own:
            findings.error(
                "key-not-here",
                f"{name} means nothing to a step of type {kind}",
                (*path, name),
                key=True,
                hint=_instead(kind, name),
            )


def _instead(kind: str, name: str) -> str:
    if kind == "shell" and name == "args":
        return "put the arguments into `command`, after the program"
    of = next(other for other, names in OWN.items() if name in names)
    return f"take it away, or write `type: {of}`"


def read_command(
    findings: Findings, raw: Mapping[str, Any], path: Path
) -> tuple[str, ...] | str | None:
    """Read the command of a shell step: a list, or one text with ``shell: true``."""
    command = raw.get("command")
    if "command" not in raw:
        return None
    where = (*path, "command")
    if raw.get("shell") is True:
        return _shell_text(findings, command, where)
    if isinstance(command, str):
        findings.error(
            "bad-command",
            "command is one text, and no shell is there to take it apart",
            where,
            hint=f"write {_as_list(command)}, or add `shell: true`",
        )
        return None
    if not isinstance(command, list):
        wrong_type(findings, keys.STEP_KEYS["command"], command, where)
        return None
    if not command:
        findings.error(
            "bad-command", "command is an empty list", where, hint="name the program first"
        )
        return None
    return tuple(_word(findings, word, (*where, at)) for at, word in enumerate(command))


def _shell_text(findings: Findings, command: Any, where: Path) -> str | None:
    if isinstance(command, str) and command.strip() and "\0" not in command:
        return command
    if isinstance(command, list):
        findings.error(
            "bad-command",
            "command is a list, which no shell reads",
            where,
            hint="take `shell: true` away, or write the command as one text",
        )
    else:
        wrong_type(findings, keys.STEP_KEYS["command"], command, where, "one text for the shell")
    return None


def _word(findings: Findings, word: Any, where: Path) -> str:
    if isinstance(word, str) and "\0" not in word:
        return word
    if isinstance(word, (int, float)) and not isinstance(word, bool):
        return str(word)
    what = "cannot hold a NUL character" if isinstance(word, str) else f"not {shown(word)}"
    findings.error(
        "bad-command",
        f"a word of command must be text, {what}",
        where,
        hint="quote it" if isinstance(word, (bool, type(None))) else None,
    )
    return ""


def _as_list(command: str) -> str:
    words = command.split()
    plain = all(character not in command for character in "'\"\\|&;<>$*`,[]{}#:")
    return f"`[{', '.join(words)}]`" if words and plain else "a list"
