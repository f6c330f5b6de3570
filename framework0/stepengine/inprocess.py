"""A host that calls the nodes in this very process: quick, and unable to end one that does not end."""

from __future__ import annotations

import os
from contextlib import contextmanager
from time import perf_counter

from framework0.stepengine.faults import fault_from, returned_badly
from framework0.stepengine.library import Library
from framework0.stepengine.node import ATTEMPT_VARIABLE, VISIT_VARIABLE
from framework0.stepengine.seams import Answer, Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from framework0.stepengine.seams import Call, NodeFacts


class InProcessHost:
    """Implements :class:`~framework0.stepengine.Host` in the calling thread.

    ``verbose`` is what nodes get as ``verbose_flag``. While a node is called, the instance's folder is
    the current one and the environment says attempt and visit: of the whole process, so that no two
    such hosts may call at the same time. A node that runs longer than its timeout is not ended, but
    its answer is then a fault.
    """

    def __init__(self, library: Path, instance: Path, verbose: bool = False) -> None:
        self.library = Library(library)
        self._instance = instance
        self._verbose = verbose
        self._stopped = False
        self._node: Any = None
        self._visiting: tuple[str, int] | None = None
        self._taken: dict[type, int] = {}

    def describe(self) -> list[NodeFacts]:
        """Import the library, and say what its nodes are."""
        with _inside(self._instance, {}):
            return self.library.load()

    def call(self, call: Call) -> Answer:
        """Call the node's method and wait for its end, however long that takes."""
        if self._stopped:
            return Answer(fault=_cancelled())
        told = {ATTEMPT_VARIABLE: str(call.attempt), VISIT_VARIABLE: str(call.visit)}
        with _inside(self._instance, told):
            start = perf_counter()
            try:
                value = self._method(call)()
            # A node is the user's code: whatever it raises is its fault, and told.
            except (Exception, SystemExit) as error:  # noqa: BLE001
                return Answer(fault=fault_from(error), seconds=perf_counter() - start)
            seconds = perf_counter() - start
        return Answer(*_judged(call, value, seconds))

    def stop(self) -> None:
        """Let no more calls be made; the one that is going on goes on to its end."""
        self._stopped = True

    def close(self) -> None:
        """Forget the library's modules."""
        self._node = self._visiting = None
        self.library.close()

    def _method(self, call: Call) -> Callable[[], Any]:
        if self._visiting != (call.node, call.visit):
            # An object of its own for each visit: what a kill would lose is not there without one either.
            self._node = self._made(call.node)
            self._visiting = (call.node, call.visit)
        method: Callable[[], Any] = getattr(self._node, call.method)
        return method

    def _made(self, name: str) -> Any:
        cls = self.library.classes[name]
        taken = self._taken.get(cls)
        if taken is None:
            taken = self._taken[cls] = _taken(cls)
        return cls(*(name, self._verbose)[:taken])


def _taken(cls: type) -> int:
    """Return how many of the two documented arguments the constructor of a node takes."""
    from inspect import signature

    taken = signature(cls)
    for arguments in (("", False), ("",), ()):
        try:
            taken.bind(*arguments)
        except TypeError:
            continue
        return len(arguments)
    raise TypeError(
        f"{cls.__name__}{taken} cannot be made: a node's constructor takes (name, verbose_flag=False), "
        "(name) or nothing"
    )


def _judged(call: Call, value: Any, seconds: float) -> tuple[Any, Fault | None, float]:
    if call.timeout is not None and seconds > call.timeout:
        message = (
            f"{call.method} ran for {seconds:.3g} s, longer than its timeout of {call.timeout:g} s; "
            "nothing could end it in this process"
        )
        return None, Fault("timeout", message), seconds
    if value is None or isinstance(value, (int, str)):
        return value, None, seconds
    if hasattr(value, "close") and hasattr(value, "send"):
        # A coroutine or a generator: it has not even begun, and must not complain of that later.
        value.close()
    return None, returned_badly(call.method, value), seconds


def _cancelled() -> Fault:
    return Fault("cancelled", "the machine was told to stop")


@contextmanager
def _inside(folder: Path, told: dict[str, str]) -> Iterator[None]:
    before = os.getcwd()
    kept = {name: os.environ.get(name) for name in told}
    os.chdir(folder)
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        os.chdir(before)
