"""The parameter file as the engine writes it: each transition is one change, on the disk when it returns.

Only the engine's own values are touched, in place: what nodes, people and scripts write to the same
file in between stays.
"""

from __future__ import annotations

from framework0.errors import UsageError, ValueRefused
from framework0.jsonfile import JsonFile
from framework0.stepengine.limits import MAX_COUNTED
from framework0.stepengine.parameters import FILE_NAME, LOCK_FILE_NAME, StepParameters
from framework0.stepengine.position import GLOBAL, OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, Final

    from framework0.stepengine.nodes import Node


ENGINES_OWN: Final = (
    "step_engine_state",
    "current_step_module",
    "current_step_node",
    "current_step_state",
)
"""The global parameters that each transition of an engine sets anew."""


class Record:
    """The parameter file of one instance.

    Reading and writing raise as :class:`~framework0.jsonfile.JsonFile` does: a broken file is never
    overwritten, and nothing was changed when it raises.
    """

    def __init__(self, instance: Path) -> None:
        self.path = instance / FILE_NAME
        self.limited: frozenset[str] = frozenset()
        """Nodes whose visits are limited: their counts are always kept."""
        self._file = JsonFile(self.path, instance / LOCK_FILE_NAME)

    def read(self) -> dict[str, Any]:
        """Return all parameters; a file that is not there has the default ones.

        Raises :class:`~framework0.errors.UsageError` when a group that the engine needs is none.
        """
        document = self._file.read()
        for name in (GLOBAL, OWN):
            found = document.get(name, {})
            if not isinstance(found, dict):
                raise UsageError(
                    f"{name} in {self.path} is {found!r:.60}, where a group is needed: repair it, or take "
                    "it out"
                )
        return document

    def create(self) -> None:
        """Make the file, and the default parameters, where they are missing."""
        StepParameters().read_json_dict(
            StepParameters().get_default_param_dict(),
            str(self.path),
            str(self.path.with_name(LOCK_FILE_NAME)),
        )

    def write(
        self,
        shown: Mapping[str, Any],
        own: Mapping[str, Any],
        *,
        entered: Node | None = None,
        taken: str = "",
    ) -> None:
        """Make one transition durable: ``shown`` for everybody, ``own`` for the engine.

        ``entered`` is the node whose visit begins with it, ``taken`` the arrow (``from>key>to``) that
        led on. Raises :class:`~framework0.errors.ValueRefused` when the parameters of the node cannot be
        put beside what is there.
        """

        def change(document: dict[str, Any]) -> None:
            engine = _group(document, OWN)
            engine.pop("stopped", None)
            if entered is not None:
                _fill(document, entered)
                _count(_group(engine, "visits"), entered.name, self.limited)
            if taken:
                _count(_group(engine, "arrows"), taken, frozenset())
            engine.update(own)
            _group(document, GLOBAL).update(shown)

        self._file.change(change)

    def note(self, name: str, value: Any) -> None:
        """Set one of the engine's own values until the next transition."""

        def change(document: dict[str, Any]) -> None:
            _group(document, OWN)[name] = value

        self._file.change(change)

    def visits_of(self, node: str) -> int:
        """Return how often a node has been visited."""
        found = self._file.get(OWN, "visits", node, default=0)
        return found if isinstance(found, int) else 0

    def reset(self, keep: Sequence[str] | None) -> None:
        """Have the machine begin anew: the engine's values are as in the beginning.

        Of the other groups, those in ``keep`` stay; None keeps all.
        """
        defaults = StepParameters().get_default_param_dict()[GLOBAL]
        again = {name: defaults[name] for name in ENGINES_OWN}

        def change(document: dict[str, Any]) -> None:
            document.pop(OWN, None)
            shown = _group(document, GLOBAL)
            shown.update(again)
            shown.pop("last_error", None)
            if keep is not None:
                for name in [name for name in document if name not in (GLOBAL, *keep)]:
                    del document[name]

        self._file.change(change)

    def close(self) -> None:
        """Close what is open."""
        self._file.close()


def _group(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.setdefault(name, {})
    if not isinstance(found, dict):
        # Somebody has put something else there while the machine ran; it is the engine's place.
        found = document[name] = {}
    return found


def _count(counts: dict[str, Any], name: str, kept: frozenset[str]) -> None:
    """Count one up, and put it last: when there are too many, the first ones go."""
    now = counts.pop(name, 0)
    counts[name] = now + 1 if isinstance(now, int) else 1
    if len(counts) > MAX_COUNTED:
        oldest = next((other for other in counts if other not in kept), name)
        del counts[oldest]


def _fill(document: dict[str, Any], node: Node) -> None:
    """Put in what the node declares and is not there; nothing is overwritten."""
    for declared in (node.params, node.results):
        for name, values in declared.items():
            group = document.setdefault(name, {})
            if not isinstance(group, dict):
                raise ValueRefused(
                    f"node {node.name} has parameters in {name}, which is {group!r:.60} in the file and no "
                    "group: rename one of the two",
                    path=name,
                )
            for key, value in values.items():
                group.setdefault(key, value)
