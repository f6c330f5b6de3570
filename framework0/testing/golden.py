"""Golden runs: what a run leads to, kept in a file, and shown to the point when it differs.

Times, ids, attempts' lengths and places on the disk are no part of it. What else differs from run to run
is named by its path, as in ``steps.fetch.result.at`` or ``context.cache.*``.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from framework0.testing.reciperun import RecipeRun

IGNORED: Final = "(not compared)"
"""Stands in the file for a value that was declared to differ from run to run."""

ABSENT: Final = "(absent)"

OTHERS: Final = 5
"""Places named beyond the first that differs."""

SHOWN: Final = 300
"""Characters of a value in a message: enough to see what it is."""


class Golden:
    """The golden file of one run. ``ignore`` are patterns of paths that are not compared."""

    def __init__(self, path: Path, ignore: Sequence[str] = ()) -> None:
        self.path = path
        self.ignore = tuple(ignore)

    def compare(self, run: RecipeRun, *, update: bool = False) -> None:
        """Compare ``run`` with the file, or write the file with ``update``.

        Raises AssertionError that shows the first path that differs and both its values.
        """
        __tracebackhide__ = True
        picture = self.picture(run)
        if update:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(_written(picture), encoding="utf-8")
            return
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise AssertionError(
                f"there is no golden file {self.path}: look at the run, then keep it with "
                "`pytest --update-golden`"
            ) from None
        except ValueError as error:
            raise AssertionError(f"{self.path} is no JSON: {error}") from None
        differences = list(_differences("", kept, picture))
        if differences:
            raise AssertionError(self._told(differences))

    def picture(self, run: RecipeRun) -> dict[str, Any]:
        """Return what is compared of a run, as JSON."""
        steps = {
            name: {"state": step.state, "attempts": step.attempts, "result": step.result}
            | ({} if step.failure is None else {"failure": step.failure.kind})
            for name, step in run.steps.items()
        }
        whole = {"state": run.state, "steps": steps, "context": dict(run.context.items())}
        # What is no JSON is kept by what it looks like, where that says something.
        plain = json.loads(json.dumps(whole, default=repr))
        found: dict[str, Any] = self._without_ignored("", _placeless(plain, run))
        return found

    def _without_ignored(self, path: str, value: Any) -> Any:
        if path and any(fnmatchcase(path, pattern) for pattern in self.ignore):
            return IGNORED
        if isinstance(value, dict):
            return {
                key: self._without_ignored(f"{path}.{key}" if path else key, part)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [
                self._without_ignored(f"{path}[{index}]", part) for index, part in enumerate(value)
            ]
        return value

    def _told(self, differences: Sequence[tuple[str, Any, Any]]) -> str:
        path, kept, got = differences[0]
        more = len(differences) - 1
        lines = [
            f"the run is not what {self.path} keeps, first at {path}",
            f"  kept: {_shown(kept)}",
            f"  now:  {_shown(got)}",
        ]
        if more:
            others = [each[0] for each in differences[1 : 1 + OTHERS]]
            lines.append(f"and at {more} more: {', '.join([*others, *['…'] * (more > OTHERS)])}")
        lines.append("if it should be so: `pytest --update-golden`")
        return "\n".join(lines)


def _placeless(value: Any, run: RecipeRun) -> Any:
    """Return ``value`` with the folders of this very run replaced by words."""
    text = json.dumps(value)
    places = {
        str(run.workspace.state): "<state>",
        str(run.workspace.root): "<workspace>",
        run.result.id: "<run>",
    }
    for place, word in places.items():
        text = text.replace(json.dumps(place)[1:-1], word)
    return json.loads(text)


def _differences(path: str, kept: Any, got: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(kept, dict) and isinstance(got, dict):
        for key in [*kept, *(key for key in got if key not in kept)]:
            inner = f"{path}.{key}" if path else key
            yield from _differences(inner, kept.get(key, ABSENT), got.get(key, ABSENT))
    elif isinstance(kept, list) and isinstance(got, list):
        for index in range(max(len(kept), len(got))):
            one = kept[index] if index < len(kept) else ABSENT
            other = got[index] if index < len(got) else ABSENT
            yield from _differences(f"{path}[{index}]", one, other)
    # 1 and True, or 1 and 1.0, are not the same in a file.
    elif kept != got or type(kept) is not type(got):
        yield path, kept, got


def _shown(value: Any) -> str:
    text = value if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


def _written(picture: Any) -> str:
    return json.dumps(picture, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
