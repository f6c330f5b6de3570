"""A step of type ``step_engine``: a machine's run, beneath the run of the step.

The inner run's id is made from the outer one's and the step's number, so that a resumed outer run, or
another attempt of the step, finds the machine it had begun and goes on with it where it stands.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework0.assembly.machines import MachineOptions, MachineSession, parameter_file
from framework0.assembly.nested import MAX_DEPTH
from framework0.errors import (
    LockHeld,
    RecipeError,
    RunNotFound,
    StepCancelled,
    StepError,
    UsageError,
    ValueRefused,
)
from framework0.runner import Journal
from framework0.stepengine import from_here, reset_instance, standing_of
from framework0.workspace import for_system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framework0.assembly.session import Session
    from framework0.runner import Job, StepContext
    from framework0.stepengine import Ended, Standing

COMPLETE = ("COMPLETE_SUCCESS", "COMPLETE_ERROR")


class MachineStep:
    """One attempt of the step: it begins the machine, or goes on with the one that it had begun.

    ``context()`` returns the context as the step may write to it.
    """

    def __init__(self, outer: Session, job: Job, context: Callable[[], StepContext]) -> None:
        self._outer = outer
        self._job = job
        self._context = context
        self._stopped = False
        self._session: MachineSession | None = None
        args: Any = job.args
        self._args: Mapping[str, Any] = args
        self._id = f"{outer.run_id}.{job.node}"
        folder = os.path.dirname(os.path.abspath(outer.recipe.file))
        self._instance = Path(os.path.join(folder, for_system(args["instance"])))
        library = args["library"]
        self._library = None if library is None else os.path.join(folder, for_system(library))

    def run(self) -> dict[str, Any]:
        """Run the machine to its end, and return what the step is to result in.

        Raises :class:`~framework0.errors.StepError` when it fails or pauses, and
        :class:`~framework0.errors.StepCancelled` when it is stopped.
        """
        self._refuse_depth()
        self._refuse_secrets()
        standing = standing_of(self._instance)
        if standing.running is not None:
            raise LockHeld(
                f"the machine {self._instance.name} is run by {standing.running}: wait for its end, or "
                "give this step an instance of its own",
                holder=str(standing.running),
            )
        if self._is_mine(standing):
            if standing.engine == "COMPLETE_SUCCESS":
                # It was done when the process was killed, before the step could say so.
                return self._result(standing.run, standing.node, standing.visit)
            if self._job.node in self._outer.paused_machines:
                raise self._paused()
            ended = self._run(resume=True)
        else:
            self._make_ready(standing)
            ended = self._run(resume=False)
        return self._judged(ended)

    def stop(self) -> None:
        """End the machine's nodes; another thread calls this."""
        self._stopped = True
        if self._session is not None:
            self._session.stop()

    # ------------------------------------------------------------------ beginning and going on

    def _is_mine(self, standing: Standing) -> bool:
        """Say whether the machine was begun by this step of this run, and has not been reset since."""
        mine = standing.run == self._id or standing.run.startswith(f"{self._id}-")
        return mine and standing.engine not in ("INACTIVE", "STARTUP")

    def _make_ready(self, standing: Standing) -> None:
        """Have the machine begin, with the parameters that the step gives it.

        One that has come to its end in another run begins anew; one in the middle of one is left alone.
        """
        name = self._instance.name
        if standing.engine in COMPLETE:
            reset_instance(self._instance)
        elif standing.engine not in ("INACTIVE", "STARTUP"):
            there = from_here(self._instance)
            raise UsageError(
                f"the machine {name} is in the middle of run {standing.run or 'of no name'}, at "
                f"{standing.node} in {standing.state}: `framework0 step resume {there}` goes on "
                f"with that, `framework0 step reset {there}` gives it up"
            )
        params: Mapping[str, Any] = self._args["params"]

        def change(document: dict[str, Any]) -> None:
            for group, values in params.items():
                there = document.setdefault(group, {})
                if not isinstance(there, dict) or not isinstance(values, dict):
                    raise ValueRefused(f"{group} of the machine {name} is no group", path=group)
                there.update(values)

        if params:
            parameter_file(self._instance).change(change)

    def _run(self, *, resume: bool) -> Ended:
        outer = self._outer
        options = MachineOptions(
            resume=resume,
            library=self._library,
            first=None if resume else self._args["first_node"],
            run="" if resume else self._new_id(),
            parent=outer.run_id,
            env=dict(self._job.env),
            masker=outer.masker,
            mirror=self._context() if self._args["mirror"] else None,
            durability=outer.options.durability,
        )
        self._session = MachineSession(self._instance, options, outer.workspace)
        if self._stopped:
            # The word to stop came before there was a machine to hear it.
            self._session.stop()
        return self._session.run()

    def _new_id(self) -> str:
        """Return an id that the journal does not have: a machine may begin again in another attempt."""
        journal = Journal(self._outer.workspace.journal)
        try:
            number = 1
            while True:
                run_id = self._id if number == 1 else f"{self._id}-{number}"
                try:
                    journal.read(run_id)
                except RunNotFound:
                    return run_id
                number += 1
        finally:
            journal.close()

    # ------------------------------------------------------------------ how it ended

    def _judged(self, ended: Ended) -> dict[str, Any]:
        session = self._session
        assert session is not None
        if session.mirror is not None and session.mirror.trouble is not None:
            raise session.mirror.trouble
        if ended.state == "CANCELLED":
            raise StepCancelled(f"the machine {self._instance.name} was told to stop")
        if ended.state == "PAUSED":
            self._outer.paused_machines.add(self._job.node)
            raise self._paused()
        if ended.error is not None:
            where = f" ({ended.error.where})" if ended.error.where else ""
            raise StepError(
                f"the machine {self._instance.name} failed at {ended.node} in {ended.step_state}: "
                f"{ended.error.kind}: {ended.error.message}{where}; its run is {ended.run}"
            )
        if session.record.trouble is not None:
            raise session.record.trouble
        return self._result(ended.run, ended.node, ended.visit)

    def _paused(self) -> StepError:
        standing = standing_of(self._instance)
        way = {"entry": "before", "exit": "after"}.get(str(standing.paused.get("at")), "at")
        return StepError(
            f"the machine {self._instance.name} is paused {way} {standing.node}: "
            f"`framework0 resume {self._outer.run_id}` lets it go on"
        )

    def _result(self, run: str, node: str, visits: int) -> dict[str, Any]:
        document = parameter_file(self._instance).read()
        results = {
            key: self._found(document, source) for key, source in self._args["results"].items()
        }
        if results:
            context = self._context()
            for key, value in results.items():
                context.set(key, value)
        return {"run": run, "node": node, "visits": visits, "results": results}

    def _found(self, document: Mapping[str, Any], source: str) -> Any:
        """Return what ``group`` or ``group.name`` means in the parameter file."""
        group, _, name = source.partition(".")
        found = document.get(group)
        if not name and found is not None:
            return found
        if isinstance(found, dict) and name in found:
            return found[name]
        raise StepError(
            f"the machine {self._instance.name} has left no {source}: its parameters have "
            f"{', '.join(found) if isinstance(found, dict) else ', '.join(document)}"
        )

    # ------------------------------------------------------------------ what cannot be

    def _refuse_depth(self) -> None:
        if self._outer.run_id.count(".") >= MAX_DEPTH:
            raise RecipeError(
                f"step {self._job.name!r} runs a machine {MAX_DEPTH} runs deep: does one run itself?"
            )

    def _refuse_secrets(self) -> None:
        masker = self._outer.masker
        if masker is not None and masker.mask_value(dict(self._args)) != dict(self._args):
            raise UsageError(
                f"step {self._job.name!r} gives a secret to a machine, whose parameters are kept in a file: "
                "hand it over in `env`, and let the nodes read the variable"
            )
