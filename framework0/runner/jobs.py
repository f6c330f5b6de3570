"""From a node that may start to a complete job: where it runs, what it calls, with which arguments."""

from __future__ import annotations

from collections.abc import Mapping
from sys import modules

from framework0.errors import Framework0Error, UsageError, ValueRefused
from framework0.logs import StepLog
from framework0.runner.invoke import Target
from framework0.runner.moves import STATES
from framework0.runner.seams import Failure, Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Final

    from framework0.artifacts import Artifacts
    from framework0.context import Change, Context
    from framework0.recipe import Recipe, Scope, Step
    from framework0.runner.keeping import Keeper
    from framework0.runner.seams import Executor, Outcome
    from framework0.runner.state import RunState
    from framework0.scriptlets import UserCode
    from framework0.secrets import Masker

ITEMS_LIMIT: Final = 100_000
"""Items of one foreach: beyond it a recipe should hand over whole lists, not single items."""

NOT_KEPT: Final = "result not kept"
"""How the note of a result that is not JSON begins; resume recognises it."""

IN_THIS_PROCESS: Final = frozenset({"thread", "serial"})

WITHOUT_CALL: Final = frozenset({"shell", "recipe", "approval", "step_engine"})
"""Types of step that name no Python code."""

ELSEWHERE: Final = {"shell": "process", "approval": "approval", "step_engine": "machine"}
"""The executors of those that have one of their own."""


def refuse_to_show(masker: Masker, job: Job) -> None:
    """Raise UsageError for a command with a secret in it: every user can list the words of commands."""
    command = job.command
    if masker.mask_value(command) != (list(command) if isinstance(command, tuple) else command):
        raise UsageError(
            f"the command of step {job.name!r} has a secret in it, which everyone on this machine "
            "could read in the list of processes: hand it over in `env`, "
            'and let the command read the variable, as in "$TOKEN" of a shell'
        )


class NotKept:
    """Stands for a result that is not there any more.

    It was no JSON and the run was resumed, or it could not leave the process that made it.
    """

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


def opened_within(value: Any) -> Any:
    """Return ``value`` with the results of other processes in it opened, for code in this one."""
    from framework0.recipe import Sealed

    if isinstance(value, Sealed):
        return value.open()
    kind = type(value)
    if kind is dict:
        return {key: opened_within(part) for key, part in value.items()}
    return kind(map(opened_within, value)) if kind in (list, tuple) else value


class Stored:
    """Stands for a result of an earlier process with references in it; loaded when it is used."""

    __slots__ = ("artifacts", "value")

    def __init__(self, value: Any, artifacts: Artifacts) -> None:
        self.value = value
        self.artifacts = artifacts

    def load(self) -> Any:
        """Return the value; raises ArtifactError when a file of it cannot be read."""
        return self.artifacts.resolve(self.value)


SMALL: Final = 4096
"""Estimated bytes up to which nobody asks whether a value should be a file."""

PLAIN: Final = frozenset({type(None), bool, int, float, str, list, dict, tuple})
"""Types of results that never take long to keep."""

LARGE: Final = 1024 * 1024
"""Bytes of a parcel from which it is kept apart: reading and writing them takes milliseconds."""

LATER: Final = frozenset({NotKept, Stored})


class Results(Mapping[str, "dict[str, Any]"]):
    """The results of the steps so far, as ``steps`` of an expression sees them."""

    def __init__(self, numbers: Mapping[str, int], state: RunState) -> None:
        self.by_node: dict[int, Any] = {}
        self._numbers = numbers
        self._state = state

    def __getitem__(self, name: str) -> dict[str, Any]:
        node = self._numbers[name]
        value = self.by_node.get(node)
        if type(value) in LATER:
            value = self._loaded(node, name, value)
        return {"result": value, "state": STATES[self._state.state[node]]}

    def _loaded(self, node: int, name: str, value: Any) -> Any:
        """Return what a result of an earlier process is, or raise if it is gone."""
        if isinstance(value, NotKept):
            raise Framework0Error(
                f"the result of {name!r} is gone: {value.why}; `framework0 rerun` runs it again"
            )
        loaded = self.by_node[node] = value.load()
        return loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class Workshop:
    """Makes the jobs of one run. ``executors(name)`` yields the executor of that name.

    ``log_path(node, attempt)`` is where the output of an attempt goes. ``nested`` makes the
    target of a ``type: recipe`` step.
    """

    def __init__(
        self,
        *,
        run: Mapping[str, Any],
        recipe: Recipe,
        state: RunState,
        context: Context,
        inputs: Mapping[str, Any],
        env: Mapping[str, str],
        usercode: UserCode,
        executors: Callable[[str], Executor],
        default_executor: str,
        nested: Callable[[Job], Target] | None,
        log_path: Callable[[int, int], str],
        masker: Masker | None,
    ) -> None:
        self.run = run
        self.recipe = recipe
        self.state = state
        self.context = context
        self.inputs = inputs
        self.env = env
        self.items: dict[int, Any] = {}
        self.results = Results({step.name: step.position for step in recipe.steps}, state)
        self._usercode = usercode
        self._executors = executors
        self._default = default_executor
        self._nested = nested
        self._log_path = log_path
        self.masker = masker
        self._new_log = StepLog
        self._targets: dict[tuple[str, str, str], Target] = {}
        # Made by whoever wires a run; without it large values stay in their rows.
        self.keeper: Callable[[], Keeper] | None = None

    def step_of(self, node: int) -> Step:
        """Return the step a node runs; items run the step that opened them."""
        return self.recipe.steps[self.state.owner.get(node, node)]

    def make(self, node: int, attempt: int, at: float) -> Job:
        """Return the bare job of ``node``; :meth:`fit` completes it."""
        step = self.step_of(node)
        # Only a run that had a foreach has owners; names of plain nodes cost no call.
        name = step.name if node not in self.state.owner else self.state.name(node)
        job = Job(self.run["id"], node, name, step, attempt)
        job.at = at
        return job

    def fit(self, job: Job) -> None:
        """Choose the executor and the target, render what is templated, sign the context.

        Raises what the step's own mistakes raise: a module that does not import, an expression that
        finds nothing. The caller turns that into the failure of the attempt.
        """
        step = job.step
        policy = step.policy
        job.timeout = policy.timeout
        self._choose(job, step)
        if step.templated:
            self._render(job, step)
        else:
            job.args, job.command, job.env = step.args, step.command, policy.env
            job.cwd = policy.cwd
        target = job.target
        if target is None:
            job.sign = self._sign
        elif target.is_scriptlet or target.wants_context or policy.success_keys:
            self._sign(job)
        job.log = self._new_log(self._log_path(job.node, job.attempt), self.masker)

    def scope(self, node: int, *, failed: bool = False) -> Scope:
        """Return what the names of an expression of ``node`` mean now."""
        from framework0.recipe import Scope

        more: dict[str, Any] = {}
        index = self.state.item_index(node)
        if index is not None:
            more = {"item": self.items[node], "index": index}
        return Scope(
            inputs=self.inputs,
            context=self.context,
            steps=self.results,
            env=self.env,
            run=self.run,
            status="failed" if failed else "succeeded",
            **more,
        )

    def holds(self, when: str, node: int, *, failed: bool) -> bool:
        """Evaluate a ``when``; ``failed`` is what its status functions answer."""
        from framework0.recipe import compile_expression

        return compile_expression(when).holds(self.scope(node, failed=failed))

    def items_for(self, step: Step, node: int) -> list[Any]:
        """Return the items of a ``foreach``, rendered; they must be a JSON list within the limit."""
        from framework0.context import check_json
        from framework0.recipe import render

        assert step.foreach is not None
        wanted = step.foreach.items
        rendered = render(wanted if isinstance(wanted, str) else list(wanted), self.scope(node))
        if "framework0.runner.pool.parcel" in modules:
            rendered = opened_within(rendered)
        if not isinstance(rendered, (list, tuple)):
            raise UsageError(
                f"foreach of {step.name!r} needs a list and got {type(rendered).__name__}"
            )
        if len(rendered) > ITEMS_LIMIT:
            raise UsageError(
                f"foreach of {step.name!r} has {len(rendered):,} items; the limit is {ITEMS_LIMIT:,}"
            )
        items: list[Any] = check_json(list(rendered))
        return items

    def question_for(self, step: Step, node: int) -> dict[str, Any]:
        """Return the question of an approval, rendered, without any secret."""
        from framework0.recipe import render

        args: Any = step.args
        question = dict(args)
        question["prompt"] = str(render(question["prompt"], self.scope(node)))
        return question if self.masker is None else dict(self.masker.mask_value(question))

    def keepable(self, outcome: Outcome, node: int | None = None) -> tuple[Outcome, str]:
        """Return the outcome as the journal keeps it, and a note when its result is not kept.

        Large JSON, arrays, tables and bytes are references to files then; the attempt has failed if
        the disk does not take them. ``node`` is whose result it is, for later steps to get.
        """
        from framework0.context import check_sized

        try:
            kept, size = check_sized(outcome.result)
        except ValueRefused as refused:
            if type(outcome.result) is NotKept:
                return outcome._replace(result=None), f"{NOT_KEPT}: {outcome.result.why}"
            if self.keeper is None:
                return outcome._replace(result=None), f"{NOT_KEPT}: {refused}"
            return self._kept_apart(outcome, node)
        if size > SMALL and self.keeper is not None:
            return self._kept_apart(outcome, node)
        return outcome._replace(result=kept), ""

    def _kept_apart(self, outcome: Outcome, node: int | None) -> tuple[Outcome, str]:
        from framework0.runner.effects import kept_result

        return kept_result(self, outcome, node, NOT_KEPT)

    def left_by(self, job: Job, outcome: Outcome) -> tuple[Outcome, Sequence[Change], str]:
        """Return the outcome, the changes that belong to the attempt as they are kept, and a note."""
        view: Any = job.context
        if view is None:
            return outcome, (), ""
        view.close()
        if not view.changes:
            return outcome, (), ""
        from framework0.runner.effects import context_effects

        return context_effects(self, job, outcome)

    def takes_long(self, result: Any) -> bool:
        """Say whether keeping what another process has left should hold nobody else up."""
        size = getattr(result, "size", 0) if hasattr(type(result), "open") else 0
        return self.keeper is not None and size >= LARGE and not self.keeper().is_known(result)

    def taken_over(self, result: Any) -> Any:
        """Return a result from a journal as this run uses it: what lies in files is loaded on use."""
        if self.keeper is None or "framework0.artifacts.reference" not in modules:
            # No journal that was read has a reference in it.
            return result
        return self.keeper().taken_over(result)

    def hidden(self, outcome: Outcome) -> Outcome:
        """Return the outcome with every secret masked, as it may be kept and shown."""
        masker = self.masker
        assert masker is not None
        failure = outcome.failure
        if failure is not None:
            kind, message, where, trace, bases = failure
            # Names of classes and of files can be made of anything.
            kind, message, where, trace = map(masker.mask, (kind, message, where, trace))
            failure = Failure(kind, message, where, trace, tuple(map(masker.mask, bases)))
        return outcome._replace(result=masker.mask_value(outcome.result), failure=failure)

    def _choose(self, job: Job, step: Step) -> None:
        policy = step.policy
        if step.kind in WITHOUT_CALL:
            self._choose_without_call(job, step)
            return
        name = policy.executor
        if name is None:
            own_process = policy.timeout is not None or policy.env or policy.cwd is not None
            name = "process" if own_process else self._default
        if name in IN_THIS_PROCESS:
            job.target = self._target(step)
            if job.target.is_async:
                name = "loop"
        job.executor = self._executors(name)

    def _choose_without_call(self, job: Job, step: Step) -> None:
        """Choose for a step that names no code of its own."""
        if step.kind == "recipe":
            assert self._nested is not None
            job.target = self._nested(job)
            job.executor = self._executors("thread")
        else:
            job.executor = self._executors(ELSEWHERE[step.kind])

    def _target(self, step: Step) -> Target:
        key = (step.kind, step.module, step.function)
        target = self._targets.get(key)
        if target is None:
            if step.kind == "python":
                call = self._usercode.target(step.module, step.function)
            else:
                from framework0.scriptlets import get_scriptlet

                call = get_scriptlet(step.kind)
            target = self._targets[key] = Target(call)
        return target

    def _render(self, job: Job, step: Step) -> None:
        from framework0.recipe import render

        scope = self.scope(job.node)
        job.item = self.items.get(job.node)
        job.args = render(step.args, scope)
        if job.target is not None and "framework0.runner.pool.parcel" in modules:
            job.args = opened_within(job.args)
        job.command = render(step.command, scope)
        if self.masker is not None and job.command is not None:
            refuse_to_show(self.masker, job)
        job.env = render(dict(step.policy.env), scope)
        job.cwd = render(step.policy.cwd, scope)

    def _sign(self, job: Job) -> None:
        from framework0.context import Author

        author = Author(job.name, self.run["id"], job.name, job.attempt)
        job.context = self.context.view(author)
