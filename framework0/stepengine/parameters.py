"""The parameters of a step engine's instance: named groups of values in one JSON file under a lock."""

from __future__ import annotations

import copy
import os
import threading
from pathlib import Path

from framework0.jsonfile import JsonFile, render_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

FILE_NAME: Final = ".octo_step_engine_parameters.json"
LOCK_FILE_NAME: Final = ".octo_step_engine_parameters.lock"

ENGINE_STATES: Final = ("INACTIVE", "STARTUP", "RUNNING", "COMPLETE_SUCCESS", "COMPLETE_ERROR")
STEP_STATES: Final = ("INACTIVE", "ENTER", "EXECUTE", "ADVANCE", "EXIT", "JUMP")

_DEFAULT: Final[dict[str, dict[str, Any]]] = {
    "global_parameters": {
        "step_engine_library_path": "",
        "step_engine_instance_path": "",
        "step_engine_state": "INACTIVE",
        "current_step_module": "",
        "current_step_node": "",
        "current_step_state": "INACTIVE",
        "first_step_module": "",
        "first_step_node": "",
        "run_step_count": 1,
    },
}

_MOST_OPEN: Final = 16
"""Files that are kept open between calls, to answer without reading them again."""

_open: dict[tuple[str, str], JsonFile] = {}
_opening: Final = threading.Lock()


class StepParameters:
    """Reads and changes parameter files; file names are as seen from the current folder.

    A file, group or value that is missing is made from ``default_dict`` first. Changes are made by
    one process at a time and are on the disk when the call returns; what comes back is a copy of
    the whole file as it is then.

    Each call raises :class:`~framework0.errors.JsonFileBroken` for a file that is broken (it is never
    overwritten), :class:`~framework0.errors.LockHeld` after 30 seconds of waiting, and
    :class:`~framework0.errors.WorkspaceError` when the file cannot be read or written.
    """

    def get_default_param_dict(self) -> dict[str, Any]:
        """Return the parameters with which an instance begins."""
        return copy.deepcopy(_DEFAULT)

    def get_default_param_file_name(self) -> str:
        """Return the name of the parameter file in an instance's folder."""
        return FILE_NAME

    def get_default_param_lock_file_name(self) -> str:
        """Return the name of its lock file."""
        return LOCK_FILE_NAME

    def read_json_dict(
        self, default_dict: dict[str, Any], file_name: str, lock_file_name: str
    ) -> dict[str, Any]:
        """Return all parameters."""
        return _filled(_file(file_name, lock_file_name), default_dict)

    def update_json_dict(
        self,
        default_dict: dict[str, Any],
        file_name: str,
        lock_file_name: str,
        main_key: str,
        sub_key: str,
        sub_value: Any,
    ) -> dict[str, Any]:
        """Set one value of a group, and return all parameters.

        Raises :class:`~framework0.errors.ValueRefused` for a value that is no JSON.
        """
        file = _file(file_name, lock_file_name)
        _filled(file, default_dict)
        file.set(main_key, sub_key, value=sub_value)
        return file.read()

    def increment_json_dict(
        self,
        default_dict: dict[str, Any],
        file_name: str,
        lock_file_name: str,
        main_key: str,
        sub_key: str,
        increment_bool: bool,
    ) -> dict[str, Any]:
        """Count one value up by one, or down if ``increment_bool`` is false; return all parameters.

        The value in what is returned is the one this call has made: no two callers get the same.
        One that is missing counts as 0.

        Raises :class:`~framework0.errors.ValueRefused` for a value that is no integer.
        """
        file = _file(file_name, lock_file_name)
        _filled(file, default_dict)
        made = file.increment(main_key, sub_key, by=1 if increment_bool else -1)
        found = file.read()
        found.setdefault(main_key, {})[sub_key] = made
        return found

    def dictionary_display(self, param_dictionary: dict[str, Any]) -> None:
        """Print parameters as JSON, a line for each."""
        print(render_object(param_dictionary).decode("utf-8"), end="")  # noqa: T201


def _file(file_name: str, lock_file_name: str) -> JsonFile:
    key = os.path.abspath(file_name), os.path.abspath(lock_file_name)
    with _opening:
        file = _open.pop(key, None) or JsonFile(Path(key[0]), Path(key[1]))
        _open[key] = file
        if len(_open) > _MOST_OPEN:
            # It closes by itself once nobody uses it any more.
            del _open[next(iter(_open))]
        return file


def _filled(file: JsonFile, defaults: dict[str, Any]) -> dict[str, Any]:
    found = file.read()
    if _fill(found, defaults) or not file.path.exists():
        file.change(lambda document: _fill(document, defaults))
        return file.read()
    return found


def _fill(document: dict[str, Any], defaults: dict[str, Any]) -> bool:
    """Put in what is missing; tell whether anything was."""
    missing = False
    for name, group in defaults.items():
        if name not in document:
            document[name] = copy.deepcopy(group)
            missing = True
        elif isinstance(group, dict) and isinstance(document[name], dict):
            for key in group.keys() - document[name].keys():
                document[name][key] = copy.deepcopy(group[key])
                missing = True
    return missing
