"""Which context a command means, opened for looking or for writing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from framework0.errors import ContextError, UsageError, WorkspaceError
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from framework0.context import Context, RemoteStore
    from framework0.workspace import Workspace

DEFAULT: Final = "default"
VARIABLE: Final = "FRAMEWORK0_CONTEXT"
"""The environment variable that chooses a context where no option does."""

LATEST: Final = "latest"


class Opened(NamedTuple):
    """A context, what it is called, and the connection it lives behind, if any."""

    context: Context
    text: str
    remote: RemoteStore | None = None


@contextmanager
def opened_context(arguments: Namespace, *, writing: bool = False) -> Iterator[Opened]:
    """Yield the context that the arguments mean. Only ``writing`` makes one that is not there yet."""
    if arguments.run is not None:
        if writing:
            raise UsageError(
                "what a run has left cannot be changed: `framework0 continue --set` edits a paused "
                "run, and a shared context is chosen by --context"
            )
        yield Opened(_of_run(arguments), f"the context of run {arguments.run}")
        return
    from framework0.assembly import open_store
    from framework0.context import Context, RemoteStore
    from framework0.workspace import find_workspace, is_id, user_name

    word = chosen_context(arguments)
    space = find_workspace(explicit=arguments.workspace)
    if not writing and is_id(word) and word not in names_of(space):
        raise WorkspaceError(_no_context(space, word))
    store = open_store(word, space)
    with Context(store, who=user_name()) as context:
        remote = store if isinstance(store, RemoteStore) else None
        yield Opened(context, word if "://" in word else f"the context {word!r}", remote)


def chosen_context(arguments: Namespace) -> str:
    """Return the name or address that the option gives, else the environment, else the usual name."""
    import os

    return str(arguments.context or os.environ.get(VARIABLE) or DEFAULT)


def names_of(space: Workspace) -> list[str]:
    """Return the names of the shared contexts there are."""
    from framework0.workspace import is_id

    found = (space.state / "contexts").glob("*.db")
    return sorted(path.stem for path in found if is_id(path.stem))


def _no_context(space: Workspace, name: str) -> str:
    from framework0.recipe import near_name

    names = names_of(space)
    near = near_name(name, names)
    if near:
        hint = f"did you mean {near!r}?"
    elif names:
        hint = f"there are {', '.join(map(repr, names[:5]))}"
    else:
        hint = "`framework0 context set KEY VALUE` makes it"
    return f"this workspace has no shared context {name!r}: {hint}"


def _of_run(arguments: Namespace) -> Context:
    from framework0.cli.choosing import chosen_run, opened
    from framework0.context import Context

    with opened(arguments) as (_, journal):
        word = None if arguments.run == LATEST else arguments.run
        changes = journal.read(chosen_run(journal, word)).changes
    context = Context.private()
    context.load(changes)
    return context


def absent(key: str, text: str, near: str | None) -> ContextError:
    """Return the error for a key that is not there."""
    hint = f"did you mean {near!r}?" if near else "`framework0 context list` shows what there is"
    return ContextError(f"there is no {key!r} in {text}: {hint}")
