"""Read, set and count the parameters of an instance.

A plain value is printed bare, a group as JSON. A new value keeps the type of the one it replaces; where
there is none it is read as JSON, and else is a text. One that begins with a dash comes after two dashes.
Exit codes: 1 there is no such group or value, or the new value is refused, 2 wrong use, 4 the file
cannot be read, written or locked, 5 refused for safety.

examples:
  framework0 step params
  framework0 step params machines/press global_parameters
  framework0 step params machines/press global_parameters current_step_state
  framework0 step params machines/press global_parameters current_step_state RUNNING
  framework0 step params machines/press global_parameters run_step_count -i
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from framework0.errors import EXIT_OK, Framework0Error, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from typing import Any


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step params``."""
    _configure(parser)
    parser.add_argument("--json", action="store_true", help="plain values as JSON, too")


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "instance", nargs="?", metavar="INSTANCE", help="its folder (default: the current one)"
    )
    parser.add_argument("group", nargs="?", metavar="GROUP", help="a group of parameters")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a parameter in it")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="what it is to be")
    count = parser.add_mutually_exclusive_group()
    count.add_argument("-i", "--increment", action="store_true", help="count it up by one")
    count.add_argument("-d", "--decrement", action="store_true", help="count it down by one")


def execute(arguments: Namespace) -> int:
    """Do what is asked with the parameters, and print what they are then."""
    found = _answer(arguments)
    if getattr(arguments, "json", False):
        import json

        print(json.dumps(found, ensure_ascii=False), flush=True)
        return EXIT_OK
    from framework0.stepengine import shown

    print(shown(found), flush=True)
    return EXIT_OK


def _answer(arguments: Namespace) -> Any:
    from framework0.stepengine import StepParameters

    counting = arguments.increment or arguments.decrement
    if counting and (arguments.name is None or arguments.value is not None):
        raise UsageError("-i and -d take INSTANCE GROUP NAME, and no VALUE")
    folder = Path(os.path.abspath(arguments.instance or "."))
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name the folder of an instance")
    params = StepParameters()
    file = str(folder / params.get_default_param_file_name())
    lock = str(folder / params.get_default_param_lock_file_name())
    place = (params.get_default_param_dict(), file, lock)
    if counting or arguments.value is not None:
        _warn_of_engine(Path(file), Path(lock), arguments)
    if counting:
        everything = params.increment_json_dict(
            *place, arguments.group, arguments.name, arguments.increment
        )
    elif arguments.value is not None:
        everything = params.read_json_dict(*place)
        _set(Path(file), Path(lock), arguments)
        everything = params.read_json_dict(*place)
    else:
        everything = params.read_json_dict(*place)
    for key in (arguments.group, arguments.name):
        if key is None:
            break
        everything = _inside(everything, key, file)
    return everything


def _set(file: Path, lock: Path, arguments: Namespace) -> None:
    """Set a value: its type is looked at under the lock, so that nobody changes it in between."""
    from framework0.jsonfile import JsonFile
    from framework0.stepengine import typed

    group, name = arguments.group, arguments.name

    def change(document: dict[str, Any]) -> None:
        place = document.setdefault(group, {})
        if not isinstance(place, dict):
            raise Framework0Error(f"{group} in {file} is no group, but {place!r:.60}")
        place[name] = typed(arguments.value, place.get(name), f"{group}.{name}")

    JsonFile(file, lock).change(change)


def _warn_of_engine(file: Path, lock: Path, arguments: Namespace) -> None:
    """Say so when an engine runs the machine, and will set the value anew."""
    from framework0.jsonfile import JsonFile
    from framework0.stepengine import ENGINES_OWN, INSTANCE_LOCK
    from framework0.workspace import holder

    of_engine = arguments.group == "global_parameters" and arguments.name in ENGINES_OWN
    if not of_engine and arguments.group != "step_engine":
        return
    engine = holder(file.with_name(INSTANCE_LOCK))
    if engine is None:
        return
    from framework0.cli.troubles import say

    run = JsonFile(file, lock).get("step_engine", "run", default="")
    cancel = f"framework0 cancel {run}".rstrip()
    say(
        f"this machine is run by {engine}, which sets {arguments.name} anew with its next move: stop it first, with "
        f"`{cancel}`, to have a say in where it goes on"
    )


def _inside(found: Any, key: str, file: str) -> Any:
    from difflib import get_close_matches

    if isinstance(found, dict) and key in found:
        return found[key]
    names = list(found) if isinstance(found, dict) else []
    near = get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:9]) or 'none'}"
    raise Framework0Error(f"there is no {key!r} in {file}: {hint}")


def documented_main(argv: Sequence[str] | None = None) -> int:
    """Be ``octo_step_engine_parameters.py`` and ``scriptlet_step_engine_params.py``."""
    import sys

    from framework0.cli.helptext import VerbParser
    from framework0.cli.troubles import reported

    script = Path(sys.argv[0]).name
    examples = (__doc__ or "").replace("framework0 step params", f"./{script}")
    parser = VerbParser(
        prog=script,
        description="Read and change the parameters of a step engine's instance."
        + examples.partition("of an instance.")[2],
    )
    _configure(parser)
    return reported(lambda: execute(parser.parse_args(argv)))
