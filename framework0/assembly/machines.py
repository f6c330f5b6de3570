"""Running machines: the engine, the process of its nodes, and its run in the workspace's journal.

A :class:`MachineSession` is one engine's life of one instance, from its beginning or from where it
stands, by whatever way it is run: from the command, as a step of a recipe, or from a script.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from time import time

from framework0.assembly.recipes import as_workspace
from framework0.errors import RunNotFound, UsageError
from framework0.jsonfile import JsonFile
from framework0.runner import Journal, RunHeader, new_run_id
from framework0.runner.machines import SHARED, MachineRecord, Mirror, ProcessHost, Watchers
from framework0.stepengine import (
    MAX_VISITS,
    Engine,
    EngineOptions,
    StepParameters,
    from_here,
    standing_of,
)
from framework0.workspace import for_file, is_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final

    from framework0.runner import RunRecorder, StepContext
    from framework0.secrets import Masker
    from framework0.stepengine import Ended, Observer
    from framework0.workspace import Workspace

WORKSPACE_VARIABLE: Final = "OCTO_STEP_WORKSPACE"
"""In the process of the nodes: the workspace that the machine is run in."""


class MachineOptions:
    """How a machine is run, apart from which; what is None or 0 is as the instance, or the engine, says.

    ``library`` is a folder as seen from the current one. ``breakpoints`` are pairs of a node and ``entry``
    or ``exit``. ``verbose`` is what nodes get as ``verbose_flag``. ``terminal`` is a text stream that shows what
    they print. ``observer`` is told each move, ``notice`` each sentence that a person should read.
    ``run`` is the id of a run that begins, ``parent`` the run that it is a part of. ``env`` has further
    environment variables for the nodes, ``masker`` hides secrets in all that is kept of them.
    """

    __slots__ = (
        "breakpoints",
        "durability",
        "env",
        "first",
        "library",
        "masker",
        "max_visits",
        "mirror",
        "notice",
        "observer",
        "parent",
        "resume",
        "run",
        "single_step",
        "terminal",
        "verbose",
    )

    def __init__(
        self,
        *,
        resume: bool = False,
        library: str | os.PathLike[str] | None = None,
        first: str | None = None,
        breakpoints: Sequence[tuple[str, str]] = (),
        single_step: bool = False,
        max_visits: int = 0,
        verbose: bool = False,
        terminal: Any = None,
        observer: Observer | None = None,
        notice: Callable[[str], None] | None = None,
        run: str = "",
        parent: str | None = None,
        env: Mapping[str, str] | None = None,
        masker: Masker | None = None,
        mirror: StepContext | None = None,
        durability: str | None = None,
    ) -> None:
        self.resume = resume
        self.library = None if library is None else os.path.abspath(library)
        self.first = first
        self.breakpoints = tuple(breakpoints)
        self.single_step = single_step
        self.max_visits = max_visits
        self.verbose = verbose
        self.terminal = terminal
        self.observer = observer
        self.notice = notice
        self.run = run
        self.parent = parent
        self.env = dict(env or {})
        self.masker = masker
        self.mirror = mirror
        self.durability = durability


def run_machine(
    instance: str | os.PathLike[str],
    *,
    resume: bool = False,
    workspace: Workspace | str | Path | None = None,
    library: str | os.PathLike[str] | None = None,
    first: str | None = None,
    max_visits: int = 0,
    verbose: bool = False,
    observer: Observer | None = None,
) -> Ended:
    """Run the machine in the folder ``instance`` to its end, a pause or a failure, and say how it stands.

    With ``resume`` it goes on where it stands. ``library`` is the folder of its nodes, ``first`` the node
    to begin with, as its parameters say otherwise. ``max_visits`` bounds how many nodes are passed.
    The nodes run in a process of their own, and the run is in the journal of the ``workspace``.

    Raises :class:`~framework0.errors.UsageError` when it cannot be run, or resumed, as it stands,
    :class:`~framework0.errors.LibraryError` for a library that is wrong,
    :class:`~framework0.errors.LockHeld` when another engine runs it, and
    :class:`~framework0.errors.WorkspaceError` when its file cannot be read or written.
    """
    options = MachineOptions(
        resume=resume,
        library=library,
        first=first,
        max_visits=max_visits,
        verbose=verbose,
        observer=observer,
    )
    return MachineSession(instance, options, as_workspace(workspace)).run()


class MachineSession:
    """One engine's life of one instance. ``record.trouble`` is what kept the journal from being complete."""

    def __init__(
        self, instance: str | os.PathLike[str], options: MachineOptions, workspace: Workspace
    ) -> None:
        self.instance = Path(os.path.abspath(instance))
        self.name = for_file(self.instance.name)
        self.workspace = workspace
        self.options = options
        standing = standing_of(self.instance)
        self.library = Path(options.library or standing.library)
        self.record = MachineRecord(
            self._recorder,
            self._position,
            workspace.run_folder,
            masker=options.masker,
            terminal=options.terminal,
        )
        self.mirror = self._mirror()
        watchers = [self.record, self.mirror, options.observer]
        env = {**options.env, WORKSPACE_VARIABLE: str(workspace.root)}
        self._host = ProcessHost(
            self.library,
            self.instance,
            verbose=options.verbose,
            printed=self.record.printed,
            env=env,
        )
        self._engine = Engine(
            self.instance,
            self._host,
            observer=Watchers([one for one in watchers if one is not None]),
            options=self._engine_options(),
        )
        self._journal: Journal | None = None

    def run(self) -> Ended:
        """Run the machine until it stands, and say how; all that it has started is gone then."""
        self.workspace.ensure_state()
        with ExitStack() as stack:
            stack.callback(self._close_journal)
            stack.callback(self.record.close)
            stack.callback(self._host.close)
            return self._engine.run()

    def stop(self) -> None:
        """Have the machine stand still: the call that is going on is ended, with all it has started.

        Another thread, or a handler of signals, calls this; a second time, nothing gets any more time.
        """
        self._engine.stop()

    def _engine_options(self) -> EngineOptions:
        options = self.options
        kept = None
        if options.library is not None:
            # As seen from the instance, so that both can be moved together.
            kept = os.path.relpath(options.library, self.instance)
        return EngineOptions(
            resume=options.resume,
            run=options.run or new_run_id(time(), os.urandom),
            first=options.first,
            library=kept,
            breakpoints=options.breakpoints,
            single_step=options.single_step,
            max_visits=options.max_visits or self.workspace.settings.machine_visits or MAX_VISITS,
            notice=options.notice,
        )

    def _mirror(self) -> Mirror | None:
        if self.options.mirror is None:
            return None
        file = parameter_file(self.instance)
        return Mirror(self.options.mirror, self.name, lambda: file.get(SHARED, default={}) or {})

    def _position(self) -> Mapping[str, Any]:
        found = parameter_file(self.instance).get("step_engine", default={})
        return found if isinstance(found, dict) else {}

    def _recorder(self, run: str, names: Sequence[str]) -> RunRecorder:
        """Begin the run in the journal, or go on with it there if the journal knows it."""
        if not is_id(run):
            raise RunNotFound(
                f"the parameter file calls its run {run!r:.60}, which is no id of a run: its journal is not "
                "kept until it is reset"
            )
        settings = self.workspace.settings
        journal = self._journal = Journal(
            self.workspace.journal,
            durability=self.options.durability or settings.durability,
            result_bytes=settings.result_bytes,
        )
        try:
            known = len(journal.read(run).header.options["machine"]["nodes"])
        except RunNotFound:
            return journal.begin(self._header(run, names), len(names))
        except KeyError:
            raise RunNotFound(f"run {run} is not of a machine: reset the instance") from None
        return journal.resume(run, max(known, len(names)))

    def _header(self, run: str, names: Sequence[str]) -> RunHeader:
        machine = {
            "instance": str(self.instance),
            "library": str(self.library),
            "nodes": list(names),
        }
        return RunHeader(
            run_id=run,
            recipe_name=f"machine {self.name}",
            recipe_file=str(self.instance),
            options={"machine": machine},
            parent=self.options.parent,
            created_at=time(),
        )

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()


def parameter_file(instance: Path) -> JsonFile:
    """Return the parameter file of an instance."""
    names = StepParameters()
    return JsonFile(
        instance / names.get_default_param_file_name(),
        instance / names.get_default_param_lock_file_name(),
    )


def refuse_machine(header: RunHeader) -> None:
    """Raise :class:`~framework0.errors.UsageError` for the run of a machine, which only its engine goes on with."""
    machine = header.options.get("machine")
    if machine is not None:
        instance = from_here(machine["instance"])
        raise UsageError(
            f"run {header.run_id} is of a machine: `framework0 step resume {instance}` goes on "
            f"with it, `framework0 step reset {instance}` has it begin anew"
        )
