"""Going on with a paused run: edits of the context and answers first, in one transaction with going on.

Nothing is half done: until that transaction is durable the run is paused as it was; from then on the
edits, the answers and the stops that were passed are part of its history, whatever becomes of the
process.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from framework0.assembly.inputs import environment_of, resolve_inputs
from framework0.assembly.pausing import breaks_decided, where_it_stands
from framework0.assembly.recipes import as_workspace, recorded_recipe
from framework0.assembly.running import journal_of, take_stored
from framework0.assembly.session import Options, Session, limits_for
from framework0.context import Author, Context
from framework0.errors import UsageError
from framework0.runner import (
    ANSWER,
    HELD,
    PASSED,
    QUESTION,
    STOPPED,
    THE_RUN,
    Decision,
    Plan,
    Standing,
    now_standing,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from framework0.assembly.inputs import Inputs
    from framework0.assembly.result import RunResult
    from framework0.context import Change
    from framework0.runner import Journal, Run, RunHistory
    from framework0.workspace import Workspace

PAUSED = "paused"
INTERRUPTED = "interrupted"

EDITED = "edited"
"""The decision that says who edited the context; the changes themselves stand in its history."""


CALLED_OFF = "called off"
"""The decision that a paused run shall end: who made it, and when."""


class Wishes:
    """What a person wants of a paused run, and who it is.

    ``edits`` are context keys with their new values, ``removed`` keys to take away, ``answers`` the
    choice by approval, ``comment`` goes with every answer.
    """

    __slots__ = ("answers", "comment", "edits", "removed", "who")

    def __init__(
        self,
        who: str,
        *,
        edits: Mapping[str, Any] | None = None,
        removed: Sequence[str] = (),
        answers: Mapping[str, str] | None = None,
        comment: str = "",
    ) -> None:
        self.who = who
        self.edits = dict(edits or {})
        self.removed = tuple(removed)
        self.answers = dict(answers or {})
        self.comment = comment


def continue_run(
    run_id: str,
    wishes: Wishes,
    *,
    workspace: Workspace | str | Path | None = None,
    options: Options | None = None,
) -> RunResult:
    """Go on with a paused run, past every breakpoint where it stands.

    Approvals without an answer keep waiting. Raises :class:`~framework0.errors.UsageError`, leaving the
    run as it is, when it is not paused, when nothing would go on, and for an answer that cannot be.
    """
    options = options or Options()
    space = as_workspace(workspace)
    with journal_of(space, options) as journal:
        return _see_through(
            journal, Continuing(journal.read(run_id), wishes, options, space), space
        )


def call_off(
    run_id: str,
    who: str,
    *,
    workspace: Workspace | str | Path | None = None,
    options: Options | None = None,
) -> RunResult:
    """End a paused run: of its steps only those of ``finally`` run, and it is cancelled.

    Raises :class:`~framework0.errors.UsageError`, leaving the run as it is, when it is not paused.
    """
    options = options or Options()
    space = as_workspace(workspace)
    attached = options.on_run

    def cancel(run: Run) -> None:
        if attached is not None:
            attached(run)
        # Before it begins: so it is told first, and nothing starts.
        run.cancel(f"called off by {who}")

    options.on_run = cancel
    with journal_of(space, options) as journal:
        return _see_through(
            journal, CallingOff(journal.read(run_id), Wishes(who), options, space), space
        )


def _see_through(journal: Journal, continuing: Continuing, space: Workspace) -> RunResult:
    options = continuing.options
    limits = limits_for(continuing.recipe, options, space)
    recorder = journal.resume(continuing.run_id, len(continuing.plan), continuing.tell)
    history = recorder.history
    assert history is not None
    context = continuing.context
    if options.context is not None:
        from framework0.assembly.sharing import share_again

        context = share_again(history, options, space)
    session = Session(
        workspace=space,
        recipe=continuing.recipe,
        plan=continuing.plan,
        run_id=continuing.run_id,
        name=history.header.name,
        inputs=continuing.inputs,
        context=context,
        recorder=recorder,
        options=options,
        limits=limits,
    )
    held = history.decisions.get((THE_RUN, HELD), ()) if continuing.was_paused else ()
    standing = Standing(continuing.plan, history.attempts, history.decisions, held=held)
    return session.execute(standing)


def amend_run(
    run_id: str,
    wishes: Wishes,
    *,
    workspace: Workspace | str | Path | None = None,
    options: Options | None = None,
) -> None:
    """Keep the edits and answers of a person with a paused run, which stays paused.

    Raises what :func:`continue_run` raises.
    """
    options = options or Options()
    space = as_workspace(workspace)
    with journal_of(space, options) as journal:
        continuing = Continuing(journal.read(run_id), wishes, options, space, stays=True)
        journal.amend(run_id, continuing.tell)


class Continuing:
    """One wish to go on, worked out when nobody else can change the run any more.

    With ``stays`` no stop is passed.
    """

    def __init__(
        self,
        history: RunHistory,
        wishes: Wishes,
        options: Options,
        space: Workspace,
        *,
        stays: bool = False,
    ) -> None:
        header = history.header
        if "machine" in header.options:
            from framework0.assembly.machines import refuse_machine

            refuse_machine(header)
        self.run_id = header.run_id
        take_stored(options, header.options)
        self.recipe = recorded_recipe(header.recipe_text, header.recipe_file)
        self.plan = Plan(self.recipe, only=options.only, skip=options.skip)
        variables = environment_of(options, space)
        self.inputs: Inputs = resolve_inputs(self.recipe, header.inputs, variables)
        self.context = Context.private()
        self.was_paused = False
        self._wishes = wishes
        self.options = options
        self._stays = stays

    def tell(self, history: RunHistory) -> tuple[Sequence[Decision], Sequence[Change]]:
        """Return the decisions and changes to add; raise UsageError when the wish cannot be granted."""
        state = history.summary.state
        self.was_paused = state == PAUSED
        if not self.was_paused and (state != "running" or self._stays):
            # In the journal an interrupted run is one that runs.
            raise _not_paused(history.header.run_id, state)
        decisions = list(breaks_decided(self.plan, self.options, history))
        now = time()
        answers = list(self._answers(history, now))
        passed = [] if self._stays else list(self._passed(history))
        changes = self._edited(history)
        waits = self.was_paused and not (answers or passed or self._stays)
        # An answer may have been given earlier, without going on.
        if waits and not self._news(history):
            raise self._nothing_goes_on(history)
        if changes:
            keys = [*self._wishes.edits, *self._wishes.removed]
            decisions.append(Decision(THE_RUN, EDITED, {"who": self._wishes.who, "keys": keys}))
        return [*decisions, *answers, *passed], changes

    def _passed(self, history: RunHistory) -> Iterable[Decision]:
        """Yield what lets the run go past the breakpoints where it stands."""
        if not self.was_paused:
            return
        by_owner: dict[int, list[str | int]] = {}
        for stop in now_standing(history.decisions).values():
            if stop["way"] != "asked":
                way = stop["way"] if stop["item"] is None else stop["item"]
                by_owner.setdefault(stop["owner"], []).append(way)
        for owner, ways in by_owner.items():
            before = history.decisions.get((owner, PASSED), [])
            yield Decision(owner, PASSED, [*before, *ways])

    def _answers(self, history: RunHistory, now: float) -> Iterable[Decision]:
        """Yield the answers given, and those that follow from a timeout."""
        waiting = {
            self.plan.steps[node].name: (node, history.decisions[node, QUESTION])
            for node, stop in now_standing(history.decisions).items()
            if stop["way"] == "asked"
        }
        for name, choice in self._wishes.answers.items():
            if name not in waiting:
                raise UsageError(_no_question(name, waiting, history, self.plan))
            yield self._answer(name, choice, *waiting.pop(name), now)
        for node, question in waiting.values():
            if self.was_paused and is_overdue(question, now):
                yield Decision(node, ANSWER, _by_timeout(question, now))

    def _answer(
        self, name: str, choice: str, node: int, question: Mapping[str, Any], now: float
    ) -> Decision:
        who = self._wishes.who
        if is_overdue(question, now):
            raise UsageError(
                f"the answer to {name!r} comes too late: it had to be given within "
                f"{question['timeout']:g} s, and on_timeout is {question['on_timeout']}; continue "
                "without an answer, so that this takes effect"
            )
        if choice not in question["choices"]:
            known = ", ".join(question["choices"])
            raise UsageError(f"{choice!r} is no answer to {name!r}: its choices are {known}")
        if question["approvers"] and who not in question["approvers"]:
            known = ", ".join(question["approvers"])
            raise UsageError(f"{name!r} is to be answered by {known}, and you are {who}")
        comment = self._hidden(self._wishes.comment)
        return Decision(node, ANSWER, {"answer": choice, "who": who, "at": now, "comment": comment})

    def _edited(self, history: RunHistory) -> list[Change]:
        """Make the edits, signed by the person, and return them as they may be kept."""
        shared = self.options.context
        if shared is not None:
            if self._wishes.edits or self._wishes.removed:
                raise UsageError(
                    f"run {self.run_id} shares the context {shared}: edit that, as in "
                    f"`framework0 context --context {shared} set KEY VALUE`, then continue"
                )
            return []
        self.context.load(history.changes)
        view = self.context.view(Author(self._wishes.who, history.header.run_id))
        for key, value in self._wishes.edits.items():
            view.set(key, value)
        for key in self._wishes.removed:
            if not view.delete(key):
                raise UsageError(
                    f"cannot delete {key!r}: the context has no such key; "
                    f"`framework0 show {history.header.run_id} --context` lists them"
                )
        return [
            change._replace(value=self._hidden(change.value), old=self._hidden(change.old))
            for change in view.changes
        ]

    def _hidden(self, value: Any) -> Any:
        if not self.inputs.secrets:
            return value
        from framework0.secrets import Masker

        return Masker(self.inputs.secrets).mask_value(value)

    def _news(self, history: RunHistory) -> bool:
        """Say whether a question was answered since the run paused."""
        return any(
            kind == STOPPED
            and stop["way"] == "asked"
            and history.decisions.get((node, ANSWER)) is not None
            and not any(record.node == node and record.final for record in history.attempts)
            for (node, kind), stop in history.decisions.items()
        )

    def _nothing_goes_on(self, history: RunHistory) -> UsageError:
        run_id = history.header.run_id
        return UsageError(
            f"run {run_id} waits {where_it_stands(self.plan, history)}: give one, as in "
            f"`framework0 continue {run_id} --approve STEP`; to keep edits alone, add --stay"
        )


class CallingOff(Continuing):
    """The wish that a paused run shall end."""

    def tell(self, history: RunHistory) -> tuple[Sequence[Decision], Sequence[Change]]:
        """Return the decision to call the run off; raise UsageError when it is not paused."""
        if history.summary.state != PAUSED:
            raise _not_paused(history.header.run_id, history.summary.state)
        self.was_paused = True
        self.context.load(history.changes)
        return [Decision(THE_RUN, CALLED_OFF, {"who": self._wishes.who, "at": time()})], ()


def is_overdue(question: Mapping[str, Any], now: float) -> bool:
    """Say whether the time in which a question can be answered has passed."""
    timeout = question["timeout"]
    return timeout is not None and now > question["at"] + timeout


def _by_timeout(question: Mapping[str, Any], now: float) -> dict[str, Any]:
    return {
        "answer": question["on_timeout"],
        "who": None,
        "at": now,
        "comment": f"nobody answered within {question['timeout']:g} s",
    }


def _not_paused(run_id: str, state: str) -> UsageError:
    if state in ("running", INTERRUPTED):
        hint = f"`framework0 show {run_id}` tells where it is"
    elif state == "succeeded":
        hint = "there is nothing left to do"
    else:
        hint = f"`framework0 resume {run_id}` goes on with it"
    return UsageError(f"run {run_id} is not paused, it is {state}: {hint}")


def _no_question(name: str, waiting: Mapping[str, Any], history: RunHistory, plan: Plan) -> str:
    numbers = {step.name: step.position for step in plan.steps}
    answer = history.decisions.get((numbers.get(name, -2), ANSWER))
    if answer is not None:
        return f"{name!r} was answered by {answer['who'] or 'its timeout'}: {answer['answer']}"
    known = ", ".join(waiting) or "nothing"
    return f"{name!r} waits for no answer; what waits: {known}"
