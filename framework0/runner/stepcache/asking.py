"""Whether a step need run at all, asked before its attempt begins, and its result kept after it.

Nothing of the user's is imported for the question: the code is known by its hash. Whatever keeps a
key from being exact (an argument that is no JSON, a secret, a file that changed meanwhile) means that
the step runs and nothing is kept, with the reason in the run's record.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import Framework0Error
from framework0.recipe import render
from framework0.runner.effects import kept_changes
from framework0.runner.jobs import LATER, opened_within
from framework0.runner.moves import CACHED, NUMBER, STATES, Ended
from framework0.runner.seams import SUCCEEDED, Outcome
from framework0.runner.stepcache.age import age
from framework0.runner.stepcache.age import now as this_moment
from framework0.runner.stepcache.parts import (
    ABSENT,
    Parts,
    differences,
    key_of,
    short_form,
    text_of,
)
from framework0.runner.stepcache.store import Entry
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.context import Change
    from framework0.recipe import Cache, Step
    from framework0.runner.jobs import Workshop
    from framework0.runner.moves import Instruction
    from framework0.runner.run import Run
    from framework0.runner.seams import Job
    from framework0.runner.stepcache.age import Moment
    from framework0.runner.stepcache.inputs import InputFiles
    from framework0.runner.stepcache.store import CacheStore

ASKED: Final = "cache"
"""The kind of the decision that says why a step was not taken from the cache."""

NOT_KEPT: Final = "cache kept"
"""The kind of the decision that says why its result was not kept in the cache either."""

_MOST_DIFFERENCES: Final = 4


class CodeFacts(NamedTuple):
    """What reading tells of a step's code: its hash, its files with theirs, the context keys it reads.

    ``unchanged()`` says whether the files are still those that were read.
    """

    digest: str
    files: Mapping[str, str]
    reads: tuple[str, ...]
    unchanged: Callable[[], bool]


class Hit(NamedTuple):
    """A step that need not run: its outcome, the changes its context writes made, and why."""

    outcome: Outcome
    changes: Sequence[Change]
    reason: str


class _Asked(NamedTuple):
    key: str
    parts: Parts
    code: CodeFacts
    given: str


class _Uncertain(Exception):
    """A key cannot be exact; the text says why."""


class StepCache:
    """The cache as one run sees it. ``facts_of`` tells of a step's code; ``tell`` keeps a decision.

    With ``reads`` off, no result is taken from the store, and what is computed replaces what was there.
    """

    def __init__(
        self,
        store: CacheStore,
        workshop: Workshop,
        *,
        facts_of: Callable[[Step], CodeFacts],
        inputs: InputFiles,
        version: str,
        tell: Callable[[int, str, Any], None],
        reads: bool = True,
        moment: Callable[[], Moment] = this_moment,
    ) -> None:
        self.store = store
        self._workshop = workshop
        self._facts_of = facts_of
        self._inputs = inputs
        self._version = version
        self._tell = tell
        self._reads = reads
        self._moment = moment
        self._asked: dict[int, _Asked] = {}

    def spares(self, run: Run, node: int, instructions: list[Instruction]) -> bool:
        """End ``node`` without an attempt if its result is known; what follows is added to ``instructions``."""
        hit = self.ask(node)
        if hit is None:
            return False
        workshop = self._workshop
        outcome, changes, reason = hit.outcome, hit.changes, hit.reason
        if outcome.result is not None:
            workshop.results.by_node[node] = outcome.result
            outcome, _ = workshop.keepable(outcome, node)
        if workshop.masker is not None:
            outcome = workshop.hidden(outcome)
        run.write(node, outcome.state, outcome, reason, kept_changes(workshop, changes))
        instructions.extend(run.ended(Ended(node, NUMBER[outcome.state])))
        return True

    def ask(self, node: int) -> Hit | None:
        """Return what a step that may be cached comes to without running; None: it has to run."""
        step = self._workshop.step_of(node)
        policy = step.policy.cache
        if policy is None:
            return None
        self._asked.pop(node, None)
        try:
            asked = self._key_for(node, step, policy)
        except _Uncertain as uncertain:
            self._say(node, ASKED, f"it cannot be cached: {uncertain}")
            return None
        except Framework0Error:
            # Its attempt will meet the same mistake, and tell it in full.
            return None
        hit, why = self._look(node, step, policy, asked)
        if hit is None:
            self._asked[node] = asked
            self._say(node, ASKED, why)
        return hit

    def foresee(self, node: int) -> Entry | None:
        """Return what a step would be taken from, as far as that can be told before the run."""
        step = self._workshop.step_of(node)
        policy = step.policy.cache
        if policy is None or step.foreach is not None:
            return None
        try:
            asked = self._key_for(node, step, policy)
        except (_Uncertain, Framework0Error):
            return None
        found = self.store.find(asked.key, self._workshop.recipe.name)
        return None if found is None or self._too_old(found, policy) else found

    def keep(self, job: Job, outcome: Outcome, note: str) -> None:
        """Keep the result of an attempt that succeeded, if its key is still what it was."""
        asked = self._asked.pop(job.node, None)
        if asked is None or outcome.state != SUCCEEDED:
            return
        workshop = self._workshop
        changes: Sequence[Change] = getattr(job.context, "changes", ())
        try:
            result: Any = workshop.results.by_node.get(job.node)
            result = opened_within(result.load() if type(result) in LATER else result)
            why = note or self._obstacle(job, asked, result, changes)
        except Framework0Error as error:
            why = str(error)
        if why:
            self._say(job.node, NOT_KEPT, f"its result was not kept in the cache: {why}")
            return
        self.store.put(
            Entry(
                asked.key,
                workshop.recipe.name,
                job.name,
                str(workshop.run["id"]),
                self._moment(),
                text_of(short_form(asked.parts)),
                {
                    "result": result,
                    "writes": [[one.key, one.value, one.removed] for one in changes],
                },
            )
        )

    def close(self) -> None:
        """Let go of the store, after having written down what was used."""
        self.store.close(self._moment())

    # ------------------------------------------------------------------ looking

    def _look(self, node: int, step: Step, policy: Cache, asked: _Asked) -> tuple[Hit | None, str]:
        if not self._reads:
            return None, "the run was begun with --no-cache"
        found = self.store.find(asked.key, self._workshop.recipe.name)
        if found is None:
            return None, self.store.trouble or self._why_missed(node, asked)
        when = _told_time(int(found.made.wall))
        expired = self._too_old(found, policy)
        if expired:
            return None, f"expired: made by run {found.run} at {when}, {expired}"
        hit = self._replayed(node, step, found, when)
        if isinstance(hit, str):
            return None, hit
        self.store.note_use(asked.key)
        return hit, ""

    def _too_old(self, found: Entry, policy: Cache) -> str:
        """Say why an entry is no longer good; nothing if it is."""
        limit = min((one for one in (policy.ttl, self.store.ttl) if one), default=None)
        passed = age(found.made, self._moment())
        if limit is None or (passed is not None and passed <= limit):
            return ""
        return "the clock was set back since" if passed is None else f"and is good for {limit:g} s"

    def _why_missed(self, node: int, asked: _Asked) -> str:
        gone = self.store.why_gone(asked.key)
        if gone:
            return f"evicted: there was a result, but {gone}"
        workshop = self._workshop
        last = self.store.latest(workshop.recipe.name, workshop.state.name(node))
        if last is None:
            return "first run: nothing is cached for it yet"
        told = list(differences(_parsed(last.parts), short_form(asked.parts)))
        more = f"; {len(told) - _MOST_DIFFERENCES} more" if len(told) > _MOST_DIFFERENCES else ""
        changed = "; ".join(told[:_MOST_DIFFERENCES]) or "something in a long value changed"
        return f"{changed}{more} (compared with run {last.run})"

    def _replayed(self, node: int, step: Step, found: Entry, when: str) -> Hit | str:
        """Make the context writes of an entry as this run's step, or say why that cannot be."""
        from framework0.context import Author

        workshop = self._workshop
        name = workshop.state.name(node)
        try:
            result, writes = found.content["result"], found.content["writes"]
            written = {key: not removed for key, _, removed in writes}
        except (KeyError, TypeError, ValueError):
            return "evicted: its entry was not understood"
        for key in step.policy.success_keys:
            if not written.get(key, workshop.context.get(key, ABSENT) is not ABSENT):
                return f"the context lacks {key!r}, which success asks for"
        changes: Sequence[Change] = ()
        if writes:
            view = workshop.context.view(Author(name, workshop.run["id"], name, 0))
            try:
                for key, value, removed in writes:
                    view.delete(key) if removed else view.set(key, value)
            except Framework0Error as error:
                view.compensate()
                return f"its context writes could not be made again: {error}"
            view.close()
            changes = view.changes
        who = name if found.step == name else f"{found.step} of {found.recipe}"
        reason = f"same code, arguments and files as {who} in run {found.run} at {when}"
        return Hit(Outcome(STATES[CACHED], result), changes, reason)

    # ------------------------------------------------------------------ keys

    def _key_for(self, node: int, step: Step, policy: Cache) -> _Asked:
        scope = self._scope_for(node, step, policy)
        rendered: dict[str, Any] = {
            "args": step.args,
            "env": dict(step.policy.env),
            "command": step.command,
            "cwd": step.policy.cwd,
        }
        if step.templated:
            rendered = opened_within(render(rendered, scope))
        code = self._facts_of(step)
        parts = Parts(
            self._version,
            f"{step.kind} {step.recipe or ''}{step.module}:{step.function}",
            code.digest,
            rendered["args"],
            rendered["env"],
            tuple(render(list(policy.key), scope)) if policy.key else (),
            {
                "command": rendered["command"],
                "cwd": rendered["cwd"],
                "success": step.policy.success_keys,
                "exit_codes": step.policy.exit_codes,
            },
            {key: self._context_text(key) for key in code.reads},
            self._digests(render(list(policy.files), scope)) if policy.files else {},
            code.files,
        )
        try:
            key = key_of(parts)
        except (TypeError, ValueError, RecursionError) as error:
            raise _Uncertain(f"what it is given is no JSON ({error})") from None
        given = [parts.args, dict(parts.env), parts.rest["command"], parts.rest["cwd"]]
        if self._holds_secret([*given, list(parts.key), dict(parts.context)]):
            raise _Uncertain("it is given a secret, of which nothing is kept, not even a hash")
        # As text, because the step may change what it is given.
        return _Asked(key, parts, code, text_of(given))

    def _scope_for(self, node: int, step: Step, policy: Cache) -> Any:
        """Return what expressions mean here; None where there are none."""
        asks = step.templated or policy.key or policy.files
        return self._workshop.scope(node) if asks else None

    def _context_text(self, key: str) -> str:
        value = self._workshop.context.get(key, ABSENT)
        try:
            return ABSENT if value is ABSENT else text_of(value)
        except (TypeError, ValueError):
            raise _Uncertain(f"the context key {key!r}, which it reads, holds no JSON") from None

    def _digests(self, paths: Sequence[Any]) -> dict[str, str]:
        digests = {}
        for path in sorted(map(str, paths)):
            try:
                digests[path] = self._inputs.digest(path)
            except (OSError, ValueError) as error:
                told = getattr(error, "strerror", None) or error
                raise _Uncertain(f"its file {path} cannot be read: {told}") from None
        return digests

    def _holds_secret(self, values: list[Any]) -> bool:
        masker = self._workshop.masker
        # As text: what a masker gives back may have lists for tuples.
        return masker is not None and text_of(masker.mask_value(values)) != text_of(values)

    def _obstacle(self, job: Job, asked: _Asked, result: Any, changes: Sequence[Change]) -> str:
        """Say why a result must not be kept, although the attempt succeeded."""
        written = [[one.key, one.value] for one in changes]
        try:
            text_of([result, written])
        except (TypeError, ValueError, RecursionError):
            return "it is no JSON"
        if self._holds_secret([result, written]):
            return "it holds a secret"
        if not asked.code.unchanged():
            return "its code changed while it ran"
        return self._moved(job, asked, changes)

    def _moved(self, job: Job, asked: _Asked, changes: Sequence[Change]) -> str:
        """Say which part of the key is no longer what it was when it was asked for."""
        given = [job.args, dict(job.env or {}), job.command, job.cwd]
        parts = asked.parts
        first: dict[str, Change] = {}
        for change in changes:
            first.setdefault(change.key, change)
        try:
            if text_of(given) != asked.given:
                return "its arguments changed while it ran"
            if self._digests(list(parts.files)) != parts.files:
                return "a file it reads changed while it ran"
            for key, text in parts.context.items():
                if self._before(key, first) != text:
                    return f"the context key {key!r}, which it reads, changed while it ran"
        except (TypeError, ValueError, RecursionError):
            return "its arguments changed while it ran"
        except _Uncertain as uncertain:
            return str(uncertain)
        return ""

    def _before(self, key: str, first: Mapping[str, Change]) -> str:
        change = first.get(key)
        if change is None:
            return self._context_text(key)
        return text_of(change.old) if change.existed else ABSENT

    def _say(self, node: int, kind: str, text: str) -> None:
        masker = self._workshop.masker
        self._tell(node, kind, text if masker is None else masker.mask(text))


@lru_cache(maxsize=64)
def _told_time(wall: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall))


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
