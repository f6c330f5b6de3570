"""Those who watch a machine for a person or a program: plain lines, JSON events, or nobody."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from pathlib import Path

    from framework0.stepengine import Answer, Call, Fault, NodeFacts
    from framework0.workspace import Workspace


def watcher_for(arguments: Namespace, space: Workspace) -> Watcher:
    """Return who watches the machine for whoever asked for it."""
    if arguments.events:
        return JsonEvents(space, sys.stdout)
    if arguments.quiet or arguments.json:
        return Watcher(space)
    return PlainLines(space, sys.stderr)


class Watcher:
    """Notes whom to signal to end the machine, and says nothing but notices; the base of the others.

    ``seconds`` is how long the machine has run.
    """

    def __init__(self, space: Workspace, stream: TextIO | None = None) -> None:
        self._space = space
        self._stream = stream
        self._since = monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the machine began, or went on."""
        return monotonic() - self._since

    def notice(self, sentence: str) -> None:
        """Tell a person something that stops nothing."""
        from framework0.cli.troubles import say

        say(sentence)

    # The engine tells each of them more than it needs.
    def began(
        self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool  # noqa: ARG002
    ) -> None:
        """Write down who is to be signaled."""
        from framework0.cli.responsible import note_responsible
        from framework0.workspace import is_id

        if is_id(run) and self._space.run_folder(run).is_dir():
            note_responsible(self._space.run_folder(run))

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:
        """See :class:`framework0.stepengine.Observer`."""

    def called(self, call: Call, answer: Answer) -> None:
        """See :class:`framework0.stepengine.Observer`."""

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """See :class:`framework0.stepengine.Observer`."""

    def ended(self, state: str, error: Fault | None) -> None:
        """See :class:`framework0.stepengine.Observer`."""

    def _say(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            print(text, file=self._stream, flush=True)
        except (OSError, ValueError):
            # Nobody reads it any more; that is no reason for the machine to end.
            self._stream = None


class PlainLines(Watcher):
    """One line for each visit, and for each failed call."""

    def began(self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool) -> None:
        """Name the run, so that another terminal can ask about it."""
        super().began(run, instance, nodes, resumed)
        count = f"{len(nodes):,} node{'' if len(nodes) == 1 else 's'}"
        verb = " goes on" if resumed else ""
        self._say(f"run {run}: machine {instance.name}{verb}, {count}")

    def called(self, call: Call, answer: Answer) -> None:
        """Say what went wrong in a call."""
        from framework0.logs import one_line
        from framework0.stepengine import fault_in

        fault = fault_in(call, answer)
        if fault is not None and fault.kind != "cancelled":
            what = f"{call.method}, attempt {call.attempt}: {fault.kind}"
            self._say(one_line(f"   FAILED  {call.node}  {what}: {fault.message}"))

    def left(
        self,
        visit: int,  # noqa: ARG002
        node: str,
        arrow: str | None,
        to: str | None,
        seconds: float,
    ) -> None:
        """Say where the machine goes."""
        from framework0.logs import one_line

        way = "the end" if to is None else f"to {to}{f' by {arrow}' if arrow else ''}"
        self._say(one_line(f"       ok  {node}  {seconds:.3f} s  {way}"))


class JsonEvents(Watcher):
    """One JSON object a line, for programs."""

    def notice(self, sentence: str) -> None:
        """Tell what a person should read."""
        self._emit("notice", text=sentence)

    def began(self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool) -> None:
        """Tell the run's id and the nodes."""
        super().began(run, instance, nodes, resumed)
        names = [node.name for node in nodes]
        self._emit("began", run=run, instance=str(instance), nodes=names, resumed=resumed)

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:
        """Tell what the parameter file says now."""
        self._emit("moved", visit=visit, node=node, state=state, attempt=attempt)

    def called(self, call: Call, answer: Answer) -> None:
        """Tell how a call ended."""
        fault = None if answer.fault is None else answer.fault._asdict()
        self._emit(
            "called",
            visit=call.visit,
            node=call.node,
            method=call.method,
            attempt=call.attempt,
            value=answer.value,
            fault=fault,
            seconds=round(answer.seconds, 6),
        )

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """Tell where the machine goes."""
        self._emit("left", visit=visit, node=node, arrow=arrow, to=to, seconds=round(seconds, 6))

    def ended(self, state: str, error: Fault | None) -> None:
        """Tell how the machine stands."""
        self._emit("ended", state=state, error=None if error is None else error._asdict())

    def _emit(self, event: str, **facts: Any) -> None:
        import json

        self._say(json.dumps({"event": event, **facts}, separators=(",", ":")))
