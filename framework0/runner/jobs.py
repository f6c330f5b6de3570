"""From a node that may start to a complete job: where it runs, what it calls, with which arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import Framework0Error, UsageError, ValueRefused
from framework0.logs import StepLog
from framework0.runner.invoke import Target
from framework0.runner.moves import STATES
from framework0.runner.seams import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from framework0.context import Change, Context
    from framework0.recipe import Recipe, Scope, Step
    from framework0.runner.seams import Executor, Outcome
    from framework0.runner.state import RunState
    from framework0.scriptlets import UserCode
    from framework0.secrets import Masker

ITEMS_LIMIT: Final = 100_000
"""Items of one foreach: beyond it a recipe should hand over whole lists, not single items."""

NOT_KEPT: Final = "result not kept"
"""How the note of a result that is not JSON begins; resume recognises it."""

IN_THIS_PROCESS: Final = frozenset({"thread", "serial"})


class NotKept:
    """Stands for a result that was not JSON, in a run that was resumed: the object is gone."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


class Results(Mapping[str, "dict[str, Any]"]):
    """The results of the steps so far, as ``steps`` of an expression sees them."""

    def __init__(self, numbers: Mapping[str, int], state: RunState) -> None:
        self.by_node: dict[int, Any] = {}
        self._numbers = numbers
        self._state = state

    def __getitem__(self, name: str) -> dict[str, Any]:
        node = self._numbers[name]
        value = self.by_node.get(node)
        if isinstance(value, NotKept):
            raise Framework0Error(
                f"the result of {name!r} is gone: {value.why}; `framework0 rerun` runs it again"
            )
        return {"result": value, "state": STATES[self._state.state[node]]}

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
        if target is None or target.is_scriptlet or target.wants_context or policy.success_keys:
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

    def keepable(self, outcome: Outcome) -> tuple[Outcome, str]:
        """Return the outcome as the journal can keep it, and a note when its result is not JSON."""
        from framework0.context import check_json

        try:
            return outcome._replace(result=check_json(outcome.result)), ""
        except ValueRefused as refused:
            return outcome._replace(result=None), f"{NOT_KEPT}: {refused}"

    def hidden(
        self, outcome: Outcome, changes: Sequence[Change]
    ) -> tuple[Outcome, Sequence[Change]]:
        """Return both with every secret masked, as they may be kept and shown."""
        masker = self.masker
        assert masker is not None
        failure = outcome.failure
        if failure is not None:
            failure = failure._replace(
                message=masker.mask(failure.message), trace=masker.mask(failure.trace)
            )
        outcome = outcome._replace(result=masker.mask_value(outcome.result), failure=failure)
        masked = [
            change._replace(
                value=masker.mask_value(change.value), old=masker.mask_value(change.old)
            )
            for change in changes
        ]
        return outcome, masked

    def _choose(self, job: Job, step: Step) -> None:
        policy = step.policy
        if step.kind == "recipe":
            assert self._nested is not None
            job.target = self._nested(job)
            job.executor = self._executors("thread")
            return
        if step.kind == "shell":
            job.executor = self._executors("process")
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
        job.command = render(step.command, scope)
        job.env = render(dict(step.policy.env), scope)
        job.cwd = render(step.policy.cwd, scope)

    def _sign(self, job: Job) -> None:
        from framework0.context import Author

        author = Author(job.name, self.run["id"], job.name, job.attempt)
        job.context = self.context.view(author)
