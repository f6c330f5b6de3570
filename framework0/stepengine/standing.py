"""How an instance stands, without running it; and having it begin anew."""

from __future__ import annotations

import os
from pathlib import Path

from framework0.errors import UsageError
from framework0.stepengine.position import Picture, text_of
from framework0.stepengine.record import Record
from framework0.tuples import NamedTuple
from framework0.workspace import for_system, hold, holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from framework0.workspace import Holder

INSTANCE_LOCK: Final = ".octo_step_engine_instance.lock"
"""The lock that an engine holds while it runs the instance; nobody holds it longer than they live."""


class Standing(NamedTuple):
    """How an instance stands, as its file says.

    ``engine`` and ``state`` are the states of the engine and the step. ``paused`` has ``at``, ``node``
    and ``since``, and is empty when the machine does not wait for a person; ``last_error`` has ``node``,
    ``state``, ``kind``, ``message``, ``where`` and ``at``. ``running`` is who runs it at this moment;
    ``stopped`` is when somebody had it stand still, empty when nobody did.
    """

    instance: Path
    library: Path
    engine: str
    node: str
    state: str
    run: str
    visit: int
    attempt: int
    paused: Mapping[str, Any]
    last_error: Mapping[str, Any]
    visits: Mapping[str, int]
    arrows: Mapping[str, int]
    running: Holder | None
    stopped: str = ""


def standing_of(instance: Path) -> Standing:
    """Return how an instance stands; nothing is written and no lock is waited for.

    Raises :class:`~framework0.errors.UsageError` when it is no folder, and as reading its file does.
    """
    _check(instance)
    document = Record(instance).read()
    picture = Picture(document)
    own = picture.own
    return Standing(
        instance,
        library_of(instance, document),
        picture.engine,
        picture.node,
        picture.state,
        picture.run,
        picture.visit,
        picture.attempt,
        picture.paused,
        _group(own, "last_error"),
        _group(own, "visits"),
        _group(own, "arrows"),
        holder(instance / INSTANCE_LOCK),
        text_of(own, "stopped"),
    )


def reset_instance(instance: Path, keep: Sequence[str] | None = None) -> None:
    """Have an instance begin anew: the engine's values are as in the beginning.

    The groups of the nodes stay as they are; given ``keep``, only those it names do.
    Raises :class:`~framework0.errors.LockHeld` while an engine runs it.
    """
    _check(instance)
    with hold(instance / INSTANCE_LOCK, "step reset"):
        record = Record(instance)
        record.read()
        record.reset(keep)
        record.close()


def library_of(instance: Path, document: Mapping[str, Any] | None = None) -> Path:
    """Return the folder of an instance's nodes: as its parameters say, else the instance's own.

    A relative path begins at the instance's folder. Raises :class:`~framework0.errors.UsageError` when
    what stands there is no text.
    """
    found = Record(instance).read() if document is None else document
    told = told_library(_group(found, "global_parameters"), str(instance))
    return Path(os.path.normpath(instance / os.path.expanduser(told))) if told else instance


def told_library(shown: Mapping[str, Any], instance: str) -> str:
    """Return the library's folder as the global parameters ``shown`` tell it, empty when they do not.

    Raises :class:`~framework0.errors.UsageError` when it is no text.
    """
    told = shown.get("step_engine_library_path") or ""
    if not isinstance(told, str):
        raise UsageError(
            f"step_engine_library_path of {instance} is {told!r:.60}, where the path of a folder is needed: "
            "name it with --library, or correct it in the file"
        )
    return for_system(told)


def _group(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = found.get(name)
    return group if isinstance(group, dict) else {}


def _check(instance: Path) -> None:
    if not instance.is_dir():
        raise UsageError(f"{instance} is no folder: name the folder of an instance")
