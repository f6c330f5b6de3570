"""Making one attempt again from the folder that ``framework0 repro`` has written.

The step runs in this process and this thread, without a journal and without retries: what it raises
arrives here whole, and the debugger stops at the line that raised it.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from framework0.assembly import (
    ATTEMPT_FILE,
    ATTEMPT_FORMAT,
    CODE_FOLDER,
    CONTEXT_FILE,
    recorded_recipe,
)
from framework0.context import Author, Context
from framework0.errors import Framework0Error, UsageError
from framework0.runner import Job, Target, judge, perform_raising
from framework0.scriptlets import UserCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def main(folder: Path, words: list[str] | None = None) -> int:
    """Make the attempt of ``folder`` again; return 1 when it fails, 0 when it does not."""
    given = sys.argv[1:] if words is None else words
    if set(given) - {"--no-debugger"}:
        print("usage: python repro.py [--no-debugger]", file=sys.stderr)
        return 2
    try:
        attempt = load(folder)
    except Framework0Error as error:
        print(f"repro: {error}", file=sys.stderr)
        return error.exit_code
    context = Context(who=attempt["step"])
    for key, value in json.loads((folder / CONTEXT_FILE).read_text(encoding="utf-8")).items():
        context.set(key, value)
    os.environ.update(attempt["env"])
    if attempt["type"] == "shell":
        return _shell(attempt)
    return _python(attempt, folder, context, debugger="--no-debugger" not in given)


def load(folder: Path) -> dict[str, Any]:
    """Return the attempt of a folder, with secrets from the environment put in.

    Raises :class:`~framework0.errors.UsageError` for what is no such folder, or of another version.
    """
    try:
        attempt: dict[str, Any] = json.loads((folder / ATTEMPT_FILE).read_text(encoding="utf-8"))
        known = attempt["format"] == ATTEMPT_FORMAT
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{folder} holds no attempt to make again: {error}") from error
    if not known:
        raise UsageError(
            f"{folder} was written by another version of framework0: write it again with this one"
        )
    for mark, variable in attempt["secrets"].items():
        value = os.environ.get(variable)
        if value is None:
            print(f"repro: {variable} is not set: {mark} stands in its place", file=sys.stderr)
        else:
            attempt = _replaced(attempt, mark, value)
    return attempt


def _replaced(value: Any, mark: str, secret: str) -> Any:
    if isinstance(value, str):
        return value.replace(mark, secret)
    if isinstance(value, list):
        return [_replaced(one, mark, secret) for one in value]
    if isinstance(value, dict):
        return {name: _replaced(one, mark, secret) for name, one in value.items()}
    return value


def _shell(attempt: Mapping[str, Any]) -> int:
    import subprocess

    command, folder = attempt["command"], _folder(attempt)
    print(f"repro: running {command}", file=sys.stderr)
    try:
        # The command is the recipe's own, as recorded.
        words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
        ended = subprocess.run(words, cwd=folder, check=False)  # noqa: S603
    except OSError as error:
        print(f"repro: {error}", file=sys.stderr)
        return 1
    print(f"repro: exit code {ended.returncode}", file=sys.stderr)
    return int(ended.returncode != 0)


def _folder(attempt: Mapping[str, Any]) -> str | None:
    if attempt["cwd"] is None:
        return None
    folder: str = os.path.join(attempt["workspace"], attempt["cwd"])
    if os.path.isdir(folder):
        return folder
    print(f"repro: its folder {folder} is not here; it runs in this one", file=sys.stderr)
    return None


def _python(attempt: Mapping[str, Any], folder: Path, context: Context, *, debugger: bool) -> int:
    text = (folder / "recipe.yaml").read_text(encoding="utf-8")
    step = recorded_recipe(text, str(folder / "recipe.yaml")).steps[attempt["position"]]
    job = Job(attempt["run"], attempt["node"], attempt["step"], step, attempt["attempt"])
    job.args = attempt["args"]
    author = Author(job.name, job.run_id, job.name, job.attempt)
    job.context = view = context.view(author)
    own = _folder(attempt)
    if own is not None:
        os.chdir(own)
    with UserCode([folder / CODE_FOLDER / root for root in attempt["roots"]]) as usercode:
        try:
            target = Target(usercode.target(attempt["module"], attempt["function"]))
            result = perform_raising(job, target)
            failure = judge(job, target, result)
        # The boundary to user code: whatever it raises is what is to be looked at.
        except BaseException as error:  # noqa: BLE001
            return _failed(error, debugger=debugger)
    for change in view.changes:
        what = "deleted" if change.removed else f"= {json.dumps(change.value, default=repr)}"
        print(f"repro: context {change.key} {what}", file=sys.stderr)
    if failure is not None:
        print(f"repro: it failed: {failure.kind}: {failure.message}", file=sys.stderr)
        return 1
    print(f"repro: it did not fail; its result: {result!r}", file=sys.stderr)
    return 0


def _failed(error: BaseException, *, debugger: bool) -> int:
    traceback.print_exception(error)
    if debugger and error.__traceback__ is not None:
        # The debugger is what the folder is for; --no-debugger leaves it out.
        import pdb  # noqa: T100

        print("repro: the debugger stops where it failed; q ends it", file=sys.stderr)
        # This is what the folder is for, and --no-debugger leaves it out.
        pdb.post_mortem(error.__traceback__)
    return 1
