"""The base class of a step node, for those who like one: its parameters, results and shared values."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from framework0.errors import ValueRefused
from framework0.jsonfile import JsonFile
from framework0.stepengine.arrows import DIRECT
from framework0.stepengine.nodes import COMPLETE
from framework0.stepengine.parameters import FILE_NAME, LOCK_FILE_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar, Final

SHARED: Final = "shared_data"
"""The group of the parameter file through which nodes hand each other values."""

ATTEMPT_VARIABLE: Final = "OCTO_STEP_ATTEMPT"
VISIT_VARIABLE: Final = "OCTO_STEP_VISIT"


class Group(MutableMapping[str, "Any"]):
    """One group of the parameter file, as a mapping: what is read is the file as it is now.

    Each change is on the disk when it returns. What comes back is a copy: to change a list inside,
    set it again. A key that is not in the file has its value from ``defaults``.
    """

    def __init__(
        self, file: JsonFile, name: str, defaults: Mapping[str, Any] | None = None
    ) -> None:
        self._file = file
        self._name = name
        self._defaults = defaults or {}

    def __getitem__(self, key: str) -> Any:
        return self._content()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._file.set(self._name, key, value=value)

    def __delitem__(self, key: str) -> None:
        def change(document: dict[str, Any]) -> None:
            del document[self._name][key]

        if key not in self._stored():
            raise KeyError(key)
        self._file.change(change)

    def __iter__(self) -> Iterator[str]:
        return iter(self._content())

    def __len__(self) -> int:
        return len(self._content())

    def __repr__(self) -> str:
        return f"Group({self._name!r}, {self._content()!r})"

    def update_all(self, **values: Any) -> None:
        """Set several values as one change: others see all of them or none."""

        def change(document: dict[str, Any]) -> None:
            group = document.setdefault(self._name, {})
            if not isinstance(group, dict):
                raise ValueRefused(
                    f"{self._name} is no group in {self._file.path}: nothing can be put into it",
                    path=self._name,
                )
            group.update(values)

        self._file.change(change)

    def increment(self, key: str, by: int = 1) -> int:
        """Add to a count and return the sum, which no other caller gets; one that is missing is 0."""
        return self._file.increment(self._name, key, by=by)

    def _stored(self) -> dict[str, Any]:
        found = self._file.get(self._name, default={})
        return found if isinstance(found, dict) else {}

    def _content(self) -> dict[str, Any]:
        return {**self._defaults, **self._stored()}


class StepNode:
    """A node of a machine. Define ``step_execute``, and the other lifecycle methods as needed.

    An object lives for one visit of its node. What has to outlive it belongs into :attr:`params`,
    :attr:`results` or :attr:`shared`, which are groups of the instance's parameter file.
    """

    name: str = ""
    description: str = ""
    step_node_graph_dict: ClassVar[dict[str, dict[str, Any]]] = {}
    step_arrow_graph_dict: ClassVar[dict[str, dict[str, Any]]] = {}
    step_node_params_dict_init: ClassVar[dict[str, dict[str, Any]]] = {}
    step_node_results_dict_init: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, name: str = "", verbose_flag: bool = False) -> None:
        self.name = name or type(self).name or type(self).__name__
        self.verbose_flag = verbose_flag
        self.instance = Path.cwd()
        """The folder of the instance."""
        self._file = JsonFile(self.instance / FILE_NAME, self.instance / LOCK_FILE_NAME)

    @property
    def params(self) -> Group:
        """The group of this node's name in the parameter file."""
        return Group(self._file, self.name, self.step_node_params_dict_init.get(self.name))

    @property
    def results(self) -> Group:
        """The same group: the documented dictionaries put parameters and results side by side."""
        return Group(self._file, self.name, self.step_node_results_dict_init.get(self.name))

    @property
    def shared(self) -> Group:
        """The group ``shared_data``, which all nodes of the instance share."""
        return Group(self._file, SHARED)

    @property
    def attempt(self) -> int:
        """How many times this method has been called in this visit, this time included."""
        return int(os.environ.get(ATTEMPT_VARIABLE, "1"))

    @property
    def visit(self) -> int:
        """The number of this passing of a node, over the whole life of the instance."""
        return int(os.environ.get(VISIT_VARIABLE, "1"))

    def advance_to(self, node: str) -> str:
        """Return what ``step_advance`` has to return to lead to ``node``, by an arrow if one is open."""
        for key, arrow in self.step_arrow_graph_dict.items():
            if arrow.get("arrow_step_name_string") == node and arrow.get(
                "active_arrow_step_bool", 1
            ):
                return key
        return f"{DIRECT}{node}"

    def complete(self) -> str:
        """Return what ``step_advance`` has to return to end the machine well."""
        return COMPLETE
