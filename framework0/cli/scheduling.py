"""Adding a schedule: everything about it is checked, and every mistake told, before it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.errors import EXIT_OK, RecipeError, UsageError
from framework0.schedules import (
    Schedule,
    Timing,
    check_name,
    check_run,
    check_timing,
    interval,
    kept_path,
    store_of,
)

if TYPE_CHECKING:
    from argparse import Namespace

    from framework0.workspace import Workspace


def add(arguments: Namespace) -> int:
    """Check and keep a schedule, and say when it is due."""
    from framework0.workspace import find_workspace

    space = find_workspace(explicit=arguments.workspace)
    schedule = _checked(arguments, space)
    store = store_of(space)
    try:
        kept = store.add(schedule, replace=arguments.replace)
    finally:
        store.close()
    from framework0.cli.schedules import say_if_nobody_serves, time_lines

    print(f"schedule {schedule.name} added: {schedule.recipe}, {schedule.timing}; due next:")
    print("\n".join(time_lines(schedule.timing, kept.seen, 3)))
    say_if_nobody_serves(space)
    return EXIT_OK


def _checked(arguments: Namespace, space: Workspace) -> Schedule:
    """Return the schedule that is asked for, or raise all that is wrong with it.

    What is wrong with the recipe itself is shown as ``validate`` shows it.
    """
    from framework0.cli.inputs import assignments
    from framework0.cli.troubles import show_problems

    mistakes = check_name(arguments.name)
    mistakes += check_timing(arguments.cron, arguments.every, arguments.tz)
    inputs: dict[str, str] = {}
    try:
        inputs = assignments(arguments.input)
    except UsageError as error:
        mistakes.append(str(error))
    try:
        mistakes += check_run(space, arguments.recipe, inputs)
    except RecipeError as error:
        if not mistakes:
            raise
        show_problems(error)
        mistakes.append(f"recipe: {arguments.recipe} is wrong, as shown above")
    if mistakes:
        told = "\n".join(f"  {mistake}" for mistake in mistakes)
        raise UsageError(f"the schedule was not added:\n{told}")
    return Schedule(
        arguments.name,
        kept_path(space, arguments.recipe),
        _timing(arguments),
        inputs,
        arguments.overlap,
        arguments.catch_up,
        arguments.catch_up_limit,
        arguments.deadline,
        arguments.untrusted,
    )


def _timing(arguments: Namespace) -> Timing:
    from time import time

    if arguments.cron is not None:
        return Timing(cron=" ".join(arguments.cron.split()), tz=arguments.tz or "UTC")
    return Timing(every=interval(arguments.every), anchor=float(int(time())))
